"""Dead letters that are alike are as if each had been made on its own."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.exchange.core_client import Client
from tests.exchange.messages import body_of, make_message
from warrener.exchange.broker import Broker
from warrener.exchange.message import Envelope, Message
from warrener.exchange.queues.dead_letter import dead_letter
from warrener.exchange.queues.letters import REMEMBERED_MAX
from warrener.exchange.server.codec import CODEC
from warrener.storage.null import NullStore

TO_DEAD = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"}
KINDS: list[dict[str, Any]] = [{}, {"headers": {"a": 1}}, {"priority": 3}, {"expiration": "5000"}]


def message(kind: int, body: bytes, known: dict[int, Message]) -> Message:
    """A message with properties and an envelope that all of its kind share."""
    first = known.setdefault(kind, make_message(b"", envelope=Envelope("", "q"), **KINDS[kind]))
    again = make_message(body, **KINDS[kind])
    return Message(first.envelope, first.properties, again.content, again.channel)


@given(
    st.lists(
        st.tuples(
            st.integers(0, len(KINDS) - 1),
            st.sampled_from(["rejected", "expired"]),
            st.integers(0, 3),
        ),
        max_size=30,
    )
)
def test_they_say_the_same_as_letters_that_are_made_one_by_one(
    given_up: list[tuple[int, str, int]],
) -> None:
    client = Client(Broker(NullStore(), CODEC))
    client.declare("dead")
    (queue,) = client.declare("q", arguments=TO_DEAD)
    known: dict[int, Message] = {}
    now = 0
    for number, (kind, reason, later) in enumerate(given_up):
        now += 400 * later
        client.broker.ledger.set_time(now)
        original = message(kind, b"%d" % number, known)
        expected = dead_letter(CODEC, queue, original, reason, now)
        client.vhost.dead_letter(queue, [original], reason)
        letter = client.vhost.queues["dead"].ready.take(1, 0).messages[0]
        assert body_of(letter) == b"%d" % number
        assert letter.content == expected.content
        for place in (letter.envelope, expected.envelope):
            assert (place.exchange, place.routing_key, place.republished) == ("", "dead", True)


def test_they_cost_less_than_the_first(client: Client) -> None:
    client.declare("dead")
    (queue,) = client.declare("q", arguments=TO_DEAD)
    known: dict[int, Message] = {}
    costs = []
    for number in range(3):
        client.broker.budget.renew()
        before = client.broker.budget.left
        client.vhost.dead_letter(queue, [message(0, b"%d" % number, known)], "rejected")
        costs.append(before - client.broker.budget.left)
    assert costs[1] == costs[2] < costs[0] // 3


def test_they_go_where_the_bindings_lead_by_then(client: Client) -> None:
    client.declare("a", "b")
    client.bind("amq.fanout", "a")
    (queue,) = client.declare("q", arguments={"x-dead-letter-exchange": "amq.fanout"})
    known: dict[int, Message] = {}
    client.vhost.dead_letter(queue, [message(0, b"1", known)], "rejected")
    client.bind("amq.fanout", "b")
    client.vhost.dead_letter(queue, [message(0, b"2", known)], "rejected")
    assert (client.drain("a"), client.drain("b")) == ([b"1", b"2"], [b"2"])


def test_another_policy_counts_for_the_next_letter(client: Client) -> None:
    client.declare("a", "b")
    (queue,) = client.declare("q")
    known: dict[int, Message] = {}
    for name in ("a", "b"):
        definition = {"dead-letter-exchange": "", "dead-letter-routing-key": name}
        client.broker.policies.set("/", "p", "^q$", definition)
        client.vhost.dead_letter(queue, [message(0, name.encode(), known)], "rejected")
    assert (client.drain("a"), client.drain("b")) == ([b"a"], [b"b"])


@pytest.mark.parametrize("count", [REMEMBERED_MAX, 3 * REMEMBERED_MAX])
def test_of_very_many_kinds_some_are_forgotten(client: Client, count: int) -> None:
    client.declare("dead")
    (queue,) = client.declare("q", arguments=TO_DEAD)
    for number in range(count):
        client.vhost.dead_letter(queue, [message(0, b"%d" % number, {})], "rejected")
    assert client.drain("dead") == [b"%d" % number for number in range(count)]
