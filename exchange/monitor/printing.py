"""Printing: values as short texts, and nothing on the screen that is not text.

Names and messages come from whoever uses the broker. A terminal obeys control characters, so none
of theirs may reach it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

_THOUSANDS = ("", "k", "M", "G", "T", "P")
_UNITS = ("B", "K", "M", "G", "T", "P")
_SPANS = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))
FULL_COUNT_MAX = 99_999


def printable(text: str) -> str:
    """A text in one line, with what is not printable written as an escape."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else _escaped(each) for each in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "backslashreplace").decode()


def plain(value: Any) -> str:
    """Any value of a JSON document as a text in one line."""
    if value is None or value == {} or value == []:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, Mapping | list):
        return printable(json.dumps(value, ensure_ascii=False))
    return str(value)


def count(value: Any) -> str:
    """A whole number in at most six characters."""
    if not isinstance(value, int | float):
        return ""
    return str(int(value)) if abs(value) <= FULL_COUNT_MAX else _scaled(value)


def rate(value: Any) -> str:
    """A number per second in at most five characters; a dot is none at all."""
    if not isinstance(value, int | float):
        return ""
    if not value:
        return "·"
    if abs(value) < 10:
        return f"{value:.1f}"
    return f"{value:.0f}" if abs(value) < 10_000 else _scaled(value)


def _scaled(value: float) -> str:
    place = 0
    while abs(value) >= 999.5 and place < len(_THOUSANDS) - 1:
        value /= 1000
        place += 1
    return f"{_three_digits(value)}{_THOUSANDS[place]}"


def _three_digits(value: float) -> str:
    if abs(value) < 9.995:
        return f"{value:.2f}"
    return f"{value:.1f}" if abs(value) < 99.95 else f"{value:.0f}"


def size(value: Any) -> str:
    """Bytes in at most five characters."""
    if not isinstance(value, int | float):
        return ""
    place = 0
    while abs(value) >= 999.5 and place < len(_UNITS) - 1:
        value /= 1024
        place += 1
    digits = f"{value:.0f}" if not place or abs(value) >= 9.95 else f"{value:.1f}"
    return f"{digits}{_UNITS[place]}"


def size_rate(value: Any) -> str:
    """Bytes per second; a dot is none at all."""
    return size(value) if value else "" if value is None else "·"


def percent(value: Any) -> str:
    return f"{100 * value:.0f}%" if isinstance(value, int | float) else ""


def second(value: Any) -> str:
    """A time as APIs write it, without parts of seconds."""
    return printable(value[:19].replace("T", " ")) if isinstance(value, str) else ""


def age(seconds: Any) -> str:
    """A time in its largest unit, in at most four characters."""
    return span(seconds).partition(" ")[0] if isinstance(seconds, int | float) else ""


def nanoseconds(value: Any) -> str:
    """A short time in at most five characters."""
    if not isinstance(value, int | float):
        return ""
    return f"{value:.0f}ns" if value < 1000 else f"{_three_digits(value / 1000)}us"


def span(seconds: float) -> str:
    """A time in its two largest units: 3d 4h."""
    left = int(seconds)
    parts: list[str] = []
    for unit, name in _SPANS:
        if left >= unit or parts:
            parts.append(f"{left // unit}{name}")
            left %= unit
    return " ".join(parts[:2]) or "0s"
