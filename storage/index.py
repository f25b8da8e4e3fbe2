"""The index of a segment: what is in it, so that a restart need not read the bodies.

`X.index` stands beside `X.segment`. It lists the runs of records in the order of the file (kind,
how many, what their payloads begin with) and where each record stands. It is made from what is
known when the records are appended and written when the segment is full, or closed in order; never
synced, for it can always be made again by reading the segment. It has a checksum and says which
bytes of which segment it describes; one that does not fit is not used. A segment may have grown
since: the index then describes its beginning.

docs/journal-format.md has the bytes. In memory the list is a `bytearray` of entries, to which each
run and each mark adds one (`run_entry`, `MARK_ENTRIES`): nothing is kept for a single record of a
run but its offset.
"""

import struct
import sys
from array import array
from collections.abc import Iterator, Sequence
from itertools import islice, repeat
from operator import sub
from typing import NamedTuple
from zlib import crc32

from warrener.storage.record import CLOSE, COMMIT, HEADER_BYTES, KIND_MAX, MARK_BYTES
from warrener.storage.store import Bytes, Position

VERSION = 1
MAGIC = b"WARRINDX"

# In place of the length of a head: the payload is to be read, all of it.
WHOLE = 0xFFFFFFFF

# magic, version, salt, first, after, generation, records, bytes of entries, sparse, checksum
_HEADER = struct.Struct("<8sIIQQIIIII")
_CHECKED_BYTES = _HEADER.size - 4

# records, kind, bytes of the head that follows
_ENTRY = struct.Struct("<IHI")

MARK_ENTRIES = {kind: _ENTRY.pack(0, kind, 0) for kind in (COMMIT, CLOSE)}


class Entry(NamedTuple):
    """A run of records of one kind, or (without any) a mark."""

    records: int
    kind: int
    # what all payloads begin with; None if each of them is to be read as a whole
    head: bytes | None


class Index(NamedTuple):
    """What an index file says of the first bytes of a segment."""

    # where each record begins, and after them where the last ends, with the marks behind it
    offsets: "array[int]"
    # None if they are dense
    positions: "array[int] | None"
    entries: bytearray
    # the position behind the last record
    after: Position

    @property
    def size(self) -> int:
        return self.offsets[-1]


def run_entry(count: int, kind: int, head: Bytes | None) -> bytes:
    if head is None:
        return _ENTRY.pack(count, kind, WHOLE)
    return _ENTRY.pack(count, kind, len(head)) + head


def read_entries(entries: Bytes) -> Iterator[Entry]:
    at = 0
    unpack = _ENTRY.unpack_from
    step = _ENTRY.size
    while at < len(entries):
        count, kind, length = unpack(entries, at)
        at += step
        if length == WHOLE:
            yield Entry(count, kind, None)
        else:
            yield Entry(count, kind, bytes(entries[at : at + length]))
            at += length


def entry_bytes(entry: Entry) -> int:
    """How much of an index an entry takes."""
    return _ENTRY.size + len(entry.head or b"")


def body_sizes(
    offsets: "array[int]", index: int, count: int, head_bytes: int, marks: int
) -> Sequence[int]:
    """How long the bodies of a run are whose last record has so many marks behind it."""
    overhead = HEADER_BYTES + head_bytes
    if count == 1:
        return (offsets[index + 1] - offsets[index] - overhead - marks * MARK_BYTES,)
    part = offsets[index : index + count + 1]
    sizes = array("I", map(sub, islice(part, 1, None), part))
    sizes[-1] -= marks * MARK_BYTES
    return array("I", map(sub, sizes, repeat(overhead)))


def encode_index(
    salt: int,
    first: Position,
    generation: int,
    index: Index,
) -> list[Bytes]:
    """The pieces of the file."""
    body: list[Bytes] = [index.entries, _packed(index.offsets)]
    if index.positions is not None:
        body.append(_packed(index.positions))
    header = _HEADER.pack(
        MAGIC,
        VERSION,
        salt,
        first,
        index.after,
        generation,
        len(index.offsets) - 1,
        len(index.entries),
        index.positions is not None,
        0,
    )[:_CHECKED_BYTES]
    checksum = crc32(header)
    for piece in body:
        checksum = crc32(piece, checksum)
    return [header, checksum.to_bytes(4, "little"), *body]


def decode_index(data: bytes, salt: int, first: Position, generation: int) -> Index | None:
    """What an index file says, or None if it is not a sound one of this segment."""
    if len(data) < _HEADER.size:
        return None
    fields = _HEADER.unpack_from(data)
    if fields[:4] != (MAGIC, VERSION, salt, first) or fields[5] != generation:
        return None
    _, _, _, _, after, _, records, length, sparse, checksum = fields
    if crc32(memoryview(data)[_HEADER.size :], crc32(data[:_CHECKED_BYTES])) != checksum:
        return None
    offsets_at = _HEADER.size + length
    positions_at = offsets_at + 4 * (records + 1)
    end = positions_at + (8 * records if sparse else 0)
    if len(data) != end:
        return None
    return Index(
        offsets=_unpacked("I", data[offsets_at:positions_at]),
        positions=_unpacked("Q", data[positions_at:]) if sparse else None,
        entries=bytearray(data[_HEADER.size : offsets_at]),
        after=after,
    )


def is_mark(kind: int) -> bool:
    return kind > KIND_MAX


def _packed(numbers: "array[int]") -> bytes:
    if sys.byteorder == "big":
        numbers = numbers[:]
        numbers.byteswap()
    return numbers.tobytes()


def _unpacked(typecode: str, data: bytes) -> "array[int]":
    numbers = array(typecode, data)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers
