"""The client of the story that is made of our own (`warrener.exchange.client`)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from warrener.exchange.client import Channel, Delivery, Unreachable, connect
from warrener.exchange.demo.bindings import Binding
from warrener.exchange.demo.client import WINDOW, OnConfirmed, Outgoing, Published, Taken
from warrener.exchange.demo.expectation import expect

PATIENCE_S = 10.0
PREFETCH_MAX = (1 << 16) - 1


class OwnClient:
    """See `warrener.exchange.demo.client.Client`."""

    def __init__(self, url: str) -> None:
        self._connection = connect(url, name="warrener demo")

    def declare(
        self, exchanges: Mapping[str, str], queues: Iterable[str], bindings: Iterable[Binding]
    ) -> None:
        queues = list(queues)
        self.remove(exchanges, queues)
        with self._channel() as channel:
            for queue in queues:
                channel.declare_queue(queue, durable=True)
            for exchange, kind in exchanges.items():
                channel.declare_exchange(exchange, kind, durable=True)
            for each in bindings:
                channel.bind_queue(each.queue, each.exchange, each.key, each.arguments)

    def remove(self, exchanges: Iterable[str], queues: Iterable[str]) -> None:
        with self._channel() as channel:
            for queue in queues:
                channel.delete_queue(queue)
            for exchange in exchanges:
                channel.delete_exchange(exchange)

    def publish(self, messages: Sequence[Outgoing], on_confirmed: OnConfirmed) -> Published:
        channel = self._connection.channel()
        channel.confirm()
        sent = 0
        try:
            for message in messages:
                channel.publish(message.body, message.key, message.exchange, **message.properties)
                sent += 1
                channel.wait_for_confirms(WINDOW)
                on_confirmed(sent - channel.unconfirmed)
            channel.wait_for_confirms()
            channel.close()
        except Unreachable:
            pass  # What had an answer by then is what counts.
        open_numbers = channel.unconfirmed_numbers
        answered = (number for number in range(1, sent + 1) if number not in open_numbers)
        return Published([messages[number - 1].id for number in answered], channel.refused)

    def waiting(self, queue: str) -> int:
        with self._channel() as channel:
            return channel.declare_queue(queue, passive=True).message_count

    def take(
        self, queue: str, count: int, arguments: Mapping[str, Any] | None = None
    ) -> list[Taken]:
        with self._channel() as channel:
            channel.prefetch(1)
            taken = []
            for delivery in self._deliveries(channel, queue, count, arguments):
                taken.append(_taken(delivery))
                channel.ack(delivery)
                channel.flush()
            return taken

    def drain(self, queue: str) -> list[Taken]:
        count = self.waiting(queue)
        with self._channel() as channel:
            found = list(self._deliveries(channel, queue, count))
            if found:
                channel.ack(found[-1], multiple=True)
            return [_taken(delivery) for delivery in found]

    def hold(self, queue: str, count: int) -> list[str]:
        channel = self._connection.channel()
        channel.prefetch(min(count, PREFETCH_MAX))
        return [_taken(each).id for each in self._deliveries(channel, queue, count)]

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def _channel(self) -> Iterator[Channel]:
        """A channel for one thing; what is unacknowledged at its end goes back."""
        channel = self._connection.channel()
        yield channel
        channel.close()

    def _deliveries(
        self,
        channel: Channel,
        queue: str,
        count: int,
        arguments: Mapping[str, Any] | None = None,
    ) -> Iterator[Delivery]:
        """So many deliveries, no more. Raises: StepFailed."""
        if not count:
            return
        channel.consume(queue, arguments=arguments)
        came = 0
        for delivery in channel.deliveries(PATIENCE_S):
            came += 1
            yield delivery
            if came == count:
                return
        expect(f"messages that come from {queue}", count, came)


def _taken(delivery: Delivery) -> Taken:
    return Taken(json.loads(delivery.body)["id"], delivery.redelivered)
