"""pika, unmodified: messages in groups, and retries with back-off. Nothing here is RabbitMQ's."""

import os
import time
from pathlib import Path
from typing import Any

import pika
import pytest
from pika import BasicProperties
from pika.adapters.blocking_connection import BlockingChannel

from tests.interop.conftest import Connect, Fresh
from tests.interop.dying_queues import Graveyard, count
from tests.interop.inbox import Inbox, bodies
from tests.interop.refusal import channel_closed
from tests.interop.running_broker import RunningBroker

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("WARRENER_TEST_URL" in os.environ, reason="Warrener only"),
]

WORKERS = 2
CUSTOMERS = 3
STEPS = 4


@pytest.fixture
def dead(channel: BlockingChannel, fresh: Fresh) -> Graveyard:
    return Graveyard(channel, fresh)


def publish(channel: BlockingChannel, queue: str, body: bytes, group: str) -> None:
    properties = BasicProperties(headers={"customer": group}, delivery_mode=2)
    channel.basic_publish("", queue, body, properties)


@pytest.mark.parametrize("shared", [0, 1])
def test_each_customer_is_served_in_order_by_one_worker_at_a_time(
    connect: Connect, fresh: Fresh, shared: int
):
    queue = fresh("orders")
    arguments = {"qpid.group_header_key": "customer", "qpid.shared_msg_group": shared}
    publisher = connect().channel()
    publisher.queue_declare(queue, durable=True, arguments=arguments)
    for step in range(STEPS):
        for customer in range(CUSTOMERS):
            publish(publisher, queue, b"%d %d" % (customer, step), f"c{customer}")
    channels = [connect().channel() for _ in range(WORKERS)]
    inboxes = []
    for channel in channels:
        channel.basic_qos(prefetch_count=1)
        inboxes.append(Inbox(channel, queue))
    done: dict[int, list[int]] = {customer: [] for customer in range(CUSTOMERS)}
    workers: dict[int, set[int]] = {customer: set() for customer in range(CUSTOMERS)}
    refused = False
    while sum(map(len, done.values())) < CUSTOMERS * STEPS:
        hands = [(worker, inbox.take_all()) for worker, inbox in enumerate(inboxes)]
        under_way = [
            (worker, *map(int, each.body.split()), each) for worker, hand in hands for each in hand
        ]
        assert len({customer for _, customer, _, _ in under_way}) == len(under_way)
        for worker, customer, step, delivery in under_way:
            workers[customer].add(worker)
            if (customer, step) == (1, 1) and not refused:
                refused = True
                channels[worker].basic_nack(delivery.tag)
            else:
                done[customer].append(step)
                channels[worker].basic_ack(delivery.tag)
    assert done == {customer: list(range(STEPS)) for customer in range(CUSTOMERS)}
    assert refused
    assert shared or all(len(who) == 1 for who in workers.values())
    assert count(publisher, queue) == 0


def test_what_fails_comes_back_later_and_later_until_it_is_given_up(
    channel: BlockingChannel, dead: Graveyard
):
    queue = dead.declare(
        "queue",
        delayed_retry_type="failed",
        delayed_retry_min=100,
        delayed_retry_max=150,
        delivery_limit=2,
    )
    inbox = Inbox(channel, queue)
    channel.basic_publish("", queue, b"poison")
    times = []
    for failures in range(3):
        (delivery,) = inbox.take(1)
        times.append(time.monotonic())
        assert (delivery.properties.headers or {}).get("x-delivery-count", 0) == failures
        channel.basic_publish("", queue, b"in between")
        (other,) = inbox.take(1)
        channel.basic_ack(other.tag)
        channel.basic_reject(delivery.tag)
    assert times[1] - times[0] >= 0.095
    assert times[2] - times[1] >= 0.145
    assert bodies(dead.take(1)) == [b"poison"]


def test_failures_are_counted_and_waited_for_across_a_kill(tmp_path: Path):
    broker = RunningBroker(tmp_path)
    broker.start()
    arguments = {"x-delayed-retry-min": 3000, "x-delayed-retry-multiplier": 1}
    with pika.BlockingConnection(pika.URLParameters(broker.url)) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.queue_declare("q", durable=True, arguments=arguments)
        channel.basic_publish("", "q", b"1", BasicProperties(delivery_mode=2))
        method, _, _ = channel.basic_get("q")
        begun = time.monotonic()
        channel.basic_reject(method.delivery_tag)
        # Its confirm says that what came before is on disk.
        channel.basic_publish("", "q", b"2", BasicProperties(delivery_mode=2))
    broker.kill()
    broker.start()
    with pika.BlockingConnection(pika.URLParameters(broker.url)) as connection:
        inbox = Inbox(connection.channel(), "q")
        deliveries = inbox.take(2)
        assert bodies(deliveries) == [b"2", b"1"]
        assert time.monotonic() - begun >= 2.995
        assert deliveries[1].properties.headers == {"x-delivery-count": 1}
    assert broker.stop() == 0, broker.log


@pytest.mark.parametrize(
    "arguments",
    [
        {"x-delayed-retry-type": "sometimes"},
        {"x-delayed-retry-type": "all"},
        {"x-delayed-retry-min": -1},
        {"x-delayed-retry-min": 100, "x-delayed-retry-max": 99},
        {"x-delayed-retry-min": 100, "x-delayed-retry-multiplier": "2"},
        {"qpid.group_header_key": 7},
        {"qpid.group_header_key": "g", "qpid.shared_msg_group": 2},
    ],
)
def test_what_makes_no_sense_is_refused(
    connection: pika.BlockingConnection, fresh: Fresh, arguments: dict[str, Any]
):
    channel = connection.channel()
    with channel_closed(406):
        channel.queue_declare(fresh("queue"), arguments=arguments)
