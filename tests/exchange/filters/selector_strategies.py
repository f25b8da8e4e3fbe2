"""Hypothesis strategies for selectors and messages that have something to say to each other.

Names, numbers and strings come from small stocks, so that headers are often present and often
equal to a constant, or nearly so. Nodes are built as the grammar builds them.
"""

import math
from decimal import Decimal

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
TEXTS = ("", "a", "ab", "abc", "abcabc", "b%c", "b_c", "it's", "10.1", "2", "-3e1", "🥕", "a\nb", "z")
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
    timestamp=st.sampled_from((None, 0, 1, 100)),
    expiration=st.sampled_from((None, "0", "100", "soon")),
    type=st.sampled_from((None, "a", "abc")),
)

identifiers = st.sampled_from(IDENTIFIERS)
literals = constants.map(nodes.Literal)


def is_condition(node):
    if isinstance(node, nodes.Literal):
        return isinstance(node.value, bool)
    return not isinstance(node, nodes.NUMBERS)


def is_signable(node):
    return not isinstance(node, nodes.Literal) or isinstance(node.value, bool | str)


def chains(kind, signs, operands):
    def build(drawn):
        first, *steps = drawn
        operators, others = zip(*((sign, other) for sign, other in steps), strict=True)
        return kind((first, *others), operators)

    steps = st.tuples(st.sampled_from(signs), operands)
    return st.tuples(operands, steps) .map(build) | st.tuples(operands, steps, steps).map(build)


def junctions(conditions):
    several = st.lists(conditions, min_size=2, max_size=3).map(tuple)
    return several.map(nodes.And) | several.map(nodes.Or)


@st.composite
def likes(draw, operands):
    escape = draw(st.sampled_from((None, None, "!", "%", "_", "a")))
    pattern = draw(st.sampled_from(PATTERNS) | st.text("ab%_!", max_size=6))
    if escape is not None:
        # What follows is escaped; nothing may stay without.
        pattern = pattern.replace(escape, escape + "b")
    return nodes.Like(draw(operands), pattern, escape, draw(st.booleans()))


def predicates(operands):
    return st.one_of(
        st.builds(
            nodes.Comparison, st.sampled_from(("=", "<>", "<", "<=", ">", ">=")), operands, operands
        ),
        st.builds(
            nodes.In, operands, st.lists(operands, min_size=1, max_size=4).map(tuple), st.booleans()
        ),
        st.builds(nodes.Between, operands, operands, operands, st.booleans()),
        st.builds(nodes.IsNull, operands, st.booleans()),
        likes(operands),
        st.builds(
            nodes.TextMatch,
            operands,
            st.sampled_from(("CONTAINS", "STARTSWITH", "ENDSWITH")),
            texts,
            st.booleans(),
        ),
    )


def extended(expressions):
    conditions = expressions.filter(is_condition)
    return st.one_of(
        predicates(expressions),
        junctions(conditions),
        conditions.map(nodes.Not),
        st.builds(nodes.Sign, st.sampled_from("+-"), expressions.filter(is_signable)),
        chains(nodes.Sum, "+-", expressions),
        chains(nodes.Product, "*/%", expressions),
    )


leaves = identifiers | literals | st.just(nodes.Clock())
expressions = st.recursive(leaves, extended, max_leaves=12)
selectors = st.builds(nodes.Selector, expressions.filter(is_condition), st.booleans())

# What bindings look like: conjunctions and alternatives of a name beside constants.
simple_predicates = st.one_of(
    st.builds(
        nodes.Comparison,
        st.sampled_from(("=", "=", "<>", "<", "<=", ">", ">=")),
        identifiers,
        literals,
    ),
    st.builds(
        nodes.In, identifiers, st.lists(literals, min_size=1, max_size=3).map(tuple), st.booleans()
    ),
    st.builds(nodes.Between, identifiers, literals, literals, st.booleans()),
    st.builds(nodes.IsNull, identifiers, st.booleans()),
    likes(identifiers),
    st.builds(
        nodes.TextMatch,
        identifiers,
        st.sampled_from(("CONTAINS", "STARTSWITH")),
        texts,
        st.booleans(),
    ),
    identifiers,
)
bindings = st.builds(
    nodes.Selector,
    st.recursive(
        simple_predicates,
        lambda inner: junctions(inner) | inner.map(nodes.Not),
        max_leaves=4,
    ),
)
