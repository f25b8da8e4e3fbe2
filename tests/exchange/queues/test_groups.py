"""Groups: messages worked on in order, by one consumer at a time."""

from collections.abc import Sequence
from typing import Any

import pytest

from tests.exchange.core_client import Client
from tests.exchange.durable_broker import DurableBroker
from tests.exchange.messages import make_message, size_of
from tests.exchange.queues.stored import stored_positions
from warrener.exchange.broker import Broker
from warrener.exchange.filters.filter import Filter, compile_filter
from warrener.exchange.message import Message
from warrener.exchange.queues import groups, places, waiting
from warrener.exchange.queues.queue import Queue
from warrener.exchange.queues.selection import Selection
from warrener.exchange.server.codec import CODEC
from warrener.storage.null import NullStore

STICKY = {"qpid.group_header_key": "g"}
SHARED = {"qpid.group_header_key": "g", "qpid.shared_msg_group": 1}


@pytest.fixture
def sticky(client: Client) -> Queue:
    (queue,) = client.declare("q", arguments=STICKY)
    return queue


@pytest.fixture
def shared(client: Client) -> Queue:
    (queue,) = client.declare("q", arguments=SHARED)
    return queue


def put(client: Client, *names: str, **more: Any) -> None:
    """One message for each name, a group (none for `-`) and a number; the pass is not over."""
    for name in names:
        group = name.rstrip("0123456789")
        headers = {"g": group, "name": name} if group != "-" else {"name": name}
        message = make_message(name.encode(), headers=headers, **more)
        publish(client, message)


def publish(client: Client, *messages: Message) -> None:
    route = client.vhost.route("", "q", messages[0].properties)
    client.vhost.publish(route, messages, size_of(list(messages)))


def received(*clients: Client) -> dict[str, list[str]]:
    """Bodies by consumer, of the passes until nothing is left to do."""
    bodies: dict[str, list[str]] = {}
    clients[0].broker.end_pass()
    while clients[0].broker.pump.unfinished:
        clients[0].broker.end_pass()
    for client in clients:
        for delivery in client.deliveries():
            bodies.setdefault(delivery.consumer, []).append(delivery.body.decode())
    return bodies


def tag_of(client: Client, body: str) -> int:
    """The tag of a message that the client has."""
    headers = {tag: d.message.properties.headers for tag, d in client.channel.unacked.items()}
    return next(tag for tag, each in headers.items() if each and each["name"] == body)


def holders(queue: Queue) -> dict[str, str]:
    assert isinstance(queue.ready, Selection)
    assert queue.ready.groups is not None
    return {group: consumer.tag for group, consumer in queue.ready.groups.assignments.items()}


# A group sticks to the consumer that took its first message


def test_a_group_goes_to_one_consumer_in_order(client: Client, sticky: Queue) -> None:
    client.consume("q", "one")
    client.consume("q", "two")
    put(client, "A1", "B1", "A2", "B2", "A3", "B3")
    assert received(client) == {"one": ["A1", "A2", "A3"], "two": ["B1", "B2", "B3"]}
    assert holders(sticky) == {"A": "one", "B": "two"}


@pytest.mark.usefixtures("sticky")
def test_a_group_stays_where_it_is_when_all_of_it_is_answered(client: Client) -> None:
    client.consume("q", "one", prefetch=1)
    client.consume("q", "two", prefetch=1)
    put(client, "A1")
    assert received(client) == {"one": ["A1"]}
    client.ack(1)
    put(client, "-1", "A2", "-2")
    assert received(client) == {"two": ["-1"], "one": ["A2"]}


@pytest.mark.usefixtures("sticky")
def test_a_busy_holder_holds_up_its_groups_and_no_others(client: Client) -> None:
    client.consume("q", "slow", prefetch=1)
    put(client, "A1")
    assert received(client) == {"slow": ["A1"]}
    client.consume("q", "free")
    put(client, "A2", "B1", "A3", "-1", "C1", "B2")
    assert received(client) == {"free": ["B1", "-1", "C1", "B2"]}
    client.ack(1)
    assert received(client) == {"slow": ["A2"]}


def test_messages_without_a_group_go_to_anybody(client: Client, sticky: Queue) -> None:
    client.consume("q", "one")
    client.consume("q", "two")
    put(client, "-1", "-2", "-3", "-4")
    publish(client, make_message(b"empty", headers={"g": ""}), make_message(b"bare"))
    assert received(client) == {"one": ["-1", "-3", "empty"], "two": ["-2", "-4", "bare"]}
    assert holders(sticky) == {}


def test_a_group_may_have_any_name(client: Client, sticky: Queue) -> None:
    client.consume("q", "c")
    for name in (7, "7", True, 1.5, [1, 2], {"a": 1}):
        publish(client, make_message(b"", headers={"g": name}))
    received(client)
    assert set(holders(sticky)) == {"7", "True", "1.5", "[1, 2]", "{'a': 1}"}


@pytest.mark.parametrize("value", ["", True])
def test_the_usual_header_is_that_of_jms(client: Client, value: object) -> None:
    (queue,) = client.declare("q", arguments={"qpid.group_header_key": value})
    client.consume("q", "c")
    client.publish("", "q", b"1", headers={"JMSXGroupID": "A"})
    assert holders(queue) == {"A": "c"}


def test_a_queue_without_the_argument_has_no_groups(client: Client) -> None:
    (queue,) = client.declare("q")
    client.consume("q", "one")
    client.consume("q", "two")
    client.publish("", "q", b"1", b"2", headers={"JMSXGroupID": "A"})
    assert received(client) == {"one": ["1"], "two": ["2"]}
    assert not isinstance(queue.ready, Selection)


# Holders that leave


def test_the_groups_of_a_consumer_that_leaves_go_to_others(
    client: Client, other: Client, sticky: Queue
) -> None:
    client.consume("q", "one", prefetch=2)
    put(client, "A1", "A2", "A3", "A4")
    assert received(client) == {"one": ["A1", "A2"]}
    other.consume("q", "two")
    assert received(other) == {}
    client.channel.close()
    assert received(other) == {"two": ["A1", "A2", "A3", "A4"]}
    assert holders(sticky) == {"A": "two"}


def test_what_a_cancelled_consumer_still_owes_holds_up_its_group(
    client: Client, other: Client, sticky: Queue
) -> None:
    client.consume("q", "one", prefetch=2)
    put(client, "A1", "A2", "A3")
    received(client)
    client.channel.cancel("one")
    other.consume("q", "two")
    put(client, "B1")
    assert received(other) == {"two": ["B1"]}
    client.ack(2)
    assert received(other) == {}
    assert holders(sticky) == {"A": "one", "B": "two"}
    client.reject(1)
    assert received(other) == {"two": ["A1", "A3"]}


def test_a_cancelled_consumer_that_owes_nothing_leaves_its_groups_at_once(
    client: Client, sticky: Queue
) -> None:
    client.consume("q", "one", no_ack=True)
    put(client, "A1")
    received(client)
    client.channel.cancel("one")
    assert (holders(sticky), len(sticky.ready)) == ({}, 0)
    put(client, "A2")
    client.consume("q", "two")
    assert received(client) == {"two": ["A2"]}


def test_the_last_message_of_a_group_ends_it(client: Client, sticky: Queue) -> None:
    client.consume("q", "one", prefetch=2)
    put(client, "A1")
    received(client)
    client.consume("q", "two")
    publish(client, make_message(b"A2", headers={"g": "A", "name": "A2", "JMSXGroupSeq": -1}))
    put(client, "A3")
    assert received(client) == {"one": ["A2"]}
    client.ack(2)
    assert received(client) == {}
    client.ack(1)
    assert received(client) == {"two": ["A3"]}
    assert holders(sticky) == {"A": "two"}


@pytest.mark.usefixtures("sticky")
def test_a_last_message_that_comes_back_is_the_next_of_its_group(client: Client) -> None:
    client.consume("q", "one")
    publish(client, make_message(b"A1", headers={"g": "A", "JMSXGroupSeq": -1}))
    put(client, "A2")
    assert received(client) == {"one": ["A1"]}
    client.nack(1)
    assert received(client) == {"one": ["A1"]}
    client.ack(2)
    assert received(client) == {"one": ["A2"]}


# Shared groups


def test_a_shared_group_is_free_again_when_nothing_of_it_is_unanswered(
    client: Client, shared: Queue
) -> None:
    client.consume("q", "one", prefetch=1)
    client.consume("q", "two", prefetch=1)
    put(client, "A1", "B1", "A2", "B2")
    assert received(client) == {"one": ["A1"], "two": ["B1"]}
    put(client, "C1")
    client.ack(tag_of(client, "B1"))
    assert received(client) == {"two": ["B2"]}
    assert holders(shared) == {"A": "one", "B": "two"}
    client.ack(tag_of(client, "A1"))
    assert holders(shared) == {"B": "two"}
    client.ack(tag_of(client, "B2"))
    assert received(client) == {"one": ["A2"], "two": ["C1"]}
    assert holders(shared) == {"A": "one", "C": "two"}


@pytest.mark.usefixtures("shared")
def test_a_shared_group_may_have_several_messages_with_its_holder(client: Client) -> None:
    client.consume("q", "one", prefetch=2)
    put(client, "A1", "A2", "A3")
    assert received(client) == {"one": ["A1", "A2"]}
    client.consume("q", "two", prefetch=2)
    client.ack(1)
    assert received(client) == {"one": ["A3"]}
    client.ack(2)
    put(client, "A4")
    assert received(client) == {"one": ["A4"]}


def test_without_acknowledgements_a_shared_group_is_never_held(
    client: Client, shared: Queue
) -> None:
    client.consume("q", "one", no_ack=True)
    put(client, "A1", "A2")
    assert received(client) == {"one": ["A1", "A2"]}
    client.consume("q", "two", no_ack=True, priority=1)
    put(client, "A3")
    assert received(client) == {"two": ["A3"]}
    assert holders(shared) == {}


def test_one_alone_asks_for_shared_groups_named_by_the_usual_header(client: Client) -> None:
    (queue,) = client.declare("q", arguments={"qpid.shared_msg_group": "1"})
    client.publish("", "q", b"1", headers={"JMSXGroupID": "A"})
    assert client.get("q") == b"1"
    assert holders(queue) == {"A": ""}
    client.ack(1)
    assert holders(queue) == {}


# What comes back


@pytest.mark.parametrize("arguments", [STICKY, SHARED])
def test_what_comes_back_stands_in_front_of_the_later_ones_of_its_group(
    client: Client, other: Client, arguments: dict[str, Any]
) -> None:
    client.declare("q", arguments=arguments)
    client.consume("q", "one", prefetch=2)
    put(client, "A1", "A2", "A3", "-1")
    assert received(client) == {"one": ["A1", "A2"]}
    other.consume("q", "two", prefetch=5)
    assert received(other) == {"two": ["-1"]}
    client.nack(1)
    assert received(client, other) == {"one": ["A1"]}
    client.nack(0, multiple=True)
    client.channel.close()
    assert received(other) == {"two": ["A1", "A2", "A3"]}


def test_what_comes_back_to_a_free_group_goes_to_anybody(client: Client, shared: Queue) -> None:
    client.consume("q", "one", prefetch=1)
    client.consume("q", "two", prefetch=1)
    put(client, "A1", "A2")
    assert received(client) == {"one": ["A1"]}
    client.nack(1)
    assert received(client) == {"two": ["A1"]}
    assert holders(shared) == {"A": "two"}


def test_a_message_that_is_held_back_holds_up_its_group_and_no_other(client: Client) -> None:
    client.declare("q", arguments=SHARED | {"x-delayed-retry-min": 1000})
    client.consume("q", "c", prefetch=1)
    client.at(10_000)
    put(client, "A1", "A2", "B1")
    assert received(client) == {"c": ["A1"]}
    client.reject(1)
    assert received(client) == {"c": ["B1"]}
    client.ack(2)
    client.at(10_999)
    assert received(client) == {}
    client.at(11_000)
    assert received(client) == {"c": ["A1"]}
    client.ack(3)
    assert received(client) == {"c": ["A2"]}


# Get


def test_a_get_takes_the_first_message_that_no_consumer_has_the_group_of(
    client: Client, other: Client, sticky: Queue
) -> None:
    client.consume("q", "one", prefetch=1)
    put(client, "A1", "A2", "B1", "-1", "B2")
    received(client)
    assert other.get("q") == b"B1"
    assert holders(sticky) == {"A": "one", "B": ""}
    assert other.get("q") == b"-1"
    assert other.get("q") == b"B2"
    assert other.get("q") is None
    assert len(sticky.ready) == 1


@pytest.mark.usefixtures("sticky")
def test_what_a_get_has_taken_holds_up_its_group_until_it_is_answered(
    client: Client, other: Client
) -> None:
    put(client, "A1", "A2")
    assert client.get("q") == b"A1"
    other.consume("q", "two")
    assert received(other) == {}
    assert other.get("q") is None
    client.ack(1)
    assert received(other) == {"two": ["A2"]}


@pytest.mark.usefixtures("sticky")
def test_all_gets_of_a_channel_are_one_holder(client: Client) -> None:
    client.declare("elsewhere")
    put(client, "A1", "A2", "A3")
    assert client.get("q") == b"A1"
    assert client.get("elsewhere") is None
    assert client.get("q") == b"A2"
    assert client.get("q", no_ack=True) == b"A3"


# Together with other features


@pytest.mark.usefixtures("sticky")
def test_a_group_goes_where_its_next_message_is_wanted(client: Client) -> None:
    odd, even = (compile_filter(f"name LIKE '%{end}'") for end in "12")
    client.consume("q", "odd", filter=odd)
    client.consume("q", "even", filter=even)
    put(client, "A1", "A2", "B2", "B1")
    assert received(client) == {"odd": ["A1"], "even": ["B2"]}
    client.ack(tag_of(client, "A1"))
    assert received(client) == {"even": ["A2"]}
    client.ack(tag_of(client, "B2"))
    assert received(client) == {"odd": ["B1"]}


def test_a_message_that_nobody_wants_holds_up_its_group_until_it_is_gone(
    client: Client, other: Client, sticky: Queue
) -> None:
    client.consume("q", "c", filter=compile_filter("name <> 'A1'"))
    put(client, "A1", "A2", "B1")
    assert received(client) == {"c": ["B1"]}
    assert other.get("q", no_ack=True) == b"A1"
    assert received(client) == {"c": ["A2"]}
    assert len(sticky.ready) == 0


@pytest.mark.usefixtures("sticky")
def test_a_new_filter_finds_the_first_messages_of_groups(client: Client) -> None:
    put(client, "A1", "A2", "B1", "-1")
    client.broker.end_pass()
    client.consume("q", "c", filter=compile_filter("name <> 'B1'"))
    assert received(client) == {"c": ["A1", "A2", "-1"]}


def test_filters_are_asked_of_messages_that_are_not_in_memory(
    durable: DurableBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "WINDOW_BYTES", 0)
    client = durable.client
    client.declare("q", durable=True, arguments=STICKY)
    put(client, "A1", "A2", "A3", persistent=True)
    client.consume("q", "c", filter=compile_filter("name <> 'B1'"))
    assert received(client) == {"c": ["A1", "A2", "A3"]}


def test_within_a_group_the_order_is_that_of_the_queue_priorities_first(client: Client) -> None:
    client.declare("q", arguments=STICKY | {"x-max-priority": 5})
    client.consume("q", "c", prefetch=1)
    put(client, "A1", "A2", priority=1)
    put(client, "A3", priority=3)
    put(client, "B1", priority=2)
    taken = []
    for tag in range(1, 5):
        taken += received(client)["c"]
        client.ack(tag)
    assert taken == ["A3", "B1", "A1", "A2"]


def test_a_message_of_higher_priority_comes_before_one_that_stood_in_line(client: Client) -> None:
    client.declare("q", arguments=SHARED | {"x-max-priority": 5})
    put(client, "A1")
    client.consume("q", "c", filter=compile_filter("name = 'nobody'"))
    client.broker.end_pass()
    put(client, "A2", priority=3)
    assert client.get("q") == b"A2"
    client.consume("q", "one")
    assert received(client) == {}
    client.ack(1)
    assert received(client) == {"one": ["A1"]}


def test_a_holder_keeps_its_groups_from_consumers_of_higher_priority(
    client: Client, sticky: Queue
) -> None:
    client.consume("q", "low", prefetch=1)
    put(client, "A1")
    received(client)
    client.consume("q", "high", priority=5)
    put(client, "A2", "B1")
    assert received(client) == {"high": ["B1"]}
    client.ack(1)
    assert received(client) == {"low": ["A2"]}
    assert holders(sticky) == {"A": "low", "B": "high"}


def test_with_a_single_active_consumer_the_next_waits_for_what_the_last_one_owes(
    client: Client, other: Client
) -> None:
    client.declare("q", arguments=STICKY | {"x-single-active-consumer": True})
    client.consume("q", "one", prefetch=1)
    other.consume("q", "two", prefetch=1)
    put(client, "A1", "A2", "B1")
    assert received(client, other) == {"one": ["A1"]}
    client.channel.cancel("one")
    assert received(client, other) == {"two": ["B1"]}
    client.ack(1)
    other.ack(1)
    assert received(client, other) == {"two": ["A2"]}


def test_messages_of_groups_expire_and_are_dropped_like_others(client: Client) -> None:
    (queue,) = client.declare("q", arguments=STICKY | {"x-max-length": 3})
    client.at(1000)
    put(client, "A1", "A2", "A3", "B1")
    client.broker.end_pass()
    assert len(queue.ready) == 3
    client.publish("", "q", b"A4", headers={"g": "A"}, expiration="100")
    client.consume("q", "c", prefetch=1)
    assert received(client) == {"c": ["A3"]}
    client.at(1100)
    client.ack(1)
    assert received(client) == {"c": ["B1"]}
    assert len(queue.ready) == 0


def test_a_purge_leaves_groups_with_those_who_have_something_of_them(
    client: Client, shared: Queue
) -> None:
    client.consume("q", "one", prefetch=1)
    put(client, "A1", "A2", "B1")
    received(client)
    assert shared.purge() == 2
    assert holders(shared) == {"A": "one"}
    client.nack(1)
    put(client, "A3")
    assert received(client) == {"one": ["A1"]}
    client.ack(2)
    assert received(client) == {"one": ["A3"]}


def test_groups_are_as_before_after_a_restart(durable: DurableBroker) -> None:
    durable.client.declare("q", durable=True, arguments=STICKY)
    put(durable.client, "A1", "B1", "A2", "B2", persistent=True)
    durable.client.consume("q", "before")
    received(durable.client)
    durable.restart()
    durable.client.consume("q", "one")
    durable.client.consume("q", "two")
    assert received(durable.client) == {"one": ["A1", "A2"], "two": ["B1", "B2"]}


class ForgetfulStore(NullStore):
    """A store that cannot read what is in `lost`."""

    __slots__ = ("lost",)

    def read_available(
        self, positions: Sequence[int], limit: int | None = None
    ) -> list[bytes | None]:
        found = super().read_available(positions, limit)
        return [
            None if position in self.lost else payload
            for position, payload in zip(positions, found, strict=False)
        ]


@pytest.mark.parametrize("filter", [None, compile_filter("name <> ''")])
def test_a_message_that_the_store_has_lost_holds_up_nobody(
    filter: Filter | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "WINDOW_BYTES", 0)
    store = ForgetfulStore()
    client = Client(Broker(store, CODEC))
    (queue,) = client.declare("q", durable=True, arguments=SHARED)
    put(client, "A1", "A2", "B1", "B2", persistent=True)
    store.lost = sorted(stored_positions(queue.ready))[0::2]
    client.consume("q", "c", filter=filter)
    assert received(client) == {"c": ["A2", "B2"]}
    assert holders(queue) == {"A": "c", "B": "c"}
    client.ack(2, multiple=True)
    assert holders(queue) == {}
    assert not len(queue.ready)


# What is remembered


def test_a_group_without_messages_and_holder_is_forgotten(client: Client, shared: Queue) -> None:
    client.consume("q", "c")
    for number in range(100):
        put(client, f"{number}x1")
        received(client)
        client.ack(number + 1)
    assert isinstance(shared.ready, Selection)
    assert shared.ready.groups is not None
    assert len(shared.ready.groups) == 0
    assert not shared.ready.remembers


def test_of_idle_groups_those_that_are_idle_for_longest_are_forgotten(
    client: Client, sticky: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups, "IDLE_MAX", 2)
    client.consume("q", "c", no_ack=True)
    put(client, "A1", "B1", "A2", "C1", "A3", "D1")
    received(client)
    assert set(holders(sticky)) == {"A", "D"}
    client.channel.cancel("c")
    assert holders(sticky) == {}


def test_a_hundred_messages_of_a_group_leave_no_places_behind(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "STALE_MIN", 2)
    (queue,) = client.declare("q", arguments=STICKY | {"x-max-length": 1})
    put(client, "A1")
    for number in range(100):
        put(client, f"A{number}")
        client.broker.end_pass()
    assert isinstance(queue.ready, Selection)
    group, _ = queue.ready.groups.of(make_message(b"", headers={"g": "A"}).properties)
    assert len(group._places.heap) < 10
