"""Exclusive queues by the connection they belong to: one that ends finds its own among many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from warrener.exchange.queues.queue import Queue


class ExclusiveQueues:
    """The exclusive queues of one virtual host."""

    __slots__ = ("_by_owner",)

    def __init__(self) -> None:
        self._by_owner: dict[object, dict[Queue, None]] = {}

    def add(self, queue: Queue) -> None:
        """Take in a queue, if it is exclusive."""
        if queue.owner is not None:
            self._by_owner.setdefault(queue.owner, {})[queue] = None

    def discard(self, queue: Queue) -> None:
        """A queue is gone."""
        owned = self._by_owner.get(queue.owner)
        if owned is not None:
            owned.pop(queue, None)
            if not owned:
                del self._by_owner[queue.owner]

    def of(self, owner: object) -> Sequence[Queue]:
        """The queues of a connection, in the order in which they were declared."""
        return tuple(self._by_owner.get(owner, ()))
