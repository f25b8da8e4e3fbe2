"""pika, unmodified: filters on bindings and on consumers, asked for by arguments."""

import os
from pathlib import Path
from typing import Any

import pika
import pytest
from pika import BasicProperties
from pika.adapters.blocking_connection import BlockingChannel

from tests.interop.conftest import Connect, Fresh
from tests.interop.dying_queues import count, wait_for_count
from tests.interop.inbox import Inbox, bodies, get_bodies
from tests.interop.refusal import channel_closed
from tests.interop.running_broker import RunningBroker

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("WARRENER_TEST_URL" in os.environ, reason="RabbitMQ has no filters"),
]


def selector(text: object) -> dict[str, Any]:
    return {"x-filter-jms-selector": text}


def tags(text: object) -> dict[str, Any]:
    return {"x-filter-tags": text}


def publish(channel: BlockingChannel, exchange: str, key: str, body: bytes, **headers: Any) -> None:
    channel.basic_publish(exchange, key, body, BasicProperties(headers=headers))


def publish_regions(channel: BlockingChannel, queue: str, names: str) -> None:
    """A message for each letter, `e` for the region EU and `u` for US, with its place as number."""
    for number, letter in enumerate(names):
        region = {"e": "EU", "u": "US"}.get(letter, letter)
        publish(channel, "", queue, b"%s%d" % (letter.encode(), number), region=region, n=number)


EU = selector("region = 'EU'")
US = selector("region = 'US'")


# Consumers


def test_two_consumers_with_complementary_selectors_share_a_queue(
    connect: Connect, channel: BlockingChannel, queue: str
):
    eu = Inbox(connect().channel(), queue, auto_ack=True, arguments=EU)
    us = Inbox(connect().channel(), queue, auto_ack=True, arguments=US)
    publish_regions(channel, queue, "eueeuueu")
    assert bodies(eu.take(4)) == [b"e0", b"e2", b"e3", b"e6"]
    assert bodies(us.take(4)) == [b"u1", b"u4", b"u5", b"u7"]
    assert count(channel, queue) == 0


def test_a_consumer_gets_what_it_wants_of_what_was_there_before(
    channel: BlockingChannel, queue: str
):
    publish_regions(channel, queue, "eueu")
    us = Inbox(channel, queue, auto_ack=True, arguments=US)
    assert bodies(us.take_all()) == [b"u1", b"u3"]
    assert get_bodies(channel, queue) == [b"e0", b"e2"]


def test_what_a_consumer_leaves_behind_goes_to_the_next_that_wants_it(
    connect: Connect, channel: BlockingChannel, queue: str
):
    first = connect().channel()
    first.basic_qos(prefetch_count=2)
    eu = Inbox(first, queue, arguments=EU)
    publish_regions(channel, queue, "eueee")
    one, two = eu.take(2)
    first.basic_ack(one.tag)
    assert bodies(eu.take(1)) == [b"e3"]
    other = Inbox(connect().channel(), queue, auto_ack=True, arguments=selector("n > 0"))
    assert bodies(other.take(2)) == [b"u1", b"e4"]
    first.close()
    assert [(d.body, d.redelivered) for d in other.take(2)] == [(b"e2", True), (b"e3", True)]
    assert two.body == b"e2"


def test_a_message_that_nobody_wants_waits_and_holds_up_nobody(
    channel: BlockingChannel, queue: str
):
    eu = Inbox(channel, queue, auto_ack=True, arguments=EU)
    publish_regions(channel, queue, "u" * 500)
    publish_regions(channel, queue, "e")
    assert bodies(eu.take(1)) == [b"e0"]
    assert count(channel, queue) == 500
    us = Inbox(channel, queue, auto_ack=True, arguments=US)
    assert len(us.take(500)) == 500


def test_a_consumer_may_filter_by_tags(channel: BlockingChannel, queue: str):
    inbox = Inbox(channel, queue, auto_ack=True, arguments=tags("TagA || TagB"))
    for tag in ("TagA", "TagB", "TagC", "taga"):
        publish(channel, "", queue, tag.encode(), TAGS=tag)
    publish(channel, "", queue, b"none")
    assert bodies(inbox.take_all()) == [b"TagA", b"TagB"]
    assert get_bodies(channel, queue) == [b"TagC", b"taga", b"none"]


@pytest.mark.parametrize("arguments", [tags("*"), tags(""), selector(""), selector("  ")])
def test_a_filter_for_everything_is_none(
    channel: BlockingChannel, queue: str, arguments: dict[str, Any]
):
    inbox = Inbox(channel, queue, auto_ack=True, arguments=arguments)
    publish(channel, "", queue, b"1")
    assert bodies(inbox.take(1)) == [b"1"]


def test_a_filter_may_ask_for_properties_and_for_redelivery(channel: BlockingChannel, queue: str):
    first = Inbox(channel, queue, arguments=selector("JMSRedelivered = FALSE AND JMSType = 'a'"))
    channel.basic_publish("", queue, b"1", BasicProperties(type="a"))
    channel.basic_publish("", queue, b"2", BasicProperties(type="b"))
    (delivery,) = first.take_all()
    assert delivery.body == b"1"
    channel.basic_nack(delivery.tag)
    assert first.take_all() == []
    assert get_bodies(channel, queue) == [b"1", b"2"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (selector("region = "), "invalid x-filter-jms-selector"),
        (selector("region = 'EU"), "column 10"),
        (selector("region ==== 'EU'"), "column 9: expected"),
        (selector(17), "expected a string"),
        (selector(True), "expected a string"),
        (tags(["a", "b"]), "expected a string"),
        (tags("a" * 5000), "invalid x-filter-tags"),
    ],
    ids=["unfinished", "open quote", "operator", "number", "flag", "list", "long"],
)
def test_what_is_no_filter_is_refused_and_nothing_begins(
    connection: pika.BlockingConnection,
    channel: BlockingChannel,
    queue: str,
    arguments: dict[str, Any],
    text: str,
):
    other = connection.channel()
    with channel_closed(406, text):
        Inbox(other, queue, arguments=arguments)
    other = connection.channel()
    with channel_closed(406, text):
        other.queue_bind(queue, "amq.fanout", arguments=arguments)
    assert channel.queue_declare(queue, passive=True).method.consumer_count == 0
    publish(channel, "amq.fanout", "", b"1", region="EU")
    assert count(channel, queue) == 0


# Bindings


@pytest.mark.parametrize(
    ("kind", "key", "more"),
    [
        ("fanout", "", {}),
        ("direct", "k", {}),
        ("topic", "k.*", {}),
        ("headers", "", {"x-match": "any", "region": "EU", "kind": 1}),
    ],
    ids=["fanout", "direct", "topic", "headers"],
)
def test_a_filter_narrows_a_binding(
    channel: BlockingChannel, fresh: Fresh, kind: str, key: str, more: dict[str, Any]
):
    exchange, all_of_it, large = fresh("exchange"), fresh("all"), fresh("large")
    channel.exchange_declare(exchange, kind)
    for name, arguments in ((all_of_it, more), (large, more | selector("n >= 2"))):
        channel.queue_declare(name)
        channel.queue_bind(name, exchange, key, arguments)
    for number in range(4):
        publish(
            channel, exchange, key.replace("*", "x"), b"%d" % number, n=number, region="EU", kind=2
        )
    assert get_bodies(channel, all_of_it) == [b"0", b"1", b"2", b"3"]
    assert get_bodies(channel, large) == [b"2", b"3"]


def test_a_filter_may_stand_between_exchanges(channel: BlockingChannel, fresh: Fresh):
    first, second, queue = fresh("first"), fresh("second"), fresh("queue")
    channel.exchange_declare(first, "direct")
    channel.exchange_declare(second, "fanout")
    channel.queue_declare(queue)
    channel.exchange_bind(second, first, "k", selector("region = 'EU'"))
    channel.queue_bind(queue, second, arguments=tags("a || b"))
    for region in ("EU", "US"):
        for tag in ("a", "c"):
            publish(channel, first, "k", f"{region} {tag}".encode(), region=region, TAGS=tag)
    assert get_bodies(channel, queue) == [b"EU a"]


def test_a_filter_is_part_of_what_a_binding_is(channel: BlockingChannel, queue: str, fresh: Fresh):
    exchange = fresh("exchange")
    channel.exchange_declare(exchange, "fanout")
    for arguments in (EU, US, EU):
        channel.queue_bind(queue, exchange, arguments=arguments)
    publish(channel, exchange, "", b"EU 1", region="EU")
    channel.queue_unbind(queue, exchange)
    channel.queue_unbind(queue, exchange, arguments=selector("region = 'CN'"))
    publish(channel, exchange, "", b"EU 2", region="EU")
    channel.queue_unbind(queue, exchange, arguments=EU)
    publish(channel, exchange, "", b"EU 3", region="EU")
    publish(channel, exchange, "", b"US", region="US")
    assert get_bodies(channel, queue) == [b"EU 1", b"EU 2", b"US"]


def test_a_message_that_no_filter_wants_is_returned(channel: BlockingChannel, queue: str):
    channel.queue_bind(queue, "amq.fanout", arguments=selector("wanted = TRUE"))
    channel.confirm_delivery()
    properties = BasicProperties(headers={"wanted": False})
    with pytest.raises(pika.exceptions.UnroutableError):
        channel.basic_publish("amq.fanout", "", b"1", properties, mandatory=True)
    properties = BasicProperties(headers={"wanted": True})
    channel.basic_publish("amq.fanout", "", b"2", properties, mandatory=True)
    channel.queue_unbind(queue, "amq.fanout", arguments=selector("wanted = TRUE"))
    assert get_bodies(channel, queue) == [b"2"]


def test_a_filter_of_a_binding_survives_a_restart(tmp_path: Path):
    broker = RunningBroker(tmp_path)
    broker.start()
    with pika.BlockingConnection(pika.URLParameters(broker.url)) as connection:
        channel = connection.channel()
        channel.queue_declare("q", durable=True)
        channel.queue_bind("q", "amq.topic", "#", selector("region = 'EU'") | tags("a || b"))
    broker.restart()
    with pika.BlockingConnection(pika.URLParameters(broker.url)) as connection:
        channel = connection.channel()
        for region in ("EU", "US"):
            for tag in ("a", "c"):
                publish(channel, "amq.topic", "k", region.encode(), region=region, TAGS=tag)
        assert get_bodies(channel, "q") == [b"EU"]
        # The same binding, so it can be taken away as it was made.
        channel.queue_unbind("q", "amq.topic", "#", selector("region = 'EU'") | tags("a || b"))
        publish(channel, "amq.topic", "k", b"EU", region="EU", TAGS="a")
        assert count(channel, "q") == 0
    assert broker.stop() == 0, broker.log


# With other features


def test_filters_and_the_rest_go_together(channel: BlockingChannel, fresh: Fresh):
    queue, dead = fresh("queue"), fresh("dead")
    channel.queue_declare(dead)
    arguments = {
        "x-max-priority": 5,
        "x-message-ttl": 300,
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": dead,
    }
    channel.queue_declare(queue, arguments=arguments)
    channel.basic_qos(prefetch_count=1)
    eu = Inbox(channel, queue, arguments=EU)
    for priority, region in ((1, "EU"), (2, "US"), (3, "EU"), (4, "EU")):
        properties = BasicProperties(priority=priority, headers={"region": region})
        channel.basic_publish("", queue, b"%d" % priority, properties)
    (first,) = eu.take(1)
    wait_for_count(channel, dead, 3)
    channel.basic_reject(first.tag, requeue=False)
    assert first.body in (b"1", b"3", b"4")
    assert sorted(get_bodies(channel, dead)) == [b"1", b"2", b"3", b"4"]
