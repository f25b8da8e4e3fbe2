"""A filter that raises: it does not match, it is noted, and the others are evaluated."""

import pytest

from warrener.exchange.filters import SampleProperties, compile_filter
from warrener.exchange.filters.failing import FAILURES
from warrener.exchange.filters.filter import Filter
from warrener.exchange.filters.index import FilterIndex


def fail(*arguments):
    raise ZeroDivisionError("a mistake")


@pytest.fixture
def failing_filter() -> Filter:
    failing = Filter("a > 1", None)
    failing.test = fail
    return failing


MESSAGE = SampleProperties(headers={"a": 2})


def test_a_filter_that_raises_does_not_match_and_is_noted(failing_filter):
    before = FAILURES.total
    assert not failing_filter.matches(MESSAGE)
    assert FAILURES.total == before + 1
    *_, latest = FAILURES
    assert (latest.owner.kind, latest.owner.name) == ("filter", "a > 1")


def test_the_other_filters_of_an_index_are_evaluated(failing_filter):
    index = FilterIndex()
    index.add(failing_filter, "failing")
    index.add(compile_filter("a > 1 AND a < 3"), "sound")
    assert index.match(MESSAGE) == ["sound"]
    work = index.work(failing_filter)
    assert (work.evaluations, work.matches, work.errors) == (1, 0, 1)
    assert work.again() is False


def test_an_index_that_cannot_find_its_filters_evaluates_all(failing_filter, monkeypatch):
    index = FilterIndex()
    index.add(compile_filter("a = 2"), "two")
    index.add(compile_filter("a = 3"), "three")
    monkeypatch.setattr(FilterIndex, "_candidates", fail)
    assert index.match(MESSAGE) == ["two"]


@pytest.mark.parametrize("value", ["9" * 400, "-" + "9" * 400, "9" * 1000, "1e999"])
@pytest.mark.parametrize(
    "sql", ["-c < 0", "+c < 0", "c + 1 > 0", "c * c > 0", "c % 2 = 0", "c = 5"]
)
def test_a_number_of_any_length_can_be_calculated_with(sql, value):
    found = compile_filter(f"convert_string_expressions: {sql}").matches(
        SampleProperties(headers={"c": value})
    )
    assert found in (True, False)
