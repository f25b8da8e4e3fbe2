"""Since when the oldest message of a queue waits."""

import pytest

from tests.exchange.core_client import Client
from warrener.exchange.filters.filter import compile_filter
from warrener.exchange.queues import oldest
from warrener.exchange.queues.queue import Queue


def age(client: Client, queue: Queue) -> int | None:
    """In ms, at the time of the broker."""
    since = oldest.published(queue, client.broker.ledger)
    return None if since is None else client.broker.ledger.now_ms - since


@pytest.fixture
def queue(client: Client) -> Queue:
    client.at(1000)
    (queue,) = client.declare("q", durable=True)
    return queue


def test_an_empty_queue_has_no_oldest_message(client: Client, queue: Queue):
    assert age(client, queue) is None
    assert oldest.head(queue) is None


def test_a_stored_message_has_its_time_in_the_store(client: Client, queue: Queue):
    client.publish("", "q", b"1", persistent=True)
    client.at(4000)
    client.publish("", "q", b"2", persistent=True)
    client.at(5000)
    assert age(client, queue) == 4000
    client.get("q", no_ack=True)
    assert age(client, queue) == 1000


def test_a_message_that_came_back_is_the_oldest(client: Client, queue: Queue):
    client.publish("", "q", b"1", persistent=True)
    client.at(2000)
    client.publish("", "q", b"2", persistent=True)
    client.get("q")
    client.reject(1)
    client.at(3000)
    assert age(client, queue) == 2000


def test_a_message_in_memory_has_the_time_that_its_publisher_says(client: Client, queue: Queue):
    client.publish("", "q", b"1", timestamp=2)
    client.at(5000)
    assert age(client, queue) == 3000


def test_a_message_without_any_time_has_none(client: Client, queue: Queue):
    client.publish("", "q", b"1")
    assert age(client, queue) is None


def test_a_large_message_is_not_read_to_know_its_time(
    client: Client, queue: Queue, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(oldest, "READ_BYTES_MAX", 10)
    client.publish("", "q", b"much too long for this", persistent=True)
    assert age(client, queue) is None


def test_messages_that_a_filter_refuses_grow_old(client: Client, queue: Queue):
    client.consume("q", filter=compile_filter("color = 'red'"))
    client.publish("", "q", b"1", persistent=True)
    client.at(9000)
    client.publish("", "q", b"2", persistent=True, headers={"color": "red"})
    assert age(client, queue) == 8000


def test_priorities_do_not_count(client: Client):
    client.at(1000)
    (queue,) = client.declare("p", durable=True, arguments={"x-max-priority": 9})
    client.publish("", "p", b"1", persistent=True, priority=1)
    client.at(2000)
    client.publish("", "p", b"2", persistent=True, priority=9)
    client.at(3000)
    assert age(client, queue) == 2000


def test_what_another_queue_has_stored_and_settled_is_not_read(client: Client, queue: Queue):
    (passing,) = client.declare("passing")
    for name in ("q", "passing"):
        client.bind("amq.fanout", name)
    client.publish("amq.fanout", "", b"1", persistent=True)
    client.get("q", no_ack=True)
    client.broker.end_pass()
    assert age(client, passing) is None
