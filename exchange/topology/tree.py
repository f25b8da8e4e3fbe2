"""The tree that a document is read into: texts, lists and mappings, each with its place."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, TypeAlias

_NULL = frozenset(("", "~", "null", "Null", "NULL"))
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SPECIAL = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_DIGITS_MAX = 64
"""Python refuses to read numbers of more than 4300 digits; AMQP has 64 bits."""


@dataclass(slots=True, eq=False)
class Scalar:
    """A text with a place. `plain` if it stands there without quotes."""

    text: str
    plain: bool
    start: Any
    end: Any

    @property
    def value(self) -> str | int | float | bool | None:
        """What YAML 1.2 takes it for."""
        return plain_value(self.text) if self.plain else self.text


@dataclass(slots=True, eq=False)
class Sequence:
    start: Any
    end: Any
    items: list[Node] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Mapping:
    """Keys and values as they stand there, double ones included."""

    start: Any
    end: Any
    entries: list[tuple[Scalar, Node]] = field(default_factory=list)


Node: TypeAlias = Scalar | Sequence | Mapping


def plain_value(text: str) -> str | int | float | bool | None:
    """A scalar without quotes, by the core schema of YAML 1.2."""
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if text[0] not in "+-.0123456789" or len(text) > _DIGITS_MAX:
        return text
    if _INT.fullmatch(text):
        return int(text, 0 if text[:2] in ("0o", "0x") else 10)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _SPECIAL.fullmatch(text):
        return float(text.replace(".", "", 1))
    return text


def children(node: Node) -> list[Node]:
    if isinstance(node, Sequence):
        return node.items
    if isinstance(node, Mapping):
        return [value for _, value in node.entries]
    return []
