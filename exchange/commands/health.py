"""`warrener health`: ask whether a broker is well. The exit status is 0 only if it is."""

from __future__ import annotations

import argparse

from warrener.exchange.commands import DONE, FAILED
from warrener.exchange.commands.api import Api, describe_url
from warrener.exchange.commands.output import Output, describe_output

COLUMNS = ("check", "status", "reason")
CHECKS = {"alarms": "/api/health/checks/alarms", "vhosts": "/api/health/checks/virtual-hosts"}


def describe(parser: argparse.ArgumentParser) -> None:
    describe_url(parser)
    describe_output(parser, lists=True)


def run(arguments: argparse.Namespace) -> int:
    api = Api(arguments.url)
    overview = api.get("/api/overview")
    product = overview.get("product_name") or "RabbitMQ"
    version = overview.get("product_version") or overview.get("rabbitmq_version", "")
    rows = [{"check": "answers", "status": "ok", "reason": f"{product} {version}"}]
    for name, target in CHECKS.items():
        reason = api.check(target)
        rows.append({"check": name, "status": "failed" if reason else "ok", "reason": reason})
    Output(arguments).rows(rows, COLUMNS)
    return FAILED if any(row["status"] == "failed" for row in rows) else DONE
