"""Expressions: regular expressions that are looked for in names, in linear time.

Whoever may set permissions or policies writes regular expressions, and the broker holds names of
its clients against them while everything else waits. `re` may take longer for that than the world
has stood, for expressions that look harmless. Here no expression does: see `nodes` for how a name
is matched, and docs/adr/0006 for why.

What was found out about a place is remembered as a *state*, and with each state what comes of it
for the next character. After a few names most characters cost one look into a dictionary.

A name is text without lines: `.` matches everything, and `$` the end only.
"""

from __future__ import annotations

from warrener.exchange.expressions.characters import is_word
from warrener.exchange.expressions.nodes import Place
from warrener.exchange.expressions.syntax import Syntax

REMEMBERED_MAX = 5000
"""Steps from state to state that one expression remembers, about half a megabyte."""


class Expression:
    """A regular expression, compiled."""

    __slots__ = (
        "_end",
        "_fitting",
        "_parts",
        "_root",
        "_sets",
        "_states",
        "_words",
        "effort",
        "remembered",
        "text",
    )

    def __init__(self, text: str) -> None:
        """Raises: NotAnExpression."""
        self.text = text
        syntax = Syntax(text)
        self._root = syntax.root
        self._sets = syntax.sets
        self._words = syntax.uses_boundaries
        self._fitting: dict[str, int] = {}
        """For a character the set of those of the expression that match it."""
        self._states: dict[tuple[int, bool], _State] = {}
        self.remembered = 0
        self.effort = 0
        """The work of finding out what was not remembered, in parts asked, 0.2 to 0.7 µs each."""
        self._parts = syntax.parts
        self._end = _State(self, 0, False)

    def found_in(self, name: str) -> bool:
        """Whether it matches anywhere in `name`."""
        state = self._end
        for character in reversed(name):
            following = state[character]
            if following is None:
                return True
            state = following
        return state.found_at_start

    def step(self, state: _State, character: str) -> _State | None:
        """The state before `character` from the one behind it, None if it is found by then."""
        self.remembered += 1
        self.effort += self._parts
        if self.remembered > REMEMBERED_MAX:
            self._forget()
        place = self.ask(state, at_start=False, after_word=self._words and is_word(character))
        if place is None:
            return None
        fires = place.after & self._fits(character)
        return self._state(fires, self._words and is_word(character))

    def ask(self, state: _State, *, at_start: bool, after_word: bool) -> Place | None:
        """What holds at the place of `state`, None if the expression is found there."""
        place = Place(
            state.fires,
            at_start=at_start,
            at_end=state is self._end,
            at_boundary=after_word is not state.before_word,
        )
        self._root.look(place)
        if self._root.yes:
            return None
        self._root.tell(place, True)
        return place

    def _state(self, fires: int, before_word: bool) -> _State:
        state = self._states.get((fires, before_word))
        if state is None:
            state = self._states[fires, before_word] = _State(self, fires, before_word)
        return state

    def _fits(self, character: str) -> int:
        fitting = self._fitting.get(character)
        if fitting is None:
            fitting = sum(1 << n for n, each in enumerate(self._sets) if character in each)
            self._fitting[character] = fitting
        return fitting

    def _forget(self) -> None:
        for state in (self._end, *self._states.values()):
            state.clear()
        self._states.clear()
        self._fitting.clear()
        self.remembered = 0


class _State(dict[str, "_State | None"]):
    """What is known of a place; by character, what is known at the place before it."""

    __slots__ = ("_expression", "_found_at_start", "before_word", "fires")

    def __init__(self, expression: Expression, fires: int, before_word: bool) -> None:
        self._expression = expression
        self._found_at_start: bool | None = None
        self.fires = fires
        self.before_word = before_word

    def __missing__(self, character: str) -> _State | None:
        following = self[character] = self._expression.step(self, character)
        return following

    @property
    def found_at_start(self) -> bool:
        """Whether the expression is found, if the name begins here."""
        if self._found_at_start is None:
            place = self._expression.ask(self, at_start=True, after_word=False)
            self._found_at_start = place is None
        return self._found_at_start
