"""What a queue gives up by itself: by time, by length, by the number of deliveries."""

from typing import Any

import pytest

from tests.exchange.core_client import Client
from tests.exchange.durable_broker import DurableBroker
from tests.exchange.messages import body_of, make_message
from tests.exchange.outlet import Delivered
from warrener.exchange.message import Message

EACH = len(make_message(b"1").content)


@pytest.fixture
def dead(client: Client) -> Client:
    """A client whose queue `dead` gets what the others give up."""
    client.declare("dead")
    return client


def declare(client: Client, **arguments: Any) -> None:
    named = {f"x-{name.replace('_', '-')}": value for name, value in arguments.items()}
    dead_letters = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"}
    client.declare("q", arguments=named | dead_letters)


def publish_expiring(client: Client, body: bytes, ms: int) -> None:
    message = make_message(body, persistent=True, expiration=str(ms))
    route = client.vhost.route("", "q", message.properties)
    client.vhost.publish(route, [message], len(message.content), expiring=True)
    client.broker.end_pass()


def at(client: Client, ms: int) -> None:
    """A pass at a time in which nothing else happens."""
    client.broker.ledger.set_time(ms)
    client.broker.end_pass()


def letters(client: Client) -> list[tuple[bytes, str]]:
    """Bodies and reasons of the dead letters, which another client takes."""
    reader = Client(client.broker)
    found = []
    while reader.get("dead"):
        (delivery,) = reader.channel.unacked.values()
        headers = delivery.message.properties.headers or {}
        found.append((body_of(delivery.message), str(headers["x-last-death-reason"])))
        reader.ack(0, multiple=True)
    return found


# Time


def test_a_message_is_given_up_when_its_time_is_over(dead: Client) -> None:
    declare(dead)
    publish_expiring(dead, b"1", ms=100)
    at(dead, 99)
    assert letters(dead) == []
    at(dead, 100)
    assert letters(dead) == [(b"1", "expired")]
    assert len(dead.vhost.queues["q"].ready) == 0


def test_the_shorter_time_of_message_and_queue_counts(dead: Client) -> None:
    declare(dead, message_ttl=50)
    publish_expiring(dead, b"long", ms=100)
    publish_expiring(dead, b"short", ms=10)
    at(dead, 10)
    assert letters(dead) == [(b"short", "expired")]
    at(dead, 50)
    assert letters(dead) == [(b"long", "expired")]


def test_a_message_behind_one_that_stays_is_given_up_all_the_same(dead: Client) -> None:
    declare(dead)
    dead.publish("", "q", b"stays")
    publish_expiring(dead, b"goes", ms=10)
    at(dead, 10)
    assert letters(dead) == [(b"goes", "expired")]
    assert dead.drain("q") == [b"stays"]


def test_a_message_without_time_goes_to_a_consumer_that_is_there_or_to_nobody(
    dead: Client,
) -> None:
    declare(dead)
    dead.consume("q", prefetch=1)
    publish_expiring(dead, b"1", ms=0)
    publish_expiring(dead, b"2", ms=0)
    assert dead.received() == [b"1"]
    assert letters(dead) == [(b"2", "expired")]


def test_what_is_with_a_consumer_does_not_expire(dead: Client) -> None:
    declare(dead, message_ttl=10)
    dead.publish("", "q", b"1")
    dead.get("q")
    at(dead, 20)
    assert letters(dead) == []
    dead.ack(1)
    at(dead, 30)
    assert letters(dead) == []


def test_what_comes_back_after_its_time_is_given_up(dead: Client) -> None:
    declare(dead, message_ttl=10)
    dead.publish("", "q", b"1")
    dead.get("q")
    at(dead, 20)
    dead.reject(1)
    dead.broker.end_pass()
    assert letters(dead) == [(b"1", "expired")]


def test_what_comes_back_after_its_time_is_not_delivered_again(dead: Client) -> None:
    declare(dead, message_ttl=10)
    dead.consume("q")
    dead.publish("", "q", b"1")
    assert dead.received() == [b"1"]
    at(dead, 20)
    dead.reject(1)
    assert dead.received() == []
    assert letters(dead) == [(b"1", "expired")]


def test_get_does_not_give_what_is_late(dead: Client) -> None:
    declare(dead, message_ttl=10)
    dead.publish("", "q", b"1", b"2")
    dead.broker.ledger.set_time(20)
    assert dead.get("q") is None
    dead.broker.end_pass()
    assert letters(dead) == [(b"1", "expired"), (b"2", "expired")]


def test_a_purge_leaves_the_time_of_what_is_out(dead: Client) -> None:
    declare(dead, message_ttl=10)
    dead.publish("", "q", b"1", b"2")
    dead.get("q")
    dead.vhost.queues["q"].purge()
    dead.reject(1)
    at(dead, 20)
    assert letters(dead) == [(b"1", "expired")]


def test_expired_messages_are_settled_in_the_store(durable: DurableBroker) -> None:
    client = durable.client
    client.declare("q", durable=True, arguments={"x-message-ttl": 10})
    durable.broker.ledger.set_time(1000)
    client.publish("", "q", b"1", persistent=True)
    durable.broker.ledger.set_time(1005)
    client.publish("", "q", b"2", persistent=True)
    at(client, 1010)
    durable.restart()
    assert durable.restored.messages == 1
    at(durable.client, 1014)
    assert len(durable.client.vhost.queues["q"].ready) == 1
    at(durable.client, 1015)
    assert len(durable.client.vhost.queues["q"].ready) == 0


def test_a_message_with_a_time_of_its_own_keeps_it_over_a_restart(
    durable: DurableBroker,
) -> None:
    client = durable.client
    client.declare("q", durable=True)
    durable.broker.ledger.set_time(1000)
    publish_expiring(client, b"goes", ms=10)
    client.publish("", "q", b"stays", persistent=True)
    durable.restart()
    at(durable.client, 1009)
    assert len(durable.client.vhost.queues["q"].ready) == 2
    at(durable.client, 1010)
    assert durable.client.drain("q") == [b"stays"]


def test_a_queue_that_nobody_uses_goes(client: Client) -> None:
    client.declare("q", arguments={"x-expires": 100})
    at(client, 60)
    client.get("q")
    at(client, 120)
    assert "q" in client.vhost.queues
    client.consume("q")
    at(client, 400)
    assert "q" in client.vhost.queues
    client.channel.cancel("c")
    at(client, 499)
    assert "q" in client.vhost.queues
    at(client, 500)
    assert "q" not in client.vhost.queues


# Length


def test_beyond_its_length_the_oldest_messages_are_given_up(dead: Client) -> None:
    declare(dead, max_length=2)
    dead.publish("", "q", b"1", b"2", b"3")
    dead.publish("", "q", b"4")
    assert letters(dead) == [(b"1", "maxlen"), (b"2", "maxlen")]
    assert dead.drain("q") == [b"3", b"4"]


def test_beyond_its_bytes_too(dead: Client) -> None:
    declare(dead, max_length_bytes=2 * EACH)
    dead.publish("", "q", b"1", b"2", b"3")
    assert letters(dead) == [(b"1", "maxlen")]
    assert dead.drain("q") == [b"2", b"3"]


def test_what_a_consumer_takes_at_once_is_not_too_much(dead: Client) -> None:
    declare(dead, max_length=1)
    dead.consume("q")
    dead.publish("", "q", b"1", b"2", b"3")
    assert dead.received() == [b"1", b"2", b"3"]
    assert letters(dead) == []


def test_what_comes_back_may_be_too_much(dead: Client) -> None:
    declare(dead, max_length=1)
    dead.publish("", "q", b"1")
    dead.get("q")
    dead.publish("", "q", b"2")
    dead.reject(1)
    dead.broker.end_pass()
    assert letters(dead) == [(b"1", "maxlen")]


def test_a_full_queue_may_refuse_instead(dead: Client) -> None:
    declare(dead, max_length=1, overflow="reject-publish")
    assert refused(dead, b"1", b"2") == [b"2"]
    assert dead.drain("q") == [b"1"]
    assert letters(dead) == []


def test_or_refuse_and_give_up(dead: Client) -> None:
    declare(dead, max_length=1, overflow="reject-publish-dlx")
    assert refused(dead, b"1", b"2") == [b"2"]
    assert letters(dead) == [(b"2", "maxlen")]


def test_a_full_queue_does_not_keep_the_others_from_getting_a_message(dead: Client) -> None:
    declare(dead, max_length=0, overflow="reject-publish")
    dead.declare("roomy", durable=True)
    for name in ("q", "roomy"):
        dead.bind("amq.fanout", name)
    message = make_message(b"1", persistent=True)
    route = dead.vhost.route("amq.fanout", "", message.properties)
    assert dead.vhost.publish(route, [message], len(message.content)) == [message]
    assert dead.drain("roomy") == [b"1"]


def refused(client: Client, *bodies: bytes) -> list[bytes]:
    messages = [make_message(body) for body in bodies]
    route = client.vhost.route("", "q", messages[0].properties)
    size = EACH * len(messages)
    found: list[Message] = list(client.vhost.publish(route, messages, size))
    client.broker.end_pass()
    return [body_of(message) for message in found]


# Deliveries


def test_a_message_that_came_back_too_often_is_given_up(dead: Client) -> None:
    declare(dead, delivery_limit=1)
    dead.publish("", "q", b"1", b"2")
    dead.consume("q", prefetch=1)
    assert dead.deliveries() == [Delivered("c", 1, b"1", redelivered=False)]
    dead.reject(1)
    assert dead.deliveries() == [Delivered("c", 2, b"1", redelivered=True)]
    dead.reject(2)
    assert dead.deliveries() == [Delivered("c", 3, b"2", redelivered=False)]
    assert letters(dead) == [(b"1", "delivery_limit")]


def test_a_delivery_tells_how_often_the_message_came_back(dead: Client) -> None:
    declare(dead, delivery_limit=5)
    dead.publish("", "q", b"1")
    for count in (0, 1, 2):
        dead.get("q")
        (delivery,) = dead.channel.unacked.values()
        assert (delivery.message.properties.headers or {}).get("x-delivery-count", 0) == count
        dead.reject(count + 1)


def test_counted_messages_leave_the_counters_right(dead: Client) -> None:
    declare(dead, delivery_limit=1)
    queue = dead.vhost.queues["q"]
    dead.publish("", "q", b"1", b"2")
    for _ in range(2):
        dead.get("q")
        dead.get("q")
        dead.reject(0, multiple=True)
        counts = queue.statistics()
        assert (counts.messages_unacked, counts.bytes_unacked) == (0, 0)
    assert (len(queue.ready), queue.ready.bytes, queue.ready.memory_bytes) == (0, 0, 0)


def test_a_purge_leaves_the_count_of_what_is_out(dead: Client) -> None:
    declare(dead, delivery_limit=1)
    dead.publish("", "q", b"1")
    dead.get("q")
    dead.reject(1)
    dead.get("q")
    dead.vhost.queues["q"].purge()
    dead.reject(2)
    assert letters(dead) == [(b"1", "delivery_limit")]


def test_a_rejected_message_is_given_up(dead: Client) -> None:
    declare(dead)
    dead.publish("", "q", b"1", b"2")
    dead.get("q")
    dead.get("q")
    dead.reject(2, multiple=True, requeue=False)
    assert letters(dead) == [(b"1", "rejected"), (b"2", "rejected")]


# Order


def test_messages_of_higher_priority_leave_first(client: Client) -> None:
    client.declare("q", arguments={"x-max-priority": 5})
    for body, priority in ((b"a", 0), (b"b", 9), (b"c", 5), (b"d", 1)):
        message = make_message(body, priority=priority)
        route = client.vhost.route("", "q", message.properties)
        client.vhost.publish(route, [message], len(message.content))
    assert client.drain("q") == [b"b", b"c", b"d", b"a"]


def test_only_one_consumer_is_active_until_it_leaves(client: Client) -> None:
    client.declare("q", arguments={"x-single-active-consumer": True})
    client.consume("q", "first", prefetch=1)
    client.consume("q", "second")
    client.publish("", "q", b"1", b"2")
    assert [(d.consumer, d.body) for d in client.deliveries()] == [("first", b"1")]
    client.channel.cancel("first")
    assert [(d.consumer, d.body) for d in client.deliveries()] == [("second", b"2")]


def test_the_active_consumer_stays_when_another_leaves(client: Client) -> None:
    client.declare("q", arguments={"x-single-active-consumer": True})
    for tag in ("first", "second", "third"):
        client.consume("q", tag, priority=9 if tag == "third" else 0)
    client.channel.cancel("second")
    client.publish("", "q", b"1")
    assert [(d.consumer, d.body) for d in client.deliveries()] == [("first", b"1")]
