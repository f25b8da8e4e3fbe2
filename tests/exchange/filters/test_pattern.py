"""LIKE against the regular expression that means the same."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.exchange.filters.selector_model import as_regex
from warrener.exchange.filters.pattern import (
    Wildcard,
    compile_pattern,
    has_dangling_escape,
    literal_prefix,
    searched_lengths,
)

patterns = st.text("ab%_", max_size=10)
texts = st.text("ab", max_size=14) | st.text(max_size=5)


@settings(max_examples=500, deadline=None)
@given(patterns, texts)
def test_a_pattern_matches_what_its_regular_expression_matches(pattern, text):
    expected = as_regex(pattern, None).fullmatch(text) is not None
    assert compile_pattern(pattern, None)(text) is expected


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.text("ab_", min_size=1, max_size=5), max_size=4).map(lambda each: "%".join(each)),
    st.text("ab", min_size=60, max_size=300),
)
def test_a_long_text_is_searched_as_a_short_one(pattern, text):
    pattern = f"%{pattern}%"
    expected = as_regex(pattern, None).fullmatch(text) is not None
    assert compile_pattern(pattern, None)(text) is expected


@pytest.mark.parametrize(
    ("pattern", "lengths"),
    [("a%", []), ("%a", []), ("%", []), ("a_c", []), ("%a_c%", [3]), ("a%bc%%d!%%e", [2, 2])],
)
def test_the_parts_between_two_percents_are_searched_for(pattern, lengths):
    assert searched_lengths(pattern, "!") == lengths


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("%a__%", "bbba", False),
        ("%a__%", "babb", True),
        ("%a_%b", "bab", False),
        ("%__a%", "ba", False),
        ("%__a%", "bba", True),
        ("a%_b_%a", "abba", False),
        ("a%_b_%a", "aabba", True),
        ("ab%ba", "aba", False),
        ("%a_a%a_b%", "aaaaab", True),
    ],
)
def test_segments_share_no_character(pattern, text, expected):
    assert compile_pattern(pattern, None)(text) is expected


@settings(max_examples=500, deadline=None)
@given(st.text("ab%_!", max_size=10), texts | st.text("ab%_!", max_size=10))
def test_an_escape_takes_the_next_character_as_it_is(pattern, text):
    if has_dangling_escape(pattern, "!"):
        return
    expected = as_regex(pattern, "!").fullmatch(text) is not None
    assert compile_pattern(pattern, "!")(text) is expected


@settings(max_examples=500, deadline=None)
@given(patterns, texts)
def test_what_matches_starts_with_the_literal_prefix(pattern, text):
    prefix, wildcards = literal_prefix(pattern, None)
    if compile_pattern(pattern, None)(text):
        assert text.startswith(prefix)
        assert wildcards or text == prefix


@pytest.mark.parametrize(
    ("pattern", "prefix", "wildcards"),
    [
        ("abc", "abc", []),
        ("ab%", "ab", [Wildcard.MANY]),
        ("a_c%", "a", [Wildcard.ONE, Wildcard.MANY]),
        ("%", "", [Wildcard.MANY]),
        ("", "", []),
        ("a!%b", "a%b", []),
    ],
)
def test_the_literal_prefix_ends_at_the_first_wildcard(pattern, prefix, wildcards):
    assert literal_prefix(pattern, "!") == (prefix, wildcards)


@pytest.mark.parametrize(
    ("pattern", "dangles"),
    [("a!", True), ("a!!", False), ("!!!", True), ("", False), ("!a", False)],
)
def test_an_escape_dangles_when_nothing_is_left_for_it(pattern, dangles):
    assert has_dangling_escape(pattern, "!") is dangles
