"""What a client sent comes out as it was, whatever the broker has to change beside it."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.exchange.server.inbox import Content
from tests.exchange.server.wire import Channel, Client, Wire
from tests.protocol import wire_tables
from warrener.exchange.management.messages import describe
from warrener.exchange.management.values import encode
from warrener.exchange.message import Envelope, Message
from warrener.protocol import methods as m
from warrener.protocol.frames import HEADER_FIXED_BYTES
from warrener.protocol.properties import Properties, encode_properties
from warrener.protocol.tables import TABLE_ITEMS_MAX, Timestamp

RAW = bytes.fromhex("c3e91fff00a7")
RELAYED = RAW.decode("utf-8", "surrogateescape")
DEAD_LETTERS = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"}
ADDED = {b"x-death", b"x-delivery-count", b"x-acquired-count", b"CC", b"BCC", b"x-delay"}
ADDED |= {
    f"x-{which}-death-{what}".encode()
    for which in ("first", "last")
    for what in ("queue", "reason", "exchange")
}


def get(channel: Channel, queue: str, **options: Any) -> Content:
    content = channel.call(m.BasicGet(queue=queue, **options))
    assert isinstance(content, Content)
    return content


def headers(content: Content) -> dict[str, Any]:
    return dict(Properties(content.properties).headers or {})


def reject(channel: Channel, content: Content, requeue: bool = False) -> None:
    channel.send(m.BasicReject(content.method.delivery_tag, requeue))  # type: ignore[attr-defined]


# Tables

REWRITES = ("dead letter", "delivery count", "BCC", "delay")


def rewritten(channel: Channel, way: str, entries: list[tuple[bytes, bytes]]) -> bytes:
    """The headers of a message that was published with these, after the broker has changed some."""
    added = {
        "BCC": (b"BCC", b"A" + wire_tables.sized(b"S" + wire_tables.sized(b"nowhere"))),
        "delay": (b"x-delay", b"I\0\0\0\x05"),
    }
    entries = [*entries, added[way]] if way in added else entries
    raw = b"\x30\x00" + wire_tables.table(entries) + b"\x02"
    channel.publish("delayed" if way == "delay" else "", "q", b"body", properties=raw)
    if way == "delay":
        channel.client.wire.advance(1)
    content = get(channel, "q")
    if way in ("dead letter", "delivery count"):
        reject(channel, content, requeue=way == "delivery count")
        content = get(channel, "dead" if way == "dead letter" else "q")
    assert content.properties[:2] == b"\x30\x00"
    return content.properties[2:-1]


@pytest.mark.parametrize("way", REWRITES)
@settings(max_examples=60, deadline=None)
@given(entries=wire_tables.entries)
def test_headers_that_the_broker_does_not_change_come_out_byte_for_byte(
    way: str, entries: list[tuple[bytes, bytes]]
) -> None:
    channel = Wire().login().channel()
    channel.queue("dead", durable=True)
    channel.queue("q", durable=True, arguments={"x-queue-type": "quorum"} | DEAD_LETTERS)
    delayed = m.ExchangeDeclare(
        exchange="delayed", type="x-delayed-message", arguments={"x-delayed-type": "fanout"}
    )
    channel.call(delayed)
    channel.call(m.QueueBind(queue="q", exchange="delayed"))
    kept = [(name, tagged) for name, tagged in entries if name not in ADDED]
    table = rewritten(channel, way, kept)
    assert table[4:].startswith(wire_tables.table(kept)[4:])


@given(st.binary(max_size=255))
@settings(max_examples=60, deadline=None)
def test_properties_and_routing_keys_may_be_any_bytes(text: bytes) -> None:
    channel = Wire().login().channel()
    channel.queue("dead")
    channel.queue("q", arguments={"x-dead-letter-exchange": "dlx"})
    for exchange, queue in (("amq.topic", "q"), ("dlx", "dead")):
        channel.call(m.ExchangeDeclare(exchange="dlx", type="topic"))
        channel.call(m.QueueBind(queue=queue, exchange=exchange, routing_key="#"))
    relayed = text.decode("utf-8", "surrogateescape")
    properties = encode_properties(
        **dict.fromkeys(("content_type", "correlation_id", "reply_to", "message_id"), relayed),
        type=relayed,
        app_id=relayed,
    )
    channel.publish("amq.topic", relayed, b"body", properties=properties)
    content = get(channel, "q")
    assert content.properties == properties
    assert content.method.routing_key.encode("utf-8", "surrogateescape") == text
    reject(channel, content)
    dead = get(channel, "dead")
    assert dead.method.routing_key.encode("utf-8", "surrogateescape") == text
    assert (
        Properties(dead.properties)
        .edit_headers(dict.fromkeys(headers(dead)))
        .replace(headers=None)
        .raw
        == properties
    )


@pytest.mark.parametrize(
    "method",
    [
        m.QueueDeclare(queue="n" * len(RAW)),
        m.QueueBind(queue="q", exchange="amq.topic", routing_key="n" * len(RAW)),
        m.BasicConsume(queue="q", consumer_tag="n" * len(RAW)),
        m.BasicPublish(exchange="n" * len(RAW)),
    ],
    ids=lambda method: method.name,
)
def test_names_have_to_be_text(client: Client, method: Any) -> None:
    channel = client.channel()
    channel.queue("q")
    sent = method.encode().replace(b"n" * len(RAW), RAW)
    frame = b"\x01\x00\x01" + len(sent).to_bytes(4, "big") + sent + b"\xce"
    client.send_bytes(frame)
    (closed,) = client.received(0)
    assert closed.reply_code == 501


def test_a_refusal_that_quotes_bytes_is_told_as_text(client: Client) -> None:
    channel = client.channel()
    channel.publish("", "q", b"1", properties=encode_properties(expiration=RELAYED))
    (closed,) = channel.received()
    assert closed.reply_code == 406
    assert "invalid expiration" in closed.reply_text


def test_the_api_shows_bytes_that_are_no_text_as_escapes(client: Client) -> None:
    channel = client.channel()
    channel.queue("q")
    properties = encode_properties(correlation_id="a\udcff", headers={"\udc80": 1})
    channel.publish("", "q", b"1", properties=properties)
    (queue,) = client.wire.broker.vhosts["/"].queues.values()
    message = queue.ready.head
    assert isinstance(message, Message)
    message.envelope = Envelope("", "k\udcfe")
    shown = encode(describe(message, redelivered=False))
    assert rb'"routing_key":"k\\xfe"' in shown
    assert rb'"correlation_id":"a\\xff"' in shown
    assert rb'"\\x80":1' in shown


# Headers that are the broker's


@pytest.mark.parametrize("name", ["x-delivery-count", "x-acquired-count"])
def test_a_count_of_deliveries_that_a_client_has_published_is_not_handed_on(
    client: Client, name: str
) -> None:
    channel = client.channel()
    channel.queue("q")
    channel.publish("", "q", b"1", properties=encode_properties(headers={name: 7, "mine": 1}))
    assert headers(get(channel, "q")) == {"mine": 1}


def test_deaths_that_a_client_has_published_are_relayed_and_mean_nothing(client: Client) -> None:
    channel = client.channel()
    channel.queue("dead", arguments={"x-message-ttl": 1, "x-dead-letter-exchange": ""})
    channel.queue("q", arguments=DEAD_LETTERS)
    claimed = {"x-death": [{"queue": "dead", "reason": "expired", "count": Timestamp(2**64 - 1)}]}
    properties = encode_properties(headers=claimed)
    channel.publish("", "q", b"1", properties=properties)
    content = get(channel, "q")
    assert content.properties == properties
    reject(channel, content)
    (death,) = headers(get(channel, "dead"))["x-death"]
    assert (death["queue"], death["reason"], death["count"]) == ("q", "rejected", 1)


# Routing keys that nobody is told


@pytest.mark.parametrize("header", ["CC", "BCC"])
def test_dead_letters_go_by_all_keys_that_a_message_was_published_with(
    client: Client, header: str
) -> None:
    channel = client.channel()
    channel.queue("dead")
    channel.queue("q", arguments={"x-dead-letter-exchange": "dlx"})
    channel.call(m.ExchangeDeclare(exchange="dlx", type="direct"))
    channel.call(m.QueueBind(queue="dead", exchange="dlx", routing_key="q"))
    properties = encode_properties(headers={header: ["q"]})
    channel.publish("", "somebody.else", b"1", properties=properties)
    reject(channel, get(channel, "q"))
    told = headers(get(channel, "dead"))
    assert "BCC" not in told
    assert told["x-death"][0]["routing-keys"][1:] == (["q"] if header == "CC" else [])


def test_a_delayed_message_goes_by_its_hidden_keys_when_its_time_has_come(client: Client) -> None:
    channel = client.channel()
    channel.queue("q")
    kind = {"x-delayed-type": "direct"}
    channel.call(m.ExchangeDeclare(exchange="d", type="x-delayed-message", arguments=kind))
    channel.call(m.QueueBind(queue="q", exchange="d", routing_key="hidden"))
    properties = encode_properties(headers={"BCC": ["hidden"], "x-delay": 5})
    channel.publish("d", "k", b"1", properties=properties)
    client.wire.advance(1)
    assert headers(get(channel, "q")) == {"x-delay": -5}


# Frames


def large(size: int) -> bytes:
    return encode_properties(headers={"h": "a" * size})


@pytest.fixture
def small(client: Client) -> Channel:
    """A channel of a client that takes frames of 4096 bytes at most."""
    return client.wire.login(frame_max=4096).channel()


def test_headers_that_no_frame_has_room_for_close_the_channel_and_stay_in_the_queue(
    client: Client, small: Channel
) -> None:
    channel = client.channel()
    channel.queue("q")
    small.consume("q")
    channel.publish("", "q", b"1")
    channel.publish("", "q", b"2", properties=large(5000))
    first, closed = small.received()
    assert (first.body, closed.reply_code) == (b"1", 406)
    assert "has room for 4076" in closed.reply_text
    small.send(m.ChannelCloseOk())
    assert not small.client.closed
    assert [get(channel, "q", no_ack=True).body for _ in range(2)] == [b"1", b"2"]


@pytest.mark.parametrize("no_ack", [False, True])
def test_what_waits_behind_headers_that_are_too_large_is_not_lost(
    client: Client, small: Channel, no_ack: bool
) -> None:
    channel = client.channel()
    channel.queue("q")
    channel.publish("", "q", b"1", properties=large(5000))
    channel.publish("", "q", b"2", b"3")
    small.send(m.BasicConsume(queue="q", consumer_tag="c", no_ack=no_ack))
    consuming, closed = small.received()
    assert (consuming.name, closed.reply_code) == ("basic.consume-ok", 406)
    assert [get(channel, "q", no_ack=True).body for _ in range(3)] == [b"1", b"2", b"3"]


def test_an_acknowledgement_of_everything_does_not_reach_what_was_not_sent(
    client: Client, small: Channel
) -> None:
    channel = client.channel()
    channel.queue("q")
    channel.publish("", "q", b"1", properties=large(5000))
    number = small.number
    small.client.send(
        number, m.BasicConsume(queue="q", consumer_tag="c"), m.BasicAck(0, multiple=True)
    )
    assert get(channel, "q").body == b"1"


def test_who_gets_a_message_with_headers_that_are_too_large_loses_the_channel(
    client: Client, small: Channel
) -> None:
    channel = client.channel()
    channel.queue("q")
    channel.publish("", "q", b"1", properties=large(5000))
    (closed,) = [small.call(m.BasicGet(queue="q"))]
    assert isinstance(closed, m.ChannelClose)
    assert get(channel, "q").body == b"1"


def test_the_broker_leaves_out_the_oldest_deaths_where_there_is_no_room(
    client: Client, small: Channel
) -> None:
    channel = client.channel()
    names = [f"{number}{'n' * 200}" for number in range(30)]
    for name, following in zip(names, [*names[1:], "last"], strict=True):
        more = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": following}
        channel.queue(name, arguments={"x-message-ttl": 0} | more)
    channel.queue("last")
    channel.publish("", names[0], b"1", properties=encode_properties(headers={"mine": 1}))
    for _ in names:
        client.wire.advance(0.01)
    content = get(small, "last")
    told = headers(content)
    assert len(content.properties) + HEADER_FIXED_BYTES + 8 <= 4096
    assert told["mine"] == 1
    assert told["x-death"][0]["queue"] == names[-1]
    reject(small, content, requeue=True)
    assert len(headers(get(channel, "last"))["x-death"]) == 30


def test_headers_as_large_as_a_frame_are_delivered_without_what_the_broker_added(
    client: Client,
) -> None:
    channel = client.channel()
    channel.queue("dead")
    channel.queue("q", arguments=DEAD_LETTERS)
    properties = large((128 << 10) - 50)
    channel.publish("", "q", b"1", properties=properties)
    reject(channel, get(channel, "q"))
    assert get(channel, "dead").properties == properties


def test_more_small_numbers_than_a_frame_has_room_for_as_words_are_delayed(client: Client) -> None:
    channel = client.channel()
    channel.call(
        m.ExchangeDeclare(
            exchange="d", type="x-delayed-message", arguments={"x-delayed-type": "fanout"}
        )
    )
    channel.queue("q")
    channel.call(m.QueueBind(queue="q", exchange="d"))
    entries = [(b"%05d" % number, b"b\x05") for number in range(TABLE_ITEMS_MAX - 500)]
    table = wire_tables.table([*entries, (b"x-delay", b"I\0\0\0\x05")])
    channel.publish("d", "", b"1", properties=b"\x20\x00" + table)
    client.wire.advance(1)
    assert len(get(channel, "q").properties) == len(table) + 2
