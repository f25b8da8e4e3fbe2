"""A window in memory: what it knows, for how long, and what it forgets."""

from collections import OrderedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.exchange.messages import make_message
from warrener.exchange.broker import Broker
from warrener.exchange.deduplication import Deduplication
from warrener.exchange.durability.ledger import Ledger
from warrener.exchange.message import Message
from warrener.exchange.server.codec import CODEC
from warrener.exchange.window import Window
from warrener.storage.null import NullStore


@pytest.fixture
def ledger(broker: Broker) -> Ledger:
    broker.ledger.set_time(1000)
    return broker.ledger


def message(value: object, ttl: int | None = None, persistent: bool = True) -> Message:
    headers = {"x-deduplication-header": value}
    if ttl is not None:
        headers["x-cache-ttl"] = ttl
    return make_message(b"", headers=headers, persistent=persistent)


def known(window: Window, now: int, *values: object) -> list[object]:
    return [value for value in values if window.knows(message(value).properties, now)]


def test_it_knows_what_it_has_seen(ledger: Ledger) -> None:
    window = Window(Deduplication(size=3))
    window.note(message("a"), ledger)
    assert known(window, 1 << 60, "a", "b") == ["a"]


def test_a_message_without_the_header_leaves_no_trace(ledger: Ledger) -> None:
    window = Window(Deduplication(size=3))
    window.note(make_message(b""), ledger)
    assert len(window) == 0
    assert not window.knows(make_message(b"").properties, 0)


def test_the_oldest_goes_for_the_new_one(ledger: Ledger) -> None:
    window = Window(Deduplication(size=2))
    for value in "abc":
        window.note(message(value), ledger)
    assert known(window, 0, *"abc") == ["b", "c"]


def test_what_is_past_its_time_counts_no_more(ledger: Ledger) -> None:
    window = Window(Deduplication(size=9, ttl_ms=100))
    window.note(message("a"), ledger)
    window.note(message("b", ttl=10), ledger)
    assert known(window, 1009, "a", "b") == ["a", "b"]
    assert known(window, 1010, "a", "b") == ["a"]
    assert known(window, 1100, "a", "b") == []


def test_what_is_past_its_time_takes_no_room(ledger: Ledger) -> None:
    window = Window(Deduplication(size=9, ttl_ms=100))
    for value in "abcd":
        window.note(message(value), ledger)
    ledger.set_time(1100)
    window.note(message("e"), ledger)
    assert len(window) == 1


def test_no_time_at_all_is_not_remembered(ledger: Ledger) -> None:
    window = Window(Deduplication(size=9))
    window.note(message("a", ttl=0), ledger)
    assert len(window) == 0


def test_what_comes_again_after_its_time_is_new(ledger: Ledger) -> None:
    window = Window(Deduplication(size=2, ttl_ms=100))
    window.note(message("a", ttl=10), ledger)
    window.note(message("b"), ledger)
    ledger.set_time(1050)
    window.note(message("a"), ledger)
    window.note(message("c"), ledger)
    assert known(window, 1051, *"abc") == ["a", "c"]


def rewrite(window: Window, ledger: Ledger) -> None:
    for _ in window.rewrite(ledger):
        pass


class SimpleWindow:
    """The same in three lines: keys in their order, with deadlines."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.deadlines: OrderedDict[int, int] = OrderedDict()

    def knows(self, value: int, now: int) -> bool:
        return self.deadlines.get(value, 0) > now

    def tidy(self, now: int) -> None:
        self.deadlines = OrderedDict((v, d) for v, d in self.deadlines.items() if d > now)

    def note(self, value: int, deadline: int, now: int) -> None:
        self.deadlines.pop(value, None)
        while self.deadlines and next(iter(self.deadlines.values())) <= now:
            self.deadlines.popitem(last=False)
        while len(self.deadlines) >= self.size:
            self.deadlines.popitem(last=False)
        self.deadlines[value] = deadline


@given(
    st.integers(1, 4),
    st.lists(st.tuples(st.integers(0, 6), st.integers(1, 20), st.integers(0, 9))),
    st.booleans(),
)
def test_it_is_like_a_list_with_deadlines(
    size: int, steps: list[tuple[int, int, int]], lasting: bool
) -> None:
    ledger = Broker(NullStore(), CODEC).ledger
    window = Window(Deduplication(size=size), number=int(lasting))
    model = SimpleWindow(size)
    now = 0
    for value, ttl, later in steps:
        now += later
        ledger.set_time(now)
        if not model.knows(value, now):
            window.note(message(value, ttl), ledger)
            model.note(value, now + ttl, now)
        if later == 9:
            ledger.commit()
        if later == 8:
            rewrite(window, ledger)
            model.tidy(now)
        seen = [v for v in range(7) if model.knows(v, now)]
        assert known(window, now, *range(7)) == seen


def records(store: NullStore) -> int:
    """How many records somebody holds."""
    return len(store._holders)


def lasting_window(size: int = 3) -> tuple[NullStore, Ledger, Window]:
    store = NullStore()
    ledger = Broker(store, CODEC).ledger
    ledger.set_time(1000)
    return store, ledger, Window(Deduplication(size=size, ttl_ms=100), number=1)


def test_what_a_pass_has_added_is_one_record() -> None:
    store, ledger, window = lasting_window()
    for value in "abc":
        window.note(message(value), ledger)
    ledger.commit()
    assert (records(store), store.end) == (1, 2)
    window.note(message("d", persistent=False), ledger)
    ledger.commit()
    assert store.end == 2


def test_a_record_is_let_go_of_with_its_last_key() -> None:
    store, ledger, window = lasting_window()
    for value in "abc":
        window.note(message(value), ledger)
        ledger.commit()
    assert records(store) == 3
    window.note(message("d"), ledger)
    ledger.commit()
    assert records(store) == 3
    ledger.set_time(1100)
    window.note(message("e"), ledger)
    ledger.commit()
    assert records(store) == 1


def test_what_was_added_and_pushed_out_in_one_pass_is_not_written() -> None:
    store, ledger, window = lasting_window(size=1)
    for value in "abc":
        window.note(message(value), ledger)
    ledger.commit()
    ((head, keys),) = store._payloads.values()
    assert len(head) + len(keys) == 12 + 24


def test_a_window_written_anew_is_one_record() -> None:
    store, ledger, window = lasting_window(size=9)
    for value in "abc":
        window.note(message(value), ledger)
        ledger.commit()
    window.note(message("d"), ledger)
    rewrite(window, ledger)
    ledger.commit()
    assert records(store) == 2
    assert known(window, 1000, *"abcd") == list("abcd")
    window.release(ledger)
    assert records(store) == 0


def test_a_window_whose_time_is_over_leaves_no_record() -> None:
    store, ledger, window = lasting_window()
    window.note(message("a"), ledger)
    ledger.commit()
    ledger.set_time(1100)
    rewrite(window, ledger)
    assert (records(store), len(window)) == (0, 0)


def test_a_window_that_is_gone_before_the_pass_ends_writes_nothing() -> None:
    store, ledger, window = lasting_window()
    window.note(message("a"), ledger)
    window.release(ledger)
    ledger.commit()
    assert store.end == 1
