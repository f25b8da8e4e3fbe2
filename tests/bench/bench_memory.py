"""What a broker keeps in memory: idle connections, a long queue, a consumer that does not read.

    python tests/bench/bench_memory.py                        brokers of its own, one per figure
    python tests/bench/bench_memory.py --port 5672 --pid N    one that runs already
    python tests/bench/bench_memory.py --messages 100000      a shorter queue

The figures are resident memory from /proc, so they are there on Linux only. `growth` is what the
load added, `peak` the highest mark the process ever reached.
"""

import argparse
import resource
import socket
import sys
import time
from collections.abc import Callable

import frames
from confirms import Confirms
from connection import Connection
from process import GivenBroker, OwnBroker, peak_bytes, resident_bytes

QUEUE = "bench.memory"
BODY_BYTES = 1024
WINDOW = 2000
PER_SEND = 250
SETTLE_SECONDS = 1.0
DESCRIPTORS_WANTED = 8192

Broker = OwnBroker | GivenBroker


def idle_connections(broker: Broker, arguments: argparse.Namespace) -> None:
    before = resident(broker)
    connections = [Connection(broker.port) for _ in range(arguments.connections)]
    time.sleep(SETTLE_SECONDS)
    growth = resident(broker) - before
    report(f"{len(connections):,} idle connections, one channel each", broker, before, growth)
    print(f"      {growth / len(connections) / 1024:,.1f} KiB per connection")
    for connection in connections:
        connection.close()


def long_queue(broker: Broker, arguments: argparse.Namespace) -> None:
    connection = Connection(broker.port)
    declare(connection)
    before, started = resident(broker), time.monotonic()
    fill(connection, arguments.messages)
    elapsed = time.monotonic() - started
    time.sleep(SETTLE_SECONDS)
    growth = resident(broker) - before
    report(f"{arguments.messages:,} queued persistent messages of 1 KiB", broker, before, growth)
    print(
        f"      {growth / arguments.messages:,.0f} bytes per message of {BODY_BYTES}; "
        f"published at {arguments.messages / elapsed:,.0f}/s"
    )
    connection.queue_delete(QUEUE)
    connection.close()


def consumer_that_does_not_read(broker: Broker, arguments: argparse.Namespace) -> None:
    count = arguments.messages // 5
    publisher, consumer = Connection(broker.port), Connection(broker.port)
    declare(publisher)
    consumer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    consumer.consume_without_reply(QUEUE, "stuck", auto_ack=True)
    before = resident(broker)
    fill(publisher, count)
    time.sleep(SETTLE_SECONDS)
    growth = resident(broker) - before
    title = f"{count:,} messages of 1 KiB for an auto-ack consumer that never reads"
    report(title, broker, before, growth)
    print(f"      {growth / (count * BODY_BYTES):.2f} of what was published")
    consumer.socket.close()
    publisher.queue_delete(QUEUE)
    publisher.close()


def declare(connection: Connection) -> None:
    connection.queue_delete(QUEUE)
    connection.queue_declare(QUEUE, durable=True)
    connection.confirm_select()


def fill(connection: Connection, count: int) -> None:
    """Publishes to the queue until `count` messages are confirmed."""
    publish = frames.publish("", QUEUE, b"x" * BODY_BYTES, persistent=True)
    confirms, sent = Confirms(), 0
    while sent < count:
        batch = min(PER_SEND, count - sent)
        connection.socket.sendall(publish * batch)
        sent += batch
        while sent - confirms.count > WINDOW - PER_SEND:
            confirms.receive(connection.socket.recv(65536))
    while confirms.count < count:
        confirms.receive(connection.socket.recv(65536))


def resident(broker: Broker) -> int:
    size = resident_bytes(broker.pid)
    if size is None:
        raise SystemExit("the broker's memory cannot be seen: on Linux, give its --pid")
    return size


def report(title: str, broker: Broker, before: int, growth: int) -> None:
    peak = peak_bytes(broker.pid) or 0
    print(
        f"{title:72} before {megabytes(before)}  growth {megabytes(growth)}  "
        f"peak {megabytes(peak)}",
        flush=True,
    )


def megabytes(size: int) -> str:
    return f"{size / 2**20:8,.1f} MiB"


def allow_many_descriptors() -> None:
    """A connection is a descriptor here and one in the broker, which inherits the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS_WANTED if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS_WANTED)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))


FIGURES: dict[str, Callable[[Broker, argparse.Namespace], None]] = {
    "connections": idle_connections,
    "queue": long_queue,
    "stuck": consumer_that_does_not_read,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--port", type=int, help="a broker that runs on this port of 127.0.0.1")
    parser.add_argument("--pid", type=int, help="the process of that broker")
    parser.add_argument("--only", default=",".join(FIGURES), help="of: " + ", ".join(FIGURES))
    parser.add_argument("--connections", type=int, default=1000)
    parser.add_argument("--messages", type=int, default=1_000_000)
    arguments = parser.parse_args()
    allow_many_descriptors()
    for name in arguments.only.split(","):
        given = arguments.port is not None
        with GivenBroker(arguments.port, arguments.pid) if given else OwnBroker() as broker:
            FIGURES[name](broker, arguments)
    return 0


if __name__ == "__main__":
    sys.exit(main())
