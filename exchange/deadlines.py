"""Deadlines: who has something to do at what time.

One heap for the whole broker, one sleeping task in the server: whoever has a deadline says when,
and is called back once that time has come. It says again if it has another.

Ten thousand queues may have the same deadline. Then as many are called as the budget of the pass
allows, and the others stay due: they are called in passes of their own (`resume`), so that the
clients whose passes come in between need not pay for them.
"""

from __future__ import annotations

import heapq
from itertools import count
from typing import TYPE_CHECKING, Protocol

from warrener.exchange.budget import CALLED

if TYPE_CHECKING:
    from warrener.exchange.budget import Budget

STALE_MIN = 1024
"""Entries a heap may hold that count no more, before it is cleaned."""


class Timed(Protocol):
    """Something that has things to do at certain times."""

    next_due: int | None
    """When it is to be called, in ms since 1970; kept by `Deadlines`."""

    def due(self, now: int) -> None:
        """Do what is due at `now`, and schedule what comes next."""

    def suspend(self, error: Exception) -> None:
        """`due` has raised `error`: note it, and put aside what failed."""


class Deadlines:
    """Times at which something is due."""

    __slots__ = ("_budget", "_counter", "_heap", "_stale", "unfinished")

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._heap: list[tuple[int, int, Timed]] = []
        self._counter = count()
        self._stale = 0
        """At least so many entries count no more."""
        self.unfinished = False
        """Whether more was due than the budget allowed: a pass of its own is needed."""

    def __len__(self) -> int:
        return len(self._heap)

    def schedule(self, due: int, timed: Timed) -> None:
        """Have `timed` called at `due` or, if it is to be called before that, then only."""
        if timed.next_due is None or due < timed.next_due:
            self.cancel(timed)
            timed.next_due = due
            heapq.heappush(self._heap, (due, next(self._counter), timed))

    def cancel(self, timed: Timed) -> None:
        """Have `timed` not called, if it was to be."""
        if timed.next_due is None:
            return
        timed.next_due = None
        self._stale += 1
        if self._stale > STALE_MIN + len(self._heap) // 2:
            self._heap = [entry for entry in self._heap if entry[2].next_due == entry[0]]
            heapq.heapify(self._heap)
            self._stale = 0

    @property
    def next(self) -> int | None:
        """The next time something is due, in ms since 1970."""
        return self._heap[0][0] if self._heap else None

    def resume(self) -> None:
        """This pass is for what is left of others."""
        self.unfinished = False

    def run(self, now: int) -> None:
        """Call those that are due, as far as the budget goes; the others stay due.

        What they schedule waits for the next call, even if it is due.
        """
        if not self._heap or self._heap[0][0] > now or self.unfinished:
            return
        budget = self._budget
        last = next(self._counter)
        again: list[tuple[int, int, Timed]] = []
        while self._heap and self._heap[0][0] <= now:
            if budget.left <= 0:
                self.unfinished = True
                break
            entry = heapq.heappop(self._heap)
            due, number, timed = entry
            if timed.next_due != due:
                self._stale = max(0, self._stale - 1)
            elif number > last:
                again.append(entry)
            else:
                timed.next_due = None
                budget.begin_turn()
                try:
                    timed.due(now)
                except Exception as error:
                    # The others that are due are not to miss their time for it.
                    timed.suspend(error)
                budget.spend(CALLED)
        budget.end_turn()
        for entry in again:
            heapq.heappush(self._heap, entry)
            self.unfinished = True
