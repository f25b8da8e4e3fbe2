"""Many filters, of which the matching ones are found without evaluating the others.

With ten thousand bindings `region = 'R<i>' AND amount > <j>` on an exchange, a message looks its
region up and evaluates the filter it finds there. Theory of operation: each filter is filed under
one of its accesses (access.py), a claim that must hold for it to match; a message visits the
attributes that any filter is filed under and takes what its values lead to; these candidates, and
the filters that have no access, are evaluated.

Which of its accesses a filter is filed under is decided when it is added, by the crowd that it
would join there: after the first of ten thousand filters `type = 'order' AND customer = 'C<i>'`,
the others choose the customer. Filters of equal text are one entry, evaluated once for all values.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar
from weakref import WeakSet

from warrener.exchange.filters.access import Access, Attribute, IsPresent, accesses, rank
from warrener.exchange.filters.attribute import AttributeIndex
from warrener.exchange.filters.failing import note_failure
from warrener.exchange.filters.fields import (
    NO_HEADERS,
    Field,
    Headers,
    Message,
    MessageProperties,
)
from warrener.exchange.filters.filter import Filter
from warrener.exchange.filters.recursion import room_to_recurse

Value = TypeVar("Value", bound=Hashable)


@dataclass(frozen=True, slots=True)
class IndexStatistics:
    """What an index holds, and what it has done since it was made.

    Attributes:
        filters: different filters.
        values: (filter, value) pairs.
        unindexed: filters without an access, which are evaluated for every message.
        messages: calls of `match`.
        evaluations: filters that were evaluated for them.
        matches: values that were returned.
        unmatched: messages for which no value was.
    """

    filters: int
    values: int
    unindexed: int
    messages: int
    evaluations: int
    matches: int
    unmatched: int


@dataclass(slots=True)
class Work:
    """What filters have done; the names are those of IndexStatistics."""

    messages: int = 0
    evaluations: int = 0
    matches: int = 0
    unmatched: int = 0


@dataclass(frozen=True, slots=True)
class FilterWork:
    """What one filter has done in one index.

    Attributes:
        evaluations: messages that it was evaluated for.
        matches: those for which it was TRUE.
        again: evaluates it once more for the message that was the last; None before the first.
            So whoever has a clock can say what an evaluation costs, and nobody pays who does not
            ask.
        errors: messages for which it raised an exception, and so did not match.
    """

    evaluations: int
    matches: int
    again: Callable[[], object] | None
    errors: int = 0


NO_WORK = FilterWork(0, 0, None)

_alive: WeakSet["FilterIndex[Any]"] = WeakSet()
_gone = Work()
"""What the indexes have done that are gone: a sum over all must not fall."""


def work_done() -> Work:
    """The work of all indexes of this process, also of those that are gone."""
    done = Work()
    for each in (_gone, *[index._work for index in _alive]):
        _add(done, each)
    return done


def _add(total: Work, more: Work) -> None:
    total.messages += more.messages
    total.evaluations += more.evaluations
    total.matches += more.matches
    total.unmatched += more.unmatched


class FilterIndex(Generic[Value]):
    """(filter, value) pairs; `match` gives the values of the filters that a message matches."""

    __slots__ = (
        "__weakref__",
        "_entries",
        "_fields",
        "_headers",
        "_unindexed",
        "_values",
        "_work",
    )

    def __init__(self) -> None:
        self._entries: dict[Filter, _Entry[Value]] = {}
        self._headers: dict[str, AttributeIndex[_Entry[Value]]] = {}
        self._fields: dict[Field, AttributeIndex[_Entry[Value]]] = {}
        self._unindexed: dict[_Entry[Value], None] = {}
        self._values = 0
        self._work = Work()
        _alive.add(self)

    def __del__(self) -> None:
        _add(_gone, self._work)

    def __len__(self) -> int:
        return self._values

    def match(
        self, properties: MessageProperties, redelivered: bool = False, now: int | None = None
    ) -> list[Value]:
        """The values whose filter matches, each (filter, value) once.

        Values of one filter come in the order in which they were added, filters in no particular
        one. The arguments are those of Filter.matches.
        """
        headers = properties.headers or NO_HEADERS
        message = properties, redelivered, now
        try:
            found = self._candidates(headers, message)
        except Exception as error:
            # The index only saves evaluations.
            note_failure("index of filters", None, error, now)
            found = dict.fromkeys(self._entries.values())
        matching: list[Value] = []
        for entry in found:
            entry.last = message
            try:
                # One addition either way: evaluations are the sum of both.
                if entry.test(headers, message):
                    entry.matches += 1
                    matching += entry.values
                else:
                    entry.refusals += 1
            except Exception as error:
                entry.refusals += 1
                entry.errors += 1
                note_failure(entry.filter.sql, entry.filter.tags, error, now)
        work = self._work
        work.messages += 1
        work.evaluations += len(found)
        work.matches += len(matching)
        work.unmatched += not matching
        return matching

    def _candidates(self, headers: Headers, message: Message) -> "dict[_Entry[Value], None]":
        """The filters that the message may match."""
        found = self._unindexed.copy()
        indexed = self._headers
        for name in headers if len(headers) < len(indexed) else indexed:
            value = headers.get(name)
            if value is not None and name in indexed:
                indexed[name].collect(value, found)
        for field, attribute in self._fields.items():
            attribute.collect(field.read(message), found)
        return found

    def add(self, filter: Filter, value: Value) -> None:
        """Add a value; the same value may be there with other filters."""
        entry = self._entries.get(filter)
        if entry is None:
            entry = self._entries[filter] = _Entry(filter, self._best_access(filter))
            self._file(entry)
        assert value not in entry.values, f"{value!r} is there with {filter!r}"
        entry.values[value] = None
        self._values += 1

    def remove(self, filter: Filter, value: Value) -> None:
        """Remove a value that was added with this filter."""
        entry = self._entries[filter]
        del entry.values[value]
        self._values -= 1
        if not entry.values:
            del self._entries[filter]
            self._unfile(entry)

    def work(self, filter: Filter) -> FilterWork:
        """What a filter has done here since its first value was added; nothing if it has gone."""
        entry = self._entries.get(filter)
        if entry is None:
            return NO_WORK
        again = None
        if entry.last is not None:
            again = partial(filter.passes, entry.last[0].headers or NO_HEADERS, entry.last)
        return FilterWork(entry.matches + entry.refusals, entry.matches, again, entry.errors)

    @property
    def evaluations(self) -> int:
        """How many filters have been evaluated here."""
        return self._work.evaluations

    def statistics(self) -> IndexStatistics:
        work = self._work
        return IndexStatistics(
            filters=len(self._entries),
            values=self._values,
            unindexed=len(self._unindexed),
            messages=work.messages,
            evaluations=work.evaluations,
            matches=work.matches,
            unmatched=work.unmatched,
        )

    def _file(self, entry: "_Entry[Value]") -> None:
        if entry.access is None:
            self._unindexed[entry] = None
            return
        for key in entry.access:
            attribute = self._attribute(key.attribute)
            if attribute is None:
                attribute = AttributeIndex()
                if isinstance(key.attribute, Field):
                    self._fields[key.attribute] = attribute
                else:
                    self._headers[key.attribute] = attribute
            attribute.add(key, entry)

    def _unfile(self, entry: "_Entry[Value]") -> None:
        if entry.access is None:
            del self._unindexed[entry]
            return
        for key in entry.access:
            attribute = self._attribute(key.attribute)
            assert attribute is not None
            attribute.remove(key, entry)
            if attribute:
                continue
            if isinstance(key.attribute, Field):
                del self._fields[key.attribute]
            else:
                del self._headers[key.attribute]

    def _best_access(self, filter: Filter) -> Access | None:
        """The access with the smallest crowd; None if the filter has none."""
        with room_to_recurse():
            found = [access for selector in filter.selectors for access in accesses(selector)]
        # Every message that has the attribute would come by: only where nothing else is known.
        narrow = [access for access in found if not _is_wide(access)]
        return min(narrow or found, key=self._crowd, default=None)

    def _crowd(self, access: Access) -> tuple[float, tuple[int, int]]:
        crowd = 0.0
        for key in access:
            attribute = self._attribute(key.attribute)
            crowd += attribute.crowd(key) if attribute is not None else 0
        return crowd, rank(access)

    def _attribute(self, name: Attribute) -> AttributeIndex["_Entry[Value]"] | None:
        return self._fields.get(name) if isinstance(name, Field) else self._headers.get(name)


def _is_wide(access: Access) -> bool:
    return any(isinstance(key, IsPresent) for key in access)


class _Entry(Generic[Value]):
    """A filter, what it is filed under, its values, and what it has done."""

    __slots__ = ("access", "errors", "filter", "last", "matches", "refusals", "test", "values")

    def __init__(self, filter: Filter, access: Access | None) -> None:
        self.filter = filter
        self.test = filter.test
        self.access = access
        self.errors = 0
        self.values: dict[Value, None] = {}
        self.matches = 0
        self.refusals = 0
        self.last: Message | None = None
