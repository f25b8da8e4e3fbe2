"""The bytes of one record, and of the marks between records.

    offset  size  field
         0     4  crc       CRC-32 of everything that follows, started from the segment's salt
         4     4  length    of the payload
         8     2  kind      0 to 255: a record; 256: end of a commit; 257: orderly close
        10     8  position  of the record; of a mark: the position that the next record will get
        18        payload   of a mark: 8 bytes, every position below this number was on disk
                            when the mark was made

All numbers are little-endian. The salt is a random number in the segment's header: bytes that a
client published, or that another journal left behind, do not pass for a record of this one.

A mark has no position of its own, so records stay dense. docs/journal-format.md says what the
marks are good for.
"""

import struct
from typing import NamedTuple
from zlib import crc32

from warrener.storage.store import Bytes

HEADER = struct.Struct("<IIHQ")
# what the checksum covers of the header
FIELDS = struct.Struct("<IHQ")
CRC_BYTES = 4
HEADER_BYTES = HEADER.size

KIND_MAX = 255
COMMIT = 256
CLOSE = 257

_SYNCED = struct.Struct("<Q")
MARK_BYTES = HEADER_BYTES + _SYNCED.size


class Element(NamedTuple):
    """A record or a mark, found valid at an offset of a segment."""

    offset: int
    end: int
    kind: int
    position: int

    @property
    def is_record(self) -> bool:
        return self.kind <= KIND_MAX

    @property
    def next_position(self) -> int:
        return self.position + (self.kind <= KIND_MAX)

    def payload(self, data: bytes) -> bytes:
        return data[self.offset + HEADER_BYTES : self.end]

    def synced(self, data: bytes) -> int:
        """Of a mark: every position below this was on disk."""
        synced: int = _SYNCED.unpack_from(data, self.offset + HEADER_BYTES)[0]
        return synced


def encode(kind: int, position: int, payload: Bytes, salt: int) -> bytes:
    """The bytes of one record. `Journal.append` does the same in place, without the copy."""
    covered = FIELDS.pack(len(payload), kind, position) + payload
    return crc32(covered, salt).to_bytes(CRC_BYTES, "little") + covered


def encode_mark(kind: int, position: int, synced: int, salt: int) -> bytes:
    assert kind in (COMMIT, CLOSE)
    return encode(kind, position, _SYNCED.pack(synced), salt)


def decode(data: bytes, offset: int, salt: int) -> Element | None:
    """The record or mark at an offset, or None if there is no valid one."""
    if offset + HEADER_BYTES > len(data):
        return None
    crc, length, kind, position = HEADER.unpack_from(data, offset)
    end = offset + HEADER_BYTES + length
    if end > len(data) or kind > CLOSE or (kind > KIND_MAX and end - offset != MARK_BYTES):
        return None
    if crc32(memoryview(data)[offset + CRC_BYTES : end], salt) != crc:
        return None
    return Element(offset, end, kind, position)
