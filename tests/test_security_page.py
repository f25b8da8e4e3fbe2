"""The page on security names tests that are there, and each rule on it has some."""

import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PAGE = (HERE.parent / "docs" / "security.md").read_text("utf-8")
TESTS = "".join(path.read_text("utf-8") for path in sorted(HERE.rglob("test_*.py")))
RULES = [
    row
    for table in re.findall(r"(?ms)^\| rule \|.*?\n\n", PAGE)
    for row in table.splitlines()[2:]
    if row
]


def test_there_are_rules() -> None:
    assert len(RULES) > 25


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule[2:50].partition(" |")[0])
def test_a_rule_has_tests_that_are_there(rule: str) -> None:
    named = re.findall(r"`(test_\w+)`", rule)
    assert named
    assert [name for name in named if f"def {name}(" not in TESTS] == []
