"""What the grammar builds, and what it says when it cannot."""

import subprocess
import sys

import pyparsing
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.exchange.filters.selector_strategies import bindings, selectors
from warrener.exchange.filters import FilterSyntaxError, nodes
from warrener.exchange.filters.grammar import parse

A, B, C = (nodes.Identifier(name) for name in "abc")


def parsed_or_refused(text):
    try:
        return parse(text)
    except FilterSyntaxError as error:
        return error


def error_of(text):
    with pytest.raises(FilterSyntaxError) as caught:
        parse(text)
    return caught.value


@settings(max_examples=300, deadline=None)
@given(selectors() | bindings())
def test_a_printed_selector_is_read_back_as_the_same(selector):
    read = parse(str(selector))
    assert read == selector
    # 1 == 1.0 == True to Python, so the types are compared as well.
    assert repr(read) == repr(selector)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60) | st.text("ab1' \"[]()=<>+-*/%.,NOTANDINLIKE\n", max_size=60))
def test_any_text_is_a_selector_or_a_syntax_error_inside_it(text):
    outcome = parsed_or_refused(text)
    assert isinstance(outcome, nodes.Selector) or 0 <= outcome.position <= len(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a = b", nodes.Comparison("=", A, B)),
        ("a != b", nodes.Comparison("<>", A, B)),
        ("a AND b AND c", nodes.And((A, B, C))),
        ("a OR b AND c", nodes.Or((A, nodes.And((B, C))))),
        ("a AND b OR c", nodes.Or((nodes.And((A, B)), C))),
        ("(a OR b) AND c", nodes.And((nodes.Or((A, B)), C))),
        ("NOT a = b", nodes.Not(nodes.Comparison("=", A, B))),
        ("a = b - c", nodes.Comparison("=", A, nodes.Sum((B, C), ("-",)))),
        (
            "a = b + c * a",
            nodes.Comparison("=", A, nodes.Sum((B, nodes.Product((C, A), ("*",))), ("+",))),
        ),
        ("a = -5", nodes.Comparison("=", A, nodes.Literal(-5))),
        ("a = - -5", nodes.Comparison("=", A, nodes.Literal(5))),
        ("a = -b", nodes.Comparison("=", A, nodes.Sign("-", B))),
        ("a NOT LIKE 'x%' ESCAPE '!'", nodes.Like(A, "x%", "!", True)),
        ("a IS NOT NULL", nodes.IsNull(A, True)),
        ("a NOT IN (b, 'x')", nodes.In(A, (B, nodes.Literal("x")), True)),
        ("a NOT BETWEEN b AND c", nodes.Between(A, B, C, True)),
        ("a not endswith 'x'", nodes.TextMatch(A, "ENDSWITH", "x", True)),
        ("application_properties.a", nodes.Identifier("a", "a")),
        ("UTC() = a", nodes.Comparison("=", nodes.Clock(), A)),
    ],
)
def test_text_becomes_nodes(text, expected):
    assert parse(text) == nodes.Selector(expected)


@pytest.mark.parametrize(
    ("text", "position", "expected"),
    [
        ("a = ", 4, "a name, a value or '('"),
        ("a = b = c", 6, "an operator or the end"),
        ("a = 1 AMD b = 2", 6, "an operator or the end"),
        ("(a = 1", 6, "an operator or ')'"),
        ("a IN (1, 2", 10, "',' or ')'"),
        ("a IN ()", 6, "a name, a value or '('"),
        ("a NOT 5", 6, "LIKE, IN, BETWEEN, CONTAINS, STARTSWITH or ENDSWITH"),
        ("a IS 5", 5, "NULL"),
        ("a BETWEEN 1 OR 2", 12, "AND"),
        ("a LIKE 5", 7, "a string in quotes"),
        ("a LIKE 'x' ESCAPE 'ab'", 18, "one character to escape with"),
        ("a AND 3 + 5", 6, "a condition"),
        ("a OR (NOT 'x')", 10, "a condition"),
        ("a = 'open", 4, "a closing '"),
        ("a = 9223372036854775808", 4, "an integer of at most 64 bits"),
        ("h.size = 1", 2, "one of priority"),
    ],
)
def test_an_error_says_where_it_is_and_what_was_expected(text, position, expected):
    error = error_of(text)
    assert (error.position, error.expected) == (position, expected)


def test_an_unknown_section_is_told_how_a_name_with_a_dot_is_written():
    assert '"order.region"' in error_of("order.region = 'EU'").expected


def test_a_tab_counts_as_one_character():
    assert error_of("a\t=\t\t)").position == 5


def test_the_grammar_leaves_the_defaults_of_pyparsing_to_others():
    assert pyparsing.ParserElement.DEFAULT_WHITE_CHARS == " \n\t\r"


def test_pyparsing_is_loaded_by_the_first_selector_and_not_before():
    program = """
import sys
from warrener.exchange.filters import FilterIndex, compile_filter
FilterIndex().add(compile_filter(tags="TagA || TagB"), 1)
assert "pyparsing" not in sys.modules
compile_filter("a = 1")
assert "pyparsing" in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_a_selector_that_comes_while_the_grammar_is_prepared_finds_the_same_one():
    program = """
import threading
from warrener.exchange.filters import compile_filter, prepare_selectors
import pyparsing as pp
built = []
init = pp.StringEnd.__init__
def counting(self):
    built.append(threading.get_ident())
    init(self)
pp.StringEnd.__init__ = counting
start = threading.Barrier(2)
def prepare():
    start.wait()
    prepare_selectors()
thread = threading.Thread(target=prepare)
thread.start()
start.wait()
assert compile_filter("a = 1").sql == "a = 1"
thread.join()
assert built.count(built[0]) == len(built) > 0
assert pp.ParserElement.DEFAULT_WHITE_CHARS == " \\n\\t\\r"
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
