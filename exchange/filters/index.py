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

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from weakref import WeakSet

from warrener.exchange.filters.access import Access, Attribute, IsPresent, accesses, rank
from warrener.exchange.filters.attribute import AttributeIndex
from warrener.exchange.filters.fields import NO_HEADERS, Field, MessageProperties
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
    """

    filters: int
    values: int
    unindexed: int
    messages: int
    evaluations: int
    matches: int


@dataclass(slots=True)
class Work:
    """Evaluations and matches: what filters have cost, and what came of it."""

    evaluations: int = 0
    matches: int = 0


_alive: WeakSet["FilterIndex[Any]"] = WeakSet()
_gone = Work()
"""What the indexes have done that are gone: a sum over all must not fall."""


def work_done() -> Work:
    """The work of all indexes of this process, also of those that are gone."""
    return Work(
        _gone.evaluations + sum([index._evaluations for index in _alive]),
        _gone.matches + sum([index._matches for index in _alive]),
    )


class FilterIndex(Generic[Value]):
    """(filter, value) pairs; `match` gives the values of the filters that a message matches."""

    __slots__ = (
        "__weakref__",
        "_entries",
        "_evaluations",
        "_fields",
        "_headers",
        "_matches",
        "_messages",
        "_unindexed",
        "_values",
    )

    def __init__(self) -> None:
        self._entries: dict[Filter, _Entry[Value]] = {}
        self._headers: dict[str, AttributeIndex[_Entry[Value]]] = {}
        self._fields: dict[Field, AttributeIndex[_Entry[Value]]] = {}
        self._unindexed: dict[_Entry[Value], None] = {}
        self._values = 0
        self._messages = 0
        self._evaluations = 0
        self._matches = 0
        _alive.add(self)

    def __del__(self) -> None:
        _gone.evaluations += self._evaluations
        _gone.matches += self._matches

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
        found = self._unindexed.copy()
        indexed = self._headers
        for name in headers if len(headers) < len(indexed) else indexed:
            value = headers.get(name)
            if value is not None and name in indexed:
                indexed[name].collect(value, found)
        for field, attribute in self._fields.items():
            attribute.collect(field.read(message), found)
        matching = [
            value for entry in found if entry.test(headers, message) for value in entry.values
        ]
        self._messages += 1
        self._evaluations += len(found)
        self._matches += len(matching)
        return matching

    def add(self, filter: Filter, value: Value) -> None:
        """Adds a value; the same value may be there with other filters."""
        entry = self._entries.get(filter)
        if entry is None:
            entry = self._entries[filter] = _Entry(filter, self._best_access(filter))
            self._file(entry)
        assert value not in entry.values, f"{value!r} is there with {filter!r}"
        entry.values[value] = None
        self._values += 1

    def remove(self, filter: Filter, value: Value) -> None:
        """Removes a value that was added with this filter."""
        entry = self._entries[filter]
        del entry.values[value]
        self._values -= 1
        if not entry.values:
            del self._entries[filter]
            self._unfile(entry)

    def statistics(self) -> IndexStatistics:
        return IndexStatistics(
            filters=len(self._entries),
            values=self._values,
            unindexed=len(self._unindexed),
            messages=self._messages,
            evaluations=self._evaluations,
            matches=self._matches,
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
    """A filter, what it is filed under, and its values."""

    __slots__ = ("access", "test", "values")

    def __init__(self, filter: Filter, access: Access | None) -> None:
        self.test = filter.test
        self.access = access
        self.values: dict[Value, None] = {}
