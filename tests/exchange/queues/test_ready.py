"""The waiting messages of a queue against a sorted list."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.exchange.messages import body_of, make_message, size_of
from tests.exchange.queues.stored import stored_positions
from warrener.exchange.durability.ledger import Ledger
from warrener.exchange.durability.records import message_head
from warrener.exchange.message import DELIVERY_BYTES, Message
from warrener.exchange.queues import backlog, ready
from warrener.exchange.queues.ready import Ready
from warrener.exchange.server.codec import CODEC
from warrener.storage.null import NullStore

PLENTY = 1 << 40
HEAD = message_head([1], "", "q")
EACH = len(make_message(b"000").content)
"""All bodies have three bytes unless told otherwise, so bytes are messages times this."""


class Line:
    """A Ready on a store, and the messages given to it."""

    def __init__(self) -> None:
        self.ledger = Ledger(NullStore(), CODEC)
        self.ready = Ready(self.ledger.load_some)
        self.count = 0

    def messages(self, count: int, persistent: bool = True, size: int = 3) -> list[Message]:
        """New messages with the numbers that follow as bodies."""
        first = self.count
        self.count += count
        new = [
            make_message(b"%0*d" % (size, number), persistent=persistent)
            for number in range(first, self.count)
        ]
        self.ledger.write_messages(new, HEAD, 1)
        return new

    def extend(self, count: int, persistent: bool = True, size: int = 3) -> list[Message]:
        new = self.messages(count, persistent, size)
        self.ready.extend(new, size_of(new))
        return new

    def take(self, count: int, room: int = PLENTY) -> list[tuple[int, int, bool]]:
        """Numbers, sequences and marks of what is taken in one run."""
        taken = self.ready.take(count, room)
        numbers = [int(body_of(message)) for message in taken.messages]
        marks = [taken.redelivered] * len(numbers)
        return list(zip(numbers, taken.sequences, marks, strict=True))

    def take_all(self) -> list[tuple[int, int, bool]]:
        taken = []
        while len(self.ready):
            taken += self.take(1000)
        return taken


@pytest.fixture
def line(small_window: None) -> Line:
    return Line()


def numbers(taken: list[tuple[int, int, bool]]) -> list[int]:
    return [number for number, _, _ in taken]


def test_messages_leave_in_order_and_are_counted(line: Line) -> None:
    line.extend(2)
    assert line.take(1) == [(0, 0, False)]
    line.extend(1)
    assert line.take_all() == [(1, 1, False), (2, 2, False)]


def test_behind_a_full_window_stored_messages_leave_memory(line: Line) -> None:
    for _ in range(6):
        line.extend(1)
    assert (len(line.ready), line.ready.messages_in_memory) == (6, 3)
    assert line.ready.memory_bytes * 2 == line.ready.bytes
    assert numbers(line.take_all()) == [0, 1, 2, 3, 4, 5]


def test_the_window_is_full_by_bytes_too(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ready, "WINDOW_BYTES", 100)
    line.extend(1, size=100)
    line.extend(1)
    assert line.ready.messages_in_memory == 1
    assert numbers(line.take_all()) == [0, 1]


def test_nothing_overtakes_the_backlog_once_the_window_is_empty(line: Line) -> None:
    line.extend(3)
    line.extend(3)
    assert numbers(line.take(3)) == [0, 1, 2]
    line.extend(1)
    assert numbers(line.take_all()) == [3, 4, 5, 6]


def test_transient_messages_behind_the_window_keep_their_place(line: Line) -> None:
    line.extend(3)
    line.extend(2, persistent=False)
    line.extend(2)
    line.extend(1, persistent=False)
    assert line.ready.messages_in_memory == 6
    assert numbers(line.take_all()) == list(range(8))


def test_room_ends_a_run(line: Line) -> None:
    line.extend(3)
    assert numbers(line.take(3, room=2 * (EACH + DELIVERY_BYTES))) == [0, 1]
    assert numbers(line.take(3, room=2 * (EACH + DELIVERY_BYTES))) == [2]


def test_room_ends_a_run_of_what_was_given_back(line: Line) -> None:
    messages = line.extend(3)
    line.take(3)
    for sequence, message in enumerate(messages):
        line.ready.give_back(sequence, message)
    assert numbers(line.take(3, room=2 * (EACH + DELIVERY_BYTES))) == [0, 1]


def test_without_any_room_one_message_is_taken_all_the_same(line: Line) -> None:
    line.extend(2)
    assert numbers(line.take(2, room=0)) == [0]


def test_what_is_given_back_comes_first_at_its_old_place_and_marked(line: Line) -> None:
    first, second, third = line.extend(3)
    line.take(3)
    line.extend(1)
    line.ready.give_back(2, third)
    line.ready.give_back(0, first)
    line.ready.give_back(1, second)
    assert line.take_all() == [(0, 0, True), (1, 1, True), (2, 2, True), (3, 3, False)]


def test_a_run_is_all_marked_or_not_marked_at_all(line: Line) -> None:
    (first,) = line.extend(1)
    line.take(1)
    line.extend(2)
    line.ready.give_back(0, first)
    assert line.take(3) == [(0, 0, True)]
    assert line.take(3) == [(1, 1, False), (2, 2, False)]


def test_what_came_over_a_restart_is_marked_and_what_comes_after_is_not(line: Line) -> None:
    kept = line.messages(5)
    line.ready.restore([message.position for message in kept], size_of(kept), {})
    assert (len(line.ready), line.ready.bytes) == (5, size_of(kept))
    assert line.ready.messages_in_memory == 0
    line.extend(2)
    marks = [(number, redelivered) for number, _, redelivered in line.take_all()]
    assert marks == [*((n, True) for n in range(5)), (5, False), (6, False)]


def test_what_comes_after_a_purge_is_not_marked_for_what_was_restored(line: Line) -> None:
    kept = line.messages(2)
    line.ready.restore([message.position for message in kept], size_of(kept), {})
    list(line.ready.give_up_all())
    line.extend(1)
    assert line.take(1) == [(2, 0, False)]


def test_clearing_leaves_nothing_anywhere(line: Line) -> None:
    messages = [line.extend(1)[0] for _ in range(8)]
    line.take(2)
    line.ready.give_back(1, messages[1])
    assert len(list(line.ready.give_up_all())) == 7
    assert (len(line.ready), line.ready.bytes, line.ready.memory_bytes) == (0, 0, 0)
    assert (line.ready.messages_in_memory, stored_positions(line.ready)) == (0, [])
    line.extend(1)
    assert numbers(line.take_all()) == [8]


def test_stored_positions_are_those_of_everything_that_waits_and_is_stored(line: Line) -> None:
    messages = [line.extend(1, persistent=n % 3 != 0)[0] for n in range(10)]
    line.take(3)
    line.ready.give_back(1, messages[1])
    waiting = [messages[1], *messages[3:]]
    expected = [message.position for message in waiting if message.position]
    assert sorted(stored_positions(line.ready)) == expected


def test_the_messages_of_a_queue_the_store_does_not_know_stay_in_memory(line: Line) -> None:
    unknown = Ready(None)
    messages = line.messages(9)
    for message in messages:
        unknown.extend([message], len(message.content))
    assert unknown.messages_in_memory == 9
    assert unknown.memory_bytes == unknown.bytes == size_of(messages)
    taken: list[Message] = []
    while len(unknown):
        taken += unknown.take(4, PLENTY).messages
    assert taken == messages


extends = st.tuples(st.just("extend"), st.integers(1, 5), st.booleans())
takes = st.tuples(st.just("take"), st.integers(1, 6), st.sampled_from([0, 40, 100, PLENTY]))
returns = st.tuples(st.just("give back"), st.integers(0, 50), st.none())
clears = st.tuples(st.just("clear"), st.none(), st.none())


@given(
    steps=st.lists(st.one_of(extends, takes, takes, returns, returns, clears), max_size=40),
    restored=st.integers(0, 5),
    window=st.integers(1, 5),
    chunk=st.integers(1, 3),
)
def test_it_is_a_sorted_list_of_what_waits(
    steps: list, restored: int, window: int, chunk: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ready, "WINDOW_MESSAGES", window)
        patch.setattr(backlog, "CHUNK_MESSAGES", chunk)
        line = Line()
        kept = line.messages(restored)
        line.ready.restore([message.position for message in kept], size_of(kept), {})
        waiting = dict.fromkeys(range(restored), True)
        away: list[tuple[int, int, Message]] = []
        for action, count, detail in steps:
            if action == "extend":
                first = line.count
                line.extend(count, persistent=detail)
                waiting |= dict.fromkeys(range(first, line.count), False)
            elif action == "take" and waiting:
                taken = line.ready.take(count, detail)
                found = [int(body_of(message)) for message in taken.messages]
                assert 1 <= len(found) <= count
                assert found == sorted(waiting)[: len(found)]
                assert all(waiting.pop(number) == taken.redelivered for number in found)
                assert size_of(taken.messages[:-1]) < max(detail, 1)
                away += zip(found, taken.sequences, taken.messages, strict=True)
            elif action == "give back" and away:
                number, sequence, message = away.pop(count % len(away))
                line.ready.give_back(sequence, message)
                waiting[number] = True
            elif action == "clear":
                list(line.ready.give_up_all())
                waiting.clear()
            assert len(line.ready) == len(waiting)
            assert line.ready.bytes == EACH * len(waiting)
            assert line.ready.messages_in_memory <= len(waiting)
            assert line.ready.memory_bytes == EACH * line.ready.messages_in_memory
        assert sorted(numbers(line.take_all())) == sorted(waiting)
        assert (line.ready.bytes, line.ready.memory_bytes) == (0, 0)
