"""The router: which queues a message reaches, and what becomes of the dead, the full, the old."""

import cProfile
import pstats
from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.exchange.core_client import Client
from tests.exchange.durable_broker import DurableBroker
from tests.exchange.messages import body_of, make_message, size_of
from tests.exchange.queues.stored import stored_positions
from warrener.exchange import router
from warrener.exchange.broker import Broker
from warrener.exchange.errors import AccessRefused, NotFound, PreconditionFailed
from warrener.exchange.message import Envelope, Message
from warrener.exchange.queues.queue import Queue
from warrener.exchange.route import Route
from warrener.exchange.server.codec import CODEC
from warrener.exchange.types import Exchange
from warrener.storage.errors import UnknownPosition
from warrener.storage.null import NullStore

SELECTOR = "x-filter-jms-selector"
TAGS = "x-filter-tags"


def route(client: Client, exchange: str, key: str, *copies: str, **headers: Any) -> Route:
    message = make_message(b"", headers=headers)
    return client.vhost.route(exchange, key, message.properties, copies)


def names(route: Route) -> list[str]:
    return sorted(queue.name for queue in route.queues)


def publish(client: Client, route: Route, *bodies: bytes, **properties: Any) -> list[bytes]:
    """Publish along a route; returns the bodies of what was refused."""
    messages = [make_message(body, envelope=Envelope("", "q"), **properties) for body in bodies]
    refused = client.vhost.publish(route, messages, size_of(messages), "expiration" in properties)
    client.broker.end_pass()
    return [body_of(message) for message in refused]


def bind_exchange(client: Client, source: str, target: str, key: str = "", **options: Any) -> None:
    client.vhost.bind(source, client.vhost.exchange(target), key, options)


@pytest.fixture
def exchanges(client: Client) -> Client:
    """Exchanges by the names of their types, and queues `a` and `b`."""
    for kind in ("direct", "fanout", "topic", "headers"):
        client.vhost.declare_exchange(kind, kind)
    client.declare("a", "b")
    return client


# Routes


def test_a_route_to_an_exchange_that_is_not_there_is_not_found(client: Client) -> None:
    with pytest.raises(NotFound):
        route(client, "nowhere", "k")


def test_nobody_publishes_to_an_internal_exchange(client: Client) -> None:
    client.vhost.declare_exchange("in", "fanout", internal=True)
    with pytest.raises(AccessRefused):
        route(client, "in", "k")


def test_a_queue_is_reached_once_by_however_many_ways(exchanges: Client) -> None:
    for key in ("k", "*", "#"):
        exchanges.bind("topic", "a", key)
    bind_exchange(exchanges, "topic", "fanout", "k")
    exchanges.bind("fanout", "a")
    exchanges.bind("fanout", "b")
    assert names(route(exchanges, "topic", "k")) == ["a", "b"]


def test_exchanges_bound_in_a_circle_are_passed_once(exchanges: Client) -> None:
    bind_exchange(exchanges, "fanout", "topic", "#")
    bind_exchange(exchanges, "topic", "fanout", "#")
    bind_exchange(exchanges, "topic", "topic", "#")
    exchanges.bind("topic", "a", "#")
    assert names(route(exchanges, "fanout", "k")) == ["a"]


def test_copies_are_further_routing_keys_and_reach_each_queue_once(exchanges: Client) -> None:
    exchanges.bind("direct", "a", "one")
    exchanges.bind("direct", "a", "two")
    exchanges.bind("direct", "b", "three")
    assert names(route(exchanges, "direct", "one", "two", "three")) == ["a", "b"]
    assert names(route(exchanges, "direct", "none", "two")) == ["a"]
    assert names(route(exchanges, "", "a", "b", "a", "nowhere")) == ["a", "b"]


def test_only_a_route_that_depends_on_nothing_else_lasts(exchanges: Client) -> None:
    exchanges.bind("direct", "a", "k")
    assert route(exchanges, "direct", "k").lasting
    assert not route(exchanges, "direct", "k", "copy").lasting
    assert not route(exchanges, "headers", "k").lasting
    exchanges.bind("direct", "b", "k", **{SELECTOR: "x = 1"})
    assert not route(exchanges, "direct", "k").lasting
    exchanges.vhost.unbind("direct", exchanges.vhost.queues["b"], "k", {SELECTOR: "x = 1"})
    assert route(exchanges, "direct", "k").lasting


def test_routes_that_depend_on_the_message_are_shared(exchanges: Client) -> None:
    exchanges.bind("headers", "a", x=1)
    exchanges.bind("headers", "b", x=2)
    assert route(exchanges, "headers", "k", x=1) is route(exchanges, "headers", "k", x=1)
    assert route(exchanges, "headers", "k", x=1) is not route(exchanges, "headers", "k", x=2)
    before = route(exchanges, "headers", "k", x=1)
    exchanges.declare("c")
    assert route(exchanges, "headers", "k", x=1) is not before


def test_an_alternate_exchange_gets_what_found_no_queue(client: Client) -> None:
    client.declare("a", "other")
    client.vhost.declare_exchange("spare", "fanout")
    client.vhost.declare_exchange("x", "direct", arguments={"alternate-exchange": "spare"})
    client.bind("x", "a", "k", **{SELECTOR: "size > 5"})
    client.bind("spare", "other")
    assert names(route(client, "x", "k", size=9)) == ["a"]
    assert names(route(client, "x", "k", size=1)) == ["other"]
    assert names(route(client, "x", "none")) == ["other"]


# Filters on bindings


@pytest.mark.parametrize(
    ("exchange", "key", "arguments"),
    [
        ("fanout", "", {}),
        ("direct", "k", {}),
        ("topic", "k", {}),
        ("topic", "#", {}),
        ("headers", "", {"size": 9}),
    ],
    ids=["fanout", "direct", "topic", "topic #", "headers"],
)
def test_a_filter_narrows_a_binding_of_any_type(
    exchanges: Client, exchange: str, key: str, arguments: dict[str, Any]
) -> None:
    exchanges.bind(exchange, "a", key, **arguments)
    exchanges.bind(exchange, "b", key, **arguments, **{SELECTOR: "region = 'EU'"})
    assert names(route(exchanges, exchange, "k", region="EU", size=9)) == ["a", "b"]
    assert names(route(exchanges, exchange, "k", region="US", size=9)) == ["a"]
    assert names(route(exchanges, exchange, "k", size=9)) == ["a"]


def test_a_filter_is_no_condition_of_a_headers_exchange(exchanges: Client) -> None:
    exchanges.bind("headers", "a", **{"x-match": "all-with-x", "n": 1, SELECTOR: "m = 2"})
    assert names(route(exchanges, "headers", "", n=1, m=2)) == ["a"]
    assert names(route(exchanges, "headers", "", n=1, m=3)) == []


def test_a_filter_may_stand_between_two_exchanges(exchanges: Client) -> None:
    bind_exchange(exchanges, "direct", "fanout", "k", **{SELECTOR: "n BETWEEN 1 AND 3"})
    exchanges.bind("fanout", "a")
    exchanges.bind("fanout", "b", **{TAGS: "T"})
    assert names(route(exchanges, "direct", "k", n=2)) == ["a"]
    assert names(route(exchanges, "direct", "k", n=2, TAGS="T")) == ["a", "b"]
    assert names(route(exchanges, "direct", "k", n=4, TAGS="T")) == []


def test_tags_are_alternatives(exchanges: Client) -> None:
    exchanges.bind("fanout", "a", **{TAGS: "TagA || TagB"})
    exchanges.bind("fanout", "b", **{TAGS: "*"})
    for tag, expected in (("TagA", ["a", "b"]), ("TagB", ["a", "b"]), ("TagC", ["b"])):
        assert names(route(exchanges, "fanout", "", TAGS=tag)) == expected
    assert names(route(exchanges, "fanout", "")) == ["b"]


def test_both_kinds_of_filter_must_match(exchanges: Client) -> None:
    exchanges.bind("fanout", "a", **{TAGS: "T", SELECTOR: "n > 1"})
    assert names(route(exchanges, "fanout", "", TAGS="T", n=2)) == ["a"]
    assert names(route(exchanges, "fanout", "", TAGS="T", n=1)) == []
    assert names(route(exchanges, "fanout", "", TAGS="U", n=2)) == []


def test_a_filter_is_part_of_what_a_binding_is(exchanges: Client) -> None:
    small, large = {SELECTOR: "n < 5"}, {SELECTOR: "n >= 5"}
    exchanges.bind("fanout", "a", **small)
    exchanges.bind("fanout", "a", **large)
    queue = exchanges.vhost.queues["a"]
    exchanges.vhost.unbind("fanout", queue, "", {})
    exchanges.vhost.unbind("fanout", queue, "", {SELECTOR: "n  <  5"})
    assert names(route(exchanges, "fanout", "", n=1)) == ["a"]
    exchanges.vhost.unbind("fanout", queue, "", small)
    assert names(route(exchanges, "fanout", "", n=1)) == []
    assert names(route(exchanges, "fanout", "", n=7)) == ["a"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({SELECTOR: "region ="}, "x-filter-jms-selector"),
        ({SELECTOR: 5}, "expected a string"),
        ({TAGS: ["a"]}, "expected a string"),
    ],
)
def test_what_is_no_filter_binds_nothing(
    exchanges: Client, arguments: dict[str, Any], text: str
) -> None:
    with pytest.raises(PreconditionFailed) as refusal:
        exchanges.bind("fanout", "a", **arguments)
    assert text in refusal.value.text
    assert names(route(exchanges, "fanout", "")) == []


def test_a_filter_survives_a_restart(durable: DurableBroker) -> None:
    client = durable.client
    client.declare("a", durable=True)
    client.vhost.declare_exchange("x", "topic", durable=True)
    client.vhost.declare_exchange("y", "fanout", durable=True)
    bind_exchange(client, "x", "y", "k", **{SELECTOR: "n = 1"})
    client.bind("y", "a", **{TAGS: "T"})
    durable.restart()
    assert names(route(durable.client, "x", "k", n=1, TAGS="T")) == ["a"]
    assert names(route(durable.client, "x", "k", n=2, TAGS="T")) == []
    assert names(route(durable.client, "x", "k", n=1, TAGS="U")) == []


# Dead letters


def dying(client: Client, name: str = "q", **arguments: Any) -> Queue:
    """A queue that sends what it gives up to the exchange `dlx`, unless told otherwise."""
    arguments = {f"x-{key.replace('_', '-')}": value for key, value in arguments.items()}
    arguments = {"x-dead-letter-exchange": "dlx"} | arguments
    (queue,) = client.declare(name, durable=True, arguments=arguments)
    return queue


def reject(client: Client, queue: str, body: bytes, **properties: Any) -> None:
    """A message is published to a queue, taken, and rejected."""
    client.publish("", queue, body, **properties)
    while client.get(queue) != body:
        pass
    client.reject(max(client.channel.unacked), requeue=False)
    client.broker.end_pass()


@pytest.fixture
def dlx(client: Client) -> Client:
    """A client with an exchange `dlx` and a durable queue `dead` behind it."""
    client.vhost.declare_exchange("dlx", "topic", durable=True)
    client.declare("dead", durable=True)
    client.bind("dlx", "dead", "#")
    return client


def test_a_dead_letter_goes_by_its_routing_key_or_by_the_queues(dlx: Client) -> None:
    dying(dlx, "plain")
    dying(dlx, "renamed", dead_letter_routing_key="other")
    dlx.declare("only other")
    dlx.bind("dlx", "only other", "other")
    reject(dlx, "plain", b"1")
    reject(dlx, "renamed", b"2")
    assert dlx.drain("dead") == [b"1", b"2"]
    assert dlx.drain("only other") == [b"2"]


def test_without_its_exchange_a_dead_letter_is_gone(client: Client) -> None:
    queue = dying(client)
    reject(client, "q", b"1", persistent=True)
    assert (len(queue.ready), queue.unacked) == (0, 0)
    assert client.broker.statistics().messages_ready == 0


def test_a_dead_letter_may_go_through_an_internal_exchange(client: Client) -> None:
    client.vhost.declare_exchange("dlx", "fanout", internal=True)
    client.declare("dead")
    client.bind("dlx", "dead")
    dying(client)
    reject(client, "q", b"1")
    assert client.drain("dead") == [b"1"]


def test_a_dead_letter_is_filtered_and_may_be_caught_by_the_alternate_exchange(
    client: Client,
) -> None:
    client.vhost.declare_exchange("dlx", "fanout", arguments={"alternate-exchange": "rest"})
    client.vhost.declare_exchange("rest", "fanout")
    client.declare("rejected", "other")
    client.bind("dlx", "rejected", **{SELECTOR: "\"x-last-death-reason\" = 'rejected'"})
    client.bind("rest", "other")
    dying(client, max_length=1)
    client.publish("", "q", b"1", b"2")
    client.get("q")
    client.reject(1, requeue=False)
    assert client.drain("other") == [b"1"]
    assert client.drain("rejected") == [b"2"]


def test_copies_reach_the_dead_letter_exchange(dlx: Client) -> None:
    dying(dlx)
    dlx.declare("copied")
    dlx.bind("dlx", "copied", "copy")
    reject(dlx, "q", b"1", headers={"CC": ["copy"]})
    assert dlx.drain("copied") == [b"1"]


def test_a_dead_letter_for_several_queues_is_stored_once(dlx: Client) -> None:
    dlx.declare("dead too", durable=True)
    dlx.bind("dlx", "dead too", "#")
    dying(dlx)
    reject(dlx, "q", b"1", persistent=True)
    places = [stored_positions(dlx.vhost.queues[name].ready) for name in ("dead", "dead too")]
    assert places[0] == places[1] != []
    for name in ("dead", "dead too"):
        assert dlx.drain(name) == [b"1"]
    with pytest.raises(UnknownPosition):
        dlx.broker.ledger.load(places[0])


def test_the_store_holds_a_dead_letter_before_it_lets_go_of_the_message(dlx: Client) -> None:
    queue = dying(dlx)
    dlx.publish("", "q", b"1", persistent=True)
    (before,) = stored_positions(queue.ready)
    dlx.get("q")
    dlx.reject(1, requeue=False)
    (after,) = stored_positions(dlx.vhost.queues["dead"].ready)
    assert [body_of(message) for message in dlx.broker.ledger.load([before, after])] == [b"1", b"1"]
    dlx.broker.end_pass()
    with pytest.raises(UnknownPosition):
        dlx.broker.ledger.load([before])


def test_a_full_queue_takes_a_dead_letter_all_the_same(dlx: Client) -> None:
    full = dying(dlx, "full", max_length=1, overflow="reject-publish")
    dlx.bind("dlx", "full", "#")
    dlx.publish("", "full", b"0")
    dying(dlx)
    reject(dlx, "q", b"1")
    assert len(full.ready) == 2


def test_a_queue_that_is_its_own_dead_letter_queue_gets_what_is_rejected(client: Client) -> None:
    dying(client, dead_letter_exchange="", message_ttl=100)
    client.publish("", "q", b"1")
    for round in range(3):
        client.get("q")
        (tag,) = client.channel.unacked
        delivery = client.channel.unacked[tag]
        deaths = (delivery.message.properties.headers or {}).get("x-death", [])
        assert [death["count"] for death in deaths] == ([round] if round else [])
        client.reject(tag, requeue=False)
    client.at(100)
    assert client.drain("q") == []


def test_two_queues_do_not_hand_a_message_to_each_other_for_ever(client: Client) -> None:
    dying(client, "one", dead_letter_exchange="", dead_letter_routing_key="two", message_ttl=10)
    dying(client, "two", dead_letter_exchange="", dead_letter_routing_key="one", message_ttl=10)
    client.publish("", "one", b"1")
    client.at(10)
    assert [len(client.vhost.queues[name].ready) for name in ("one", "two")] == [0, 1]
    client.at(20)
    assert [len(client.vhost.queues[name].ready) for name in ("one", "two")] == [0, 0]


def test_with_no_time_at_all_they_do_not_either(client: Client) -> None:
    dying(client, "one", dead_letter_exchange="", dead_letter_routing_key="two", message_ttl=0)
    dying(client, "two", dead_letter_exchange="", dead_letter_routing_key="one", message_ttl=0)
    client.publish("", "one", b"1")
    for _ in range(5):
        client.broker.end_pass()
    assert client.broker.statistics().messages_ready == 0
    assert client.broker.deadlines.next is None


def test_a_round_that_a_consumer_breaks_goes_on(client: Client) -> None:
    dying(client, "work", dead_letter_exchange="", dead_letter_routing_key="wait")
    dying(client, "wait", dead_letter_exchange="", dead_letter_routing_key="work", message_ttl=10)
    client.publish("", "work", b"1")
    for round in range(1, 4):
        assert client.get("work") == b"1"
        client.reject(round, requeue=False)
        client.at(10 * round)
    client.get("work")
    (delivery,) = client.channel.unacked.values()
    deaths = (delivery.message.properties.headers or {})["x-death"]
    assert [(d["queue"], d["count"]) for d in deaths] == [("wait", 3), ("work", 3)]


def test_only_the_queue_it_died_in_is_left_out(client: Client) -> None:
    client.vhost.declare_exchange("dlx", "fanout")
    client.declare("other")
    dying(client, message_ttl=10)
    for name in ("q", "other"):
        client.bind("dlx", name)
    client.publish("", "q", b"1")
    client.at(10)
    assert client.drain("other") == [b"1"]
    assert client.drain("q") == []


def test_what_is_taken_to_a_queue_of_no_time_reaches_the_consumer_that_waits_there(
    client: Client, other: Client
) -> None:
    client.vhost.declare_exchange("dlx", "fanout")
    client.declare("hurry", arguments={"x-message-ttl": 0})
    client.bind("dlx", "hurry")
    other.consume("hurry")
    dying(client, message_ttl=10)
    client.publish("", "q", b"1")
    client.at(10)
    assert other.received() == [b"1"]


def test_a_queue_that_is_deleted_leaves_no_dead_letters(dlx: Client) -> None:
    dying(dlx)
    dlx.publish("", "q", b"1", b"2", b"3", persistent=True)
    dlx.get("q")
    dlx.get("q")
    dlx.vhost.delete_queue("q", dlx)
    dlx.reject(1, requeue=False)
    dlx.reject(2, requeue=True)
    dlx.broker.end_pass()
    assert dlx.drain("dead") == []
    assert dlx.broker.statistics().messages_unacked == 0


# Queues that refuse


def refusing(client: Client, name: str, **arguments: Any) -> Queue:
    limits = {"max_length": 2, "overflow": "reject-publish"} | arguments
    return dying(client, name, **limits)


def test_only_what_does_not_fit_is_refused(client: Client) -> None:
    refusing(client, "q")
    found = route(client, "", "q")
    assert publish(client, found, b"1") == []
    assert publish(client, found, b"2", b"3", b"4") == [b"3", b"4"]
    assert client.drain("q") == [b"1", b"2"]


def test_bytes_may_be_too_many_for_a_large_message_and_not_for_a_small_one(client: Client) -> None:
    size = len(make_message(bytes(100)).content)
    refusing(client, "q", max_length=100, max_length_bytes=size)
    found = route(client, "", "q")
    assert publish(client, found, bytes(101), b"small", bytes(100)) == [bytes(101), bytes(100)]
    assert client.drain("q") == [b"small"]


def test_what_consumers_take_at_once_makes_room(client: Client, other: Client) -> None:
    refusing(client, "q", max_length=1)
    other.consume("q", prefetch=3)
    assert publish(client, route(client, "", "q"), *b"1 2 3 4 5 6".split()) == [b"5", b"6"]
    assert other.received() == [b"1", b"2", b"3"]


def test_where_there_is_room_a_message_goes_that_is_refused_elsewhere(client: Client) -> None:
    refusing(client, "full", max_length=0)
    client.declare("roomy", "roomy too", durable=True)
    for name in ("full", "roomy", "roomy too"):
        client.bind("amq.fanout", name)
    found = route(client, "amq.fanout", "")
    assert publish(client, found, b"1", persistent=True) == [b"1"]
    (position,) = stored_positions(client.vhost.queues["roomy"].ready)
    assert client.drain("roomy") == client.drain("roomy too") == [b"1"]
    with pytest.raises(UnknownPosition):
        client.broker.ledger.load([position])


@pytest.mark.parametrize("exchange", ["dlx", "nowhere", None])
def test_what_is_refused_may_become_a_dead_letter_if_there_is_a_place_for_it(
    dlx: Client, exchange: str | None
) -> None:
    arguments: dict[str, Any] = {"x-max-length": 1, "x-overflow": "reject-publish-dlx"}
    if exchange:
        arguments["x-dead-letter-exchange"] = exchange
    dlx.declare("q", arguments=arguments)
    assert publish(dlx, route(dlx, "", "q"), b"1", b"2") == [b"2"]
    assert dlx.drain("dead") == ([b"2"] if exchange == "dlx" else [])
    assert dlx.drain("q") == [b"1"]


# Messages from before


class Remembering:
    """What a recent-history exchange gives to a new binding."""

    def __init__(self, client: Client) -> None:
        self.client = client
        client.vhost.declare_exchange("history", "x-recent-history")

    def publish(self, *bodies: bytes, **properties: Any) -> Sequence[str]:
        return self.client.publish("history", "k", *bodies, **properties)


def test_a_message_from_before_is_the_queues_own(client: Client) -> None:
    history = Remembering(client)
    history.publish(b"1", persistent=True)
    one, two = client.declare("one", "two", durable=True)
    client.bind("history", "one")
    client.bind("history", "two")
    assert stored_positions(one.ready) != stored_positions(two.ready)
    assert client.drain("one") == [b"1"]
    assert client.drain("two") == [b"1"]


def test_a_message_from_before_expires_like_any_other(client: Client) -> None:
    Remembering(client).publish(b"1", expiration="10")
    client.declare("q")
    client.bind("history", "q")
    client.at(10)
    assert client.drain("q") == []


def test_a_message_from_before_goes_on_to_exchanges(client: Client) -> None:
    history = Remembering(client)
    history.publish(b"1")
    client.declare("q")
    client.vhost.declare_exchange("next", "fanout")
    client.bind("next", "q")
    bind_exchange(client, "history", "next")
    assert client.drain("q") == [b"1"]


def test_messages_are_shared_between_queues(client: Client) -> None:
    for name in ("a", "b"):
        client.declare(name)
        client.bind("amq.fanout", name)
    client.publish("amq.fanout", "", b"1")
    taken: list[Message] = []
    for name in ("a", "b"):
        client.get(name)
        taken += [delivery.message for delivery in client.channel.unacked.values()]
    assert taken[0] is taken[-1]


# More durable queues than the record of a message can name


@pytest.fixture
def crowded(client: Client, monkeypatch: pytest.MonkeyPatch) -> Client:
    """Three durable queues and one that is not, on a fanout; two may be named."""
    monkeypatch.setattr(router, "HOLDERS_MAX", 2)
    client.vhost.declare_exchange("all", "fanout")
    for name in ("a", "b", "c"):
        client.declare(name, durable=True)
        client.bind("all", name)
    client.declare("d")
    client.bind("all", "d")
    return client


def test_a_publish_to_more_durable_queues_than_a_record_names_is_refused(crowded: Client) -> None:
    with pytest.raises(PreconditionFailed, match=r"3 durable queues .* 'all': at most 2"):
        route(crowded, "all", "")
    crowded.vhost.delete_queue("c", None)
    assert names(route(crowded, "all", "")) == ["a", "b", "d"]


def test_a_dead_letter_for_too_many_durable_queues_goes_to_as_many_as_may_be(
    crowded: Client, caplog: pytest.LogCaptureFixture
) -> None:
    crowded.declare("q", arguments={"x-dead-letter-exchange": "all"})
    crowded.publish("", "q", b"1")
    crowded.get("q")
    crowded.reject(1, requeue=False)
    assert [len(crowded.vhost.queues[name].ready) for name in "abcd"] == [1, 1, 0, 1]
    assert "only the first 2 get it" in caplog.text


# Work that grows with what is there, and no faster


def steps_of(action: Callable[[], object]) -> int:
    """How many calls of Python functions an action makes, and of those of hashing and comparing."""
    profile = cProfile.Profile()
    profile.runcall(action)
    return int(pstats.Stats(profile).total_calls)  # type: ignore[attr-defined]


def test_finding_a_route_through_many_exchanges_takes_as_many_steps_as_there_are(
    exchanges: Client,
) -> None:
    def comparisons(count: int) -> int:
        exchanges.vhost.declare_exchange(f"from-{count}", "fanout")
        for number in range(count):
            name = f"{count}-{number}"
            exchanges.vhost.declare_exchange(name, "fanout")
            bind_exchange(exchanges, f"from-{count}", name)
        return steps_of(lambda: route(exchanges, f"from-{count}", "k"))

    assert comparisons(400) < 5 * comparisons(100)


def test_many_keys_match_once_where_keys_do_not_matter(exchanges: Client) -> None:
    for number in range(50):
        exchanges.bind("fanout", "a", str(number))
    few = steps_of(lambda: route(exchanges, "fanout", "k", "k1"))
    many = steps_of(lambda: route(exchanges, "fanout", "k", *[f"k{n}" for n in range(100)]))
    assert many < few + 10


@pytest.mark.parametrize("kind", ["fanout", "headers", "x-random", "x-recent-history"])
def test_an_exchange_that_ignores_keys_treats_many_as_one(client: Client, kind: str) -> None:
    client.vhost.declare_exchange("e", kind)
    client.declare("a", "b")
    client.bind("e", "a", "1")
    client.bind("e", "b", "2")
    alone = names(route(client, "e", "k"))
    assert len(names(route(client, "e", "k", "1", "2", "3"))) == len(alone)


def test_copies_from_many_full_queues_take_as_many_steps_as_there_are_queues(
    client: Client,
) -> None:
    def steps(count: int) -> int:
        client.vhost.declare_exchange(f"e{count}", "fanout")
        limits = {"x-max-length": 0, "x-overflow": "reject-publish"}
        for number in range(count):
            client.declare(f"{count}-{number}", arguments=limits)
            client.bind(f"e{count}", f"{count}-{number}")
        way = route(client, f"e{count}", "k")
        return steps_of(lambda: publish(client, way, b"1"))

    assert steps(400) < 5 * steps(100)


def test_routes_that_are_kept_have_few_queues_together(
    exchanges: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(router, "VARIANTS_QUEUES_MAX", 10)
    exchanges.bind("headers", "a")
    exchanges.bind("headers", "b")
    for number in range(20):
        assert names(route(exchanges, "headers", f"k{number}")) == ["a", "b"]
        kept = exchanges.vhost._router._variants.values()
        assert sum(len(each.queues) for each in kept) <= 10


def test_every_key_of_a_fanout_goes_the_same_way_without_following_it_again(
    client: Client,
) -> None:
    client.vhost.declare_exchange("e", "fanout")
    client.declare("q")
    for number in range(500):
        client.bind("e", "q", str(number))
        client.vhost.declare_exchange(f"e{number}", "fanout")
        bind_exchange(client, "e", f"e{number}")
    first = steps_of(lambda: route(client, "e", "k"))
    second = steps_of(lambda: route(client, "e", "another"))
    assert second < first / 10


KINDS = ["fanout", "direct", "headers", "topic", "x-recent-history"]


@given(
    kinds=st.lists(st.sampled_from(KINDS), min_size=2, max_size=4),
    steps=st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 5), st.sampled_from(["", "k", "#"])),
        max_size=15,
    ),
)
def test_what_is_remembered_of_a_fanout_is_true_whatever_is_bound(
    kinds: list[str], steps: list[tuple[int, int, str]]
) -> None:
    """Bind and unbind in turn; the routes are those of a router that remembers nothing."""
    client = Client(Broker(NullStore(), CODEC))
    for number, kind in enumerate(kinds):
        client.vhost.declare_exchange(f"e{number}", kind)
    client.declare("q4", "q5")
    places: list[Exchange | Queue] = [*map(client.vhost.exchange, _names("e", len(kinds)))]
    places += client.vhost.queues.values()
    bound: set[tuple[str, Exchange | Queue, str]] = set()
    for source, target, key in steps:
        link = f"e{source % len(kinds)}", places[target % len(places)], key
        (client.vhost.unbind if link in bound else client.vhost.bind)(*link)
        bound ^= {link}
        for name, key in product(_names("e", len(kinds)), ("k", "other", "")):
            remembered = names(route(client, name, key))
            client.vhost.forget_routes()
            assert remembered == names(route(client, name, key))


def _names(prefix: str, count: int) -> list[str]:
    return [f"{prefix}{number}" for number in range(count)]
