"""Entries: users, virtual hosts, permissions and policies, as the ledger keeps them.

Like topology (definitions.py), each has one live record, which a second one ends. But an entry
changes while it lives; a change writes its record anew and gives the old one up, and after a
restart the later of two records with the same key counts.

A new broker has entries that it made up itself (`assume`). They are written only when it is clear
that the store has none of its own: `rewrite` does that as well.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from warrener.exchange.durability.records import Kind

if TYPE_CHECKING:
    from warrener.exchange.durability.ledger import Ledger
    from warrener.exchange.statistics.events import Events

Fields = Mapping[str, Any]

ENDED_BY = {
    Kind.USER_SET: Kind.USER_DELETED,
    Kind.VHOST_SET: Kind.VHOST_DELETED,
    Kind.PERMISSION_SET: Kind.PERMISSION_CLEARED,
    Kind.TOPIC_PERMISSION_SET: Kind.TOPIC_PERMISSION_CLEARED,
    Kind.POLICY_SET: Kind.POLICY_CLEARED,
    Kind.PARAMETER_SET: Kind.PARAMETER_CLEARED,
}


CALLED = {
    Kind.USER_SET: "user",
    Kind.VHOST_SET: "vhost",
    Kind.PERMISSION_SET: "permission",
    Kind.TOPIC_PERMISSION_SET: "topic.permission",
    Kind.POLICY_SET: "policy",
    Kind.PARAMETER_SET: "parameter",
}


class _Entry(NamedTuple):
    fields: Fields
    position: int
    """Where its record is, 0 if it was not written."""


class Entries:
    """The live records of what is not topology."""

    __slots__ = ("_entries", "_events", "_ledger")

    def __init__(self, ledger: Ledger, events: Events) -> None:
        self._ledger = ledger
        self._events = events
        self._entries: dict[tuple[Kind, Hashable], _Entry] = {}

    def put(self, kind: Kind, key: Hashable, fields: Fields) -> None:
        """Write an entry down, in place of what was there under its kind and key."""
        change = "changed" if (kind, key) in self._entries else "created"
        self._write(kind, key, fields)
        self._tell(kind, key, change)

    def end(self, kind: Kind, key: Hashable) -> None:
        """Write down that an entry is gone, if it ever was written."""
        entry = self._entries.pop((kind, key), None)
        if entry is not None and entry.position:
            self._ledger.write_end(ENDED_BY[kind], entry.fields, entry.position)
        self._tell(kind, key, "deleted")

    def assume(self, kind: Kind, key: Hashable, fields: Fields) -> None:
        """Take an entry as given, without writing it down."""
        self._entries[kind, key] = _Entry(fields, 0)

    def restored(self, kind: Kind, key: Hashable, fields: Fields, position: int) -> None:
        """After a restart: the record at `position` holds this entry."""
        self._entries[kind, key] = _Entry(fields, position)
        self._ledger.hold(position)

    def clear(self) -> None:
        """Give up what was assumed: the store has entries of its own."""
        assert not any(entry.position for entry in self._entries.values()), "these are written"
        self._entries.clear()

    def rewrite(self) -> None:
        """Write every entry anew, so that the segments that hold the old records can go."""
        for (kind, key), entry in list(self._entries.items()):
            self._write(kind, key, entry.fields)

    def _write(self, kind: Kind, key: Hashable, fields: Fields) -> None:
        before = self._entries.get((kind, key))
        replaced = 0 if before is None else before.position
        self._entries[kind, key] = _Entry(fields, self._ledger.write(kind, fields, replaced))
        if before is not None:
            self._ledger.forget(before.position)

    def _tell(self, kind: Kind, key: Hashable, change: str) -> None:
        # By its key alone: the fields of a user have the hash of the password.
        named = list(key) if isinstance(key, tuple) else key
        self._events.tell(f"{CALLED[kind]}.{change}", name=named)
