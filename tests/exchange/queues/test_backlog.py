"""The backlog, with a store that is a list."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.exchange.messages import make_message, size_of
from warrener.exchange.message import Message
from warrener.exchange.queues.backlog import CHUNK_MESSAGES, Backlog


class ListedMessages:
    """Messages with positions 1, 2, 3 ..., and what was asked for."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.requests: list[list[int]] = []

    def stored(self, body: bytes = b"stored") -> Message:
        message = make_message(body)
        self.messages.append(message)
        message.position = len(self.messages)
        return message

    def load(self, positions: Sequence[int], limit: int | None) -> tuple[list[Message], int]:
        """As many as it takes to come to the limit."""
        self.requests.append(list(positions))
        messages: list[Message] = []
        while len(messages) < len(positions) and (not messages or size_of(messages) < limit):
            messages.append(self.messages[positions[len(messages)] - 1])
        return messages, len(messages)


@pytest.fixture
def store() -> ListedMessages:
    return ListedMessages()


def take_all(backlog: Backlog) -> list[Message]:
    taken: list[Message] = []
    while backlog.count:
        messages, size = backlog.take_chunk()
        assert size == size_of(messages)
        taken += messages
    return taken


def extend(backlog: Backlog, *messages: Message) -> None:
    backlog.extend(messages, size_of(list(messages)))


def test_messages_leave_in_the_order_in_which_they_came(store: ListedMessages) -> None:
    backlog = Backlog(store.load)
    messages = [make_message(b"1"), store.stored(), store.stored(), make_message(b"4")]
    extend(backlog, *messages)
    assert take_all(backlog) == messages


def test_a_stored_message_takes_no_memory_but_its_position(store: ListedMessages) -> None:
    backlog = Backlog(store.load)
    extend(backlog, store.stored(), store.stored())
    assert (backlog.count, backlog.bytes) == (2, size_of(store.messages))
    assert (backlog.memory_bytes, backlog.messages_in_memory) == (0, 0)
    assert list(backlog.entries()) == [1, 2]


def test_a_message_that_is_not_stored_stays_in_memory(store: ListedMessages) -> None:
    backlog = Backlog(store.load)
    message = make_message(b"one")
    extend(backlog, message)
    assert (backlog.memory_bytes, backlog.messages_in_memory) == (len(message.content), 1)
    assert list(backlog.entries()) == [message]
    assert take_all(backlog) == [message]
    assert store.requests == []


def test_without_a_store_to_read_from_everything_stays_in_memory(store: ListedMessages) -> None:
    backlog = Backlog(None)
    extend(backlog, store.stored())
    assert backlog.messages_in_memory == 1
    assert take_all(backlog) == store.messages


def test_neighbours_are_read_in_one_request(store: ListedMessages) -> None:
    backlog = Backlog(store.load)
    extend(backlog, *(store.stored(b"%d" % n) for n in range(CHUNK_MESSAGES + 1)))
    assert take_all(backlog) == store.messages
    assert [len(request) for request in store.requests] == [CHUNK_MESSAGES, 1]


def test_what_is_too_much_for_one_pass_is_read_in_several(
    store: ListedMessages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("warrener.exchange.queues.backlog.READ_BYTES", 250)
    backlog = Backlog(store.load)
    extend(backlog, *(store.stored(bytes(100)) for _ in range(5)))
    sizes = []
    while backlog.count:
        messages, size = backlog.take_chunk()
        assert size == size_of(messages)
        sizes.append(len(messages))
    assert sizes == [2, 2, 1]
    assert backlog.bytes == 0


def test_positions_kept_over_a_restart_are_read_like_others(store: ListedMessages) -> None:
    before = [store.stored(), store.stored()]
    backlog = Backlog(store.load)
    backlog.extend_stored([1, 2], size_of(before))
    extend(backlog, store.stored())
    assert (backlog.count, backlog.bytes) == (3, size_of(store.messages))
    assert take_all(backlog) == store.messages
    assert store.requests == [[1, 2, 3]]


def test_a_backlog_that_was_given_up_is_like_a_new_one(store: ListedMessages) -> None:
    backlog = Backlog(store.load)
    message = make_message(b"2")
    extend(backlog, store.stored(), message)
    given_up = backlog.give_up_all()
    assert (backlog.count, backlog.bytes, backlog.memory_bytes) == (0, 0, 0)
    assert (backlog.messages_in_memory, list(backlog.entries())) == (0, [])
    extend(backlog, store.stored())
    assert list(given_up) == [1, message]


# A number of messages to add, stored or not; None takes a chunk.
steps = st.lists(st.none() | st.tuples(st.booleans(), st.integers(1, 4)), max_size=30)


@given(steps=steps, chunk=st.integers(1, 4))
def test_counts_and_order_are_those_of_a_list(steps: list, chunk: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("warrener.exchange.queues.backlog.CHUNK_MESSAGES", chunk)
        store = ListedMessages()
        backlog = Backlog(store.load)
        model: list[Message] = []
        for step in steps:
            if step is None:
                if model:
                    taken, _ = backlog.take_chunk()
                    assert 1 <= len(taken) <= chunk
                    assert [model.pop(0) for _ in taken] == taken
            else:
                stored, count = step
                new = [
                    store.stored(b"x" * n) if stored else make_message(b"") for n in range(count)
                ]
                extend(backlog, *new)
                model += new
            in_memory = [message for message in model if not message.position]
            assert backlog.count == len(model)
            assert backlog.bytes == size_of(model)
            assert backlog.messages_in_memory == len(in_memory)
            assert backlog.memory_bytes == size_of(in_memory)
            assert list(backlog.entries()) == [m.position or m for m in model]
