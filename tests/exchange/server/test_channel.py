import re
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.exchange.server.inbox import Content
from tests.exchange.server.wire import (
    Channel,
    HeldStore,
    Wire,
    encode,
    frames_of,
    publication,
)
from warrener.protocol import methods as m
from warrener.protocol.codec import Method
from warrener.protocol.frames import BODY, HEADER, METHOD, frame
from warrener.protocol.properties import encode_properties
from warrener.storage.files import DiskFiles, Handle
from warrener.storage.journal import Journal
from warrener.storage.store import Bytes

PERSISTENT = encode_properties(delivery_mode=2)
PATIENCE_S = 20


def deliver(
    tag: int, body: bytes, *, consumer: str = "c", redelivered: bool = False, queue: str = "q"
) -> Content:
    """A delivery of what was published to a queue by its name."""
    return Content(m.BasicDeliver(consumer, tag, redelivered, "", queue), body)


def got(tag: int, body: bytes, *, left: int = 0, redelivered: bool = False) -> Content:
    return Content(m.BasicGetOk(tag, redelivered, "", "q", left), body)


def assert_channel_closed(channel: Channel, code: int, failing: type[Method]) -> m.ChannelClose:
    """A channel.close is all that has come, on this channel alone, and its number is free then."""
    ((number, close),) = channel.client.received()
    assert number == channel.number
    assert isinstance(close, m.ChannelClose)
    assert close.reply_code == code, close.reply_text
    assert (close.failing_class_id, close.failing_method_id) == (
        failing.class_id,
        failing.method_id,
    )
    channel.send(m.ChannelCloseOk())
    channel.client.channel(channel.number)
    return close


def assert_connection_closed(channel: Channel, code: int, failing: type[Method]) -> None:
    ((number, close),) = channel.client.received()
    assert number == 0
    assert isinstance(close, m.ConnectionClose)
    assert close.reply_code == code, close.reply_text
    assert (close.failing_class_id, close.failing_method_id) == (
        failing.class_id,
        failing.method_id,
    )


# channel.*


def test_a_channel_is_opened_and_closed(client):
    client.send(1, m.ChannelOpen())
    assert client.received() == [(1, m.ChannelOpenOk())]
    client.send(1, m.ChannelClose(200, "bye"))
    assert client.received() == [(1, m.ChannelCloseOk())]


def test_a_closed_channel_is_a_number_that_can_be_used_again(client):
    for _ in range(3):
        client.channel(1).close()
    client.channel(1).queue("q")


def test_after_the_clients_close_the_channel_is_not_open(channel):
    channel.close()
    channel.send(m.QueueDeclare(queue="q"))
    assert_connection_closed(channel, 504, m.QueueDeclare)


def test_other_channels_live_on_when_one_is_closed(client):
    one, two = client.channel(1), client.channel(2)
    two.queue("q")
    two.consume("q")
    one.send(m.BasicGet(queue="nowhere"))
    assert_channel_closed(one, 404, m.BasicGet)
    two.publish("", "q", b"1")
    assert two.received() == [deliver(1, b"1")]


def test_a_closing_channel_passes_over_everything_until_close_ok(channel, other):
    channel.queue("q")
    channel.send(m.BasicGet(queue="nowhere"))
    assert [close.reply_code for close in channel.received()] == [404]
    channel.send(m.QueueDeclare(queue="late"), m.BasicAck(7), m.TxSelect())
    channel.publish("", "q", b"lost", bytes(200_000))
    channel.client.send_bytes(frame(BODY, 1, b"body"))
    assert channel.client.received() == []
    channel.send(m.ChannelCloseOk())
    assert channel.client.channel(1).ready("q") == 0
    other.send(m.QueueDeclare(queue="late", passive=True))
    assert_channel_closed(other, 404, m.QueueDeclare)


def test_what_stands_behind_a_refusal_in_the_same_read_is_passed_over(channel):
    channel.queue("q")
    channel.client.send_bytes(
        encode(1, m.BasicGet(queue="nowhere"), m.QueueDelete(queue="q"))
        + publication(1, "", "q", b"lost")
    )
    assert_channel_closed(channel, 404, m.BasicGet)
    assert channel.ready("q") == 0


def test_closes_of_a_channel_may_cross(channel):
    channel.send(m.BasicGet(queue="nowhere"))
    channel.received()
    channel.send(m.ChannelClose(200, "bye"))
    assert channel.received() == [m.ChannelCloseOk()]
    channel.send(m.ChannelCloseOk())
    channel.client.channel(1)


def test_a_close_ok_that_nobody_asked_for_is_an_error(channel):
    channel.send(m.ChannelCloseOk())
    ((_, close),) = channel.client.received()
    assert close.reply_code in (503, 504)


def test_a_new_channel_knows_nothing_of_the_old_one_of_its_number(channel):
    channel.queue("q")
    channel.consume("q")
    channel.call(m.ConfirmSelect())
    channel.publish("", "q", b"1")
    channel.received()
    channel.close()
    again = channel.client.channel(1)
    again.publish("", "q", b"2")
    assert again.received() == []
    again.consume("q")
    assert again.received() == [deliver(1, b"1", redelivered=True), deliver(2, b"2")]
    again.send(m.QueueBind(queue="", exchange="amq.direct"))
    assert_channel_closed(again, 404, m.QueueBind)


def test_what_a_closed_channel_did_not_acknowledge_is_delivered_again(channel, other):
    channel.queue("q")
    channel.consume("q")
    channel.publish("", "q", b"1", b"2")
    assert channel.bodies() == [b"1", b"2"]
    channel.close()
    other.consume("q")
    assert other.received() == [
        deliver(1, b"1", redelivered=True),
        deliver(2, b"2", redelivered=True),
    ]


def test_flow_that_is_on_can_be_asked_for(channel):
    assert channel.call(m.ChannelFlow(active=True)) == m.ChannelFlowOk(active=True)


def test_flow_cannot_be_turned_off(channel):
    channel.send(m.ChannelFlow(active=False))
    assert_connection_closed(channel, 540, m.ChannelFlow)


def test_an_old_client_gets_its_ticket(channel):
    assert channel.call(m.AccessRequest()) == m.AccessRequestOk(1)


# exchange.*


def test_an_exchange_is_declared_and_deleted(channel):
    assert channel.call(m.ExchangeDeclare(exchange="e", type="topic")) == m.ExchangeDeclareOk()
    assert channel.call(m.ExchangeDeclare(exchange="e", passive=True)) == m.ExchangeDeclareOk()
    assert channel.call(m.ExchangeDelete(exchange="e")) == m.ExchangeDeleteOk()
    channel.send(m.ExchangeDeclare(exchange="e", passive=True))
    assert_channel_closed(channel, 404, m.ExchangeDeclare)


@pytest.mark.parametrize(
    "method",
    [
        m.ExchangeDeclare(exchange="e", no_wait=True),
        m.ExchangeDelete(exchange="e", no_wait=True),
        m.ExchangeBind(destination="amq.topic", source="amq.fanout", no_wait=True),
        m.ExchangeUnbind(destination="amq.topic", source="amq.fanout", no_wait=True),
        m.QueueDeclare(queue="q", no_wait=True),
        m.QueueBind(queue="q", exchange="amq.fanout", no_wait=True),
        m.QueuePurge(queue="q", no_wait=True),
        m.BasicConsume(queue="q", consumer_tag="c", no_wait=True),
        m.BasicCancel("c", no_wait=True),
        m.QueueDelete(queue="q", no_wait=True),
        m.ConfirmSelect(no_wait=True),
    ],
    ids=lambda method: method.name,
)
def test_what_is_not_waited_for_is_done_and_not_answered(channel, method):
    channel.queue("q")
    channel.send(method)
    assert channel.client.received() == []


def test_a_refusal_is_told_even_if_it_is_not_waited_for(channel):
    channel.send(m.QueueBind(queue="nowhere", exchange="amq.direct", no_wait=True))
    assert_channel_closed(channel, 404, m.QueueBind)


@pytest.mark.parametrize("name", ["", "amq.direct", "amq.fanout", "amq.topic", "amq.headers"])
def test_a_predeclared_exchange_cannot_be_deleted(channel, name):
    channel.send(m.ExchangeDelete(exchange=name))
    assert_channel_closed(channel, 403, m.ExchangeDelete)


def test_a_predeclared_exchange_may_be_declared_as_it_is(channel):
    method = m.ExchangeDeclare(exchange="amq.topic", type="topic", durable=True)
    assert channel.call(method) == m.ExchangeDeclareOk()


@pytest.mark.parametrize(
    ("method", "code"),
    [
        (m.ExchangeDeclare(exchange="e", type="fanout"), 406),
        (m.ExchangeDeclare(exchange="e", type="direct", durable=True), 406),
        (m.ExchangeDeclare(exchange="e", type="direct", auto_delete=True), 406),
        (m.ExchangeDeclare(exchange="e", type="direct", internal=True), 406),
        (
            m.ExchangeDeclare(
                exchange="e", type="direct", arguments={"alternate-exchange": "amq.fanout"}
            ),
            406,
        ),
        (m.ExchangeDeclare(exchange="new", type="unheard-of"), 406),
        (m.ExchangeDeclare(exchange="amq.new", type="direct"), 403),
        (m.ExchangeDeclare(exchange="", type="direct", durable=True), 403),
        (m.ExchangeDeclare(exchange="nowhere", passive=True), 404),
        (m.ExchangeDelete(exchange="e", if_unused=True), 406),
        (m.ExchangeBind(destination="e", source="nowhere"), 404),
        (m.ExchangeBind(destination="nowhere", source="e"), 404),
        (m.ExchangeBind(destination="e", source=""), 403),
        (m.ExchangeBind(destination="", source="e"), 403),
        (m.ExchangeUnbind(destination="e", source=""), 403),
        (m.ExchangeUnbind(destination="", source="e"), 403),
    ],
)
def test_a_refused_method_of_exchange_closes_the_channel(channel, method, code):
    channel.call(m.ExchangeDeclare(exchange="e", type="direct"))
    channel.queue("q")
    channel.call(m.QueueBind(queue="q", exchange="e", routing_key="k"))
    channel.send(method)
    assert_channel_closed(channel, code, type(method))


def test_the_default_exchange_cannot_be_declared_even_passively(channel):
    channel.send(m.ExchangeDeclare(exchange="", passive=True))
    assert_channel_closed(channel, 403, m.ExchangeDeclare)


def test_the_text_of_an_inequivalent_declaration_names_the_difference(channel):
    channel.queue("q")
    channel.send(m.QueueDeclare(queue="q", durable=True))
    close = assert_channel_closed(channel, 406, m.QueueDeclare)
    assert close.reply_text == (
        "PRECONDITION_FAILED - inequivalent arg 'durable' for queue 'q' in vhost '/': "
        "received 'true' but current is 'false'"
    )


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        (m.ExchangeDelete(exchange="nowhere"), m.ExchangeDeleteOk()),
        (m.ExchangeUnbind(destination="nowhere", source="amq.fanout"), m.ExchangeUnbindOk()),
        (m.ExchangeUnbind(destination="amq.fanout", source="nowhere"), m.ExchangeUnbindOk()),
        (m.QueueDelete(queue="nowhere"), m.QueueDeleteOk(0)),
        (m.QueueUnbind(queue="nowhere", exchange="amq.direct"), m.QueueUnbindOk()),
        (m.QueueUnbind(queue="q", exchange="nowhere"), m.QueueUnbindOk()),
        (m.QueueUnbind(queue="q", exchange="amq.direct", routing_key="k"), m.QueueUnbindOk()),
    ],
    ids=lambda value: value.name,
)
def test_what_is_not_there_can_be_removed(channel, method, answer):
    channel.queue("q")
    assert channel.call(method) == answer


def test_exchanges_are_bound_to_each_other_and_unbound(channel):
    channel.queue("q")
    channel.call(m.QueueBind(queue="q", exchange="amq.fanout"))
    bound = {"destination": "amq.fanout", "source": "amq.direct", "routing_key": "k"}
    assert channel.call(m.ExchangeBind(**bound)) == m.ExchangeBindOk()
    channel.publish("amq.direct", "k", b"1")
    assert channel.call(m.ExchangeUnbind(**bound)) == m.ExchangeUnbindOk()
    channel.publish("amq.direct", "k", b"2")
    assert channel.ready("q") == 1


# queue.*


def test_a_queue_is_declared_and_says_what_it_holds(channel):
    declared = m.QueueDeclare(queue="q")
    assert channel.call(declared) == m.QueueDeclareOk("q", 0, 0)
    channel.publish("", "q", b"1", b"2")
    assert channel.call(declared) == m.QueueDeclareOk("q", 2, 0)
    channel.send(m.BasicQos(prefetch_count=1))
    channel.send(m.BasicConsume(queue="q", consumer_tag="c"))
    channel.received()
    assert channel.call(declared) == m.QueueDeclareOk("q", 1, 1)


def test_a_queue_without_a_name_gets_one(channel):
    one = channel.call(m.QueueDeclare())
    other = channel.call(m.QueueDeclare())
    assert one.queue.startswith("amq.gen-")
    assert one.queue != other.queue


@pytest.mark.parametrize(
    ("method", "code"),
    [
        (m.QueueDeclare(queue="q", durable=True), 406),
        (m.QueueDeclare(queue="q", auto_delete=True), 406),
        (m.QueueDeclare(queue="q", arguments={"x-queue-mode": "lazy"}), 406),
        (m.QueueDeclare(queue="new", arguments={"x-queue-type": "unheard-of"}), 406),
        (m.QueueDeclare(queue="amq.new"), 403),
        (m.QueueDeclare(queue="nowhere", passive=True), 404),
        (m.QueueBind(queue="nowhere", exchange="amq.direct"), 404),
        (m.QueueBind(queue="q", exchange="nowhere"), 404),
        (m.QueueBind(queue="q", exchange=""), 403),
        (m.QueueUnbind(queue="q", exchange=""), 403),
        (m.QueuePurge(queue="nowhere"), 404),
        (m.QueueDelete(queue="q", if_empty=True), 406),
        (m.QueueDelete(queue="q", if_unused=True), 406),
        (m.BasicConsume(queue="nowhere"), 404),
        (m.BasicGet(queue="nowhere"), 404),
    ],
)
def test_a_refused_method_about_a_queue_closes_the_channel(channel, other, method, code):
    channel.queue("q")
    channel.publish("", "q", b"1", b"2")
    other.call(m.BasicQos(prefetch_count=1))
    other.send(m.BasicConsume(queue="q"))
    channel.send(method)
    assert_channel_closed(channel, code, type(method))


@pytest.mark.parametrize(
    "method",
    [
        m.QueueDeclare(queue="theirs"),
        m.QueueDeclare(queue="theirs", exclusive=True),
        m.QueueDeclare(queue="theirs", passive=True),
        m.QueueDeclare(queue="theirs", durable=True),
        m.QueueBind(queue="theirs", exchange="amq.direct"),
        m.QueueUnbind(queue="theirs", exchange="amq.direct"),
        m.QueuePurge(queue="theirs"),
        m.QueueDelete(queue="theirs"),
        m.BasicConsume(queue="theirs"),
        m.BasicGet(queue="theirs"),
    ],
    ids=lambda method: method.name,
)
def test_an_exclusive_queue_of_another_connection_is_locked(channel, other, method):
    other.queue("theirs", exclusive=True)
    channel.send(method)
    assert_channel_closed(channel, 405, type(method))


def test_an_exclusive_queue_serves_all_channels_of_its_connection(channel):
    channel.queue("q", exclusive=True)
    second = channel.client.channel(2)
    second.queue("q", exclusive=True)
    second.consume("q")
    channel.publish("", "q", b"1")
    assert second.received() == [deliver(1, b"1")]


def test_a_queue_that_is_not_exclusive_cannot_be_locked_later(channel):
    channel.queue("q")
    channel.send(m.QueueDeclare(queue="q", exclusive=True))
    assert_channel_closed(channel, 405, m.QueueDeclare)


def test_a_queue_is_bound_and_unbound(channel):
    channel.queue("q")
    bound = {"queue": "q", "exchange": "amq.topic", "routing_key": "a.#"}
    assert channel.call(m.QueueBind(**bound)) == m.QueueBindOk()
    channel.publish("amq.topic", "a.b", b"1")
    assert channel.call(m.QueueUnbind(**bound)) == m.QueueUnbindOk()
    channel.publish("amq.topic", "a.b", b"2")
    assert channel.ready("q") == 1


def test_purge_and_delete_say_how_many_messages_went(channel):
    channel.queue("q")
    channel.publish("", "q", b"1", b"2", b"3")
    assert channel.call(m.QueuePurge(queue="q")) == m.QueuePurgeOk(3)
    channel.publish("", "q", b"4")
    assert channel.call(m.QueueDelete(queue="q")) == m.QueueDeleteOk(1)


def test_the_empty_name_stands_for_the_queue_declared_last(channel):
    channel.queue("before")
    channel.queue("q")
    channel.call(m.QueueBind(queue="", exchange="amq.direct", routing_key="k"))
    channel.publish("amq.direct", "k", b"1", b"2", b"3")
    assert channel.call(m.QueueDeclare(passive=True)) == m.QueueDeclareOk("q", 3, 0)
    answer = channel.call(m.BasicGet(queue="", no_ack=True))
    assert answer.body == b"1"
    channel.call(m.QueueUnbind(queue="", exchange="amq.direct", routing_key="k"))
    channel.publish("amq.direct", "k", b"4")
    assert channel.call(m.QueuePurge(queue="")) == m.QueuePurgeOk(2)
    channel.send(m.BasicConsume(queue="", consumer_tag="c"))
    assert channel.received() == [m.BasicConsumeOk("c")]
    channel.send(m.QueueDelete(queue=""))
    assert channel.received() == [m.QueueDeleteOk(0), m.BasicCancel("c", no_wait=True)]


def test_without_name_and_key_a_queue_is_bound_by_its_own_name(channel):
    channel.queue("q")
    channel.call(m.QueueBind(queue="", exchange="amq.direct"))
    channel.publish("amq.direct", "q", b"1")
    assert channel.ready("q") == 1


def test_with_a_name_an_empty_key_stays_empty(channel):
    channel.queue("q")
    channel.call(m.QueueBind(queue="q", exchange="amq.direct"))
    channel.publish("amq.direct", "q", b"1")
    channel.publish("amq.direct", "", b"2")
    assert channel.ready("q") == 1


def test_without_name_and_key_a_queue_is_unbound_by_its_own_name(channel):
    channel.queue("q")
    channel.call(m.QueueBind(queue="", exchange="amq.direct"))
    channel.call(m.QueueUnbind(queue="", exchange="amq.direct"))
    channel.publish("amq.direct", "q", b"1")
    assert channel.ready("q") == 0


def test_a_passive_declaration_makes_its_queue_the_last(channel):
    channel.queue("q")
    channel.queue("later")
    channel.call(m.QueueDeclare(queue="q", passive=True))
    assert channel.call(m.QueueDeclare(passive=True)).queue == "q"


def test_each_channel_has_its_own_last_queue(channel):
    channel.queue("q")
    second = channel.client.channel(2)
    second.send(m.BasicGet(queue=""))
    assert_channel_closed(second, 404, m.BasicGet)


@pytest.mark.parametrize(
    "method",
    [
        m.QueueDeclare(passive=True),
        m.QueueBind(exchange="amq.direct"),
        m.QueueUnbind(exchange="amq.direct"),
        m.QueuePurge(),
        m.QueueDelete(),
        m.BasicConsume(),
        m.BasicGet(),
    ],
    ids=lambda method: method.name,
)
def test_the_empty_name_before_any_declaration_is_not_found(channel, method):
    channel.send(method)
    assert_channel_closed(channel, 404, type(method))


def test_line_ends_are_no_part_of_a_name(channel):
    """RabbitMQ: a name read from a file with its line end means what it says."""
    assert channel.call(m.QueueDeclare(queue="task\r\ns\n")) == m.QueueDeclareOk("tasks")


def test_a_name_may_be_as_long_as_a_short_string(channel):
    name = "ü" * 127 + "x"
    assert channel.call(m.QueueDeclare(queue=name)) == m.QueueDeclareOk(name)
    channel.publish("", name, b"1")
    channel.send(m.BasicConsume(queue=name, consumer_tag="t" * 255))
    assert channel.received() == [
        m.BasicConsumeOk("t" * 255),
        Content(m.BasicDeliver("t" * 255, 1, False, "", name), b"1"),
    ]


# basic.publish


def test_a_message_comes_out_as_it_went_in(channel, other):
    headers = encode_properties(
        content_type="text/plain", headers={"a": 1, "b": [True, None]}, priority=3, app_id="tests"
    )
    channel.queue("q")
    other.consume("q")
    channel.publish("", "q", b"body", properties=headers)
    assert other.received() == [Content(m.BasicDeliver("c", 1, False, "", "q"), b"body", headers)]


def test_a_message_may_have_no_body(channel):
    channel.queue("q")
    channel.consume("q")
    channel.publish("", "q", b"", b"", b"x", b"")
    assert channel.bodies() == [b"", b"", b"x", b""]


def test_publishing_to_no_queue_is_no_mistake(channel):
    channel.publish("", "nowhere", b"1")
    channel.publish("amq.fanout", "", b"1")
    assert channel.client.received() == []


def test_publishing_to_an_unknown_exchange_closes_the_channel(channel):
    channel.publish("nowhere", "k", b"1")
    close = assert_channel_closed(channel, 404, m.BasicPublish)
    assert close.reply_text == "NOT_FOUND - no exchange 'nowhere' in vhost '/'"


def test_many_messages_to_an_unknown_exchange_close_the_channel_once(channel):
    channel.publish("nowhere", "k", *[b"1"] * 20)
    assert_channel_closed(channel, 404, m.BasicPublish)


def test_what_was_published_before_the_refusal_counts_and_what_follows_does_not(channel):
    channel.queue("q")
    channel.publish("", "q", b"warm")
    channel.client.send_bytes(
        publication(1, "", "q", b"before")
        + publication(1, "nowhere", "k", b"!")
        + publication(1, "", "q", b"behind")
        + publication(1, "", "q", bytes(200_000))
    )
    assert_channel_closed(channel, 404, m.BasicPublish)
    assert channel.ready("q") == 2


def test_a_message_too_large_behind_a_refusal_closes_nothing_twice():
    wire = Wire(message_max_bytes=1000)
    channel = wire.login().channel()
    channel.queue("q")
    channel.publish("", "q", b"warm")
    channel.client.send_bytes(
        publication(1, "nowhere", "k", b"!") + publication(1, "", "q", bytes(1001))
    )
    assert_channel_closed(channel, 404, m.BasicPublish)
    assert channel.ready("q") == 1


def test_publishing_to_an_internal_exchange_is_refused(channel):
    channel.call(m.ExchangeDeclare(exchange="e", type="fanout", internal=True))
    channel.publish("e", "", b"1")
    assert_channel_closed(channel, 403, m.BasicPublish)


def test_an_exchange_that_is_deleted_is_unknown_to_the_next_message(channel):
    channel.call(m.ExchangeDeclare(exchange="e", type="fanout"))
    channel.queue("q")
    channel.call(m.QueueBind(queue="q", exchange="e"))
    channel.publish("e", "", b"1")
    channel.client.send_bytes(
        publication(1, "e", "", b"2")
        + encode(1, m.ExchangeDelete(exchange="e", no_wait=True))
        + publication(1, "e", "", b"3")
    )
    assert_channel_closed(channel, 404, m.BasicPublish)
    assert channel.ready("q") == 2


@pytest.mark.parametrize("size", [1001, 5000, 200_000])
def test_a_message_larger_than_the_maximum_closes_the_channel(size):
    channel = Wire(message_max_bytes=1000).login().channel()
    channel.queue("q")
    channel.publish("", "q", bytes(1000), bytes(size), b"behind")
    close = assert_channel_closed(channel, 406, m.BasicPublish)
    assert str(size) in close.reply_text
    assert "1000" in close.reply_text
    assert channel.ready("q") == 1


def test_a_message_larger_than_the_maximum_is_refused_by_its_header():
    channel = Wire(message_max_bytes=1000).login().channel()
    method, header, *_ = frames_of(publication(1, "", "q", bytes(5000), frame_max=4096))
    channel.client.send_bytes(method + header)
    assert_channel_closed(channel, 406, m.BasicPublish)


def test_immediate_is_not_implemented(channel):
    channel.queue("q")
    channel.publish("", "q", b"1", immediate=True)
    assert_connection_closed(channel, 540, m.BasicPublish)


def test_mandatory_returns_what_reaches_no_queue(channel):
    channel.publish("amq.direct", "k", b"1", properties=PERSISTENT, mandatory=True)
    assert channel.received() == [
        Content(m.BasicReturn(312, "NO_ROUTE", "amq.direct", "k"), b"1", PERSISTENT)
    ]


def test_mandatory_returns_nothing_that_reaches_one(channel):
    channel.queue("q")
    channel.publish("", "q", b"1", b"2", mandatory=True)
    assert channel.received() == []


def test_a_return_comes_before_the_confirm(channel):
    channel.queue("q")
    channel.call(m.ConfirmSelect())
    channel.publish("", "q", b"1", mandatory=True)
    channel.publish("", "nowhere", b"2", mandatory=True)
    assert channel.received() == [
        m.BasicAck(1),
        Content(m.BasicReturn(312, "NO_ROUTE", "", "nowhere"), b"2"),
        m.BasicAck(2),
    ]


def test_returns_come_in_the_order_of_their_messages(channel):
    channel.queue("q")
    read = b"".join(
        publication(1, "", key, body, mandatory=True)
        for key, body in [("x", b"1"), ("q", b"2"), ("y", b"3"), ("x", b"4"), ("q", b"5")]
    )
    for _ in range(2):
        channel.client.send_bytes(read)
        assert channel.bodies() == [b"1", b"3", b"4"]


def test_a_content_of_several_frames_may_be_interleaved_with_other_channels(channel):
    channel.queue("q")
    second = channel.client.channel(2)
    frames = frames_of(publication(1, "", "q", bytes(3000), frame_max=1008))
    for each in frames:
        channel.client.send_bytes(each)
        second.publish("", "q", b"between")
    assert channel.ready("q") == 1 + len(frames)


# Confirms


def test_confirms_are_switched_on_once_and_again(channel):
    assert channel.call(m.ConfirmSelect()) == m.ConfirmSelectOk()
    assert channel.call(m.ConfirmSelect()) == m.ConfirmSelectOk()


def test_a_message_that_need_not_last_is_confirmed_at_once(channel):
    channel.queue("q")
    channel.call(m.ConfirmSelect())
    channel.publish("", "q", b"1")
    assert channel.received() == [m.BasicAck(1)]


def test_a_message_to_no_queue_is_confirmed_as_well(channel):
    channel.call(m.ConfirmSelect())
    channel.publish("", "nowhere", b"1")
    assert channel.received() == [m.BasicAck(1)]


def test_messages_of_one_read_are_confirmed_together(channel):
    channel.queue("q")
    channel.call(m.ConfirmSelect())
    channel.publish("", "q", b"1", b"2", b"3")
    assert channel.received() == [m.BasicAck(3, multiple=True)]
    channel.publish("", "q", b"4")
    assert channel.received() == [m.BasicAck(4)]


def test_messages_before_confirm_select_do_not_count(channel):
    channel.queue("q")
    channel.publish("", "q", b"0", b"0")
    channel.call(m.ConfirmSelect())
    channel.publish("", "q", b"1")
    assert channel.received() == [m.BasicAck(1)]


def test_each_channel_counts_for_itself(client):
    one, two = client.channel(1), client.channel(2)
    one.call(m.ConfirmSelect())
    two.call(m.ConfirmSelect())
    one.queue("q")
    one.publish("", "q", b"1", b"2")
    two.publish("", "q", b"1")
    assert one.received() == [m.BasicAck(2, multiple=True)]
    assert two.received() == [m.BasicAck(1)]


def test_a_channel_without_confirms_is_not_confirmed(channel):
    channel.queue("q", durable=True)
    channel.publish("", "q", b"1", properties=PERSISTENT)
    assert channel.received() == []


def test_a_persistent_message_is_confirmed_when_it_is_durable():
    store = HeldStore()
    wire = Wire(store)
    channel = wire.login().channel()
    channel.queue("q", durable=True)
    channel.call(m.ConfirmSelect())
    channel.publish("", "q", b"1", b"2", properties=PERSISTENT)
    channel.publish("", "q", b"3", properties=PERSISTENT)
    assert channel.received() == []
    wire.stored()
    assert channel.received() == []
    store.sync()
    wire.stored()
    assert channel.received() == [m.BasicAck(3, multiple=True)]


def test_a_confirm_waits_for_those_before_it():
    """Confirms are cumulative: one that is answered vouches for all before it."""
    store = HeldStore()
    wire = Wire(store)
    channel = wire.login().channel()
    channel.queue("lasts", durable=True)
    channel.queue("q")
    channel.call(m.ConfirmSelect())
    channel.publish("", "lasts", b"1", properties=PERSISTENT)
    channel.publish("", "q", b"2")
    assert channel.received() == []
    store.sync()
    wire.stored()
    assert channel.received() == [m.BasicAck(2, multiple=True)]


def test_messages_to_no_queue_are_confirmed_one_by_one_and_wait_for_none():
    """As in RabbitMQ: there are clients that count the answers."""
    store = HeldStore()
    wire = Wire(store)
    channel = wire.login().channel()
    channel.queue("lasts", durable=True)
    channel.call(m.ConfirmSelect())
    channel.publish("", "lasts", b"1", properties=PERSISTENT)
    channel.publish("", "nowhere", b"2", b"3", mandatory=True)
    channel.publish("", "lasts", b"4", properties=PERSISTENT)
    second, ack_2, third, ack_3 = channel.received()
    assert (second.body, third.body) == (b"2", b"3")
    assert (ack_2, ack_3) == (m.BasicAck(2), m.BasicAck(3))
    store.sync()
    wire.stored()
    assert channel.received() == [m.BasicAck(4, multiple=True)]


def test_what_is_durable_before_more_is_published_is_confirmed_alone():
    store = HeldStore()
    wire = Wire(store)
    channel = wire.login().channel()
    channel.queue("q", durable=True)
    channel.call(m.ConfirmSelect())
    channel.publish("", "q", b"1", properties=PERSISTENT)
    store.sync()
    channel.publish("", "q", b"2", properties=PERSISTENT)
    wire.stored()
    assert channel.received() == [m.BasicAck(1)]
    store.sync()
    wire.stored()
    assert channel.received() == [m.BasicAck(2)]


def test_channels_do_not_wait_for_each_other():
    store = HeldStore()
    client = Wire(store).login()
    one, two = client.channel(1), client.channel(2)
    one.queue("lasts", durable=True)
    one.queue("q")
    one.call(m.ConfirmSelect())
    two.call(m.ConfirmSelect())
    one.publish("", "lasts", b"1", properties=PERSISTENT)
    two.publish("", "q", b"transient")
    assert one.received() == []
    assert two.received() == [m.BasicAck(1)]


def test_a_message_that_need_not_last_is_confirmed_at_once_by_a_durable_queue_as_well():
    client = Wire(HeldStore()).login()
    one, two = client.channel(1), client.channel(2)
    one.queue("q", durable=True)
    two.call(m.ConfirmSelect())
    one.publish("", "q", b"lasts", properties=PERSISTENT)
    two.publish("", "q", b"transient")
    assert two.received() == [m.BasicAck(1)]


def test_a_channel_that_was_closed_gets_no_confirm():
    store = HeldStore()
    wire = Wire(store)
    channel = wire.login().channel()
    channel.queue("q", durable=True)
    channel.call(m.ConfirmSelect())
    channel.publish("", "q", b"1", properties=PERSISTENT)
    channel.close()
    again = channel.client.channel(1)
    again.call(m.ConfirmSelect())
    store.sync()
    wire.stored()
    assert channel.client.received() == []


def test_a_message_is_delivered_before_it_is_durable():
    wire = Wire(HeldStore())
    channel = wire.login().channel()
    channel.queue("q", durable=True)
    channel.consume("q")
    channel.publish("", "q", b"1", properties=PERSISTENT)
    assert channel.bodies() == [b"1"]


class GatedFiles(DiskFiles):
    """A disk that does not sync before it is told to."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.waiting = threading.Event()

    def write_through(self, handle: Handle, pieces: Sequence[Bytes], offset: int) -> None:
        self.write(handle, pieces, offset)
        self.datasync(handle)

    def datasync(self, handle: Handle) -> None:
        self.waiting.set()
        assert self.gate.wait(PATIENCE_S)


def test_a_confirm_of_the_journal_comes_after_its_sync(tmp_path: Path):
    files = GatedFiles()
    synced = threading.Event()
    failures: list[BaseException] = []
    journal = Journal(str(tmp_path), on_durable=synced.set, on_failure=failures.append, files=files)
    list(journal.recover())
    wire = Wire(journal)
    channel = wire.login().channel()
    channel.queue("q", durable=True)
    channel.call(m.ConfirmSelect())
    while journal.durable < journal.end:
        assert synced.wait(PATIENCE_S)
        synced.clear()

    files.gate.clear()
    files.waiting.clear()
    channel.publish("", "q", b"1", properties=PERSISTENT)
    assert files.waiting.wait(PATIENCE_S)
    wire.stored()
    assert channel.received() == []

    files.gate.set()
    while journal.durable < journal.end:
        assert synced.wait(PATIENCE_S)
        synced.clear()
    assert channel.received() == []
    wire.stored()
    assert channel.received() == [m.BasicAck(1)]
    journal.close()
    assert failures == []


# tx.*


def test_a_commit_publishes_all_at_once(channel, other):
    channel.queue("q")
    assert channel.call(m.TxSelect()) == m.TxSelectOk()
    channel.publish("", "q", b"1", b"2")
    assert other.ready("q") == 0
    assert channel.call(m.TxCommit()) == m.TxCommitOk()
    assert other.ready("q") == 2
    channel.publish("", "q", b"3")
    assert other.ready("q") == 2


def test_a_rollback_publishes_nothing(channel, other):
    channel.queue("q")
    channel.call(m.TxSelect())
    channel.publish("", "q", b"1")
    assert channel.call(m.TxRollback()) == m.TxRollbackOk()
    assert channel.call(m.TxCommit()) == m.TxCommitOk()
    assert other.ready("q") == 0


def test_acknowledgements_of_a_transaction_count_from_its_commit(channel, other):
    channel.queue("q")
    channel.publish("", "q", b"1", b"2", b"3")
    channel.call(m.TxSelect())
    channel.consume("q")
    assert channel.bodies() == [b"1", b"2", b"3"]
    channel.send(m.BasicAck(1))
    assert channel.call(m.TxCommit()) == m.TxCommitOk()
    channel.send(m.BasicAck(2))
    assert channel.call(m.TxRollback()) == m.TxRollbackOk()
    channel.close()
    assert other.ready("q") == 2


def test_a_commit_is_answered_when_it_is_durable():
    store = HeldStore()
    wire = Wire(store)
    channel = wire.login().channel()
    channel.queue("q", durable=True)
    channel.call(m.TxSelect())
    channel.publish("", "q", b"1", properties=PERSISTENT)
    channel.send(m.TxCommit())
    assert channel.received() == []
    store.sync()
    wire.stored()
    assert channel.received() == [m.TxCommitOk()]


@pytest.mark.parametrize("method", [m.TxCommit(), m.TxRollback()], ids=lambda method: method.name)
def test_without_a_transaction_there_is_nothing_to_end(channel, method):
    channel.send(method)
    assert_channel_closed(channel, 406, type(method))


def test_a_channel_has_either_transactions_or_confirms(client):
    one, two = client.channel(1), client.channel(2)
    one.call(m.TxSelect())
    one.send(m.ConfirmSelect())
    assert_channel_closed(one, 406, m.ConfirmSelect)
    two.call(m.ConfirmSelect())
    two.send(m.TxSelect())
    assert_channel_closed(two, 406, m.TxSelect)


def test_a_transaction_is_refused_as_a_whole(channel, other):
    channel.queue("q")
    channel.call(m.TxSelect())
    channel.publish("", "q", b"1")
    channel.publish("nowhere", "k", b"2")
    channel.send(m.TxCommit())
    assert [close.reply_code for close in channel.received()] == [404]
    assert other.ready("q") == 0


# basic.get


def test_get_takes_one_message_and_says_how_many_are_left(channel):
    channel.queue("q")
    channel.publish("", "q", b"1", b"2")
    assert channel.call(m.BasicGet(queue="q")) == got(1, b"1", left=1)
    assert channel.call(m.BasicGet(queue="q")) == got(2, b"2")
    assert channel.call(m.BasicGet(queue="q")) == m.BasicGetEmpty()


def test_what_was_got_is_to_be_acknowledged(channel):
    channel.queue("q")
    channel.publish("", "q", b"1")
    channel.call(m.BasicGet(queue="q"))
    channel.send(m.BasicNack(1))
    assert channel.call(m.BasicGet(queue="q")) == got(2, b"1", redelivered=True)
    channel.send(m.BasicAck(2))
    assert channel.call(m.BasicGet(queue="q")) == m.BasicGetEmpty()
    channel.close()
    assert channel.client.channel(1).ready("q") == 0


def test_what_was_got_without_acknowledgement_is_gone(channel):
    channel.queue("q")
    channel.publish("", "q", b"1")
    assert channel.call(m.BasicGet(queue="q", no_ack=True)) == got(1, b"1")
    channel.send(m.BasicAck(1))
    assert_channel_closed(channel, 406, m.BasicAck)


# basic.consume and basic.cancel


def test_consume_is_answered_before_the_first_delivery(channel):
    channel.queue("q")
    channel.publish("", "q", b"1", b"2")
    channel.send(m.BasicConsume(queue="q", consumer_tag="c"))
    assert channel.received() == [m.BasicConsumeOk("c"), deliver(1, b"1"), deliver(2, b"2")]


def test_a_consumer_without_a_tag_gets_one(channel):
    channel.queue("q")
    one = channel.call(m.BasicConsume(queue="q"))
    other = channel.call(m.BasicConsume(queue="q"))
    assert one.consumer_tag.startswith("amq.ctag-")
    assert one.consumer_tag != other.consumer_tag


def test_a_tag_in_use_is_not_allowed(channel):
    channel.queue("q")
    channel.consume("q", "c")
    channel.send(m.BasicConsume(queue="q", consumer_tag="c"))
    assert_connection_closed(channel, 530, m.BasicConsume)


def test_a_tag_may_be_used_again_after_its_cancel_and_on_other_channels(channel):
    channel.queue("q")
    channel.consume("q", "c")
    channel.call(m.BasicCancel("c"))
    channel.consume("q", "c")
    channel.client.channel(2).consume("q", "c")


def test_an_exclusive_consumer_wants_no_other(channel):
    channel.queue("q")
    channel.consume("q", "first")
    channel.send(m.BasicConsume(queue="q", consumer_tag="second", exclusive=True))
    assert_channel_closed(channel, 403, m.BasicConsume)


def test_beside_an_exclusive_consumer_there_is_no_other(channel, other):
    channel.queue("q")
    channel.consume("q", "first", exclusive=True)
    other.send(m.BasicConsume(queue="q", consumer_tag="second"))
    assert_channel_closed(other, 403, m.BasicConsume)


def test_delivery_tags_count_over_all_consumers_of_a_channel(channel):
    channel.queue("q")
    channel.queue("r")
    channel.consume("q", "one")
    channel.consume("r", "two")
    channel.publish("", "q", b"1")
    channel.publish("", "r", b"2")
    channel.publish("", "q", b"3")
    assert channel.received() == [
        deliver(1, b"1", consumer="one"),
        deliver(2, b"2", consumer="two", queue="r"),
        deliver(3, b"3", consumer="one"),
    ]


def test_after_cancel_ok_nothing_is_delivered(channel):
    channel.queue("q")
    channel.consume("q")
    channel.publish("", "q", b"1")
    assert channel.received() == [deliver(1, b"1")]
    assert channel.call(m.BasicCancel("c")) == m.BasicCancelOk("c")
    channel.publish("", "q", b"2")
    channel.send(m.BasicNack(1))
    assert channel.received() == []
    assert channel.ready("q") == 2


def test_what_is_published_behind_a_cancel_in_one_read_is_not_delivered(channel):
    channel.queue("q")
    channel.consume("q")
    channel.client.send_bytes(
        publication(1, "", "q", b"1")
        + encode(1, m.BasicCancel("c"))
        + publication(1, "", "q", b"2")
    )
    *before, answer = channel.received()
    assert answer == m.BasicCancelOk("c")
    assert len(before) + channel.ready("q") == 2


def test_an_unknown_consumer_can_be_cancelled(channel):
    assert channel.call(m.BasicCancel("nobody")) == m.BasicCancelOk("nobody")


def test_deliveries_of_a_cancelled_consumer_can_be_acknowledged(channel):
    channel.queue("q")
    channel.consume("q")
    channel.publish("", "q", b"1")
    assert channel.bodies() == [b"1"]
    channel.call(m.BasicCancel("c"))
    channel.send(m.BasicAck(1))
    assert channel.client.received() == []


def test_a_client_is_told_when_its_queue_is_deleted(channel, other):
    channel.queue("q")
    channel.consume("q")
    other.call(m.QueueDelete(queue="q"))
    assert channel.received() == [m.BasicCancel("c", no_wait=True)]
    channel.send(m.BasicCancelOk("c"))
    assert channel.client.received() == []


def test_a_client_that_does_not_know_cancels_is_not_told(wire, other):
    channel = wire.login(capabilities={}).channel()
    channel.queue("q")
    channel.consume("q")
    other.call(m.QueueDelete(queue="q"))
    assert channel.client.received() == []
    channel.queue("q")
    channel.consume("q")


def test_an_auto_delete_queue_goes_with_its_last_consumer(channel, other):
    channel.queue("q", auto_delete=True)
    channel.consume("q", "one")
    channel.consume("q", "two")
    channel.call(m.BasicCancel("one"))
    assert other.ready("q") == 0
    channel.call(m.BasicCancel("two"))
    other.send(m.QueueDeclare(queue="q", passive=True))
    assert_channel_closed(other, 404, m.QueueDeclare)


def test_consumers_take_turns(channel):
    channel.queue("q")
    channel.consume("q", "one")
    channel.consume("q", "two")
    for body in (b"1", b"2", b"3", b"4"):
        channel.publish("", "q", body)
    tags = [item.method.consumer_tag for item in channel.received()]
    assert tags == ["one", "two", "one", "two"]


# Contents on their way out


def test_publisher_and_consumer_may_use_different_channel_numbers(wire, channel):
    channel.queue("q")
    consumer = wire.login().channel(65)
    consumer.consume("q", no_ack=True)
    channel.client.channel(2).publish("", "q", b"1", b"", bytes(300_000))
    assert [len(body) for body in consumer.bodies()] == [1, 0, 300_000]


@pytest.mark.parametrize("size", [4088, 4089, 10_000, 131_064, 200_000, 1_000_000])
def test_a_client_with_small_frames_gets_large_messages_in_small_frames(wire, channel, size):
    channel.queue("q")
    consumer = wire.login(frame_max=4096).channel()
    consumer.consume("q", no_ack=True)
    body = bytes(range(256)) * (size // 256 + 1)
    channel.publish("", "q", body[:size], properties=PERSISTENT)
    assert consumer.received() == [
        Content(m.BasicDeliver("c", 1, False, "", "q"), body[:size], PERSISTENT)
    ]
    assert max(consumer.client.inbox.frame_sizes) == 4096


def test_get_and_return_fit_into_small_frames_as_well(wire, channel):
    channel.queue("q")
    channel.publish("", "q", bytes(100_000))
    small = wire.login(frame_max=4096).channel()
    assert len(small.call(m.BasicGet(queue="q")).body) == 100_000
    content = publication(1, "", "nowhere", bytes(100_000), frame_max=4096, mandatory=True)
    small.client.send_bytes(content)
    assert len(small.bodies()[0]) == 100_000


def test_a_frame_a_little_too_large_is_not_passed_on(channel, other):
    """RabbitMQ takes a payload as large as the largest frame, and cuts it anew."""
    channel.queue("q")
    other.consume("q")
    channel.publish("", "q", bytes(131_072), frame_max=131_080)
    assert [len(body) for body in other.bodies()] == [131_072]


def test_a_message_of_many_small_frames_comes_whole(channel, other):
    channel.queue("q")
    other.consume("q")
    channel.publish("", "q", bytes(5000), frame_max=9)
    assert other.bodies() == [bytes(5000)]


def test_body_frames_without_bytes_are_accepted(channel):
    channel.queue("q")
    method, header, body = (
        encode(1, m.BasicPublish(routing_key="q")),
        frame(HEADER, 1, b"\0\x3c\0\0\0\0\0\0\0\0\0\x05\0\0"),
        frame(BODY, 1, b"hello"),
    )
    empty = frame(BODY, 1, b"")
    channel.client.send_bytes(method + header + empty + empty + body)
    assert channel.call(m.BasicGet(queue="q")) == got(1, b"hello")


# basic.ack, nack, reject, recover


def consuming(channel: Channel, count: int = 4) -> Channel:
    """A channel that has been delivered messages 1, 2, 3 ... of queue q."""
    channel.queue("q")
    channel.consume("q")
    channel.publish("", "q", *[str(number).encode() for number in range(1, count + 1)])
    assert len(channel.received()) == count
    return channel


def left_over(channel: Channel) -> list[bytes]:
    """What waits in queue q once the channel is closed."""
    channel.close()
    again = channel.client.channel(9)
    again.consume("q", no_ack=True)
    return again.bodies()


def test_an_ack_settles_one_delivery(channel):
    consuming(channel).send(m.BasicAck(2))
    assert left_over(channel) == [b"1", b"3", b"4"]


def test_a_multiple_ack_settles_all_up_to_it(channel):
    consuming(channel).send(m.BasicAck(3, multiple=True))
    assert left_over(channel) == [b"4"]


def test_a_multiple_ack_of_zero_settles_all(channel):
    consuming(channel).send(m.BasicAck(0, multiple=True))
    assert left_over(channel) == []


def test_a_multiple_ack_of_zero_may_settle_nothing(channel):
    channel.send(m.BasicAck(0, multiple=True))
    assert channel.client.received() == []


def test_acks_of_one_read_settle_each_of_them(channel):
    consuming(channel, 10).send(
        m.BasicAck(1), m.BasicAck(2), m.BasicAck(6, multiple=True), m.BasicAck(9), m.BasicAck(8)
    )
    assert left_over(channel) == [b"7", b"10"]


@pytest.mark.parametrize(
    "method",
    [
        m.BasicAck(5),
        m.BasicAck(0),
        m.BasicAck(5, multiple=True),
        m.BasicNack(5),
        m.BasicNack(5, multiple=True),
        m.BasicReject(5),
        m.BasicReject(0),
    ],
)
def test_a_delivery_that_is_not_outstanding_cannot_be_settled(channel, method):
    consuming(channel).send(method)
    close = assert_channel_closed(channel, 406, type(method))
    assert close.reply_text == (f"PRECONDITION_FAILED - unknown delivery tag {method.delivery_tag}")


def test_a_delivery_cannot_be_settled_twice(channel):
    consuming(channel).send(m.BasicAck(1), m.BasicAck(2), m.BasicAck(1), m.BasicAck(3))
    assert_channel_closed(channel, 406, m.BasicAck)
    assert channel.ready("q") == 2


def test_a_delivery_is_outstanding_on_its_own_channel_only(channel):
    consuming(channel)
    second = channel.client.channel(2)
    second.send(m.BasicAck(1))
    assert_channel_closed(second, 406, m.BasicAck)


@pytest.mark.parametrize("method", [m.BasicReject(2, requeue=False), m.BasicNack(2, requeue=False)])
def test_a_delivery_can_be_thrown_away(channel, method):
    consuming(channel).send(method)
    assert left_over(channel) == [b"1", b"3", b"4"]


@pytest.mark.parametrize("method", [m.BasicReject(2), m.BasicNack(2)])
def test_a_delivery_can_be_given_back_and_comes_again(channel, method):
    consuming(channel).send(method)
    assert channel.received() == [deliver(5, b"2", redelivered=True)]


def test_a_multiple_nack_gives_back_all_up_to_it(channel):
    consuming(channel).send(m.BasicNack(3, multiple=True))
    assert channel.received() == [
        deliver(5, b"1", redelivered=True),
        deliver(6, b"2", redelivered=True),
        deliver(7, b"3", redelivered=True),
    ]


@pytest.mark.parametrize("how", [m.BasicRecover(requeue=True), m.BasicRecoverAsync(requeue=True)])
def test_recover_gives_back_everything(channel, how):
    consuming(channel, 2).send(how)
    answers = [m.BasicRecoverOk()] if isinstance(how, m.BasicRecover) else []
    assert channel.received() == [
        *answers,
        deliver(3, b"1", redelivered=True),
        deliver(4, b"2", redelivered=True),
    ]


@pytest.mark.parametrize("how", [m.BasicRecover(requeue=False), m.BasicRecoverAsync(requeue=False)])
def test_recover_to_the_same_consumer_is_not_implemented(channel, how):
    consuming(channel).send(how)
    assert_connection_closed(channel, 540, type(how))


# basic.qos


def test_prefetch_size_is_not_implemented(channel):
    channel.send(m.BasicQos(prefetch_size=1))
    assert_connection_closed(channel, 540, m.BasicQos)


def test_prefetch_limits_each_consumer_that_follows(channel):
    channel.queue("q")
    channel.consume("q", "before")
    channel.call(m.BasicCancel("before"))
    assert channel.call(m.BasicQos(prefetch_count=2)) == m.BasicQosOk()
    channel.consume("q", "one")
    channel.consume("q", "two")
    channel.publish("", "q", *[b"x"] * 9)
    tags = [item.method.consumer_tag for item in channel.received()]
    assert sorted(tags) == ["one", "one", "two", "two"]


def test_an_ack_makes_room_for_the_next(channel):
    channel.queue("q")
    channel.call(m.BasicQos(prefetch_count=2))
    channel.consume("q")
    channel.publish("", "q", b"1", b"2", b"3", b"4")
    assert channel.bodies() == [b"1", b"2"]
    channel.send(m.BasicAck(1))
    assert channel.bodies() == [b"3"]
    channel.send(m.BasicAck(3, multiple=True))
    assert channel.bodies() == [b"4"]


def test_global_prefetch_limits_all_consumers_of_the_channel(channel):
    channel.queue("q")
    channel.call(m.BasicQos(prefetch_count=3, global_=True))
    channel.consume("q", "one")
    channel.consume("q", "two")
    channel.client.channel(2).consume("q", "free")
    channel.publish("", "q", *[b"x"] * 4)
    channel.client.send(2, m.BasicCancel("free"))
    channel.publish("", "q", *[b"x"] * 9)
    assert len(channel.received()) == 3
    channel.send(m.BasicAck(1))
    assert len(channel.received()) == 1


def test_global_prefetch_holds_for_consumers_that_run_already(channel):
    channel.queue("q")
    channel.consume("q")
    channel.call(m.BasicQos(prefetch_count=2, global_=True))
    channel.publish("", "q", *[b"x"] * 5)
    assert len(channel.received()) == 2


def test_a_larger_global_prefetch_lets_more_out(channel):
    channel.queue("q")
    channel.call(m.BasicQos(prefetch_count=1, global_=True))
    channel.consume("q")
    channel.publish("", "q", *[b"x"] * 5)
    assert len(channel.received()) == 1
    channel.send(m.BasicQos(prefetch_count=0, global_=True))
    answer, *deliveries = channel.received()
    assert answer == m.BasicQosOk()
    assert len(deliveries) == 4


def test_both_limits_hold_together(channel):
    channel.queue("q")
    channel.call(m.BasicQos(prefetch_count=3, global_=True))
    channel.call(m.BasicQos(prefetch_count=2))
    channel.consume("q", "one")
    channel.publish("", "q", *[b"x"] * 5)
    assert len(channel.received()) == 2
    channel.consume("q", "two")
    assert len(channel.received()) == 1


def test_prefetch_does_not_limit_consumers_that_do_not_acknowledge(channel):
    channel.queue("q")
    channel.call(m.BasicQos(prefetch_count=1))
    channel.call(m.BasicQos(prefetch_count=1, global_=True))
    channel.consume("q", no_ack=True)
    channel.publish("", "q", *[b"x"] * 5)
    assert len(channel.received()) == 5


def test_prefetch_does_not_limit_get(channel):
    channel.queue("q")
    channel.call(m.BasicQos(prefetch_count=1, global_=True))
    channel.publish("", "q", b"1", b"2")
    channel.call(m.BasicGet(queue="q"))
    assert channel.call(m.BasicGet(queue="q")) == got(2, b"2")


# A client that does not read


def test_a_client_that_does_not_read_is_given_no_more_than_its_mark():
    wire = Wire(output_mark_bytes=10_000)
    channel = wire.login().channel()
    slow = wire.login()
    slow.channel().consume(channel.queue("q"), no_ack=True)
    slow.reads = False
    channel.publish("", "q", *[bytes(1000)] * 100)
    assert slow.connection.output.size <= 10_000 + 1100
    assert channel.ready("q") > 85


def test_a_client_that_reads_again_gets_the_rest_in_order():
    wire = Wire(output_mark_bytes=10_000)
    channel = wire.login().channel()
    slow = wire.login()
    slow.channel().consume(channel.queue("q"), no_ack=True)
    slow.reads = False
    channel.publish("", "q", *[b"%d" % number + bytes(1000) for number in range(100)])
    slow.reads = True
    wire.end_pass()
    slow.collect()
    wire.end_pass()
    bodies = [item.body.rstrip(b"\0") for item in slow.received(1)]
    assert bodies == [b"%d" % number for number in range(100)]


def test_a_slow_client_does_not_hold_up_the_others():
    wire = Wire(output_mark_bytes=10_000)
    channel = wire.login().channel()
    slow, quick = wire.login(), wire.login()
    for client in (slow, quick):
        client.channel().consume(channel.queue("q"), no_ack=True)
    slow.reads = False
    channel.publish("", "q", *[bytes(1000)] * 100)
    assert len(quick.received(1)) > 85


def test_small_messages_respect_the_mark_as_well():
    wire = Wire(output_mark_bytes=10_000)
    channel = wire.login().channel()
    slow = wire.login()
    slow.channel().consume(channel.queue("q"), no_ack=True)
    slow.reads = False
    channel.publish("", "q", *[b""] * 5000)
    assert slow.connection.output.size <= 10_000 + 100


def test_texts_of_refusals_are_sentences_with_the_name_of_their_code(channel):
    channel.send(m.QueueDeclare(queue="nowhere", passive=True))
    (close,) = channel.received()
    assert re.fullmatch(r"[A-Z_]+ - \S.*", close.reply_text)


def test_a_method_frame_that_names_no_method_is_a_frame_error(channel):
    channel.client.send_bytes(frame(METHOD, 1, b"\x00"))
    ((_, close),) = channel.client.received()
    assert close.reply_code == 501
