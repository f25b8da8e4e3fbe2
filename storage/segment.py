"""One file of the log: a header, then records and marks, in order of their positions.

A segment knows where each of its records stands (4 bytes a record, for as long as the segment
lives) and how many holders its records have together. That sum is all that trimming needs, so
nothing is kept per record for it.

The header says who may read the file and what it belongs to, and is there twice, so that one bad
byte does not take the file away:

    offset  size  field
         0     8  magic    "WARRENER"
         8     4  version  of the format, now 1
        12     4  salt     from which the checksums of the records start
        16     8  first    position of the first record
        24     4  crc      CRC-32 of the fields above
        28     4  zero
        32    32  the same once more
"""

import struct
import sys
from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple
from zlib import crc32

from warrener.storage import record
from warrener.storage.errors import DamagedRecord, UnknownVersion
from warrener.storage.files import MEDIA_ERRORS
from warrener.storage.store import Position

VERSION = 1
MAGIC = b"WARRENER"
HEADER_BYTES = 64

# In `offsets`, in place of a record that damage has taken: no record stands in the header.
LOST = 0

# Records are read in one piece as long as no more than this lies unread between two of them ...
GAP_BYTES = 64 * 1024
# ... and the piece is not longer than this.
READ_BYTES = 4 * 1024 * 1024

_HEADER = struct.Struct("<8sIIQI4x")
_CHECKED_BYTES = 24

# pread: so many bytes, from this offset
ReadBytes = Callable[[int, int], bytes]


class Run(NamedTuple):
    """Records that are read in one piece."""

    positions: list[Position]
    start: int
    end: int


class Segment:
    """Where the records of one file are, and whether anybody still wants them."""

    __slots__ = ("after", "dead_since", "first", "holders", "name", "offsets", "salt", "size")

    def __init__(self, first: Position, salt: int) -> None:
        self.name = segment_name(first)
        self.salt = salt
        self.first = first
        # the position behind the last record, once no more are added
        self.after: Position = sys.maxsize
        # record i of the segment has position first + i and stands at offsets[i]
        self.offsets = array("I")
        # where the next record goes
        self.size = HEADER_BYTES
        self.holders = 0
        # the end of the log when trim() first found no holders
        self.dead_since: Position | None = None

    @property
    def header(self) -> bytes:
        return encode_header(self.first, self.salt)

    def seal(self) -> None:
        """No more records are added."""
        self.after = self.first + len(self.offsets)

    def cut(self, position: Position, size: int) -> None:
        """Forget the records from a position on."""
        del self.offsets[position - self.first :]
        self.size = size

    def holds(self, position: Position) -> bool:
        """Whether a record of this segment is there to be read."""
        index = position - self.first
        return 0 <= index < len(self.offsets) and self.offsets[index] != LOST

    def offset_not_synced(self, synced: Position) -> int:
        """From where the file may not be on disk, if all before a position is; rather too low."""
        index = synced - self.first
        if index >= len(self.offsets):
            return self.size
        # the header may not be on disk either as long as nothing behind it is
        return self.offsets[index] if index > 0 else 0

    def read(self, positions: Sequence[Position], read_bytes: ReadBytes) -> list[bytes]:
        """The payloads of records of this segment, all of which are in the file."""
        payloads: list[bytes] = []
        for run in self._runs(positions):
            try:
                data = memoryview(read_bytes(run.end - run.start, run.start))
            except OSError as error:
                if error.errno not in MEDIA_ERRORS:
                    raise
                payloads += self._read_singly(run, read_bytes, error)
            else:
                payloads += [self._payload(data, run.start, each) for each in run.positions]
        return payloads

    def _read_singly(self, run: Run, read_bytes: ReadBytes, error: OSError) -> list[bytes]:
        """One record of the run is where the disk fails: the others must not be blamed."""
        if len(run.positions) == 1:
            raise DamagedRecord(run.positions[0], self.name, run.start) from error
        return [self.read([position], read_bytes)[0] for position in run.positions]

    def _runs(self, positions: Sequence[Position]) -> Iterator[Run]:
        group: list[Position] = []
        start = end = 0
        for position in positions:
            begin, stop = self._extent(position)
            if group and end <= begin <= end + GAP_BYTES and stop <= start + READ_BYTES:
                group.append(position)
            else:
                if group:
                    yield Run(group, start, end)
                group, start = [position], begin
            end = stop
        if group:
            yield Run(group, start, end)

    def _extent(self, position: Position) -> tuple[int, int]:
        """From where to where a record stands; a mark behind it may be included."""
        offsets = self.offsets
        index = position - self.first
        start = offsets[index]
        if start == LOST:
            raise DamagedRecord(position, self.name, self._offset_of_damage(index))
        for following in range(index + 1, len(offsets)):
            if offsets[following] != LOST:
                return start, offsets[following]
        return start, self.size

    def _offset_of_damage(self, index: int) -> int:
        """The last record before a lost one: somewhere behind it the damage begins."""
        return next((offset for offset in reversed(self.offsets[:index]) if offset), HEADER_BYTES)

    def _payload(self, data: memoryview, start: int, position: Position) -> bytes:
        offset = self.offsets[position - self.first]
        begin = offset - start + record.HEADER_BYTES
        if begin <= len(data):
            crc, length, _, found = record.HEADER.unpack_from(data, offset - start)
            end = begin + length
            if (
                found == position
                and end <= len(data)
                and crc32(data[offset - start + record.CRC_BYTES : end], self.salt) == crc
            ):
                return bytes(data[begin:end])
        raise DamagedRecord(position, self.name, offset)


def segment_name(first: Position) -> str:
    """Twenty digits, so that names sort as positions do."""
    return f"{first:020d}.segment"


def encode_header(first: Position, salt: int) -> bytes:
    """The 64 bytes at the start of a file."""
    checked = _HEADER.pack(MAGIC, VERSION, salt, first, 0)[:_CHECKED_BYTES]
    return 2 * _HEADER.pack(MAGIC, VERSION, salt, first, crc32(checked))


def decode_header(data: bytes) -> Segment | None:
    """The segment that a header announces, or None if neither copy of it is sound.

    Raises:
        UnknownVersion: it is sound, but of another version.
    """
    for offset in (0, _HEADER.size):
        copy = data[offset : offset + _HEADER.size]
        if len(copy) < _HEADER.size:
            return None
        magic, version, salt, first, crc = _HEADER.unpack(copy)
        if magic == MAGIC and crc == crc32(copy[:_CHECKED_BYTES]):
            if version != VERSION:
                raise UnknownVersion(f"segment format {version}; this Warrener reads {VERSION}")
            return Segment(first, salt)
    return None
