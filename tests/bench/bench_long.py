"""A queue of a million messages: who waits when all of it changes at once?

    python tests/bench/bench_long.py
    python tests/bench/bench_long.py --messages 100000 --only purge,delete

For each change it prints the longest pass that it causes in the core, with a journal: the time in
which nobody else is served. The queue is filled anew for each, which is not measured. The
collector is asked for what filling has left, so that it is not blamed on the change.

It ends with 1 if a pause was longer than --bar milliseconds of CPU.
"""

import argparse
import gc
import sys
import tempfile
import time
from collections.abc import Callable, Sequence

import frames
from bench_topology import Core, Report, journal

from warrener.exchange.channel import Channel
from warrener.exchange.consumer import Consumer
from warrener.exchange.filters.filter import compile_filter
from warrener.exchange.message import Envelope, Message
from warrener.exchange.queues.queue import Queue
from warrener.exchange.queues.waitlist import Waitlist
from warrener.exchange.server.codec import CODEC
from warrener.exchange.server.server import GC_THRESHOLDS

NAME = "long"
PER_PASS = 1000
BODY = b"x" * 100
UNACKED = 100_000
TTL_MS = 60_000


class Client:
    """Takes whatever it is given."""

    def __init__(self) -> None:
        self.waitlist = Waitlist(lambda: True)

    def room(self) -> int:
        return 1 << 40

    def deliver(
        self, consumer: Consumer, messages: Sequence[Message], first_tag: int, redelivered: bool
    ) -> None: ...

    def cancelled(self, consumer: Consumer) -> None: ...


class Long:
    """A broker with one long queue."""

    def __init__(self, core: Core, messages: int) -> None:
        self.core = core
        self.count = messages
        self.channel = Channel(Client())

    @property
    def queue(self) -> Queue:
        return self.core.vhost.queues[NAME]

    def fill(self, durable: bool = True, **arguments: object) -> None:
        named = {f"x-{name.replace('_', '-')}": value for name, value in arguments.items()}
        self.core.vhost.declare_queue(NAME, self, durable=durable, arguments=named)
        content = frames.content(BODY, persistent=durable)
        properties, number = CODEC.decode_content(content, None)
        envelope = Envelope("", NAME)
        for _ in range(0, self.count, PER_PASS):
            with self.core.one_pass():
                run = [Message(envelope, properties, content, number) for _ in range(PER_PASS)]
                route = self.core.vhost.route("", NAME, properties)
                self.core.vhost.publish(route, run, len(content) * PER_PASS)

    def change(self, what: Callable[[], object]) -> None:
        """Make a change in one pass, and have it finished in others."""
        with self.core.one_pass():
            what()
        self.core.passes_until(lambda: not self.core.broker.pump.unfinished)

    def empty(self) -> None:
        """Whatever is left goes."""
        self.channel = Channel(Client())
        if self.core.broker.policies.of("/"):
            self.core.broker.policies.clear("/", "long")
        if NAME in self.core.vhost.queues:
            self.change(lambda: self.core.vhost.remove_queue(self.queue))
        self.core.tidy()

    def consume(self, sql: str | None = None, prefetch: int = 1) -> None:
        filter = compile_filter(sql) if sql else None
        consumer = Consumer(self.channel, self.queue, "c", filter=filter, prefetch=prefetch)
        self.channel.consume(consumer)

    def govern(self, **definition: object) -> None:
        named = {name.replace("_", "-"): value for name, value in definition.items()}
        self.core.broker.policies.set("/", "long", ".*", named)


def changes(long: Long) -> dict[str, tuple[str, Callable[[], None], Callable[[], None]]]:
    """By a short name: what it is, how to prepare it, and the change."""

    def expire() -> None:
        long.core.now_ms += TTL_MS
        long.core.passes_until(lambda: not len(long.queue.ready))

    def take_many() -> None:
        long.fill()
        long.change(lambda: long.consume(prefetch=UNACKED))

    def acknowledge() -> None:
        # Without a consumer, or it would take the next hundred thousand in the same pass.
        long.channel.cancel("c")
        long.change(lambda: long.channel.acknowledge([0], True))

    def change(what: Callable[[], object]) -> Callable[[], None]:
        return lambda: long.change(what)

    vhost = long.core.vhost
    many = f"{UNACKED:,} unacknowledged"
    return {
        "filter": ("a first filter", long.fill, change(lambda: long.consume("a = 1"))),
        "ttl": ("a first time to live", long.fill, change(lambda: long.govern(message_ttl=TTL_MS))),
        "limit": (
            "a first limit of deliveries",
            long.fill,
            change(lambda: long.govern(delivery_limit=3)),
        ),
        "plain": (
            "a first filter, not stored",
            lambda: long.fill(False),
            change(lambda: long.consume("a = 1")),
        ),
        "purge": ("purge", long.fill, change(lambda: long.queue.purge())),
        "purge_memory": (
            "purge, not stored",
            lambda: long.fill(False),
            change(lambda: long.queue.purge()),
        ),
        "purge_limited": (
            "purge with a time to live",
            lambda: long.fill(message_ttl=TTL_MS),
            change(lambda: long.queue.purge()),
        ),
        "delete": ("delete", long.fill, change(lambda: vhost.remove_queue(long.queue))),
        "close": (f"a channel closes, {many}", take_many, change(lambda: long.channel.close())),
        "ack": (f"acknowledge {many}", take_many, acknowledge),
        "cut": (
            "a policy leaves a hundred",
            long.fill,
            change(lambda: long.govern(max_length=100)),
        ),
        "cut_ttl": (
            "the same with a time to live",
            lambda: long.fill(message_ttl=TTL_MS),
            change(lambda: long.govern(max_length=100)),
        ),
        "expire": ("all expire at once", lambda: long.fill(message_ttl=TTL_MS), expire),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--only", default="", help="names of changes, with commas between them")
    parser.add_argument("--bar", type=float, default=50.0, help="milliseconds of CPU")
    arguments = parser.parse_args()
    report = Report(arguments.bar)
    with tempfile.TemporaryDirectory(prefix="warrener-bench-") as folder:
        store = journal(folder, "never")
        long = Long(Core(store), arguments.messages)
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        known = changes(long)
        for name in arguments.only.split(",") if arguments.only else known:
            phase, prepare, change = known[name]
            prepare()
            gc.collect()
            long.core.pauses.take()
            started = time.monotonic()
            change()
            report.line("core", phase, long.core.pauses.take(), time.monotonic() - started)
            long.empty()
        store.close()
    return 0 if report.kept else 1


if __name__ == "__main__":
    sys.exit(main())
