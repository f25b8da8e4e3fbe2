from pathlib import Path

import pytest

from tests.interop.suites.outcomes import (
    Outcomes,
    read_exclusions,
    read_known_differences,
    record,
)

SUITES = Path(__file__).parent


def test_the_worst_outcome_of_an_id_stands(tmp_path: Path):
    for outcome in ("collected", "passed", "failed", "passed"):
        record(tmp_path / "outcomes", outcome, "a test")
    assert Outcomes.read(tmp_path / "outcomes").by_id == {"a test": "failed"}


def test_an_id_that_was_never_heard_of_again_has_failed(tmp_path: Path):
    for outcome, test in (("collected", "one"), ("collected", "two"), ("passed", "one")):
        record(tmp_path / "outcomes", outcome, test)
    outcomes = Outcomes.read(tmp_path / "outcomes")
    assert (outcomes.ids("passed"), outcomes.ids("failed")) == (["one"], ["two"])
    assert outcomes.count("failed") == 1


def test_an_id_that_passed_when_tried_again_has_passed(tmp_path: Path):
    for outcome, test in (("rerun", "one"), ("passed", "one"), ("rerun", "two")):
        record(tmp_path / "outcomes", outcome, test)
    outcomes = Outcomes.read(tmp_path / "outcomes")
    assert outcomes.by_id == {"one": "passed", "two": "failed"}
    assert outcomes.repeated == {"one", "two"}


def test_an_exclude_list_must_give_reasons(tmp_path: Path):
    path = tmp_path / "list.txt"
    path.write_text("# heading\n\ntest_one[a-b]  # needs TLS\ntest_two\n")
    with pytest.raises(ValueError, match="test_two"):
        read_exclusions(path)
    path.write_text("# heading\n\ntest_one[a-b]  # needs TLS\n")
    assert read_exclusions(path) == ["test_one[a-b]"]


@pytest.mark.parametrize("path", sorted(SUITES.glob("exclude/*.txt")), ids=lambda path: path.stem)
def test_every_exclude_list_can_be_read(path: Path):
    assert read_exclusions(path)


def test_known_differences_are_read_by_suite(tmp_path: Path):
    path = tmp_path / "known_differences.md"
    path.write_text("# Page\n\ntext\n\n## kombu\n\n- `test.py::one[x]`: because\n\n## aiormq\n")
    assert read_known_differences(path) == {"kombu": {"test.py::one[x]"}}


def test_the_page_of_known_differences_can_be_read():
    assert isinstance(read_known_differences(SUITES.parent / "known_differences.md"), dict)
