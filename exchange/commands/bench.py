"""`warrener bench`: measure what a broker can do, from publishers to consumers over one queue.

The load runs on the same machine as this command. If its processes are busy all the time, the
figures are theirs and not the broker's; that is why their share is printed.
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from warrener.exchange.commands import DONE, FAILED, USAGE, CommandError
from warrener.exchange.commands.amqp import connected, describe_url
from warrener.exchange.commands.output import Output, describe_output

if TYPE_CHECKING:
    from warrener.exchange.client.load import Load, Workers

WARM_UP = 0.2
"""The part of the time that is not measured, before the rest."""
PATIENCE_S = 30.0
SETTLE_S = 10.0
"""How long deliveries may take after the last publish."""
BUSY = 0.9
COUNTS = {
    "publishers": (1, 64, 1, "processes that publish"),
    "consumers": (0, 64, 1, "processes that consume"),
    "size": (0, 1 << 27, 100, "bytes of a body"),
    "prefetch": (0, 65535, 500, "deliveries without an acknowledgement; 0 for none at all"),
    "window": (0, 1 << 20, 1000, "publishes without a confirm; 0 for no confirms"),
}
"""Smallest and largest value, default, meaning."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured."""

    seconds: float
    published: int
    delivered: int
    load_cpu_s: float
    never_delivered: int


def describe(parser: argparse.ArgumentParser) -> None:
    describe_url(parser)
    for name, (_, _, default, meaning) in COUNTS.items():
        parser.add_argument(
            f"--{name}", type=int, default=default, metavar="N", help=f"{meaning} ({default})"
        )
    parser.add_argument("--seconds", type=float, default=5, metavar="S", help="how long (5)")
    parser.add_argument(
        "--durable", action="store_true", help="messages and queue are to survive a restart"
    )
    describe_output(parser, lists=True)


def run(arguments: argparse.Namespace) -> int:
    for name, (least, most, _, _) in COUNTS.items():
        if not least <= getattr(arguments, name) <= most:
            raise CommandError(f"--{name} has to be between {least} and {most}", USAGE)
    if not 0 < arguments.seconds <= 3600:
        raise CommandError("--seconds has to be above 0, and an hour at most", USAGE)
    queue = f"warrener.bench.{os.getpid()}"
    with connected(arguments.url, "bench") as connection:
        channel = connection.channel()
        channel.declare_queue(queue, durable=arguments.durable)
        try:
            figures = measure(load_of(arguments, queue), arguments.seconds)
        finally:
            connection.channel().delete_queue(queue)
    return report(arguments, figures)


def load_of(arguments: argparse.Namespace, queue: str) -> Load:
    from warrener.exchange.client.load import Load

    return Load(
        url=arguments.url,
        queue=queue,
        size_bytes=arguments.size,
        persistent=arguments.durable,
        window=arguments.window,
        prefetch=arguments.prefetch,
        publishers=arguments.publishers,
        consumers=arguments.consumers,
    )


def measure(load: Load, seconds: float) -> Figures:
    """Raises: CommandError."""
    from warrener.exchange.client.load import Workers

    workers = Workers(load)
    try:
        if not workers.start(PATIENCE_S):
            raise CommandError("the load could not be started: see above")
        time.sleep(seconds * WARM_UP)
        began = time.monotonic()
        before = workers.published, workers.delivered, workers.cpu_s
        time.sleep(seconds)
        elapsed = time.monotonic() - began
        after = workers.published, workers.delivered, workers.cpu_s
        workers.stop_publishers(PATIENCE_S)
        left = settle(workers) if load.consumers else 0
        if workers.has_failed:
            raise CommandError("a process of the load has failed: see above")
    finally:
        workers.end()
    published, delivered, cpu_s = (new - old for new, old in zip(after, before, strict=True))
    return Figures(elapsed, int(published), int(delivered), cpu_s, left)


def settle(workers: Workers) -> int:
    """Wait for what was published; returns how much of it has not come."""
    end = time.monotonic() + SETTLE_S
    seen = workers.delivered
    while workers.delivered < workers.published and time.monotonic() < end:
        time.sleep(0.05)
        if workers.delivered != seen:
            seen, end = workers.delivered, time.monotonic() + SETTLE_S
    return max(0, workers.published - workers.delivered)


def report(arguments: argparse.Namespace, figures: Figures) -> int:
    workers = arguments.publishers + arguments.consumers
    share = figures.load_cpu_s / figures.seconds / min(workers, os.cpu_count() or 1)
    row = {
        "published_per_s": round(figures.published / figures.seconds),
        "delivered_per_s": round(figures.delivered / figures.seconds),
        "load_cpu": round(share, 2),
        "never_delivered": figures.never_delivered,
    }
    output = Output(arguments)
    output.rows([row], list(row))
    if share > BUSY:
        output.note("the load itself was busy all the time: the broker may be faster than this")
    return FAILED if figures.never_delivered else DONE
