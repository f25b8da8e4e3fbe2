"""A queue that takes no message like one it has: the argument `x-message-deduplication`.

By itself it goes by what is in it, waiting or with a consumer: as soon as a message is done with,
one like it may come again. With a size or a time (`x-cache-size`, `x-cache-ttl`) it remembers
what came in, gone or not, as an exchange does.

What is in the queue is on disk already: that is why its own knowledge (`Contents`) is not written
down but read off its messages at a restart, which takes as long as reading them. A window is
written (`warrener.exchange.window`).

A purge forgets everything, also what is with consumers, as RabbitMQ's plugin does: the messages
that wait may be on disk only, and a purge reads nothing back. A message that turns out to be
damaged is remembered until then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from warrener.exchange.deduplication import Deduplication, queue_deduplication
from warrener.exchange.queues.backlog import CHUNK_MESSAGES
from warrener.exchange.queues.queue import Queue
from warrener.exchange.window import Window

if TYPE_CHECKING:
    from warrener.exchange.durability.records import Return
    from warrener.exchange.message import Message, Properties
    from warrener.exchange.queues.host import Host


class Contents:
    """The keys of what is in a queue."""

    __slots__ = ("_keys", "deduplication")

    def __init__(self, deduplication: Deduplication) -> None:
        self.deduplication = deduplication
        self._keys: set[bytes] = set()

    def __len__(self) -> int:
        return len(self._keys)

    def knows(self, properties: Properties, now: int) -> bool:
        return self.deduplication.key(properties) in self._keys

    def add(self, messages: Iterable[Message]) -> None:
        self._keys.update(self._keys_of(messages))

    def remove(self, messages: Iterable[Message]) -> None:
        self._keys.difference_update(self._keys_of(messages))

    def clear(self) -> None:
        self._keys.clear()

    def _keys_of(self, messages: Iterable[Message]) -> list[bytes]:
        keys = [self.deduplication.key(message.properties) for message in messages]
        return [key for key in keys if key is not None]


class DeduplicatingQueue(Queue):
    """A queue with a memory; the router asks it before it gives it anything."""

    __slots__ = ("memory",)

    memory: Window | Contents

    def __init__(self, name: str, host: Host, **options: Any) -> None:
        deduplication = queue_deduplication(options["arguments"])
        assert deduplication is not None, "another queue needs no memory"
        if deduplication.size is None:
            self.memory = Contents(deduplication)
        else:
            self.memory = Window(deduplication, options.get("number", 0))
        super().__init__(name, host, **options)

    def enqueue(self, messages: Sequence[Message], size: int, expiring: bool = False) -> None:
        if isinstance(self.memory, Contents):
            self.memory.add(messages)
        else:
            for message in messages:
                self.memory.note(message, self.ledger)
        super().enqueue(messages, size, expiring)

    def restore(
        self,
        positions: Sequence[int],
        size: int,
        expiring: bool,
        returns: Mapping[int, Return] | None = None,
    ) -> None:
        if isinstance(self.memory, Contents):
            for start in range(0, len(positions), CHUNK_MESSAGES):
                self.memory.add(self.ledger.load(positions[start : start + CHUNK_MESSAGES]))
        super().restore(positions, size, expiring, returns)

    def purge(self) -> int:
        if isinstance(self.memory, Contents):
            self.memory.clear()
        return super().purge()

    def forget(self, messages: Iterable[Message]) -> None:
        if isinstance(self.memory, Contents):
            self.memory.remove(messages)
        super().forget(messages)


def make_queue(name: str, host: Host, **options: Any) -> Queue:
    """A queue of the kind that its arguments ask for. Raises: PreconditionFailed."""
    if queue_deduplication(options.get("arguments") or {}) is None:
        return Queue(name, host, **options)
    return DeduplicatingQueue(name, host, **options)
