"""Places: where messages stand in the order of a queue, and the times at which they move.

A place is a number; the lower one leaves first. One message may stand in several heaps of them,
and whoever takes it does not look for it in the others: what comes up and waits no more is passed
over. A heap in which they have become the most is cleaned of them.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Container, Iterator, Sized

RANK_SHIFT = 48
"""Bits for the sequence below the priority: enough for a million messages a second for years."""
STALE_MIN = 64
"""Places a heap may hold before it is looked at for what has become void."""


def rank(priority: int | None, highest: int | None) -> int:
    """What makes the sequence of a message of higher priority lower than all others."""
    return 0 if highest is None else (highest - min(priority or 0, highest)) << RANK_SHIFT


PASSED_OVER_MAX = 2000
"""Times that count no more which are passed over at once, a millisecond or two."""


class Places:
    """Places in order, of which some may have become void; `valid` says which have not."""

    __slots__ = ("_most", "heap")

    def __init__(self, places: list[int] | None = None) -> None:
        """Begin with `places`, which are in order."""
        self.heap: list[int] = places or []
        self._most = max(STALE_MIN, 2 * len(self.heap))

    def push(self, place: int, valid: Collection[int]) -> None:
        heapq.heappush(self.heap, place)
        if len(self.heap) > self._most:
            if len(self.heap) > 2 * len(valid):
                self.heap = sorted({p for p in self.heap if p in valid})
            self._most = max(STALE_MIN, 2 * len(self.heap))

    def first(self, valid: Container[int]) -> int | None:
        """The lowest place that is still valid."""
        heap = self.heap
        while heap:
            if heap[0] in valid:
                return heap[0]
            heapq.heappop(heap)
        return None

    def drop_first(self) -> None:
        """Take out the place that `first` has found."""
        heapq.heappop(self.heap)


class Times:
    """Places with the times, in ms since 1970, at which something happens to their messages.

    `counts` says whether something still happens then, and `waiting` is as large as there are
    places at most for which it may.
    """

    __slots__ = ("_counts", "_heap", "_most", "_waiting")

    def __init__(self, counts: Callable[[int, int], bool], waiting: Sized) -> None:
        self._heap: list[tuple[int, int]] = []
        self._most = STALE_MIN
        self._counts = counts
        self._waiting = waiting

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, time: int, place: int) -> None:
        """Have `take` find a place at this time."""
        heapq.heappush(self._heap, (time, place))
        if len(self._heap) > self._most:
            if len(self._heap) > 2 * len(self._waiting):
                # Most of what expires is taken long before.
                self._heap = sorted({entry for entry in self._heap if self._counts(*entry)})
            self._most = max(STALE_MIN, 2 * len(self._heap))

    @property
    def next(self) -> int | None:
        return self._heap[0][0] if self._heap else None

    def take(self, now: int, most: int) -> list[int]:
        """Take out the places whose time has come, at most so many.

        Of very many of which nothing happens any more, some are left for the next time.
        """
        taken: dict[int, None] = {}
        passed_over = len(self._heap) - most - PASSED_OVER_MAX
        while self._heap and self._heap[0][0] <= now and len(taken) < most:
            if len(self._heap) == passed_over:
                break
            time, place = heapq.heappop(self._heap)
            if self._counts(time, place):
                taken[place] = None
        return list(taken)

    def clear(self) -> None:
        self._heap.clear()


class Held:
    """The places of messages that are held back for a time."""

    __slots__ = ("_places", "_times")

    def __init__(self) -> None:
        self._places: set[int] = set()
        self._times = Times(lambda _, place: place in self._places, self._places)

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, place: object) -> bool:
        return place in self._places

    @property
    def next(self) -> int | None:
        """When the next one may go, in ms since 1970."""
        return self._times.next

    def add(self, place: int, until: int) -> None:
        """Hold back a message until a time."""
        self._places.add(place)
        self._times.add(until, place)

    def discard(self, place: int) -> None:
        """A message waits no more, if it was held back."""
        self._places.discard(place)

    def let_go(self, now: int, most: int) -> Iterator[int]:
        """The places whose time has come, at most so many; each is held until it is its turn."""
        for place in self._times.take(now, most):
            self._places.remove(place)
            yield place

    def clear(self) -> None:
        self._places.clear()
        self._times.clear()
