"""A histogram counts values by the bounds they lie between."""

from warrener.exchange.statistics.histogram import Histogram


def test_a_value_equal_to_a_bound_is_below_it():
    measured = Histogram((1, 10))
    for value in (0, 1, 1.5, 10, 11):
        measured.add(value)
    assert measured.counts == [2, 2, 1]
    assert measured.sum == 23.5


def test_several_values_are_counted_at_once():
    measured = Histogram((1, 10))
    measured.add(5, 3)
    assert measured.counts == [0, 3, 0]
    assert measured.sum == 15
