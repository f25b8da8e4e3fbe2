"""Bindings and where messages go along them; the exchange types are in types/."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.exchange.core_client import Client
from tests.exchange.messages import Properties
from warrener.exchange.broker import Broker
from warrener.exchange.errors import NotFound, PreconditionFailed
from warrener.exchange.server.codec import CODEC
from warrener.storage.null import NullStore


def declare_fanouts(client: Client, *names: str, **options: bool) -> None:
    for name in names:
        client.vhost.declare_exchange(name, "fanout", **options)


def link(client: Client, *path: str) -> None:
    """Bind exchanges one behind the other."""
    for source, destination in pairwise(path):
        client.vhost.bind(source, client.vhost.exchange(destination), "")


# Binding and unbinding


def test_binding_twice_is_binding_once(client: Client) -> None:
    (queue,) = client.declare("q")
    for _ in range(2):
        client.bind("amq.direct", "q", "k", x=1)
    assert len(client.vhost.bindings_to(queue)) == 1
    client.vhost.unbind("amq.direct", queue, "k", {"x": 1})
    assert client.vhost.bindings_to(queue) == ()
    assert client.publish("amq.direct", "k", b"1") == []


def test_unbinding_what_is_not_bound_does_nothing(client: Client) -> None:
    (queue,) = client.declare("q")
    client.bind("amq.direct", "q", "k", x=1)
    client.vhost.unbind("amq.direct", queue, "k")
    client.vhost.unbind("amq.direct", queue, "other", {"x": 1})
    client.vhost.unbind("amq.topic", queue, "k", {"x": 1})
    client.vhost.unbind("amq.direct", queue, "k", {"x": True})
    assert client.publish("amq.direct", "k", b"1") == ["q"]


def test_bindings_that_differ_in_arguments_only_are_removed_one_by_one(client: Client) -> None:
    (queue,) = client.declare("q")
    client.bind("amq.direct", "q", "k", x=1)
    client.bind("amq.direct", "q", "k", x=True)
    client.vhost.unbind("amq.direct", queue, "k", {"x": 1})
    (left,) = client.vhost.bindings_to(queue)
    assert left.arguments == {"x": True}


def test_binding_from_an_exchange_there_is_not_is_refused(client: Client) -> None:
    (queue,) = client.declare("q")
    with pytest.raises(NotFound, match="no exchange 'e' in vhost '/'"):
        client.vhost.bind("e", queue, "k")
    with pytest.raises(NotFound, match="no exchange 'e' in vhost '/'"):
        client.vhost.unbind("e", queue, "k")
    assert client.vhost.bindings_to(queue) == ()


def test_a_binding_its_exchange_does_not_understand_is_refused(client: Client) -> None:
    (queue,) = client.declare("q")
    with pytest.raises(PreconditionFailed, match="x-match"):
        client.vhost.bind("amq.headers", queue, "", {"x-match": "most"})
    assert client.vhost.bindings_to(queue) == ()


def test_what_a_caller_does_to_its_arguments_later_does_not_matter(client: Client) -> None:
    (queue,) = client.declare("q")
    arguments = {"x": 1}
    client.vhost.bind("amq.direct", queue, "k", arguments)
    arguments["x"] = 2
    client.vhost.unbind("amq.direct", queue, "k", {"x": 1})
    assert client.vhost.bindings_to(queue) == ()


# Routing


def test_a_queue_reached_in_several_ways_gets_a_message_once(client: Client) -> None:
    client.declare("q")
    client.bind("amq.topic", "q", "#")
    client.bind("amq.topic", "q", "a.*")
    declare_fanouts(client, "e")
    client.bind("e", "q")
    client.vhost.bind("amq.topic", client.vhost.exchange("e"), "a.#")
    assert client.publish("amq.topic", "a.b", b"1") == ["q"]
    assert client.drain("q") == [b"1"]


def test_the_routing_key_is_that_of_the_publish_all_the_way(client: Client) -> None:
    client.declare("q")
    client.vhost.bind("amq.fanout", client.vhost.exchange("amq.direct"), "ignored")
    client.bind("amq.direct", "q", "k")
    assert client.publish("amq.fanout", "k", b"1") == ["q"]
    assert client.publish("amq.fanout", "ignored", b"1") == []


def test_exchanges_bound_in_a_circle_deliver_once(client: Client) -> None:
    declare_fanouts(client, "a", "b", "c")
    link(client, "a", "b", "c", "a")
    client.declare("qa", "qb", "qc")
    for name in "abc":
        client.bind(name, f"q{name}")
    assert sorted(client.publish("b", "", b"1")) == ["qa", "qb", "qc"]
    assert [client.drain(f"q{name}") for name in "abc"] == [[b"1"]] * 3


def test_an_exchange_bound_to_itself_delivers_once(client: Client) -> None:
    declare_fanouts(client, "a")
    link(client, "a", "a")
    client.declare("q")
    client.bind("a", "q")
    assert client.publish("a", "", b"1") == ["q"]
    client.vhost.delete_exchange("a")
    assert client.vhost.bindings_to(client.vhost.queues["q"]) == ()


EXCHANGES = ["a", "b", "c", "d"]
edges = st.tuples(st.sampled_from(EXCHANGES), st.sampled_from([*EXCHANGES, "p", "q", "r"]))


@given(bound=st.lists(edges, max_size=12), removed=st.lists(edges, max_size=4))
def test_a_message_reaches_every_queue_there_is_a_path_to(
    bound: list[tuple[str, str]], removed: list[tuple[str, str]]
) -> None:
    client = Client(Broker(NullStore(), CODEC))
    places = {queue.name: queue for queue in client.declare("p", "q", "r")}
    declare_fanouts(client, *EXCHANGES)
    places |= client.vhost.exchanges  # type: ignore[arg-type]
    for source, destination in bound:
        client.vhost.bind(source, places[destination], "")
    for source, destination in removed:
        client.vhost.unbind(source, places[destination], "")
    left = set(bound) - set(removed)
    for first in EXCHANGES:
        reached = [first]
        for place in reached:
            reached += {to for source, to in left if source == place} - set(reached)
        expected = sorted(name for name in reached if name in client.vhost.queues)
        assert sorted(client.publish(first, "", b"1")) == expected


# Auto-delete exchanges


def test_an_auto_delete_exchange_goes_with_its_last_binding(client: Client) -> None:
    declare_fanouts(client, "e", auto_delete=True)
    one, _ = client.declare("one", "two")
    client.bind("e", "one")
    client.bind("e", "two")
    client.vhost.unbind("e", one, "")
    assert "e" in client.vhost.exchanges
    client.vhost.delete_queue("two", client)
    assert "e" not in client.vhost.exchanges


def test_an_auto_delete_exchange_that_never_had_a_binding_stays(client: Client) -> None:
    declare_fanouts(client, "e", "f", auto_delete=True)
    (queue,) = client.declare("q")
    client.vhost.unbind("e", queue, "")
    link(client, "amq.fanout", "f")
    client.vhost.unbind("amq.fanout", client.vhost.exchange("f"), "")
    assert {"e", "f"} <= set(client.vhost.exchanges)


def test_auto_delete_runs_back_along_a_chain(client: Client) -> None:
    declare_fanouts(client, "a", "b", "c", auto_delete=True)
    link(client, "amq.fanout", "a", "b", "c")
    client.declare("q", exclusive=True)
    client.bind("c", "q")
    client.vhost.connection_left(client)
    assert not {"a", "b", "c"} & set(client.vhost.exchanges)
    assert client.publish("amq.fanout", "", b"1") == []


def test_auto_delete_comes_to_an_end_in_a_circle(client: Client) -> None:
    declare_fanouts(client, "a", "b", auto_delete=True)
    link(client, "a", "b", "a")
    client.vhost.delete_exchange("a")
    assert not {"a", "b"} & set(client.vhost.exchanges)


def test_a_queue_bound_in_two_ways_takes_its_auto_delete_exchanges_along(client: Client) -> None:
    declare_fanouts(client, "a", "b", auto_delete=True)
    client.declare("q")
    client.bind("a", "q", "one")
    client.bind("a", "q", "two")
    client.bind("b", "q")
    link(client, "b", "a")
    client.vhost.delete_queue("q", client)
    assert not {"a", "b"} & set(client.vhost.exchanges)


# Alternate exchanges


def declare_with_alternate(client: Client, name: str, alternate: object) -> None:
    client.vhost.declare_exchange(name, "direct", arguments={"alternate-exchange": alternate})


def test_what_matches_no_binding_goes_to_the_alternate_exchange(client: Client) -> None:
    declare_fanouts(client, "rest")
    declare_with_alternate(client, "e", "rest")
    client.declare("q", "lost")
    client.bind("e", "q", "k")
    client.bind("rest", "lost")
    assert client.publish("e", "k", b"1") == ["q"]
    assert client.publish("e", "other", b"2") == ["lost"]


def test_an_alternate_exchange_may_be_internal_and_may_have_one_itself(client: Client) -> None:
    declare_with_alternate(client, "a", "b")
    client.vhost.declare_exchange(
        "b", "direct", internal=True, arguments={"alternate-exchange": "amq.fanout"}
    )
    client.declare("q")
    client.bind("amq.fanout", "q")
    assert client.publish("a", "k", b"1") == ["q"]


def test_alternate_exchanges_in_a_circle_come_to_an_end(client: Client) -> None:
    declare_with_alternate(client, "a", "b")
    declare_with_alternate(client, "b", "a")
    declare_with_alternate(client, "self", "self")
    assert client.publish("a", "k", b"1") == client.publish("self", "k", b"1") == []


def test_an_alternate_exchange_may_be_declared_later(client: Client) -> None:
    declare_with_alternate(client, "e", "rest")
    before = client.vhost.route("e", "k", Properties())
    assert before.queues == ()
    declare_fanouts(client, "rest")
    client.declare("q")
    client.bind("rest", "q")
    assert before.generation < client.vhost.generation
    assert client.publish("e", "k", b"1") == ["q"]


def test_a_binding_to_an_exchange_that_leads_nowhere_is_a_match(client: Client) -> None:
    declare_fanouts(client, "rest", "nowhere")
    declare_with_alternate(client, "e", "rest")
    client.declare("q")
    client.bind("rest", "q")
    client.vhost.bind("e", client.vhost.exchange("nowhere"), "k")
    assert client.publish("e", "k", b"1") == []


def test_an_alternate_exchange_serves_one_that_is_reached_through_another(client: Client) -> None:
    declare_with_alternate(client, "e", "amq.fanout")
    client.vhost.bind("amq.topic", client.vhost.exchange("e"), "#")
    client.declare("q")
    client.bind("amq.fanout", "q")
    assert client.publish("amq.topic", "k", b"1") == ["q"]


@pytest.mark.parametrize("wrong", [1, None, ["rest"], {"a": 1}, True], ids=repr)
def test_an_alternate_exchange_that_is_no_name_is_refused(client: Client, wrong: object) -> None:
    with pytest.raises(PreconditionFailed, match="alternate-exchange"):
        declare_with_alternate(client, "e", wrong)
    assert "e" not in client.vhost.exchanges


def test_a_long_chain_of_auto_delete_exchanges_goes_with_its_last_queue(client):
    """Longer than the interpreter's limit of recursion."""
    client.declare("q")
    names = [f"e{number}" for number in range(3000)]
    declare_fanouts(client, *names, auto_delete=True)
    declare_fanouts(client, "kept")
    link(client, "kept", *names)
    client.bind(names[-1], "q")
    client.vhost.delete_queue("q", client)
    assert not client.vhost.exchanges.keys() & set(names)
    assert not client.vhost.exchanges["kept"].bindings


def test_exchanges_that_are_bound_in_a_ring_go_with_one_of_them(client):
    declare_fanouts(client, *"abc", auto_delete=True)
    link(client, *"abca")
    client.vhost.delete_exchange("a")
    assert not client.vhost.exchanges.keys() & set("abc")
