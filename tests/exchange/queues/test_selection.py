"""Consumers with filters on one queue: what each gets, in which order, and what it costs."""

import random

import pytest

from tests.exchange.core_client import Client
from tests.exchange.messages import make_message, size_of
from tests.exchange.outlet import Delivered
from tests.exchange.queues.stored import stored_positions
from tests.exchange.watched import watched_message
from warrener.exchange.broker import Broker
from warrener.exchange.filters.filter import Filter, compile_filter
from warrener.exchange.message import Message
from warrener.exchange.queues import places, selection, waiting
from warrener.exchange.queues.queue import Queue
from warrener.exchange.queues.ready import Ready
from warrener.exchange.queues.selection import Selection
from warrener.exchange.server.codec import CODEC
from warrener.storage.null import NullStore

RED = compile_filter("color = 'red'")
BLUE = compile_filter("color = 'blue'")
FIRST_TIME = compile_filter("JMSRedelivered = FALSE")
AGAIN = compile_filter("JMSRedelivered = TRUE")


@pytest.fixture
def queue(client: Client) -> Queue:
    (queue,) = client.declare("q")
    return queue


@pytest.fixture
def slices_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "EXAMINED_MAX", 2)


def color(client: Client, *names: str) -> None:
    """One message for each name, a color and a number, all in one pass."""
    for name in names:
        put(client, [make_message(name.encode(), headers={"color": name.rstrip("0123456789")})])


def put(client: Client, messages: list[Message]) -> None:
    """Messages are published, and the pass is not over."""
    route = client.vhost.route("", "q", messages[0].properties)
    client.vhost.publish(route, messages, size_of(messages))


def received(client: Client) -> dict[str, list[str]]:
    """Bodies by consumer, of the passes until nothing is left to do."""
    bodies: dict[str, list[str]] = {}
    client.broker.end_pass()
    while client.broker.pump.unfinished:
        client.broker.end_pass()
    for delivery in client.deliveries():
        bodies.setdefault(delivery.consumer, []).append(delivery.body.decode())
    return bodies


# Who gets what


@pytest.mark.usefixtures("queue")
def test_each_consumer_gets_what_its_filter_matches(client: Client) -> None:
    client.consume("q", "red", filter=RED)
    client.consume("q", "blue", filter=BLUE)
    color(client, "red1", "red2", "blue1", "red3", "blue2")
    assert received(client) == {"red": ["red1", "red2", "red3"], "blue": ["blue1", "blue2"]}


@pytest.mark.usefixtures("queue")
def test_a_consumer_gets_what_was_there_before_it(client: Client) -> None:
    color(client, "red1", "blue1", "red2", "blue2")
    client.broker.end_pass()
    client.consume("q", "blue", filter=BLUE)
    assert received(client) == {"blue": ["blue1", "blue2"]}
    client.consume("q", "red", filter=RED)
    assert received(client) == {"red": ["red1", "red2"]}


def test_what_nobody_wants_stays_and_holds_up_nobody(client: Client, queue: Queue) -> None:
    client.consume("q", "red", filter=RED)
    color(client, "green1", "red1", "green2", "red2")
    assert received(client) == {"red": ["red1", "red2"]}
    assert len(queue.ready) == 2
    assert client.drain("q") == [b"green1", b"green2"]


@pytest.mark.usefixtures("queue")
def test_get_takes_the_head_whatever_the_filters(client: Client, other: Client) -> None:
    client.consume("q", "red", prefetch=1, filter=RED)
    color(client, "red1", "blue1", "red2")
    assert received(client) == {"red": ["red1"]}
    assert other.drain("q") == [b"blue1", b"red2"]


@pytest.mark.usefixtures("queue")
def test_a_message_that_several_want_goes_to_one_of_them(client: Client) -> None:
    client.consume("q", "red", filter=RED)
    client.consume("q", "red or blue", filter=compile_filter("color IN ('red', 'blue')"))
    client.consume("q", "any")
    color(client, "red1", "red2", "red3", "blue1", "blue2", "green1")
    found = received(client)
    assert found["red"] == ["red1"]
    assert found["red or blue"] == ["red2", "blue1"]
    assert found["any"] == ["red3", "blue2", "green1"]


@pytest.mark.usefixtures("queue")
def test_a_consumer_without_room_leaves_its_messages_to_others(client: Client) -> None:
    client.consume("q", "busy", prefetch=1, filter=RED)
    client.consume("q", "any", prefetch=2)
    color(client, "red1", "red2", "red3", "red4")
    assert received(client) == {"busy": ["red1"], "any": ["red2", "red3"]}
    client.ack(1)
    assert received(client) == {"busy": ["red4"]}


@pytest.mark.usefixtures("queue")
def test_when_a_consumer_leaves_its_messages_wait_for_the_next(
    client: Client, other: Client
) -> None:
    client.consume("q", "red", prefetch=2, filter=RED)
    color(client, "red1", "blue1", "red2", "red3")
    assert received(client) == {"red": ["red1", "red2"]}
    client.channel.close()
    color(other, "red4")
    other.consume("q", "next", filter=RED)
    assert received(other) == {"next": ["red1", "red2", "red3", "red4"]}


@pytest.mark.usefixtures("queue")
def test_what_comes_back_is_marked_and_stands_where_it_was(client: Client) -> None:
    client.consume("q", "red", prefetch=2, filter=RED)
    color(client, "red1", "blue1", "red2", "red3")
    received(client)
    client.reject(2)
    client.reject(1)
    assert client.deliveries() == [
        Delivered("red", 3, b"red1", True),
        Delivered("red", 4, b"red2", True),
    ]


@pytest.mark.usefixtures("queue")
def test_a_filter_may_want_only_what_comes_for_the_first_time(client: Client) -> None:
    client.consume("q", "first", prefetch=1, filter=FIRST_TIME)
    client.consume("q", "again", filter=AGAIN)
    color(client, "red1")
    assert received(client) == {"first": ["red1"]}
    client.reject(1)
    assert received(client) == {"again": ["red1"]}


@pytest.mark.usefixtures("queue")
def test_a_message_that_was_wanted_the_first_time_is_not_wanted_when_it_comes_back(
    client: Client, other: Client
) -> None:
    client.consume("q", "first", prefetch=1, filter=FIRST_TIME)
    color(client, "red1", "red2", "red3")
    assert received(client) == {"first": ["red1"]}
    assert other.get("q") == b"red2"
    other.channel.close()
    client.ack(1)
    assert received(client) == {"first": ["red3"]}
    assert client.drain("q") == [b"red2"]


@pytest.mark.usefixtures("queue")
def test_a_filter_that_reads_the_clock_is_asked_when_the_message_comes_in(client: Client) -> None:
    clock = compile_filter("deadline > UTC()")
    client.broker.ledger.set_time(1000)
    client.consume("q", "c", prefetch=1, filter=clock)
    for body, deadline in ((b"1", 1001), (b"2", 1001), (b"3", 999)):
        put(client, [make_message(body, headers={"deadline": deadline})])
    assert received(client) == {"c": ["1"]}
    client.at(2000)
    client.ack(1)
    assert received(client) == {"c": ["2"]}


# Turns


@pytest.mark.usefixtures("queue")
def test_consumers_with_one_filter_take_turns(client: Client) -> None:
    for tag in "abc":
        client.consume("q", tag, filter=RED)
    color(client, *(f"red{n}" for n in range(1, 7)))
    assert received(client) == {"a": ["red1", "red4"], "b": ["red2", "red5"], "c": ["red3", "red6"]}


@pytest.mark.usefixtures("queue")
def test_turns_go_on_from_pass_to_pass_past_those_who_want_nothing(client: Client) -> None:
    for tag in "ab":
        client.consume("q", tag, filter=RED)
    client.consume("q", "c", filter=BLUE)
    taken: list[str] = []
    for number in range(6):
        color(client, f"red{number}")
        taken += received(client)
    assert taken == ["a", "b", "a", "b", "a", "b"]


@pytest.mark.usefixtures("queue")
def test_a_consumer_with_a_shared_limit_gets_its_turn_beside_one_without(
    client: Client, other: Client
) -> None:
    client.consume("q", "unlimited", filter=RED)
    other.channel.set_prefetch(100, shared=True)
    other.consume("q", "one", filter=RED)
    other.consume("q", "two", filter=RED)
    color(client, *(f"red{n}" for n in range(1, 7)))
    assert received(client) == {"unlimited": ["red1", "red4"]}
    assert received(other) == {"one": ["red2", "red5"], "two": ["red3", "red6"]}


@pytest.mark.usefixtures("queue")
def test_consumers_of_a_channel_share_its_limit_whatever_their_filters(client: Client) -> None:
    client.channel.set_prefetch(3, shared=True)
    client.consume("q", "red", filter=RED)
    client.consume("q", "blue", filter=BLUE)
    color(client, "red1", "red2", "blue1", "red3", "blue2")
    assert received(client) == {"red": ["red1", "red2"], "blue": ["blue1"]}
    client.ack(1)
    assert received(client) == {"blue": ["blue2"]}


@pytest.mark.usefixtures("queue")
def test_a_consumer_of_higher_priority_comes_first_for_what_it_wants(client: Client) -> None:
    client.consume("q", "low", filter=RED)
    client.consume("q", "high", priority=5, prefetch=1, filter=compile_filter("color LIKE 'r%'"))
    color(client, "red1", "red2")
    assert received(client) == {"high": ["red1"], "low": ["red2"]}


def test_who_has_no_room_in_its_outlet_is_dealt_nothing(client: Client, other: Client) -> None:
    client.declare("q")
    client.consume("q", "blocked", filter=RED)
    other.consume("q", "free", filter=RED)
    client.outlet.room_bytes = 0
    color(client, "red1", "red2")
    assert received(other) == {"free": ["red1", "red2"]}


# Messages of before, in slices


@pytest.mark.usefixtures("queue", "slices_of_two")
def test_messages_of_before_are_examined_a_slice_at_a_time(client: Client) -> None:
    color(client, "red1", "blue1", "red2", "blue2", "red3")
    client.broker.end_pass()
    client.consume("q", "red", filter=RED)
    client.broker.end_pass()
    assert client.broker.pump.unfinished
    assert received(client) == {"red": ["red1", "red2", "red3"]}
    assert not client.broker.pump.unfinished


@pytest.mark.usefixtures("queue", "slices_of_two")
def test_what_comes_meanwhile_does_not_overtake_what_is_not_examined_yet(client: Client) -> None:
    color(client, *(f"red{n}" for n in range(1, 8)))
    client.broker.end_pass()
    client.consume("q", "red", filter=RED)
    client.broker.end_pass()
    color(client, "red8")
    assert received(client) == {"red": [f"red{n}" for n in range(1, 9)]}


@pytest.mark.usefixtures("queue", "slices_of_two")
def test_what_is_taken_by_others_before_it_is_examined_is_passed_over(
    client: Client, other: Client
) -> None:
    color(client, *(f"red{n}" for n in range(1, 8)))
    client.broker.end_pass()
    client.consume("q", "red", filter=RED)
    client.broker.end_pass()
    client.broker.end_pass()
    assert other.get("q") == b"red5"
    assert received(client) == {"red": ["red1", "red2", "red3", "red4", "red6", "red7"]}


@pytest.mark.usefixtures("queue", "slices_of_two")
def test_a_consumer_that_leaves_takes_its_unfinished_work_along(client: Client) -> None:
    color(client, *(f"blue{n}" for n in range(1, 20)))
    client.broker.end_pass()
    client.consume("q", "red", filter=RED)
    client.broker.end_pass()
    client.channel.cancel("red")
    client.broker.end_pass()
    client.broker.end_pass()
    assert not client.broker.pump.unfinished


# What it costs


def looks(messages: list[Message]) -> int:
    return sum(message.properties.__dict__["looks"] for message in messages)


def test_a_message_is_examined_once_however_long_it_waits(client: Client, queue: Queue) -> None:
    messages = [watched_message(b"%d" % n, {"color": "green"}) for n in range(50)]
    client.consume("q", "red", filter=RED)
    client.consume("q", "blue", filter=BLUE)
    put(client, messages)
    client.broker.end_pass()
    assert looks(messages) == len(messages)
    for number in range(20):
        color(client, f"red{number}")
        assert received(client) == {"red": [f"red{number}"]}
    client.consume("q", "red too", filter=RED)
    client.broker.end_pass()
    assert looks(messages) == len(messages)
    assert len(queue.ready) == len(messages)


def test_a_new_filter_looks_at_each_message_once(client: Client) -> None:
    client.declare("q")
    messages = [watched_message(b"%d" % n, {"color": "green"}) for n in range(50)]
    client.consume("q", "red", filter=RED)
    put(client, messages)
    client.broker.end_pass()
    client.consume("q", "blue", filter=BLUE)
    client.broker.end_pass()
    assert looks(messages) == 2 * len(messages)


def test_a_hundred_thousand_messages_that_nobody_wants_cost_nothing_and_hold_up_nobody(
    client: Client, queue: Queue
) -> None:
    client.consume("q", "red", filter=RED)
    one = watched_message(b"green", {"color": "green"})
    put(client, [one] * 100_000)
    client.broker.end_pass()
    before = looks([one])
    for number in range(100):
        color(client, f"red{number}")
        assert client.received() == [b"red%d" % number]
    assert looks([one]) == before == 100_000
    assert not client.broker.pump.unfinished
    assert len(queue.ready) == 100_000


def test_without_filters_nobody_looks_at_headers(client: Client) -> None:
    client.declare("q", arguments={"x-message-ttl": 1000, "x-max-priority": 3})
    messages = [watched_message(b"%d" % n, {"color": "green"}) for n in range(5)]
    client.consume("q", prefetch=2)
    put(client, messages)
    client.received()
    assert looks(messages) == 0


def test_places_left_behind_in_other_lines_are_cleaned_up(
    client: Client, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "STALE_MIN", 10)
    client.channel.set_prefetch(1, shared=True)
    client.consume("q", "stuck", filter=RED)
    put(client, [make_message(b"0", headers={"color": "red"})])
    client.broker.end_pass()
    fast = Client(client.broker)
    fast.consume("q", "fast", filter=compile_filter("color IS NOT NULL"), no_ack=True)
    for number in range(200):
        color(fast, f"red{number}")
        assert fast.received() == [b"red%d" % number]
    assert isinstance(queue.ready, Selection)
    assert all(len(line.heap) <= 20 for line in queue.ready.lines)


def test_deadlines_of_messages_that_have_left_are_cleaned_up(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "STALE_MIN", 10)
    (queue,) = client.declare("q", arguments={"x-message-ttl": 1_000_000})
    client.consume("q", no_ack=True)
    for number in range(200):
        client.publish("", "q", b"%d" % number)
    assert len(client.received()) == 200
    assert isinstance(queue.ready, Selection)
    assert len(queue.ready._dates._times) <= 20


# Changing from one order to the other


def test_a_queue_goes_back_to_the_plain_order_when_nobody_needs_more(
    client: Client, queue: Queue
) -> None:
    client.consume("q", "red", filter=RED)
    color(client, "red1", "blue1")
    received(client)
    assert isinstance(queue.ready, Selection)
    client.channel.cancel("red")
    assert client.drain("q") == [b"blue1"]
    client.consume("q", "any")
    color(client, "red2")
    assert received(client) == {"any": ["red2"]}
    assert isinstance(queue.ready, Ready)
    client.reject(1)
    assert received(client) == {"any": ["red1"]}


def test_an_expiring_message_makes_its_queue_remember_for_as_long_as_it_is_out(
    client: Client, queue: Queue
) -> None:
    client.publish("", "q", b"1", expiration="100")
    client.consume("q", prefetch=1)
    assert client.received() == [b"1"]
    assert isinstance(queue.ready, Selection)
    client.at(200)
    client.reject(1)
    assert client.received() == []
    client.broker.end_pass()
    assert isinstance(queue.ready, Ready)


def test_what_was_taken_in_the_plain_order_comes_back_to_its_place(client: Client) -> None:
    client.declare("q")
    color(client, "red1", "red2", "red3")
    assert client.get("q") == b"red1"
    client.consume("q", "red", prefetch=1, filter=RED)
    assert received(client) == {"red": ["red2"]}
    client.reject(1)
    client.ack(2)
    assert received(client) == {"red": ["red1"]}


# Messages in the store


@pytest.mark.usefixtures("small_window")
def test_what_is_beyond_the_window_is_examined_and_delivered_all_the_same(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "WINDOW_BYTES", 100)
    (queue,) = client.declare("q", durable=True)
    for number in range(1, 11):
        headers = {"color": "red" if number % 2 else "blue"}
        client.publish("", "q", b"%d" % number, persistent=True, headers=headers)
    assert queue.ready.messages_in_memory < 10
    client.consume("q", "red", filter=RED)
    assert received(client) == {"red": ["1", "3", "5", "7", "9"]}
    client.consume("q", "blue", filter=BLUE)
    assert received(client) == {"blue": ["2", "4", "6", "8", "10"]}
    assert (queue.ready.bytes, queue.ready.memory_bytes, queue.ready.messages_in_memory) == (0,) * 3


class LossyStore(NullStore):
    """A store of which some records are damaged."""

    __slots__ = ("damaged",)

    def __init__(self) -> None:
        super().__init__()
        self.damaged: set[int] = set()

    def read_available(self, positions, limit=None):  # type: ignore[no-untyped-def]
        payloads = super().read_available(positions, limit)
        return [
            None if position in self.damaged else payload
            for position, payload in zip(positions, payloads, strict=False)
        ]


def test_a_damaged_message_is_left_out_and_those_behind_it_are_delivered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(waiting, "WINDOW_BYTES", 0)
    store = LossyStore()
    client = Client(Broker(store, CODEC))
    (queue,) = client.declare("q", durable=True, arguments={"x-max-priority": 1})
    for number in range(1, 5):
        client.publish("", "q", b"%d" % number, persistent=True)
    store.damaged = set(stored_positions(queue.ready)[:2])
    client.consume("q", prefetch=1)
    assert client.received() == [b"3"]
    client.ack(1)
    assert client.received() == [b"4"]
    assert (len(queue.ready), queue.ready.bytes) == (0, 0)


def test_a_get_goes_past_a_damaged_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "WINDOW_BYTES", 0)
    store = LossyStore()
    client = Client(Broker(store, CODEC))
    (queue,) = client.declare("q", durable=True, arguments={"x-max-priority": 1})
    for number in range(1, 4):
        client.publish("", "q", b"%d" % number, persistent=True)
    store.damaged = set(stored_positions(queue.ready)[:2])
    assert client.drain("q") == [b"3"]
    assert (len(queue.ready), queue.ready.bytes) == (0, 0)


# Clearing


def test_a_purge_empties_every_line(client: Client, queue: Queue) -> None:
    client.consume("q", "red", prefetch=1, filter=RED)
    color(client, "red1", "red2", "blue1")
    received(client)
    assert queue.purge() == 2
    assert (queue.ready.bytes, queue.ready.memory_bytes, queue.ready.messages_in_memory) == (0,) * 3
    client.ack(1)
    color(client, "red3")
    assert received(client) == {"red": ["red3"]}


# Priorities


def test_a_priority_is_no_more_than_the_queue_has(client: Client) -> None:
    client.declare("q", arguments={"x-max-priority": 2})
    for body, priority in ((b"none", None), (b"2", 2), (b"9", 9), (b"1", 1), (b"0", 0)):
        client.publish("", "q", body, priority=priority, message_id="m")
    assert client.drain("q") == [b"2", b"9", b"1", b"none", b"0"]


def test_what_comes_back_stands_by_its_priority_and_then_where_it_was(client: Client) -> None:
    client.declare("q", arguments={"x-max-priority": 5})
    for body, priority in ((b"low1", 1), (b"high1", 5), (b"low2", 1), (b"high2", 5)):
        client.publish("", "q", body, priority=priority, message_id="m")
    taken = [client.get("q") for _ in range(3)]
    assert taken == [b"high1", b"high2", b"low1"]
    client.channel.recover()
    client.publish("", "q", b"high3", priority=5, message_id="m")
    assert client.drain("q") == [b"high1", b"high2", b"high3", b"low1", b"low2"]


def test_filters_and_priorities_go_together(client: Client) -> None:
    client.declare("q", arguments={"x-max-priority": 5})
    for number in range(6):
        headers = {"color": "red" if number % 2 else "blue"}
        client.publish("", "q", b"%d" % number, priority=number, headers=headers)
    client.consume("q", "red", filter=RED)
    client.consume("q", "blue", filter=BLUE)
    assert received(client) == {"red": ["5", "3", "1"], "blue": ["4", "2", "0"]}


# Many filters


def test_many_filters_divide_a_queue_without_loss(client: Client, queue: Queue) -> None:
    chance = random.Random(1)
    filters: dict[str, Filter] = {f"c{n}": compile_filter(f"n = {n}") for n in range(50)}
    for tag, filter in filters.items():
        client.consume("q", tag, filter=filter, no_ack=True)
    wanted: dict[str, list[str]] = {}
    for number in range(1000):
        n = chance.randrange(60)
        put(client, [make_message(b"%d" % number, headers={"n": n})])
        if n < 50:
            wanted.setdefault(f"c{n}", []).append(str(number))
    assert received(client) == wanted
    assert len(queue.ready) == 1000 - sum(map(len, wanted.values()))
