"""A JSON document whose values are known by their paths, and whose paths lead to lines and columns.

Definitions documents are long, and mostly nothing is wrong with them. So the values are read by
Python's own parser, at some 100 MB/s, and where a value is written is looked for only when somebody
asks: by skipping, with the same parser, what comes before it.

What brokers and people write is read a little more leniently than the standard has it, as RabbitMQ
does: a comma after the last item, comments, control characters in strings, a key given twice (the
last one counts, and `doubled` knows of it), bytes that are not UTF-8. Numbers that are infinite and
texts that are not Unicode are left to whoever looks at the value they are in.
"""

from __future__ import annotations

import json
import math
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any, Protocol, TypeAlias

from warrener.exchange.topology.problem import Place
from warrener.exchange.topology.secret import without_what_looks_secret

Path: TypeAlias = tuple[str | int, ...]
"""Keys and indexes that lead from the root of a document to a value."""

SHOWN_LINE_CHARACTERS_MAX = 400
"""A longer line is not shown with a problem: it may be the whole document."""
SHOWN_KEY_CHARACTERS_MAX = 80

_BLANK = re.compile(r"[ \t\r\n]*")
_STRING = r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)'
_COMMENTS = re.compile(rf"{_STRING}|/\*.*?(?:\*/|\Z)|//[^\n]*", re.DOTALL)
_LAST_COMMAS = re.compile(rf"{_STRING}|,(?=[ \t\r\n]*[\]}}])", re.DOTALL)
_CONSTANTS = re.compile(rf"{_STRING}|-?Infinity|NaN", re.DOTALL)
"""All match strings only to pass over them, and take a time in proportion to the text."""
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SKIPPING = json.JSONDecoder(strict=False, parse_int=float)


class NotJson(Exception):
    """A text that is no JSON, and where that shows."""

    def __init__(self, reason: str, place: Place) -> None:
        super().__init__(reason)
        self.place = place


class Located(Protocol):
    """A document of which each value has a place."""

    value: Any

    @property
    def doubled(self) -> bool:
        """Whether there are `Doubled` in it."""

    def place(self, path: Path) -> Place:
        """Where the value at a path is written, or else what it would be in."""


class Doubled(dict[str, Any]):
    """An object that has keys more than once."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        times = Counter(key for key, _ in pairs)
        self.keys_twice = [key for key, count in times.items() if count > 1]


class JsonDocument:
    """A document.

    Raises: NotJson.
    """

    def __init__(self, name: str, data: bytes) -> None:
        self.name = name
        self.doubled = False
        self._text = data.decode("utf-8", "surrogateescape").removeprefix("\ufeff")
        self._lines: list[int] | None = None
        self._known: dict[Path, dict[str | int, int]] = {}
        """Where the values in an object or a list begin; of those near the root."""
        self.value: Any = self._read()

    def place(self, path: Path) -> Place:
        return self._place_at(self._offset(path), path)

    def let_go(self) -> None:
        """Give the values back piece by piece; all at once would hold up other threads."""
        value, self.value = self.value, None
        if isinstance(value, dict):
            for items in value.values():
                while isinstance(items, list) and items:
                    items.pop()

    # Reading

    def _read(self) -> Any:
        try:
            return self._load()
        except json.JSONDecodeError as error:
            strict_error = error
        for unknown_to_the_standard in (_COMMENTS, _LAST_COMMAS):
            self._text = unknown_to_the_standard.sub(_blanked, self._text)
        try:
            return self._load()
        except json.JSONDecodeError:
            place = self._place_at(strict_error.pos, ())
            raise NotJson(strict_error.msg, place) from None

    def _load(self) -> Any:
        """Raises: JSONDecodeError; NotJson."""
        hooks: dict[str, Any] = {
            "object_pairs_hook": self._object,
            "parse_constant": self._refuse_constant,
            "strict": False,
        }
        try:
            try:
                return json.loads(self._text, **hooks)
            except json.JSONDecodeError:
                raise
            except ValueError:  # A number of thousands of digits.
                return json.loads(self._text, parse_int=_number, **hooks)
        except RecursionError:
            raise NotJson("nested too deeply", Place(self.name, 1, 1, path="$")) from None

    def _refuse_constant(self, name: str) -> Any:
        """Python's own parser takes `NaN` and `Infinity`; nobody else's does."""
        found = next(each for each in _CONSTANTS.finditer(self._text) if each[0][0] != '"')
        raise NotJson(f"{name} is no number", self._place_at(found.start(), ()))

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) == len(pairs):
            return found
        self.doubled = True
        return Doubled(pairs)

    # Places

    def _offset(self, path: Path) -> int:
        """Where the value at a path begins, or else the last one on the way to it."""
        at = _skip_blank(self._text, 0)
        for depth, step in enumerate(path):
            inside = self._inside(path[:depth], at)
            if step not in inside:
                break
            at = inside[step]
        return at

    def _inside(self, path: Path, at: int) -> dict[str | int, int]:
        found = self._known.get(path)
        if found is None:
            found = dict(_children(self._text, at))
            if len(path) < 2:
                self._known[path] = found
        return found

    def _place_at(self, offset: int, path: Path) -> Place:
        if self._lines is None:
            self._lines = [0, *(found.end() for found in re.finditer("\n", self._text))]
        line = bisect_right(self._lines, offset)
        start = self._lines[line - 1]
        end = self._text.find("\n", offset)
        end = len(self._text) if end < 0 else end
        source = ""
        if end - start <= SHOWN_LINE_CHARACTERS_MAX:
            source = without_what_looks_secret(self._text[start:end])
        return Place(self.name, line, offset - start + 1, source, 1, json_path(path))


def json_path(path: Path) -> str:
    """A path as RFC 9535 writes it: `$.queues[3].arguments['x-max-length']`."""
    return "$" + "".join(map(_step, path))


def _step(step: str | int) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    if _PLAIN_KEY.fullmatch(step) and len(step) <= SHOWN_KEY_CHARACTERS_MAX:
        return f".{step}"
    shown = step[:SHOWN_KEY_CHARACTERS_MAX] + (
        "..." if len(step) > SHOWN_KEY_CHARACTERS_MAX else ""
    )
    return f"[{shown.encode('utf-8', 'replace').decode()!r}]"


def _children(text: str, at: int) -> Iterator[tuple[str | int, int]]:
    """Keys or indexes of what is in the object or the list at `at`, and where each begins.

    Nothing for other values.
    """
    if text[at : at + 1] not in ("{", "["):
        return
    is_object, index = text[at] == "{", 0
    at = _skip_blank(text, at + 1)
    while text[at] not in "}]":
        key: str | int = index
        if is_object:
            key, at = scanstring(text, at + 1, False)
            at = _skip_blank(text, _skip_blank(text, at) + 1)
        yield key, at
        _, at = _SKIPPING.raw_decode(text, at)
        at = _skip_blank(text, at)
        if text[at] == ",":
            at = _skip_blank(text, at + 1)
        index += 1


def _skip_blank(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    assert found is not None, "it matches nothing, too"
    return found.end()


def _blanked(found: re.Match[str]) -> str:
    """Blanks for what the standard does not have, so that all else keeps its place."""
    if found[0].startswith('"'):
        return found[0]
    return re.sub(r"[^\n]", " ", found[0])


def _number(digits: str) -> int | float:
    return int(digits) if len(digits) < 100 else math.copysign(math.inf, float(digits[:2] + "1"))


def doubled_keys(value: Any, path: Path = ()) -> Iterator[Path]:
    """The paths of keys that are given more than once."""
    if isinstance(value, Doubled):
        yield from ((*path, key) for key in value.keys_twice)
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from doubled_keys(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from doubled_keys(item, (*path, index))
