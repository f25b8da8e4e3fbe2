"""`warrener sub`: take messages of a queue as they come, and print them.

A message is acknowledged after it was written: one that could not be goes back to its queue.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from warrener.exchange.commands import DONE, USAGE, CommandError
from warrener.exchange.commands.amqp import (
    connected,
    describe_filters,
    describe_url,
    filter_arguments,
)
from warrener.exchange.commands.message_format import ShownMessage, describe_format, formatter

if TYPE_CHECKING:
    from warrener.exchange.client import Channel, Delivery

AFTER, NONE, KEEP = "after", "none", "keep"
PREFETCH = 200
PREFETCH_MAX = (1 << 16) - 1


def describe(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("queue", metavar="QUEUE")
    describe_filters(parser)
    parser.add_argument(
        "--ack",
        choices=(AFTER, NONE, KEEP),
        default=AFTER,
        help="after: once printed (default); none: as soon as sent; keep: never, they go back",
    )
    parser.add_argument(
        "--prefetch",
        type=int,
        metavar="N",
        help=f"unacknowledged at most ({PREFETCH}; with --ack keep --limit, or any number)",
    )
    parser.add_argument("--exclusive", action="store_true", help="nobody else may take any")
    describe_ending(parser)
    describe_format(parser)
    describe_url(parser)


def describe_ending(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--limit", "-n", type=int, metavar="N", help="end after N messages")
    parser.add_argument(
        "--idle-timeout", type=float, metavar="S", help="end when none came for S seconds"
    )


def run(arguments: argparse.Namespace) -> int:
    check(arguments)
    if arguments.ack == NONE and arguments.limit is not None:
        raise CommandError(
            "--ack none takes all there is at once, more than --limit prints; use --ack after",
            USAGE,
        )
    with connected(arguments.url, "sub") as connection:
        channel = connection.channel()
        if arguments.ack != NONE:
            channel.prefetch(prefetch_of(arguments))
        channel.consume(
            arguments.queue,
            no_ack=arguments.ack == NONE,
            exclusive=arguments.exclusive,
            arguments=filter_arguments(arguments),
        )
        print_deliveries(channel, arguments, acknowledges=arguments.ack == AFTER)
    return DONE


def prefetch_of(arguments: argparse.Namespace) -> int:
    """How many deliveries may be unacknowledged, 0 for any number: not more than are printed."""
    prefetch = arguments.prefetch
    if prefetch is None:
        # What is never acknowledged must not be waited for.
        prefetch = 0 if arguments.ack == KEEP else PREFETCH
    if arguments.limit is not None:
        prefetch = min(prefetch or arguments.limit, arguments.limit)
    return prefetch if prefetch <= PREFETCH_MAX else 0


def check(arguments: argparse.Namespace) -> None:
    """Raises: CommandError."""
    if arguments.limit is not None and arguments.limit < 1:
        raise CommandError("--limit has to be at least 1", USAGE)
    if not 0 <= (getattr(arguments, "prefetch", 0) or 0) <= PREFETCH_MAX:
        raise CommandError(f"--prefetch has to be between 0 and {PREFETCH_MAX}", USAGE)
    if arguments.idle_timeout is not None and arguments.idle_timeout < 0:
        raise CommandError("--idle-timeout has to be 0 or more seconds", USAGE)


def print_deliveries(channel: Channel, arguments: argparse.Namespace, acknowledges: bool) -> None:
    """Print what comes until that is enough."""
    shown = formatter("json" if arguments.json else arguments.format)
    output = sys.stdout.buffer
    left = arguments.limit
    for delivery in channel.deliveries(arguments.idle_timeout):
        output.write(shown(shown_message(delivery)))
        left = None if left is None else left - 1
        if not channel.has_deliveries or left == 0:
            output.flush()
            if acknowledges:
                channel.ack(delivery, multiple=True)
        if left == 0:
            return


def shown_message(delivery: Delivery) -> ShownMessage:
    return ShownMessage(
        delivery.exchange,
        delivery.routing_key,
        delivery.redelivered,
        delivery.properties,
        delivery.body,
    )
