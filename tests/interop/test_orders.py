"""A real stream of events through every exchange type, against bindings computed in plain Python.

Each test declares bindings twice: for the broker, and as a Python predicate over the events. What
a queue gets must be what the predicate lets through, in the order of the stream.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from pika import BasicProperties, DeliveryMode
from pika.adapters.blocking_connection import BlockingChannel

from tests.interop.conftest import Fresh
from tests.interop.inbox import Inbox

pytestmark = pytest.mark.slow

DATA = Path(__file__).parents[2] / "examples" / "data"
Event = dict[str, object]
Predicate = Callable[[Event], bool]


@pytest.fixture(scope="module")
def events() -> list[Event]:
    return [json.loads(line) for line in (DATA / "orders.jsonl").read_text().splitlines()]


def topic_predicate(pattern: str) -> Predicate:
    """`*` is one word, `#` any number of words: said once more, as a regular expression."""
    expression = "".join(
        {"*": r"\.[^.]+", "#": r"(\.[^.]+)*"}.get(word, re.escape("." + word))
        for word in pattern.split(".")
    )
    return lambda event: re.fullmatch(expression, f".{event['routing_key']}") is not None


def publish(
    channel: BlockingChannel, exchange: str, events: list[Event], routing_key: str = "routing_key"
) -> None:
    for event in events:
        channel.basic_publish(
            exchange,
            str(event[routing_key]),
            json.dumps(event).encode(),
            BasicProperties(
                message_id=str(event["id"]),
                content_type="application/json",
                delivery_mode=DeliveryMode.Persistent,
                headers={name: event[name] for name in ("kind", "region", "priority")},
            ),
        )


def assert_received(
    channel: BlockingChannel, queue: str, events: list[Event], wanted: Predicate
) -> None:
    expected = [event for event in events if wanted(event)]
    assert expected, "a binding that lets nothing through proves nothing"
    inbox = Inbox(channel, queue, auto_ack=True)
    received = inbox.take(len(expected)) + inbox.take_all()
    assert expected == [json.loads(delivery.body) for delivery in received]
    assert [event["id"] for event in expected] == [d.properties.message_id for d in received]


def declare_queues(channel: BlockingChannel, fresh: Fresh, count: int) -> list[str]:
    queues = [fresh("queue") for _ in range(count)]
    for queue in queues:
        channel.queue_declare(queue, durable=True)
    return queues


def test_a_direct_exchange_sorts_the_stream_by_kind(
    channel: BlockingChannel, fresh: Fresh, events: list[Event]
):
    exchange = fresh("exchange")
    channel.exchange_declare(exchange, "direct", durable=True)
    kinds = [{"order.paid"}, {"order.created", "order.cancelled"}, {"refund.requested"}]
    queues = declare_queues(channel, fresh, len(kinds))
    for queue, wanted in zip(queues, kinds, strict=True):
        for kind in wanted:
            channel.queue_bind(queue, exchange, kind)
    publish(channel, exchange, events, routing_key="kind")
    for queue, wanted in zip(queues, kinds, strict=True):
        assert_received(
            channel, queue, events, lambda event, wanted=wanted: event["kind"] in wanted
        )


def test_a_topic_exchange_sorts_the_stream_by_patterns(
    channel: BlockingChannel, fresh: Fresh, events: list[Event]
):
    exchange = fresh("exchange")
    channel.exchange_declare(exchange, "topic", durable=True)
    patterns = ["eu.#", "*.order.paid", "#.login", "us.stock.low", "*.*.*", "apac.*.*", "#.order.#"]
    queues = declare_queues(channel, fresh, len(patterns))
    for queue, pattern in zip(queues, patterns, strict=True):
        channel.queue_bind(queue, exchange, pattern)
    publish(channel, exchange, events)
    for queue, pattern in zip(queues, patterns, strict=True):
        assert_received(channel, queue, events, topic_predicate(pattern))


def test_patterns_that_overlap_in_one_queue_deliver_once(
    channel: BlockingChannel, fresh: Fresh, events: list[Event]
):
    exchange, [queue] = fresh("exchange"), declare_queues(channel, fresh, 1)
    channel.exchange_declare(exchange, "topic", durable=True)
    patterns = ["eu.#", "*.order.*", "eu.order.paid", "#.low"]
    for pattern in patterns:
        channel.queue_bind(queue, exchange, pattern)
    publish(channel, exchange, events)
    predicates = [topic_predicate(pattern) for pattern in patterns]
    assert_received(channel, queue, events, lambda event: any(p(event) for p in predicates))


def test_a_fanout_exchange_copies_the_stream(
    channel: BlockingChannel, fresh: Fresh, events: list[Event]
):
    exchange = fresh("exchange")
    channel.exchange_declare(exchange, "fanout", durable=True)
    queues = declare_queues(channel, fresh, 3)
    for queue in queues:
        channel.queue_bind(queue, exchange)
    publish(channel, exchange, events[:1500])
    for queue in queues:
        assert_received(channel, queue, events[:1500], lambda event: True)


def test_a_headers_exchange_sorts_the_stream_by_facts(
    channel: BlockingChannel, fresh: Fresh, events: list[Event]
):
    exchange = fresh("exchange")
    channel.exchange_declare(exchange, "headers", durable=True)
    urgent_in_europe: Event = {"region": "EU", "priority": 9}
    paid_or_asian: Event = {"kind": "order.paid", "region": "APAC"}
    every, either = declare_queues(channel, fresh, 2)
    channel.queue_bind(every, exchange, arguments={"x-match": "all", **urgent_in_europe})
    channel.queue_bind(either, exchange, arguments={"x-match": "any", **paid_or_asian})
    publish(channel, exchange, events)
    assert_received(channel, every, events, lambda event: urgent_in_europe.items() <= event.items())
    assert_received(
        channel, either, events, lambda event: bool(paid_or_asian.items() & event.items())
    )


def test_the_stream_passes_through_two_exchanges(
    channel: BlockingChannel, fresh: Fresh, events: list[Event]
):
    entry, europe = fresh("entry"), fresh("europe")
    channel.exchange_declare(entry, "topic", durable=True)
    channel.exchange_declare(europe, "direct", durable=True)
    channel.exchange_bind(europe, entry, "eu.#")
    everything, paid = declare_queues(channel, fresh, 2)
    channel.queue_bind(everything, entry, "#")
    channel.queue_bind(paid, europe, "eu.order.paid")
    channel.queue_bind(paid, entry, "eu.order.*")
    publish(channel, entry, events)
    assert_received(channel, everything, events, lambda event: True)
    assert_received(channel, paid, events, topic_predicate("eu.order.*"))
