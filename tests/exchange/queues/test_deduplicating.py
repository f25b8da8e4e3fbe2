"""Exchanges and queues that pass a message once only."""

from typing import Any

import pytest

from tests.exchange.core_client import Client
from warrener.exchange.errors import PreconditionFailed

TYPE = "x-message-deduplication"
QUEUE = {"x-message-deduplication": True}


def publish(
    client: Client, exchange: str, value: object, *bodies: bytes, key: str = "k", **more: Any
) -> None:
    client.publish(exchange, key, *bodies, headers={"x-deduplication-header": value}, **more)


@pytest.fixture
def plugin(client: Client) -> Client:
    """A client of a broker with the exchange `e`, which remembers three, and two queues."""
    client.vhost.declare_exchange("e", TYPE, arguments={"x-cache-size": 3})
    client.declare("a", "b")
    client.bind("e", "a", "one key")
    client.bind("e", "b", "another")
    return client


def test_it_sends_each_message_everywhere_once(plugin: Client) -> None:
    publish(plugin, "e", "x", b"1")
    publish(plugin, "e", "x", b"2")
    publish(plugin, "e", "y", b"3")
    assert plugin.drain("a") == plugin.drain("b") == [b"1", b"3"]


def test_messages_of_one_run_are_compared_with_each_other(plugin: Client) -> None:
    publish(plugin, "e", "x", b"1", b"2", b"3")
    assert plugin.drain("a") == [b"1"]


def test_messages_without_the_header_pass(plugin: Client) -> None:
    plugin.publish("e", "k", b"1", b"2")
    assert plugin.drain("a") == [b"1", b"2"]


def test_a_message_that_nobody_got_was_seen_all_the_same(client: Client) -> None:
    client.vhost.declare_exchange("e", TYPE, arguments={"x-cache-size": 3})
    publish(client, "e", "x", b"1")
    client.declare("q")
    client.bind("e", "q")
    publish(client, "e", "x", b"2")
    assert client.drain("q") == []


def test_any_type_can_do_it(client: Client) -> None:
    client.vhost.declare_exchange("e", "topic", arguments={TYPE: True, "x-cache-ttl": 100})
    client.declare("q")
    client.bind("e", "q", "a.*")
    publish(client, "e", "x", b"1", key="a.b")
    publish(client, "e", "x", b"2", key="a.c")
    client.at(100)
    publish(client, "e", "x", b"3", key="a.b")
    assert client.drain("q") == [b"1", b"3"]


def test_an_exchange_behind_another_does_it_for_its_own_bindings_only(client: Client) -> None:
    client.vhost.declare_exchange("once", TYPE, arguments={"x-cache-size": 3})
    client.declare("all", "some")
    client.bind("amq.fanout", "all")
    client.bind("once", "some")
    client.vhost.bind("amq.fanout", client.vhost.exchange("once"), "")
    publish(client, "amq.fanout", "x", b"1", b"2")
    assert client.drain("all") == [b"1", b"2"]
    assert client.drain("some") == [b"1"]


def test_an_exchange_that_was_not_reached_has_seen_nothing(client: Client) -> None:
    for name in ("first", "second"):
        client.vhost.declare_exchange(name, TYPE, arguments={"x-cache-size": 3})
    client.declare("q")
    client.bind("second", "q")
    publish(client, "first", "x", b"1")
    client.vhost.bind("first", client.vhost.exchange("second"), "")
    publish(client, "first", "x", b"2")
    publish(client, "second", "x", b"3")
    assert client.drain("q") == [b"3"]


def test_a_duplicate_does_not_take_the_alternate_exchange(client: Client) -> None:
    arguments = {TYPE: True, "alternate-exchange": "amq.fanout"}
    client.vhost.declare_exchange("e", "direct", arguments=arguments)
    client.declare("q", "spare")
    client.bind("e", "q", "k")
    client.bind("amq.fanout", "spare")
    publish(client, "e", "x", b"1", b"2")
    assert (client.drain("q"), client.drain("spare")) == ([b"1"], [])


def test_a_history_has_each_message_once(client: Client) -> None:
    client.vhost.declare_exchange("e", "x-recent-history", arguments={TYPE: True})
    publish(client, "e", "x", b"1", b"2")
    client.declare("q")
    client.bind("e", "q")
    assert client.drain("q") == [b"1"]


def test_a_delayed_message_is_no_duplicate_of_itself(client: Client) -> None:
    arguments = {"x-delayed-type": "fanout", TYPE: True}
    client.vhost.declare_exchange("e", "x-delayed-message", arguments=arguments)
    client.declare("q")
    client.bind("e", "q")
    headers = {"x-deduplication-header": "x", "x-delay": 50}
    client.publish("e", "k", b"1", b"2", headers=headers, message_id="1")
    client.at(50)
    client.publish("e", "k", b"3", headers=headers, message_id="3")
    client.at(100)
    assert client.drain("q") == [b"1"]


def test_a_message_that_a_full_queue_refused_may_be_tried_again(client: Client) -> None:
    client.vhost.declare_exchange("e", TYPE, arguments={"x-cache-size": 3})
    full = {"x-max-length": 1, "x-overflow": "reject-publish"}
    client.declare("q", arguments=full)
    client.bind("e", "q")
    publish(client, "e", "x", b"1")
    publish(client, "e", "y", b"2")
    assert client.drain("q") == [b"1"]
    publish(client, "e", "y", b"3")
    assert client.drain("q") == [b"3"]


def test_a_deleted_exchange_takes_its_memory_along(plugin: Client) -> None:
    publish(plugin, "e", "x", b"1")
    plugin.vhost.delete_exchange("e")
    plugin.vhost.declare_exchange("e", TYPE, arguments={"x-cache-size": 3})
    plugin.bind("e", "a")
    publish(plugin, "e", "x", b"2")
    assert plugin.drain("a") == [b"1", b"2"]


def test_what_makes_no_sense_makes_no_exchange_and_no_queue(client: Client) -> None:
    with pytest.raises(PreconditionFailed):
        client.vhost.declare_exchange("e", TYPE)
    with pytest.raises(PreconditionFailed):
        client.declare("q", arguments={**QUEUE, "x-cache-size": 0})
    assert "e" not in client.vhost.exchanges
    assert "q" not in client.vhost.queues


# Queues


def test_a_queue_takes_nothing_like_what_is_in_it(client: Client) -> None:
    client.declare("q", arguments=QUEUE)
    client.declare("other")
    for name in ("q", "other"):
        client.bind("amq.fanout", name)
    publish(client, "amq.fanout", "x", b"1", b"2")
    publish(client, "amq.fanout", "x", b"3")
    publish(client, "amq.fanout", "y", b"4")
    assert client.drain("q") == [b"1", b"4"]
    assert client.drain("other") == [b"1", b"2", b"3", b"4"]


def test_what_is_with_a_consumer_is_still_in_the_queue(client: Client) -> None:
    client.declare("q", arguments=QUEUE)
    client.consume("q")
    publish(client, "", "x", b"1", key="q")
    publish(client, "", "x", b"2", key="q")
    assert client.received() == [b"1"]
    client.reject(1, requeue=True)
    publish(client, "", "x", b"3", key="q")
    assert client.received() == [b"1"]
    client.ack(2)
    publish(client, "", "x", b"4", key="q")
    assert client.received() == [b"4"]


def test_what_was_acknowledged_by_itself_may_come_again(client: Client) -> None:
    client.declare("q", arguments=QUEUE)
    client.consume("q", no_ack=True)
    for body in (b"1", b"2"):
        publish(client, "", "x", body, key="q")
    assert client.received() == [b"1", b"2"]


@pytest.mark.parametrize("limit", [{"x-message-ttl": 100}, {"x-max-length": 1}])
def test_what_the_queue_has_given_up_may_come_again(client: Client, limit: dict[str, Any]) -> None:
    client.declare("q", arguments={**QUEUE, **limit})
    publish(client, "", "x", b"1", key="q")
    publish(client, "", "y", b"2", key="q")
    client.at(100)
    publish(client, "", "x", b"3", key="q")
    assert client.drain("q")[-1] == b"3"


def test_a_purged_queue_remembers_nothing(client: Client) -> None:
    (queue,) = client.declare("q", arguments=QUEUE)
    publish(client, "", "x", b"1", key="q")
    assert queue.purge() == 1
    publish(client, "", "x", b"2", key="q")
    assert client.drain("q") == [b"2"]


def test_a_queue_with_a_time_remembers_what_is_gone(client: Client) -> None:
    client.declare("q", arguments={**QUEUE, "x-cache-ttl": 100})
    publish(client, "", "x", b"1", key="q")
    assert client.drain("q") == [b"1"]
    publish(client, "", "x", b"2", key="q")
    assert client.drain("q") == []
    client.at(100)
    publish(client, "", "x", b"3", key="q")
    assert client.drain("q") == [b"3"]


def test_a_duplicate_is_not_refused_by_a_full_queue(client: Client) -> None:
    full = {"x-max-length": 1, "x-overflow": "reject-publish-dlx"}
    client.declare("q", arguments={**QUEUE, **full, "x-dead-letter-exchange": "amq.fanout"})
    client.declare("dead")
    client.bind("amq.fanout", "dead")
    publish(client, "", "x", b"1", key="q")
    publish(client, "", "x", b"2", key="q")
    publish(client, "", "y", b"3", key="q")
    assert (client.drain("q"), client.drain("dead")) == ([b"1"], [b"3"])


def test_a_dead_letter_is_a_message_like_any_other(client: Client) -> None:
    client.declare("q", arguments={"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "d"})
    client.declare("d", arguments=QUEUE)
    client.consume("q")
    publish(client, "", "x", b"1", b"2", key="q")
    assert client.received() == [b"1", b"2"]
    client.reject(0, multiple=True, requeue=False)
    assert client.drain("d") == [b"1"]


def test_a_dead_letter_that_comes_back_to_its_queue_is_not_taken_for_a_duplicate(
    client: Client,
) -> None:
    to_itself = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "q"}
    client.declare("q", arguments={**QUEUE, **to_itself})
    client.consume("q")
    publish(client, "", "x", b"1", key="q")
    (first,) = client.deliveries()
    client.reject(first.tag, requeue=False)
    assert client.received() == [b"1"]
    publish(client, "", "x", b"2", key="q")
    assert client.received() == []


def test_a_message_that_was_held_back_is_seen_when_it_is_published(client: Client) -> None:
    arguments = {"x-delayed-type": TYPE, "x-cache-size": 3}
    client.vhost.declare_exchange("e", "x-delayed-message", arguments=arguments)
    client.declare("q")
    client.bind("e", "q")
    delayed = {"x-deduplication-header": "x", "x-delay": 10}
    client.publish("e", "k", b"1", headers=delayed)
    client.publish("e", "k", b"2", headers=delayed)
    publish(client, "e", "x", b"3")
    client.at(10)
    assert client.drain("q") == [b"1"]
