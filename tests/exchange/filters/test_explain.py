"""The value of every part of a filter."""

from decimal import Decimal

import pytest

from warrener.exchange.filters import SampleProperties, compile_filter, explain, steps_text


def explained(sql, tags=None, **headers):
    steps = explain(compile_filter(sql, tags), SampleProperties(headers=headers), now=5)
    return steps_text(steps).split("\n")


def test_the_parts_stand_below_the_whole_with_their_values():
    assert explained("region = 'EU' AND amount > 100", region="EU", amount=12.5) == [
        "FALSE  region = 'EU' AND amount > 100",
        "TRUE     region = 'EU'",
        "'EU'       region",
        "FALSE    amount > 100",
        "12.5       amount",
    ]


def test_unknown_is_the_value_of_a_condition_and_null_that_of_an_operand():
    assert explained("a = 1") == ["UNKNOWN  a = 1", "NULL       a"]


def test_parts_are_evaluated_that_the_whole_would_not_come_to():
    assert "TRUE     b = 2" in explained("a = 1 AND b = 2", a=0, b=2)


def test_tags_come_before_the_selector():
    lines = explained("a = 1", "TagA || TagB", TAGS="TagB", a=1)
    assert lines[0] == "TRUE    TAGS IN ('TagA', 'TagB')"
    assert lines[2] == "TRUE    a = 1"


def test_constants_are_shown_as_they_are_written():
    assert explained("a > 60 * 60", a=4000)[0] == "TRUE  a > 60 * 60"


def test_a_filter_that_matches_everything_has_no_parts():
    assert explain(compile_filter(""), SampleProperties()) == []


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Decimal("10.10"), "10.10"),
        (None, "NULL"),
        (True, "TRUE"),
        ("it's", "'it''s'"),
        (b"x", "b'x'"),
        ("x" * 100, "'" + "x" * 38 + "…"),
    ],
)
def test_a_value_is_shown_as_a_selector_writes_it(value, shown):
    assert explained("a IS NULL", a=value)[1].split("  ")[0] == shown
