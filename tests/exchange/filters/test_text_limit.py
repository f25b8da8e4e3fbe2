"""How long a text a selector searches, and what it says of a longer one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.exchange.messages import Properties
from warrener.exchange.filters import compile_filter, explain
from warrener.exchange.filters.grammar import parse
from warrener.exchange.filters.pattern import searched_lengths
from warrener.exchange.filters.text_limit import PART_SYMBOLS_MIN, SEARCH_MAX, text_limit


def limit_of(sql):
    return text_limit(parse(sql).condition)


def passes(sql, text):
    return compile_filter(sql).matches(Properties(headers={"h": text}))


def hostile(count):
    """As many patterns as a selector takes, each of which may match anywhere."""
    return " OR ".join(f"h LIKE '%a_b{number}%'" for number in range(count))


@pytest.mark.parametrize(
    ("sql", "searched"),
    [
        ("h LIKE '%abc%'", PART_SYMBOLS_MIN),
        ("h LIKE 'a%b%c'", PART_SYMBOLS_MIN),
        ("h NOT LIKE '%abc%def%'", 2 * PART_SYMBOLS_MIN),
        ("h LIKE '%" + "a_" * 50 + "%'", 100),
        ("h CONTAINS 'abc' AND NOT (g CONTAINS 'a' OR b = 1)", 2 * PART_SYMBOLS_MIN),
        ("(h LIKE '%" + "a" * 40 + "%') = g", 40),
    ],
)
def test_all_that_a_selector_looks_for_counts(sql, searched):
    assert limit_of(sql) == SEARCH_MAX // searched


@pytest.mark.parametrize(
    "sql", ["h = 'a'", "h LIKE 'a%'", "h LIKE '%a'", "h LIKE 'a%b_'", "h STARTSWITH 'a'", "h = '%'"]
)
def test_what_has_its_place_is_not_searched_for(sql):
    assert limit_of(sql) == SEARCH_MAX
    assert passes(f"({sql}) OR TRUE", "a" * 200_000)


def test_one_pattern_may_search_the_longest_header():
    assert passes("h LIKE '%a_b%'", "a" * 130_000 + "acb")
    assert passes("h CONTAINS 'cb'", "a" * 130_000 + "cb")


@pytest.mark.parametrize("sql", [hostile(190), hostile(150).replace("LIKE", "NOT LIKE")])
def test_many_patterns_say_nothing_of_a_text_that_is_too_long(sql):
    longest = limit_of(sql)
    assert passes(sql, "acb1" + "a" * (longest - 4))
    assert not passes(sql, "acb1" + "a" * (longest - 3))
    assert not passes(f"NOT ({sql})", "acb1" + "a" * (longest - 3))


def test_contains_says_nothing_of_a_text_that_is_too_long():
    sql = " AND ".join(f"h CONTAINS 'a{number}'" for number in range(100))
    text = "".join(f"a{number}" for number in range(100))
    assert passes(sql, text)
    assert not passes(sql, text + "a" * SEARCH_MAX)
    assert not passes(f"NOT ({sql})", text + "a" * SEARCH_MAX)


def test_the_explanation_agrees_with_the_filter():
    properties = Properties(headers={"h": "acb1" + "a" * limit_of(hostile(190))})
    steps = explain(compile_filter(hostile(190)), properties)
    assert {step.value_text for step in steps if step.is_condition} == {"UNKNOWN"}


@given(st.lists(st.text("a_%", max_size=12), min_size=1, max_size=20))
def test_the_work_of_an_evaluation_has_a_limit_whatever_the_patterns(patterns):
    sql = " OR ".join(f"h LIKE '{pattern}'" for pattern in patterns)
    searched = sum(sum(searched_lengths(pattern, None)) for pattern in patterns)
    assert searched * limit_of(sql) <= SEARCH_MAX
