"""Problems: what is wrong with a topology file, where, and what to do about it.

Every kind of problem has a code, which stays the same for ever; `CODES` is the table of them and
docs/topology.md shows an example of each. A problem is a value: who reads a file collects all of
them and goes on, and `warrener.exchange.topology.report` writes them down.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

ERROR = "error"
WARNING = "warning"

CODES = {
    "T001": "the file cannot be read",
    "T002": "not valid YAML or JSON",
    "T003": "a part of YAML that is refused",
    "T004": "a version of the format that is not known",
    "T010": "a key is given twice",
    "T011": "a value of the wrong type",
    "T012": "an unknown key",
    "T013": "a key is missing",
    "T014": "a value that is not allowed",
    "T015": "a number with a unit that is not understood",
    "T016": "a name that cannot be used",
    "T017": "keys that exclude each other",
    "T020": "a variable that is not set",
    "T021": "a regular expression that does not compile",
    "T022": "a filter that does not compile",
    "T023": "an argument that the broker would refuse",
    "T024": "an unknown exchange type",
    "T025": "a password that cannot be used",
    "T030": "declared twice",
    "T031": "a reference to something that is not declared",
    "T032": "a reference to an exchange that is not in the file",
    "T033": "a user without a permission",
    "T040": "something that Warrener does not keep",
}
"""What each code means, in a few words."""

GIVEN_CHARACTERS_MAX = 256
"""Of what somebody may have mistyped: to compare texts takes the product of their lengths."""
WARNINGS = frozenset(("T032", "T033", "T040"))
"""The codes that do not keep a file from being used."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands; line and column count characters from 1."""

    file: str
    line: int
    column: int
    source: str = ""
    """The whole line."""
    width: int = 1
    """How many characters of the line it is about."""
    path: str = ""
    """In a definitions document, also as a JSON path: `$.queues[3].name`."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong."""

    code: str
    message: str
    place: Place
    suggestion: str = ""
    left_out: bool = False
    """Whether it says what is not taken of a definitions document, of which the rest is."""
    strict: bool = False
    """Whether nothing may be left out."""

    @property
    def severity(self) -> str:
        if self.left_out:
            return ERROR if self.strict else WARNING
        return WARNING if self.code in WARNINGS else ERROR


def has_errors(problems: Iterable[Problem]) -> bool:
    return any(problem.severity == ERROR for problem in problems)


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """As one reads: by file, then by place."""
    return sorted(problems, key=lambda p: (p.place.file, p.place.line, p.place.column, p.code))


def did_you_mean(given: str, known: Iterable[str], likeness: float = 0.6) -> str:
    """A suggestion, empty if nothing comes near."""
    near = difflib.get_close_matches(given[:GIVEN_CHARACTERS_MAX], known, n=1, cutoff=likeness)
    return f"did you mean '{near[0]}'?" if near else ""
