"""The client of the story that is made of pika, which knows nothing of this project."""

import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pika
import pika.exceptions
from pika.adapters.blocking_connection import BlockingChannel
from pika_publisher import Publisher

from warrener.exchange.demo.bindings import Binding
from warrener.exchange.demo.client import OnConfirmed, Outgoing, Published, Taken
from warrener.exchange.demo.expectation import expect

PATIENCE_S = 10


class PikaClient:
    """See `warrener.exchange.demo.client.Client`."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection = pika.BlockingConnection(pika.URLParameters(url))

    def declare(
        self, exchanges: Mapping[str, str], queues: Iterable[str], bindings: Iterable[Binding]
    ) -> None:
        queues = list(queues)
        self.remove(exchanges, queues)
        with self._channel() as channel:
            for queue in queues:
                channel.queue_declare(queue, durable=True)
            for exchange, kind in exchanges.items():
                channel.exchange_declare(exchange, kind, durable=True)
            for each in bindings:
                channel.queue_bind(each.queue, each.exchange, each.key, dict(each.arguments))

    def remove(self, exchanges: Iterable[str], queues: Iterable[str]) -> None:
        with self._channel() as channel:
            for queue in queues:
                channel.queue_delete(queue)
            for exchange in exchanges:
                channel.exchange_delete(exchange)

    def publish(self, messages: Sequence[Outgoing], on_confirmed: OnConfirmed) -> Published:
        """On a connection of its own: pika's blocking one waits for each confirm."""
        return Publisher(self._url, messages, on_confirmed).run()

    def waiting(self, queue: str) -> int:
        with self._channel() as channel:
            return int(channel.queue_declare(queue, passive=True).method.message_count)

    def take(
        self, queue: str, count: int, arguments: Mapping[str, Any] | None = None
    ) -> list[Taken]:
        with self._channel() as channel:
            channel.basic_qos(prefetch_count=1)
            taken = []
            for tag, message in _deliveries(channel, queue, count, arguments):
                taken.append(message)
                channel.basic_ack(tag)
            return taken

    def drain(self, queue: str) -> list[Taken]:
        count = self.waiting(queue)
        with self._channel() as channel:
            found = list(_deliveries(channel, queue, count))
            if found:
                channel.basic_ack(found[-1][0], multiple=True)
            return [message for _, message in found]

    def hold(self, queue: str, count: int) -> list[str]:
        channel = self._connection.channel()
        channel.basic_qos(prefetch_count=count)
        return [message.id for _, message in _deliveries(channel, queue, count)]

    def close(self) -> None:
        with contextlib.suppress(pika.exceptions.AMQPError):
            self._connection.close()

    @contextlib.contextmanager
    def _channel(self) -> Iterator[BlockingChannel]:
        """A channel for one thing; what is unacknowledged at its end goes back."""
        channel = self._connection.channel()
        yield channel
        channel.close()


def _deliveries(
    channel: BlockingChannel,
    queue: str,
    count: int,
    arguments: Mapping[str, Any] | None = None,
) -> Iterator[tuple[int, Taken]]:
    """So many deliveries, no more. Raises: StepFailed."""
    if not count:
        return
    wanted = dict(arguments or {})
    came = 0
    for method, _, body in channel.consume(queue, inactivity_timeout=PATIENCE_S, arguments=wanted):
        if method is None:
            break
        came += 1
        yield method.delivery_tag, Taken(json.loads(body)["id"], method.redelivered)
        if came == count:
            return
    expect(f"messages that come from {queue}", count, came)
