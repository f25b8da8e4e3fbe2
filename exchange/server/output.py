"""Output: the bytes that wait to be written to one connection.

Deliveries are written as small pieces that are kept elsewhere anyway (a prefix, a tag, a
content); they are joined only when they are sent, once, or handed to the kernel as they are
when they are large.
"""

from collections.abc import Callable
from typing import Any

JOIN_BELOW_BYTES = 4096
"""Pieces smaller than this on average are joined before they are sent: the copy is cheaper than
the kernel's look at each (bench S1); larger ones are sent as they are (bench S10)."""
PIECES_MAX = 512
"""Pieces in one gathered write; Linux takes 1024."""


class Output:
    """Bytes for one connection, in order.

    `pieces` is open to the code that writes deliveries, which must `count` what it appends.
    `on_pending` is called when there is something to write after there was nothing.
    """

    __slots__ = ("_on_pending", "pieces", "size")

    def __init__(self, on_pending: Callable[[], None]) -> None:
        self.pieces: list[Any] = []
        self.size = 0
        """Bytes not written yet."""
        self._on_pending = on_pending

    def write(self, data: bytes, place: int | None = None) -> None:
        """Write behind everything, or behind the first `place` pieces."""
        self.pieces.insert(len(self.pieces) if place is None else place, data)
        self.count(len(data))

    def count(self, size: int) -> None:
        """`size` bytes have been appended to `pieces`."""
        if not self.size:
            self._on_pending()
        self.size += size

    def next_pieces(self) -> list[Any]:
        """What to write next: a few large pieces or one joined of many small ones."""
        pieces = self.pieces
        if len(pieces) > 1 and self.size < JOIN_BELOW_BYTES * len(pieces):
            pieces[:] = [b"".join(pieces)]
        return pieces[:PIECES_MAX]

    def written(self, size: int) -> None:
        """The first `size` bytes are out."""
        self.size -= size
        pieces = self.pieces
        done = 0
        while done < len(pieces) and size >= len(pieces[done]):
            size -= len(pieces[done])
            done += 1
        del pieces[:done]
        if size:
            pieces[0] = memoryview(pieces[0])[size:]

    def take(self) -> bytes:
        """Everything, for a reader in the same process."""
        data = b"".join(self.pieces)
        self.pieces.clear()
        self.size = 0
        return data
