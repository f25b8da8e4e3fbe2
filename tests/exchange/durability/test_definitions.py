"""What of the topology is written down, and what survivors there are of any order of records."""

from typing import Any

import pytest

from tests.exchange.core_client import Client
from tests.exchange.durable_broker import DurableBroker
from warrener.exchange.durability.definitions import Survivors, describe, lasts
from warrener.exchange.durability.records import Kind

QUEUE = {"vhost": "/", "name": "q", "number": 1, "auto_delete": False, "arguments": {}}
BOUND = {
    "vhost": "/",
    "source": "amq.direct",
    "destination": "q",
    "to_queue": True,
    "key": "k",
    "binding": {"x": 1},
}
EXCHANGE = {
    "vhost": "/",
    "name": "e",
    "type": "topic",
    "auto_delete": False,
    "internal": True,
    "arguments": {"x": 1},
}


def survivors(*records: tuple[Kind, dict[str, Any]]) -> dict[Kind, list[dict[str, Any]]]:
    found = Survivors()
    for position, (kind, fields) in enumerate(records, 1):
        found.read(kind, position, fields)
    return {
        kind: [fields for _, fields in live.values()] for kind, live in found.live.items() if live
    }


# What lasts


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, False),
        ({"durable": True}, True),
        ({"durable": True, "auto_delete": True}, True),
        ({"durable": True, "exclusive": True}, False),
        ({"exclusive": True}, False),
    ],
)
def test_a_queue_lasts_if_it_is_durable_and_shared(
    client: Client, options: dict[str, bool], expected: bool
) -> None:
    (queue,) = client.declare("q", **options)
    assert lasts(queue) == expected


@pytest.mark.parametrize("source", [True, False])
@pytest.mark.parametrize("destination", [True, False])
def test_a_binding_lasts_if_both_its_ends_do(
    client: Client, source: bool, destination: bool
) -> None:
    client.vhost.declare_exchange("e", "direct", durable=source)
    (queue,) = client.declare("q", durable=destination)
    client.bind("e", "q", "k")
    (binding,) = client.vhost.bindings_to(queue)
    assert lasts(binding) == (source and destination)


def test_what_does_not_last_is_not_written(client: Client) -> None:
    before = client.broker.ledger.end
    client.declare("q")
    client.declare("mine", durable=True, exclusive=True)
    client.vhost.declare_exchange("e", "direct")
    client.bind("e", "q", "k")
    client.bind("amq.direct", "q", "k")
    client.vhost.delete_exchange("e")
    client.vhost.delete_queue("q", client)
    assert client.broker.ledger.end == before


def test_each_declaration_is_one_record_and_declaring_again_none(client: Client) -> None:
    before = client.broker.ledger.end
    for _ in range(2):
        client.declare("q", durable=True)
        client.vhost.declare_exchange("e", "direct", durable=True)
        client.bind("e", "q", "k")
    assert client.broker.ledger.end == before + 3


def test_each_thing_is_described_in_full(client: Client) -> None:
    vhost = client.vhost
    exchange = vhost.declare_exchange("e", "topic", durable=True, internal=True, arguments={"x": 1})
    (queue,) = client.declare("q", durable=True)
    client.bind("amq.direct", "q", "k", x=1)
    (binding,) = vhost.bindings_to(queue)
    assert [describe("/", thing) for thing in (exchange, queue, binding)] == [
        EXCHANGE,
        QUEUE | {"number": queue.number},
        BOUND,
    ]


# Survivors


def test_what_was_not_ended_survives() -> None:
    assert survivors(
        (Kind.EXCHANGE_DECLARED, EXCHANGE), (Kind.QUEUE_DECLARED, QUEUE), (Kind.BOUND, BOUND)
    ) == {
        Kind.EXCHANGE_DECLARED: [EXCHANGE],
        Kind.QUEUE_DECLARED: [QUEUE],
        Kind.BOUND: [BOUND],
    }


@pytest.mark.parametrize(
    ("begin", "end", "fields"),
    [
        (Kind.EXCHANGE_DECLARED, Kind.EXCHANGE_DELETED, EXCHANGE),
        (Kind.QUEUE_DECLARED, Kind.QUEUE_DELETED, QUEUE),
        (Kind.BOUND, Kind.UNBOUND, BOUND),
    ],
)
def test_what_was_ended_does_not_and_what_began_again_does(
    begin: Kind, end: Kind, fields: dict[str, Any]
) -> None:
    assert survivors((begin, fields), (end, fields)) == {}
    assert survivors((begin, fields), (end, fields), (begin, fields)) == {begin: [fields]}
    assert survivors((end, fields), (begin, fields)) == {begin: [fields]}


def test_what_was_written_anew_survives_once_at_its_new_place() -> None:
    found = Survivors()
    found.read(Kind.QUEUE_DECLARED, 1, QUEUE)
    found.read(Kind.QUEUE_DECLARED, 9, QUEUE)
    assert list(found.live[Kind.QUEUE_DECLARED].values()) == [(9, QUEUE)]


@pytest.mark.parametrize(
    "change",
    [
        *({"source": "e"}, {"destination": "p"}, {"to_queue": False}, {"key": ""}),
        *({"binding": {}}, {"binding": {"x": True}}, {"binding": {"x": 1.0}}),
    ],
    ids=repr,
)
def test_the_end_of_another_binding_ends_nothing(change: dict[str, Any]) -> None:
    assert survivors((Kind.BOUND, BOUND), (Kind.UNBOUND, BOUND | change)) == {Kind.BOUND: [BOUND]}


def test_a_name_may_come_back_as_something_else() -> None:
    again = EXCHANGE | {"type": "fanout", "arguments": {}}
    assert survivors(
        (Kind.EXCHANGE_DECLARED, EXCHANGE),
        (Kind.EXCHANGE_DELETED, EXCHANGE),
        (Kind.EXCHANGE_DECLARED, again),
    ) == {Kind.EXCHANGE_DECLARED: [again]}


def test_the_number_of_an_ended_queue_is_told_and_stays_used() -> None:
    found = Survivors()
    numbered = QUEUE | {"number": 7}
    assert found.read(Kind.QUEUE_DECLARED, 1, numbered) == 0
    assert found.read(Kind.QUEUE_DELETED, 2, numbered) == 7
    assert found.read(Kind.EXCHANGE_DECLARED, 3, EXCHANGE) == 0
    assert found.highest_number == 7


# Rewriting


def test_rewriting_changes_nothing_but_the_places(durable: DurableBroker) -> None:
    client = durable.client
    client.declare("q", durable=True)
    client.bind("amq.topic", "q", "#")
    before = durable.broker.ledger.end
    list(client.vhost.rewrite_definitions())
    assert durable.broker.ledger.end == before + 2
    list(client.vhost.rewrite_definitions())
    durable.restart()
    assert durable.client.publish("amq.topic", "k", b"1") == ["q"]


def test_after_rewriting_the_old_segments_can_go(durable: DurableBroker) -> None:
    client = durable.client
    client.declare("q", durable=True)
    client.bind("amq.topic", "q", "#")
    for _ in range(30):
        client.publish("amq.topic", "k", b"x" * 100, persistent=True)
        client.drain("q")
    durable.wait_durable()
    client.broker.rewrite_definitions()
    durable.broker.end_pass()
    durable.wait_durable()
    durable.trim()
    durable.restart()
    assert durable.segments < 4
    assert durable.client.publish("amq.topic", "k", b"1") == ["q"]


def test_what_ends_after_a_rewrite_is_gone_after_a_restart(durable: DurableBroker) -> None:
    client = durable.client
    (queue,) = client.declare("q", durable=True)
    client.vhost.declare_exchange("e", "fanout", durable=True)
    client.bind("e", "q")
    list(client.vhost.rewrite_definitions())
    client.vhost.unbind("e", queue, "")
    client.vhost.delete_exchange("e")
    durable.restart()
    assert "e" not in durable.client.vhost.exchanges
    assert durable.client.vhost.bindings_to(durable.client.vhost.queues["q"]) == ()
