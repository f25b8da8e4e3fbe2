"""A publisher that keeps many messages on the way and knows which of them are safe."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass

import pika
from demo_shop.bindings import Event

WINDOW = 500


@dataclass(frozen=True, slots=True)
class Outgoing:
    exchange: str
    key: str
    event: Event


class Publisher:
    """Publishes with confirms without waiting for one before it sends the next.

    `confirmed` holds the ids in the order in which the broker took them over. After `stop_after`
    confirms, `on_stop` is called, once: that is how a step kills the broker in the middle.
    """

    def __init__(self, url: str, messages: list[Outgoing]) -> None:
        self.confirmed: list[str] = []
        self.refused: list[str] = []
        self.stop_after = len(messages) + 1
        self.on_stop: Callable[[], None] = lambda: None
        self._messages = iter(enumerate(messages, 1))
        self._unconfirmed: dict[int, str] = {}
        self._channel: pika.channel.Channel | None = None
        self._connection = pika.SelectConnection(
            pika.URLParameters(url),
            on_open_callback=lambda connection: connection.channel(on_open_callback=self._begin),
            on_open_error_callback=self._on_lost,
            on_close_callback=self._on_lost,
        )

    def run(self) -> None:
        """Returns when everything is confirmed or the connection is lost."""
        self._connection.ioloop.start()

    def _begin(self, channel: pika.channel.Channel) -> None:
        self._channel = channel
        channel.confirm_delivery(self._on_confirm, callback=lambda _: self._fill_the_window())

    def _fill_the_window(self) -> None:
        assert self._channel is not None
        while len(self._unconfirmed) < WINDOW:
            tag, message = next(self._messages, (0, None))
            if message is None:
                break
            self._unconfirmed[tag] = str(message.event["id"])
            publish(self._channel, message)
        if not self._unconfirmed:
            self._connection.close()

    def _on_confirm(self, frame: pika.frame.Method) -> None:
        method = frame.method
        settled = self.confirmed if isinstance(method, pika.spec.Basic.Ack) else self.refused
        for tag in self._settled_tags(method.delivery_tag, method.multiple):
            settled.append(self._unconfirmed.pop(tag))
        if len(self.confirmed) >= self.stop_after:
            self.stop_after = sys.maxsize
            self.on_stop()
        elif len(self._unconfirmed) < WINDOW // 2:
            self._fill_the_window()

    def _settled_tags(self, tag: int, multiple: bool) -> list[int]:
        return [t for t in self._unconfirmed if t <= tag] if multiple else [tag]

    def _on_lost(self, *_: object) -> None:
        self._connection.ioloop.stop()


def publish(channel: pika.channel.Channel, message: Outgoing) -> None:
    channel.basic_publish(
        message.exchange,
        message.key,
        json.dumps(message.event).encode(),
        pika.BasicProperties(
            message_id=str(message.event["id"]),
            content_type="application/json",
            delivery_mode=pika.DeliveryMode.Persistent,
            headers={"kind": message.event["kind"], "region": message.event["region"]},
        ),
    )
