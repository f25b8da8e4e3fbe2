"""Reports: problems written down for people and for programs.

`text` shows each problem with its line and a caret below it, as compilers do; `json` is one
document; `github` are the commands by which a GitHub workflow annotates a change; `sarif` is what
code scanners read (SARIF 2.1.0).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from warrener import __version__
from warrener.exchange.topology.problem import CODES, ERROR, WARNINGS, Problem

SOURCE_CHARACTERS_MAX = 160
"""A longer line is shown in part: definitions.json has all of its text in one."""


def text(problems: Sequence[Problem]) -> str:
    if not problems:
        return ""
    return "\n".join([*map(_described, problems), counts(problems)]) + "\n"


def counts(problems: Sequence[Problem]) -> str:
    """How many there are."""
    errors = sum(problem.severity == ERROR for problem in problems)
    return f"{_count(errors, 'error')}, {_count(len(problems) - errors, 'warning')}"


def as_json(problems: Sequence[Problem]) -> str:
    found = [as_fields(problem) for problem in problems]
    return json.dumps({"problems": found}, indent=2, ensure_ascii=False) + "\n"


def as_fields(problem: Problem) -> dict[str, Any]:
    """A problem as programs read it; with a `path` in definitions only."""
    place = asdict(problem.place)
    if not problem.place.path:
        del place["path"]
    return {
        "code": problem.code,
        "severity": problem.severity,
        "message": problem.message,
        "suggestion": problem.suggestion,
        **place,
    }


def github(problems: Sequence[Problem]) -> str:
    return "".join(f"{_annotation(problem)}\n" for problem in problems)


def sarif(problems: Sequence[Problem]) -> str:
    run = {
        "tool": {
            "driver": {
                "name": "warrener topology validate",
                "version": __version__,
                "rules": [_rule(code) for code in CODES],
            }
        },
        "columnKind": "unicodeCodePoints",
        "results": [_result(problem) for problem in problems],
    }
    schema = "https://json.schemastore.org/sarif-2.1.0.json"
    document = {"$schema": schema, "version": "2.1.0", "runs": [run]}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


FORMATS: dict[str, Callable[[Sequence[Problem]], str]] = {
    "text": text,
    "json": as_json,
    "github": github,
    "sarif": sarif,
}


def first_line(problem: Problem) -> str:
    """A problem in one line."""
    place = problem.place
    return (
        f"{place.file}:{place.line}:{place.column}: {problem.severity}[{problem.code}]: "
        f"{_message(problem)}"
    )


def _message(problem: Problem) -> str:
    return problem.message + (f" ({problem.suggestion})" if problem.suggestion else "")


def _described(problem: Problem) -> str:
    place = problem.place
    if not place.source.strip():
        return first_line(problem)
    start = 0
    if len(place.source) > SOURCE_CHARACTERS_MAX:
        start = max(0, place.column - 1 - SOURCE_CHARACTERS_MAX // 2)
    source = place.source[start : start + SOURCE_CHARACTERS_MAX].rstrip()
    # A tab or another control character would push the caret out of its column.
    shown = "".join(char if char.isprintable() else " " for char in source)
    before = place.column - 1 - start
    carets = "^" * max(1, min(place.width, len(shown) - before))
    number = str(place.line)
    margin = " " * len(number)
    return f"{first_line(problem)}\n {number} | {shown}\n {margin} | {' ' * before}{carets}"


def _annotation(problem: Problem) -> str:
    place = problem.place
    values = {
        "file": place.file,
        "line": place.line,
        "col": place.column,
        "endColumn": place.column + place.width,
        "title": f"{problem.code}: {CODES[problem.code]}",
    }
    where = ",".join(f"{name}={_escaped(str(value), True)}" for name, value in values.items())
    return f"::{problem.severity} {where}::{_escaped(_message(problem))}"


def _escaped(value: str, is_property: bool = False) -> str:
    for char in "%\r\n" + (":," if is_property else ""):
        value = value.replace(char, f"%{ord(char):02X}")
    return value


def _rule(code: str) -> dict[str, Any]:
    level = "warning" if code in WARNINGS else "error"
    return {
        "id": code,
        "shortDescription": {"text": CODES[code]},
        "defaultConfiguration": {"level": level},
    }


def _result(problem: Problem) -> dict[str, Any]:
    place = problem.place
    region = {
        "startLine": place.line,
        "startColumn": place.column,
        "endColumn": place.column + place.width,
    }
    location = {"artifactLocation": {"uri": place.file}, "region": region}
    return {
        "ruleId": problem.code,
        "level": problem.severity,
        "message": {"text": _message(problem)},
        "locations": [{"physicalLocation": location}],
    }


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
