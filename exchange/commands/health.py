"""`warrener health`: ask whether a broker is well. The exit status is 0 only if it is."""

from __future__ import annotations

import argparse
import time
from typing import Any

from warrener.exchange.commands import DONE, FAILED, UNREACHABLE, USAGE, CommandError
from warrener.exchange.commands.api import Api, describe_url
from warrener.exchange.commands.output import Output, describe_output

LOOK_S = 0.2
COLUMNS = ("check", "status", "reason")
CHECKS = {"alarms": "/api/health/checks/alarms", "vhosts": "/api/health/checks/virtual-hosts"}


def describe(parser: argparse.ArgumentParser) -> None:
    describe_url(parser)
    parser.add_argument("--ping", action="store_true", help="only whether it answers")
    parser.add_argument(
        "--wait", type=float, default=0, metavar="S", help="until it does, S seconds at most"
    )
    describe_output(parser, lists=True)


def run(arguments: argparse.Namespace) -> int:
    if not 0 <= arguments.wait < float("inf"):
        raise CommandError("--wait has to be 0 or more seconds", USAGE)
    api = Api(arguments.url)
    overview = _overview(api, arguments.wait)
    product = overview.get("product_name") or "RabbitMQ"
    version = overview.get("product_version") or overview.get("rabbitmq_version", "")
    rows = [{"check": "answers", "status": "ok", "reason": f"{product} {version}"}]
    for name, target in () if arguments.ping else CHECKS.items():
        reason = api.check(target)
        rows.append({"check": name, "status": "failed" if reason else "ok", "reason": reason})
    Output(arguments).rows(rows, COLUMNS)
    return FAILED if any(row["status"] == "failed" for row in rows) else DONE


def _overview(api: Api, wait_s: float) -> Any:
    """What the broker says of itself, perhaps after a while. Raises: CommandError."""
    end = time.monotonic() + wait_s
    while True:
        try:
            return api.get("/api/overview")
        except CommandError as error:
            if error.status != UNREACHABLE or time.monotonic() >= end:
                raise
        time.sleep(LOOK_S)
