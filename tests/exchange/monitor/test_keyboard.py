"""Bytes of a terminal as names of keys."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warrener.exchange.monitor.keyboard import SEQUENCE_BYTES_MAX, Keyboard

SEQUENCES = {
    b"\x1b[A": "up",
    b"\x1bOB": "down",
    b"\x1b[5~": "page-up",
    b"\x1b[6~": "page-down",
    b"\x1b[H": "home",
    b"\x1b[4~": "end",
    b"\x1bOP": "f1",
    b"\x1b[17~": "f6",
    b"\x1b[1;5C": "right",
    b"\x1b[Z": "shift-tab",
    b"q": "q",
    "ß".encode(): "ß",
    "日".encode(): "日",
    b"\r": "enter",
    b"\t": "tab",
    b"\x7f": "backspace",
    b"\x04": "ctrl-d",
    b" ": " ",
}


@pytest.mark.parametrize(("data", "key"), SEQUENCES.items())
def test_a_key_has_a_name(data: bytes, key: str) -> None:
    assert Keyboard().feed(data) == [key]


@given(st.lists(st.sampled_from(list(SEQUENCES)), max_size=8), st.data())
def test_sequences_may_be_cut_anywhere(typed: list[bytes], draw: st.DataObject) -> None:
    data = b"".join(typed)
    cuts = draw.draw(st.lists(st.integers(0, len(data)), max_size=6))
    keyboard, start = Keyboard(), 0
    keys: list[str] = []
    for end in (*sorted(cuts), len(data)):
        keys += keyboard.feed(data[start:end])
        start = end
    assert keys == [SEQUENCES[each] for each in typed]


def test_an_escape_after_which_nothing_comes_is_the_key() -> None:
    keyboard = Keyboard()
    assert keyboard.feed(b"\x1b") == []
    assert keyboard.is_waiting
    assert keyboard.flush() == ["escape"]
    assert not keyboard.is_waiting


def test_an_escape_before_a_letter_is_two_keys() -> None:
    assert Keyboard().feed(b"\x1bq") == ["escape", "q"]


def test_an_escape_twice_is_pressed_twice() -> None:
    keyboard = Keyboard()
    assert keyboard.feed(b"\x1b\x1b") == ["escape"]
    assert keyboard.flush() == ["escape"]


@pytest.mark.parametrize("data", [b"\x1b[99~", b"\x1b[?25h", b"\x1bOz", b"\xff", b"\xc3("])
def test_what_is_no_key_is_passed_over(data: bytes) -> None:
    assert Keyboard().feed(data + b"q")[-1] == "q"


def test_a_sequence_without_an_end_does_not_stop_the_keys() -> None:
    keyboard = Keyboard()
    keyboard.feed(b"\x1b[" + b"0" * SEQUENCE_BYTES_MAX)
    assert keyboard.feed(b"q") == ["q"]


@given(st.lists(st.binary(max_size=12), max_size=12))
def test_no_bytes_are_too_strange(pieces: list[bytes]) -> None:
    keyboard = Keyboard()
    for piece in pieces:
        keyboard.feed(piece)
    keyboard.flush()
    assert keyboard.feed(b"\n") == ["enter"]
