"""One file of the log: a header, then records and marks, in order of their positions.

A segment knows where each of its records stands (4 bytes a record, for as long as the segment
lives) and how many holders it has (2 bytes). In a *dense* segment, as it is written first, the
positions of the records follow from the first of them. A *sparse* one has holes in its positions
and keeps them in an array: compaction has rewritten it, or damage has taken records out.

The header says who may read the file and what it belongs to, and is there twice, so that one bad
byte does not take the file away:

    offset  size  field
         0     8  magic    "WARRENER"
         8     4  version  of the format: 1, or 2 if it was rewritten by compaction
        12     4  salt     from which the checksums of the records start
        16     8  first    the first position that the file covers
        24     4  crc      CRC-32 of the fields above
        28     4  zero
        32    32  the same once more

What compaction has rewritten has, behind that, twice 32 bytes with the position behind the last
that the file covers, and how often it was rewritten: see docs/journal-format.md.
"""

import struct
import sys
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple
from zlib import crc32

from warrener.storage import record
from warrener.storage.errors import DamagedRecord, UnknownVersion
from warrener.storage.files import MEDIA_ERRORS
from warrener.storage.index import MARK_ENTRIES
from warrener.storage.store import Position

VERSION = 1
REWRITTEN_VERSION = 2
MAGIC = b"WARRENER"
HEADER_BYTES = 64
REWRITTEN_HEADER_BYTES = 128

# Records are read in one piece as long as no more than this lies unread between two of them ...
GAP_BYTES = 64 * 1024
# ... and the piece is not longer than this.
READ_BYTES = 1024 * 1024

_HEADER = struct.Struct("<8sIIQI4x")
_CHECKED_BYTES = 24
_COVER = struct.Struct("<QI12xI4x")

_ONES = array("H", [1]) * 4096

# pread: so many bytes, from this offset
ReadBytes = Callable[[int, int], bytes]


class Piece(NamedTuple):
    """Records that are read together: their positions, and what index they have here."""

    positions: list[Position]
    indexes: list[int]
    start: int
    end: int


class Segment:
    """Where the records of one file are, and whether anybody still wants them."""

    __slots__ = (
        "after",
        "attempted",
        "dead_since",
        "entries",
        "first",
        "generation",
        "held",
        "holders",
        "indexable",
        "live_bytes",
        "name",
        "offsets",
        "positions",
        "salt",
    )

    def __init__(
        self, first: Position, salt: int, generation: int = 0, after: Position = sys.maxsize
    ) -> None:
        self.name = segment_name(first, generation)
        self.salt = salt
        self.first = first
        # how often compaction has rewritten what the file covers
        self.generation = generation
        # the position behind the last one it covers, once no more are added
        self.after = after
        # record i begins at offsets[i]; one more says where the next element goes
        self.offsets = array("I", (REWRITTEN_HEADER_BYTES if generation else HEADER_BYTES,))
        # None as long as record i has the position first + i
        self.positions: array[int] | None = array("Q") if generation else None
        self.holders = array("H")
        # how many records have holders, and their bytes
        self.held = 0
        self.live_bytes = 0
        # the entries of its index, until that is written
        self.entries = bytearray()
        # whether they say all that is in the file
        self.indexable = True
        # the end of the log when trim() first found no holders
        self.dead_since: Position | None = None
        # the bytes that were alive when it was found that rewriting it would not pay
        self.attempted: int | None = None

    @property
    def header(self) -> bytes:
        if self.generation:
            return encode_rewritten_header(self.first, self.salt, self.after, self.generation)
        return encode_header(self.first, self.salt)

    @property
    def size(self) -> int:
        """Where the next record or mark goes."""
        return self.offsets[-1]

    @property
    def count(self) -> int:
        """How many records there are."""
        return len(self.offsets) - 1

    @property
    def end(self) -> Position:
        """The position behind the last record."""
        if self.positions is None:
            return self.first + self.count
        return self.positions[-1] + 1 if self.positions else self.first

    def seal(self) -> None:
        """No more records are added."""
        if not self.generation:
            self.after = self.end
        if len(self.holders) < self.count:
            self.holders.extend(array("H", bytes(2 * (self.count - len(self.holders)))))

    def add(self, position: Position, offset: int, end: int) -> None:
        """A record that was found in the file."""
        if self.positions is None and position != self.end:
            self.positions = array("Q", range(self.first, self.end))
        if self.positions is not None:
            self.positions.append(position)
        self.offsets[-1] = offset
        self.offsets.append(end)

    def add_mark(self, kind: int) -> None:
        """A mark behind the last element: it counts as part of the record before it."""
        self.offsets[-1] += record.MARK_BYTES
        if self.holders and self.holders[-1]:
            self.live_bytes += record.MARK_BYTES
        self.entries += MARK_ENTRIES[kind]

    def cut(self, position: Position, size: int, entries: int | None) -> None:
        """Forget the records from a position on; of the index, so many bytes remain."""
        if entries is None:
            self.indexable = False
        else:
            del self.entries[entries:]
        if self.positions is None:
            count = position - self.first
        else:
            count = bisect_left(self.positions, position)
            del self.positions[count:]
            if not self.generation and (not count or self.positions[-1] == self.first + count - 1):
                # The gaps were behind the cut: what is left can be added to.
                self.positions = None
        del self.offsets[count + 1 :]
        self.offsets[-1] = size

    def index(self, position: Position) -> int:
        """Which record of the segment has a position; -1 if none has."""
        if self.positions is None:
            index = position - self.first
            return index if 0 <= index < len(self.offsets) - 1 else -1
        index = bisect_left(self.positions, position)
        if index < len(self.positions) and self.positions[index] == position:
            return index
        return -1

    def position(self, index: int) -> Position:
        """The position of a record of the segment."""
        return self.first + index if self.positions is None else self.positions[index]

    def offset_not_synced(self, synced: Position) -> int:
        """From where the file may not be on disk, if all before a position is; rather too low."""
        if synced >= self.end:
            return self.size
        # the header may not be on disk either as long as nothing behind it is
        if synced <= self.first:
            return 0
        if self.positions is None:
            return self.offsets[synced - self.first]
        return self.offsets[bisect_left(self.positions, synced)]

    # Holders

    def hold(self, positions: Sequence[Position], holders: int = 1) -> bool:
        """Each record of `positions` gets holders; returns whether all of them are here."""
        indexes = self._indexes(positions)
        if indexes is None:
            return False
        counts, offsets = self.holders, self.offsets
        length = len(indexes)
        nobody = array("H", bytes(2 * length))
        if isinstance(indexes, range) and counts[indexes.start : indexes.stop] == nobody:
            counts[indexes.start : indexes.stop] = array("H", [holders]) * length
            self.held += length
            self.live_bytes += offsets[indexes.stop] - offsets[indexes.start]
            return True
        for index in indexes:
            before = counts[index]
            if not before:
                self.held += 1
                self.live_bytes += offsets[index + 1] - offsets[index]
            counts[index] = before + holders
        return True

    def release(self, positions: Sequence[Position], count: int = 1) -> None:
        """Each record of `positions` loses holders; what damage has taken has none to lose."""
        first = self._first_of_ones(positions, count)
        if first is not None:
            after = first + len(positions)
            self.holders[first:after] = array("H", bytes(2 * len(positions)))
            self.held -= len(positions)
            self.live_bytes -= self.offsets[after] - self.offsets[first]
            return
        counts, offsets = self.holders, self.offsets
        for position in positions:
            index = self.index(position)
            if index < 0:
                continue
            left = counts[index] - count
            assert left >= 0, f"more released than held at {position} of {self.name}"
            counts[index] = left
            if not left:
                self.held -= 1
                self.live_bytes -= offsets[index + 1] - offsets[index]

    def _first_of_ones(self, positions: Sequence[Position], count: int) -> int | None:
        """The index of the first if these are neighbours, each with one holder, that let go."""
        length = len(positions)
        if self.positions is not None or count != 1 or not 4 < length <= len(_ONES):
            return None
        first = positions[0]
        if list(positions) != list(range(first, first + length)):
            return None
        index = first - self.first
        if self.holders[index : index + length] != _ONES[:length]:
            return None
        return index

    def _indexes(self, positions: Sequence[Position]) -> Sequence[int] | None:
        """Which records have these positions, in ascending order; None if one is missing."""
        start, end = self.index(positions[0]), self.index(positions[-1])
        if start < 0 or end < 0:
            return None
        if end - start == len(positions) - 1:
            # as many records as there are from the first to the last: it is all of these
            return range(start, end + 1)
        if self.positions is None:
            first = self.first
            return [position - first for position in positions]
        indexes = [self.index(position) for position in positions]
        return None if min(indexes) < 0 else indexes

    # Reading

    def read(
        self, positions: Sequence[Position], read_bytes: ReadBytes, limit: int | None = None
    ) -> list[bytes]:
        """The payloads of records of this segment, all of which are in the file.

        With a limit, those of the first positions only: no more are read once there are so many
        bytes.
        """
        payloads: list[bytes] = []
        total = 0
        for piece in self._pieces(positions, READ_BYTES if limit is None else limit):
            payloads += self._read_piece(piece, read_bytes)
            total += piece.end - piece.start
            if limit is not None and total >= limit:
                break
        return payloads

    def _read_piece(self, piece: Piece, read_bytes: ReadBytes) -> list[bytes]:
        try:
            data = read_bytes(piece.end - piece.start, piece.start)
        except OSError as error:
            if error.errno not in MEDIA_ERRORS:
                raise
            return self._read_singly(piece, read_bytes, error)
        return self._payloads(data, piece)

    def _read_singly(self, piece: Piece, read_bytes: ReadBytes, error: OSError) -> list[bytes]:
        """One record of the piece is where the disk fails: the others must not be blamed."""
        if len(piece.positions) > 1:
            return [self.read([position], read_bytes)[0] for position in piece.positions]
        # Bytes that damage has taken may lie behind the record, and count as its own.
        try:
            header = read_bytes(record.HEADER_BYTES, piece.start)
            _, length, _, _ = record.HEADER.unpack(header)
            end = min(piece.end, piece.start + record.HEADER_BYTES + length)
            data = read_bytes(end - piece.start, piece.start)
        except (OSError, struct.error):
            raise DamagedRecord(piece.positions[0], self.name, piece.start) from error
        return self._payloads(data, piece)

    def _pieces(self, positions: Sequence[Position], most: int) -> Iterator[Piece]:
        most = min(most, READ_BYTES)
        offsets = self.offsets
        piece = Piece([], [], 0, 0)
        group, indexes, start, end = piece
        for position in positions:
            index = self.index(position)
            if index < 0:
                raise DamagedRecord(position, self.name, self._offset_of_damage(position))
            begin, stop = offsets[index], offsets[index + 1]
            if group and not (end <= begin <= end + GAP_BYTES and stop <= start + most):
                yield Piece(group, indexes, start, end)
                group, indexes = [], []
            if not group:
                start = begin
            group.append(position)
            indexes.append(index)
            end = stop
        if group:
            yield Piece(group, indexes, start, end)

    def _offset_of_damage(self, position: Position) -> int:
        """The last record before a lost one: somewhere behind it the damage begins."""
        if self.positions is None:
            return self.offsets[-1]
        return self.offsets[max(0, bisect_left(self.positions, position) - 1)]

    def _payloads(self, data: bytes, piece: Piece) -> list[bytes]:
        payloads = []
        unpack, offsets, start = record.HEADER.unpack_from, self.offsets, piece.start
        view = memoryview(data)
        for position, index in zip(piece.positions, piece.indexes, strict=True):
            at = offsets[index] - start
            begin = at + record.HEADER_BYTES
            if begin > len(data):
                raise DamagedRecord(position, self.name, offsets[index])
            crc, length, _, found = unpack(data, at)
            end = begin + length
            if (
                found != position
                or end > len(data)
                or crc32(view[at + record.CRC_BYTES : end], self.salt) != crc
            ):
                raise DamagedRecord(position, self.name, offsets[index])
            payloads.append(data[begin:end])
        return payloads


def segment_name(first: Position, generation: int = 0) -> str:
    """Twenty digits, so that names sort as positions do; then how often it was rewritten."""
    return f"{first:020d}.{generation}.segment" if generation else f"{first:020d}.segment"


def encode_header(first: Position, salt: int, version: int = VERSION) -> bytes:
    """The 64 bytes at the start of a file."""
    checked = _HEADER.pack(MAGIC, version, salt, first, 0)[:_CHECKED_BYTES]
    return 2 * _HEADER.pack(MAGIC, version, salt, first, crc32(checked))


def encode_rewritten_header(first: Position, salt: int, after: Position, generation: int) -> bytes:
    """The 128 bytes at the start of a file that compaction has written."""
    checked = _COVER.pack(after, generation, 0)[:_CHECKED_BYTES]
    cover = _COVER.pack(after, generation, crc32(checked, salt))
    return encode_header(first, salt, REWRITTEN_VERSION) + 2 * cover


def decode_header(data: bytes) -> Segment | None:
    """The segment that a header announces, or None if it is not sound.

    Raises:
        UnknownVersion: it is sound, but of another version.
    """
    for offset in (0, _HEADER.size):
        copy = data[offset : offset + _HEADER.size]
        if len(copy) < _HEADER.size:
            return None
        magic, version, salt, first, crc = _HEADER.unpack(copy)
        if magic == MAGIC and crc == crc32(copy[:_CHECKED_BYTES]):
            if version == VERSION:
                return Segment(first, salt)
            if version == REWRITTEN_VERSION:
                return _decode_cover(data, first, salt)
            raise UnknownVersion(
                f"segment format {version}; this Warrener reads {VERSION} and {REWRITTEN_VERSION}"
            )
    return None


def _decode_cover(data: bytes, first: Position, salt: int) -> Segment | None:
    for offset in (HEADER_BYTES, HEADER_BYTES + _COVER.size):
        copy = data[offset : offset + _COVER.size]
        if len(copy) < _COVER.size:
            return None
        after, generation, crc = _COVER.unpack(copy)
        if crc == crc32(copy[:_CHECKED_BYTES], salt):
            return Segment(first, salt, generation, after)
    return None
