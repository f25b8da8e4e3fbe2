"""A shortcut answers as the predicate that it saves."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.exchange.filters.selector_strategies import comparisons, constants, header_values
from warrener.exchange.filters import nodes
from warrener.exchange.filters.predicates import predicate_of
from warrener.exchange.filters.shortcuts import header_is, header_test
from warrener.exchange.filters.values import RELATIONS

A = nodes.Identifier("a")
literals = constants.map(nodes.Literal)
choices = st.lists(literals | st.just(nodes.Literal(None)), min_size=1, max_size=4).map(tuple)
predicates = (
    st.builds(nodes.Comparison, comparisons, st.just(A), literals)
    | st.builds(nodes.Comparison, comparisons, literals, st.just(A))
    | st.builds(nodes.In, st.just(A), choices, st.booleans())
    | st.builds(nodes.Between, st.just(A), literals, literals, st.booleans())
)


@settings(max_examples=500)
@given(predicates, header_values | st.just(math.nan), st.booleans())
def test_a_shortcut_answers_as_the_predicate(node, value, wanted):
    _, predicate = predicate_of(node, RELATIONS)
    test = header_test("a", node, predicate, wanted)
    assert test({"a": value}, ()) is (predicate(value) is wanted)


@pytest.mark.parametrize("value", [True, False, None, 1, 0, "TRUE"])
def test_a_header_itself_is_true_or_false_only_as_a_boolean(value):
    assert header_is("a", True)({"a": value}, ()) is (value is True)
    assert header_is("a", False)({"a": value}, ()) is (value is False)
