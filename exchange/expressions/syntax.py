"""The syntax of expressions: from text to nodes.

It is what the regular expressions of Python and of PCRE, which RabbitMQ uses, have in common, as
far as it can be matched without going back:

    a  .  \\.  [a-z]  [^.]  \\d \\w \\s \\D \\W \\S  \\n \\t \\r \\f \\v \\xhh \\uhhhh
    ^  $  \\A  \\Z  \\z  \\b  \\B
    *  +  ?  {2}  {2,}  {2,5}  {,5}      lazy or not, which makes no difference here
    ab  a|b  (a)  (?:a)  (?P<name>a)  (?<name>a)  (?i:a)  (?i) at the beginning
    (?=a)  (?!a)

Refused is what looks back (`(?<=a)`, `\\1`), what forbids the matcher to try again (`(?>a)`, `a*+`)
and what one of the two languages reads otherwise than the other.

`a{2,5}` is a short way to write `aaa?a?a?`, and is taken for that: the text is read again for each.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from warrener.exchange.expressions.characters import ANY, CharacterSet, Kind, kind_of
from warrener.exchange.expressions.nodes import (
    Ahead,
    Characters,
    Choice,
    Edge,
    Node,
    Place,
    Repeat,
    Row,
)

TEXT_MAX = 10_000
CHARACTERS_MAX = 4000
"""Characters of an expression, repetitions written out."""
PARTS_MAX = 300
"""Nodes of an expression, likewise: each is asked once for every new place of a name."""
DEPTH_MAX = 40
"""Parentheses within parentheses."""

TOO_LARGE = "it is too large, counted with all repetitions written out"

_EDGES: dict[str, Callable[[Place], bool]] = {
    "^": lambda place: place.at_start,
    "$": lambda place: place.at_end,
    "A": lambda place: place.at_start,
    "Z": lambda place: place.at_end,
    "z": lambda place: place.at_end,
    "b": lambda place: place.at_boundary,
    "B": lambda place: not place.at_boundary,
}
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v", "a": "\a"}
_DIGITS = {"x": 2, "u": 4}
_COUNTS = re.compile(r"\{(?=\d|,\d)(\d{0,9})(?:(,)(\d{0,9}))?\}")
_NAMED = re.compile(r"\?P?<[A-Za-z_]\w*>")
_FLAGS = re.compile(r"\?([is]+)(?=[:)])")


class NotAnExpression(ValueError):
    """A text is no regular expression, or not one that can be used here."""


class Syntax:
    """Reads one expression: `root` is its nodes, `sets` are its characters by their numbers."""

    def __init__(self, text: str) -> None:
        """Raises: NotAnExpression."""
        if len(text) > TEXT_MAX or not _is_unicode(text):
            raise NotAnExpression(f"it is not at most {TEXT_MAX} characters of Unicode")
        self._text = text
        self._at = 0
        self.parts = 0
        self._depth = 0
        self._case_matters = True
        self.uses_boundaries = False
        self.sets: list[CharacterSet] = []
        self._take_flags()
        self.root = self._choice()
        if self._at < len(text):
            raise self._wrong("unbalanced parenthesis")

    def _wrong(self, what: str) -> NotAnExpression:
        return NotAnExpression(f"{what} at position {self._at}")

    def _take_flags(self) -> None:
        flags = _FLAGS.match(self._text, 1) if self._text.startswith("(?") else None
        if flags and self._text[flags.end()] == ")":
            self._case_matters = "i" not in flags[1]
            self._at = flags.end() + 1

    @property
    def _next(self) -> str:
        return self._text[self._at : self._at + 1]

    def _take(self, text: str) -> bool:
        """Go on if `text` comes next."""
        if not self._text.startswith(text, self._at):
            return False
        self._at += len(text)
        return True

    def _count_part(self) -> None:
        self.parts += 1
        if self.parts > PARTS_MAX or len(self.sets) > CHARACTERS_MAX:
            raise NotAnExpression(TOO_LARGE)

    # From the whole to the parts

    def _choice(self) -> Node:
        branches = [self._row()]
        while self._take("|"):
            branches.append(self._row())
        self._count_part()
        return branches[0] if len(branches) == 1 else Choice(branches)

    def _row(self) -> Node:
        parts: list[Node] = []
        run = len(self.sets)
        while self._next not in ("", "|", ")"):
            start = self._at
            before = len(self.sets)
            part = self._atom()
            if part is None and self._next not in ("*", "+", "?", "{"):
                continue
            if before > run:
                parts.append(Characters(run, before - run))
            parts.extend(self._repeated(part or self._characters(1), start))
            run = len(self.sets)
            self._count_part()
        if len(self.sets) > run:
            parts.append(Characters(run, len(self.sets) - run))
        return parts[0] if len(parts) == 1 else Row(parts)

    def _characters(self, count: int) -> Node:
        """The last character, `count` times."""
        if len(self.sets) + count > CHARACTERS_MAX:
            raise NotAnExpression(TOO_LARGE)
        self.sets += self.sets[-1:] * (count - 1)
        return Characters(len(self.sets) - count, count)

    def _repeated(self, part: Node, start: int) -> list[Node]:
        """A part that begins at `start`, as often as what stands behind it says."""
        low, high = self._counts()
        if low == high == 1:
            return [part]
        stop = self._at
        if self._next in ("*", "+", "?", "{") and (self._next != "{" or self._is_count()):
            raise self._wrong("a repetition of a repetition")
        if isinstance(part, Edge):
            raise self._wrong("nothing to repeat")
        count = max(low, 1) if high is None else high
        if low == high and isinstance(part, Characters):
            return [self._characters(count)] if count else []
        parts = [part, *(self._again(start) for _ in range(count - 1))] if count else []
        self._at = stop
        if high is None:
            parts[-1] = Repeat(parts[-1], optional=not low, unlimited=True)
            return parts
        return [*parts[:low], *(self._maybe(each) for each in parts[low:])]

    def _again(self, start: int) -> Node:
        self._at = start
        self._count_part()
        return self._atom() or self._characters(1)

    def _maybe(self, part: Node) -> Node:
        return Repeat(part, optional=True, unlimited=False)

    def _is_count(self) -> bool:
        return _COUNTS.match(self._text, self._at) is not None

    def _counts(self) -> tuple[int, int | None]:
        """How often, at least and at most (None is no limit); takes a mark of laziness, too."""
        for mark, counts in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self._take(mark):
                self._take_laziness()
                return counts
        found = _COUNTS.match(self._text, self._at)
        if found is None:
            return 1, 1
        self._at = found.end()
        self._take_laziness()
        low = int(found[1] or 0)
        high = int(found[3]) if found[3] else None if found[2] else low
        if high is not None and high < low:
            raise self._wrong("a repetition with its ends exchanged")
        return low, high

    def _take_laziness(self) -> None:
        if self._next == "+":
            raise self._wrong("a possessive repetition, which is not supported,")
        self._take("?")

    # The smallest parts

    def _atom(self) -> Node | None:
        """One part; None if it is a character, which is the last of `sets` then."""
        taken = self._next
        if taken == "(":
            return self._group()
        if taken in ("*", "+", "?") or (taken == "{" and self._is_count()):
            raise self._wrong("nothing to repeat")
        self._at += 1
        if taken in ("^", "$"):
            return Edge(_EDGES[taken])
        if taken == "\\":
            return self._escape()
        if taken == "[":
            self.sets.append(self._set())
        else:
            self.sets.append(ANY if taken == "." else self._one(taken))
        return None

    def _one(self, character: str) -> CharacterSet:
        return CharacterSet([(character, character)], case_matters=self._case_matters)

    def _group(self) -> Node:
        self._at += 1
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise self._wrong("too many parentheses within parentheses")
        case_matters = self._case_matters
        wanted = self._opening()
        body = self._choice()
        if not self._take(")"):
            raise self._wrong("missing )")
        self._case_matters = case_matters
        self._depth -= 1
        # A group is no edge, even if there is nothing else in it: it can be repeated.
        return Row([body]) if wanted is None else Ahead(body, wanted=wanted)

    def _opening(self) -> bool | None:
        """Take what follows `(`; returns what is wanted of a lookahead, None for another group."""
        if self._next != "?" or self._take("?:"):
            return None
        if self._take("?="):
            return True
        if self._take("?!"):
            return False
        named = _NAMED.match(self._text, self._at)
        flags = _FLAGS.match(self._text, self._at)
        if named:
            self._at = named.end()
            return None
        if flags and self._text[flags.end()] == ":":
            self._at = flags.end() + 1
            self._case_matters = self._case_matters and "i" not in flags[1]
            return None
        if self._text.startswith(("?<=", "?<!"), self._at):
            raise self._wrong("a lookbehind, which is not supported (a lookahead is),")
        raise self._wrong("an extension that is not supported")

    def _escape(self) -> Node | None:
        letter = self._next
        if letter in ("A", "Z", "z", "b", "B"):
            self._at += 1
            self.uses_boundaries = self.uses_boundaries or letter in ("b", "B")
            return Edge(_EDGES[letter])
        taken = self._escaped()
        self.sets.append(CharacterSet((), [taken]) if callable(taken) else self._one(taken))
        return None

    def _escaped(self) -> str | Kind:
        """Take what follows a backslash: a character, or a kind of them."""
        letter = self._next
        self._at += 1
        if letter in _DIGITS:
            return self._by_number(_DIGITS[letter])
        if letter and letter in "dDwWsS":
            return kind_of(letter)
        if letter in _CONTROLS:
            return _CONTROLS[letter]
        if letter.isascii() and letter.isdigit():
            raise self._wrong("an escape with a number, which is not supported,")
        if not letter or (letter.isascii() and letter.isalpha()):
            raise self._wrong("an escape that means nothing")
        return letter

    def _by_number(self, count: int) -> str:
        digits = self._text[self._at : self._at + count]
        if not re.fullmatch(rf"[0-9a-fA-F]{{{count}}}", digits):
            raise self._wrong(f"an escape that needs {count} hexadecimal digits")
        self._at += count
        return chr(int(digits, 16))

    def _set(self) -> CharacterSet:
        """What stands behind `[`."""
        ranges: list[tuple[str, str]] = []
        kinds: list[Kind] = []
        negated = self._take("^")
        first = True
        while first or self._next != "]":
            first = False
            low = self._member()
            if callable(low):
                kinds.append(low)
                continue
            high: str | Kind = low
            if self._next == "-" and self._text[self._at + 1 : self._at + 2] not in ("]", ""):
                self._at += 1
                high = self._member()
            if callable(high) or high < low:
                raise self._wrong("a range of characters that is none")
            ranges.append((low, high))
        self._at += 1
        return CharacterSet(ranges, kinds, negated=negated, case_matters=self._case_matters)

    def _member(self) -> str | Kind:
        if self._text.startswith(("[:", "[.", "[="), self._at):
            raise self._wrong("a named class of characters, which is not supported,")
        taken = self._next
        self._at += 1
        if not taken:
            raise self._wrong("missing ]")
        if taken == "\\":
            return "\b" if self._take("b") else self._escaped()
        return taken


def _is_unicode(text: str) -> bool:
    """Whether it can be written down; half a surrogate pair cannot."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def literally(text: str) -> str:
    """The expression for `text` itself."""
    return re.escape(text)
