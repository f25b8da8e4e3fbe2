"""An examination: filters that came late are tried on the messages that were there before them.

The messages are looked at in order and in slices, so that a long queue does not hold up the broker.
Filters that have come since the last examination began share one: each message is looked at once
for all of them, and an index finds those that it may match. Until a message has been looked at, the
lines of these filters give out nothing that is behind it.

One examination is under way at a time. Whoever comes meanwhile waits for the next, so that a slice
is no larger for many consumers than for one. What a slice may cost is counted in parts of filters
that were evaluated and in bytes that may have been decoded for it, so that it takes no longer for
filters or headers that are large.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from warrener.exchange.filters.index import FilterIndex
from warrener.exchange.message import Message

if TYPE_CHECKING:
    from warrener.exchange.filters.filter import Filter
    from warrener.exchange.queues.lines import Line
    from warrener.exchange.queues.waiting import MessageOrPosition

PARTS_MAX = 10_000
"""Parts of filters that are evaluated in one slice: some ten milliseconds at most."""
BYTES_A_PART = 100
"""So many bytes of headers take as long to decode as a part to evaluate."""
READ_TOGETHER = 50
"""Messages that are read together, at most."""

Entries = Sequence[tuple[int, "MessageOrPosition"]]


class Examination:
    """Some lines, and the messages that are to be held against their filters."""

    __slots__ = ("_at", "_index", "_largest", "_lines", "_places")

    def __init__(self) -> None:
        self._index: FilterIndex[Line] = FilterIndex()
        self._lines: dict[Line, Filter] = {}
        self._places: Sequence[int] | None = None
        """In order; None until it begins."""
        self._at = 0
        self._largest = 0
        """The parts of the largest filter."""

    def __bool__(self) -> bool:
        """Whether there is still a line."""
        return bool(self._lines)

    @property
    def begun(self) -> bool:
        return self._places is not None

    @property
    def over(self) -> bool:
        """Whether all messages have been looked at."""
        return self._places is not None and self._at >= len(self._places)

    def has_passed(self, place: int) -> bool:
        """Whether all messages before a place have been looked at."""
        if self._places is None:
            return False
        return self._at >= len(self._places) or place <= self._places[self._at]

    def add(self, line: Line, filter: Filter) -> None:
        """Take in a line, before it begins."""
        assert not self.begun, "its first messages would be missed"
        self._index.add(filter, line)
        self._lines[line] = filter
        self._largest = max(self._largest, filter.parts)
        line.examination = self

    def discard(self, line: Line) -> None:
        """The consumers of a line have gone."""
        self._index.remove(self._lines.pop(line), line)
        line.examination = None

    def begin(self, places: Sequence[int]) -> None:
        """Look at the messages at these places, which are in order."""
        self._places = places

    def look(
        self,
        most: int,
        standing: Mapping[int, MessageOrPosition],
        read: Callable[[Entries], Mapping[int, Message]],
        now: int,
    ) -> Iterator[int]:
        """Look at a slice of the messages that still stand in line, at most so many.

        Yields the places of those that the store cannot read.
        """
        assert self._places is not None, "it has begun"
        left, together = PARTS_MAX, min(most, READ_TOGETHER)
        while most > 0 and left > 0 and self._lines and not self.over:
            places = self._places[self._at : self._at + together]
            messages = read([(place, standing[place]) for place in places if place in standing])
            for place in places:
                if most <= 0 or left <= 0:
                    break
                self._at += 1
                most -= 1
                if place in messages:
                    left -= self._try(place, messages[place], standing, now)
                elif place in standing:
                    yield place

    def _try(
        self, place: int, message: Message, standing: Mapping[int, MessageOrPosition], now: int
    ) -> int:
        """Have a message stand in the lines whose filters match; returns what it has cost."""
        before = self._index.evaluations
        for line in self._index.match(message.properties, bool(place & 1), now):
            line.push(place, standing)
        # Which filters were evaluated is not known: as if it were the largest each time.
        evaluated = (self._index.evaluations - before) * self._largest
        return 1 + evaluated + len(message.content) // BYTES_A_PART

    def end(self) -> None:
        """Let the lines go."""
        for line in self._lines:
            line.examination = None
        self._lines.clear()
