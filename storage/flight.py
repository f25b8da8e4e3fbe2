"""Records that were handed over, and perhaps are not in a file yet: they are read from here."""

from collections import deque
from collections.abc import Iterable

from warrener.storage.record import FIELDS
from warrener.storage.store import Position
from warrener.storage.writer import Part

PIECES = 3
"""Of each record in a part: checksum, fields with the head, body."""


class Flight:
    """What is on its way to the disk."""

    __slots__ = ("_parts",)

    def __init__(self) -> None:
        self._parts: deque[Part] = deque()

    def add(self, parts: Iterable[Part]) -> None:
        self._parts.extend(parts)

    def forget(self, written: Position) -> None:
        """Let go of what ends before a position: it is in a file."""
        parts = self._parts
        while parts and parts[0].first + len(parts[0].pieces) // PIECES <= written:
            parts.popleft()

    def read(self, position: Position, more: Iterable[Part]) -> bytes:
        """Head and body of a record that is here, or in parts that come after these."""
        for _, first, _, _, pieces in (*self._parts, *more):
            index = (position - first) * PIECES
            if 0 <= index <= len(pieces) - PIECES:
                return b"".join((pieces[index + 1][FIELDS.size :], pieces[index + 2]))
        raise AssertionError(f"record {position} is neither on its way nor in a file")
