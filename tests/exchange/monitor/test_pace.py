"""Rates, told from one look to the next."""

from warrener.exchange.monitor.pace import Pace


def test_rates_are_rises_over_time() -> None:
    pace: Pace[str] = Pace()
    assert pace.take({"a": 10}, 100.0) == {}
    assert pace.take({"a": 30, "new": 5}, 104.0) == {"a": 5.0}
    assert pace.take({"a": 30, "new": 6}, 106.0) == {"a": 0.0, "new": 0.5}


def test_what_began_anew_has_no_rate() -> None:
    pace: Pace[str] = Pace()
    pace.take({"a": 10}, 100.0)
    assert pace.take({"a": 3}, 101.0) == {}
    assert pace.take({"a": 5}, 102.0) == {"a": 2.0}


def test_two_looks_at_one_time_say_nothing() -> None:
    pace: Pace[str] = Pace()
    pace.take({"a": 1}, 1.0)
    assert pace.take({"a": 2}, 1.0) == {}
