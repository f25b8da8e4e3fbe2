"""LIKE patterns: `_` is any one character, `%` any number of them, the whole text must match.

A pattern is cut at its `%` into segments. The first segment must stand at the start of the text,
the last at its end, and each one between at the first place behind its predecessor: the leftmost
place leaves the most for the others, so nothing is ever tried twice.

A segment is found with `str.find` where one run of characters tells its place. Where `_` splits it
into several runs, all places of the text are looked at together: a number has a bit for each place
(occurrences.py), and each character of the segment leaves only the places where it fits too. A
regular expression would go back for each `%`, and even without going back would compare a segment
anew at every place.

So the time is at most that of the text's length times the pattern's, divided by the bits that a
processor takes at once; text_limit.py has the limit of that product.
"""

from collections.abc import Callable
from enum import Enum

from warrener.exchange.filters.occurrences import KEPT


class Wildcard(Enum):
    ONE = "_"
    MANY = "%"


def compile_pattern(pattern: str, escape: str | None) -> Callable[[str], bool]:
    """A function that tells whether a text matches the pattern."""
    first, *others = _segments(pattern, escape)
    if not others:
        return lambda text: len(text) == first.length and first.stands_at(text, 0)
    *middle, last = others
    middle = [segment for segment in middle if segment.length]
    return _simple(first, middle, last) or _in_order(first, middle, last)


def searched_lengths(pattern: str, escape: str | None) -> list[int]:
    """How long the parts of a pattern are that are looked for all over a text."""
    return [each.length for each in _segments(pattern, escape)[1:-1] if each.length]


def literal_prefix(pattern: str, escape: str | None) -> tuple[str, list[Wildcard]]:
    """The characters that every match starts with, and the wildcards of the pattern's rest."""
    prefix, wildcards = "", []
    for symbol in _symbols(pattern, escape):
        if isinstance(symbol, Wildcard):
            wildcards.append(symbol)
        elif not wildcards:
            prefix += symbol
    return prefix, wildcards


def has_dangling_escape(pattern: str, escape: str | None) -> bool:
    """Whether the pattern ends with an escape that has nothing to escape."""
    characters = iter(pattern)
    return any(each == escape and next(characters, None) is None for each in characters)


class Segment:
    """Characters and `_` between two `%`: runs of characters, each with its offset."""

    __slots__ = ("_runs", "_symbols", "length", "text")

    def __init__(self, symbols: list[str | Wildcard]) -> None:
        self.length = len(symbols)
        self.text = None if Wildcard.ONE in symbols else "".join(map(str, symbols))
        self._runs = _runs(symbols)
        self._symbols = symbols

    def stands_at(self, text: str, start: int) -> bool:
        for offset, run in self._runs:  # noqa: SIM110 (a generator would cost more than the rest)
            if not text.startswith(run, start + offset):
                return False
        return True

    def end_of_first(self, text: str, start: int, end: int) -> int:
        """Where the leftmost occurrence within text[start:end] ends; -1 if there is none."""
        if len(self._runs) > 1:
            return self._end_of_runs(text, start, end)
        if not self._runs:
            return start + self.length if start + self.length <= end else -1
        ((offset, run),) = self._runs
        # The room behind the run is for the `_` that follow it.
        room = end - (self.length - offset - len(run))
        place = text.find(run, start + offset, max(room, 0))
        return place - offset + self.length if place >= 0 else -1

    def _end_of_runs(self, text: str, start: int, end: int) -> int:
        places_of = KEPT.occurrences(text).of
        # The bits of the places at which the symbols from the one that was last seen match.
        places = -1
        for symbol in reversed(self._symbols):
            places >>= 1
            if isinstance(symbol, str):
                places &= places_of(symbol)
                if not places:
                    return -1
        places >>= start
        leftmost = start + (places & -places).bit_length() - 1
        return leftmost + self.length if places and leftmost + self.length <= end else -1


def _simple(first: Segment, middle: list[Segment], last: Segment) -> Callable[[str], bool] | None:
    """`a%`, `%a` and `%a%` are what most patterns are."""
    texts = first.text, last.text, *(segment.text for segment in middle)
    match texts:
        case (str(prefix), ""):
            return lambda text: text.startswith(prefix)
        case ("", str(suffix)):
            return lambda text: text.endswith(suffix)
        case ("", "", str(part)):
            return lambda text: part in text
    return None


def _in_order(first: Segment, middle: list[Segment], last: Segment) -> Callable[[str], bool]:
    shortest = first.length + sum(segment.length for segment in middle) + last.length

    def matches(text: str) -> bool:
        end = len(text) - last.length
        if len(text) < shortest or not first.stands_at(text, 0) or not last.stands_at(text, end):
            return False
        place = first.length
        for segment in middle:
            place = segment.end_of_first(text, place, end)
            if place < 0:
                return False
        return True

    return matches


def _segments(pattern: str, escape: str | None) -> list[Segment]:
    segments: list[list[str | Wildcard]] = [[]]
    for symbol in _symbols(pattern, escape):
        if symbol is Wildcard.MANY:
            segments.append([])
        else:
            segments[-1].append(symbol)
    return [Segment(symbols) for symbols in segments]


def _symbols(pattern: str, escape: str | None) -> list[str | Wildcard]:
    symbols: list[str | Wildcard] = []
    characters = iter(pattern)
    for character in characters:
        if character == escape:
            symbols.append(next(characters))
        elif character in "_%":
            symbols.append(Wildcard(character))
        else:
            symbols.append(character)
    return symbols


def _runs(symbols: list[str | Wildcard]) -> list[tuple[int, str]]:
    runs: list[tuple[int, str]] = []
    for place, symbol in enumerate(symbols):
        if isinstance(symbol, Wildcard):
            continue
        if runs and runs[-1][0] + len(runs[-1][1]) == place:
            runs[-1] = (runs[-1][0], runs[-1][1] + symbol)
        else:
            runs.append((place, symbol))
    return runs
