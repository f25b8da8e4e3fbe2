"""Dead letters of a queue with the strategy at-least-once wait until there is a way."""

import pytest

from tests.exchange.core_client import Client
from tests.exchange.durable_broker import DurableBroker
from warrener.exchange.errors import PreconditionFailed
from warrener.exchange.queues.queue import Queue
from warrener.exchange.queues.unrouted import CHECK_MS, RETRY_MS

NOW_MS = 1_000_000


def declare(client: Client, strategy: str = "at-least-once", **more: object) -> Queue:
    arguments = {
        "x-dead-letter-exchange": "dlx",
        "x-dead-letter-routing-key": "k",
        "x-dead-letter-strategy": strategy,
        "x-overflow": "reject-publish",
    }
    (queue,) = client.declare("q", durable=True, arguments=arguments | more)
    client.at(NOW_MS)
    return queue


def open_way(client: Client) -> None:
    client.vhost.declare_exchange("dlx", "direct", durable=True)
    client.declare("dead", durable=True)
    client.bind("dlx", "dead", "k")


def held(queue: Queue) -> int:
    return len(queue.unrouted or ())


def give_up(client: Client, *bodies: bytes, persistent: bool = True) -> None:
    client.publish("", "q", *bodies, persistent=persistent)
    for _ in bodies:
        client.get("q")
    client.reject(0, multiple=True, requeue=False)
    client.deliveries()


@pytest.mark.parametrize("persistent", [True, False])
def test_a_rejected_message_without_a_way_waits_and_goes_when_there_is_one(
    client: Client, persistent: bool
) -> None:
    queue = declare(client)
    give_up(client, b"1", b"2", persistent=persistent)
    assert (held(queue), len(queue.ready), queue.unacked) == (2, 0, 0)
    open_way(client)
    client.at(NOW_MS + CHECK_MS)
    assert (held(queue), client.drain("dead")) == (0, [b"1", b"2"])
    assert queue.unrouted is not None
    assert (queue.unrouted.bytes, queue.unrouted.memory_bytes) == (0, 0)


def test_an_expired_message_waits_where_its_exchange_leads_nowhere(client: Client) -> None:
    queue = declare(client, **{"x-message-ttl": 10})
    client.vhost.declare_exchange("dlx", "direct", durable=True)
    client.publish("", "q", b"1", persistent=True)
    client.at(NOW_MS + 10)
    assert held(queue) == 1
    open_way(client)
    client.at(NOW_MS + 10 + CHECK_MS)
    assert client.drain("dead") == [b"1"]


def test_nothing_is_tried_while_the_topology_stays_the_same(client: Client) -> None:
    queue = declare(client)
    give_up(client, b"1")
    spent = client.broker.activity.dead_letters["rejected"]
    for step in range(1, 5):
        client.at(NOW_MS + step * CHECK_MS)
    client.at(NOW_MS + RETRY_MS + CHECK_MS)
    assert held(queue) == 1
    assert client.broker.activity.dead_letters["rejected"] == spent == 1


def test_at_most_once_a_message_without_a_way_is_gone(client: Client) -> None:
    queue = declare(client, strategy="at-most-once")
    give_up(client, b"1")
    open_way(client)
    client.at(NOW_MS + CHECK_MS)
    assert (held(queue), client.drain("dead")) == (0, [])


def test_what_is_given_up_for_the_length_of_the_queue_does_not_wait(client: Client) -> None:
    queue = declare(client, **{"x-max-length": 1, "x-overflow": "drop-head"})
    client.publish("", "q", b"1", b"2", persistent=True)
    assert (held(queue), len(queue.ready)) == (0, 1)


def test_what_waits_counts_for_the_length_of_a_queue_that_refuses(client: Client) -> None:
    queue = declare(client, **{"x-max-length": 2})
    give_up(client, b"1", b"2")
    client.publish("", "q", b"3")
    assert len(queue.ready) == 0


def test_a_queue_that_has_some_is_not_empty_until_it_is_purged(client: Client) -> None:
    queue = declare(client)
    give_up(client, b"1")
    with pytest.raises(PreconditionFailed, match="not empty"):
        client.vhost.delete_queue("q", client, if_empty=True)
    assert queue.purge() == 1
    open_way(client)
    client.at(NOW_MS + CHECK_MS)
    assert client.drain("dead") == []


def test_a_policy_may_set_the_strategy_and_take_it_back(client: Client) -> None:
    (queue,) = client.declare("q", durable=True)
    definition = {"dead-letter-exchange": "dlx", "dead-letter-strategy": "at-least-once"}
    client.broker.policies.set("/", "p", ".*", definition)
    client.at(NOW_MS)
    give_up(client, b"1")
    assert held(queue) == 1
    client.broker.policies.clear("/", "p")
    client.at(NOW_MS + RETRY_MS)
    assert (held(queue), queue.settled) == (0, [])


@pytest.mark.parametrize("way", ["restart", "kill"])
def test_after_a_restart_they_are_in_their_queue_again(durable: DurableBroker, way: str) -> None:
    declare(durable.client)
    give_up(durable.client, b"1")
    durable.broker.end_pass()
    durable.wait_durable()
    getattr(durable, way)()
    assert durable.client.get("q") == b"1"


def test_one_that_has_gone_is_not_there_after_a_restart(durable: DurableBroker) -> None:
    declare(durable.client)
    give_up(durable.client, b"1")
    open_way(durable.client)
    durable.client.at(NOW_MS + CHECK_MS)
    durable.restart()
    assert durable.client.get("q") is None
    assert durable.client.get("dead") == b"1"
