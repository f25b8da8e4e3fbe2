"""pika, unmodified: messages that are sent twice, and clients that take too long."""

from pathlib import Path

import pika
import pytest
from pika import BasicProperties
from pika.adapters.blocking_connection import BlockingChannel

from tests.interop.conftest import Fresh
from tests.interop.inbox import Inbox, bodies, get_bodies
from tests.interop.refusal import channel_closed
from tests.interop.running_broker import RunningBroker

pytestmark = pytest.mark.slow

EXCHANGE_TYPE = "x-message-deduplication"


def publish(channel: BlockingChannel, exchange: str, key: str, value: str, body: bytes) -> None:
    headers = {"x-deduplication-header": value}
    properties = BasicProperties(headers=headers, delivery_mode=2)
    channel.basic_publish(exchange, key, body, properties, mandatory=True)


def test_an_exchange_passes_a_message_once(channel: BlockingChannel, fresh: Fresh, queue: str):
    exchange = fresh("exchange")
    channel.exchange_declare(exchange, EXCHANGE_TYPE, arguments={"x-cache-size": "5"})
    channel.queue_bind(queue, exchange)
    channel.confirm_delivery()
    for number in range(20):
        # Neither refused nor returned: either would be raised here.
        publish(channel, exchange, "", f"job {number % 2}", b"%d" % number)
    assert get_bodies(channel, queue) == [b"0", b"1"]


def test_an_exchange_needs_a_size(channel: BlockingChannel, fresh: Fresh):
    with channel_closed(406, "'x-cache-size' must be an integer greater than 0"):
        channel.exchange_declare(fresh("exchange"), EXCHANGE_TYPE)


def test_a_queue_takes_nothing_like_what_is_in_it(channel: BlockingChannel, fresh: Fresh):
    queue = fresh("once")
    channel.queue_declare(queue, durable=True, arguments={"x-message-deduplication": True})
    channel.confirm_delivery()
    for body in (b"1", b"2"):
        publish(channel, "", queue, "job", body)
    inbox = Inbox(channel, queue)
    (delivery,) = inbox.take_all()
    assert delivery.body == b"1"
    publish(channel, "", queue, "job", b"3")
    assert inbox.take_all() == []
    channel.basic_ack(delivery.tag)
    publish(channel, "", queue, "job", b"4")
    assert bodies(inbox.take(1)) == [b"4"]


def test_what_was_seen_is_known_after_a_crash(tmp_path: Path):
    broker = RunningBroker(tmp_path)
    broker.start()
    try:
        with pika.BlockingConnection(pika.URLParameters(broker.url)) as connection:
            channel = connection.channel()
            arguments = {"x-cache-size": 1000, "x-cache-ttl": 600_000}
            channel.exchange_declare("once", EXCHANGE_TYPE, durable=True, arguments=arguments)
            channel.queue_declare("jobs", durable=True)
            channel.queue_bind("jobs", "once")
            channel.confirm_delivery()
            for number in range(100):
                publish(channel, "once", "", f"job {number}", b"%d" % number)
            assert len(get_bodies(channel, "jobs")) == 100
            broker.kill()
    except pika.exceptions.AMQPConnectionError:
        pass
    broker.start()
    with pika.BlockingConnection(pika.URLParameters(broker.url)) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        before = channel.queue_declare("jobs", passive=True).method.message_count
        for number in range(50, 150):
            publish(channel, "once", "", f"job {number}", b"%d" % number)
        after = channel.queue_declare("jobs", passive=True).method.message_count
    assert after - before == 50
    assert broker.stop() == 0, broker.log


def test_a_consumer_that_takes_too_long_is_cancelled(channel: BlockingChannel, fresh: Fresh):
    queue = fresh("hasty")
    channel.queue_declare(queue, arguments={"x-consumer-timeout": 300})
    channel.basic_publish("", queue, b"1")
    other = channel.connection.channel()
    inbox = Inbox(channel, queue)
    assert bodies(inbox.take(1)) == [b"1"]
    # It returns when the channel has no consumer any more.
    channel.start_consuming()
    assert channel.is_open
    method, _, body = other.basic_get(queue, auto_ack=True)
    assert (method.redelivered, body) == (True, b"1")
