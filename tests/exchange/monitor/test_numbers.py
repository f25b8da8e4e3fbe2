"""Numbers, times and bars as short texts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warrener.exchange.monitor.history import SAMPLES, SERIES_MAX, History
from warrener.exchange.monitor.printing import count, plain, printable, rate, second, size, span
from warrener.exchange.monitor.sparkline import graph, sparkline


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (99_999, "99999"), (100_000, "100k"), (1_234_567, "1.23M"), (None, ""), (-5, "-5")],
)
def test_counts(value: object, text: str) -> None:
    assert count(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0, "·"), (0.4, "0.4"), (12.4, "12"), (9999, "9999"), (12_345, "12.3k")]
)
def test_rates(value: float, text: str) -> None:
    assert rate(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0B"), (999, "999B"), (1000, "1.0K"), (1 << 30, "1.0G"), (20 << 20, "20M")],
)
def test_sizes(value: int, text: str) -> None:
    assert size(value) == text


@given(st.integers(0, 10**17))
def test_numbers_fit_their_columns(value: int) -> None:
    assert len(count(value)) <= 6
    assert len(rate(value)) <= 5
    assert len(size(value)) <= 5


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (59, "59s"), (3661, "1h 1m"), (273_600, "3d 4h"), (86_401, "1d 0h")],
)
def test_times_have_two_units(seconds: int, text: str) -> None:
    assert span(seconds) == text


def test_a_second_is_exact_enough() -> None:
    assert second("2026-11-20T11:22:33.444+00:00") == "2026-11-20 11:22:33"


@given(st.text())
def test_what_is_printed_is_printable(text: str) -> None:
    assert printable(text).isprintable()
    assert plain({text: [text]}).isprintable()


def test_what_is_printable_stays_as_it_is() -> None:
    assert printable("größe 日本") == "größe 日本"
    assert printable("a\x1b[31m\n\u202e") == "a\\x1b[31m\\n\\u202e"


def test_the_highest_bar_is_the_highest_number() -> None:
    assert sparkline([0, 1, 50, 100], 4) == "▁▂▅█"
    assert sparkline([0, 0], 4) == "  ▁▁"
    assert sparkline([1, 2, 3], 0) == ""


def test_a_graph_has_lines() -> None:
    assert graph([0, 8, 16], 3, 2) == ["  █", " ██"]


@given(st.lists(st.floats(0, 1e15), max_size=80), st.integers(0, 70), st.integers(1, 6))
def test_bars_fill_their_room(values: list[float], width: int, height: int) -> None:
    assert len(sparkline(values, width)) == width
    assert [len(line) for line in graph(values, width, height)] == [width] * height


def test_history_is_a_minute_long_and_forgets_queues() -> None:
    history = History()
    for number in range(SAMPLES + 10):
        history.add({"in": number}, [{"vhost": "/", "name": "q", "messages": number}])
    assert history.rate("in") == tuple(range(10, SAMPLES + 10))
    assert history.depth("/", "q") == tuple(range(10, SAMPLES + 10))
    history.add(
        {}, [{"vhost": "/", "name": str(each), "messages": 1} for each in range(SERIES_MAX)]
    )
    assert history.depth("/", "q") == ()
    assert history.depth("/", "5") == (1,)
