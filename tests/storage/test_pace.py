"""Whether the broker's thread may wait for the disk: what a disk has to do for it."""

import math

from warrener.storage.pace import Pace

LIMIT_S = 0.001
SHORT_S = 0.0002


def writes_until(pace: Pace, quick: bool, seconds: float) -> int:
    """How many writes of so many seconds each it takes."""
    count = 0
    while pace.quick is not quick:
        pace.note(seconds)
        count += 1
        assert count < 1000
    return count


def quick_pace() -> Pace:
    pace = Pace(LIMIT_S)
    writes_until(pace, True, SHORT_S)
    return pace


def test_a_disk_of_which_nothing_is_known_is_not_quick() -> None:
    assert not Pace(LIMIT_S).quick


def test_a_disk_is_quick_when_it_has_been_for_a_while() -> None:
    assert writes_until(Pace(LIMIT_S), True, SHORT_S) > 30


def test_one_long_write_is_enough_to_make_it_slow() -> None:
    assert writes_until(quick_pace(), False, 0.01) == 1


def test_the_longer_that_write_was_the_more_short_ones_make_up_for_it() -> None:
    after = []
    for seconds in (0.01, 0.1, 1.0):
        pace = quick_pace()
        pace.note(seconds)
        after.append(writes_until(pace, True, SHORT_S))
    assert 5 < after[0] < after[1] < after[2]


def test_one_write_a_little_over_the_limit_changes_nothing() -> None:
    pace = quick_pace()
    for _ in range(30):
        pace.note(SHORT_S)
    pace.note(2 * LIMIT_S)
    assert pace.quick


def test_a_thread_may_take_longer_for_what_would_be_short_here() -> None:
    pace = Pace(LIMIT_S)
    for _ in range(100):
        pace.note_in_thread(1.8 * LIMIT_S)
    assert pace.quick


def test_a_disk_that_is_slow_is_not_quick_in_a_thread_either() -> None:
    pace = Pace(LIMIT_S)
    for _ in range(100):
        pace.note_in_thread(3 * LIMIT_S)
    assert not pace.quick


def test_with_a_limit_of_zero_no_disk_is_quick() -> None:
    pace = Pace(0)
    for _ in range(1000):
        pace.note(SHORT_S)
    assert not pace.quick


def test_with_no_limit_every_disk_is_quick_from_the_first_write() -> None:
    assert Pace(math.inf).quick
