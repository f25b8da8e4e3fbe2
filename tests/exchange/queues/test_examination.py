"""What filters that come late cost: in one slice, and all together."""

from collections.abc import Iterator, Sequence

import pytest

from tests.exchange.core_client import Client
from tests.exchange.messages import make_message, size_of
from tests.exchange.watched import watched_message
from warrener.exchange.filters.filter import Filter, compile_filter
from warrener.exchange.filters.index import work_done
from warrener.exchange.message import Message
from warrener.exchange.queues import examination
from warrener.exchange.queues.queue import Queue
from warrener.exchange.queues.selection import EXAMINED_MAX, Selection


@pytest.fixture
def queue(client: Client) -> Queue:
    (queue,) = client.declare("q")
    return queue


def fill(client: Client, messages: Sequence[Message]) -> None:
    route = client.vhost.route("", "q", messages[0].properties)
    client.vhost.publish(route, messages, size_of(messages))
    client.broker.end_pass()


def slices(queue: Queue) -> Iterator[int]:
    """How many filters each slice evaluates, until all messages have been examined."""
    unfinished = True
    while unfinished:
        before = work_done().evaluations
        unfinished = queue.ready.examine()
        yield work_done().evaluations - before


def unindexed(number: int) -> Filter:
    """One that an index has to evaluate for every message."""
    return compile_filter(f"x{number} IS NULL AND FALSE = (a = {number})")


def test_a_slice_evaluates_no_more_for_many_consumers_than_for_one(
    client: Client, queue: Queue
) -> None:
    fill(client, [make_message(b"", headers={"a": -1})] * 3 * EXAMINED_MAX)
    for number in range(100):
        client.consume("q", str(number), filter=unindexed(number))
    most = 100 + examination.PARTS_MAX // unindexed(1).parts
    assert all(count <= most for count in slices(queue))


def test_a_message_is_looked_at_once_for_all_filters_that_came_together(
    client: Client, queue: Queue
) -> None:
    messages = [watched_message(b"", {"a": number % 7}) for number in range(500)]
    fill(client, messages)
    for number in range(100):
        client.consume("q", str(number), filter=compile_filter(f"a = {number}"))
    assert sum(slices(queue)) == len(messages)
    assert all(message.properties.__dict__["looks"] == 1 for message in messages)


def test_a_slice_is_short_where_filters_are_large(client: Client, queue: Queue) -> None:
    large = compile_filter(" AND ".join(f"h LIKE '%a_b{number}%'" for number in range(100)))
    fill(client, [make_message(b"", headers={"h": "a" * 1000})] * 300)
    client.consume("q", "c", filter=large)
    assert max(slices(queue)) <= examination.PARTS_MAX // large.parts + 1


def test_a_slice_is_short_where_messages_are_large(client: Client, queue: Queue) -> None:
    fill(client, [make_message(b"a" * 100_000)] * 100)
    client.consume("q", "c", filter=unindexed(1))
    assert max(slices(queue)) <= 10


def test_filters_that_come_during_an_examination_share_the_next_one(
    client: Client, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examination, "PARTS_MAX", 20)
    fill(client, [make_message(b"%d" % n, headers={"a": n % 4}) for n in range(40)])
    client.consume("q", "c", filter=compile_filter("a = 0"))
    client.broker.end_pass()
    assert isinstance(queue.ready, Selection)
    for number in (1, 2, 3):
        client.consume("q", str(number), filter=compile_filter(f"a = {number}"))
    assert queue.ready.lines.examining
    while client.broker.pump.unfinished:
        client.broker.end_pass()
    assert not queue.ready.lines.examining
    bodies = [int(delivery.body) for delivery in client.deliveries()]
    for number in range(4):
        assert [body for body in bodies if body % 4 == number] == list(range(number, 40, 4))


def test_who_leaves_before_the_examination_begins_costs_nothing(
    client: Client, queue: Queue
) -> None:
    fill(client, [make_message(b"", headers={"a": 1})] * 100)
    for _ in range(50):
        client.consume("q", "c", filter=unindexed(1))
        client.channel.cancel("c")
    before = work_done().evaluations
    client.broker.end_pass()
    assert work_done().evaluations == before
    assert len(queue.ready) == 100
