"""Exchanges, queues and what is refused; bindings and routes are in test_bindings.py."""

from typing import Any

import pytest

from tests.exchange.core_client import Client
from tests.exchange.messages import Properties
from warrener.exchange.errors import (
    AccessRefused,
    NotFound,
    PreconditionFailed,
    Refused,
    ResourceLocked,
)
from warrener.exchange.predeclared import PREDECLARED

# Exchanges


def test_the_predeclared_exchanges_are_there_and_last(client: Client) -> None:
    exchanges = client.vhost.exchanges
    assert {name: exchanges[name].type for name in PREDECLARED} == PREDECLARED
    assert all(exchange.durable for exchange in exchanges.values())


def test_declaring_an_exchange_again_as_it_is_finds_it(client: Client) -> None:
    options: dict[str, Any] = {"durable": True, "arguments": {"x-a": 1}}
    exchange = client.vhost.declare_exchange("e", "topic", **options)
    assert client.vhost.declare_exchange("e", "topic", **options) is exchange
    assert client.vhost.exchange("e") is exchange


@pytest.mark.parametrize(
    ("kind", "options", "difference"),
    [
        ("fanout", {}, "'type'"),
        ("topic", {"durable": True}, "'durable'"),
        ("topic", {"auto_delete": True}, "'auto_delete'"),
        ("topic", {"internal": True}, "'internal'"),
        ("topic", {"arguments": {"alternate-exchange": "a"}}, "'alternate-exchange'"),
        ("topic", {"arguments": {"x-cache-size": 1}}, "'x-cache-size'"),
    ],
)
def test_declaring_an_exchange_otherwise_names_the_difference(
    client: Client, kind: str, options: dict[str, Any], difference: str
) -> None:
    client.vhost.declare_exchange("e", "topic")
    with pytest.raises(PreconditionFailed, match=f"inequivalent arg {difference} for exchange 'e'"):
        client.vhost.declare_exchange("e", kind, **options)
    assert client.vhost.exchange("e").type == "topic"


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("x-consistent-hash", {"hash-header": "a"}, {"hash-header": "b"}),
        ("x-recent-history", {"x-recent-history-length": 1}, {}),
        ("x-delayed-message", {"x-delayed-type": "topic"}, {"x-delayed-type": "direct"}),
        (
            "x-delayed-message",
            {"x-delayed-type": "x-consistent-hash", "hash-header": "a"},
            {"x-delayed-type": "x-consistent-hash"},
        ),
    ],
)
def test_an_exchange_is_declared_again_with_what_its_type_goes_by(
    client: Client, kind: str, one: dict[str, Any], other: dict[str, Any]
) -> None:
    made = client.vhost.declare_exchange("e", kind, arguments={**one, "made-by": "billing"})
    again = client.vhost.declare_exchange("e", kind, arguments={**one, "made-by": "shipping"})
    assert again is made
    with pytest.raises(PreconditionFailed, match="inequivalent arg"):
        client.vhost.declare_exchange("e", kind, arguments=other)


def test_an_unknown_type_is_refused(client: Client) -> None:
    with pytest.raises(PreconditionFailed, match="unknown exchange type 'x-unknown'"):
        client.vhost.declare_exchange("e", "x-unknown")
    assert "e" not in client.vhost.exchanges


def test_reserved_exchange_names_are_refused(client: Client) -> None:
    with pytest.raises(AccessRefused, match=r"exchange name 'amq\.mine' contains reserved prefix"):
        client.vhost.declare_exchange("amq.mine", "direct")


def test_a_predeclared_exchange_may_be_declared_as_it_is(client: Client) -> None:
    vhost = client.vhost
    assert vhost.declare_exchange("amq.topic", "topic", durable=True) is vhost.exchange("amq.topic")
    with pytest.raises(PreconditionFailed):
        vhost.declare_exchange("amq.topic", "topic", durable=False)


@pytest.mark.parametrize("name", [*PREDECLARED, "amq.none"])
def test_predeclared_exchanges_cannot_be_deleted(client: Client, name: str) -> None:
    with pytest.raises(AccessRefused):
        client.vhost.delete_exchange(name)
    assert set(PREDECLARED) <= set(client.vhost.exchanges)


def test_a_deleted_exchange_is_gone_with_its_bindings_to_both_sides(client: Client) -> None:
    vhost = client.vhost
    (queue,) = client.declare("q")
    middle = vhost.declare_exchange("middle", "fanout")
    vhost.bind("amq.fanout", middle, "")
    vhost.bind("middle", queue, "")
    vhost.delete_exchange("middle")
    with pytest.raises(NotFound, match="no exchange 'middle' in vhost '/'"):
        vhost.exchange("middle")
    assert vhost.bindings_to(queue) == vhost.bindings_to(middle) == ()
    assert client.publish("amq.fanout", "", b"1") == []
    vhost.declare_exchange("middle", "direct")
    assert client.publish("middle", "", b"1") == []


def test_deleting_an_exchange_there_is_not_does_nothing(client: Client) -> None:
    client.vhost.delete_exchange("e")
    client.vhost.delete_exchange("e", if_unused=True)


def test_an_exchange_in_use_is_not_deleted_if_unused(client: Client) -> None:
    client.declare("q")
    client.vhost.declare_exchange("e", "fanout")
    client.bind("e", "q")
    with pytest.raises(PreconditionFailed, match="exchange 'e' in vhost '/' in use"):
        client.vhost.delete_exchange("e", if_unused=True)
    client.vhost.delete_queue("q", client)
    client.vhost.delete_exchange("e", if_unused=True)
    assert "e" not in client.vhost.exchanges


def test_nobody_publishes_to_an_internal_exchange_but_through_another(client: Client) -> None:
    client.declare("q")
    inner = client.vhost.declare_exchange("inner", "fanout", internal=True)
    client.bind("inner", "q")
    with pytest.raises(AccessRefused, match="internal exchange 'inner' in vhost '/'"):
        client.publish("inner", "", b"1")
    client.vhost.bind("amq.fanout", inner, "")
    assert client.publish("amq.fanout", "", b"1") == ["q"]


def test_publishing_to_an_exchange_there_is_not_is_refused(client: Client) -> None:
    with pytest.raises(NotFound, match="no exchange 'e' in vhost '/'"):
        client.publish("e", "", b"1")


# Queues


def test_declaring_a_queue_again_as_it_is_finds_it(client: Client, other: Client) -> None:
    options: dict[str, Any] = {"durable": True, "arguments": {"x-a": [1, {"b": None}]}}
    (queue,) = client.declare("q", **options)
    assert client.declare("q", **options) == other.declare("q", **options) == [queue]


@pytest.mark.parametrize(
    ("options", "difference"),
    [
        ({"durable": True}, "'durable'"),
        ({"auto_delete": True}, "'auto_delete'"),
        ({"arguments": {"x-max-length": 1}}, "'x-max-length'"),
        ({"arguments": {"x-message-deduplication": True}}, "'x-message-deduplication'"),
        ({"arguments": {"x-queue-type": "quorum"}}, "'x-queue-type'"),
        ({"arguments": {"x-queue-mode": "lazy"}}, "'x-queue-mode'"),
    ],
)
def test_declaring_a_queue_otherwise_names_the_difference(
    client: Client, options: dict[str, Any], difference: str
) -> None:
    client.declare("q")
    with pytest.raises(PreconditionFailed, match=f"inequivalent arg {difference} for queue 'q'"):
        client.declare("q", **options)


def test_arguments_that_mean_nothing_here_may_differ(client: Client) -> None:
    assert client.declare("q", arguments={"x-a": 1}) == client.declare("q", arguments={"x-b": 2})


CLASSIC, QUORUM = {"x-queue-type": "classic"}, {"x-queue-type": "quorum"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({}, CLASSIC),
        ({}, {"x-ha-mode": "all", "x-consumer-timeout": 60_000}),
        ({}, {"x-dead-letter-strategy": "at-least-once", "x-quorum-initial-group-size": 3}),
        (QUORUM, QUORUM | {"x-queue-mode": "lazy", "x-consumer-timeout": 1}),
    ],
)
def test_arguments_that_rabbitmq_does_not_compare_may_differ(
    client: Client, one: dict[str, Any], other: dict[str, Any]
) -> None:
    (queue,) = client.declare("q", durable=True, arguments=one)
    assert client.declare("q", durable=True, arguments=other) == [queue]
    (queue,) = client.declare("p", durable=True, arguments=other)
    assert client.declare("p", durable=True, arguments=one) == [queue]


@pytest.mark.parametrize("argument", ["x-dead-letter-strategy", "x-quorum-initial-group-size"])
def test_arguments_of_quorum_queues_are_compared_there(client: Client, argument: str) -> None:
    value = {"x-dead-letter-strategy": "at-least-once", "x-quorum-initial-group-size": 3}[argument]
    client.declare("q", durable=True, arguments=QUORUM)
    with pytest.raises(PreconditionFailed, match=f"inequivalent arg '{argument}'"):
        client.declare("q", durable=True, arguments=QUORUM | {argument: value})


def test_a_quorum_queue_must_be_durable(client: Client) -> None:
    with pytest.raises(PreconditionFailed, match="invalid property 'non-durable'"):
        client.declare("q", arguments=QUORUM)


@pytest.mark.parametrize(
    ("prefix", "begin"),
    [
        ("myapp", "myapp-"),
        ("a\r\nb", "ab-"),
        ("x" * 64, "x" * 64 + "-"),
        ("", "amq.gen-"),
        (5, "amq.gen-"),
    ],
)
def test_a_name_that_is_made_up_begins_with_the_prefix_that_was_asked_for(
    client: Client, prefix: object, begin: str
) -> None:
    (queue,) = client.declare("", arguments={"x-name-prefix": prefix, "x-max-length": 1})
    assert queue.name.startswith(begin)
    assert queue.arguments == {"x-max-length": 1}


def test_a_prefix_of_a_name_is_no_longer_than_64_bytes(client: Client) -> None:
    with pytest.raises(PreconditionFailed, match="x-name-prefix"):
        client.declare("", arguments={"x-name-prefix": "ö" * 33})


def test_a_queue_with_a_name_needs_no_prefix(client: Client) -> None:
    (queue,) = client.declare("q", arguments={"x-name-prefix": "x" * 65})
    assert (queue.name, queue.arguments) == ("q", {})


def test_a_queue_without_a_name_is_given_one_of_its_own(client: Client) -> None:
    one, two = client.declare("", "")
    assert one.name.startswith("amq.gen-")
    assert one.name != two.name
    assert client.publish("", one.name, b"1") == [one.name]
    assert client.declare(one.name) == [one]


def test_reserved_queue_names_are_refused(client: Client) -> None:
    with pytest.raises(AccessRefused, match=r"queue name 'amq\.mine' contains reserved prefix"):
        client.declare("amq.mine")


def test_wrong_arguments_are_refused_and_leave_no_queue(client: Client) -> None:
    with pytest.raises(PreconditionFailed):
        client.declare("q", arguments={"x-queue-type": "stream"})
    assert client.vhost.queues == {}


def test_a_queue_there_is_not_is_not_found(client: Client) -> None:
    with pytest.raises(NotFound, match="no queue 'q' in vhost '/'"):
        client.vhost.queue("q", client)


def test_a_deleted_queue_is_gone_with_its_bindings(client: Client) -> None:
    client.declare("q")
    client.bind("amq.topic", "q", "#")
    client.publish("amq.topic", "a", b"1", b"2")
    assert client.vhost.delete_queue("q", client) == 2
    assert client.publish("amq.topic", "a", b"3") == []
    (again,) = client.declare("q")
    assert client.vhost.bindings_to(again) == ()
    assert client.drain("q") == []


def test_deleting_a_queue_there_is_not_counts_nothing(client: Client) -> None:
    assert client.vhost.delete_queue("q", client, if_unused=True, if_empty=True) == 0


def test_a_queue_in_use_is_not_deleted_if_unused(client: Client) -> None:
    client.declare("q")
    client.consume("q")
    with pytest.raises(PreconditionFailed, match="queue 'q' in vhost '/' in use"):
        client.vhost.delete_queue("q", client, if_unused=True)
    client.channel.cancel("c")
    client.vhost.delete_queue("q", client, if_unused=True)
    assert "q" not in client.vhost.queues


def test_a_queue_with_messages_is_not_deleted_if_empty(client: Client) -> None:
    client.declare("q")
    client.publish("", "q", b"1")
    with pytest.raises(PreconditionFailed, match="queue 'q' in vhost '/' not empty"):
        client.vhost.delete_queue("q", client, if_empty=True)
    client.drain("q")
    assert client.vhost.delete_queue("q", client, if_empty=True) == 0


def test_the_consumers_of_a_deleted_queue_are_told(client: Client, other: Client) -> None:
    client.declare("q")
    client.consume("q", "mine")
    other.consume("q", "theirs")
    client.vhost.delete_queue("q", client)
    assert client.outlet.cancelled_tags == ["mine"]
    assert other.outlet.cancelled_tags == ["theirs"]
    assert client.channel.consumers == other.channel.consumers == {}


def test_a_consumer_that_cancels_itself_is_not_told(client: Client) -> None:
    client.declare("q")
    client.consume("q")
    client.channel.cancel("c")
    assert client.outlet.cancelled_tags == []


# Exclusive and auto-delete queues


@pytest.mark.parametrize("action", ["queue", "declare", "declare the same", "delete"])
def test_an_exclusive_queue_is_its_owners_alone(client: Client, other: Client, action: str) -> None:
    client.declare("q", exclusive=True)
    actions = {
        "queue": lambda: other.vhost.queue("q", other),
        "declare": lambda: other.declare("q"),
        "declare the same": lambda: other.declare("q", exclusive=True),
        "delete": lambda: other.vhost.delete_queue("q", other),
    }
    with pytest.raises(ResourceLocked, match="exclusive access to locked queue 'q' in vhost '/'"):
        actions[action]()


def test_its_owner_does_with_it_what_it_likes(client: Client, other: Client) -> None:
    client.declare("q", exclusive=True)
    assert client.declare("q", exclusive=True) == [client.vhost.queue("q", client)]
    assert other.publish("", "q", b"1") == ["q"]
    assert client.vhost.delete_queue("q", client) == 1


def test_exclusive_queues_go_with_their_connection_and_others_stay(
    client: Client, other: Client
) -> None:
    client.declare("a", "b", exclusive=True)
    client.declare("shared")
    other.declare("theirs", exclusive=True)
    client.bind("amq.fanout", "a")
    client.consume("a")
    client.vhost.connection_left(client)
    assert set(client.vhost.queues) == {"shared", "theirs"}
    assert client.publish("amq.fanout", "", b"1") == []
    other.declare("a")


def test_an_auto_delete_queue_goes_with_its_last_consumer(client: Client, other: Client) -> None:
    (queue,) = client.declare("q", auto_delete=True)
    client.consume("q")
    other.consume("q")
    client.channel.cancel("c")
    client.vhost.consumer_left(queue)
    assert "q" in client.vhost.queues
    (left,) = other.channel.close()
    client.vhost.consumer_left(left)
    assert "q" not in client.vhost.queues
    client.vhost.consumer_left(queue)


def test_an_auto_delete_queue_that_never_had_a_consumer_stays(client: Client) -> None:
    client.declare("q", auto_delete=True)
    client.publish("", "q", b"1")
    assert client.drain("q") == [b"1"]
    assert "q" in client.vhost.queues


def test_other_queues_stay_without_consumers(client: Client) -> None:
    (queue,) = client.declare("q")
    client.consume("q")
    client.channel.cancel("c")
    client.vhost.consumer_left(queue)
    assert "q" in client.vhost.queues


# Remembered routes


def test_whatever_changes_the_topology_makes_routes_out_of_date(client: Client) -> None:
    vhost = client.vhost
    changes = [
        lambda: client.declare("q"),
        lambda: vhost.declare_exchange("e", "direct"),
        lambda: vhost.bind("e", vhost.queues["q"], "k"),
        lambda: vhost.unbind("e", vhost.queues["q"], "k"),
        lambda: vhost.bind("amq.fanout", vhost.exchange("e"), ""),
        lambda: vhost.delete_exchange("e"),
        lambda: vhost.delete_queue("q", client),
        lambda: client.declare("mine", exclusive=True),
        lambda: vhost.connection_left(client),
    ]
    for number, change in enumerate(changes):
        before = vhost.route("", "q", Properties())
        change()
        assert before.generation < vhost.generation, number


def test_what_changes_nothing_leaves_routes_valid(client: Client) -> None:
    vhost = client.vhost
    (queue,) = client.declare("q")
    vhost.declare_exchange("e", "direct")
    client.bind("e", "q", "k")
    before = vhost.generation
    client.declare("q")
    vhost.declare_exchange("e", "direct")
    client.bind("e", "q", "k")
    vhost.unbind("e", queue, "other")
    vhost.delete_exchange("none")
    vhost.delete_queue("none", client)
    with pytest.raises(Refused):
        vhost.declare_exchange("e", "topic")
    assert vhost.generation == before
