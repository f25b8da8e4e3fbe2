"""What clients have made, counted: in turn, by whoever made it, and shared among queues."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.exchange.server.wire import Channel, Wire
from warrener.exchange.errors import PreconditionFailed
from warrener.exchange.footprint import MESSAGE_BYTES, of_messages, of_value
from warrener.exchange.memory import FREE_BYTES
from warrener.protocol import methods as m
from warrener.protocol.properties import encode_properties


@pytest.fixture
def channel() -> Channel:
    """A channel of a client who is alone."""
    return Wire().login().channel()


def messages(channel: Channel) -> int:
    """What messages take, by a reading of everything."""
    memory = channel.client.wire.broker.memory
    memory.read_all()
    return memory.messages


def made(channel: Channel) -> int:
    """What all else takes."""
    memory = channel.client.wire.broker.memory
    memory.read_all()
    return memory.made


def test_a_message_counts_with_its_content_until_it_is_gone(channel: Channel):
    channel.queue("q")
    channel.publish("", "q", bytes(1000))
    assert 1000 + MESSAGE_BYTES < messages(channel) < 1100 + MESSAGE_BYTES
    channel.call(m.QueuePurge(queue="q"))
    assert messages(channel) == 0


def test_a_message_that_many_queues_have_counts_once(channel: Channel):
    for number in range(100):
        channel.queue(f"q{number}")
        channel.call(m.QueueBind(queue=f"q{number}", exchange="amq.fanout"))
    before = made(channel)
    channel.publish("amq.fanout", "", *[bytes(10_000)] * 10)
    assert 100_000 < messages(channel) < 110_000
    assert made(channel) - before == 100 * 10 * 8


def test_a_queue_that_others_have_left_behind_is_charged_with_all_of_it(channel: Channel):
    for name in ("slow", "quick"):
        channel.queue(name)
        channel.call(m.QueueBind(queue=name, exchange="amq.fanout"))
    channel.publish("amq.fanout", "", bytes(10_000), bytes(10_000))
    queues = channel.client.wire.broker.vhosts["/"].queues
    shared = of_messages(queues["slow"])
    channel.call(m.QueuePurge(queue="quick"))
    assert of_messages(queues["slow"]) == 2 * shared


def test_bindings_exchanges_and_arguments_count_and_are_given_back(channel: Channel):
    start = made(channel)
    channel.call(m.ExchangeDeclare(exchange="x", type="headers"))
    channel.queue("q")
    before = made(channel)
    table = {f"a{number}": "x" * 100 for number in range(100)}
    channel.call(m.QueueBind(queue="q", exchange="x", arguments=table))
    assert made(channel) - before > 3 * 100 * 100
    channel.call(m.ExchangeDelete(exchange="x"))
    channel.call(m.QueueDelete(queue="q"))
    assert made(channel) == start


def test_what_an_exchange_remembers_counts(channel: Channel):
    arguments = {"x-cache-size": 1000}
    kind = "x-message-deduplication"
    channel.call(m.ExchangeDeclare(exchange="seen", type=kind, arguments=arguments))
    channel.call(m.ExchangeDeclare(exchange="recent", type="x-recent-history"))
    before = made(channel)
    channel.publish("recent", "", bytes(5000))
    for number in range(10):
        properties = encode_properties(headers={"x-deduplication-header": number})
        channel.publish("seen", "", b"", properties=properties)
    assert made(channel) - before > 5000 + 10 * 400


def test_headers_that_were_looked_at_are_not_kept_decoded(channel: Channel):
    channel.queue("q")
    arguments = {"x-match": "any", "a": 1}
    channel.call(m.QueueBind(queue="q", exchange="amq.headers", arguments=arguments))
    channel.publish("amq.headers", "", b"1", properties=encode_properties(headers={"a": 1}))
    (message,) = channel.client.wire.broker.vhosts["/"].queues["q"].ready.samples()
    assert not message.properties.is_decoded


def test_what_is_made_beside_messages_counts_from_some_megabytes_on(channel: Channel):
    memory = channel.client.wire.broker.memory
    assert 0 < made(channel) < FREE_BYTES
    assert memory.total_bytes == 0
    memory.made = FREE_BYTES + 5
    assert memory.total_bytes == 5


# Nothing new


def short(channel: Channel) -> None:
    channel.client.wire.broker.memory.refusal = "memory is short"


def test_nothing_new_is_made_while_memory_is_short(channel: Channel):
    channel.queue("q")
    short(channel)
    for number, method in enumerate(
        [
            m.QueueDeclare(queue="new"),
            m.ExchangeDeclare(exchange="new", type="fanout"),
            m.QueueBind(queue="q", exchange="amq.fanout"),
            m.ExchangeBind(destination="amq.fanout", source="amq.direct"),
            m.BasicConsume(queue="q"),
        ],
        2,
    ):
        other = channel.client.channel(number)
        close = other.call(method)
        assert close.reply_code == PreconditionFailed.code
        assert "memory is short" in close.reply_text


def test_what_is_there_may_be_declared_again_and_deleted(channel: Channel):
    channel.queue("q")
    channel.call(m.ExchangeDeclare(exchange="x", type="fanout"))
    channel.call(m.QueueBind(queue="q", exchange="x", routing_key="k"))
    short(channel)
    channel.queue("q")
    assert channel.call(m.ExchangeDeclare(exchange="x", type="fanout")) == m.ExchangeDeclareOk()
    bound = channel.call(m.QueueBind(queue="q", exchange="x", routing_key="k"))
    assert bound == m.QueueBindOk()
    assert channel.call(m.ExchangeDelete(exchange="x")) == m.ExchangeDeleteOk()
    assert channel.call(m.QueueDelete(queue="q")) == m.QueueDeleteOk(0)


# In turn

STEPS = st.lists(
    st.tuples(st.sampled_from(["publish", "purge", "make", "delete", "read"]), st.integers(0, 9)),
    max_size=60,
)


@given(STEPS, st.integers(1, 6))
def test_readings_of_a_few_at_a_time_come_to_the_same(steps, at_once):
    channel = Wire().login().channel()
    memory = channel.client.wire.broker.memory
    for step, number in steps:
        name = f"q{number}"
        if step == "publish":
            channel.publish("", name, bytes(100 * number))
        elif step == "purge" and name in channel.client.wire.broker.vhosts["/"].queues:
            channel.call(m.QueuePurge(queue=name))
        elif step == "make":
            channel.queue(name)
        elif step == "delete":
            channel.call(m.QueueDelete(queue=name))
        memory.read(at_once)
    for _ in range(100):
        memory.read(at_once)
    in_turn = memory.messages, memory.made
    memory.read_all()
    assert in_turn == (memory.messages, memory.made)


@given(st.recursive(st.none() | st.integers() | st.text(), st.lists, max_leaves=50))
def test_any_value_has_a_size(value):
    assert of_value({"x": value}) > 100


# What is deleted is let go of


def test_a_router_lets_go_of_queues_that_are_deleted(channel: Channel):
    vhost = channel.client.wire.broker.vhosts["/"]
    arguments = {"x-match": "any", "a": 1}
    headers = encode_properties(headers={"a": 1})
    for _ in range(5):
        channel.queue("q")
        channel.call(m.QueueBind(queue="q", exchange="amq.headers", arguments=arguments))
        channel.publish("amq.headers", "", b"1", properties=headers)
        channel.call(m.QueueDelete(queue="q"))
    channel.queue("q")
    channel.call(m.QueueBind(queue="q", exchange="amq.headers", arguments=arguments))
    channel.publish("amq.headers", "", b"1", properties=headers)
    assert len(vhost._router._variants) == 1


def test_an_exchange_that_is_deleted_lets_go_of_its_history(channel: Channel):
    channel.call(m.ExchangeDeclare(exchange="recent", type="x-recent-history"))
    channel.publish("recent", "", bytes(5000))
    exchange = channel.client.wire.broker.vhosts["/"].exchanges["recent"]
    channel.call(m.ExchangeDelete(exchange="recent"))
    assert exchange.history_bytes == 0
