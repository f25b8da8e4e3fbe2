"""What an expression is made of, and how it is matched: from the end of a name to its beginning.

At each place of a name, from the last to the first, every node is asked: *would the name match from
here on, if what stands behind this node in the expression matched from where the node ends?* The
answer depends on that "if" alone, so it is two truths, kept in the node: `no`, if what is behind it
does not match, and `yes`, if it does. They are found from the leaves up (`look`). Then each node is
told from the top down whether what is behind it does match (`tell`), and what each character of the
expression learns in this way is all that has to be known at the place before.

So a name is gone through once, and each node is asked once at each place: there is nothing to go
back to. A lookahead asks about the text to the right, which is known by then, so it costs no more
than anything else.

Characters are numbered, and sets of them are integers with a bit for each: the state between two
places is one integer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol


class Place:
    """A place in a name, between two characters, while the nodes are asked about it.

    `fires` has the characters of the expression that match the next one of the name and are
    followed by what is to follow. `after` gathers the characters behind which, if they stood
    before this place, the rest would match.
    """

    __slots__ = ("after", "at_boundary", "at_end", "at_start", "fires")

    def __init__(self, fires: int, *, at_start: bool, at_end: bool, at_boundary: bool) -> None:
        self.fires = fires
        self.at_start = at_start
        self.at_end = at_end
        self.at_boundary = at_boundary
        self.after = 0


class Node(Protocol):
    """A part of an expression."""

    no: bool
    yes: bool

    def look(self, place: Place) -> None:
        """Find out whether it matches at `place`; sets `no` and `yes`."""

    def tell(self, place: Place, rest: bool) -> None:
        """Say whether what is behind it matches at `place`; called after `look`."""


class Characters:
    """Characters `first` to `first + count - 1` of the expression, one after the other."""

    __slots__ = ("_first", "_last", "no", "yes")

    def __init__(self, first: int, count: int) -> None:
        self._first = 1 << first
        self._last = 1 << (first + count - 1)
        self.no = self.yes = False

    def look(self, place: Place) -> None:
        self.no = self.yes = bool(place.fires & self._first)

    def tell(self, place: Place, rest: bool) -> None:
        # All but the last are followed by the one after them, which fires here or does not.
        place.after |= (place.fires >> 1) & (self._last - self._first)
        if rest:
            place.after |= self._last


class Row:
    """Nodes one after the other; without any, it matches nothing at all, everywhere."""

    __slots__ = ("_parts", "no", "yes")

    def __init__(self, parts: Sequence[Node]) -> None:
        self._parts = tuple(reversed(parts))
        self.no, self.yes = False, True

    def look(self, place: Place) -> None:
        no, yes = False, True
        for part in self._parts:
            part.look(place)
            no = part.yes if no else part.no
            yes = part.yes if yes else part.no
        self.no, self.yes = no, yes

    def tell(self, place: Place, rest: bool) -> None:
        for part in self._parts:
            part.tell(place, rest)
            rest = part.yes if rest else part.no


class Choice:
    """One of several nodes."""

    __slots__ = ("_branches", "no", "yes")

    def __init__(self, branches: Sequence[Node]) -> None:
        self._branches = branches
        self.no = self.yes = False

    def look(self, place: Place) -> None:
        for branch in self._branches:
            branch.look(place)
        self.no = any(branch.no for branch in self._branches)
        self.yes = any(branch.yes for branch in self._branches)

    def tell(self, place: Place, rest: bool) -> None:
        for branch in self._branches:
            branch.tell(place, rest)


class Repeat:
    """A node any number of times, or once, if not `optional` at least once.

    Once is enough for nodes that match nothing: a round that does not move on changes nothing.
    """

    __slots__ = ("_body", "_optional", "_unlimited", "no", "yes")

    def __init__(self, body: Node, *, optional: bool, unlimited: bool) -> None:
        self._body = body
        self._optional = optional
        self._unlimited = unlimited
        self.no = self.yes = False

    def look(self, place: Place) -> None:
        self._body.look(place)
        self.no = self._body.no
        self.yes = self._optional or self._body.yes

    def tell(self, place: Place, rest: bool) -> None:
        self._body.tell(place, rest or (self._unlimited and self._body.no))


class Ahead:
    """Whether a node matches here, or does not, without taking any of the name."""

    __slots__ = ("_body", "_wanted", "no", "yes")

    def __init__(self, body: Node, *, wanted: bool) -> None:
        self._body = body
        self._wanted = wanted
        self.no = self.yes = False

    def look(self, place: Place) -> None:
        self._body.look(place)
        self.yes = self._body.yes is self._wanted

    def tell(self, place: Place, rest: bool) -> None:
        self._body.tell(place, True)


class Edge:
    """A kind of place: the start of the name, its end, where a word begins or ends."""

    __slots__ = ("_is_here", "no", "yes")

    def __init__(self, is_here: Callable[[Place], bool]) -> None:
        self._is_here = is_here
        self.no = self.yes = False

    def look(self, place: Place) -> None:
        self.yes = self._is_here(place)

    def tell(self, place: Place, rest: bool) -> None:
        """What matches nothing has nothing to learn."""
