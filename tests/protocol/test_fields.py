import pytest
from hypothesis import given
from hypothesis import strategies as st

from warrener.protocol.errors import FrameError
from warrener.protocol.fields import (
    LONG,
    LONG_LONG,
    LONG_STRING,
    OCTET,
    SHORT,
    SHORT_STRING,
)

INTEGERS = [(OCTET, 1), (SHORT, 2), (LONG, 4), (LONG_LONG, 8)]

short_texts = st.text(max_size=255).filter(lambda text: len(text.encode("utf-8")) <= 255)
values = st.one_of(
    *(
        st.tuples(st.just(field_type), st.integers(0, 256**width - 1))
        for field_type, width in INTEGERS
    ),
    st.tuples(st.just(SHORT_STRING), short_texts),
    st.tuples(st.just(LONG_STRING), st.binary()),
)


@given(values, st.binary(max_size=3), st.binary(max_size=3))
def test_what_was_encoded_is_decoded_wherever_it_stands(value, before, after):
    field_type, content = value
    encoded = field_type.encode(content)
    end = len(before) + len(encoded)
    decoded = field_type.decode(before + encoded + after, len(before), end)
    assert decoded == (content, end)


@given(values)
def test_a_field_cut_anywhere_is_a_frame_error(value):
    field_type, content = value
    encoded = field_type.encode(content)
    for end in range(len(encoded)):
        with pytest.raises(FrameError):
            field_type.decode(encoded, 0, end)


@pytest.mark.parametrize(("field_type", "width"), INTEGERS)
def test_an_integer_that_does_not_fit_is_refused(field_type, width):
    for value in (-1, 256**width):
        with pytest.raises(ValueError, match="does not fit"):
            field_type.encode(value)


def test_integers_are_big_endian():
    assert SHORT.encode(0x0102) == b"\x01\x02"
    assert LONG.decode(b"\x00\x00\x01\x02", 0, 4) == (0x102, 4)


def test_a_short_string_holds_255_bytes_and_no_more():
    assert SHORT_STRING.encode("x" * 255) == b"\xff" + b"x" * 255
    with pytest.raises(ValueError, match="256 bytes"):
        SHORT_STRING.encode("\N{LATIN SMALL LETTER U WITH DIAERESIS}" * 128)


def test_a_short_string_that_is_no_utf8_is_a_frame_error():
    with pytest.raises(FrameError, match="UTF-8"):
        SHORT_STRING.decode(b"\x02\xc3\x28", 0, 3)


def test_a_long_string_is_any_bytes():
    assert LONG_STRING.decode(b"\x00\x00\x00\x02\xc3\x28", 0, 6) == (b"\xc3\x28", 6)


def test_a_length_beyond_the_end_says_how_much_was_there():
    with pytest.raises(FrameError, match="100 bytes due at offset 4, 2 there"):
        LONG_STRING.decode(b"\x00\x00\x00\x64ab", 0, 6)
