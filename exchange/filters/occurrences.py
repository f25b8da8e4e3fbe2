"""Where the characters of a text are, as numbers: bit i is set where the character is at place i.

Patterns with `_` are searched for in all places of a text at once (pattern.py). What they need of a
text is found once for each character and kept for a while: one message is often held against many
patterns.
"""

from __future__ import annotations

ENCODING = ("utf-32-le", "surrogatepass")
KEPT_CHARS_MAX = 1 << 19
"""Characters of the texts that are kept; the headers of one message have a quarter of them."""
KEPT_BYTES_MAX = 8 << 20
"""The numbers that are kept for them."""


class Occurrences:
    """Where each character of one text is; found when it is asked for."""

    __slots__ = ("_bits", "_bytes", "_kept", "_length")

    def __init__(self, text: str, kept: Kept) -> None:
        self._length = len(text)
        self._bytes = _bytes(text)
        self._kept = kept
        self._bits: dict[str, int] = {}

    def of(self, character: str) -> int:
        """The bits of the places that have this character."""
        bits = self._bits.get(character)
        if bits is None:
            self._kept.make_room(self._length // 8)
            bits = self._bits[character] = self._find(character)
        return bits

    def _find(self, character: str) -> int:
        bits = -1
        wanted = character.encode(*ENCODING)
        if len(self._bytes) == 1 and any(wanted[1:]):
            return 0
        for data, byte in zip(self._bytes, wanted, strict=False):
            # As a number in base 2 it is read in C from end to end.
            bits &= int(b"0" + data.translate(_digits(byte)), 2)
        return bits


class Kept:
    """The texts that patterns were searched for in lately."""

    __slots__ = ("_texts", "bytes", "chars")

    def __init__(self) -> None:
        self._texts: dict[str, Occurrences] = {}
        self.chars = 0
        """Characters of these texts."""
        self.bytes = 0
        """Bytes of the numbers that were found for them."""

    def occurrences(self, text: str) -> Occurrences:
        found = self._texts.get(text)
        if found is None:
            self.chars += len(text)
            if self.chars > KEPT_CHARS_MAX:
                self._forget()
                self.chars = len(text)
            found = self._texts[text] = Occurrences(text, self)
        return found

    def make_room(self, size: int) -> None:
        """Numbers of so many bytes are added."""
        self.bytes += size
        if self.bytes > KEPT_BYTES_MAX:
            # Whoever is searching has its text in hand.
            self._forget()
            self.bytes = size

    def _forget(self) -> None:
        self._texts.clear()
        self.chars = self.bytes = 0


def _bytes(text: str) -> tuple[bytes, ...]:
    """The last character first: the lowest byte of each, then the next one of each, then the third.

    Of a text in ASCII the lowest say it all.
    """
    if text.isascii():
        return (text[::-1].encode(),)
    data = text[::-1].encode(*ENCODING)
    return data[::4], data[1::4], data[2::4]


def _digits(byte: int) -> bytes:
    """A table that makes one byte `1` and all others `0`."""
    table = bytearray(b"0" * 256)
    table[byte] = ord("1")
    return bytes(table)


KEPT = Kept()
