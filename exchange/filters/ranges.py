"""Which of many ranges hold a value, without looking at the others.

A range with one bound is found in a sorted list of bounds: those that hold a value are one end of
the list. A range with two bounds is found in a grid. Its length decides its level, the least e
with length <= 2**e, and the level is cut into cells of 2**e each, so that a range lies in at most
two cells of its level. To find the ranges that hold a value, one cell is looked up on each level
that is in use; what lies in that cell but does not hold the value is no longer than the cell, so
it is never far off. Unlike an interval tree, the grid needs no balancing and no rebuilding when
filters come and go.

What is found is only a candidate: strictness of the bounds is left to the filter.
"""

import math
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable
from itertools import islice
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")
# Items in the order of insertion.
Bucket = dict[Item, None]

# Shorter ranges share the cells of this length.
LEVEL_MIN = -40
# Ranges that reach further are found by their lower bound alone.
REACH_MAX = 1e200
# A value that is known only roughly may lie in several cells; from here on all are looked at.
CELLS_MAX = 8


class Ranges(Generic[Item]):
    """Ranges of numbers or ranges of strings, each with an item."""

    __slots__ = ("_grid", "_highs", "_lows")

    def __init__(self) -> None:
        self._lows: Thresholds[Item] = Thresholds()
        self._highs: Thresholds[Item] = Thresholds()
        self._grid: Grid[Item] = Grid()

    def __bool__(self) -> bool:
        return bool(self._lows or self._highs or self._grid)

    def add(self, low: Any, high: Any, item: Item) -> None:
        home, bounds = self._home(low, high)
        home.add(*bounds, item)
'''
echo
