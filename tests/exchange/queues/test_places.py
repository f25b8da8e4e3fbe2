"""Heaps of places and times, in which what is void is passed over and cleaned up."""

import pytest

from warrener.exchange.queues import places
from warrener.exchange.queues.places import Held, Places, Times


@pytest.fixture(autouse=True)
def clean_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "STALE_MIN", 4)


def test_the_first_place_is_the_lowest_that_is_valid() -> None:
    heap = Places()
    valid = {1, 2, 3}
    for place in (3, 1, 2):
        heap.push(place, valid)
    valid.remove(1)
    assert heap.first(valid) == 2
    heap.drop_first()
    assert heap.first(valid) == 3
    assert heap.first(set()) is None


def test_a_place_that_is_pushed_again_and_again_is_kept_a_few_times_at_most() -> None:
    heap = Places()
    for _ in range(100):
        heap.push(7, {7})
    assert len(heap.heap) <= 5


def test_a_heap_of_valid_places_loses_none() -> None:
    heap = Places()
    valid = set(range(100))
    for place in reversed(range(100)):
        heap.push(place, valid)
    assert sorted(heap.heap) == list(range(100))


def test_what_is_due_is_taken_in_the_order_of_times_at_most_so_many() -> None:
    valid = {1, 2, 3}
    times = Times(lambda _, place: place in valid, valid)
    for time, place in ((30, 1), (10, 2), (20, 3), (20, 4)):
        times.add(time, place)
    assert times.next == 10
    assert times.take(20, 1) == [2]
    assert times.take(20, 9) == [3]
    assert times.take(29, 9) == []
    assert times.take(30, 9) == [1]
    assert times.next is None


def test_times_that_count_no_more_are_cleaned_up() -> None:
    times = Times(lambda _, place: place == 0, {0})
    for place in range(100):
        times.add(place, place)
    assert len(times) <= 5
    assert times.take(100, 9) == [0]


def test_what_is_held_back_is_let_go_when_its_time_has_come() -> None:
    held = Held()
    held.add(1, until=20)
    held.add(2, until=10)
    held.add(3, until=10)
    held.discard(3)
    assert (len(held), held.next) == (2, 10)
    assert list(held.let_go(10, most=5)) == [2]
    assert 1 in held
    assert 2 not in held


def test_what_is_let_go_is_held_until_its_turn() -> None:
    held = Held()
    for place in (1, 2, 3):
        held.add(place, until=10)
    seen = []
    for place in held.let_go(10, most=2):
        seen.append((place, sorted(place for place in (1, 2, 3) if place in held)))
    assert seen == [(1, [2, 3]), (2, [3])]
