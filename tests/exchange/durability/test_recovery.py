"""Restarts, in order and by a kill; test_recovery_model.py holds any history against a model."""

from random import Random
from typing import Any

import pytest

from tests.exchange.core_client import Client
from tests.exchange.durable_broker import DurableBroker, lasting_topology
from tests.exchange.messages import body_of, make_message
from warrener.exchange.message import Envelope
from warrener.protocol.tables import (
    TABLE_DEPTH_MAX,
    TABLE_ITEMS_MAX,
    ByteArray,
    Float32,
    Timestamp,
)

FIVE = [b"1", b"2", b"3", b"4", b"5"]
WAYS = ["restart", "kill"]


def again(durable: DurableBroker, way: str) -> Client:
    """Start again; returns a client of the new broker."""
    if way == "kill":
        durable.broker.end_pass()
        durable.wait_durable()
        durable.kill()
    else:
        durable.restart()
    return durable.client


def contents(client: Client, queue: str) -> list[tuple[bytes, bool]]:
    """Bodies and marks of everything that waits; it is put back."""
    while client.channel.get(client.vhost.queues[queue], no_ack=False):
        pass
    found = [(d.body, d.redelivered) for d in client.outlet.delivered]
    client.outlet.delivered.clear()
    client.channel.recover()
    return found


@pytest.mark.parametrize("way", WAYS)
def test_what_nobody_is_told_of_a_publication_comes_back(durable: DurableBroker, way: str) -> None:
    client = durable.client
    client.declare("q", durable=True)
    route = client.vhost.route("", "q", make_message(b"").properties)
    places = [
        Envelope("", "q"),
        Envelope("", "q", ["one", "\udcff"]),
        Envelope("", "q", republished=True),
        Envelope("", "q", ["two"], republished=True),
    ]
    for place in places:
        message = make_message(b"1", persistent=True, envelope=place, headers={"mine": 1})
        client.vhost.publish(route, [message], len(message.content))
    client = again(durable, way)
    while client.get("q") is not None:
        pass
    messages = [delivery.message for delivery in client.channel.unacked.values()]
    found = [message.envelope for message in messages]
    assert [list(place.hidden_keys) for place in found] == [[], ["one", "\udcff"], [], ["two"]]
    assert [place.republished for place in found] == [False, False, True, True]
    assert [message.properties.headers for message in messages] == [{"mine": 1}] * 4


@pytest.mark.parametrize("way", WAYS)
def test_a_routing_key_of_any_bytes_comes_back(durable: DurableBroker, way: str) -> None:
    key = bytes(range(1, 256)).decode("utf-8", "surrogateescape")
    durable.client.declare("q", durable=True)
    durable.client.bind("amq.topic", "q", "#")
    durable.client.publish("amq.topic", key, b"1", persistent=True)
    client = again(durable, way)
    assert client.get("q") == b"1"
    (delivery,) = client.channel.unacked.values()
    assert delivery.message.envelope.routing_key == key


def test_a_new_journal_brings_back_nothing(durable: DurableBroker) -> None:
    assert (durable.restored.queues, durable.restored.messages) == (0, 0)
    assert durable.broker.last_number == 0


@pytest.mark.parametrize("way", WAYS)
def test_arguments_as_deep_and_as_many_as_a_client_may_send_come_back(
    durable: DurableBroker, way: str
) -> None:
    deep: dict[str, Any] = {}
    for _ in range(TABLE_DEPTH_MAX - 1):
        deep = {"deeper": deep}
    many = {"many": [None] * (TABLE_ITEMS_MAX - 1)}
    durable.client.declare("q", durable=True, arguments=deep)
    durable.client.declare("p", durable=True, arguments=many)
    client = again(durable, way)
    assert client.vhost.queues["q"].arguments == deep
    assert client.vhost.queues["p"].arguments == many


@pytest.mark.parametrize("way", WAYS)
def test_unsettled_messages_come_back_in_their_order_and_marked(
    durable: DurableBroker, way: str
) -> None:
    client = durable.client
    client.declare("q", durable=True)
    client.publish("", "q", *FIVE, persistent=True)
    for _ in range(4):
        client.get("q")
    client.ack(2)
    client.reject(3)
    client.reject(4, requeue=False)
    client = again(durable, way)
    assert (durable.restored.queues, durable.restored.messages) == (1, 3)
    assert contents(client, "q") == [(b"1", True), (b"3", True), (b"5", True)]
    client = again(durable, way)
    assert contents(client, "q") == [(b"1", True), (b"3", True), (b"5", True)]


@pytest.mark.parametrize("way", WAYS)
def test_what_is_published_after_a_restart_stands_behind_and_is_not_marked(
    durable: DurableBroker, way: str
) -> None:
    durable.client.declare("q", durable=True)
    durable.client.publish("", "q", b"1", persistent=True)
    client = again(durable, way)
    client.publish("", "q", b"2", persistent=True)
    client.publish("", "q", b"3")
    assert contents(client, "q") == [(b"1", True), (b"2", False), (b"3", False)]
    client = again(durable, way)
    assert contents(client, "q") == [(b"1", True), (b"2", True)]


def test_after_a_purge_nothing_new_is_marked(durable: DurableBroker) -> None:
    durable.client.declare("q", durable=True)
    durable.client.publish("", "q", *FIVE, persistent=True)
    client = again(durable, "restart")
    assert client.vhost.queues["q"].purge() == 5
    client.publish("", "q", b"6", persistent=True)
    assert contents(client, "q") == [(b"6", False)]
    assert contents(again(durable, "restart"), "q") == [(b"6", True)]


def test_a_message_in_two_queues_is_settled_in_each_by_itself(durable: DurableBroker) -> None:
    client = durable.client
    for queue in client.declare("a", "b", durable=True):
        client.bind("amq.fanout", queue.name)
    client.publish("amq.fanout", "", b"1", b"2", persistent=True)
    client.get("a")
    client.ack(1)
    client = again(durable, "restart")
    assert contents(client, "a") == [(b"2", True)]
    assert contents(client, "b") == [(b"1", True), (b"2", True)]
    client.vhost.delete_queue("a", client)
    client = again(durable, "restart")
    assert contents(client, "b") == [(b"1", True), (b"2", True)]


def test_a_message_stays_in_the_store_while_one_queue_holds_it(durable: DurableBroker) -> None:
    client = durable.client
    for queue in client.declare("a", "b", durable=True):
        client.bind("amq.fanout", queue.name)
    client.publish("amq.fanout", "", *(b"%d" % n + bytes(300) for n in range(9)), persistent=True)
    client = again(durable, "restart")
    assert len(client.drain("a")) == 9
    client.broker.rewrite_definitions()
    durable.broker.end_pass()
    durable.wait_durable()
    durable.store.trim()
    assert [body[:1] for body in client.drain("b")] == [b"%d" % n for n in range(9)]


def test_what_does_not_last_is_gone(durable: DurableBroker) -> None:
    client = durable.client
    client.declare("q", durable=True)
    client.declare("transient")
    client.declare("mine", durable=True, exclusive=True)
    client.vhost.declare_exchange("e", "direct")
    client.bind("e", "q", "k")
    client.bind("amq.direct", "transient", "k")
    client.publish("", "q", b"1")
    client.publish("", "transient", b"2", persistent=True)
    client = again(durable, "restart")
    assert set(client.vhost.queues) == {"q"}
    assert "e" not in client.vhost.exchanges
    assert client.vhost.bindings_to(client.vhost.queues["q"]) == ()
    assert contents(client, "q") == []


@pytest.mark.parametrize("way", WAYS)
def test_the_topology_comes_back_as_it_was(durable: DurableBroker, way: str) -> None:
    client = durable.client
    vhost = client.vhost
    arguments = {
        "int": 2**40,
        "bool": True,
        "float": Float32(0.5),
        "list": [1, "two", None],
        "table": {"a": {"b": 1}},
        "bytes": ByteArray(b"\xff"),
        "time": Timestamp(1_700_000_000),
    }
    vhost.declare_exchange("e", "topic", durable=True, internal=True, arguments=arguments)
    vhost.declare_exchange("auto", "headers", durable=True, auto_delete=True)
    client.declare("q", durable=True, arguments=arguments)
    client.declare("auto", durable=True, auto_delete=True)
    client.bind("e", "q", "a.#", **arguments)
    client.bind("e", "q", "a.#")
    client.bind("auto", "auto", "", x=None)
    vhost.bind("amq.topic", vhost.exchange("e"), "#")
    vhost.bind("e", vhost.exchange("e"), "#")
    before = lasting_topology(durable.broker)
    client = again(durable, way)
    assert lasting_topology(durable.broker) == before
    assert client.declare("q", durable=True, arguments=arguments) == [client.vhost.queues["q"]]
    assert client.publish("amq.topic", "a.b", b"1") == ["q"]
    again(durable, way)
    assert lasting_topology(durable.broker) == before


def test_what_was_deleted_before_a_restart_can_be_deleted_after_it(durable: DurableBroker) -> None:
    client = durable.client
    client.declare("a", "b", durable=True)
    client.vhost.declare_exchange("e", "fanout", durable=True)
    client.bind("e", "a")
    client.bind("e", "b")
    client.vhost.delete_queue("a", client)
    client = again(durable, "restart")
    assert client.publish("e", "", b"1") == ["b"]
    client.vhost.delete_exchange("e")
    client.vhost.delete_queue("b", client)
    client = again(durable, "restart")
    assert client.vhost.queues == {}
    assert "e" not in client.vhost.exchanges


def test_an_auto_delete_exchange_that_went_stays_away(durable: DurableBroker) -> None:
    client = durable.client
    client.vhost.declare_exchange("e", "fanout", durable=True, auto_delete=True)
    client.declare("q", durable=True)
    client.bind("e", "q")
    client = again(durable, "restart")
    client.vhost.delete_queue("q", client)
    assert "e" not in again(durable, "restart").vhost.exchanges


def test_a_queue_declared_anew_does_not_get_the_messages_of_the_old_one(
    durable: DurableBroker,
) -> None:
    client = durable.client
    client.declare("q", durable=True)
    client.publish("", "q", b"old", persistent=True)
    client.vhost.delete_queue("q", client)
    client.declare("q", durable=True)
    client.publish("", "q", b"new", persistent=True)
    client = again(durable, "restart")
    assert contents(client, "q") == [(b"new", True)]
    client.vhost.delete_queue("q", client)
    client = again(durable, "restart")
    client.declare("q", durable=True)
    assert contents(client, "q") == []


def test_what_an_unfinished_pass_did_is_not_done_after_a_kill(durable: DurableBroker) -> None:
    client = durable.client
    client.declare("q", durable=True)
    client.publish("", "q", b"1", persistent=True)
    client.get("q")
    durable.wait_durable()
    client.ack(1)
    client.declare("late", durable=True)
    durable.kill()
    client = durable.client
    assert contents(client, "q") == [(b"1", True)]
    assert set(client.vhost.queues) == {"q"}


@pytest.mark.parametrize("seed", range(8))
def test_a_kill_at_any_moment_loses_whole_passes_and_none_that_was_durable(
    durable: DurableBroker, seed: int
) -> None:
    random = Random(seed)
    client = durable.client
    client.declare("q", durable=True)
    durable.broker.end_pass()
    durable.wait_durable()
    bodies: dict[int, bytes] = {}
    kept: dict[int, list[bytes]] = {durable.store.end: []}
    for number in range(random.randrange(60)):
        body = b"%03d" % number + bytes(random.randrange(400))
        client.get("q")
        bodies[number] = body
        for tag in random.sample(list(client.channel.unacked), len(client.channel.unacked) // 2):
            del bodies[int(body_of(client.channel.unacked[tag].message)[:3])]
            client.ack(tag)
        client.publish("", "q", body, persistent=True)
        kept[durable.store.end] = list(bodies.values())
    safe = durable.store.durable
    durable.kill()
    assert durable.store.end >= safe
    expected = kept[durable.store.end]
    assert durable.client.drain("q") == expected


def test_numbers_of_queues_go_on_after_a_restart(durable: DurableBroker) -> None:
    durable.client.declare("a", "b", durable=True)
    durable.client.vhost.delete_queue("b", durable.client)
    client = again(durable, "restart")
    (queue,) = client.declare("c", durable=True)
    assert queue.number == 3


@pytest.mark.usefixtures("small_window")
def test_a_long_queue_comes_back_without_its_bodies_in_memory(durable: DurableBroker) -> None:
    durable.client.declare("q", durable=True)
    for number in range(40):
        durable.client.publish("", "q", b"%d" % number, persistent=True)
    size = durable.client.vhost.queues["q"].ready.bytes
    client = again(durable, "restart")
    (queue,) = client.vhost.queues.values()
    assert (len(queue.ready), queue.ready.bytes, queue.ready.memory_bytes) == (40, size, 0)
    client.consume("q")
    assert client.received() == [b"%d" % number for number in range(40)]
    client.ack(20, multiple=True)
    client = again(durable, "restart")
    assert client.drain("q") == [b"%d" % number for number in range(20, 40)]


def test_settled_messages_do_not_keep_segments(durable: DurableBroker) -> None:
    client = durable.client
    client.declare("q", durable=True)
    client.publish("", "q", *(b"x" * 200 for _ in range(20)), persistent=True)
    client = again(durable, "restart")
    assert len(client.drain("q")) == 20
    client.broker.rewrite_definitions()
    durable.broker.end_pass()
    durable.wait_durable()
    durable.trim()
    again(durable, "restart")
    assert durable.segments < 3


def test_damage_that_comes_later_costs_the_damaged_message_alone(durable: DurableBroker) -> None:
    client = durable.client
    client.declare("q", durable=True)
    client.publish("", "q", *(b"body %d." % number for number in range(9)), persistent=True)
    client = again(durable, "restart")
    damage(durable, b"body 4.")
    client.consume("q")
    expected = [b"body %d." % number for number in range(9) if number != 4]
    assert client.received() == expected
    assert client.vhost.queues["q"].unacked == 8


def damage(durable: DurableBroker, body: bytes) -> None:
    """Turn a bit over in the segment that holds a body."""
    (path,) = [p for p in durable.folder.glob("*.segment") if body in p.read_bytes()]
    data = path.read_bytes()
    path.write_bytes(data.replace(body, bytes([body[0] ^ 1]) + body[1:]))
