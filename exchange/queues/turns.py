"""Turns: consumers by priority, and in turn within each priority.

Every step takes constant time, or a search among the different priorities: to join, to leave, to
move to the end, and to find the highest priority.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from warrener.exchange.consumer import Consumer

Rank = OrderedDict["Consumer", None]
"""The consumers of one priority: the first is the next to be served."""

NOBODY: Rank = OrderedDict()


class Turns:
    """An ordered set of consumers."""

    __slots__ = ("_by_priority", "_priorities")

    def __init__(self) -> None:
        self._by_priority: dict[int, Rank] = {}
        self._priorities: list[int] = []
        """The priorities of those that are there, the lowest first."""

    def __bool__(self) -> bool:
        return bool(self._priorities)

    @property
    def highest(self) -> Rank:
        """The consumers of the highest priority."""
        priorities = self._priorities
        return self._by_priority[priorities[-1]] if priorities else NOBODY

    @property
    def priorities(self) -> list[int]:
        """The priorities that there are, the highest first."""
        return self._priorities[::-1]

    def is_above(self, priority: int) -> bool:
        """Whether there is a consumer of higher priority."""
        return bool(self._priorities) and self._priorities[-1] > priority

    def of(self, priority: int) -> Rank:
        """The consumers of one priority."""
        return self._by_priority.get(priority, NOBODY)

    def join(self, consumer: Consumer) -> None:
        """Add a consumer as the last of its priority."""
        rank = self._by_priority.get(consumer.priority)
        if rank is None:
            rank = self._by_priority[consumer.priority] = OrderedDict()
            insort(self._priorities, consumer.priority)
        rank[consumer] = None

    def leave(self, consumer: Consumer) -> None:
        """Remove a consumer that is there."""
        priority = consumer.priority
        rank = self._by_priority[priority]
        del rank[consumer]
        if not rank:
            del self._by_priority[priority]
            del self._priorities[bisect_left(self._priorities, priority)]

    def move_to_end(self, consumer: Consumer) -> None:
        """A consumer was served: all others of its priority come before it."""
        self._by_priority[consumer.priority].move_to_end(consumer)
