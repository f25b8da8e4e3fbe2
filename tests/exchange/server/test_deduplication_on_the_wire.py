"""Duplicates as a publisher meets them: they are confirmed, neither refused nor returned."""

from typing import Any

import pytest

from tests.exchange.server.inbox import Content
from tests.exchange.server.wire import Channel, HeldStore, Wire, publication
from warrener.protocol import methods as m
from warrener.protocol.codec import Method
from warrener.protocol.properties import encode_properties


class Once:
    """A channel of a broker with the exchange `e`, which remembers, and its queue `q`."""

    def __init__(self, store: Any = None) -> None:
        self.wire = Wire(store)
        self.channel = self.another()
        arguments = {"x-cache-size": 10}
        declare = m.ExchangeDeclare(
            exchange="e", type="x-message-deduplication", durable=True, arguments=arguments
        )
        assert self.channel.call(declare) == m.ExchangeDeclareOk()
        self.channel.queue("q", durable=True)
        self.channel.call(m.QueueBind(queue="q", exchange="e"))

    def another(self) -> Channel:
        return self.wire.login().channel()

    def bodies(self) -> list[bytes]:
        taken = []
        while isinstance(item := self.channel.call(m.BasicGet(queue="q", no_ack=True)), Content):
            taken.append(item.body)
        return taken


def publish(channel: Channel, value: object, *bodies: bytes, **options: Any) -> None:
    headers = {"x-deduplication-header": value}
    properties = encode_properties(delivery_mode=2, headers=headers)
    channel.publish(options.pop("exchange", "e"), "k", *bodies, properties=properties, **options)


@pytest.fixture
def once() -> Once:
    return Once()


def test_a_duplicate_is_confirmed(once: Once) -> None:
    once.channel.call(m.ConfirmSelect())
    publish(once.channel, "x", b"1")
    assert once.channel.received() == [m.BasicAck(1)]
    publish(once.channel, "x", b"2")
    assert once.channel.received() == [m.BasicAck(2)]
    publish(once.channel, "x", b"3", b"4", b"5")
    assert once.channel.received() == [m.BasicAck(5, multiple=True)]
    assert once.bodies() == [b"1"]


def test_a_duplicate_is_not_returned(once: Once) -> None:
    publish(once.channel, "x", b"1", mandatory=True)
    publish(once.channel, "x", b"2", mandatory=True)
    assert once.channel.received() == []


def test_a_duplicate_from_somebody_else_waits_for_the_first_to_be_on_disk() -> None:
    store = HeldStore()
    once = Once(store)
    other = once.another()
    for channel in (once.channel, other):
        channel.call(m.ConfirmSelect())
        publish(channel, "x", b"1")
        assert channel.received() == []
    store.sync()
    once.wire.stored()
    assert once.channel.received() == other.received() == [m.BasicAck(1)]


def test_runs_by_different_keys_are_compared_in_their_order(once: Once) -> None:
    declare = m.ExchangeDeclare(
        exchange="d", type="direct", arguments={"x-message-deduplication": True}
    )
    once.channel.call(declare)
    for key in ("a", "b"):
        once.channel.queue(key)
        once.channel.call(m.QueueBind(queue=key, exchange="d", routing_key=key))
    mixed = [("b", "x", b"1"), ("a", "y", b"2"), ("b", "y", b"3"), ("a", "x", b"4")]
    once.channel.client.send_bytes(b"".join(frames(key, value, body) for key, value, body in mixed))
    assert (once.channel.ready("a"), once.channel.ready("b")) == (1, 1)


def frames(key: str, value: str, body: bytes) -> bytes:
    properties = encode_properties(headers={"x-deduplication-header": value})
    return publication(1, "d", key, body, properties)


def test_messages_of_one_transaction_are_compared_with_each_other(once: Once) -> None:
    once.channel.call(m.TxSelect())
    publish(once.channel, "x", b"1", b"2")
    publish(once.channel, "x", b"3")
    publish(once.channel, "y", b"4")
    assert once.channel.call(m.TxCommit()) == m.TxCommitOk()
    publish(once.channel, "y", b"5")
    assert once.channel.call(m.TxCommit()) == m.TxCommitOk()
    assert once.bodies() == [b"1", b"4"]


def test_what_was_rolled_back_was_not_seen(once: Once) -> None:
    once.channel.call(m.TxSelect())
    publish(once.channel, "x", b"1")
    assert once.channel.call(m.TxRollback()) == m.TxRollbackOk()
    publish(once.channel, "x", b"2")
    assert once.channel.call(m.TxCommit()) == m.TxCommitOk()
    assert once.bodies() == [b"2"]


@pytest.mark.parametrize(
    "arguments", [{}, {"x-cache-size": 0}, {"x-cache-size": 5, "x-cache-ttl": "soon"}]
)
def test_an_exchange_without_a_size_closes_the_channel(
    once: Once, arguments: dict[str, Any]
) -> None:
    declare = m.ExchangeDeclare(exchange="bad", type="x-message-deduplication", arguments=arguments)
    closed = once.channel.call(declare)
    assert isinstance(closed, m.ChannelClose)
    assert closed.reply_code == 406
    assert "must be an integer greater than 0" in closed.reply_text


def test_it_is_declared_again_as_it_is_only(once: Once) -> None:
    def declare(size: object) -> Method | Content:
        return once.another().call(
            m.ExchangeDeclare(
                exchange="e",
                type="x-message-deduplication",
                durable=True,
                arguments={"x-cache-size": size},
            )
        )

    assert declare(10) == m.ExchangeDeclareOk()
    assert isinstance(declare(11), m.ChannelClose)


def test_special_messages_are_compared_too(once: Once) -> None:
    headers = {"x-deduplication-header": "x", "CC": ["other"]}
    for body in (b"1", b"2"):
        properties = encode_properties(headers=headers, expiration="60000")
        once.channel.publish("e", "k", body, properties=properties)
    assert once.bodies() == [b"1"]
