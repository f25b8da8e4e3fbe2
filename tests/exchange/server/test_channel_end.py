"""The end of a channel: what it published is answered, and what it held has failed or not."""

from collections.abc import Callable

import pytest

from tests.exchange.server.test_failing_store import BreakingStore, break_down
from tests.exchange.server.wire import Channel, HeldStore, Wire, encode, publication
from warrener.protocol import methods as m
from warrener.protocol.methods import Method
from warrener.protocol.properties import encode_properties

PERSISTENT = encode_properties(delivery_mode=2)
BAD_EXPIRATION = encode_properties(expiration="soon")


@pytest.fixture
def wire() -> Wire:
    return Wire(HeldStore())


@pytest.fixture
def channel(wire: Wire) -> Channel:
    """A channel with two queues, of which one lasts."""
    channel = wire.login().channel()
    channel.queue("q")
    channel.queue("lasts", durable=True)
    wire.store.sync()
    return channel


@pytest.fixture
def confirming(channel: Channel) -> Channel:
    assert channel.call(m.ConfirmSelect()) == m.ConfirmSelectOk()
    return channel


def taken(*bodies: bytes) -> bytes:
    return b"".join(publication(1, "", "q", body) for body in bodies)


def kept(*bodies: bytes) -> bytes:
    return b"".join(publication(1, "", "lasts", body, PERSISTENT) for body in bodies)


REFUSED = {
    404: publication(1, "unknown", "", b""),
    406: publication(1, "", "q", b"", BAD_EXPIRATION),
}


def names(channel: Channel) -> list[str]:
    return [item.name for item in channel.received()]


def disk_catches_up(wire: Wire) -> None:
    wire.store.sync()
    wire.stored()


# Answers before the end


@pytest.mark.parametrize("code", REFUSED)
def test_what_was_taken_is_confirmed_before_the_channel_is_closed(
    confirming: Channel, code: int
) -> None:
    confirming.client.send_bytes(taken(b"1", b"2") + REFUSED[code] + taken(b"late"))
    ack, close = confirming.received()
    assert ack == m.BasicAck(2, multiple=True)
    assert close.reply_code == code
    confirming.send(m.ChannelCloseOk())
    assert confirming.client.channel().ready("q") == 2


def test_what_is_not_on_disk_is_confirmed_when_it_is_and_then_the_channel_is_closed(
    wire: Wire, confirming: Channel
) -> None:
    confirming.client.send_bytes(kept(b"1", b"2") + REFUSED[404] + kept(b"late"))
    assert confirming.received() == []
    disk_catches_up(wire)
    ack, close = confirming.received()
    assert ack == m.BasicAck(2, multiple=True)
    assert close.reply_code == 404


def test_what_was_written_in_an_earlier_read_is_waited_for_as_well(
    wire: Wire, confirming: Channel
) -> None:
    confirming.client.send_bytes(kept(b"1"))
    confirming.send(m.QueueDeclare(queue="unknown", passive=True))
    assert confirming.received() == []
    disk_catches_up(wire)
    assert names(confirming) == ["basic.ack", "channel.close"]


def test_a_refused_publish_is_no_reason_to_wait(confirming: Channel) -> None:
    confirming.queue("full", arguments={"x-max-length": 0, "x-overflow": "reject-publish"})
    confirming.client.send_bytes(publication(1, "", "full", b"1") + REFUSED[404])
    assert names(confirming) == ["basic.nack", "channel.close"]


def test_what_cannot_be_written_is_refused_before_the_channel_is_closed() -> None:
    wire = Wire(BreakingStore())
    channel = wire.login().channel()
    channel.queue("lasts", durable=True)
    channel.call(m.ConfirmSelect())
    channel.client.send_bytes(kept(b"1") + REFUSED[404])
    assert channel.received() == []
    break_down(wire)
    assert names(channel) == ["basic.nack", "channel.close"]


def test_a_commit_is_answered_before_the_channel_is_closed(wire: Wire, channel: Channel) -> None:
    channel.call(m.TxSelect())
    channel.client.send_bytes(kept(b"1") + encode(1, m.TxCommit()) + REFUSED[404])
    assert channel.received() == []
    disk_catches_up(wire)
    assert names(channel) == ["tx.commit-ok", "channel.close"]


def test_a_client_that_closes_the_channel_itself_does_not_wait(
    wire: Wire, confirming: Channel
) -> None:
    confirming.client.send_bytes(kept(b"1") + REFUSED[404])
    confirming.send(m.ChannelClose(200, "bye"))
    assert names(confirming) == ["channel.close", "channel.close-ok"]
    confirming.send(m.ChannelCloseOk())
    disk_catches_up(wire)
    assert confirming.client.channel().received() == []


@pytest.mark.parametrize("answer", [m.ChannelCloseOk(), m.ConnectionClose(200, "bye")])
def test_nothing_is_said_on_a_channel_that_the_client_takes_for_closed(
    wire: Wire, confirming: Channel, answer: Method
) -> None:
    client = confirming.client
    client.send_bytes(kept(b"1") + REFUSED[404])
    client.send(1 if isinstance(answer, m.ChannelCloseOk) else 0, answer)
    said = client.received(1)
    disk_catches_up(wire)
    assert client.received(1) == []
    assert [item.name for item in said] in ([], ["channel.close"])


def test_what_was_taken_is_confirmed_before_the_client_s_close_is_answered(
    confirming: Channel,
) -> None:
    confirming.client.send_bytes(taken(b"1") + encode(1, m.ChannelClose(200, "bye")))
    assert confirming.received() == [m.BasicAck(1), m.ChannelCloseOk()]


@pytest.mark.parametrize(
    "end",
    [
        encode(0, m.ConnectionClose(200, "bye")),
        encode(1, m.BasicQos(prefetch_size=1)),
        b"this is no frame",
    ],
    ids=["closed by the client", "not supported", "no AMQP"],
)
def test_what_was_taken_is_confirmed_before_the_connection_ends(
    confirming: Channel, end: bytes
) -> None:
    client = confirming.client
    client.send_bytes(taken(b"1", b"2") + end)
    arrived = client.received()
    assert arrived[0] == (1, m.BasicAck(2, multiple=True))
    assert [channel for channel, _ in arrived] == [1, 0]


# Failures


def close_connection(wire: Wire, channel: Channel) -> None:
    channel.client.send(0, m.ConnectionClose(200, "bye"))


def force_close(wire: Wire, channel: Channel) -> None:
    channel.client.connection.force_close("closed by the management API")
    wire.end_pass()


def delete_user(wire: Wire, channel: Channel) -> None:
    wire.broker.users.delete("guest")
    wire.end_pass()


ENDS: dict[str, tuple[Callable[[Wire, Channel], None], bool]] = {
    "the client closes the channel": (lambda wire, channel: channel.close(), True),
    "the client closes the connection": (close_connection, True),
    "the client is gone": (lambda wire, channel: channel.client.vanish(), True),
    "a mistake closes the channel": (lambda wire, channel: channel.send(m.BasicAck(9)), True),
    "a mistake closes the connection": (lambda wire, channel: channel.send(m.TxCommitOk()), True),
    "no AMQP": (lambda wire, channel: channel.client.send_bytes(b"no frame"), True),
    "no heartbeats": (lambda wire, channel: wire.advance(121), True),
    "no acknowledgement in time": (lambda wire, channel: wire.advance(31), False),
    "shutdown": (lambda wire, channel: wire.shut_down(), False),
    "closed by an operator": (force_close, False),
    "the user is deleted": (delete_user, False),
}


@pytest.mark.parametrize("end", ENDS)
def test_deliveries_fail_only_by_an_end_that_is_not_of_the_broker_s_making(end: str) -> None:
    happens, fails = ENDS[end]
    wire = Wire(consumer_timeout_ms=30_000 if "acknowledgement" in end else 0)
    channel = wire.login().channel()
    channel.queue("jobs", durable=True, arguments={"x-delivery-limit": 0})
    channel.publish("", "jobs", b"1", properties=PERSISTENT)
    channel.consume("jobs")
    assert channel.bodies() == [b"1"]
    happens(wire, channel)
    assert wire.broker.vhosts["/"].queues["jobs"].statistics().messages_ready == (not fails)


def test_what_the_broker_takes_back_is_not_held_back_for_a_retry() -> None:
    wire = Wire()
    channel = wire.login().channel()
    retries = {"x-delayed-retry-type": "all", "x-delayed-retry-min": 60_000}
    channel.queue("jobs", arguments=retries)
    channel.publish("", "jobs", b"1")
    channel.consume("jobs")
    assert channel.bodies() == [b"1"]
    force_close(wire, channel)
    other = wire.login().channel()
    other.consume("jobs")
    assert other.bodies() == [b"1"]
