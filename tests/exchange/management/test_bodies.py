"""JSON that comes in can go out again, and everything else is a refusal in a sentence."""

import json
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warrener.exchange.management.bodies import (
    DEPTH_MAX,
    READ_AT_ONCE_BYTES,
    aside,
    read_json,
)
from warrener.protocol.http.errors import BadRequest

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)  # fmt: skip
PIECES = st.sampled_from(
    [b"{", b"}", b"[", b"]", b":", b",", b'"', b'"a"', b"\\", b"\\u", b"\\ud800", b"\\udc00", b"1",
     b"d83d", b"1e999", b"-", b"NaN", b"-Infinity", b"null", b"\xed\xa0\x80", b"\xff", b"\0", b" "]
)  # fmt: skip


@given(JSON, st.booleans())
def test_what_is_json_is_read(value, escaped):
    assert read_json(json.dumps(value, ensure_ascii=escaped).encode()) == value


@given(st.lists(PIECES, max_size=12).map(b"".join) | st.binary(max_size=20))
def test_whatever_comes_is_refused_or_can_be_written_down_again(body):
    try:
        value = read_json(body)
    except BadRequest as error:
        refusal = error.text
    else:
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
        return
    assert refusal.startswith("not_json: ")
    assert "\n" not in refusal


def test_nothing_is_an_empty_object():
    assert read_json(b"") == read_json(b" \r\n") == {}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{", "Expecting property name enclosed in double quotes (line 1, column 2)"),
        (b"1 2", "Extra data (line 1, column 3)"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b"[" * (DEPTH_MAX + 1) + b"]" * (DEPTH_MAX + 1), "nested more than 64 deep"),
        (b"1" * 100_000, "a number has too many digits"),
        (b"NaN", "a number that is infinite, or none"),
        (b"[-Infinity]", "a number that is infinite, or none"),
        (b"1e999", "a number that is infinite, or none"),
        (b'{"a":1,"b":2,"a":1}', "an object has the key 'a' more than once"),
        (b'"\\ud800"', "half of a surrogate pair is no character"),
        (b'{"\\uDFFF":1}', "half of a surrogate pair is no character"),
        (b'"\xed\xa0\x80"', "the body is no UTF-8"),
        ("{}".encode("utf-16"), "the body is no UTF-8"),
    ],
)
def test_what_cannot_be_taken_is_said_in_a_sentence(body: bytes, reason: str):
    with pytest.raises(BadRequest) as refusal:
        read_json(body)
    assert refusal.value.text == f"not_json: {reason}"


def test_what_only_looks_like_it_is_taken():
    assert read_json(b'"\\ud83d\\ude00 \\\\ud800"') == "\U0001f600 \\ud800"
    assert read_json(b"[" * DEPTH_MAX + b"]" * DEPTH_MAX)
    assert read_json(json.dumps(["["] * 1000).encode()) == ["["] * 1000
    assert read_json(b"\xef\xbb\xbf[1]") == [1]


async def test_a_long_body_is_read_in_a_thread_and_a_short_one_at_once():
    def thread(body: bytes) -> int:
        return threading.get_ident()

    here = threading.get_ident()
    assert await aside(thread, b"x" * READ_AT_ONCE_BYTES) == here
    assert await aside(thread, b"x" * (READ_AT_ONCE_BYTES + 1)) != here
