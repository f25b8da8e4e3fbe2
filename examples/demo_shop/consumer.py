"""Taking messages out of a queue, in the ways the demo needs."""

import contextlib
import json
import multiprocessing
import multiprocessing.connection
import signal
from collections.abc import Iterator
from dataclasses import dataclass

import pika
from demo_shop.expectation import expect
from pika.adapters.blocking_connection import BlockingChannel

SECONDS_FOR_THE_WORKER = 30


@contextlib.contextmanager
def open_channel(url: str) -> Iterator[BlockingChannel]:
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        yield connection.channel()


@dataclass(frozen=True, slots=True)
class Taken:
    id: str
    redelivered: bool


def take(channel: BlockingChannel, queue: str, count: int) -> list[Taken]:
    """Takes messages one by one, each acknowledged before the next comes."""
    channel.basic_qos(prefetch_count=1)
    taken: list[Taken] = []
    for method, _, body in channel.consume(queue, inactivity_timeout=10):
        expect(f"{queue} holds {count} messages for this consumer", True, method is not None)
        taken.append(Taken(json.loads(body)["id"], method.redelivered))
        channel.basic_ack(method.delivery_tag)
        if len(taken) == count:
            break
    channel.cancel()
    return taken


def drain(channel: BlockingChannel, queue: str) -> list[Taken]:
    """Takes all there is, acknowledged together at the end."""
    channel.basic_qos(prefetch_count=0)
    count = waiting(channel, queue)
    taken: list[Taken] = []
    for method, _, body in channel.consume(queue, inactivity_timeout=0.5):
        if method is None:
            break
        taken.append(Taken(json.loads(body)["id"], method.redelivered))
        if len(taken) == count:
            channel.basic_ack(method.delivery_tag, multiple=True)
    channel.cancel()
    return taken


def waiting(channel: BlockingChannel, queue: str) -> int:
    return int(channel.queue_declare(queue, passive=True).method.message_count)


def ids(taken: list[Taken]) -> list[str]:
    return [message.id for message in taken]


class DyingWorker:
    """A process that takes messages, says which, and dies with all of them in its hands."""

    def __init__(self, url: str, queue: str, count: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._report, sending = context.Pipe(duplex=False)
        self._process = context.Process(target=hold, args=(url, queue, count, sending))

    def run(self) -> list[str]:
        """The ids it held when its process was killed; nothing was acknowledged, nothing closed."""
        self._process.start()
        try:
            expect("the worker reports", True, self._report.poll(SECONDS_FOR_THE_WORKER))
            held: list[str] = self._report.recv()
        finally:
            self._process.kill()
            self._process.join()
        return held


def hold(url: str, queue: str, count: int, report: multiprocessing.connection.Connection) -> None:
    """What runs in the worker's process."""
    channel = pika.BlockingConnection(pika.URLParameters(url)).channel()
    channel.basic_qos(prefetch_count=count)
    held: list[str] = []
    for _, _, body in channel.consume(queue):
        held.append(json.loads(body)["id"])
        if len(held) == count:
            report.send(held)
            signal.pause()
