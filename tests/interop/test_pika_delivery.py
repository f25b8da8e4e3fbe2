"""pika, unmodified: from the publisher's confirm to the consumer's acknowledgement and back."""

import datetime
import decimal

import pika
import pika.exceptions
import pytest
from pika import BasicProperties
from pika.adapters.blocking_connection import BlockingChannel

from tests.interop.conftest import Connect, Fresh
from tests.interop.cut_wire import CutWire
from tests.interop.inbox import Inbox, bodies, get_bodies
from tests.interop.refusal import channel_closed

pytestmark = pytest.mark.slow


def numbers(count: int, start: int = 0) -> list[bytes]:
    return [b"%d" % number for number in range(start, start + count)]


def publish(channel: BlockingChannel, queue: str, messages: list[bytes]) -> None:
    for body in messages:
        channel.basic_publish("", queue, body)


def test_a_confirm_means_that_the_message_is_in_the_queue(
    connect: Connect, channel: BlockingChannel, queue: str
):
    channel.confirm_delivery()
    persistent = BasicProperties(delivery_mode=pika.DeliveryMode.Persistent)
    channel.basic_publish("", queue, b"safe", persistent)
    assert connect().channel().queue_declare(queue, passive=True).method.message_count == 1


def test_every_message_is_confirmed_once_and_in_any_grouping(connect: Connect, queue: str):
    connection = connect()
    channel = connection.channel()._impl  # BlockingChannel would wait for each confirm
    open_tags, last = set(range(1, 301)), 300

    def settle(frame: pika.frame.Method) -> None:
        tag = frame.method.delivery_tag
        settled = {t for t in open_tags if t <= tag} if frame.method.multiple else {tag}
        assert settled <= open_tags, f"confirmed twice: {settled - open_tags}"
        open_tags.difference_update(settled)

    channel.confirm_delivery(settle)
    for number in range(last):
        persistent = BasicProperties(delivery_mode=1 + number % 2)
        channel.basic_publish("", queue, b"%d" % number, persistent)
    while open_tags:
        connection.process_data_events(time_limit=0.01)
    assert numbers(last) == get_bodies(connection.channel(), queue)


def test_get_takes_one_message_and_tells_how_many_are_left(channel: BlockingChannel, queue: str):
    publish(channel, queue, numbers(3))
    method, _, body = channel.basic_get(queue)
    assert (body, method.message_count, method.redelivered) == (b"0", 2, False)
    assert ("", queue) == (method.exchange, method.routing_key)
    channel.basic_ack(method.delivery_tag)


def test_get_from_an_empty_queue_is_empty(channel: BlockingChannel, queue: str):
    assert channel.basic_get(queue) == (None, None, None)


def test_what_was_got_but_not_acknowledged_goes_back(
    connection: pika.BlockingConnection, queue: str
):
    first, second = connection.channel(), connection.channel()
    publish(first, queue, numbers(2))
    first.basic_get(queue)
    first.close()
    method, _, body = second.basic_get(queue, auto_ack=True)
    assert (body, method.redelivered) == (b"0", True)
    method, _, body = second.basic_get(queue, auto_ack=True)
    assert (body, method.redelivered) == (b"1", False)


def test_messages_come_in_the_order_in_which_they_were_published(
    channel: BlockingChannel, queue: str
):
    inbox = Inbox(channel, queue, auto_ack=True)
    publish(channel, queue, numbers(500))
    received = inbox.take(500)
    assert numbers(500) == bodies(received)
    assert list(range(1, 501)) == [delivery.tag for delivery in received]
    assert {inbox.consumer_tag} == {delivery.consumer_tag for delivery in received}
    assert {("", queue, False)} == {(d.exchange, d.routing_key, d.redelivered) for d in received}


def test_an_acknowledged_message_does_not_come_back(
    connection: pika.BlockingConnection, queue: str
):
    first, second = connection.channel(), connection.channel()
    publish(first, queue, numbers(4))
    one, two, three, four = Inbox(first, queue).take(4)
    first.basic_ack(two.tag)
    first.basic_ack(four.tag)
    first.close()
    assert [one.body, three.body] == get_bodies(second, queue)


def test_one_acknowledgement_may_settle_all_up_to_its_tag(
    connection: pika.BlockingConnection, queue: str
):
    first, second = connection.channel(), connection.channel()
    publish(first, queue, numbers(5))
    received = Inbox(first, queue).take(5)
    first.basic_ack(received[2].tag, multiple=True)
    first.close()
    assert numbers(2, start=3) == get_bodies(second, queue)


def test_the_tag_zero_settles_everything(connection: pika.BlockingConnection, queue: str):
    first, second = connection.channel(), connection.channel()
    publish(first, queue, numbers(3))
    Inbox(first, queue).take(3)
    first.basic_ack(0, multiple=True)
    first.close()
    assert get_bodies(second, queue) == []


def test_a_rejected_message_is_dropped_or_comes_back_first(channel: BlockingChannel, queue: str):
    publish(channel, queue, numbers(3))
    dropped, _, _ = channel.basic_get(queue)
    requeued, _, _ = channel.basic_get(queue)
    channel.basic_reject(dropped.delivery_tag, requeue=False)
    channel.basic_reject(requeued.delivery_tag, requeue=True)
    method, _, body = channel.basic_get(queue)
    assert (body, method.redelivered) == (b"1", True)
    method, _, body = channel.basic_get(queue)
    assert (body, method.redelivered) == (b"2", False)


def test_negative_acknowledgement_of_many_drops_them(channel: BlockingChannel, queue: str):
    publish(channel, queue, numbers(4))
    tags = [channel.basic_get(queue)[0].delivery_tag for _ in range(3)]
    channel.basic_nack(tags[1], multiple=True, requeue=False)
    channel.basic_nack(tags[2], requeue=True)
    assert get_bodies(channel, queue) == [b"2", b"3"]


def test_requeued_messages_take_the_places_they_had(channel: BlockingChannel, queue: str):
    publish(channel, queue, numbers(6))
    tags = [channel.basic_get(queue)[0].delivery_tag for _ in range(4)]
    channel.basic_ack(tags[1])
    for tag in (tags[3], tags[0], tags[2]):
        channel.basic_nack(tag, requeue=True)
    assert get_bodies(channel, queue) == [b"0", b"2", b"3", b"4", b"5"]


def test_many_messages_requeued_at_once_keep_their_order(channel: BlockingChannel, queue: str):
    publish(channel, queue, numbers(20))
    tags = [channel.basic_get(queue)[0].delivery_tag for _ in range(15)]
    channel.basic_nack(tags[-1], multiple=True, requeue=True)
    assert numbers(20) == get_bodies(channel, queue)


def test_recover_brings_back_what_the_channel_holds(channel: BlockingChannel, queue: str):
    publish(channel, queue, numbers(3))
    inbox = Inbox(channel, queue)
    inbox.take(3)
    channel.basic_recover(requeue=True)
    again = inbox.take(3)
    assert numbers(3) == bodies(again)
    assert all(delivery.redelivered for delivery in again)


def test_prefetch_limits_what_one_consumer_holds(channel: BlockingChannel, queue: str):
    channel.basic_qos(prefetch_count=3)
    publish(channel, queue, numbers(10))
    inbox = Inbox(channel, queue)
    held = inbox.take_all()
    assert numbers(3) == bodies(held)
    channel.basic_ack(held[0].tag)
    assert bodies(inbox.take_all()) == [b"3"]
    channel.basic_ack(held[2].tag, multiple=True)
    assert bodies(inbox.take_all()) == [b"4", b"5"]


def test_prefetch_per_consumer_counts_each_consumer_for_itself(
    channel: BlockingChannel, queue: str
):
    channel.basic_qos(prefetch_count=2)
    publish(channel, queue, numbers(10))
    first, second = Inbox(channel, queue), Inbox(channel, queue)
    assert (len(first.take_all()), len(second.take_all())) == (2, 2)


def test_prefetch_per_channel_counts_all_its_consumers_together(
    channel: BlockingChannel, queue: str
):
    channel.basic_qos(prefetch_count=3, global_qos=True)
    publish(channel, queue, numbers(10))
    inboxes = [Inbox(channel, queue), Inbox(channel, queue)]
    held = [delivery for inbox in inboxes for delivery in inbox.take_all()]
    assert numbers(3) == sorted(bodies(held))
    channel.basic_ack(0, multiple=True)
    more = [delivery for inbox in inboxes for delivery in inbox.take_all()]
    assert numbers(3, start=3) == sorted(bodies(more))


def test_consumers_take_turns(connection: pika.BlockingConnection, queue: str):
    channels = [connection.channel(), connection.channel()]
    for channel in channels:
        channel.basic_qos(prefetch_count=1)
    inboxes = [Inbox(channel, queue) for channel in channels]
    publish(channels[0], queue, numbers(2))
    assert [len(inbox.take_all()) for inbox in inboxes] == [1, 1]


def test_automatic_acknowledgement_is_not_limited_by_prefetch(channel: BlockingChannel, queue: str):
    channel.basic_qos(prefetch_count=1)
    publish(channel, queue, numbers(10))
    assert numbers(10) == bodies(Inbox(channel, queue, auto_ack=True).take(10))


def test_an_exclusive_consumer_is_alone(connection: pika.BlockingConnection, queue: str):
    Inbox(connection.channel(), queue, exclusive=True)
    with channel_closed(403, "in exclusive use"):
        Inbox(connection.channel(), queue)


def test_a_cancelled_consumer_keeps_what_it_holds_and_gets_no_more(
    connection: pika.BlockingConnection, queue: str
):
    channel = connection.channel()
    channel.basic_qos(prefetch_count=1)
    publish(channel, queue, numbers(3))
    inbox = Inbox(channel, queue)
    [held] = inbox.take(1)
    channel.basic_cancel(inbox.consumer_tag)
    assert get_bodies(connection.channel(), queue) == [b"1", b"2"]
    channel.basic_nack(held.tag, requeue=True)
    assert get_bodies(channel, queue) == [b"0"]


def test_a_consumer_is_told_when_its_queue_is_deleted(
    connection: pika.BlockingConnection, queue: str
):
    channel = connection.channel()
    inbox = Inbox(channel, queue)
    cancelled: list[str] = []
    channel.add_on_cancel_callback(lambda frame: cancelled.append(frame.method.consumer_tag))
    connection.channel().queue_delete(queue)
    while not cancelled:
        connection.process_data_events(time_limit=5)
    assert [inbox.consumer_tag] == cancelled
    assert channel.is_open


def test_a_lost_connection_gives_everything_back_in_order(
    broker_url: str, connect: Connect, channel: BlockingChannel, queue: str
):
    publish(channel, queue, numbers(8))
    target = pika.URLParameters(broker_url)
    with CutWire(target.host, target.port) as wire:
        doomed = connect(host="127.0.0.1", port=wire.port)
        Inbox(doomed.channel(), queue).take(8)
        wire.cut()
        with pytest.raises(pika.exceptions.AMQPConnectionError):
            doomed.process_data_events(time_limit=5)
    again = Inbox(channel, queue, auto_ack=True).take(8)
    assert numbers(8) == bodies(again)
    assert all(delivery.redelivered for delivery in again)


@pytest.mark.parametrize("frame_max", [4096, 8192, 131072])
def test_a_large_body_travels_in_many_frames(connect: Connect, queue: str, frame_max: int):
    channel = connect(frame_max=frame_max).channel()
    body = bytes(range(256)) * 8191
    channel.basic_publish("", queue, body)
    assert [body] == bodies(Inbox(channel, queue, auto_ack=True).take(1))


@pytest.mark.parametrize("beyond", [-1, 0, 1])
def test_a_body_about_as_long_as_a_frame_is_whole(
    channel: BlockingChannel, queue: str, beyond: int
):
    payload_of_two_frames = 2 * (131072 - 8)
    body = b"x" * (payload_of_two_frames + beyond)
    channel.basic_publish("", queue, body)
    assert [body] == get_bodies(channel, queue)


def test_a_body_may_be_large_for_a_client_with_small_frames(
    connect: Connect, channel: BlockingChannel, queue: str
):
    small = connect(frame_max=8192).channel()
    body = bytes(range(256)) * 1024
    channel.basic_publish("", queue, body)
    assert [body] == bodies(Inbox(small, queue, auto_ack=True).take(1))


def test_an_empty_body_is_a_message(channel: BlockingChannel, queue: str):
    publish(channel, queue, [b"", b"not empty", b""])
    received = Inbox(channel, queue, auto_ack=True).take(3)
    assert bodies(received) == [b"", b"not empty", b""]


def test_all_properties_arrive_as_they_were_sent(channel: BlockingChannel, queue: str):
    sent = BasicProperties(
        content_type="application/json",
        content_encoding="utf-8",
        headers={"a": "b"},
        delivery_mode=2,
        priority=7,
        correlation_id="correlation",
        reply_to="reply",
        expiration="600000",
        message_id="message",
        timestamp=1772409600,
        type="order.created",
        user_id="guest",
        app_id="shop",
        cluster_id="cluster",
    )
    channel.basic_publish("", queue, b"", sent)
    [delivery] = Inbox(channel, queue, auto_ack=True).take(1)
    assert sent.encode() == delivery.properties.encode()


def test_a_header_table_arrives_as_it_was_sent(channel: BlockingChannel, queue: str):
    headers = {
        "text": "Kaninchen",
        "empty": "",
        "bytes": b"\x00\xff",
        "true": True,
        "small": 7,
        "negative": -7,
        "large": 2**40,
        "decimal": decimal.Decimal("12.34"),
        "time": datetime.datetime(2026, 3, 2, 12, 0),
        "nothing": None,
        "list": [1, "two", [3], {"four": 4}],
        "table": {"inner": {"deep": [True, None]}},
        "k" * 128: "a long key",
    }
    sent = BasicProperties(headers=headers)
    channel.basic_publish("", queue, b"", sent)
    [delivery] = Inbox(channel, queue, auto_ack=True).take(1)
    assert sent.encode() == delivery.properties.encode()


def test_a_message_in_several_queues_is_acknowledged_in_each_for_itself(
    channel: BlockingChannel, fresh: Fresh
):
    exchange = fresh("exchange")
    queues = [fresh("one"), fresh("two"), fresh("three")]
    channel.exchange_declare(exchange, "fanout")
    for queue in queues:
        channel.queue_declare(queue)
        channel.queue_bind(queue, exchange)
    body = bytes(range(256)) * 2000
    channel.basic_publish(exchange, "", body)
    method, _, first = channel.basic_get(queues[0])
    channel.basic_ack(method.delivery_tag)
    assert body == first
    assert [[], [body], [body]] == [get_bodies(channel, queue) for queue in queues]
