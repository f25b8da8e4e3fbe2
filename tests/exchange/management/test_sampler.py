"""The sampler: from counts to rates."""

from hypothesis import given
from hypothesis import strategies as st

from warrener.exchange.management.sampler import INTERVAL_S, take_sample
from warrener.exchange.management.statistics import message_stats, named, rates_of
from warrener.exchange.statistics.sample import Sample


class Counted:
    sample: Sample | None = None


def test_what_never_counted_anything_has_no_sample():
    thing = Counted()
    take_sample(thing, (0, 0), 0, 10.0, 10_000)
    assert thing.sample is None
    assert set(rates_of(thing.sample)) == {0.0}


def test_the_first_counts_came_in_one_interval():
    thing = Counted()
    take_sample(thing, (10, 4), 1, 10.0, 10_000)
    assert thing.sample == Sample(10.0, (10, 4), (10 / INTERVAL_S, 0.0), 10_000)


def test_a_rate_is_what_was_added_by_the_time_that_went_by():
    thing = Counted()
    take_sample(thing, (10, 4), 1, 10.0, 10_000)
    take_sample(thing, (30, 2), 1, 14.0, 14_000)
    assert thing.sample == Sample(14.0, (30, 2), (5.0, -0.5), 14_000)


def test_without_a_change_rates_are_zero_and_the_time_of_the_last_change_stays():
    thing = Counted()
    take_sample(thing, (10,), 0, 10.0, 10_000)
    take_sample(thing, (10,), 0, 15.0, 15_000)
    assert thing.sample == Sample(15.0, (10,), (0.0,), 10_000)
    take_sample(thing, (20,), 0, 20.0, 20_000)
    assert thing.sample == Sample(20.0, (20,), (2.0,), 20_000)


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=20))
def test_the_rates_of_all_intervals_add_up_to_what_was_counted(steps):
    thing = Counted()
    total = seen = 0.0
    for number, step in enumerate(steps, 1):
        total += step
        take_sample(thing, (int(total),), 0, number * INTERVAL_S, number)
        seen += rates_of(thing.sample)[0] * INTERVAL_S
    assert abs(seen - total) < 1e-6


def test_all_deliveries_together_are_one_count():
    stats = message_stats([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], [0.5] * 11)
    assert stats["deliver_get"] == 5 + 6 + 7 + 8
    assert stats["deliver_get_details"] == {"rate": 2.0}
    assert stats["publish"] == 1
    assert "confirm" not in message_stats([0] * 11, [0.0] * 11, ("publish",))


def test_values_stand_beside_their_rates():
    assert named(("a",), (3,), (1.234,)) == {"a": 3, "a_details": {"rate": 1.23}}
