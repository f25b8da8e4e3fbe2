"""What is wrong with a filter, where, and what was expected there.

The text of the error is meant for whoever wrote the filter, who may see it in a channel's close
reason, in a topology file's report or on a terminal:

    column 10: expected a condition, found '3'
    price AND 3 + 5
              ^

`reason` is its first line (short enough for a close reason), `line` the other two.
"""

import re

SHOWN_CHARS_MAX = 72
FOUND_CHARS_MAX = 24

_NEXT_WORD = re.compile(r"'[^']*'?|[\w$.]+|\S")


class FilterSyntaxError(ValueError):
    """A filter that does not compile.

    Attributes:
        text: the whole filter, as given.
        position: offset in `text` of the first character that does not fit; `len(text)` when
            the filter ends too early.
        expected: what could have stood there.
        found: what stands there.
        reason: position, expectation and finding in one line.
        line: the line of the filter that holds the position and, below it, a caret.
    """

    def __init__(self, text: str, position: int, expected: str, found: str | None = None) -> None:
        self.text = text
        self.position = position
        self.expected = expected
        self.found = found if found is not None else _found_at(text, position)
        self.reason = f"{_place(text, position)}: expected {expected}, found {self.found}"
        self.line = _line_with_caret(text, position)
        super().__init__(f"{self.reason}\n{self.line}")

    def __reduce__(self) -> tuple[type, tuple[str, int, str, str]]:
        return type(self), (self.text, self.position, self.expected, self.found)


def _place(text: str, position: int) -> str:
    line_start = text.rfind("\n", 0, position) + 1
    column = f"column {position - line_start + 1}"
    if "\n" not in text:
        return column
    return f"line {text.count(chr(10), 0, position) + 1}, {column}"


def _found_at(text: str, position: int) -> str:
    word = _NEXT_WORD.match(text, position)
    if word is None:
        return "the end"
    found = word.group()
    if len(found) > FOUND_CHARS_MAX:
        found = found[:FOUND_CHARS_MAX] + "…"
    return found if found.startswith("'") and len(found) > 1 else repr(found)


def _line_with_caret(text: str, position: int) -> str:
    start = text.rfind("\n", 0, position) + 1
    end = text.find("\n", position)
    end = len(text) if end < 0 else end
    if end - start > SHOWN_CHARS_MAX:
        start = max(start, min(position - SHOWN_CHARS_MAX // 2, end - SHOWN_CHARS_MAX))
        end = min(end, start + SHOWN_CHARS_MAX)
    # A tab or another control character would push the caret out of its column.
    shown = "".join(char if char.isprintable() else " " for char in text[start:end])
    return f"{shown}\n{' ' * (position - start)}^"
