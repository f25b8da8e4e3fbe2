"""What goes to the trace exchange while a virtual host is traced."""

from typing import Any

import pytest

from tests.exchange.server.inbox import Content
from tests.exchange.server.wire import Channel, Wire
from warrener.exchange.server.node_name import node_name
from warrener.protocol import methods as m
from warrener.protocol.properties import Properties, encode_properties

TRACE = "amq.rabbitmq.trace"


@pytest.fixture
def wire() -> Wire:
    wire = Wire()
    wire.broker.set_tracing("/", on=True)
    return wire


@pytest.fixture
def channel(wire: Wire) -> Channel:
    """A client's channel, with the queue `q`."""
    channel = wire.login().channel()
    channel.queue("q")
    return channel


@pytest.fixture
def observer(wire: Wire, channel: Channel) -> Channel:
    """Who consumes, without acknowledging, all that is traced."""
    observer = wire.login().channel()
    observer.queue("fire")
    observer.call(m.QueueBind(queue="fire", exchange=TRACE, routing_key="#"))
    observer.consume("fire", no_ack=True)
    return observer


def traced(observer: Channel) -> list[tuple[str, bytes, dict[str, Any]]]:
    """Routing key, body and headers of what came."""
    return [
        (item.method.routing_key, item.body, dict(Properties(item.properties).headers or {}))
        for item in observer.received()
    ]


def test_a_publish_is_copied(channel: Channel, observer: Channel) -> None:
    properties = encode_properties(headers={"a": 1}, delivery_mode=2, message_id="m")
    channel.publish("", "q", b"body", properties=properties)
    assert traced(observer) == [
        (
            "publish.",
            b"body",
            {
                "exchange_name": "",
                "routing_keys": ["q"],
                "properties": {"headers": {"a": 1}, "delivery_mode": 2, "message_id": "m"},
                "node": node_name(),
                "vhost": "/",
                "connection": channel.client.connection.name,
                "channel": 1,
                "user": "guest",
                "routed_queues": ["q"],
            },
        )
    ]


def test_a_copy_has_no_property_but_headers(channel: Channel, observer: Channel) -> None:
    channel.publish("", "q", b"body", properties=encode_properties(priority=3, app_id="x"))
    (copy,) = observer.received()
    assert Properties(copy.properties).fields().keys() == {"headers"}


def test_a_delivery_is_copied(channel: Channel, observer: Channel) -> None:
    channel.consume("q")
    channel.publish("", "q", b"body")
    channel.send(m.BasicReject(1, requeue=True))
    published, first, second = traced(observer)
    assert published[0] == "publish."
    expected = {
        "exchange_name": "",
        "routing_keys": ["q"],
        "properties": {},
        "node": node_name(),
        "vhost": "/",
        "connection": channel.client.connection.name,
        "channel": 1,
        "user": "guest",
    }
    assert first == ("deliver.q", b"body", {**expected, "redelivered": 0})
    assert second == ("deliver.q", b"body", {**expected, "redelivered": 1})


def test_what_is_got_is_copied_too(channel: Channel, observer: Channel) -> None:
    channel.publish("", "q", b"body")
    assert isinstance(channel.call(m.BasicGet(queue="q")), Content)
    assert [key for key, _, _ in traced(observer)] == ["publish.", "deliver.q"]


def test_all_routing_keys_are_told(channel: Channel, observer: Channel) -> None:
    headers = {"CC": ["c"], "BCC": ["b"]}
    channel.publish("amq.topic", "k", b"body", properties=encode_properties(headers=headers))
    ((key, _, told),) = traced(observer)
    assert key == "publish.amq.topic"
    assert told["routing_keys"] == ["k", "c", "b"]
    assert told["routed_queues"] == []


def test_a_run_is_copied_message_by_message(channel: Channel, observer: Channel) -> None:
    channel.publish("", "q", b"1", b"2", b"3")
    assert [body for _, body, _ in traced(observer)] == [b"1", b"2", b"3"]


def test_a_binding_picks_what_is_traced(channel: Channel, wire: Wire) -> None:
    channel.queue("some")
    channel.call(m.QueueBind(queue="some", exchange=TRACE, routing_key="publish.amq.#"))
    channel.publish("", "q", b"1")
    channel.publish("amq.fanout", "", b"2")
    channel.consume("some", no_ack=True)
    assert [body for _, body, _ in traced(channel)] == [b"2"]


def test_copies_are_transient(channel: Channel, wire: Wire) -> None:
    channel.queue("lasting", durable=True)
    channel.call(m.QueueBind(queue="lasting", exchange=TRACE, routing_key="#"))
    end = wire.store.end
    channel.publish("", "q", b"1", properties=encode_properties(delivery_mode=2))
    assert (channel.ready("lasting"), wire.store.end) == (1, end)


def test_without_tracing_there_are_no_copies(
    wire: Wire, channel: Channel, observer: Channel
) -> None:
    wire.broker.set_tracing("/", on=False)
    channel.publish("", "q", b"1")
    assert traced(observer) == []


def test_nobody_else_publishes_there(channel: Channel) -> None:
    channel.publish(TRACE, "publish.q", b"1")
    (closed,) = channel.received()
    assert closed.reply_code == 403


def test_headers_that_find_no_room_are_left_out(channel: Channel, observer: Channel) -> None:
    deep: dict[str, Any] = {}
    for _ in range(30):
        deep = {"d": deep}
    for headers in (deep, {"large": "x" * 130_950}):
        channel.publish("", "q", b"body", properties=encode_properties(headers=headers))
        ((_, body, told),) = traced(observer)
        assert (body, told["properties"]) == (b"body", {})
    late = encode_properties(timestamp=(1 << 64) - 1)
    channel.publish("", "q", b"body", properties=late)
    assert len(traced(observer)) == 1


def test_a_name_that_fills_the_routing_key_is_cut(channel: Channel, observer: Channel) -> None:
    name = "ä" * 127
    channel.call(m.ExchangeDeclare(exchange=name, type="fanout"))
    channel.publish(name, "", b"body")
    ((key, _, told),) = traced(observer)
    assert key == "publish." + "ä" * 123
    assert told["exchange_name"] == name


def test_a_queue_may_have_its_own_copies(channel: Channel) -> None:
    channel.call(m.QueueBind(queue="q", exchange=TRACE, routing_key="deliver.q"))
    channel.consume("q", no_ack=True)
    channel.publish("", "q", b"body")
    assert [item.method.exchange for item in channel.received()] == ["", TRACE]


def test_another_virtual_host_is_not_traced(
    wire: Wire, channel: Channel, observer: Channel
) -> None:
    wire.broker.add_vhost("other")
    wire.broker.permissions.set("guest", "other", ".*", ".*", ".*")
    elsewhere = wire.login(virtual_host="other").channel()
    elsewhere.queue("q")
    elsewhere.publish("", "q", b"1")
    assert traced(observer) == []


def test_a_dead_letter_of_a_copy_is_not_copied(channel: Channel, wire: Wire) -> None:
    """Or a consumer of dead letters would see copies of copies without end."""
    to_dead = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"}
    channel.queue("fire", arguments={"x-max-length": 0, **to_dead})
    channel.queue("dead")
    channel.call(m.QueueBind(queue="fire", exchange=TRACE, routing_key="#"))
    channel.consume("dead", no_ack=True)
    channel.publish("", "q", b"body")
    for _ in range(10):
        wire.end_pass()
    assert [item.method.routing_key for item in channel.received()] == ["dead"]
