"""pika, unmodified: connections, channels and what a broker says when they do wrong."""

import pika
import pika.exceptions
import pytest
from pika.adapters.blocking_connection import BlockingChannel

from tests.interop.conftest import Connect, Fresh
from tests.interop.inbox import Inbox, bodies
from tests.interop.refusal import channel_closed

pytestmark = pytest.mark.slow


def test_the_broker_announces_what_pika_relies_on(connection: pika.BlockingConnection):
    assert connection.publisher_confirms_supported
    assert connection.basic_nack_supported
    assert connection.consumer_cancel_notify_supported
    assert connection.exchange_exchange_bindings_supported


def test_a_wrong_password_is_refused(connect: Connect):
    with pytest.raises(pika.exceptions.ProbableAuthenticationError) as caught:
        connect(credentials=pika.PlainCredentials("guest", "wrong"))
    assert "403" in str(caught.value)


def test_an_unknown_user_is_refused_like_a_wrong_password(connect: Connect):
    with pytest.raises(pika.exceptions.ProbableAuthenticationError) as caught:
        connect(credentials=pika.PlainCredentials("nobody-of-this-name", "guest"))
    assert "403" in str(caught.value)


def test_an_unknown_virtual_host_is_refused(connect: Connect):
    with pytest.raises(pika.exceptions.AMQPConnectionError) as caught:
        connect(virtual_host="no-such-host")
    # 530 NOT_ALLOWED, which pika shows as what it thinks the reason may be
    assert "530" in repr(caught.value) or isinstance(
        caught.value, pika.exceptions.ProbableAccessDeniedError
    )


def test_the_broker_offers_a_heartbeat_and_takes_the_one_the_client_chooses(connect: Connect):
    offered = []

    def choose(_connection: object, value: int) -> int:
        offered.append(value)
        return 2

    connection = connect(heartbeat=choose)
    assert offered == [60]
    # pika has no public counter of what it received; only heartbeats can raise this one here.
    before = connection._impl.bytes_received
    connection.process_data_events(time_limit=1.6)
    assert connection._impl.bytes_received > before


def test_a_client_may_turn_heartbeats_off(connect: Connect):
    connection = connect(heartbeat=0)
    assert connection.channel().is_open


def test_a_connection_carries_many_channels(connection: pika.BlockingConnection, fresh: Fresh):
    channels = [connection.channel() for _ in range(100)]
    queue = fresh("queue")
    channels[0].queue_declare(queue)
    for number, channel in enumerate(channels):
        channel.basic_publish("", queue, b"from %d" % number)
        channel.queue_declare(queue, passive=True)
    expected = [b"from %d" % number for number in range(100)]
    assert expected == bodies(Inbox(channels[-1], queue, auto_ack=True).take(100))


def test_a_channel_number_can_be_used_again_after_it_was_closed(
    connection: pika.BlockingConnection, fresh: Fresh
):
    for _ in range(3):
        channel = connection.channel(channel_number=7)
        channel.queue_declare(fresh("queue"), exclusive=True)
        channel.close()


def test_a_channel_error_leaves_the_other_channels_alive(
    connection: pika.BlockingConnection, fresh: Fresh
):
    good, bad = connection.channel(), connection.channel()
    queue = fresh("queue")
    good.queue_declare(queue)
    inbox = Inbox(good, queue, auto_ack=True)
    with channel_closed(404):
        bad.queue_declare(fresh("absent"), passive=True)
    good.basic_publish("", queue, b"still here")
    assert bodies(inbox.take(1)) == [b"still here"]
    assert connection.channel(bad.channel_number).is_open


def test_a_consumer_of_a_closed_channel_gives_its_messages_back(
    connection: pika.BlockingConnection, queue: str
):
    first, second = connection.channel(), connection.channel()
    for body in (b"one", b"two"):
        first.basic_publish("", queue, body)
    Inbox(first, queue).take(2)
    first.close()
    again = Inbox(second, queue, auto_ack=True).take(2)
    assert bodies(again) == [b"one", b"two"]
    assert all(delivery.redelivered for delivery in again)


def test_publishing_to_an_absent_exchange_closes_the_channel(
    channel: BlockingChannel, fresh: Fresh
):
    channel.basic_publish(fresh("absent"), "key", b"lost")
    with channel_closed(404, "no exchange"):
        channel.basic_qos(prefetch_count=1)


def test_consuming_and_getting_from_an_absent_queue_close_the_channel(
    connection: pika.BlockingConnection, fresh: Fresh
):
    with channel_closed(404, "no queue"):
        connection.channel().basic_consume(fresh("absent"), print)
    with channel_closed(404, "no queue"):
        connection.channel().basic_get(fresh("absent"))


def test_acknowledging_twice_closes_the_channel(channel: BlockingChannel, queue: str):
    channel.basic_publish("", queue, b"once")
    delivery = Inbox(channel, queue).take(1)[0]
    channel.basic_ack(delivery.tag)
    channel.basic_ack(delivery.tag)
    with channel_closed(406, "unknown delivery tag"):
        channel.queue_declare(queue, passive=True)


def test_a_connection_closes_with_open_channels_and_consumers(connect: Connect, queue: str):
    connection = connect()
    Inbox(connection.channel(), queue)
    Inbox(connection.channel(), queue)
    connection.close()
    assert connection.is_closed
