"""Units: durations, counts and sizes as people write them, and back.

    500ms  30s  5m  1h  7d  1h30m      milliseconds
    10k  2M  1G                        counts, in thousands
    64KiB  10MiB  1GiB  500kB          bytes

A number without a unit is taken as it is: RabbitMQ's own files have no units.
"""

from __future__ import annotations

import re
from fractions import Fraction

DURATIONS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
COUNTS = {"k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9}
SIZES = {"B": 1, "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9} | {
    unit + "iB": 1 << shift for unit, shift in (("K", 10), ("k", 10), ("M", 20), ("G", 30))
}
TEXT_CHARACTERS_MAX = 32

_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([a-zA-Z]+)\s*")


class NoQuantity(ValueError):
    """A text that is no number with a unit; says what was expected."""


def duration(text: str) -> int:
    """Milliseconds. Raises: NoQuantity."""
    return _quantity(text, DURATIONS, "a duration such as 500ms, 30s, 5m, 1h, 7d or 1h30m", True)


def count(text: str) -> int:
    """Raises: NoQuantity."""
    return _quantity(text, COUNTS, "a count such as 500, 10k or 2M", False)


def size(text: str) -> int:
    """Bytes. Raises: NoQuantity."""
    return _quantity(text, SIZES | COUNTS, "a size such as 64KiB, 10MiB or 500kB", False)


def _quantity(text: str, units: dict[str, int], expected: str, several: bool) -> int:
    if len(text) > TEXT_CHARACTERS_MAX:
        raise NoQuantity(expected)
    parts = _PART.findall(text)
    whole = _PART.sub("", text, count=0 if several else 1)
    if not parts or whole or any(unit not in units for _, unit in parts):
        raise NoQuantity(expected)
    total = sum(Fraction(number) * units[unit] for number, unit in parts)
    if total.denominator != 1:
        raise NoQuantity(f"a whole number of {min(units, key=lambda unit: units[unit])}")
    return int(total)


def duration_text(ms: int) -> str:
    """The shortest way to write a duration in one unit."""
    if ms <= 0:
        return str(ms)
    # A week is no unit that anybody looks for: 7d is shorter to understand than 1w.
    units = [(unit, length) for unit, length in DURATIONS.items() if unit != "w"]
    unit, length = max((each for each in units if ms % each[1] == 0), key=lambda each: each[1])
    return f"{ms // length}{unit}"


def size_text(size_bytes: int) -> str:
    for unit in ("GiB", "MiB", "KiB"):
        if size_bytes > 0 and size_bytes % SIZES[unit] == 0:
            return f"{size_bytes // SIZES[unit]}{unit}"
    return str(size_bytes)
