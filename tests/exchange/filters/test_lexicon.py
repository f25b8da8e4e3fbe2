"""How much a selector may hold, and that none of it can hurt.

The times are bounds on a crawling machine; what they rule out is growth with the square or worse.
"""

import time

import pytest

from warrener.exchange.filters import FilterSyntaxError, SampleProperties, compile_filter
from warrener.exchange.filters.filter import Filter
from warrener.exchange.filters.lexicon import check_limits

LONG_TEXT = "a" * 131_072


def refusal(text):
    with pytest.raises(FilterSyntaxError) as caught:
        compile_filter(text)
    return caught.value


def nested(before, core, after, levels):
    return before * levels + core + after * levels


def test_4096_characters_are_allowed_and_one_more_is_not():
    longest = "a = '" + "x" * 4090 + "'"
    assert len(longest) == 4096
    compile_filter(longest)
    assert refusal(longest + " ").position == 4096


def test_1000_words_are_allowed_and_one_more_is_not():
    # 250 equalities of three words, 249 ORs and a NOT.
    most = "NOT " + " OR ".join(["a = 1"] * 250)
    compile_filter(most)
    assert "1000" in refusal("NOT " + most).expected


@pytest.mark.parametrize(
    ("before", "core", "after"),
    [
        ("(", "a = 1", ")"),
        ("NOT ", "a", ""),
        ("-", "a = 1", ""),
        ("+", "a = 1", ""),
        ("(", "", ""),
    ],
)
def test_64_levels_are_allowed_and_one_more_is_not(before, core, after):
    if after or core:
        compile_filter(nested(before, core, after, 64))
    error = refusal(nested(before, core, after, 65))
    assert "64" in error.expected
    assert error.position == len(before) * 64


def test_parentheses_signs_and_negations_count_together():
    compile_filter("NOT (-(" * 16 + "a" + ") = 1)" * 16)
    assert "64" in refusal("NOT (-(" * 17 + "a" + ") = 1)" * 17).expected


@pytest.mark.parametrize(
    "text",
    [
        " AND ".join(["NOT a"] * 100),
        " AND ".join(["(a)"] * 100),
        " + ".join(["-a"] * 100) + " = 1",
        " AND ".join(["a NOT LIKE 'x'"] * 100),
        " AND ".join(["a IS NOT NULL"] * 100),
        "a = " + " - ".join(["5"] * 200),
    ],
)
def test_what_stands_side_by_side_is_not_nested(text):
    check_limits(text)
    compile_filter(text)


@pytest.mark.parametrize(
    ("text", "position"),
    [("a = 'x", 4), ("a = 'x''", 4), ('"a', 0), ("[a", 0), ("a = 'b' AND c = 'd", 16)],
)
def test_an_open_quote_is_reported_where_it_opens(text, position):
    assert refusal(text).position == position


HOSTILE = {
    "open parentheses": "(" * 4000,
    "parentheses around": nested("(", "a = 1", ")", 2000),
    "closing parentheses": ")" * 4000,
    "negations": "NOT " * 1000 + "a",
    "signs": "-" * 4000 + "a = 1",
    "an odd number of quotes": "'" * 4095,
    "an even number of quotes": "'" * 4096,
    "double quotes": '"' * 4095,
    "brackets": "[" * 4096,
    "a string of quotes": "a = '" + "'" * 4000 + "'",
    "dots": "a." * 2000,
    "commas": "a IN (" + "," * 900,
    "digits": "a = " + "9" * 4000,
    "zeros": "a = " + "0" * 4000,
    "fraction": "a = 0." + "1" * 4000,
    "exponent": "a = 1e" + "9" * 4000,
    "exponents": "1e" * 2000,
    "letters beyond ASCII": "я" * 4000 + " = 1",
    "astral": "😀" * 4000,
    "surrogates": "a = '" + "\ud800" * 4000 + "'",
    "control characters": "\x00" * 900,
    "spaces": " " * 4095 + "a",
    "operators": "<>=!" * 250,
    "a long IN list": "a IN (" + ",".join(str(each) for each in range(497)) + ")",
    "a list of lists": "a IN (" + "b IN (" * 60,
    "alternatives": " OR ".join(f"a = {each}" for each in range(250)),
    "a sum": "a" + "+a" * 498 + " > 1",
    "a product": "a" + "*a" * 498 + " > 1",
    "quotients": "a" + "/a" * 498 + " > 1",
    "deep arithmetic": nested("(1 - 2 * ", "a", " = b AND b OR b)", 62) + " = b",
    "deep BETWEEN": nested("(b OR b AND b BETWEEN b AND 1 - 2 * ", "a", ")", 62),
    "BETWEEN of BETWEEN": nested("(", "b", " BETWEEN b AND b)", 62),
    "IN of IN": nested("(", "b", " IN (b, b))", 62),
    "comparisons of comparisons": nested("(", "b", ") = TRUE", 62),
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_selector_is_compiled_or_refused_soon(text):
    started = time.thread_time()
    try:
        matches = Filter(text, None).matches(SampleProperties(headers={"a": 3, "b": 1}))
    except FilterSyntaxError:
        matches = None
    assert matches in (True, False, None)
    assert time.thread_time() - started < 2


PATTERNS = {
    "many %": "%a" * 2000,
    "many % that fail at the end": "%a" * 2000 + "b",
    "one long part": "%" + "a" * 4000 + "b%",
    "one long part of _": "%" + "_" * 4000 + "b",
    "many _": "%" + "_a" * 2000 + "b%",
    "a wide gap": "%a" + "_" * 3900 + "b%",
    "many parts of _": "%a_a" * 1000 + "b%",
}


@pytest.mark.parametrize("pattern", PATTERNS.values(), ids=PATTERNS)
def test_a_hostile_pattern_passes_over_a_long_text_once(pattern):
    filter = Filter(f"text LIKE '{pattern}'", None)
    properties = SampleProperties(headers={"text": LONG_TEXT})
    started = time.thread_time()
    filter.matches(properties)
    assert time.thread_time() - started < 2


def test_a_string_of_digits_without_end_is_no_number():
    filter = compile_filter("convert_string_expressions:text > 1")
    assert not filter.matches(SampleProperties(headers={"text": "9" * 100_000}))
