"""Expressions: the same answers as Python's `re`, in a time that cannot run away."""

import contextlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warrener.exchange.expressions.expression import REMEMBERED_MAX, Expression
from warrener.exchange.expressions.syntax import NotAnExpression

LONGEST = 255


def found(text: str, name: str) -> bool:
    return Expression(text).found_in(name)


@pytest.mark.parametrize(
    ("text", "name", "answer"),
    [
        ("", "anything", True),
        ("orders", "eu.orders.new", True),
        ("^orders", "eu.orders", False),
        (r"\.new$", "orders.new", True),
        (r"\.new\Z", "orders.new.old", False),
        (r"\Aorders\z", "orders", True),
        (r"^(?!amq\.).*", "amq.topic", False),
        (r"^(?!amq\.).*", "orders", True),
        (r"^(?=.*eu)(?=.*new)", "new.eu", True),
        (r"^((?!dlq).)*$", "orders.dlq", False),
        (r"^((?!dlq).)*$", "orders", True),
        (r"^(orders|payments)\.(eu|us)$", "payments.us", True),
        (r"^(?:a|b)+$", "abba", True),
        (r"^(?P<part>a)(?<other>b)$", "ab", True),
        (r"^[a-c]{2,3}$", "abcd", False),
        (r"^[^a-c.]+$", "xyz", True),
        (r"^[]x-]+$", "]-x", True),
        (r"^[\d\-_\]]+$", "1-2_3]", True),
        (r"^\w+\s\W\S$", "ä1 .x", True),
        (r"^\D[^\W\d]$", "xy", True),
        (r"\bdlq\b", "orders.dlq", True),
        (r"\bdlq\b", "orders_dlq", False),
        (r"\Bq", "dlq", True),
        ("(?i)^ORDERS$", "Orders", True),
        ("^(?i:o)rders$", "Orders", True),
        ("^(?i:o)rders$", "ORDERS", False),
        (r"^\x61\u00e4$", "aä", True),
        ("^a{,2}$", "aa", True),
        ("^a{0}$", "", True),
        ("^(ab){2}$", "abab", True),
        ("^a{x}$", "a{x}", True),
        ("a??b+?c*?", "b", True),
    ],
)
def test_an_expression_is_found_or_not(text: str, name: str, answer: bool) -> None:
    assert found(text, name) is answer


def test_a_name_has_one_line_only() -> None:
    assert found("^a.b$", "a\nb")
    assert not found("^a$", "a\n")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("(", "missing )"),
        ("a)", "unbalanced parenthesis"),
        ("*", "nothing to repeat"),
        ("^*", "nothing to repeat"),
        ("a**", "a repetition of a repetition"),
        ("a{3,2}", "ends exchanged"),
        ("[a", "missing ]"),
        ("[b-a]", "a range of characters that is none"),
        (r"[a-\d]", "a range of characters that is none"),
        ("a\\", "an escape that means nothing"),
        (r"\q", "an escape that means nothing"),
        (r"\xg1", "needs 2 hexadecimal digits"),
        (r"(a)\1", "an escape with a number, which is not supported"),
        ("(?<=a)b", "a lookbehind, which is not supported"),
        ("(?<!a)b", "a lookbehind, which is not supported"),
        ("a*+", "a possessive repetition, which is not supported"),
        ("(?>a)", "an extension that is not supported"),
        ("a(?i)b", "an extension that is not supported"),
        ("[[:alpha:]]", "a named class of characters, which is not supported"),
        ("(" * 100 + ")" * 100, "too many parentheses"),
        ("(a|b){1000000}", "too large"),
        ("(){999999999}", "too large"),
        ("a{999999999}", "too large"),
        ("((((a|b){9}){9}){9}){9}", "too large"),
        ("a" * 10_000, "too large"),
    ],
)
def test_what_cannot_be_used_is_refused_and_the_reason_is_given(text: str, why: str) -> None:
    with pytest.raises(NotAnExpression) as caught:
        Expression(text)
    assert why in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["^(a+)+$", "^(a|a)*$", "^(a|aa)+$", "(.*a){20}c", "^(a?){50}a{50}$", "(a+a+)+c", "^(.*)*c$"],
)
def test_what_takes_for_ever_elsewhere_takes_a_moment(text: str) -> None:
    assert not found(text, "a" * LONGEST + "b")


def test_what_is_remembered_is_limited_and_forgotten_without_harm() -> None:
    expression = Expression("^.{12}a[ab]*$")
    names = [f"{number:024b}".replace("0", "a").replace("1", "b") for number in range(2000)]
    for name in names:
        assert expression.found_in(name) is (name[12] == "a")
        assert expression.remembered <= REMEMBERED_MAX


ATOMS = [*"abc", ".", "[ab]", "[^a]", r"\w", r"\d", r"\.", " ", "(?:)"]
EDGES = ["^", "$", r"\b", r"\B", ""]
REPETITIONS = ["", "", "", "*", "+", "?", "*?", "{2}", "{1,2}", "{0,2}", "{2,}", "{0}", "{,2}"]
OPENINGS = ["(", "(?:", "(?=", "(?!", "(?P<n>"]


def grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return (
        st.tuples(st.sampled_from(OPENINGS), inner, st.just(")"), st.sampled_from(REPETITIONS))
        | st.tuples(inner, inner)
        | st.tuples(inner, st.just("|"), inner)
    ).map("".join)


leaves = st.tuples(st.sampled_from(ATOMS), st.sampled_from(REPETITIONS)).map("".join)
texts = st.recursive(leaves | st.sampled_from(EDGES), grown, max_leaves=8)
names = st.text("abc1 .", max_size=8)


@given(texts, st.lists(names, min_size=1, max_size=5))
def test_the_answer_is_that_of_python(text: str, several: list[str]) -> None:
    try:
        model = re.compile(text, re.DOTALL)
    except re.error:
        return  # Two groups of one name, which are no concern of ours.
    expression = Expression(text)
    for name in several:
        if name or r"\B" not in text:  # Of which versions of Python think differently.
            assert expression.found_in(name) is (model.search(name) is not None)


@given(st.text("ab()[]{}?*+|^$\\.-,:=!<12dwbBAZ", max_size=20))
def test_any_text_is_an_expression_or_refused(text: str) -> None:
    with contextlib.suppress(NotAnExpression):
        Expression(text).found_in("ab1")
