"""Positions: where in the file a character of a scalar's value stands.

A value is not what is written in the file: quotes have escapes, lines are folded, blocks are
indented. But all of that is about blanks and about how one character is written. So to point at a
character inside a value (a filter that goes wrong at its column 10), the visible characters before
it are counted in the value, and as many are passed over in the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))", re.S)
_BLANK_ESCAPES = frozenset("nrtvf \t\n\r_NLP")
"""What follows the backslash of an escape that stands for a blank, or for nothing."""


def index_in_file(text: str, start: int, end: int, value: str, offset: int) -> int:
    """The index in `text` of the character at `offset` of a scalar's value.

    Args:
        text: the whole file.
        start, end: where the scalar is written, quotes included.
        value: what it means.
    """
    before = sum(not char.isspace() for char in value[:offset])
    is_visible = offset < len(value) and not value[offset].isspace()
    found = list(islice(_visible(text, start, end), before + 1))
    if is_visible and len(found) > before:
        return found[before][0]
    return min(found[before - 1][1] if before and len(found) >= before else start, end - 1)


def _visible(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Begin and end of what stands for each visible character."""
    quote = text[start : start + 1]
    index = start
    if quote in ("'", '"'):
        index, end = start + 1, end - 1
    elif quote in ("|", ">"):
        line_end = text.find("\n", start)
        index = end if line_end < 0 else line_end + 1
    while index < end:
        length = 1
        is_blank = text[index].isspace()
        if quote == '"' and text[index] == "\\":
            length, is_blank = _escape(text, index)
        elif quote == "'" and text[index] == "'":
            length = 2
        if not is_blank:
            yield index, index + length
        index += length


def _escape(text: str, index: int) -> tuple[int, bool]:
    """The length of an escape, and whether it stands for a blank."""
    found = _ESCAPE.match(text, index)
    if found is None:
        return 1, False
    *hexadecimal, plain = found.groups()
    if plain is not None:
        return 2, plain in _BLANK_ESCAPES
    code = int(next(digits for digits in hexadecimal if digits), 16)
    return len(found[0]), chr(code).isspace()
