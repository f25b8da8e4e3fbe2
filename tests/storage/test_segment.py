import errno

import pytest

from warrener.storage.errors import DamagedRecord, UnknownVersion
from warrener.storage.record import encode
from warrener.storage.segment import (
    GAP_BYTES,
    HEADER_BYTES,
    READ_BYTES,
    Segment,
    decode_header,
    encode_header,
)

SALT = 77


class Content:
    """A segment and its bytes, which count how often they were read."""

    def __init__(self, *payloads: bytes, first: int = 1) -> None:
        self.segment = Segment(first, SALT)
        self.data = bytearray(self.segment.header)
        self.reads: list[tuple[int, int]] = []
        self.unreadable_offset: int | None = None
        self.error = errno.EIO
        for position, payload in enumerate(payloads, first):
            self.add(position, payload)

    def add(self, position: int, payload: bytes) -> None:
        begin = len(self.data)
        self.data += encode(0, position, payload, SALT)
        self.segment.add(position, begin, len(self.data))

    def read_bytes(self, length: int, offset: int) -> bytes:
        self.reads.append((length, offset))
        bad = self.unreadable_offset
        if bad is not None and offset <= bad < offset + length:
            raise OSError(self.error, "the disk cannot read this")
        return bytes(self.data[offset : offset + length])

    def read(self, *positions: int) -> list[bytes]:
        return self.segment.read(positions, self.read_bytes)


def test_neighbours_are_read_in_one_piece() -> None:
    content = Content(b"one", b"two", b"three")
    assert content.read(1, 2, 3) == [b"one", b"two", b"three"]
    assert content.reads == [(len(content.data) - HEADER_BYTES, HEADER_BYTES)]


def test_near_neighbours_are_read_in_one_piece() -> None:
    content = Content(b"one", bytes(GAP_BYTES - 100), b"three")
    assert content.read(1, 3) == [b"one", b"three"]
    assert len(content.reads) == 1


def test_what_lies_far_apart_is_read_apart() -> None:
    content = Content(b"one", bytes(GAP_BYTES), b"three")
    assert content.read(1, 3) == [b"one", b"three"]
    assert len(content.reads) == 2


def test_positions_that_go_down_are_read_one_by_one() -> None:
    content = Content(b"one", b"two", b"three")
    assert content.read(3, 2, 1) == [b"three", b"two", b"one"]
    assert len(content.reads) == 3


def test_one_piece_is_not_longer_than_the_limit() -> None:
    content = Content(*(bytes(READ_BYTES // 3) for _ in range(4)))
    content.read(1, 2, 3, 4)
    assert len(content.reads) == 2


def test_a_record_longer_than_the_limit_is_read() -> None:
    body = bytes(READ_BYTES + 1)
    assert Content(b"one", body).read(1, 2) == [b"one", body]


def test_a_record_with_wrong_bytes_is_damaged() -> None:
    content = Content(b"one", b"two", first=10)
    offset = content.segment.offsets[1]
    content.data[offset + 18] ^= 1
    assert content.read(10) == [b"one"]
    with pytest.raises(DamagedRecord) as caught:
        content.read(10, 11)
    assert (caught.value.position, caught.value.offset) == (11, offset)
    assert caught.value.file == "00000000000000000010.segment"


def test_a_valid_record_in_the_wrong_place_is_damaged() -> None:
    content = Content(b"one", b"two")
    first, second, _ = content.segment.offsets
    content.data[second:] = content.data[first:second]
    with pytest.raises(DamagedRecord):
        content.read(2)


def test_a_lost_record_is_damaged_and_its_neighbours_are_read_around_it() -> None:
    content = Content(b"one")
    content.add(4, b"four")
    assert content.read(1, 4) == [b"one", b"four"]
    with pytest.raises(DamagedRecord) as caught:
        content.read(3)
    assert (caught.value.position, caught.value.offset) == (3, HEADER_BYTES)


def test_only_the_record_where_the_disk_fails_is_damaged() -> None:
    content = Content(b"one", b"two", b"three")
    content.unreadable_offset = content.segment.offsets[1]
    assert content.read(1, 3) == [b"one", b"three"]
    with pytest.raises(DamagedRecord) as caught:
        content.read(1, 2, 3)
    assert caught.value.position == 2
    assert isinstance(caught.value.__cause__, OSError)


def test_an_error_that_says_nothing_about_the_bytes_is_passed_on() -> None:
    content = Content(b"one")
    content.unreadable_offset = HEADER_BYTES
    content.error = errno.EMFILE
    with pytest.raises(OSError, match="cannot read"):
        content.read(1)


def test_a_header_announces_its_segment() -> None:
    segment = decode_header(encode_header(12, SALT))
    assert segment
    assert (segment.first, segment.salt) == (12, SALT)
    assert segment.name == "00000000000000000012.segment"
    assert len(segment.header) == HEADER_BYTES


@pytest.mark.parametrize("offset", range(HEADER_BYTES))
def test_any_one_byte_of_a_header_may_be_damaged(offset: int) -> None:
    data = bytearray(encode_header(12, SALT))
    data[offset] ^= 0xFF
    segment = decode_header(bytes(data))
    assert segment
    assert (segment.first, segment.salt) == (12, SALT)


@pytest.mark.parametrize(
    "data", [b"", bytes(64), encode_header(12, SALT)[:31], b"x" * 64], ids=range(4)
)
def test_other_bytes_are_no_header(data: bytes) -> None:
    assert decode_header(data) is None


def test_a_header_of_another_version_is_refused() -> None:
    later = encode_header(12, SALT, version=3)
    with pytest.raises(UnknownVersion):
        decode_header(later)
