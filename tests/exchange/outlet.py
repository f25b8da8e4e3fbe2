"""An outlet that remembers: the edge of the core, where its deliveries can be looked at."""

from collections.abc import Sequence
from typing import NamedTuple

from tests.exchange.messages import body_of
from warrener.exchange.consumer import Consumer
from warrener.exchange.message import Message
from warrener.exchange.queues.waitlist import Waitlist

PLENTY_BYTES = 1 << 40


class Delivered(NamedTuple):
    """One delivery as a client sees it; `consumer` is empty for a get."""

    consumer: str
    tag: int
    body: bytes
    redelivered: bool


class RecordingOutlet:
    """Takes every delivery as long as there is room."""

    def __init__(self) -> None:
        self.room_bytes = PLENTY_BYTES
        self.waitlist = Waitlist(lambda: self.room_bytes > 0)
        self.delivered: list[Delivered] = []
        self.cancelled_tags: list[str] = []

    def room(self) -> int:
        return self.room_bytes

    def deliver(
        self, consumer: Consumer, messages: Sequence[Message], first_tag: int, redelivered: bool
    ) -> None:
        for tag, message in enumerate(messages, first_tag):
            self.room_bytes -= len(message.content)
            self.delivered.append(Delivered(consumer.tag, tag, body_of(message), redelivered))

    def break_off(self, error: Exception) -> None:
        raise error

    def cancelled(self, consumer: Consumer) -> None:
        self.cancelled_tags.append(consumer.tag)
