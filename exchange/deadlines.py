"""Deadlines: who has something to do at what time.

One heap for the whole broker, one sleeping task in the server: whoever has a deadline says when,
and is called back once that time has come. It says again if it has another.
"""

import heapq
from itertools import count
from typing import Protocol


class Timed(Protocol):
    """Something that has things to do at certain times."""

    next_due: int | None
    """When it is to be called, in ms since 1970; kept by `Deadlines`."""

    def due(self, now: int) -> None:
        """Do what is due at `now`, and schedule what comes next."""


class Deadlines:
    """Times at which something is due."""

    __slots__ = ("_counter", "_heap")

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Timed]] = []
        self._counter = count()

    def schedule(self, due: int, timed: Timed) -> None:
        """Have `timed` called at `due` or, if it is to be called before that, then only."""
        if timed.next_due is None or due < timed.next_due:
            timed.next_due = due
            heapq.heappush(self._heap, (due, next(self._counter), timed))

    @property
    def next(self) -> int | None:
        """The next time something is due, in ms since 1970."""
        return self._heap[0][0] if self._heap else None

    def run(self, now: int) -> None:
        """Call all that are due. What they schedule waits for the next call, even if it is due."""
        called = []
        while self._heap and self._heap[0][0] <= now:
            due, _, timed = heapq.heappop(self._heap)
            if timed.next_due == due:
                timed.next_due = None
                called.append(timed)
        for timed in called:
            timed.due(now)
