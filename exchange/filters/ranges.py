"""Which of many ranges may hold a value, without looking at the others.

A range with one bound is found in a sorted list of bounds: those that hold a value are one end of
the list. A range with two bounds is found in a grid. Its length decides its level, the least e
with length <= 2**e, and a level is cut into cells of 2**e each, so that a range lies in at most
two cells. To find the ranges that hold a value, one cell is looked up on each level in use; a
range that lies in that cell without holding the value is at least not far off. Unlike an interval
tree, the grid has nothing to balance or to rebuild when filters come and go.

What is found are candidates: the strictness of the bounds is left to the filter.
"""

import math
from bisect import bisect_left, bisect_right, insort
from itertools import islice
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")
# Items in the order in which they came.
Bucket = dict[Item, None]

# Shorter ranges share cells of this length.
LEVEL_MIN = -40
# Ranges that reach further are found by their lower bound alone.
REACH_MAX = 1e200
# A value that is only known to lie between two may lie in several cells; if in more than these,
# the whole level is taken.
CELLS_MAX = 8


class Thresholds(Generic[Item]):
    """Items, each with a bound, in the order of the bounds."""

    __slots__ = ("_bounds", "_buckets", "size")

    def __init__(self) -> None:
        self._bounds: list[Any] = []
        self._buckets: dict[Any, Bucket[Item]] = {}
        self.size = 0

    def add(self, bound: Any, item: Item) -> None:
        bucket = self._buckets.get(bound)
        if bucket is None:
            bucket = self._buckets[bound] = {}
            insort(self._bounds, bound)
        if item not in bucket:
            bucket[item] = None
            self.size += 1

    def discard(self, bound: Any, item: Item) -> None:
        bucket = self._buckets.get(bound, {})
        if item not in bucket:
            return
        del bucket[item]
        self.size -= 1
        if not bucket:
            del self._buckets[bound]
            del self._bounds[bisect_left(self._bounds, bound)]

    def collect_up_to(self, most: Any, found: Bucket[Item]) -> None:
        for bound in islice(self._bounds, bisect_right(self._bounds, most)):
            found.update(self._buckets[bound])

    def collect_from(self, least: Any, found: Bucket[Item]) -> None:
        for bound in islice(self._bounds, bisect_left(self._bounds, least), None):
            found.update(self._buckets[bound])


class Grid(Generic[Item]):
    """Items, each with a range of numbers no further than REACH_MAX from zero."""

    __slots__ = ("_levels",)

    def __init__(self) -> None:
        self._levels: dict[int, dict[int, Bucket[Item]]] = {}

    def __bool__(self) -> bool:
        return bool(self._levels)

    def add(self, low: float, high: float, item: Item) -> None:
        level = _level(low, high)
        for cell in _cells(level, low, high):
            self._levels.setdefault(level, {}).setdefault(cell, {})[item] = None

    def discard(self, low: float, high: float, item: Item) -> None:
        level = _level(low, high)
        buckets = self._levels.get(level, {})
        for cell in _cells(level, low, high):
            if cell in buckets:
                buckets[cell].pop(item, None)
                if not buckets[cell]:
                    del buckets[cell]
        if not buckets:
            self._levels.pop(level, None)

    def collect(self, least: float, most: float, found: Bucket[Item]) -> None:
        for level, buckets in self._levels.items():
            cells = _cells(level, least, most)
            # Not len(), which a range of more than 2**63 does not have.
            few = cells.stop - cells.start <= CELLS_MAX
            for cell in cells if few else buckets:
                if cell in buckets:
                    found.update(buckets[cell])

    def crowd(self, low: float, high: float) -> int:
        """How many items are found together with one of this range, at most."""
        level = _level(low, high)
        buckets = self._levels.get(level, {})
        return max((len(buckets.get(cell, ())) for cell in _cells(level, low, high)), default=0)


class Ranges(Generic[Item]):
    """Items, each with a range of numbers or of strings; a bound of None is no bound."""

    __slots__ = ("_ends", "_grid", "_starts")

    def __init__(self) -> None:
        self._starts: Thresholds[Item] = Thresholds()
        self._ends: Thresholds[Item] = Thresholds()
        self._grid: Grid[Item] = Grid()

    def __bool__(self) -> bool:
        return bool(self._starts.size or self._ends.size or self._grid)

    def add(self, low: Any, high: Any, item: Item) -> None:
        if low is None:
            self._ends.add(high, item)
        elif _fits_grid(low, high):
            self._grid.add(float(low), float(high), item)
        else:
            self._starts.add(low, item)

    def discard(self, low: Any, high: Any, item: Item) -> None:
        if low is None:
            self._ends.discard(high, item)
        elif _fits_grid(low, high):
            self._grid.discard(float(low), float(high), item)
        else:
            self._starts.discard(low, item)

    def collect(self, least: Any, most: Any, found: Bucket[Item]) -> None:
        """Add what may hold a value of which it is known that it lies from least to most."""
        self._starts.collect_up_to(most, found)
        self._ends.collect_from(least, found)
        if self._grid and least <= REACH_MAX and most >= -REACH_MAX:
            least, most = max(least, -REACH_MAX), min(most, REACH_MAX)
            self._grid.collect(float(least), float(most), found)

    def crowd(self, low: Any, high: Any) -> float:
        """How many items are likely to be found together with one of this range."""
        if low is not None and _fits_grid(low, high):
            return self._grid.crowd(float(low), float(high))
        # Of the ranges that are open on one side, a value lies in every second.
        return (self._starts.size + self._ends.size) / 2


def _fits_grid(low: Any, high: Any) -> bool:
    if high is None or isinstance(low, str):
        return False
    return bool(-REACH_MAX <= low <= REACH_MAX and -REACH_MAX <= high <= REACH_MAX)


def _level(low: float, high: float) -> int:
    return max(LEVEL_MIN, math.frexp(high - low)[1])


def _cells(level: int, low: float, high: float) -> range:
    return range(math.floor(math.ldexp(low, -level)), math.floor(math.ldexp(high, -level)) + 1)
