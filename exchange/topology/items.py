"""Items: the objects in the lists of a definitions document, read as leniently as RabbitMQ does.

Flags may be the texts "true" and "false", numbers may stand where texts are meant, null is the same
as nothing, and an empty list, or a list of pairs, is an object (RabbitMQ 3.10 writes those). What
cannot be used raises `Unusable`, which names the part of the item that is to blame.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from warrener.exchange.topology.json_document import Path

NAME_BYTES_MAX = 255
"""AMQP's short string."""
TABLE_DEPTH_MAX = 16
"""Of tables and lists inside each other, as in the management API; the wire takes 32."""
SHOWN_CHARACTERS_MAX = 80
REASON_CHARACTERS_MAX = 400
LONG = range(-(2**63), 2**63)
_MISSING: Any = object()


class Unusable(Exception):
    """An item, or a part of one, that cannot be used.

    Args:
        code: one of `problem.CODES`.
        path: what leads from the item to the part.
    """

    def __init__(self, code: str, reason: str, *path: str | int) -> None:
        super().__init__(reason)
        self.code = code
        self.path: Path = path


class Item:
    """One object. All methods raise `Unusable`."""

    __slots__ = ("path", "values")

    def __init__(self, value: Any, path: Path) -> None:
        self.path = path
        self.values = as_object(value)

    def text(self, name: str, default: str = _MISSING) -> str:
        """A text, or a number as one."""
        value = self.values.get(name)
        if value is None:
            if default is _MISSING:
                raise Unusable("T013", f"it needs the key '{name}'")
            return default
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise Unusable("T011", f"'{name}' is {described(value)}, not a string", name)
        text = str(value)
        check_text(text, name)
        return text

    def name(self, name: str, default: str = _MISSING) -> str:
        """A text that fits where AMQP has names and routing keys."""
        text = self.text(name, default)
        if len(text) * 4 > NAME_BYTES_MAX and len(text.encode()) > NAME_BYTES_MAX:
            size = len(text.encode())
            raise Unusable("T016", f"'{name}' has {size} bytes, at most {NAME_BYTES_MAX} fit", name)
        return text

    def identifier(self, name: str) -> str:
        """A name that is not empty."""
        text = self.name(name)
        if not text:
            raise Unusable("T016", f"'{name}' is empty", name)
        return text

    def flag(self, name: str, default: bool) -> bool:
        value = self.values.get(name)
        if value is None:
            return default
        if isinstance(value, bool):
            return value
        if value not in ("true", "false"):
            raise Unusable("T011", f"'{name}' is {described(value)}, not true or false", name)
        return bool(value == "true")

    def whole(self, name: str, default: int) -> int:
        value = self.values.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int):
            raise Unusable("T011", f"'{name}' is {described(value)}, not a whole number", name)
        if value not in LONG:
            raise Unusable("T014", f"'{name}' has more than 64 bits", name)
        return value

    def words(self, name: str) -> tuple[str, ...]:
        """Words in a list, or in a text with commas between."""
        value = self.values.get(name)
        if value is None:
            return ()
        words = value.split(",") if isinstance(value, str) else value
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            raise Unusable("T011", f"'{name}' is {described(value)}, not a list of words", name)
        for word in words:
            check_text(word, name)
        return tuple(dict.fromkeys(word.strip() for word in words if word.strip()))

    def table(self, name: str) -> dict[str, Any]:
        """A table of AMQP, empty if there is none."""
        value = self.values.get(name)
        if value is None:
            return {}
        try:
            table = as_object(value)
        except Unusable as error:
            raise Unusable(
                error.code, f"'{name}' is {described(value)}, not an object", name
            ) from None
        check_value(table, name)
        return table

    def inner(self, name: str) -> Item:
        """An object inside this one, empty if there is none."""
        try:
            return Item(self.values.get(name) or {}, (*self.path, name))
        except Unusable as error:
            reason = f"'{name}' is {described(self.values[name])}, not an object"
            raise Unusable(error.code, reason, name) from None


def as_object(value: Any) -> dict[str, Any]:
    """Raises: Unusable."""
    if isinstance(value, dict):
        return value
    if isinstance(value, list) and all(map(_is_pair, value)):
        return dict(value)
    raise Unusable("T011", f"it is {described(value)}, not an object")


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str)


def check_text(text: str, *path: str | int) -> None:
    """Raises: Unusable for bytes that were not UTF-8, and half of a surrogate pair."""
    if text.isascii():
        return
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Unusable("T014", "a text is not Unicode", *path) from None


def check_value(value: Any, *path: str | int, depth: int = TABLE_DEPTH_MAX) -> None:
    """Raises: Unusable for what a table of AMQP cannot hold."""
    if isinstance(value, str):
        check_text(value, *path)
    elif isinstance(value, int):
        if value not in LONG:
            raise Unusable("T014", "a number has more than 64 bits", *path)
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise Unusable("T014", "a number is infinite, or no number", *path)
    elif value is not None and not depth:
        what = f"more than {TABLE_DEPTH_MAX} levels inside each other"
        raise Unusable("T014", what, *path)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            check_text(key, *path)
            if len(key) * 4 > NAME_BYTES_MAX and len(key.encode()) > NAME_BYTES_MAX:
                raise Unusable("T016", f"a key has more than {NAME_BYTES_MAX} bytes", *path)
            check_value(item, *path, key, depth=depth - 1)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            check_value(item, *path, index, depth=depth - 1)


def described(value: Any) -> str:
    """A value of JSON in a few words."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f"the string '{shown(value)}'"
    if isinstance(value, int | float):
        return f"the number {shown(str(value))}"
    return "a list" if isinstance(value, list) else "an object"


def shown(text: str) -> str:
    """A text from a document as it can stand in a line of a log: short, and printable."""
    return _printable(text, SHOWN_CHARACTERS_MAX)


def shown_reason(text: str) -> str:
    """The same for what a broker says, or a name in a sentence."""
    return _printable(text, REASON_CHARACTERS_MAX)


def _printable(text: str, characters_max: int) -> str:
    cut = text if len(text) <= characters_max else f"{text[:characters_max]}..."
    if cut.isprintable():
        return cut
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in cut)
