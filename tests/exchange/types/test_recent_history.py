from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.exchange.core_client import Client
from tests.exchange.durable_broker import DurableBroker
from tests.exchange.messages import FRAME_MAX
from warrener.exchange.broker import Broker
from warrener.exchange.budget import ENQUEUED
from warrener.exchange.errors import PreconditionFailed
from warrener.exchange.message import Envelope, Message
from warrener.exchange.server.codec import CODEC
from warrener.exchange.types import recent_history
from warrener.protocol.frames import content_frames
from warrener.protocol.properties import Properties, encode_properties
from warrener.storage.null import NullStore

TYPE = "x-recent-history"


@pytest.fixture
def history(client: Client) -> Client:
    """A client of a broker with the exchange `e`, which keeps three messages."""
    client.vhost.declare_exchange("e", TYPE, arguments={"x-recent-history-length": 3})
    return client


def numbered(numbers: Iterable[int]) -> list[bytes]:
    return [b"%d" % number for number in numbers]


def test_it_sends_every_message_everywhere(history: Client) -> None:
    history.declare("a", "b")
    history.bind("e", "a", "x")
    history.bind("e", "b", "y")
    assert sorted(history.publish("e", "k", b"1")) == ["a", "b"]


def test_a_new_binding_gets_the_last_messages_oldest_first(history: Client) -> None:
    history.publish("e", "k", *numbered(range(5)))
    history.declare("q")
    history.bind("e", "q")
    assert history.drain("q") == numbered([2, 3, 4])


def test_new_messages_come_behind_the_history(history: Client) -> None:
    history.publish("e", "k", b"old")
    history.declare("q")
    history.bind("e", "q")
    history.publish("e", "k", b"new")
    assert history.drain("q") == [b"old", b"new"]


def test_without_an_argument_it_keeps_twenty(client: Client) -> None:
    client.vhost.declare_exchange("e", TYPE)
    client.publish("e", "k", *numbered(range(30)))
    client.declare("q")
    client.bind("e", "q")
    assert client.drain("q") == numbered(range(10, 30))


@given(st.integers(1, 6), st.lists(st.lists(st.booleans(), min_size=1, max_size=8), max_size=6))
def test_it_keeps_the_last_of_those_to_be_kept(length: int, runs: list[list[bool]]) -> None:
    client = Client(Broker(NullStore(), CODEC))
    client.vhost.declare_exchange("e", TYPE, arguments={"x-recent-history-length": length})
    sent: list[bytes] = []
    for run in runs:
        for kept in run:
            body = b"%d" % len(sent)
            client.publish("e", "k", body, headers={"x-recent-history-no-store": not kept})
            sent += [body] if kept else []
    client.declare("q")
    client.bind("e", "q")
    assert client.drain("q") == sent[-length:]


def test_a_run_longer_than_the_history_leaves_its_end(history: Client) -> None:
    history.publish("e", "k", b"first")
    history.publish("e", "k", *numbered(range(100)))
    history.declare("q")
    history.bind("e", "q")
    assert history.drain("q") == numbered([97, 98, 99])


@pytest.mark.parametrize("value", [False, None, 1, "true"])
def test_only_true_keeps_a_message_out(history: Client, value: Any) -> None:
    history.publish("e", "k", b"1", headers={"x-recent-history-no-store": value})
    history.publish("e", "k", b"2", headers={"x-recent-history-no-store": True})
    history.declare("q")
    history.bind("e", "q")
    assert history.drain("q") == [b"1"]


def test_binding_again_brings_nothing_twice(history: Client) -> None:
    history.publish("e", "k", b"1")
    history.declare("q")
    history.bind("e", "q")
    history.bind("e", "q")
    assert history.drain("q") == [b"1"]


def test_a_binding_after_an_unbinding_brings_the_history_again(history: Client) -> None:
    (queue,) = history.declare("q")
    history.bind("e", "q")
    history.publish("e", "k", b"1")
    history.vhost.unbind("e", queue, "")
    history.bind("e", "q")
    assert history.drain("q") == [b"1", b"1"]


def test_a_consumer_is_given_the_history_at_once(history: Client) -> None:
    history.publish("e", "k", b"1")
    history.declare("q")
    history.consume("q")
    history.bind("e", "q")
    assert history.received() == [b"1"]


def test_a_filter_holds_for_the_history_as_well(history: Client) -> None:
    for colour in ("red", "blue", "red"):
        history.publish("e", "k", colour.encode(), headers={"colour": colour})
    history.declare("q")
    arguments = {"x-filter-jms-selector": "colour = 'red'"}
    history.vhost.bind("e", history.vhost.queues["q"], "", arguments)
    history.publish("e", "k", b"blue", headers={"colour": "blue"})
    assert history.drain("q") == [b"red", b"red"]


def test_what_reached_it_through_another_exchange_is_kept(history: Client) -> None:
    history.vhost.bind("amq.headers", history.vhost.exchange("e"), "", {"x-match": "all"})
    history.publish("amq.headers", "k", b"1")
    history.declare("q")
    history.bind("e", "q")
    assert history.drain("q") == [b"1"]


def test_of_two_ways_to_a_queue_only_one_leads_past_it(history: Client) -> None:
    history.declare("p", "q")
    history.bind("e", "p")
    history.bind("amq.headers", "p", colour="blue")
    history.vhost.bind("amq.headers", history.vhost.exchange("e"), "", {"colour": "red"})
    for colour in ("blue", "red", "blue"):
        history.publish("amq.headers", "k", colour.encode(), headers={"colour": colour})
    history.bind("e", "q")
    assert history.drain("q") == [b"red"]


def test_an_exchange_that_is_bound_passes_the_history_on(history: Client) -> None:
    history.declare("red", "blue")
    history.bind("amq.direct", "red", "red")
    history.bind("amq.direct", "blue", "blue")
    for key in ("red", "blue", "green"):
        history.publish("e", key, key.encode())
    history.vhost.bind("e", history.vhost.exchange("amq.direct"), "")
    assert (history.drain("red"), history.drain("blue")) == ([b"red"], [b"blue"])


def test_a_message_of_the_history_says_where_it_was_published_to(history: Client) -> None:
    history.publish("e", "k", b"1")
    (queue,) = history.declare("q")
    history.bind("e", "q")
    envelope = queue.take(history.consume("q")).messages[0].envelope  # type: ignore[union-attr]
    assert (envelope.exchange, envelope.routing_key) == ("e", "k")


def test_a_message_of_the_history_has_its_time_to_live_again(history: Client) -> None:
    fields = encode_properties(expiration="1000")
    content = content_frames(fields, b"1", 1, FRAME_MAX)
    message = Message(Envelope("e", "k"), Properties(fields), content, 1)
    route = history.vhost.route("e", "k", message.properties)
    history.vhost.publish(route, [message], len(content), expiring=True)
    history.declare("p", "q")
    history.bind("e", "p")
    history.broker.ledger.set_time(5000)
    history.broker.end_pass()
    assert history.drain("p") == []
    history.bind("e", "q")
    history.broker.ledger.set_time(5999)
    history.broker.end_pass()
    assert history.drain("q") == [b"1"]


def test_a_message_for_nobody_is_unroutable_all_the_same(history: Client) -> None:
    assert history.publish("e", "k", b"1") == []
    history.declare("q")
    history.vhost.declare_exchange("alternate", "fanout")
    history.vhost.declare_exchange("f", TYPE, arguments={"alternate-exchange": "alternate"})
    history.bind("alternate", "q")
    assert history.publish("f", "k", b"2") == ["q"]


def test_a_history_holds_no_more_than_so_many_bytes(
    history: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recent_history, "HISTORY_BYTES_MAX", 1000)
    history.publish("e", "k", b"a" * 400, b"b" * 400, b"c" * 400)
    history.declare("p", "q")
    history.bind("e", "p")
    assert history.drain("p") == [b"b" * 400, b"c" * 400]
    history.publish("e", "k", b"d" * 4000)
    history.bind("e", "q")
    assert history.drain("q") == [b"d" * 4000]


# On disk


def kept(durable: DurableBroker) -> Client:
    """A durable exchange with a queue, and one persistent message in both."""
    client = durable.client
    client.vhost.declare_exchange("e", TYPE, durable=True)
    client.declare("first", "second", durable=True)
    client.bind("e", "first")
    client.publish("e", "k", b"1", persistent=True)
    return client


def test_a_queue_that_lasts_keeps_the_history_it_got(durable: DurableBroker) -> None:
    kept(durable).bind("e", "second")
    durable.restart()
    assert durable.client.drain("second") == durable.client.drain("first") == [b"1"]


def test_what_one_queue_does_with_a_message_is_no_matter_to_the_other(
    durable: DurableBroker,
) -> None:
    client = kept(durable)
    client.bind("e", "second")
    client.drain("first")
    durable.restart()
    assert durable.client.drain("first") == []
    assert durable.client.drain("second") == [b"1"]


def test_a_message_that_is_gone_from_its_queue_is_in_the_history_still(
    durable: DurableBroker,
) -> None:
    client = kept(durable)
    client.drain("first")
    client.bind("e", "second")
    durable.restart()
    assert durable.client.drain("first") == []
    assert durable.client.drain("second") == [b"1"]


def test_the_history_ends_with_the_broker(durable: DurableBroker) -> None:
    kept(durable)
    durable.restart()
    assert durable.client.drain("first") == [b"1"]
    durable.client.bind("e", "second")
    assert durable.client.drain("second") == []


# Refusals


@pytest.mark.parametrize("length", [0, -1, True, "20", 2.0, None, []], ids=repr)
def test_a_length_that_is_no_positive_integer_is_refused(client: Client, length: Any) -> None:
    arguments: Mapping[str, Any] = {"x-recent-history-length": length}
    with pytest.raises(PreconditionFailed) as refusal:
        client.vhost.declare_exchange("e", TYPE, arguments=arguments)
    assert refusal.value.text == (
        f"Invalid argument {length!r}, 'x-recent-history-length' must be a positive integer"
    )


def test_a_history_holds_no_more_than_so_many_messages(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recent_history, "HISTORY_MESSAGES_MAX", 5)
    client.vhost.declare_exchange("e", TYPE, arguments={"x-recent-history-length": 1_000_000})
    client.publish("e", "k", *numbered(range(9)))
    client.declare("q")
    client.bind("e", "q")
    assert client.drain("q") == numbered(range(4, 9))


def through_a_fanout(client: Client, count: int) -> None:
    """A history of `count` messages, a fanout with two queues, and a budget for two messages."""
    client.vhost.declare_exchange("e", TYPE, arguments={"x-recent-history-length": count})
    client.vhost.declare_exchange("f", "fanout")
    client.declare("a", "b")
    client.bind("f", "a")
    client.bind("f", "b")
    client.publish("e", "k", *numbered(range(count)))
    client.broker.budget.units = 2 * 2 * ENQUEUED
    client.broker.budget.renew()


def test_a_long_history_through_an_exchange_comes_in_several_passes(client: Client) -> None:
    through_a_fanout(client, 7)
    client.vhost.bind("e", client.vhost.exchange("f"), "")
    lengths = []
    while client.broker.unfinished or not lengths:
        client.broker.end_pass()
        lengths.append(len(client.vhost.queues["a"].ready))
    assert len(lengths) > 2
    assert client.drain("a") == client.drain("b") == numbered(range(7))


def test_a_history_ends_with_its_binding(client: Client) -> None:
    through_a_fanout(client, 7)
    client.vhost.bind("e", client.vhost.exchange("f"), "")
    client.vhost.unbind("e", client.vhost.exchange("f"), "")
    client.broker.end_pass()
    client.broker.end_pass()
    assert not client.broker.unfinished
    assert len(client.drain("a")) < 7
