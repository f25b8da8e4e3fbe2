"""A search: what was typed after `/`, as text and as expression.

A row is found by the text as it stands, whatever the case, or by the regular expression that the
text is. So who types `orders.eu (1)` finds that, and who types `^orders\\.(eu|us)$` finds those;
one need not say which is meant. A text that is no expression, which every expression is for a while
as it is typed, is looked for as it stands, and `problem` says why. With `!` before it those rows
are wanted that are not found.

The expressions are the broker's own, of which none takes long.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from warrener.exchange.expressions.expression import Expression
from warrener.exchange.expressions.syntax import NotAnExpression, Syntax

IGNORING_CASE = "(?i)"
_MARKS = re.compile(r"[.^$*+?{}\[\]\\|()]")
"""What makes a text mean something else as an expression."""


@dataclass(frozen=True, slots=True)
class Search:
    """One of them, compiled."""

    text: str
    is_inverse: bool
    expression: Expression | None = None
    """Finds the text, too; None for what is only text."""
    problem: str = ""

    def finds(self, shown: str) -> bool:
        if self.expression is not None:
            return self.expression.found_in(shown)
        return self.text.lower() in shown.lower()

    @property
    def asked(self) -> dict[str, str]:
        """How a list of the API is asked for what is found."""
        if self.expression is None:
            return {"use_regex": "false", "name": self.text.lower()}
        return {"use_regex": "true", "name": self.expression.text.removeprefix(IGNORING_CASE)}


@lru_cache(maxsize=16)
def search_for(typed: str) -> Search:
    """What was typed after the slash."""
    is_inverse = typed.startswith("!")
    text = typed[is_inverse:]
    if not _MARKS.search(text):
        return Search(text, is_inverse)
    wanted = IGNORING_CASE + text.removeprefix(IGNORING_CASE)
    try:
        Syntax(wanted)
        return Search(text, is_inverse, Expression(f"{wanted}|{re.escape(text)}"))
    except NotAnExpression as error:
        what, _, place = str(error).partition(" at position ")
        if place.isdigit():
            what += f" at {max(0, int(place) - len(IGNORING_CASE)) + 1}"
        return Search(text, is_inverse, problem=what)
