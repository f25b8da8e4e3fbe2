"""Units: durations, counts, sizes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warrener.exchange.topology.units import (
    NoQuantity,
    count,
    duration,
    duration_text,
    size,
    size_text,
)


@pytest.mark.parametrize(
    ("read", "text", "expected"),
    [
        (duration, "500ms", 500),
        (duration, "30s", 30_000),
        (duration, "5m", 300_000),
        (duration, "1h", 3_600_000),
        (duration, "7d", 604_800_000),
        (duration, "1h30m", 5_400_000),
        (duration, "1.5h", 5_400_000),
        (count, "10k", 10_000),
        (count, "2M", 2_000_000),
        (size, "64KiB", 65_536),
        (size, "10 MiB", 10_485_760),
        (size, "500kB", 500_000),
        (size, "1G", 1_000_000_000),
    ],
)
def test_a_number_with_a_unit(read, text, expected):
    assert read(text) == expected


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (duration, "5"),
        (duration, "5x"),
        (duration, "5 minutes"),
        (duration, "m"),
        (duration, "-5m"),
        (duration, "5m "[:2] + ";"),
        (duration, "0.5ms"),
        (duration, "9" * 40 + "s"),
        (count, "1k5M"),
        (count, "10KiB"),
        (size, "10h"),
        (size, ""),
    ],
)
def test_what_is_no_quantity_is_refused(read, text):
    with pytest.raises(NoQuantity):
        read(text)


@given(st.integers(1, 10**12))
def test_a_duration_is_written_so_that_it_is_read_as_the_same(ms):
    assert duration(duration_text(ms)) == ms


@given(st.integers(1, 10**12))
def test_a_size_is_written_so_that_it_is_read_as_the_same(size_bytes):
    text = size_text(size_bytes)
    assert (int(text) if text.isdigit() else size(text)) == size_bytes


def test_what_has_no_unit_is_written_without():
    assert duration_text(0) == "0"
    assert size_text(1000) == "1000"
