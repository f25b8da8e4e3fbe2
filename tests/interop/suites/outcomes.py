"""What became of the tests of a suite, and which of them are not run or may fail.

A suite writes one line per event, `OUTCOME<TAB>ID`, as it happens, so that one that hangs or dies
still counts. Outcomes are collected, rerun, excluded, passed, skipped and failed; the worst one
said of an id stands, and an id that was collected or rerun and never heard of again has failed.
"""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

SEVERITY = ("collected", "rerun", "excluded", "passed", "skipped", "failed")
UNFINISHED = ("collected", "rerun")


@dataclass(frozen=True, slots=True)
class Outcomes:
    """The outcome of every id."""

    by_id: dict[str, str]
    repeated: frozenset[str] = frozenset()
    """The ids that failed at first and were tried again."""

    @classmethod
    def read(cls, path: Path) -> "Outcomes":
        by_id: dict[str, str] = {}
        repeated = set()
        for line in path.read_text().splitlines():
            outcome, _, test = line.partition("\t")
            worst = max(outcome, by_id.get(test, outcome), key=SEVERITY.index)
            by_id[test] = worst
            if outcome == "rerun":
                repeated.add(test)
        final = {test: "failed" if its in UNFINISHED else its for test, its in by_id.items()}
        return cls(final, frozenset(repeated))

    def count(self, outcome: str) -> int:
        return Counter(self.by_id.values())[outcome]

    def ids(self, outcome: str) -> list[str]:
        return sorted(test for test, its in self.by_id.items() if its == outcome)


def record(path: Path, outcome: str, test: str) -> None:
    """Append one line, for suites whose tests are written here."""
    with path.open("a") as file:
        file.write(f"{outcome}\t{test}\n")


def read_exclusions(path: Path) -> list[str]:
    """The patterns of an exclude list: one to a line, two blanks and `# reason` behind it.

    Raises: ValueError for a line without a reason.
    """
    patterns = []
    for line in path.read_text().splitlines():
        pattern, separator, reason = line.partition("  # ")
        if not line.strip() or line.startswith("#"):
            continue
        if not separator or not reason.strip():
            raise ValueError(f"{path.name}: no reason given for {line!r}")
        patterns.append(pattern.strip())
    return patterns


def read_known_differences(path: Path) -> dict[str, set[str]]:
    """The ids that may fail, by suite: a heading of level 2 names the suite, list items with the
    id between backquotes follow."""
    known: dict[str, set[str]] = {}
    suite = ""
    for line in path.read_text().splitlines():
        if line.startswith("## "):
            suite = line[3:].strip()
        elif found := re.match(r"- `([^`]+)`", line):
            known.setdefault(suite, set()).add(found[1])
    return known
