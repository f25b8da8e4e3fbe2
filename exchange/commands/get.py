"""`warrener get`: take messages that wait in a queue. They are gone from it afterwards."""

from __future__ import annotations

import argparse
import base64
import sys
from collections.abc import Callable
from typing import Any

from warrener.exchange.commands import DONE, FAILED, USAGE, CommandError
from warrener.exchange.commands.api import Api, describe_url, describe_vhost, segment
from warrener.exchange.commands.message_format import ShownMessage, describe_format, formatter

TAKE, LEAVE = "ack_requeue_false", "ack_requeue_true"
TRUNCATE_BYTES = 1 << 40


def describe(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("queue", metavar="QUEUE")
    describe_url(parser)
    describe_vhost(parser)
    parser.add_argument("--count", "-n", type=int, default=1, metavar="N", help="how many (1)")
    describe_format(parser)


def run(arguments: argparse.Namespace) -> int:
    if arguments.count < 1:
        raise CommandError("--count has to be at least 1", USAGE)
    shown = formatter("json" if arguments.json else arguments.format)
    found = get_messages(arguments, TAKE)
    print_messages(found, shown)
    return DONE if found else FAILED


def get_messages(arguments: argparse.Namespace, mode: str) -> list[dict[str, Any]]:
    """Messages as RabbitMQ's API hands them out."""
    place = f"/api/queues/{segment(arguments.vhost)}/{segment(arguments.queue)}/get"
    wanted = {
        "count": arguments.count,
        "ackmode": mode,
        "encoding": "base64",
        "truncate": TRUNCATE_BYTES,
    }
    found = Api(arguments.url).ask("POST", place, wanted, f"queue {arguments.queue}")
    return found or []


def print_messages(documents: list[dict[str, Any]], shown: Callable[[ShownMessage], bytes]) -> None:
    for each in documents:
        sys.stdout.buffer.write(shown(read_message(each)))
    sys.stdout.buffer.flush()


def read_message(document: dict[str, Any]) -> ShownMessage:
    """A message of the API."""
    payload = str(document.get("payload", ""))
    is_text = document.get("payload_encoding") == "string"
    return ShownMessage(
        str(document.get("exchange", "")),
        str(document.get("routing_key", "")),
        bool(document.get("redelivered")),
        document.get("properties") or {},
        payload.encode() if is_text else base64.b64decode(payload),
    )
