"""A history: what was counted over the last minutes, in little memory.

Readings are kept as they were for RECENT_S, and older ones at most COARSE_S apart until HISTORY_S;
between two readings values are on a line. A reading is kept only if something has changed, so a
stretch without changes is two readings however long it is.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Sequence

HISTORY_S = 600
RECENT_S = 65
COARSE_S = 30


class History:
    """Readings of the values of one thing, each at a time in seconds."""

    __slots__ = ("_settled", "_times", "_values", "_width")

    def __init__(self, width: int) -> None:
        self._width = width
        self._times = array("d")
        self._values = array("d")
        self._settled = 0
        """How many readings at the beginning are old, and far enough from each other."""

    def __len__(self) -> int:
        return len(self._times)

    @property
    def last_at(self) -> float:
        """When something had changed last."""
        return self._times[-1]

    def add(self, at: float, values: Sequence[float]) -> None:
        """Keep a reading that is newer than all others; an older one is passed by."""
        if self._times and at <= self._times[-1]:
            return
        self._times.append(at)
        self._values.extend(values)
        self._thin(at)

    def value(self, at: float, place: int) -> float:
        """The value at a time; before the first and after the last reading it is that of those."""
        after = bisect_right(self._times, at)
        if after in (0, len(self._times)):
            return self._value(max(0, after - 1), place)
        before = after - 1
        first, second = self._value(before, place), self._value(after, place)
        part = (at - self._times[before]) / (self._times[after] - self._times[before])
        return first + (second - first) * part

    def _value(self, reading: int, place: int) -> float:
        return self._values[reading * self._width + place]

    def _thin(self, now: float) -> None:
        times = self._times
        while times[self._settled] < now - RECENT_S:
            place = self._settled
            if place and times[place + 1] - times[place - 1] <= COARSE_S:
                self._drop(place)
            else:
                self._settled += 1
        while len(times) > 1 and times[1] <= now - HISTORY_S:
            self._drop(0)
            self._settled -= 1

    def _drop(self, place: int) -> None:
        del self._times[place]
        del self._values[place * self._width : (place + 1) * self._width]
