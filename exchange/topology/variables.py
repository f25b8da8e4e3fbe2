"""Variables: `${NAME}` in the strings of a topology file.

    ${NAME}             the value; it is a problem if there is none
    ${NAME:-default}    the default if it is not set or empty
    ${NAME:?message}    the problem says `message`
    $${                 the characters ${

Names are looked up in the file's own `vars` and then in the environment that is handed in. What
comes out is not looked at again. A variable may be made of others, each of twice the one above it,
so there is a limit to what comes out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

_REFERENCE = re.compile(
    r"\$(?P<escaped>\$\{)|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"(?::(?P<mode>[-?])(?P<rest>[^}]*))?\}|(?P<broken>\$\{)"
)

CHARACTERS_MAX = 64 << 20
"""What variables may make of one document, and of one text in it."""


class TooLong(Exception):
    """Variables make too much of a text, with the one at `offset`."""

    def __init__(self, offset: int) -> None:
        super().__init__(f"variables make more than {CHARACTERS_MAX} characters of this document")
        self.offset = offset


@dataclass(frozen=True, slots=True)
class Expanded:
    """A text with its variables replaced; `pieces` lead back to where a character came from."""

    text: str
    pieces: tuple[tuple[int, int, bool], ...]
    """Offset in the result, offset in the original, and whether it was copied as it is."""

    def original(self, offset: int) -> int:
        """Where in the original text the character at `offset` comes from."""
        begin, source, copied = [piece for piece in self.pieces if piece[0] <= offset][-1]
        return source + (offset - begin if copied else 0)


def expand(
    text: str,
    variables: Mapping[str, str],
    on_problem: Callable[[int, str], None],
    room: int = CHARACTERS_MAX,
) -> Expanded:
    """Replace the variables of `text`; what cannot be replaced is told and left out.

    Raises: TooLong, if that makes more characters than there is room for.
    """
    result: list[str] = []
    pieces = [(0, 0, True)]
    length = end = 0
    for found in _REFERENCE.finditer(text):
        before = text[end : found.start()]
        value = _value(found, variables, on_problem)
        result += (before, value)
        pieces.append((length + len(before), found.start(), False))
        length += len(before) + len(value)
        if length > room:
            raise TooLong(found.start())
        end = found.end()
        pieces.append((length, end, True))
    result.append(text[end:])
    return Expanded("".join(result), tuple(pieces))


def _value(
    found: re.Match[str], variables: Mapping[str, str], on_problem: Callable[[int, str], None]
) -> str:
    if found["escaped"]:
        return "${"
    if found["broken"]:
        on_problem(found.start(), "expected ${NAME}, ${NAME:-default} or ${NAME:?message}")
        return ""
    name, mode, rest = found["name"], found["mode"], found["rest"]
    value = variables.get(name)
    if value is not None and (value or mode is None):
        return value
    if mode == "-":
        return str(rest)
    on_problem(found.start(), f"{name}: {rest}" if rest else f"the variable '{name}' is not set")
    return ""
