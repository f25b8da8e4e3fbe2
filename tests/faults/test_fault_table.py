"""The table of faults names tests that are there."""

import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
TESTS = HERE.parent
TABLE = (HERE / "README.md").read_text()
KNOWN_FAULTS = "exchange/server/test_known_faults.py"


def rows() -> list[str]:
    return [line for line in TABLE.splitlines() if line.startswith("| ") and "`" in line]


def test_the_files_that_are_named_are_there() -> None:
    named = set(re.findall(r"`((?:exchange|faults|storage)/[\w/]+\.py)`", TABLE))
    assert len(named) > 15
    assert [path for path in named if not (TESTS / path).exists()] == []


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[2:40].partition(" |")[0])
def test_the_tests_that_are_named_are_there(row: str) -> None:
    files = [KNOWN_FAULTS, *re.findall(r"`((?:exchange|faults|storage)/[\w/]+\.py)`", row)]
    sources = "".join((TESTS / file).read_text() for file in files)
    for name in re.findall(r"`(test_\w+)`", row):
        assert f"def {name}(" in sources
