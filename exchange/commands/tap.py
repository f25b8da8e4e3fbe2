"""`warrener tap`: see a copy of what passes an exchange, without taking anything from anybody.

A queue of its own is bound to the exchange for as long as this runs. It keeps a bounded number of
messages: who reads too slowly misses some, and the broker is not filled.
"""

from __future__ import annotations

import argparse
import sys

from warrener.exchange.commands import DONE, USAGE, CommandError
from warrener.exchange.commands.amqp import (
    connected,
    describe_filters,
    describe_url,
    filter_arguments,
)
from warrener.exchange.commands.message_format import describe_format
from warrener.exchange.commands.sub import check, describe_ending, print_deliveries

EVERYTHING = "#"
KEPT_MESSAGES_MAX = 10_000


def describe(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "exchange",
        metavar="EXCHANGE[:KEY]",
        help="without a key all that passes a topic, fanout or headers exchange",
    )
    describe_filters(parser)
    describe_ending(parser)
    describe_format(parser)
    describe_url(parser)


def run(arguments: argparse.Namespace) -> int:
    check(arguments)
    exchange, colon, key = arguments.exchange.partition(":")
    if not exchange:
        raise CommandError(
            "the default exchange cannot be tapped: nothing can be bound to it", USAGE
        )
    with connected(arguments.url, "tap") as connection:
        channel = connection.channel()
        kept = {"x-max-length": KEPT_MESSAGES_MAX, "x-overflow": "drop-head"}
        queue = channel.declare_queue(exclusive=True, auto_delete=True, arguments=kept).queue
        channel.bind_queue(
            queue, exchange, key if colon else EVERYTHING, filter_arguments(arguments)
        )
        channel.consume(queue, no_ack=True, exclusive=True)
        if sys.stderr.isatty() and not arguments.quiet:
            print(f"tapping {exchange}, Ctrl-C ends", file=sys.stderr)
        print_deliveries(channel, arguments, acknowledges=False)
    return DONE
