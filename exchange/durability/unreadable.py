"""Records that could not be interpreted at a start: they are kept, reported, and nothing else.

A record comes back from the store as it was written; damage is found there. If what it says cannot
be taken up again nevertheless (a filter that no longer compiles, a type that is not registered, a
mistake of ours), the start goes on without it. It is never dropped in silence: the store holds it
until somebody who has looked at it gives it up (`drop`), and the next start tries it again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from warrener.exchange.durability.definitions import ENDS
from warrener.exchange.durability.ledger import Ledger
from warrener.exchange.durability.records import Kind
from warrener.exchange.failures import Owner, describe

Fields = Mapping[str, Any]

END_OF = {begin: end for end, begin in ENDS.items()}


@dataclass(slots=True)
class Record:
    """What could not be interpreted."""

    position: int
    """Where it is; the first position of several records that begin alike."""
    count: int
    kind: int
    fields: Fields | None
    """What it says, if it is a table that could be read."""
    error: str

    @property
    def title(self) -> str:
        try:
            return Kind(self.kind).name
        except ValueError:
            return f"kind {self.kind}"


class UnreadableRecords:
    """Those of one start that are still kept."""

    __slots__ = ("_ledger", "_records")

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._records: dict[int, tuple[Record, Sequence[int]]] = {}

    def __iter__(self) -> Iterator[Record]:
        return iter([record for record, _ in self._records.values()])

    def __len__(self) -> int:
        return len(self._records)

    def keep(
        self,
        kind: int,
        positions: Sequence[int],
        error: Exception,
        fields: Fields | None = None,
        vhost: str = "",
    ) -> None:
        """The records at `positions` could not be interpreted because of `error`."""
        for position in positions:
            self._ledger.hold(position)
        record = Record(positions[0], len(positions), int(kind), fields, describe(error))
        self._records[record.position] = record, tuple(positions)
        owner = Owner("record", f"{record.title} at {record.position}", vhost)
        self._ledger.failures.note(owner, error, self._ledger.now_ms)

    def drop(self, position: int) -> bool:
        """Give up the record at `position`; returns whether it was kept here."""
        if position not in self._records:
            return False
        record, positions = self._records.pop(position)
        end = END_OF.get(Kind(record.kind)) if record.fields else None
        if end is None or record.fields is None:
            for each in positions:
                self._ledger.forget(each)
        else:
            self._ledger.write_end(end, record.fields, position)
        return True
