"""Which conditions are about one value."""

import pytest

from warrener.exchange.filters.grammar import parse
from warrener.exchange.filters.predicates import predicate_of
from warrener.exchange.filters.values import CONVERTING_RELATIONS, RELATIONS


def predicate(sql, relations=RELATIONS):
    found = predicate_of(parse(sql).condition, relations)
    return None if found is None else found[1]


@pytest.mark.parametrize(
    "sql",
    [
        "a = b",
        "a IN (1, b)",
        "a BETWEEN b AND 2",
        "a < UTC()",
        "a AND b",
        "NOT a",
        "a",
        "a = b + 1",
    ],
)
def test_a_condition_about_more_than_one_value_is_none(sql):
    assert predicate(sql) is None


@pytest.mark.parametrize(
    ("sql", "operand"),
    [("a = 1", "a"), ("1 < a + b", "a + b"), ("a + 1 IS NULL", "a + 1"), ("-a LIKE 'x'", "-a")],
)
def test_the_operand_may_be_anything(sql, operand):
    assert str(predicate_of(parse(sql).condition, RELATIONS)[0]) == operand


@pytest.mark.parametrize(
    ("sql", "value", "expected"),
    [
        ("a IN (1, 'x')", 1, True),
        ("a IN (1, 'x')", 1.0, True),
        ("a IN (1, 'x')", True, False),
        ("a IN (TRUE, 'x')", 1, False),
        ("a IN (TRUE, 1)", 1, True),
        ("a IN (TRUE, 1)", True, True),
        ("a IN (0, 1, 2)", 2, True),
        ("a NOT IN (0, 1, 2)", 2, False),
        ("a NOT IN (0, 1, 2)", "2", True),
        ("a IN (1)", None, None),
        ("a IN (1)", float("nan"), None),
        ("a IN ('x')", ["x"], False),
        ("a IN ('x')", {"x": 1}, False),
    ],
)
def test_a_choice_is_found_by_kind_and_value(sql, value, expected):
    assert predicate(sql)(value) is expected


def test_with_the_prefix_a_choice_is_found_by_the_number_it_spells():
    assert predicate("a IN (1, 2)", CONVERTING_RELATIONS)("2.0") is True
