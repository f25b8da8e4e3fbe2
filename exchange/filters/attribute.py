"""The filters that ask something of one header or property, found by its value.

    Equals       a dictionary for each kind of value, as TRUE and 1 are one key to Python
    StartsWith   a dictionary for each length of prefix in use
    Within       ranges.py
    IsPresent    all, whatever the value

A number that is a single is compared with a constant rounded to a single (values.py), so numbers
are filed a second time under that; in ranges it is looked for with some room on both sides, and a
Decimal likewise.
"""

import math
import sys
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Generic

from warrener.exchange.filters import values
from warrener.exchange.filters.access import Equals, IsPresent, Key, StartsWith, Within
from warrener.exchange.filters.ranges import Bucket, Item, Ranges

SINGLE_MAX = 3.4028234663852886e38

Buckets = dict[Any, Bucket[Item]]


class AttributeIndex(Generic[Item]):
    """Items, each with keys about one attribute."""

    __slots__ = (
        "_booleans",
        "_keys",
        "_number_ranges",
        "_numbers",
        "_prefix_lengths",
        "_prefixes",
        "_present",
        "_singles",
        "_text_ranges",
        "_texts",
    )

    def __init__(self) -> None:
        self._texts: Buckets[Item] = {}
        self._numbers: Buckets[Item] = {}
        self._singles: Buckets[Item] = {}
        self._booleans: Buckets[Item] = {}
        self._prefixes: Buckets[Item] = {}
        self._prefix_lengths: dict[int, int] = {}
        self._number_ranges: Ranges[Item] = Ranges()
        self._text_ranges: Ranges[Item] = Ranges()
        self._present: Bucket[Item] = {}
        self._keys = 0

    def __bool__(self) -> bool:
        return self._keys > 0

    def collect(self, value: object, found: Bucket[Item]) -> None:
        """Add the items of which a key may hold for `value`, which is not NULL."""
        if self._present:
            found.update(self._present)
        if isinstance(value, str):
            self._collect_text(value, found)
        elif isinstance(value, bool):
            found.update(self._booleans.get(value, _NONE))
        elif values.is_number(value) and not values.is_unknown(value):
            self._collect_number(value, found)

    def _collect_text(self, value: str, found: Bucket[Item]) -> None:
        found.update(self._texts.get(value, _NONE))
        for length in self._prefix_lengths:
            found.update(self._prefixes.get(value[:length], _NONE))
        if self._text_ranges:
            self._text_ranges.collect(value, value, found)

    def _collect_number(self, value: Any, found: Bucket[Item]) -> None:
        if values.is_single(value):
            found.update(self._singles.get(value, _NONE))
        else:
            found.update(self._numbers.get(value, _NONE))
        if isinstance(value, Decimal):
            found.update(self._numbers.get(float(value), _NONE))
        if self._number_ranges:
            least, most = _surroundings(value)
            self._number_ranges.collect(least, most, found)

    def add(self, key: Key, item: Item) -> None:
        """File an item under a key; each key of an item once."""
        self._keys += 1
        if isinstance(key, Within):
            self._ranges(key).add(key.low, key.high, item)
        elif isinstance(key, IsPresent):
            self._present[item] = None
        else:
            for buckets, name in self._homes(key):
                buckets.setdefault(name, {})[item] = None
        if isinstance(key, StartsWith):
            self._count_prefix(len(key.prefix), +1)

    def remove(self, key: Key, item: Item) -> None:
        """Undo `add`."""
        self._keys -= 1
        if isinstance(key, Within):
            self._ranges(key).discard(key.low, key.high, item)
        elif isinstance(key, IsPresent):
            self._present.pop(item, None)
        else:
            for buckets, name in self._homes(key):
                bucket = buckets.get(name, {})
                bucket.pop(item, None)
                if not bucket:
                    buckets.pop(name, None)
        if isinstance(key, StartsWith):
            self._count_prefix(len(key.prefix), -1)

    def crowd(self, key: Key) -> float:
        """How many items are likely to be found together with one that has this key."""
        if isinstance(key, Within):
            return self._ranges(key).crowd(key.low, key.high)
        if isinstance(key, IsPresent):
            return len(self._present)
        return max((len(buckets.get(name, ())) for buckets, name in self._homes(key)), default=0)

    def _homes(self, key: Key) -> Iterator[tuple[Buckets[Item], object]]:
        """The buckets of a key that is not a range."""
        if isinstance(key, StartsWith):
            yield self._prefixes, key.prefix
        elif isinstance(key, Equals):
            for constant in key.constants:
                if isinstance(constant, str):
                    yield self._texts, constant
                elif isinstance(constant, bool):
                    yield self._booleans, constant
                else:
                    yield self._numbers, constant
                    yield self._singles, values.to_single(constant)

    def _ranges(self, key: Within) -> Ranges[Item]:
        is_text = isinstance(key.low, str) or isinstance(key.high, str)
        return self._text_ranges if is_text else self._number_ranges

    def _count_prefix(self, length: int, difference: int) -> None:
        count = self._prefix_lengths.get(length, 0) + difference
        if count:
            self._prefix_lengths[length] = count
        else:
            del self._prefix_lengths[length]


_NONE: Bucket[Any] = {}


def _surroundings(value: Any) -> tuple[Any, Any]:
    """Between which numbers lie the constants that may be equal to `value`.

    For an int or a double that is the value itself; for a single also what is rounded to it, and
    for a Decimal what it is rounded to.
    """
    if isinstance(value, Decimal):
        return _widened(float(value), 2**-52, sys.float_info.max)
    if values.is_single(value):
        return _widened(float(value), 2**-23, SINGLE_MAX)
    return value, value


def _widened(value: float, precision: float, finite_max: float) -> tuple[float, float]:
    if math.isinf(value):
        return (finite_max, value) if value > 0 else (value, -finite_max)
    # The least positive single is 1.4e-45.
    margin = abs(value) * precision + 1.4e-45
    return value - margin, value + margin
