"""What every store promises, asked of each of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from warrener.storage.errors import UnknownPosition
from warrener.storage.journal import Journal
from warrener.storage.null import NullStore
from warrener.storage.store import RecoveryReport, Store


@pytest.fixture(params=["null", "always", "interval:20", "never"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    def fail(failure: BaseException) -> None:
        raise failure

    opened: Store = NullStore()
    if request.param != "null":
        opened = Journal(tmp_path, sync=request.param, on_durable=lambda: None, on_failure=fail)
    assert list(opened.recover()) == []
    yield opened
    opened.close()


def test_positions_begin_with_one_and_are_dense(store: Store) -> None:
    assert store.end == 1
    assert [store.append(0, b"x") for _ in range(3)] == [1, 2, 3]
    assert store.end == 4


def test_an_empty_store_reports_that_all_is_well(store: Store) -> None:
    assert store.report == RecoveryReport()
    assert store.report.clean


def test_a_record_can_be_read_before_it_is_committed(store: Store) -> None:
    position = store.append(7, b"head", b"body", holders=1)
    assert store.read([position]) == [b"headbody"]


def test_a_record_can_be_read_after_it_was_committed(store: Store) -> None:
    position = store.append(7, b"head", b"body", holders=1)
    store.commit()
    assert store.read([position]) == [b"headbody"]


@pytest.mark.parametrize("body", [b"body", bytearray(b"body"), memoryview(b"body")])
def test_a_body_may_be_any_kind_of_bytes(store: Store, body: bytes) -> None:
    position = store.append(0, b"head", body, holders=1)
    assert store.read([position]) == [b"headbody"]
    store.commit()
    assert store.read([position]) == [b"headbody"]


def test_head_and_body_may_be_empty(store: Store) -> None:
    position = store.append(0, b"", holders=1)
    store.commit()
    assert store.read([position]) == [b""]


def test_payloads_come_in_the_order_asked_for(store: Store) -> None:
    for name in (b"one", b"two", b"three"):
        store.append(0, name, holders=1)
    store.commit()
    store.append(0, b"four", holders=1)
    assert store.read([4, 2, 1, 3, 2]) == [b"four", b"two", b"one", b"three", b"two"]


def test_reading_nothing_gives_nothing(store: Store) -> None:
    assert store.read([]) == []


def test_a_record_that_was_not_appended_is_unknown(store: Store) -> None:
    with pytest.raises(UnknownPosition):
        store.read([1])
    with pytest.raises(UnknownPosition):
        store.read([0])


def test_only_recovered_records_can_be_held_afterwards(store: Store) -> None:
    with pytest.raises(UnknownPosition):
        store.hold(1, 1)


def test_a_record_stays_until_its_last_holder_lets_go(store: Store) -> None:
    position = store.append(0, b"shared", holders=5)
    store.release(position)
    store.release(position, 3)
    store.commit()
    assert store.read([position]) == [b"shared"]
    store.release(position)


def test_a_commit_of_nothing_does_nothing(store: Store) -> None:
    store.commit()
    assert (store.end, store.durable) == (1, 1)


def test_nothing_is_trimmed_from_a_short_log(store: Store) -> None:
    store.append(0, b"x")
    store.commit()
    assert store.trim() == 0


def test_closing_twice_is_closing_once(store: Store) -> None:
    store.close()
    store.close()


def test_everything_is_durable_after_close(store: Store) -> None:
    store.append(0, b"x")
    if isinstance(store, NullStore):
        store.commit()
    store.close()
    assert store.durable == store.end == 2
