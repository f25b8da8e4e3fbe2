"""What must hold for a filter to match."""

import pytest

from warrener.exchange.filters import compile_filter
from warrener.exchange.filters.access import (
    Equals,
    IsPresent,
    StartsWith,
    Within,
    accesses,
)
from warrener.exchange.filters.fields import field_of
from warrener.exchange.filters.nodes import Identifier

A_IS_1 = Equals("a", (1,))
PRIORITY = field_of(Identifier("JMSPriority"))


def accesses_of(sql):
    return [access for each in compile_filter(sql).selectors for access in accesses(each)]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("a = 1", [(A_IS_1,)]),
        ("1 = a", [(A_IS_1,)]),
        ("a = 2 - 1", [(A_IS_1,)]),
        ("NOT a <> 1", [(A_IS_1,)]),
        ("NOT NOT a = 1", [(A_IS_1,)]),
        ("a.a = 1", [(A_IS_1,)]),
        ("JMSPriority = 1", [(Equals(PRIORITY, (1,)),)]),
        ("h.priority = 1", [(Equals(PRIORITY, (1,)),)]),
        ("active", [(Equals("active", (True,)),)]),
        ("NOT active", [(Equals("active", (False,)),)]),
        ("a IN (1, 'x')", [(Equals("a", (1, "x")),)]),
        ("NOT (a NOT IN (1, 'x'))", [(Equals("a", (1, "x")),)]),
        ("a IN (1, 1 / 0)", [(A_IS_1,)]),
        ("a LIKE 'abc'", [(Equals("a", ("abc",)),)]),
        ("a LIKE 'ab%'", [(StartsWith("a", "ab"),)]),
        ("a LIKE 'a!%b_c' ESCAPE '!'", [(StartsWith("a", "a%b"),)]),
        ("a STARTSWITH 'ab'", [(StartsWith("a", "ab"),)]),
        ("a > 1", [(Within("a", 1, None),)]),
        ("1 > a", [(Within("a", None, 1),)]),
        ("a BETWEEN 1 AND 5", [(Within("a", 1, 5),)]),
        ("a > 1 AND a <= 5 AND a < 9", [(Within("a", 1, 5),)]),
        ("a > 1 AND a > 3 AND a < 9", [(Within("a", 3, 9),)]),
        ("a > 'x' AND a > 1", [(Within("a", "x", None),), (Within("a", 1, None),)]),
        ("a = 1 AND b > 2", [(A_IS_1,), (Within("b", 2, None),)]),
        ("NOT (a <> 1 OR NOT b > 2)", [(A_IS_1,), (Within("b", 2, None),)]),
        ("a = 1 OR b > 2", [(A_IS_1, Within("b", 2, None))]),
        ("a = 1 OR a = 1", [(A_IS_1,)]),
        ("(a = 1 OR a = 2) AND b = 3", [(A_IS_1, Equals("a", (2,))), (Equals("b", (3,)),)]),
        ("(b > 2 AND a = 1) OR active", [(A_IS_1, Equals("active", (True,)))]),
        ("a <> 1", [(IsPresent("a"),)]),
        ("a + b > 1", [(IsPresent("a"),), (IsPresent("b"),)]),
        ("a = b", [(IsPresent("a"),), (IsPresent("b"),)]),
        ("a IN (1, b)", [(IsPresent("a"),)]),
        ("a LIKE '%x'", [(IsPresent("a"),)]),
        ("a NOT LIKE 'x%'", [(IsPresent("a"),)]),
        ("a CONTAINS 'x'", [(IsPresent("a"),)]),
        ("a IS NOT NULL", [(IsPresent("a"),)]),
        ("-a IS NOT NULL", [(IsPresent("a"),)]),
        # NOT a < 5 is TRUE of every string.
        ("NOT a < 5", [(IsPresent("a"),)]),
        ("NOT (a BETWEEN 1 AND 5)", [(IsPresent("a"),)]),
        ("a NOT BETWEEN 1 AND 5", [(IsPresent("a"),)]),
        ("a < TRUE", [(IsPresent("a"),)]),
    ],
)
def test_a_filter_has_these_accesses(sql, expected):
    assert accesses_of(sql) == expected


@pytest.mark.parametrize(
    "sql",
    [
        "",
        "a IS NULL",
        "a = 1 OR b IS NULL",
        "NOT (a IS NOT NULL)",
        "(a = 1) IS NULL",
        "UTC() > 5",
        "1 = 1",
        "convert_string_expressions:a = 1",
    ],
)
def test_a_filter_that_anything_might_match_has_none(sql):
    assert accesses_of(sql) == []


@pytest.mark.parametrize("sql", ["1 = 2", "a = 1 AND FALSE", "NOT (a = 1 OR TRUE)", "a = 1 / 0"])
def test_a_filter_that_nothing_matches_has_an_empty_access(sql):
    assert () in accesses_of(sql)
