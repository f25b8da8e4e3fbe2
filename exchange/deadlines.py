"""Deadlines: who has something to do at what time.

One heap for the whole broker, one sleeping task in the server: whoever has a deadline says when,
and is called back once that time has come. It says again if it has another.

Ten thousand queues may have the same deadline. Then they are called in slices, a slice a pass, so
that nobody else has to wait for all of them: what is left stays due. A slice is done once a
millisecond, however often `run` is called. A call counts as one piece of
work, and who did more says how much (`spend`).
"""

import heapq
from itertools import count
from typing import Protocol

WORK_MAX = 500
"""Pieces of work in one slice: queues that look whether they have something to do, messages given
up, bindings removed. Each takes some ten microseconds."""
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

    __slots__ = ("_counter", "_cut_ms", "_heap", "_stale", "_work")

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Timed]] = []
        self._counter = count()
        self._stale = 0
        """At least so many entries count no more."""
        self._work = 0
        self._cut_ms = -1
        """When there was more to do than fits into a slice."""

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

    def spend(self, work: int) -> None:
        """Whoever is being called has done more than one piece of work."""
        self._work += work

    def run(self, now: int) -> None:
        """Call those that are due, as many as fit into a slice; the others stay due.

        What they schedule waits for the next call, even if it is due.
        """
        if now == self._cut_ms:
            # A slice has been done at this moment: a pass may come here for each of its methods.
            return
        called: list[tuple[int, Timed]] = []
        while self._heap and self._heap[0][0] <= now and len(called) < WORK_MAX:
            due, _, timed = heapq.heappop(self._heap)
            if timed.next_due == due:
                timed.next_due = None
                called.append((due, timed))
            else:
                self._stale = max(0, self._stale - 1)
        self._work = 0
        for place, (_, timed) in enumerate(called):
            if self._work >= WORK_MAX:
                for due, left in called[place:]:
                    self.schedule(due, left)
                break
            self._work += 1
            try:
                timed.due(now)
            except Exception as error:
                # The others that are due are not to miss their time for it.
                timed.suspend(error)
        if self._work >= WORK_MAX:
            self._cut_ms = now
