"""A bucket: bindings that a routing key leads to, of which filters pick.

Bindings without a filter match whatever comes; those with one are in an index, which evaluates
only the filters that a message may match. Every exchange type keeps its bindings in buckets: one
for each routing key, one for each end of a topic pattern, one for all.
"""

from __future__ import annotations

from collections.abc import Iterable

from warrener.exchange.binding import Binding
from warrener.exchange.filters.filter import Filter
from warrener.exchange.filters.index import NO_WORK, FilterIndex, FilterWork
from warrener.exchange.message import Properties


class Bucket:
    """Bindings, with and without a filter."""

    __slots__ = ("_filtered", "_plain")

    def __init__(self) -> None:
        self._plain: dict[Binding, None] = {}
        self._filtered: FilterIndex[Binding] | None = None

    def __bool__(self) -> bool:
        return bool(self._plain) or self._filtered is not None

    def add(self, binding: Binding) -> None:
        if binding.filter is None:
            self._plain[binding] = None
            return
        if self._filtered is None:
            self._filtered = FilterIndex()
        self._filtered.add(binding.filter, binding)

    def remove(self, binding: Binding) -> None:
        if binding.filter is None:
            del self._plain[binding]
            return
        assert self._filtered is not None, "a binding is removed from where it was added"
        self._filtered.remove(binding.filter, binding)
        if not len(self._filtered):
            self._filtered = None

    def work(self, filter: Filter) -> FilterWork:
        """What a filter of a binding here has done; nothing if it has gone."""
        return NO_WORK if self._filtered is None else self._filtered.work(filter)

    def match(self, properties: Properties, now: int) -> Iterable[Binding]:
        """The bindings that a message published at `now`, in ms since 1970, follows."""
        if self._filtered is None:
            return self._plain
        return [*self._plain, *self._filtered.match(properties, now=now)]
