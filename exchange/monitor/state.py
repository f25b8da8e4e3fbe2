"""The state: what the user sees, without the broker. `transitions` says what keys make of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from warrener.exchange.monitor.search import Search, search_for
from warrener.exchange.monitor.snapshot import Document
from warrener.exchange.monitor.views import RATE, TOTAL, VIEWS, Column, View

LIMITS = (100, 500, 0)
"""How many rows are asked for, 0 for all."""
INTERVALS_S = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)


@dataclass(frozen=True, slots=True)
class Sort:
    """A column by title, and whether its largest values come first."""

    title: str
    descending: bool


@dataclass(frozen=True, slots=True)
class Details:
    """One thing that is looked at instead of the table."""

    view: str
    row: Document
    kind: str = "details"
    """details, document or messages."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A line that is being typed."""

    purpose: str
    """filter, command, or the action that is to be confirmed."""
    label: str
    text: str = ""
    expected: str = ""
    """What has to be typed for the action to happen."""
    subject: Details | None = None
    """What it will happen to, whatever the cursor is on by then."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A column to sort by that is being chosen."""

    titles: tuple[str, ...]
    at: int


@dataclass(frozen=True, slots=True)
class State:
    """What the user has chosen to see."""

    view: str = "queues"
    cursor: int = 0
    offset: int = 0
    """The first line that is shown of details, of help."""
    sorts: Mapping[str, Sort] = field(default_factory=dict)
    """By view; those that are not here are as the view says."""
    filter: str = ""
    vhost: str = ""
    shown: str = RATE
    limit: int = LIMITS[0]
    interval_s: float = 1.0
    is_paused: bool = False
    read_only: str = ""
    """Why no key changes anything; empty if keys do."""
    shows_help: bool = False
    prompt: Prompt | None = None
    choice: Choice | None = None
    details: Details | None = None
    message: str = ""
    """What was said last about something that was done."""

    @property
    def table(self) -> View:
        return VIEWS[self.view]

    @property
    def sort(self) -> Sort:
        """The column that is sorted by, in the form that is shown: its rate or its total."""
        chosen = self.sorts.get(self.view)
        if chosen is None:
            column = self.table.column(self.table.sort)
            chosen = Sort(column.title, column.is_number or self.view == "events")
        title = chosen.title
        if self.table.column(title).toggled not in ("", self.shown):
            title = title.removesuffix("/s") if self.shown == TOTAL else f"{title}/s"
        return Sort(title, chosen.descending)

    @property
    def sort_column(self) -> Column:
        return self.table.column(self.sort.title)

    @property
    def sortable(self) -> tuple[str, ...]:
        """The titles of columns that can be sorted by now."""
        return tuple(
            each.title
            for each in self.table.columns
            if each.toggled in ("", self.shown) and each.path != "depth"
        )

    @property
    def search(self) -> Search:
        """What rows are to have, or not to have."""
        return search_for(self.filter)
