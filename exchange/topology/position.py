"""Positions: where in the file a character of a scalar's value stands.

A value is not what is written in the file: quotes have escapes, lines are folded, blocks are
indented. To point at a character inside a value (a filter that goes wrong at its column 10), the
value is laid beside what is written, character by character: what is equal goes together, a
break or a run of blanks in the file goes with a blank or a break of the value, an escape with one
character.
"""

from __future__ import annotations

import re

_ESCAPE = re.compile(r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|\r?\n[ \t]*|.)", re.S)
_BLANKS = re.compile(r"\s+")


def index_in_file(text: str, start: int, end: int, value: str, offset: int) -> int:
    """The index in `text` of the character at `offset` of a scalar's value.

    Args:
        text: the whole file.
        start, end: where the scalar is written, quotes included.
        value: what it means.
    """
    index = _first(text, start)
    quote = text[start] if text[start : start + 1] in ("'", '"') else ""
    for position, char in enumerate(value[:offset]):
        if index >= end:
            break
        index = _after(text, index, char, quote, value[position + 1 : position + 2])
    return min(_at_next(text, index, value[offset : offset + 1]), max(start, end - 1))


def _first(text: str, start: int) -> int:
    """Where the first character of the value is written."""
    opening = text[start : start + 1]
    if opening in ("'", '"'):
        return start + 1
    if opening in ("|", ">"):
        line_end = text.find("\n", start)
        after = _BLANKS.match(text, line_end) if line_end >= 0 else None
        return after.end() if after else len(text)
    return start


def _after(text: str, index: int, char: str, quote: str, following: str) -> int:
    """The index behind what stands for `char`."""
    if quote == '"' and text[index] == "\\":
        escape = _ESCAPE.match(text, index)
        return escape.end() if escape else index + 1
    if quote == "'" and char == "'":
        return index + 2
    blanks = _BLANKS.match(text, index)
    if char.isspace() and blanks and "\n" in blanks[0]:
        # The indentation belongs to the break, unless the value goes on with blanks of its own.
        return index if following.isspace() else blanks.end()
    return index + 1


def _at_next(text: str, index: int, char: str) -> int:
    blanks = _BLANKS.match(text, index)
    return blanks.end() if blanks and char and not char.isspace() else index
