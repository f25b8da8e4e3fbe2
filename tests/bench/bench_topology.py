"""Ten thousand queues with a time to live and a hundred thousand bindings: does anybody wait?

    python tests/bench/bench_topology.py                     in the core, then over the wire
    python tests/bench/bench_topology.py --only wire
    python tests/bench/bench_topology.py --queues 1000 --bindings 10000

For each phase it prints the longest pause: the longest time in which the broker's loop did one
thing and nobody else was served. In the core that is a pass; over the wire a step of a task, seen
by trio itself, in a broker with a journal. `wall` is what the others waited, `cpu` what the loop
worked meanwhile: on a machine that is shared, the difference is other programs.

It ends with 1 if a pause was longer than --bar milliseconds of CPU.
"""

import argparse
import gc
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import frames
import trio
from connection import Connection

from warrener.exchange.broker import Broker
from warrener.exchange.config import Config
from warrener.exchange.durability.recovery import restore
from warrener.exchange.message import Envelope, Message
from warrener.exchange.server.codec import CODEC
from warrener.exchange.server.entrance import Listener
from warrener.exchange.server.server import GC_THRESHOLDS, Server, open_listeners
from warrener.storage.journal import Journal
from warrener.storage.store import Store

EXCHANGE = "bench.topology"
TTL_MS = 1000
EXPIRES_MS = 30_000
SEGMENT_BYTES = 8 << 20
"""Small, so that the topology is written anew now and then."""
PER_PASS = 100
"""Declarations, bindings or messages in one pass of the core."""
PATIENCE_S = 60.0


class Pauses:
    """The longest pause so far, in wall and CPU time."""

    def __init__(self) -> None:
        self.wall_s = self.cpu_s = 0.0
        self._started = (0.0, 0.0)

    def begin(self) -> None:
        self._started = (time.perf_counter(), time.thread_time())

    def end(self) -> None:
        wall, cpu = self._started
        self.wall_s = max(self.wall_s, time.perf_counter() - wall)
        self.cpu_s = max(self.cpu_s, time.thread_time() - cpu)

    def take(self) -> tuple[float, float]:
        """What it was, in milliseconds; counts anew from here."""
        taken = self.wall_s * 1000, self.cpu_s * 1000
        self.wall_s = self.cpu_s = 0.0
        return taken


class Report:
    """What is printed, and whether the bar was kept."""

    def __init__(self, bar_ms: float) -> None:
        self.bar_ms = bar_ms
        self.kept = True

    def line(self, where: str, phase: str, pauses: tuple[float, float], elapsed: float) -> None:
        wall_ms, cpu_ms = pauses
        self.kept = self.kept and cpu_ms <= self.bar_ms
        mark = "" if cpu_ms <= self.bar_ms else "   ABOVE THE BAR"
        print(
            f"{where:5} {phase:44} longest pause {wall_ms:8.1f} ms wall {cpu_ms:8.1f} ms cpu"
            f"   in {elapsed:6.1f} s{mark}",
            flush=True,
        )


# In the core


class Core:
    """A broker without a server; time is moved by hand."""

    def __init__(self, store: Store) -> None:
        self.broker = Broker(store, CODEC)
        self.broker.ledger.set_time(0)
        restore(self.broker, store.recover())
        self.vhost = self.broker.vhost("/")
        self.pauses = Pauses()
        self.now_ms = 0

    @contextmanager
    def one_pass(self) -> Iterator[None]:
        self.pauses.begin()
        self.broker.ledger.set_time(self.now_ms)
        yield
        self.broker.end_pass()
        self.pauses.end()

    def tidy(self) -> None:
        with self.one_pass():
            self.broker.tidy()

    def passes_until(self, over: Callable[[], bool]) -> None:
        """Passes, a millisecond apart."""
        while not over():
            self.now_ms += 1
            with self.one_pass():
                pass


def in_the_core(arguments: argparse.Namespace, report: Report) -> None:
    with tempfile.TemporaryDirectory(prefix="warrener-bench-") as folder:
        store = journal(folder, "never")
        core = Core(store)
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        for phase, run in core_phases(core, arguments):
            started = time.monotonic()
            run()
            report.line("core", phase, core.pauses.take(), time.monotonic() - started)
        store.close()


def core_phases(
    core: Core, arguments: argparse.Namespace
) -> Iterator[tuple[str, Callable[[], None]]]:
    names = [f"q{number}" for number in range(arguments.queues)]
    vhost = core.vhost
    queues = vhost.queues

    def declare() -> None:
        vhost.declare_exchange(EXCHANGE, "topic", durable=True)
        vhost.declare_exchange(f"{EXCHANGE}.all", "fanout", durable=True)
        options = {"x-message-ttl": TTL_MS, "x-expires": EXPIRES_MS}
        for start in range(0, len(names), PER_PASS):
            with core.one_pass():
                for name in names[start : start + PER_PASS]:
                    vhost.declare_queue(name, core, durable=True, arguments=options)
            core.tidy()

    def bind() -> None:
        for start in range(0, arguments.bindings, PER_PASS):
            with core.one_pass():
                for number in range(start, start + PER_PASS):
                    name = names[number % len(names)]
                    vhost.bind(EXCHANGE, queues[name], f"{number}.*.#")
            core.tidy()
        with core.one_pass():
            for name in names[:PER_PASS]:
                vhost.bind(f"{EXCHANGE}.all", queues[name], "")

    def route() -> None:
        for start in range(0, arguments.bindings, PER_PASS):
            with core.one_pass():
                for number in range(start, start + PER_PASS):
                    core_publish(core, f"{number}.x.y")

    def expire_messages() -> None:
        core.now_ms += TTL_MS
        core.passes_until(lambda: not any(len(queue.ready) for queue in queues.values()))

    def expire_queues() -> None:
        core.now_ms += EXPIRES_MS
        core.passes_until(lambda: not queues)

    yield f"declare {len(names):,} queues", declare
    yield f"bind them {arguments.bindings:,} times", bind
    yield f"route {arguments.bindings:,} messages", route
    yield f"{arguments.bindings:,} messages expire at once", expire_messages
    yield f"{len(names):,} queues expire at once", expire_queues


def core_publish(core: Core, routing_key: str) -> None:
    content = frames.content(b"x" * 100, persistent=True)
    properties, channel = CODEC.decode_content(content)
    message = Message(Envelope(EXCHANGE, routing_key), properties, content, channel)
    route = core.vhost.route(EXCHANGE, routing_key, properties)
    core.vhost.publish(route, [message], len(content))


def journal(folder: str, sync: str) -> Journal:
    return Journal(
        str(Path(folder, "data")),
        on_durable=lambda: None,
        on_failure=lambda failure: None,
        sync=sync,
        segment_bytes=SEGMENT_BYTES,
    )


# Over the wire: the broker's process


class StepWatch(trio.abc.Instrument):
    """Times each step of each task."""

    def __init__(self, pauses: Pauses) -> None:
        self._pauses = pauses

    def before_task_step(self, task: object) -> None:
        self._pauses.begin()

    def after_task_step(self, task: object) -> None:
        self._pauses.end()


def serve(folder: str) -> None:
    """Serve on a free port, printed first; print the longest pause at each SIGUSR1."""
    pauses = Pauses()
    signal.signal(signal.SIGUSR1, lambda *_: print(*pauses.take(), flush=True))
    store = journal(folder, "always")
    broker = Broker(store, CODEC)
    server = Server(broker, Config())
    server.begin_pass()
    restore(broker, store.recover())
    listeners = [Listener(each) for each in open_listeners("127.0.0.1", 0)]
    print(listeners[0].socket.getsockname()[1], flush=True)
    trio.run(server.serve, listeners, instruments=[StepWatch(pauses)])


# Over the wire: the client


class Wire:
    """The broker's process and a connection to it."""

    def __init__(self, folder: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--serve", folder], stdout=subprocess.PIPE, text=True
        )
        self.connection = Connection(int(self._line()))
        self.watcher = Connection(self.connection.port)

    def pauses(self) -> tuple[float, float]:
        self.process.send_signal(signal.SIGUSR1)
        wall, cpu = self._line().split()
        return float(wall), float(cpu)

    def send(self, *pieces: bytes) -> None:
        """Send without waiting, then wait until the broker has taken all of it."""
        self.connection.socket.sendall(b"".join(pieces))
        self.connection.prefetch(0)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()


def over_the_wire(arguments: argparse.Namespace, report: Report) -> None:
    with tempfile.TemporaryDirectory(prefix="warrener-bench-") as folder:
        wire = Wire(folder)
        try:
            for phase, run in wire_phases(wire, arguments):
                started = time.monotonic()
                run()
                report.line("wire", phase, wire.pauses(), time.monotonic() - started)
        finally:
            wire.close()


def wire_phases(
    wire: Wire, arguments: argparse.Namespace
) -> Iterator[tuple[str, Callable[[], None]]]:
    names = [f"q{number}" for number in range(arguments.queues)]
    last = names[-1]

    def declare() -> None:
        wire.connection.exchange_declare(EXCHANGE, "topic", durable=True)
        wire.send(*(declaration(name) for name in names))

    def bind() -> None:
        bindings = (
            binding(names[number % len(names)], EXCHANGE, f"{number}.*.#")
            for number in range(arguments.bindings)
        )
        wire.send(*bindings)

    def route() -> None:
        wire.send(
            *(
                frames.publish(EXCHANGE, f"{number}.x.y", b"x" * 100, persistent=True)
                for number in range(arguments.bindings)
            )
        )

    def expire_messages() -> None:
        until(lambda: not wire.watcher.queue_length(last))

    def expire_queues() -> None:
        # To ask for a queue is to use it, so it is asked for when all should be gone.
        time.sleep(EXPIRES_MS / 1000)
        until(lambda: wire.watcher.queue_length(names[0]) is None)

    yield f"declare {len(names):,} queues, without waiting", declare
    yield f"bind them {arguments.bindings:,} times", bind
    yield f"route {arguments.bindings:,} messages", route
    yield "all messages expire", expire_messages
    yield "all queues expire", expire_queues


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > end:
            raise SystemExit("what should have expired is still there")
        time.sleep(0.1)


def declaration(name: str) -> bytes:
    """queue.declare of a durable queue, without an answer."""
    table = b"".join(
        frames.short_string(key) + b"I" + struct.pack(">i", value)
        for key, value in (("x-message-ttl", TTL_MS), ("x-expires", EXPIRES_MS))
    )
    flags = bytes([1 << 1 | 1 << 4])
    head = b"\0\0" + frames.short_string(name) + flags
    return frames.method(50, 10, head + frames.long_string(table))


def binding(queue: str, exchange: str, key: str) -> bytes:
    """queue.bind without an answer."""
    names = b"".join(frames.short_string(name) for name in (queue, exchange, key))
    return frames.method(50, 20, b"\0\0" + names + b"\1" + bytes(4))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--queues", type=int, default=10_000)
    parser.add_argument("--bindings", type=int, default=100_000)
    parser.add_argument("--only", choices=["core", "wire"])
    parser.add_argument("--bar", type=float, default=50.0, help="milliseconds of CPU")
    parser.add_argument("--serve", metavar="FOLDER", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.serve)
        return 0
    report = Report(arguments.bar)
    if arguments.only != "wire":
        in_the_core(arguments, report)
    if arguments.only != "core":
        over_the_wire(arguments, report)
    return 0 if report.kept else 1


if __name__ == "__main__":
    sys.exit(main())
