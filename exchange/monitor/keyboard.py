"""The keyboard: bytes of a terminal as names of keys.

A key that is no character comes as an escape sequence, and a sequence may come in pieces. What
begins like one and does not go on is the escape key itself: the caller decides when to stop
waiting, and says so with `flush`.
"""

from __future__ import annotations

ESCAPE = 0x1B
_CONTROLS = {0x0D: "enter", 0x0A: "enter", 0x09: "tab", 0x7F: "backspace", 0x08: "backspace"}
_FINALS = {
    "A": "up",
    "B": "down",
    "C": "right",
    "D": "left",
    "F": "end",
    "H": "home",
    "P": "f1",
    "Q": "f2",
    "R": "f3",
    "S": "f4",
    "Z": "shift-tab",
}
_NUMBERS = {
    "1": "home",
    "2": "insert",
    "3": "delete",
    "4": "end",
    "5": "page-up",
    "6": "page-down",
    "7": "home",
    "8": "end",
    "11": "f1",
    "14": "f4",
    "17": "f6",
}
SEQUENCE_BYTES_MAX = 32
"""What is longer than this is no key, and is passed over."""
UNKNOWN = ""


class Keyboard:
    """Takes bytes, gives names; keeps what may be the beginning of a sequence."""

    def __init__(self) -> None:
        self._kept = b""

    @property
    def is_waiting(self) -> bool:
        """Whether there is something that may go on."""
        return bool(self._kept)

    def feed(self, data: bytes) -> list[str]:
        """The keys that were pressed, of those whose end has come."""
        self._kept += data
        keys: list[str] = []
        while self._kept:
            key, length = _first_key(self._kept)
            if not length:
                break
            self._kept = self._kept[length:]
            if key != UNKNOWN:
                keys.append(key)
        return keys

    def flush(self) -> list[str]:
        """Nothing more comes: what is kept is the escape key, and what was typed after it."""
        kept, self._kept = self._kept, b""
        if not kept.startswith(b"\x1b"):
            return []
        return ["escape", *(chr(each) for each in kept[1:] if 0x20 <= each < 0x7F)]


def _first_key(data: bytes) -> tuple[str, int]:
    """The first key and how many bytes it takes; none as long as more is needed."""
    first = data[0]
    if first == ESCAPE:
        return _sequence(data)
    if first in _CONTROLS:
        return _CONTROLS[first], 1
    if first < 0x20:
        return f"ctrl-{chr(first + 0x60)}", 1
    return _character(data)


def _character(data: bytes) -> tuple[str, int]:
    """A character of UTF-8; bytes that are none are passed over."""
    first = data[0]
    length = 1 + (first >= 0xC0) + (first >= 0xE0) + (first >= 0xF0)
    if len(data) < length and all(each & 0xC0 == 0x80 for each in data[1:]) and first < 0xF8:
        return UNKNOWN, 0
    try:
        return data[:length].decode(), length
    except UnicodeDecodeError:
        return UNKNOWN, 1


def _sequence(data: bytes) -> tuple[str, int]:
    """ESC [ parameters final, or ESC O final; ESC before anything else is the key itself."""
    if len(data) < 2:
        return UNKNOWN, 0
    introducer = data[1:2]
    if introducer == b"O":
        return (_FINALS.get(chr(data[2]), UNKNOWN), 3) if len(data) > 2 else (UNKNOWN, 0)
    if introducer != b"[":
        return "escape", 1
    for at in range(2, min(len(data), SEQUENCE_BYTES_MAX)):
        if 0x40 <= data[at] <= 0x7E:
            return _named(data[2:at].decode("ascii", "replace"), chr(data[at])), at + 1
    return UNKNOWN, len(data) if len(data) >= SEQUENCE_BYTES_MAX else 0


def _named(parameters: str, final: str) -> str:
    if final == "~":
        return _NUMBERS.get(parameters.partition(";")[0], UNKNOWN)
    return _FINALS.get(final, UNKNOWN)
