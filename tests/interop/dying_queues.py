"""Queues with arguments, and a queue for what they give up: `Graveyard`."""

import time
from typing import Any

from pika.adapters.blocking_connection import BlockingChannel

from tests.interop.conftest import Fresh
from tests.interop.inbox import WAIT_SECONDS_MAX, Delivery, Inbox


def count(channel: BlockingChannel, queue: str) -> int:
    return channel.queue_declare(queue, passive=True).method.message_count


def wait_for_count(channel: BlockingChannel, queue: str, expected: int) -> None:
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while (found := count(channel, queue)) != expected:
        assert time.monotonic() < deadline, f"{found} messages in the queue, not {expected}"
        channel.connection.sleep(0.01)


class Graveyard:
    """The queue `dead`, and queues of any kind whose dead letters go there."""

    def __init__(self, channel: BlockingChannel, fresh: Fresh) -> None:
        self._channel = channel
        self._fresh = fresh
        self.queue = fresh("dead")
        channel.queue_declare(self.queue, durable=True)

    def declare(self, what: str, **arguments: Any) -> str:
        """A durable queue; `message_ttl=5` stands for the argument `x-message-ttl`."""
        name = self._fresh(what)
        here = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": self.queue}
        named = {f"x-{key.replace('_', '-')}": value for key, value in arguments.items()}
        chosen = {key: value for key, value in (here | named).items() if value is not None}
        self._channel.queue_declare(name, durable=True, arguments=chosen)
        return name

    def take(self, count: int) -> list[Delivery]:
        """The next dead letters, waited for."""
        inbox = Inbox(self._channel, self.queue, auto_ack=True)
        try:
            return inbox.take(count)
        finally:
            self._channel.basic_cancel(inbox.consumer_tag)
