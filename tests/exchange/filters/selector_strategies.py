"""Hypothesis strategies for selectors and messages that have something to say to each other.

Names, numbers and strings come from small stocks, so that headers are often present and often
equal to a constant, or nearly so. Nodes are built as the grammar builds them.
"""

import math
from decimal import Decimal
from functools import cache

from hypothesis import strategies as st

from warrener.exchange.filters import SampleProperties, nodes
from warrener.exchange.filters.values import Single, to_single


class Seconds(int):
    """A timestamp as the wire brings it."""


NAMES = ("a", "b", "c", "x-y", "null", "größe", "JMSPriority", "TAGS", 'say "hi"')
IDENTIFIERS = (
    *(nodes.Identifier(name) for name in NAMES),
    nodes.Identifier("JMSPriority", "a"),
    nodes.Identifier("JMSDeliveryMode"),
    nodes.Identifier("JMSTimestamp"),
    nodes.Identifier("JMSExpiration"),
    nodes.Identifier("JMSRedelivered"),
    nodes.Identifier("priority", "h"),
    nodes.Identifier("priority", "p"),
    nodes.Identifier("type", "p"),
)
TEXTS = (
    "",
    "a",
    "ab",
    "abc",
    "abcabc",
    "b%c",
    "b_c",
    "it's",
    "10.1",
    "2",
    "-3e1",
    "🥕",
    "a\nb",
    "z",
    "9" * 20,
    "9" * 400,
    "-" + "9" * 400,
    "-1e999",
)
INTEGERS = (0, 1, 2, 3, 10, 100, -1, -3, 2**53 + 1, 2**63 - 1, -(2**63))
DECIMALS = (0.0, -0.0, 0.5, 1.0, 1.5, 10.1, -10.1, 0.1, 1e39, 5e-324, 1e300, 3.4028235e38)
PATTERNS = ("", "%", "_", "a%", "%c", "%b%", "a_c", "a%b%c", "%b_%", "%a_c%", "_%", "abc", "%c_b%")

texts = st.sampled_from(TEXTS) | st.text(max_size=4)
constants = (
    st.sampled_from(INTEGERS)
    | st.sampled_from(DECIMALS)
    | st.booleans()
    | texts
    | st.floats(allow_nan=False, allow_infinity=False)
)
numbers = st.sampled_from((*INTEGERS, *DECIMALS))
header_values = st.one_of(
    constants,
    st.none(),
    numbers.map(lambda value: Single(to_single(value))),
    st.sampled_from((math.nan, math.inf, -math.inf, Single(math.nan))),
    st.sampled_from(("10.1", "-10.1", "1", "0.5", "2", "1E-255", "4294967295")).map(Decimal),
    st.sampled_from((0, 1, 2, 100)).map(Seconds),
    st.sampled_from((b"a", b"abc", {"a": 1}, [], [1, "a"])),
)
messages = st.builds(
    SampleProperties,
    headers=st.none() | st.dictionaries(st.sampled_from(NAMES), header_values),
    priority=st.none() | st.integers(0, 9),
    delivery_mode=st.sampled_from((None, 1, 2)),
    timestamp=st.sampled_from((None, 0, 1, 100, 2**64 - 1)),
    expiration=st.sampled_from((None, "0", "100", "soon", "9" * 255)),
    type=st.sampled_from((None, "a", "abc")),
)

identifiers = st.sampled_from(IDENTIFIERS)
literals = constants.map(nodes.Literal)
comparisons = st.sampled_from(("=", "=", "<>", "<", "<=", ">", ">="))


def selectors():
    """Any selector."""
    return st.builds(nodes.Selector, conditions(depth=3), st.booleans())


def bindings():
    """Selectors as bindings have them: names beside constants, joined."""
    return st.builds(nodes.Selector, simple_conditions(depth=2))


# Each strategy is made once for each depth, and deferred so that it does not print all below it.


@cache
def simple_conditions(depth):
    simple = predicates(identifiers, literals) | identifiers
    if depth == 0:
        return simple
    return st.deferred(lambda: st.one_of(simple, *junctions(simple_conditions(depth - 1))))


@cache
def conditions(depth):
    if depth == 0:
        return identifiers | st.booleans().map(nodes.Literal)
    below = expressions(depth - 1)
    joined = junctions(conditions(depth - 1))
    return st.deferred(lambda: st.one_of(predicates(below, below), *joined, identifiers))


@cache
def expressions(depth):
    leaves = identifiers | literals | st.just(nodes.Clock())
    if depth == 0:
        return leaves
    below = expressions(depth - 1)
    signed = st.builds(nodes.Sign, st.sampled_from("+-"), below.filter(is_signable))
    sums, products = chains(nodes.Sum, "+-", below), chains(nodes.Product, "*/%", below)
    return st.deferred(
        lambda: st.one_of(leaves, leaves, signed, sums, products, conditions(depth - 1))
    )


def is_signable(node):
    """The grammar makes the sign of a number part of the number."""
    return not isinstance(node, nodes.Literal) or isinstance(node.value, bool | str)


def junctions(inner):
    several = st.lists(inner, min_size=2, max_size=3).map(tuple)
    return several.map(nodes.And), several.map(nodes.Or), inner.map(nodes.Not)


@st.composite
def chains(draw, kind, signs, operands):
    several = draw(st.lists(operands, min_size=2, max_size=3))
    operators = [draw(st.sampled_from(signs)) for _ in several[1:]]
    return kind(tuple(several), tuple(operators))


def predicates(left, right):
    choices = st.lists(right, min_size=1, max_size=4).map(tuple)
    match_signs = st.sampled_from(("CONTAINS", "STARTSWITH", "ENDSWITH"))
    return st.one_of(
        st.builds(nodes.Comparison, comparisons, left, right),
        st.builds(nodes.Comparison, comparisons, right, left),
        st.builds(nodes.In, left, choices, st.booleans()),
        st.builds(nodes.Between, left, right, right, st.booleans()),
        st.builds(nodes.IsNull, left, st.booleans()),
        likes(left),
        st.builds(nodes.TextMatch, left, match_signs, texts, st.booleans()),
    )


@st.composite
def likes(draw, operands):
    escape = draw(st.sampled_from((None, None, "!", "%", "_", "a")))
    pattern = draw(st.sampled_from(PATTERNS) | st.text("ab%_!", max_size=6))
    if escape is not None:
        # Something to escape behind each.
        pattern = pattern.replace(escape, escape + "b")
    return nodes.Like(draw(operands), pattern, escape, draw(st.booleans()))
