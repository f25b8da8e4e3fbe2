"""The lines of a queue: for each filter among its consumers, the messages that match it.

Which lines a message stands in says who may have it; one that nobody may have now stands in none.
A message is held against the filters once, when it comes to stand in line (an index finds those
that match), so one that nobody wants costs nothing from then on: it blocks none, and waits for a
consumer that wants it or for a `get`.

A consumer with a new filter finds messages that came before it: they are examined in slices
(examination.py), and until that is done, its line gives out what lies before the place reached.

A message may stand in several lines. Whoever takes it first has it; the places left behind in
other lines are passed over when they come up. So is the place of a message that has been given
back since, for its place says that it is redelivered, and a filter may ask that.

A filter that reads the clock is asked once, when the message comes to stand in line, and not
again later.
"""

from __future__ import annotations

import heapq
from collections.abc import Container, Iterator, Mapping

from warrener.exchange.filters.filter import Filter
from warrener.exchange.filters.index import FilterIndex, FilterWork
from warrener.exchange.message import Message
from warrener.exchange.queues.examination import Examination
from warrener.exchange.queues.places import Places
from warrener.exchange.queues.waiting import MessageOrPosition, Waiting


class Line(Places):
    """The places that match one filter, or all of them if there is none.

    `examination` holds messages that were there before the filter against it: until a message has
    been, none behind it is given out.
    """

    __slots__ = ("consumers", "examination", "filter")

    def __init__(self, filter: Filter | None, places: list[int] | None = None) -> None:
        super().__init__(places)
        self.filter = filter
        self.examination: Examination | None = None
        self.consumers = 0

    def first(self, valid: Container[int]) -> int | None:
        place, examination = super().first(valid), self.examination
        if place is None or examination is None or examination.has_passed(place):
            return place
        return None

    def pop(self, standing: Mapping[int, MessageOrPosition]) -> int | None:
        """Take out the lowest place that still stands in line, if it may be given out."""
        heap, examination = self.heap, self.examination
        while heap and (examination is None or examination.has_passed(heap[0])):
            place = heapq.heappop(heap)
            if place in standing:
                return place
        return None


class Lines:
    """All lines of one queue."""

    __slots__ = ("_by_filter", "_everything", "_examination", "_index", "_next", "_waiting")

    def __init__(self, waiting: Waiting) -> None:
        self._waiting = waiting
        self._by_filter: dict[Filter, Line] = {}
        self._index: FilterIndex[Line] = FilterIndex()
        self._everything: Line | None = None
        """The line of consumers without a filter, made when the first one asks."""
        self._examination: Examination | None = None
        self._next = Examination()
        """That of filters which have come since the other one began."""

    def __iter__(self) -> Iterator[Line]:
        """The lines of consumers with filters."""
        return iter(self._by_filter.values())

    @property
    def selective(self) -> bool:
        """Whether any consumer has a filter, so that a message has to be looked at."""
        return bool(self._by_filter)

    def join(self, filter: Filter) -> None:
        """A consumer with this filter is there."""
        line = self._by_filter.get(filter)
        if line is None:
            line = self._by_filter[filter] = Line(filter)
            self._index.add(filter, line)
            if self._waiting.standing:
                self._next.add(line, filter)
        line.consumers += 1

    def leave(self, filter: Filter) -> None:
        """A consumer with this filter is gone."""
        line = self._by_filter[filter]
        line.consumers -= 1
        if not line.consumers:
            del self._by_filter[filter]
            self._index.remove(filter, line)
            if line.examination is not None:
                line.examination.discard(line)

    @property
    def examining(self) -> bool:
        """Whether messages are still to be held against a filter that came later."""
        return bool(self._examination or self._next)

    def examination(self) -> Examination | None:
        """What is to be examined now; None if nothing is."""
        if self._examination is not None and self._examination.over:
            self._examination.end()
        if not self._examination and self._next:
            self._examination, self._next = self._next, Examination()
            self._examination.begin(sorted(self._waiting.standing))
        return self._examination or None

    def work(self, filter: Filter) -> FilterWork:
        """What the filter of a consumer here has done to messages that came to stand in line."""
        return self._index.work(filter)

    def of(self, filter: Filter | None) -> Line:
        """The line for consumers with this filter."""
        if filter is not None:
            return self._by_filter[filter]
        if self._everything is None:
            self._everything = Line(None, sorted(self._waiting.standing))
        return self._everything

    def stand(self, place: int, message: Message | None, now: int) -> None:
        """Have a message stand in the lines of those who want it.

        It is None if nobody knows what it says, and is then for those who want everything.
        """
        if message is not None and self._by_filter:
            for line in self._index.match(message.properties, bool(place & 1), now):
                line.push(place, self._waiting.standing)
        if self._everything is not None:
            self._everything.push(place, self._waiting.standing)

    def clear(self) -> None:
        self._everything = None
        for examination in (self._examination, self._next):
            if examination is not None:
                examination.end()
        self._examination, self._next = None, Examination()
        for line in self._by_filter.values():
            line.heap.clear()
