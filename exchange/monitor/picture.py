"""A picture: what is on the screen, as plain values, from which `screen` makes lines.

It brings together the state, the latest snapshot, what was remembered, and the room there is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from warrener.exchange.monitor.history import History
from warrener.exchange.monitor.printing import plain
from warrener.exchange.monitor.search import Search
from warrener.exchange.monitor.snapshot import Document, Snapshot
from warrener.exchange.monitor.state import State
from warrener.exchange.monitor.views import Column


@dataclass(frozen=True, slots=True)
class Picture:
    """What one frame shows."""

    state: State
    snapshot: Snapshot
    history: History
    width: int
    height: int | None = None
    """Lines there are; None for as many as it takes."""
    events: Sequence[Document] = ()
    problem: str = ""
    """Why there is nothing newer than the snapshot."""
    answers: dict[str, Any] = field(default_factory=dict)
    """What was answered to requests of the user."""

    @property
    def columns(self) -> list[Column]:
        """The columns of the view that fit."""
        return [
            each
            for each in self.state.table.columns
            if each.least <= self.width and each.toggled in ("", self.state.shown)
        ]

    @property
    def rows(self) -> Sequence[Document]:
        """The rows of the view that are wanted, in the order that is wanted."""
        state = self.state
        rows = self.events if state.view == "events" else self.snapshot.rows
        if self.snapshot.view != state.view and state.view != "events":
            return ()
        search = state.search
        if search.text:
            rows = [row for row in rows if self._is_found(row, search) is not search.is_inverse]
        if state.view == "events":
            # In the order in which they came.
            return rows[::-1] if state.sort.descending else rows
        return sorted(rows, key=state.sort_column.sort_key, reverse=state.sort.descending)

    @property
    def total(self) -> int | None:
        """How many rows there are if the broker has sent some of them only."""
        return self.snapshot.total if self.snapshot.view == self.state.view else None

    @property
    def details(self) -> Mapping[str, Any]:
        """The documents about what is looked at, none as long as they are not there."""
        looked_at, snapshot = self.state.details, self.snapshot
        if looked_at is None or snapshot.about != looked_at.row:
            return {}
        return snapshot.details

    def _is_found(self, row: Document, search: Search) -> bool:
        """Whether a row is found: by its name if the broker looks there, else by anything."""
        table = self.state.table
        if table.is_paged:
            return search.finds(plain(row.get(table.identity)))
        return any(search.finds(each.text(row)) for each in table.columns)
