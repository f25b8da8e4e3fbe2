"""A consumer that keeps what it gets, so that a test can wait for messages and look at them."""

import time
from collections import deque
from dataclasses import dataclass
from typing import Any

from pika import BasicProperties
from pika.adapters.blocking_connection import BlockingChannel
from pika.spec import Basic

WAIT_SECONDS_MAX = 10.0
QUIET_SECONDS = 0.15


@dataclass(frozen=True, slots=True)
class Delivery:
    body: bytes
    tag: int
    redelivered: bool
    exchange: str
    routing_key: str
    consumer_tag: str
    properties: BasicProperties


class Inbox:
    """Consumes from one queue; `take` waits, `take_all` takes what is there after a moment."""

    def __init__(self, channel: BlockingChannel, queue: str, **options: Any) -> None:
        self._channel = channel
        self._received: deque[Delivery] = deque()
        self.consumer_tag = channel.basic_consume(queue, self._on_message, **options)

    def take(self, count: int) -> list[Delivery]:
        deadline = time.monotonic() + WAIT_SECONDS_MAX
        while len(self._received) < count:
            left = deadline - time.monotonic()
            assert left > 0, f"{len(self._received)} of {count} messages came"
            self._channel.connection.process_data_events(time_limit=left)
        return [self._received.popleft() for _ in range(count)]

    def take_all(self) -> list[Delivery]:
        """Everything that comes until the line is quiet: the way to see that no more comes."""
        known = -1
        while known < len(self._received):
            known = len(self._received)
            self._channel.connection.sleep(QUIET_SECONDS)
        return [self._received.popleft() for _ in range(known)]

    def _on_message(
        self,
        _channel: BlockingChannel,
        method: Basic.Deliver,
        properties: BasicProperties,
        body: bytes,
    ) -> None:
        self._received.append(
            Delivery(
                body,
                method.delivery_tag,
                method.redelivered,
                method.exchange,
                method.routing_key,
                method.consumer_tag,
                properties,
            )
        )


def bodies(deliveries: list[Delivery]) -> list[bytes]:
    return [delivery.body for delivery in deliveries]


def get_bodies(channel: BlockingChannel, queue: str) -> list[bytes]:
    """Empties a queue with basic.get."""
    found = []
    while True:
        method, _, body = channel.basic_get(queue, auto_ack=True)
        if method is None:
            return found
        found.append(body)
