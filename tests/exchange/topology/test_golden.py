"""Every rule broken once: the files in golden/, and what is said of each, to the character.

After a change that is meant: `WRITE_GOLDEN=1 pytest tests/exchange/topology/test_golden.py`, and
look at what git shows.
"""

import os
from pathlib import Path

import pytest

from warrener.exchange.topology import report
from warrener.exchange.topology.desired import Desired, Source, read_topology
from warrener.exchange.topology.problem import CODES, WARNINGS
from warrener.exchange.topology.reading import NoSecret, Surroundings

GOLDEN = Path(__file__).parent / "golden"
FILES = sorted(GOLDEN.glob("*.yaml"))
PAGE = Path(__file__).parents[3] / "docs" / "topology.md"


def read(path: Path) -> Desired:
    return read_topology([Source(path.name, path.read_bytes())], Surroundings({}, no_secret))


def no_secret(document: str, name: str) -> str:
    raise NoSecret(f"{name} cannot be read: No such file or directory")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_is_wrong_is_said_with_its_place(path: Path) -> None:
    expected = path.with_suffix(".txt")
    found = report.text(read(path).problems)
    if os.environ.get("WRITE_GOLDEN"):
        expected.write_text(found, "utf-8")
    assert expected.read_text("utf-8") == found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_file_breaks_the_rule_that_it_is_named_after(path: Path) -> None:
    desired = read(path)
    codes = {problem.code for problem in desired.problems}
    assert path.stem.partition("-")[0] in codes
    assert desired.has_errors is not (codes <= WARNINGS)


def test_every_code_has_a_file_and_no_file_a_code_that_is_not_known() -> None:
    assert {path.stem.partition("-")[0] for path in FILES} == CODES.keys()


@pytest.mark.parametrize("code", CODES)
def test_the_page_shows_an_example_of_every_code(code: str) -> None:
    """Each example on the page is one of these files and what is said of it."""
    shown = [path for path in FILES if path.stem.startswith(code) and is_on_the_page(path)]
    assert shown


def is_on_the_page(path: Path) -> bool:
    lines = path.with_suffix(".txt").read_text("utf-8").splitlines()
    messages = [line for line in lines if line.startswith(path.name)]
    return all(line in PAGE.read_text("utf-8") for line in messages)
