"""Ranges are found by a value, and only those near it."""

from hypothesis import given, settings
from hypothesis import strategies as st

from warrener.exchange.filters.ranges import CELLS_MAX, Grid, Ranges, Thresholds

corners = st.sampled_from((None, -3, 0, 0.5, 1, 1.0, 2, 7, 1e-300, 1e250, -1e250, 2**63))
bounds = corners | st.floats(allow_nan=False)
numbers = bounds.filter(lambda bound: bound is not None)


def found_in(ranges, least, most):
    found = {}
    ranges.collect(least, most, found)
    return set(found)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(bounds, bounds).filter(lambda pair: pair != (None, None)), max_size=12),
    st.tuples(numbers, numbers).map(sorted),
    st.data(),
)
def test_every_range_that_holds_a_value_is_found_until_it_is_discarded(pairs, known, data):
    ranges = Ranges()
    for number, (low, high) in enumerate(pairs):
        ranges.add(low, high, number)
    least, most = known
    gone = data.draw(st.sets(st.sampled_from(range(len(pairs))))) if pairs else set()
    for number in gone:
        ranges.discard(*pairs[number], number)
    held = {
        number
        for number, (low, high) in enumerate(pairs)
        if number not in gone
        and (low is None or low <= most)
        and (high is None or high >= least)
        and not (low is not None and high is not None and low > high)
    }
    found = found_in(ranges, least, most)
    assert held <= found
    assert not found & gone


@given(st.lists(st.tuples(bounds, bounds).filter(lambda pair: pair != (None, None)), max_size=12))
def test_nothing_is_left_when_everything_is_discarded(pairs):
    ranges = Ranges()
    for number, (low, high) in enumerate(pairs):
        ranges.add(low, high, number)
    for number, (low, high) in enumerate(pairs):
        ranges.discard(low, high, number)
    assert not ranges


def test_ranges_far_from_the_value_are_left_alone():
    ranges = Ranges()
    for number in range(1000):
        ranges.add(number * 10, number * 10 + 9, number)
    assert found_in(ranges, 5005, 5005) <= {499, 500, 501}


def test_short_and_long_ranges_live_together():
    ranges = Ranges()
    ranges.add(0, 1_000_000, "wide")
    ranges.add(499.5, 500.5, "narrow")
    ranges.add(7, 8, "elsewhere")
    assert found_in(ranges, 500, 500) == {"wide", "narrow"}


def test_a_value_known_only_roughly_finds_all_that_it_may_lie_in():
    grid = Grid()
    for number in range(4 * CELLS_MAX):
        grid.add(number, number + 0.5, number)
    found = {}
    grid.collect(0, 3 * CELLS_MAX, found)
    assert set(found) >= set(range(3 * CELLS_MAX))


def test_strings_have_ranges_too():
    ranges = Ranges()
    ranges.add("b", None, "from b")
    ranges.add(None, "b", "to b")
    ranges.add("a", "c", "a to c")
    assert found_in(ranges, "a", "a") == {"to b", "a to c"}
    assert found_in(ranges, "d", "d") == {"from b", "a to c"}


def test_the_same_item_under_the_same_bound_is_there_once():
    thresholds = Thresholds()
    thresholds.add(1, "x")
    thresholds.add(1.0, "x")
    assert thresholds.size == 1
    thresholds.discard(1, "x")
    thresholds.discard(1.0, "x")
    assert thresholds.size == 0


def test_a_crowd_is_what_would_be_found_together():
    ranges = Ranges()
    for number in range(10):
        ranges.add(0, 1, number)
    ranges.add(100, 101, "far")
    assert ranges.crowd(0, 1) == 10
    assert ranges.crowd(100, 101) == 1
    assert ranges.crowd(1000, 1001) == 0
