"""Why a queue stands still: a table of what may be seen and what is said of it."""

import pytest

from tests.exchange.core_client import Client
from warrener.exchange.broker import Broker
from warrener.exchange.filters.filter import compile_filter
from warrener.exchange.management.obstacles import Obstacle, Standing, Taker, why
from warrener.exchange.management.standstill import standing
from warrener.exchange.queues.queue import Queue

FULL, CHANNEL = Taker("a", Obstacle.PREFETCH, 5), Taker("b", Obstacle.CHANNEL, 20)
DEAF, PICKY = Taker("c", Obstacle.OUTPUT), Taker("d", Obstacle.FILTER)
HELD, FREE, IDLE = (
    Taker("e", Obstacle.GROUP),
    Taker("f", Obstacle.NONE),
    Taker("g", Obstacle.INACTIVE),
)

TABLE = [
    (Standing(0), "it is empty"),
    (
        Standing(0, alarms=("disk", "memory")),
        "it is empty; nothing comes in: the disk and memory alarm has publishers wait",
    ),
    (
        Standing(0, 3, [FULL]),
        "nothing waits: all 3 messages are with consumers, not yet acknowledged",
    ),
    (Standing(7), "no consumers"),
    (Standing(7, 5, [FULL]), "prefetch of 5 reached (its only consumer)"),
    (Standing(7, 10, [FULL, FULL]), "prefetch of 5 reached (all 2 consumers)"),
    (
        Standing(7, 6, [FULL, Taker("h", Obstacle.PREFETCH, 1)]),
        "prefetch reached (all 2 consumers)",
    ),
    (Standing(7, 20, [CHANNEL]), "prefetch of 20 of the whole channel reached (its only consumer)"),
    (Standing(7, 9, [DEAF]), "clients do not read what they were sent (its only consumer)"),
    (Standing(7, 0, [PICKY]), "filters refuse all 7 that wait (its only consumer)"),
    (
        Standing(1, 0, [PICKY, PICKY]),
        "filters refuse the only message that waits (all 2 consumers)",
    ),
    (
        Standing(7, 5, [PICKY, FULL, PICKY]),
        "prefetch of 5 reached (1 of 3 consumers), "
        "filters refuse all 7 that wait (2 of 3 consumers)",
    ),
    (
        Standing(7, 1, [HELD]),
        "groups are held or not acknowledged: all 7 that wait (its only consumer)",
    ),
    (
        Standing(7, 5, [IDLE, FULL, IDLE], single_active=True),
        "prefetch of 5 reached (the single active consumer), 2 more wait for it to leave",
    ),
    (Standing(7, 0, [FREE, FULL]), "messages are about to go out"),
    (Standing(7, 0, [PICKY], examining=True), "messages are still held against a new filter"),
    (
        Standing(7, 0, [FREE], delayed=7, delay_ms=90_000),
        "all 7 messages are held back for a time, the first for another 90 s",
    ),
    (
        Standing(1, 0, [], delayed=1, delay_ms=500),
        "1 message is held back for a time, the first for another less than a second",
    ),
    (
        Standing(7, 0, [PICKY], delayed=2),
        "filters refuse all 5 that wait (its only consumer); 2 held back for a time",
    ),
    (Standing(7, 0, [FREE], rate_in=20, rate_out=20), "messages move: 20/s go out"),
    (
        Standing(600, 0, [FREE], rate_out=1),
        "1/s go out; at this rate it is empty in 10 minutes",
    ),
    (
        Standing(7, 5, [FULL], rate_in=50, rate_out=20),
        "it grows: 50/s come in, 20/s go out; prefetch of 5 reached (its only consumer)",
    ),
]


@pytest.mark.parametrize(("seen", "said"), TABLE)
def test_what_is_seen_is_said(seen: Standing, said: str):
    assert why(seen) == said


def obstacles(queue: Queue) -> list[Obstacle]:
    return [taker.obstacle for taker in standing(queue, 0).takers]


@pytest.fixture
def queue(client: Client) -> Queue:
    (queue,) = client.declare("q")
    return queue


def test_a_queue_without_consumers(client: Client, queue: Queue):
    client.publish("", "q", b"1", b"2")
    assert standing(queue, 0) == Standing(2, takers=[])


def test_consumers_with_all_they_may_have(client: Client, queue: Queue):
    client.consume("q", "one", prefetch=1)
    client.publish("", "q", b"1", b"2")
    assert standing(queue, 0) == Standing(1, 1, [Taker("one", Obstacle.PREFETCH, 1)])
    client.ack(1)
    client.deliveries()
    client.ack(2)
    assert obstacles(queue) == [Obstacle.NONE]


def test_a_channel_with_all_it_may_have(client: Client, queue: Queue):
    client.channel.prefetch = 1
    client.consume("q", "one", prefetch=5)
    client.publish("", "q", b"1", b"2")
    assert standing(queue, 0).takers == [Taker("one", Obstacle.CHANNEL, 1)]


def test_a_client_that_does_not_read(client: Client, queue: Queue):
    client.consume("q", "one", no_ack=True)
    client.outlet.room_bytes = 0
    client.publish("", "q", b"1")
    assert obstacles(queue) == [Obstacle.OUTPUT]


def test_filters_that_refuse_what_waits(client: Client, queue: Queue):
    client.consume("q", "red", filter=compile_filter("color = 'red'"), prefetch=1)
    client.publish("", "q", b"1", headers={"color": "blue"})
    assert obstacles(queue) == [Obstacle.FILTER]
    client.publish("", "q", b"2", b"3", headers={"color": "red"})
    assert obstacles(queue) == [Obstacle.PREFETCH]


def test_only_one_is_active(broker: Broker):
    client = Client(broker)
    (queue,) = client.declare("q", arguments={"x-single-active-consumer": True})
    client.consume("q", "first", prefetch=1)
    client.consume("q", "second")
    client.publish("", "q", b"1", b"2")
    seen = standing(queue, 0)
    assert obstacles(queue) == [Obstacle.PREFETCH, Obstacle.INACTIVE]
    assert seen.single_active


def test_messages_behind_others_of_their_group(broker: Broker):
    client = Client(broker)
    (queue,) = client.declare("q", arguments={"qpid.group_header_key": "who"})
    client.consume("q", "one", prefetch=1)
    client.consume("q", "two", prefetch=1)
    client.publish("", "q", b"1", b"2", headers={"who": "ann"})
    assert set(obstacles(queue)) == {Obstacle.PREFETCH, Obstacle.GROUP}


def test_messages_that_wait_for_their_time(broker: Broker):
    client = Client(broker)
    (queue,) = client.declare("q", arguments={"x-delayed-retry-min": 5000})
    client.publish("", "q", b"1")
    client.consume("q", "one", prefetch=1)
    client.deliveries()
    client.reject(1)
    seen = standing(queue, broker.ledger.now_ms + 1000)
    assert (seen.ready, seen.delayed, seen.delay_ms) == (1, 1, 4000)
