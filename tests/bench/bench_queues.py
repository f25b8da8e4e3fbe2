"""A thousand queues with a few persistent messages a second each: how long a confirm takes.

    python tests/bench/bench_queues.py
    python tests/bench/bench_queues.py --port 5672           a broker that runs already

What: publishers that together keep a steady rate over many durable queues, each message to the next
queue, and the time from a publish to its confirm. Beside it, what a single write with a sync takes
on the same disk in the same run: a journal that synced each queue on its own would need a thousand
of those where one per batch does.

How: one process, one selector. Every TICK_S it publishes what is due by then, so messages of many
queues arrive together, as they do where many clients publish a little; a confirm counts for the
time of the publish it settles.
"""

import argparse
import os
import selectors
import statistics
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from itertools import pairwise

import frames
from confirms import Confirms
from connection import Connection
from process import GivenBroker, OwnBroker

TICK_S = 0.005
BODY = b"x" * 200
SYNCS = 300


class Publisher:
    """A connection that publishes to its share of the queues, and times the confirms."""

    def __init__(self, port: int, queues: list[str]) -> None:
        self.connection = Connection(port)
        for queue in queues:
            self.connection.queue_delete(queue)
            self.connection.queue_declare(queue, durable=True)
        self.connection.confirm_select()
        self.latencies: list[float] = []
        self._confirms = Confirms()
        self._waiting: deque[float] = deque()
        self._confirmed = 0

    @property
    def idle(self) -> bool:
        return not self._waiting

    def publish(self, queues: list[str]) -> None:
        block = b"".join(frames.publish("", queue, BODY, persistent=True) for queue in queues)
        now = time.perf_counter()
        self._waiting.extend([now] * len(queues))
        self.connection.socket.sendall(block)

    def receive(self) -> None:
        self._confirms.receive(self.connection.socket.recv(65536))
        now = time.perf_counter()
        for _ in range(self._confirms.count - self._confirmed):
            self.latencies.append(now - self._waiting.popleft())
        self._confirmed = self._confirms.count


def main() -> None:
    options = parse()
    before = sync_seconds()
    with GivenBroker(options.port, None) if options.port else OwnBroker() as broker:
        publishers = [
            Publisher(broker.port, [f"bench.q{n}" for n in range(first, last)])
            for first, last in shares(options.queues, options.publishers)
        ]
        run(publishers, options.queues, options.rate, options.seconds)
    syncs = before + sync_seconds()
    latencies = sorted(latency for each in publishers for latency in each.latencies)
    print(f"{len(latencies)} confirms, {len(latencies) / options.seconds:.0f}/s")
    for name, times in (("one synced write", sorted(syncs)), ("publish to confirm", latencies)):
        p50, p99 = statistics.median(times), times[int(len(times) * 0.99)]
        print(f"{name:20} p50 {p50 * 1e3:7.2f} ms   p99 {p99 * 1e3:7.2f} ms")


def run(publishers: list[Publisher], queues: int, rate: float, seconds: float) -> None:
    """Publish at `rate` messages a second and queue, and wait for the last confirm."""
    readable = selectors.DefaultSelector()
    for publisher in publishers:
        readable.register(publisher.connection.socket, selectors.EVENT_READ, publisher)
    names = turns(publishers, queues)
    begin = time.perf_counter()
    sent, total = 0, round(queues * rate * seconds)
    while sent < total or not all(publisher.idle for publisher in publishers):
        due = min(total, int((time.perf_counter() - begin) * queues * rate))
        batches: dict[Publisher, list[str]] = {}
        for _ in range(due - sent):
            publisher, queue = next(names)
            batches.setdefault(publisher, []).append(queue)
        for publisher, batch in batches.items():
            publisher.publish(batch)
        sent = due
        deadline = time.perf_counter() + TICK_S
        while (patience := deadline - time.perf_counter()) > 0:
            for key, _ in readable.select(patience):
                key.data.receive()


def turns(publishers: list[Publisher], queues: int) -> Iterator[tuple[Publisher, str]]:
    """Every queue with its publisher, again and again."""
    owners = [
        (publisher, f"bench.q{n}")
        for publisher, (first, last) in zip(
            publishers, shares(queues, len(publishers)), strict=True
        )
        for n in range(first, last)
    ]
    # neighbours in turn belong to different publishers
    step = max(1, queues // len(publishers))
    order = [owners[n] for first in range(step) for n in range(first, len(owners), step)]
    while True:
        yield from order


def shares(queues: int, publishers: int) -> list[tuple[int, int]]:
    """The range of queues of each publisher."""
    bounds = [queues * n // publishers for n in range(publishers + 1)]
    return list(pairwise(bounds))


def sync_seconds() -> list[float]:
    """What single writes of a batch's size take until they are on disk."""
    times = []
    with tempfile.NamedTemporaryFile(prefix="warrener-bench-") as file:
        handle = os.open(file.name, os.O_WRONLY | os.O_DSYNC)
        os.pwrite(handle, bytes(4096 * SYNCS), 0)
        for n in range(SYNCS):
            begin = time.perf_counter()
            os.pwrite(handle, bytes(4096), 4096 * n)
            times.append(time.perf_counter() - begin)
        os.close(handle)
    return times


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, help="a broker that runs already")
    parser.add_argument("--queues", type=int, default=1000)
    parser.add_argument("--publishers", type=int, default=20, help="connections")
    parser.add_argument("--rate", type=float, default=10, help="messages a second and queue")
    parser.add_argument("--seconds", type=float, default=5)
    return parser.parse_args()


if __name__ == "__main__":
    main()
