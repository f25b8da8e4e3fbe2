"""A discard: what waited in a queue when it was purged or deleted.

The queue is empty at once. Its messages, which may be millions, are let go of in turns: from
memory, and in the ledger, which settles them bit by bit. The end of the broker waits for that
(`finish`); after a crash before all are settled a queue that was purged has the others again.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from warrener.exchange.budget import SETTLED
from warrener.exchange.queues.waiting import MessageOrPosition, position_of

if TYPE_CHECKING:
    from warrener.exchange.queues.pump import Pump
    from warrener.exchange.queues.queue import Queue

FINISHED_AT_ONCE = 65536


class Discard:
    """Messages that `queue` no longer has; `entries` lets go of each as it hands it over."""

    __slots__ = ("_entries", "_pump", "_queue", "waiting")

    def __init__(self, queue: Queue, pump: Pump, entries: Iterator[MessageOrPosition]) -> None:
        self._queue = queue
        self._pump = pump
        self._entries = entries
        self.waiting = False
        """Whether the pump knows of it."""

    def pump(self) -> None:
        """Let go of as many as the turn allows."""
        budget = self._pump.budget
        while not budget.exhausted:
            count = self._let_go(budget.steps(SETTLED))
            if not count:
                return
            budget.spend(SETTLED * count)
        self._pump.wake(self)

    def finish(self) -> None:
        """Let go of all that is left."""
        while self._let_go(FINISHED_AT_ONCE):
            pass

    def _let_go(self, most: int) -> int:
        """Let go of so many, if there are; returns how many."""
        queue = self._queue
        positions = [position_of(entry) for entry in islice(self._entries, most)]
        for position in positions if queue.number else ():
            if position:
                queue.ledger.settle(queue, position)
        return len(positions)
