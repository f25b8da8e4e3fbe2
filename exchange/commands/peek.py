"""`warrener peek`: look at messages that wait in a queue, and leave them as they are.

Warrener's API has a way to look that changes nothing. RabbitMQ's has none: there messages are taken
and put back where they were, which marks them as delivered before and counts for a delivery limit.
"""

from __future__ import annotations

import argparse
from typing import Any
from urllib.parse import urlencode

from warrener.exchange.commands import DONE, FAILED, USAGE, CommandError
from warrener.exchange.commands.amqp import describe_filters
from warrener.exchange.commands.api import Api, OnlyHere, describe_url, describe_vhost, segment
from warrener.exchange.commands.get import LEAVE, get_messages, print_messages
from warrener.exchange.commands.message_format import describe_format, formatter
from warrener.exchange.commands.output import Output

COUNT_MAX = 1000
"""What Warrener's API shows at once."""
BODY_BYTES_MAX = 16 << 20


def describe(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("queue", metavar="QUEUE")
    describe_url(parser)
    describe_vhost(parser)
    describe_filters(parser)
    describe_count(parser, 1)
    describe_format(parser)


def describe_count(parser: argparse.ArgumentParser, default: int) -> None:
    parser.add_argument(
        "--count", "-n", type=int, default=default, metavar="N", help=f"how many ({default})"
    )


def run(arguments: argparse.Namespace) -> int:
    query = wanted(arguments)
    shown = formatter("json" if arguments.json else arguments.format)
    api, output = Api(arguments.url), Output(arguments)
    place = f"queues/{segment(arguments.vhost)}/{segment(arguments.queue)}"
    # First: to a target that it does not know RabbitMQ may say what it says to a missing queue.
    api.get(f"/api/{place}", f"queue {arguments.queue}")
    try:
        found = api.ours("GET", f"/api/x/{place}/peek?{query}")
        items = found["items"]
        tell_what_is_missing(output, found, arguments.count)
    except OnlyHere:
        _require_no_filter(arguments)
        output.note("RabbitMQ has no peek: messages are put back, marked as delivered before")
        items = get_messages(arguments, LEAVE)
    print_messages(items, shown)
    return DONE if items else FAILED


def wanted(arguments: argparse.Namespace, **more: str | None) -> str:
    """The query that asks for messages. Raises: CommandError."""
    if arguments.count < 1:
        raise CommandError("--count has to be at least 1", USAGE)
    values: dict[str, Any] = {
        "count": arguments.count,
        "truncate": BODY_BYTES_MAX,
        "selector": arguments.sql,
        "tags": arguments.tags,
    }
    return urlencode({name: each for name, each in (values | more).items() if each is not None})


def tell_what_is_missing(output: Output, found: dict[str, Any], count: int) -> None:
    """Say what was asked for and is not shown, because the API shows no more at once."""
    items = found["items"]
    if len(items) < count and not found["complete"]:
        output.note(f"there may be more: the broker shows no more at once than these {len(items)}")
    if any(each["payload_bytes"] > BODY_BYTES_MAX for each in items):
        output.note(f"of a longer body the first {BODY_BYTES_MAX} bytes are shown")


def _require_no_filter(arguments: argparse.Namespace) -> None:
    """Raises: CommandError."""
    if arguments.sql is not None or arguments.tags is not None:
        raise CommandError("--sql and --tags need Warrener: this broker cannot look by a filter")
