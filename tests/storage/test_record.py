import pytest
from hypothesis import given
from hypothesis import strategies as st

from warrener.storage.record import (
    CLOSE,
    COMMIT,
    HEADER_BYTES,
    MARK_BYTES,
    Element,
    decode,
    encode,
    encode_mark,
)

SALT = 0x5EED


@given(
    kind=st.integers(0, 255),
    position=st.integers(1, 2**64 - 1),
    payload=st.binary(max_size=200),
    before=st.binary(max_size=20),
    after=st.binary(max_size=20),
)
def test_what_was_encoded_is_found_again(
    kind: int, position: int, payload: bytes, before: bytes, after: bytes
) -> None:
    data = before + encode(kind, position, payload, SALT) + after
    end = len(data) - len(after)
    element = decode(data, len(before), SALT)
    assert element == Element(len(before), end, kind, position)
    assert element.payload(data) == payload


def test_the_bytes_of_a_record_are_these() -> None:
    covered = bytes.fromhex("03000000 0700 0500000000000000 616263")
    assert encode(7, 5, b"abc", 0)[4:] == covered
    assert encode(7, 5, b"abc", 0)[:4] == bytes.fromhex("f398345c")


def test_any_flipped_bit_is_noticed() -> None:
    data = encode(7, 5, b"payload", SALT)
    for bit in range(len(data) * 8):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        assert decode(bytes(flipped), 0, SALT) is None


def test_a_record_cut_short_anywhere_is_no_record() -> None:
    data = encode(7, 5, b"payload", SALT)
    assert not any(decode(data[:length], 0, SALT) for length in range(len(data)))


def test_zeros_are_no_record() -> None:
    assert decode(bytes(100), 0, SALT) is None


def test_a_record_with_the_salt_of_another_journal_is_no_record() -> None:
    assert decode(encode(7, 5, b"payload", SALT), 0, SALT + 1) is None


@pytest.mark.parametrize("kind", [COMMIT, CLOSE])
def test_a_mark_says_where_it_stands_and_what_was_synced(kind: int) -> None:
    data = encode_mark(kind, 12, 9, SALT)
    mark = decode(data, 0, SALT)
    assert mark == Element(0, MARK_BYTES, kind, 12)
    assert mark.synced(data) == 9


def test_a_record_takes_a_position_and_a_mark_does_not() -> None:
    assert Element(0, HEADER_BYTES, 255, 12).next_position == 13
    assert Element(0, MARK_BYTES, COMMIT, 12).next_position == 12


def test_a_mark_of_another_length_is_no_mark() -> None:
    assert decode(encode(COMMIT, 12, b"too long for it", SALT), 0, SALT) is None


def test_an_unknown_kind_is_no_record() -> None:
    assert decode(encode(300, 12, bytes(8), SALT), 0, SALT) is None
