"""What is written down, and when the store may forget it."""

import struct
from array import array
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.exchange.core_client import Client
from tests.exchange.durable_broker import DurableBroker
from tests.exchange.messages import body_of, make_message
from warrener.exchange.durability import ledger as ledger_module
from warrener.exchange.durability.ledger import Ledger
from warrener.exchange.durability.records import (
    Kind,
    Return,
    message_head,
    message_summary,
    returned_messages,
    settled_positions,
)
from warrener.exchange.message import Envelope
from warrener.exchange.server.codec import CODEC
from warrener.storage.errors import UnknownPosition
from warrener.storage.null import NullStore
from warrener.storage.store import Run


def stored(client: Client, position: int) -> bool:
    try:
        client.broker.ledger.load([position])
    except UnknownPosition:
        return False
    return True


def records(durable: DurableBroker) -> list[Run]:
    """Everything in the journal, which is closed for it and opened again."""
    durable.broker.end_pass()
    durable.close()
    durable.open()
    return list(durable.store.recover())


def settlements(durable: DurableBroker) -> list[tuple[int, Sequence[int]]]:
    found = [record for record in records(durable) if record.kind == Kind.SETTLED]
    return [_settled(record) for record in found]


def _settled(run: Run) -> tuple[int, Sequence[int]]:
    number, positions = settled_positions(run.head)
    return number, tuple(positions)


# Messages


def test_only_persistent_messages_are_written(client: Client) -> None:
    client.declare("q", durable=True)
    before = client.broker.ledger.end
    client.publish("", "q", b"1", b"2")
    assert client.broker.ledger.end == before
    client.publish("", "q", b"3", persistent=True)
    assert client.broker.ledger.end == before + 1


@pytest.mark.parametrize("options", [{}, {"durable": True, "exclusive": True}])
def test_for_a_queue_that_does_not_last_nothing_is_written(
    client: Client, options: dict[str, bool]
) -> None:
    client.declare("q", **options)
    before = client.broker.ledger.end
    client.publish("", "q", b"1", persistent=True)
    client.drain("q")
    assert client.broker.ledger.end == before


def test_a_message_for_many_queues_is_written_once(durable: DurableBroker) -> None:
    client = durable.client
    queues = client.declare("a", "b", "c", durable=True)
    for queue in queues:
        client.bind("amq.fanout", queue.name)
    client.publish("amq.fanout", "k", b"1", persistent=True)
    (message,) = [record for record in records(durable) if record.kind == Kind.MESSAGE]
    numbers, *_ = message_summary(message.head)
    assert set(numbers) == {queue.number for queue in queues}


def test_a_message_carries_the_time_of_its_pass(durable: DurableBroker) -> None:
    durable.client.declare("q", durable=True)
    durable.broker.ledger.set_time(1_700_000_000_000)
    durable.client.publish("", "q", b"1", persistent=True)
    assert durable.broker.ledger.now_ms == 1_700_000_000_000
    (message,) = [record for record in records(durable) if record.kind == Kind.MESSAGE]
    assert struct.unpack_from(">Q", message.head) == (1_700_000_000_000,)


names = st.text(max_size=20)


@given(
    numbers=st.lists(st.integers(1, 2**32 - 1), max_size=5),
    exchange=names,
    routing_key=names,
    body=st.binary(max_size=50),
    time=st.integers(0, 2**48),
    expiring=st.booleans(),
)
def test_a_message_record_is_read_as_it_was_written(
    numbers: list[int], exchange: str, routing_key: str, body: bytes, time: int, expiring: bool
) -> None:
    store = NullStore()
    ledger = Ledger(store, CODEC)
    ledger.set_time(time)
    message = make_message(body, persistent=True, envelope=Envelope(exchange, routing_key))
    head = message_head(numbers, exchange, routing_key)
    ledger.write_messages([message], head, 1, expiring)
    ((again, published),) = ledger.load_with_times([message.position])
    assert (again.envelope.exchange, again.envelope.routing_key) == (exchange, routing_key)
    assert (again.content, published) == (message.content, time)
    (payload,) = store.read([message.position])
    assert message_summary(payload) == (tuple(numbers), len(message.content), expiring)


def test_messages_are_loaded_in_the_order_asked_for(client: Client) -> None:
    client.declare("q", durable=True)
    first = client.broker.ledger.end
    client.publish("", "q", b"0", b"1", b"2", persistent=True)
    loaded = client.broker.ledger.load([first + 2, first, first + 1])
    assert [body_of(message) for message in loaded] == [b"2", b"0", b"1"]
    assert loaded[0].envelope is loaded[1].envelope


def test_more_places_than_are_remembered_are_read_back_right() -> None:
    ledger = Ledger(NullStore(), CODEC)
    messages = [
        make_message(b"x", persistent=True, envelope=Envelope("", f"k{n}")) for n in range(3000)
    ]
    for message in messages:
        ledger.write_messages([message], message_head([1], "", message.envelope.routing_key), 1)
    loaded = ledger.load([message.position for message in messages])
    assert [message.envelope.routing_key for message in loaded] == [f"k{n}" for n in range(3000)]


# Settlements


def test_the_store_may_forget_a_message_when_its_last_queue_has_settled_it(client: Client) -> None:
    for queue in client.declare("a", "b", durable=True):
        client.bind("amq.fanout", queue.name)
    position = client.broker.ledger.end
    client.publish("amq.fanout", "", b"1", persistent=True)
    client.drain("a")
    assert stored(client, position)
    client.drain("b")
    assert not stored(client, position)


def test_it_is_forgotten_at_the_end_of_the_pass_and_not_before(client: Client) -> None:
    client.declare("q", durable=True)
    position = client.broker.ledger.end
    client.publish("", "q", b"1", persistent=True)
    client.get("q", no_ack=True)
    assert stored(client, position)
    client.broker.end_pass()
    assert not stored(client, position)


def test_settlements_of_a_pass_are_one_record_a_queue(durable: DurableBroker) -> None:
    client = durable.client
    one, two = client.declare("a", "b", durable=True)
    first = durable.broker.ledger.end
    client.publish("", "a", b"1", b"2", b"3", persistent=True)
    client.publish("", "b", b"4", persistent=True)
    for name in ("a", "b", "a", "a"):
        client.get(name)
    client.ack(1, 2)
    client.reject(4, requeue=False)
    assert settlements(durable) == [
        (one.number, (first, first + 2)),
        (two.number, (first + 3,)),
    ]


def test_very_many_settlements_are_several_records(
    durable: DurableBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module, "SETTLED_MAX", 2)
    (queue,) = durable.client.declare("q", durable=True)
    first = durable.broker.ledger.end
    durable.client.publish("", "q", *(b"%d" % n for n in range(5)), persistent=True)
    assert queue.purge() == 5
    assert settlements(durable) == [
        (queue.number, (first, first + 1)),
        (queue.number, (first + 2, first + 3)),
        (queue.number, (first + 4,)),
    ]


def test_the_end_of_a_queue_settles_all_it_held_without_saying_so(durable: DurableBroker) -> None:
    client = durable.client
    client.declare("q", durable=True)
    client.publish("", "q", b"1", b"2", persistent=True)
    client.get("q")
    client.vhost.delete_queue("q", client)
    client.ack(1)
    assert settlements(durable) == []


def test_a_transient_message_in_a_lasting_queue_is_settled_in_memory(client: Client) -> None:
    client.declare("q", durable=True)
    client.publish("", "q", b"1", b"2")
    before = client.broker.ledger.end
    client.get("q")
    client.ack(1)
    client.drain("q")
    assert client.broker.ledger.end == before


@given(number=st.integers(0, 2**32 - 1), positions=st.lists(st.integers(0, 2**64 - 1), max_size=5))
def test_a_settlement_is_read_as_it_is_laid_out(number: int, positions: list[int]) -> None:
    payload = struct.pack(f">I{len(positions)}Q", number, *positions)
    assert settled_positions(payload) == (number, array("Q", positions))


# Returns


def returns(durable: DurableBroker) -> list[tuple[int, list[Return]]]:
    found = [record for record in records(durable) if record.kind == Kind.RETURNED]
    return [returned_messages(record.head) for record in found]


def test_what_came_back_in_a_pass_is_one_record_a_queue(durable: DurableBroker) -> None:
    client = durable.client
    first, second = client.declare("a", "b", durable=True, arguments={"x-delivery-limit": 5})
    for queue in ("a", "a", "b"):
        client.publish("", queue, b"1", persistent=True)
        client.get(queue)
    positions = [delivery.message.position for delivery in client.channel.unacked.values()]
    client.reject(0, multiple=True)
    found = [Return(position, 1, 0) for position in positions]
    assert returns(durable) == [(first.number, found[:2]), (second.number, found[2:])]


def test_very_many_returns_are_several_records(
    durable: DurableBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module, "SETTLED_MAX", 2)
    durable.client.declare("q", durable=True, arguments={"x-delivery-limit": 5})
    for _ in range(5):
        durable.client.publish("", "q", b"1", persistent=True)
        durable.client.get("q")
    durable.client.reject(0, multiple=True)
    assert [len(found) for _, found in returns(durable)] == [2, 2, 1]


def test_what_comes_back_without_having_failed_is_not_written(durable: DurableBroker) -> None:
    durable.client.declare("q", durable=True, arguments={"x-delivery-limit": 5})
    durable.client.publish("", "q", b"1", persistent=True)
    durable.client.get("q")
    durable.client.nack(1)
    assert returns(durable) == []


def test_what_came_back_to_a_queue_that_is_gone_is_not_written(durable: DurableBroker) -> None:
    durable.client.declare("q", durable=True, arguments={"x-delivery-limit": 5})
    durable.client.publish("", "q", b"1", persistent=True)
    durable.client.get("q")
    durable.client.reject(1)
    durable.client.vhost.delete_queue("q", durable.client)
    assert returns(durable) == []
