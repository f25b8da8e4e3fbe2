"""An index finds what evaluating every filter finds, and evaluates few."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.exchange.filters.selector_strategies import bindings, messages, selectors
from warrener.exchange.filters import FilterIndex, SampleProperties, compile_filter

NOW = 100


def message(**headers):
    return SampleProperties(headers=headers)


def evaluations(index, properties):
    before = index.statistics().evaluations
    index.match(properties)
    return index.statistics().evaluations - before


def indexed(*texts):
    index = FilterIndex()
    for text in texts:
        index.add(compile_filter(text), text)
    return index


@settings(max_examples=250, deadline=None)
@given(
    st.lists(bindings() | selectors(), min_size=1, max_size=10),
    st.lists(messages, min_size=1, max_size=4),
    st.booleans(),
    st.data(),
)
def test_an_index_answers_as_the_evaluation_of_every_filter(chosen, sent, redelivered, data):
    filters = [compile_filter(str(selector)) for selector in chosen]
    index = FilterIndex()
    pairs = [*enumerate(filters), (99, filters[0])]
    for value, filter in pairs:
        index.add(filter, value)
    gone = data.draw(st.sets(st.sampled_from(pairs)))
    for phase in (set(), gone):
        for value, filter in phase:
            index.remove(filter, value)
        for properties in sent:
            expected = [
                value
                for value, filter in pairs
                if (value, filter) not in phase and filter.matches(properties, redelivered, NOW)
            ]
            assert sorted(index.match(properties, redelivered, NOW)) == sorted(expected)


@given(st.lists(bindings() | selectors(), min_size=1, max_size=10))
def test_nothing_is_left_when_everything_is_removed(chosen):
    filters = [compile_filter(str(selector)) for selector in chosen]
    index = FilterIndex()
    for value, filter in enumerate(filters):
        index.add(filter, value)
    for value, filter in enumerate(filters):
        index.remove(filter, value)
    assert len(index) == 0
    assert index.statistics().filters == index.statistics().unindexed == 0
    assert not index._headers
    assert not index._fields


REGIONS = [f"region = 'R{number}' AND amount > {number % 100}" for number in range(2000)]


@pytest.mark.parametrize(
    ("texts", "properties", "evaluated_max"),
    [
        (REGIONS, message(region="R7", amount=50), 1),
        (REGIONS, message(region="nowhere", amount=50), 0),
        (REGIONS, message(amount=50), 0),
        (
            [f"type = 'order' AND customer = 'C{number}'" for number in range(500)],
            message(type="order", customer="C7"),
            2,
        ),
        ([f"a IN ({number}, -{number}, 'x')" for number in range(1, 500)], message(a=7), 1),
        ([f"a = {number} OR b = {number}" for number in range(500)], message(a=7, b=9), 2),
        ([f"name LIKE 'N{number}%'" for number in range(100, 600)], message(name="N300x"), 1),
        ([f"a > {number}" for number in range(500)], message(a=10), 11),
        ([f"a < {number}" for number in range(500)], message(a=490), 10),
        (
            [f"a BETWEEN {number * 10} AND {number * 10 + 9}" for number in range(500)],
            message(a=2505),
            3,
        ),
        ([f"h{number} CONTAINS 'x'" for number in range(500)], message(h7="x"), 1),
        ([f"JMSPriority = {number}" for number in range(500)], SampleProperties(priority=7), 1),
        (["1 = 2", "a = 1 AND FALSE"], message(a=1), 0),
    ],
)
def test_few_filters_are_evaluated_for_a_message(texts, properties, evaluated_max):
    index = indexed(*texts)
    expected = [text for text in texts if compile_filter(text).matches(properties)]
    assert sorted(index.match(properties)) == sorted(expected)
    assert evaluations(index, properties) <= evaluated_max


def test_tags_are_indexed_like_any_header():
    index = FilterIndex()
    for number in range(500):
        index.add(compile_filter(tags=f"Tag{number} || Other{number}"), number)
    assert index.match(message(TAGS="Other7")) == [7]
    assert evaluations(index, message(TAGS="Other7")) == 1


def test_a_filter_shared_by_many_values_is_evaluated_once():
    index = FilterIndex()
    for number in range(100):
        index.add(compile_filter("a = 1"), number)
    assert index.match(message(a=1)) == list(range(100))
    assert evaluations(index, message(a=1)) == 1


def test_a_value_with_two_matching_filters_comes_twice():
    index = FilterIndex()
    index.add(compile_filter("a = 1"), "x")
    index.add(compile_filter("b = 2"), "x")
    assert index.match(message(a=1, b=2)) == ["x", "x"]


def test_a_filter_found_by_two_of_its_keys_comes_once():
    assert indexed("a = 1 OR b = 2").match(message(a=1, b=2)) == ["a = 1 OR b = 2"]


def test_a_filter_that_matches_everything_is_found_for_every_message():
    assert indexed("").match(SampleProperties()) == [""]


def test_a_pair_is_added_once_and_removed_once():
    index = indexed("a = 1")
    with pytest.raises(AssertionError):
        index.add(compile_filter("a = 1"), "a = 1")
    index.remove(compile_filter("a = 1"), "a = 1")
    with pytest.raises(KeyError):
        index.remove(compile_filter("a = 1"), "a = 1")


def test_an_index_tells_what_it_holds_and_did():
    index = indexed("a = 1", "b IS NULL")
    index.add(compile_filter("a = 1"), "again")
    index.match(message(a=1))
    index.match(message(a=2, b=1))
    statistics = index.statistics()
    assert (statistics.filters, statistics.values, statistics.unindexed) == (2, 3, 1)
    assert (statistics.messages, statistics.evaluations, statistics.matches) == (2, 3, 3)


def test_what_each_filter_has_done_is_counted():
    index: FilterIndex[str] = FilterIndex()
    red, large = compile_filter("color = 'red'"), compile_filter("size IS NULL OR size > 5")
    index.add(red, "one")
    index.add(red, "two")
    index.add(large, "three")
    for headers in ({"color": "red"}, {"color": "blue", "size": 1}, {"size": 9}):
        index.match(SampleProperties(headers=headers))
    assert (index.work(red).evaluations, index.work(red).matches) == (1, 1)
    assert (index.work(large).evaluations, index.work(large).matches) == (3, 2)
    statistics = index.statistics()
    assert (statistics.messages, statistics.evaluations, statistics.matches) == (3, 4, 4)
    assert statistics.unmatched == 1


def test_a_filter_can_be_evaluated_again_for_its_last_message():
    index: FilterIndex[str] = FilterIndex()
    red = compile_filter("color = 'red'")
    index.add(red, "one")
    assert index.work(red).again is None
    index.match(SampleProperties(headers={"color": "red"}))
    again = index.work(red).again
    assert again is not None
    assert again() is True
    assert index.work(red).evaluations == 1
