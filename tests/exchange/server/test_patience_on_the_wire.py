"""Deliveries that are left unacknowledged for too long."""

from typing import Any

import pytest

from tests.exchange.server.inbox import Content
from tests.exchange.server.wire import Channel, Wire
from warrener.protocol import methods as m


def wire_with(**options: Any) -> Wire:
    return Wire(heartbeat_s=0, **options)


@pytest.fixture
def wire() -> Wire:
    return wire_with(consumer_timeout_ms=10_000)


def consumer_of(
    wire: Wire, queue: str = "q", number: int = 1, told: bool = False, **arguments: Any
) -> Channel:
    """A channel with a consumer; `told` says that the client can be told of the end of one."""
    channel = wire.login(capabilities={"consumer_cancel_notify": told}).channel(number)
    channel.queue(queue, arguments=arguments)
    channel.consume(queue)
    return channel


def closed(channel: Channel) -> m.ChannelClose | None:
    """The close, if that is what has come."""
    items = channel.received()
    return items[-1] if items and isinstance(items[-1], m.ChannelClose) else None


def test_too_long_and_the_channel_is_closed(wire: Wire) -> None:
    channel = consumer_of(wire, number=7)
    channel.publish("", "q", b"1")
    assert channel.bodies() == [b"1"]
    wire.advance(9.9)
    assert closed(channel) is None
    wire.advance(0.5)
    assert closed(channel) == m.ChannelClose(
        406,
        "PRECONDITION_FAILED - delivery acknowledgement on channel 7 timed out. "
        "Timeout value used: 10000 ms. "
        "This timeout value can be configured, see consumers doc guide to learn more",
        0,
        0,
    )


def test_its_messages_go_to_somebody_else(wire: Wire) -> None:
    slow = consumer_of(wire)
    slow.publish("", "q", b"1", b"2")
    assert slow.bodies() == [b"1", b"2"]
    wire.advance(5)
    quick = consumer_of(wire)
    wire.advance(6)
    assert [(item.body, item.method.redelivered) for item in quick.received()] == [
        (b"1", True),
        (b"2", True),
    ]
    wire.advance(9)
    assert closed(quick) is None


def test_who_acknowledges_in_time_is_left_alone(wire: Wire) -> None:
    channel = consumer_of(wire)
    for tag in range(1, 30):
        channel.publish("", "q", b"x")
        wire.advance(3)
        channel.send(m.BasicAck(tag))
    wire.advance(100)
    assert closed(channel) is None


def test_one_left_behind_is_found_among_many(wire: Wire) -> None:
    channel = consumer_of(wire)
    for tag in range(1, 6):
        channel.publish("", "q", b"x")
        if tag != 2:
            channel.send(m.BasicAck(tag))
        wire.advance(2)
    assert closed(channel) is None
    wire.advance(2.3)
    assert closed(channel) is not None


# A client that can be told of the end of a consumer


def test_a_client_that_can_be_told_loses_its_consumer_only(wire: Wire) -> None:
    channel = consumer_of(wire, told=True)
    channel.queue("p")
    channel.consume("p", "other")
    channel.publish("", "q", b"1")
    assert channel.bodies() == [b"1"]
    wire.advance(10.5)
    assert channel.received() == [m.BasicCancel("c", no_wait=True)]
    assert channel.ready("q") == 1
    channel.publish("", "p", b"2")
    assert channel.bodies() == [b"2"]


def test_what_it_has_not_had_for_so_long_stays_with_it(wire: Wire) -> None:
    channel = consumer_of(wire, told=True)
    channel.publish("", "q", b"1")
    wire.advance(6)
    channel.publish("", "q", b"2")
    assert channel.bodies() == [b"1", b"2"]
    wire.advance(5)
    assert channel.received() == [m.BasicCancel("c", no_wait=True)]
    assert channel.ready("q") == 1
    wire.advance(6)
    assert channel.received() == []
    assert channel.ready("q") == 2


@pytest.mark.parametrize(
    "answer",
    [
        m.BasicAck(1),
        m.BasicAck(1, multiple=True),
        m.BasicNack(1, requeue=True),
        m.BasicReject(1),
        m.BasicCancelOk("c"),
        m.BasicCancel("c", no_wait=True),
    ],
)
def test_a_late_answer_is_no_mistake_once(wire: Wire, answer: Any) -> None:
    channel = consumer_of(wire, told=True)
    channel.publish("", "q", b"1")
    wire.advance(10.5)
    channel.received()
    channel.send(answer)
    assert channel.received() == []
    assert channel.ready("q") == 1
    channel.send(m.BasicAck(1), m.BasicAck(1))
    assert closed(channel) is not None


def test_a_late_acknowledgement_of_several_settles_those_that_are_still_there(wire: Wire) -> None:
    channel = consumer_of(wire, told=True, **{"x-consumer-timeout": 1000})
    channel.queue("patient")
    channel.consume("patient", "p")
    channel.publish("", "patient", b"1")
    channel.publish("", "q", b"2")
    wire.advance(1.5)
    channel.received()
    channel.send(m.BasicAck(2, multiple=True))
    wire.advance(20)
    assert channel.received() == []
    assert (channel.ready("patient"), channel.ready("q")) == (0, 1)


def test_a_late_acknowledgement_in_a_transaction_is_no_mistake(wire: Wire) -> None:
    channel = consumer_of(wire, told=True)
    channel.call(m.TxSelect())
    channel.publish("", "q", b"1")
    channel.send(m.TxCommit())
    wire.advance(10.5)
    channel.received()
    channel.send(m.BasicAck(1))
    assert channel.call(m.TxCommit()) == m.TxCommitOk()
    assert channel.ready("q") == 1


def test_of_a_delivery_without_a_consumer_a_client_cannot_be_told(wire: Wire) -> None:
    channel = consumer_of(wire, told=True)
    channel.queue("p")
    channel.publish("", "p", b"1")
    channel.call(m.BasicGet(queue="p"))
    wire.advance(10.5)
    assert closed(channel) is not None


def test_a_queue_that_goes_with_its_last_consumer_goes_with_this_one(wire: Wire) -> None:
    channel = wire.login().channel()
    channel.queue("q", auto_delete=True)
    channel.consume("q")
    channel.publish("", "q", b"1")
    wire.advance(10.5)
    assert "q" not in wire.broker.vhosts["/"].queues


# What counts


def test_what_is_got_counts_too(wire: Wire) -> None:
    channel = wire.login().channel()
    channel.queue("q")
    channel.publish("", "q", b"1")
    assert isinstance(channel.call(m.BasicGet(queue="q")), Content)
    wire.advance(11)
    assert closed(channel) is not None
    assert wire.login().channel().ready("q") == 1


def test_who_need_not_acknowledge_is_not_waited_for(wire: Wire) -> None:
    channel = wire.login().channel()
    channel.queue("q")
    channel.consume("q", no_ack=True)
    channel.publish("", "q", b"1")
    wire.advance(100)
    assert channel.bodies() == [b"1"]


def test_without_a_timeout_a_client_may_take_its_time() -> None:
    wire = wire_with()
    channel = consumer_of(wire)
    channel.publish("", "q", b"1")
    wire.advance(100_000)
    assert closed(channel) is None


def test_a_queue_may_have_its_own() -> None:
    wire = wire_with()
    channel = consumer_of(wire, **{"x-consumer-timeout": 1000})
    channel.publish("", "q", b"1")
    wire.advance(1.1)
    close = closed(channel)
    assert close is not None
    assert "Timeout value used: 1000 ms" in close.reply_text


def test_a_queue_may_have_none(wire: Wire) -> None:
    channel = consumer_of(wire, **{"x-consumer-timeout": 0})
    channel.publish("", "q", b"1")
    wire.advance(100)
    assert closed(channel) is None


def test_each_queue_of_a_channel_has_its_own(wire: Wire) -> None:
    channel = consumer_of(wire, "patient", **{"x-consumer-timeout": 60_000})
    channel.queue("hasty", arguments={"x-consumer-timeout": 1000})
    channel.consume("hasty", "h")
    channel.publish("", "hasty", b"1")
    channel.publish("", "patient", b"2")
    channel.send(m.BasicAck(1))
    wire.advance(30)
    channel.publish("", "hasty", b"3")
    channel.send(m.BasicAck(3))
    wire.advance(10)
    assert closed(channel) is None
    wire.advance(21)
    close = closed(channel)
    assert close is not None
    assert "60000 ms" in close.reply_text


def test_a_value_that_is_none_is_refused(wire: Wire) -> None:
    declare = m.QueueDeclare(queue="q", arguments={"x-consumer-timeout": -1})
    close = wire.login().channel().call(declare)
    assert isinstance(close, m.ChannelClose)
    assert close.reply_code == 406


def test_who_is_gone_leaves_nothing_to_wait_for(wire: Wire) -> None:
    for _ in range(3000):
        channel = wire.login().channel()
        channel.queue("q")
        channel.consume("q")
        channel.publish("", "q", b"1")
        channel.send(m.BasicAck(1))
        channel.client.vanish()
        wire.clients.clear()
    assert len(wire.broker.deadlines) < 2000
