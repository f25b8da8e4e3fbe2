"""The two loops that make the load, each in a process of its own.

What: `produce` publishes as fast as the broker reads, or as its confirm window allows; `consume`
takes what comes and acknowledges as the scenario says. Both write what they have done into shared
counters, which the runner samples.

Why processes: in one process the two loops would wait for each other's interpreter lock.

How: nothing is done per message. A producer sends one pre-built block of publishes again and again.
A consumer divides the bytes it received by the length of a delivery, and looks at the last whole
delivery only: its tag must be the number of deliveries so far, which also shows that nothing was
lost, doubled, or came in another shape. Acknowledgements for a run of deliveries are one block.
"""

import ctypes
import sys
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.sharedctypes import RawArray

import frames
from confirms import Confirms
from connection import Connection, Refused, explain
from scenarios import EXCHANGE, Scenario

RECEIVE_BYTES_MAX = 1 << 20


class Counters:
    """Numbers that one process writes and another reads; each worker has slots of its own."""

    def __init__(self, producers: int, consumers: int) -> None:
        self.published = RawArray(ctypes.c_uint64, producers)
        self.confirmed = RawArray(ctypes.c_uint64, producers)
        self.delivered = RawArray(ctypes.c_uint64, max(1, consumers))
        self.ready = RawArray(ctypes.c_uint64, producers + consumers)
        self.stop = RawArray(ctypes.c_uint64, 1)


@dataclass(frozen=True, slots=True)
class Worker:
    """What a producer or consumer process is told: whom to load, with what, and its number."""

    scenario: Scenario
    port: int
    counters: Counters
    number: int


def run(loop: Callable[[Worker], None], worker: Worker) -> None:
    """What a process of the generator does: one of the two loops below."""
    try:
        loop(worker)
    except (Refused, OSError) as error:
        print(f"{loop.__name__} {worker.number}: {error}", file=sys.stderr)
        sys.exit(1)


def produce(worker: Worker) -> None:
    scenario, counters, number = worker.scenario, worker.counters, worker.number
    connection = Connection(worker.port)
    if scenario.confirm_window:
        connection.confirm_select()
    block = publish_block(scenario)
    send, window = connection.socket.sendall, scenario.confirm_window
    published, per_send = 0, scenario.publishes_per_send
    confirms = Confirms()
    counters.ready[number] = 1
    while not counters.stop[0]:
        send(block)
        published += per_send
        counters.published[number] = published
        while window and published + per_send - confirms.count > window:
            confirms.receive(receive(connection))
            counters.confirmed[number] = confirms.count
    while window and confirms.count < published:
        confirms.receive(receive(connection))
        counters.confirmed[number] = confirms.count
    connection.close()


def publish_block(scenario: Scenario) -> bytes:
    body = b"x" * scenario.size_bytes
    publishes = [frames.publish(EXCHANGE, key, body, scenario.persistent) for key in scenario.keys]
    count = scenario.publishes_per_send
    return b"".join(publishes[number % len(publishes)] for number in range(count))


def receive(connection: Connection) -> bytes:
    data = connection.socket.recv(65536)
    if not data:
        raise Refused("the broker closed the publisher's socket")
    return data


def consume(worker: Worker) -> None:
    """Runs until its process is ended."""
    scenario, counters, number = worker.scenario, worker.counters, worker.number
    connection = Connection(worker.port)
    if scenario.prefetch:
        connection.prefetch(scenario.prefetch)
    for place, queue in enumerate(scenario.queues_of_consumer(number)):
        connection.consume_without_reply(queue, consumer_tag(place), not scenario.ack_every)
    counters.ready[scenario.producers + number] = 1
    deliveries = Deliveries(scenario)
    acknowledgements = Acknowledgements(scenario.ack_every)
    while True:
        deliveries.receive_from(connection)
        counters.delivered[number] = deliveries.count
        if scenario.ack_every:
            connection.socket.sendall(acknowledgements.up_to(deliveries.count))


def consumer_tag(place: int) -> str:
    return f"c{place}"


class Deliveries:
    """Deliveries of one length, counted by bytes."""

    def __init__(self, scenario: Scenario) -> None:
        body = b"x" * scenario.size_bytes
        tag, key = consumer_tag(0), scenario.keys[0]
        sample = frames.delivery(tag, EXCHANGE, key, body, scenario.persistent)
        self.count = 0
        self._size = len(sample)
        self._tag_at = frames.delivery_tag_at(tag)
        self._head = sample[:11]
        self._buffer = bytearray(RECEIVE_BYTES_MAX + self._size)
        self._view = memoryview(self._buffer)
        self._have = 0

    def receive_from(self, connection: Connection) -> None:
        received = connection.socket.recv_into(self._view[self._have :])
        if not received:
            raise Refused("the broker closed the consumer's socket")
        self._have += received
        complete = self._have // self._size
        if complete:
            self.count += complete
            end = complete * self._size
            self._check_last(end - self._size)
            self._buffer[: self._have - end] = self._buffer[end : self._have]
            self._have -= end
        elif self._buffer[: min(11, self._have)] != self._head[: min(11, self._have)]:
            raise Refused(explain(bytes(self._buffer[: self._have])))

    def _check_last(self, at: int) -> None:
        tag_at = at + self._tag_at
        tag = int.from_bytes(self._buffer[tag_at : tag_at + frames.TAG_SIZE])
        if self._buffer[at : at + len(self._head)] != self._head or tag != self.count:
            raise Refused(explain(bytes(self._buffer[: self._have])))


class Acknowledgements:
    """One frame for each delivery, or one `multiple` for every so many."""

    def __init__(self, every: int) -> None:
        self._every = every
        self._last = 0
        self._template = frames.ack(0, multiple=every > 1)

    def up_to(self, count: int) -> bytes | bytearray:
        due = (count - self._last) // self._every if self._every else 0
        if not due:
            return b""
        first = self._last + self._every
        self._last += due * self._every
        return frames.numbered(self._template, frames.ACK_TAG_AT, first, due, self._every)
