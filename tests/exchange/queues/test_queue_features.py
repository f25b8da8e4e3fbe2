"""Queues that do more than keep messages in order: at what time, for whom, how often.

What a queue gives up is in test_queue_limits.py, filters and priorities in test_selection.py, all
of it together and with restarts in test_features_model.py.
"""

from typing import Any

import pytest

from tests.exchange.core_client import Client
from tests.exchange.durable_broker import DurableBroker
from tests.exchange.messages import body_of
from warrener.exchange.broker import Broker
from warrener.exchange.budget import ENQUEUED, REWRITTEN, ROUTED
from warrener.exchange.filters.filter import compile_filter
from warrener.exchange.queues import selection, waiting
from warrener.exchange.queues.queue import Queue
from warrener.protocol.tables import TABLE_ITEMS_MAX

TO_DEAD = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"}


def declare(client: Client, name: str = "q", **arguments: Any) -> Queue:
    """A durable queue whose dead letters go to the queue `dead`."""
    named = {f"x-{key.replace('_', '-')}": value for key, value in arguments.items()}
    client.declare("dead", durable=True)
    (queue,) = client.declare(name, durable=True, arguments=named | TO_DEAD)
    return queue


def by_consumer(client: Client) -> list[tuple[str, bytes]]:
    return [(delivery.consumer, delivery.body) for delivery in client.deliveries()]


# Time


@pytest.fixture
def three_at_once(broker: Broker) -> None:
    """A budget for three messages that expire and become dead letters."""
    broker.budget.units = 3 * (REWRITTEN + ROUTED + ENQUEUED)
    broker.budget.renew()


def test_each_message_leaves_at_its_own_time_from_wherever_it_stands(client: Client) -> None:
    queue = declare(client)
    for ms in (30, 10, 20, 40):
        client.publish("", "q", b"%d" % ms, expiration=str(ms))
    for now, left in ((9, 4), (10, 3), (20, 2), (30, 1), (40, 0)):
        client.at(now)
        assert len(queue.ready) == left
    assert client.drain("dead") == [b"10", b"20", b"30", b"40"]


def test_those_of_one_time_leave_in_their_order(client: Client) -> None:
    declare(client, message_ttl=10)
    client.publish("", "q", *(b"%d" % number for number in range(20)))
    client.at(10)
    assert client.drain("dead") == [b"%d" % number for number in range(20)]


def test_time_counts_from_the_arrival_in_this_queue(client: Client) -> None:
    client.declare("last", arguments={"x-message-ttl": 10})
    client.declare(
        "q",
        arguments={
            "x-message-ttl": 10,
            "x-dead-letter-exchange": "",
            "x-dead-letter-routing-key": "last",
        },
    )
    client.publish("", "q", b"1")
    client.at(10)
    client.at(19)
    assert len(client.vhost.queues["last"].ready) == 1
    client.at(20)
    assert len(client.vhost.queues["last"].ready) == 0


def test_what_is_late_is_given_to_nobody(client: Client) -> None:
    declare(client, message_ttl=10)
    client.publish("", "q", b"late")
    client.broker.ledger.set_time(11)
    client.consume("q")
    client.publish("", "q", b"in time")
    assert client.received() == [b"in time"]
    assert client.drain("dead") == [b"late"]


def test_what_is_late_is_not_got_either(client: Client) -> None:
    declare(client, message_ttl=10)
    client.publish("", "q", b"late")
    client.broker.ledger.set_time(11)
    assert client.get("q") is None
    assert client.drain("dead") == [b"late"]


@pytest.mark.usefixtures("three_at_once")
def test_many_that_are_late_leave_over_several_passes_and_still_reach_nobody(
    client: Client,
) -> None:
    queue = declare(client, message_ttl=10)
    client.publish("", "q", *(b"%d" % number for number in range(10)))
    client.consume("dead", "undertaker", no_ack=True)
    client.broker.ledger.set_time(20)
    client.consume("q", "c", no_ack=True)
    client.publish("", "q", b"in time")
    seen = by_consumer(client)
    assert len(seen) == 3
    while client.broker.unfinished:
        assert len(queue.ready) > 1
        assert ("c", b"in time") not in seen
        seen += by_consumer(client)
    assert [body for tag, body in seen if tag == "undertaker"] == [b"%d" % n for n in range(10)]
    assert [body for tag, body in seen if tag == "c"] == [b"in time"]


@pytest.mark.usefixtures("three_at_once")
def test_who_gets_past_many_late_ones_gets_what_is_in_time(client: Client) -> None:
    declare(client, message_ttl=10)
    client.publish("", "q", *(b"%d" % number for number in range(10)))
    client.broker.ledger.set_time(20)
    client.publish("", "q", b"in time")
    assert client.get("q") == b"in time"


def test_an_expired_message_takes_its_place_among_the_dead_after_a_restart(
    durable: DurableBroker,
) -> None:
    declare(durable.client, message_ttl=1000)
    durable.broker.ledger.set_time(5000)
    durable.client.publish("", "q", b"1", persistent=True)
    durable.client.publish("", "q", b"2", persistent=True, expiration="100")
    durable.now_ms = 5500
    durable.restart()
    durable.broker.end_pass()
    assert durable.client.drain("dead") == [b"2"]
    durable.client.at(5999)
    assert len(durable.client.vhost.queues["q"].ready) == 1
    durable.client.at(6000)
    assert durable.client.drain("dead") == [b"1"]


def test_what_comes_back_with_a_restart_may_be_too_much(durable: DurableBroker) -> None:
    declare(durable.client, max_length=2)
    for body in (b"1", b"2"):
        durable.client.publish("", "q", body, persistent=True)
    durable.client.get("q")
    durable.client.publish("", "q", b"3", persistent=True)
    durable.restart()
    durable.broker.end_pass()
    assert durable.client.drain("dead") == [b"1"]
    assert durable.client.drain("q") == [b"2", b"3"]


# Queues that nobody uses


def test_a_queue_lives_on_from_each_use(client: Client) -> None:
    client.declare("q", arguments={"x-expires": 100})
    client.at(90)
    client.declare("q", arguments={"x-expires": 100})
    client.at(180)
    client.get("q")
    client.at(270)
    client.consume("q")
    client.at(1000)
    client.channel.cancel("c")
    client.at(1099)
    assert "q" in client.vhost.queues
    client.at(1100)
    assert "q" not in client.vhost.queues


def test_messages_are_no_use(client: Client) -> None:
    queue = declare(client, expires=100)
    client.at(50)
    client.publish("", "q", b"1", persistent=True)
    client.at(100)
    assert "q" not in client.vhost.queues
    assert queue.deleted
    assert client.drain("dead") == []


def test_the_time_counts_anew_after_a_restart(durable: DurableBroker) -> None:
    durable.broker.ledger.set_time(1_000_000)
    durable.client.declare("q", durable=True, arguments={"x-expires": 100})
    durable.now_ms = 2_000_000
    durable.restart()
    durable.client.at(2_000_099)
    assert "q" in durable.client.vhost.queues
    durable.client.at(2_000_100)
    assert "q" not in durable.client.vhost.queues
    durable.restart()
    assert "q" not in durable.client.vhost.queues


# How often


def counts(client: Client) -> list[object]:
    """The delivery counts of what the client has."""
    headers = [d.message.properties.headers or {} for d in client.channel.unacked.values()]
    return [each.get("x-delivery-count") for each in headers]


def test_what_is_rejected_and_what_is_left_unanswered_counts(client: Client, other: Client) -> None:
    declare(client, delivery_limit=2)
    client.publish("", "q", b"1", persistent=True)
    for expected, give_back in ((None, lambda: client.reject(1)), (1, client.channel.close)):
        assert client.get("q") == b"1"
        assert counts(client) == [expected]
        give_back()
    assert other.get("q") == b"1"
    assert counts(other) == [2]
    other.channel.close()
    assert client.drain("dead") == [b"1"]


def test_what_is_only_given_back_does_not_count(client: Client) -> None:
    declare(client, delivery_limit=0)
    client.publish("", "q", b"1", persistent=True)
    for give_back in (client.channel.recover, lambda: client.nack(2), client.channel.recover):
        assert client.get("q") == b"1"
        assert counts(client) == [None]
        give_back()
    assert client.drain("dead") == []


def test_with_a_limit_of_none_at_all_nothing_comes_back(client: Client) -> None:
    declare(client, delivery_limit=0)
    client.publish("", "q", b"1")
    client.get("q")
    client.reject(1)
    assert client.drain("q") == []
    assert client.drain("dead") == [b"1"]


def test_without_a_limit_a_message_comes_back_for_ever(client: Client) -> None:
    declare(client, delivery_limit=-1)
    client.publish("", "q", b"1")
    for tag in range(1, 50):
        client.get("q")
        assert counts(client) == [None]
        client.reject(tag)


def test_the_count_does_not_go_with_a_dead_letter(client: Client) -> None:
    declare(client, delivery_limit=1)
    client.publish("", "q", b"1")
    for tag in (1, 2):
        client.get("q")
        client.reject(tag)
    client.get("dead")
    assert counts(client) == [None]


def test_a_counted_message_keeps_its_count_beyond_the_window(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "WINDOW_BYTES", 0)
    queue = declare(client, delivery_limit=5)
    client.publish("", "q", b"1", persistent=True)
    for tag, expected in enumerate((None, 1, 2), 1):
        client.get("q")
        assert counts(client) == [expected]
        client.reject(tag)
    client.drain("q")
    assert (queue.ready.bytes, queue.ready.memory_bytes) == (0, 0)


def test_the_count_is_told_beside_headers_of_any_size(client: Client) -> None:
    declare(client, delivery_limit=1)
    headers = {"many": [None] * (TABLE_ITEMS_MAX - 1)}
    client.publish("", "q", b"1", headers=headers, message_id="m")
    for tag, counted in ((1, {}), (2, {"x-delivery-count": 1})):
        client.get("q")
        (delivery,) = client.channel.unacked.values()
        assert delivery.message.properties.headers == headers | counted
        client.reject(tag)
    assert client.drain("dead") == [b"1"]


def test_a_message_that_was_settled_is_forgotten(client: Client) -> None:
    queue = declare(client, delivery_limit=5)
    for tag in (1, 3, 5):
        client.publish("", "q", b"1")
        client.get("q")
        client.reject(tag)
        client.get("q")
        client.ack(tag + 1)
    assert isinstance(queue.ready, selection.Selection)
    assert not queue.ready.remembers


# For whom


def test_the_active_consumer_gets_everything_until_it_leaves(client: Client, other: Client) -> None:
    declare(client, single_active_consumer=True)
    client.consume("q", "first", prefetch=1)
    other.consume("q", "second")
    client.publish("", "q", b"1", b"2", b"3")
    assert (by_consumer(client), by_consumer(other)) == ([("first", b"1")], [])
    client.ack(1)
    assert (by_consumer(client), by_consumer(other)) == ([("first", b"2")], [])
    client.channel.close()
    assert by_consumer(other) == [("second", b"2"), ("second", b"3")]


def test_it_is_followed_by_the_most_important_and_among_those_by_the_oldest(
    client: Client,
) -> None:
    declare(client, single_active_consumer=True)
    for tag, priority in (("a", 0), ("b", 1), ("c", 5), ("d", 5)):
        client.consume("q", tag, priority=priority, no_ack=True)
    order = []
    for number in range(4):
        client.publish("", "q", b"%d" % number)
        ((tag, _),) = by_consumer(client)
        order.append(tag)
        client.channel.cancel(tag)
    assert order == ["a", "c", "d", "b"]


def test_a_more_important_one_does_not_push_it_out(client: Client) -> None:
    declare(client, single_active_consumer=True)
    client.consume("q", "first", no_ack=True)
    client.consume("q", "important", priority=10, no_ack=True)
    client.publish("", "q", b"1", b"2")
    assert by_consumer(client) == [("first", b"1"), ("first", b"2")]


def test_what_the_active_one_does_not_want_waits(client: Client) -> None:
    queue = declare(client, single_active_consumer=True)
    client.consume("q", "odd", filter=compile_filter("odd = 1"), no_ack=True)
    client.consume("q", "any", no_ack=True)
    client.publish("", "q", b"1", headers={"odd": 1})
    client.publish("", "q", b"2", headers={"odd": 0})
    assert by_consumer(client) == [("odd", b"1")]
    assert len(queue.ready) == 1
    client.channel.cancel("odd")
    assert by_consumer(client) == [("any", b"2")]


def test_after_the_last_one_the_next_to_come_is_active(client: Client) -> None:
    declare(client, single_active_consumer=True)
    client.consume("q", "a")
    client.channel.cancel("a")
    client.publish("", "q", b"1")
    client.consume("q", "b", no_ack=True)
    assert by_consumer(client) == [("b", b"1")]


def test_less_important_consumers_get_what_the_others_leave(client: Client, other: Client) -> None:
    declare(client)
    client.consume("q", "low", no_ack=True)
    other.consume("q", "high", priority=10, prefetch=2)
    client.publish("", "q", b"1", b"2", b"3")
    assert by_consumer(other) == [("high", b"1"), ("high", b"2")]
    assert by_consumer(client) == [("low", b"3")]
    other.ack(1)
    client.publish("", "q", b"4", b"5")
    assert by_consumer(other) == [("high", b"4")]
    assert by_consumer(client) == [("low", b"5")]


def test_priorities_may_be_negative(client: Client) -> None:
    declare(client)
    client.consume("q", "last", priority=-5, no_ack=True)
    client.consume("q", "first", prefetch=1)
    client.publish("", "q", b"1", b"2")
    assert by_consumer(client) == [("first", b"1"), ("last", b"2")]


# All of it at once


def test_a_queue_may_do_everything(client: Client) -> None:
    declare(
        client,
        message_ttl=100,
        max_priority=3,
        max_length=3,
        delivery_limit=1,
        single_active_consumer=True,
    )
    for number in range(5):
        client.publish("", "q", b"%d" % number, priority=number % 4, expiration="1000")
    assert client.drain("dead") == [b"3", b"2"]
    client.consume("q", "odd", prefetch=1, filter=compile_filter("JMSPriority = 1"))
    assert by_consumer(client) == [("odd", b"1")]
    (tag,) = client.channel.unacked
    client.reject(tag)
    assert by_consumer(client) == [("odd", b"1")]
    (delivery,) = client.channel.unacked.values()
    assert body_of(delivery.message) == b"1"
    client.channel.close()
    assert client.drain("dead") == [b"1"]
    client.at(100)
    assert sorted(client.drain("dead")) == [b"0", b"4"]
