"""Delivery tags, acknowledgements, consumers of one channel."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.exchange.core_client import Client
from tests.exchange.outlet import Delivered
from warrener.exchange.broker import Broker
from warrener.exchange.consumer import Delivery
from warrener.exchange.errors import AccessRefused, NotAllowed, PreconditionFailed
from warrener.exchange.server.codec import CODEC
from warrener.storage.null import NullStore

BODIES = [b"1", b"2", b"3", b"4", b"5"]


@pytest.fixture
def served(client: Client) -> Client:
    """A client that has been delivered five messages, with the tags 1 to 5."""
    client.declare("q")
    client.publish("", "q", *BODIES)
    client.consume("q")
    assert client.received() == BODIES
    return client


def outstanding(client: Client) -> list[int]:
    return list(client.channel.unacked)


# Tags


def test_tags_count_up_from_one_over_all_consumers(client: Client) -> None:
    client.declare("a", "b")
    client.consume("a", "one")
    client.consume("b", "two", no_ack=True)
    for queue in ("a", "b", "a"):
        client.publish("", queue, b"x")
    assert [(d.consumer, d.tag) for d in client.deliveries()] == [
        ("one", 1),
        ("two", 2),
        ("one", 3),
    ]


def test_each_channel_counts_for_itself(client: Client, other: Client) -> None:
    client.declare("q")
    client.publish("", "q", b"1", b"2")
    client.consume("q", prefetch=1)
    other.consume("q", prefetch=1)
    assert [d.tag for d in client.deliveries() + other.deliveries()] == [1, 1]


# Acknowledging


def test_an_acknowledged_message_is_gone(served: Client) -> None:
    served.ack(2)
    assert outstanding(served) == [1, 3, 4, 5]
    served.channel.close()
    assert served.drain("q") == [b"1", b"3", b"4", b"5"]


def test_multiple_acknowledges_all_up_to_the_tag(served: Client) -> None:
    served.ack(3, multiple=True)
    assert outstanding(served) == [4, 5]


def test_multiple_steps_over_what_was_settled_before(served: Client) -> None:
    served.ack(2)
    served.reject(3, requeue=False)
    served.ack(4, multiple=True)
    assert outstanding(served) == [5]
    assert served.vhost.queues["q"].unacked == 1


def test_multiple_with_tag_zero_acknowledges_all(served: Client) -> None:
    served.ack(0, multiple=True)
    assert outstanding(served) == []


def test_multiple_with_tag_zero_and_nothing_outstanding_is_no_mistake(client: Client) -> None:
    client.ack(0, multiple=True)
    client.reject(0, multiple=True)


def test_multiple_reaches_the_deliveries_of_every_consumer_and_of_get(client: Client) -> None:
    queues = client.declare("a", "b")
    client.publish("", "a", b"1", b"2")
    client.publish("", "b", b"3")
    client.consume("b")
    client.received()
    client.get("a")
    client.ack(2, multiple=True)
    assert [queue.unacked for queue in queues] == [0, 0]
    assert client.drain("a") == [b"2"]


def test_several_tags_may_be_acknowledged_at_once(served: Client) -> None:
    served.ack(1, 5, 3)
    assert outstanding(served) == [2, 4]


def test_of_several_tags_those_before_an_unknown_one_count(served: Client) -> None:
    with pytest.raises(PreconditionFailed):
        served.ack(1, 9, 2)
    assert outstanding(served) == [2, 3, 4, 5]
    assert served.vhost.queues["q"].unacked == 4


@pytest.mark.parametrize("tag", [0, 6, 2, 2**63])
@pytest.mark.parametrize("way", ["ack", "reject", "requeue"])
def test_a_tag_that_is_not_outstanding_is_refused(served: Client, tag: int, way: str) -> None:
    served.ack(2)
    with pytest.raises(PreconditionFailed, match=f"unknown delivery tag {tag}"):
        served.ack(tag) if way == "ack" else served.reject(tag, requeue=way == "requeue")
    assert outstanding(served) == [1, 3, 4, 5]


@pytest.mark.parametrize("tag", [6, 2**63])
def test_multiple_up_to_a_tag_that_was_never_given_is_refused(served: Client, tag: int) -> None:
    with pytest.raises(PreconditionFailed, match=f"unknown delivery tag {tag}"):
        served.ack(tag, multiple=True)
    assert outstanding(served) == [1, 2, 3, 4, 5]


def test_multiple_up_to_a_tag_with_nothing_below_it_is_refused(served: Client) -> None:
    served.ack(3, multiple=True)
    with pytest.raises(PreconditionFailed):
        served.ack(3, multiple=True)
    with pytest.raises(PreconditionFailed):
        served.reject(2, multiple=True)
    assert outstanding(served) == [4, 5]


def test_what_goes_to_a_consumer_without_acknowledgements_has_no_tag_to_settle(
    client: Client,
) -> None:
    (queue,) = client.declare("q")
    client.publish("", "q", b"1")
    client.consume("q", no_ack=True)
    assert client.received() == [b"1"]
    assert (outstanding(client), queue.unacked) == ([], 0)
    with pytest.raises(PreconditionFailed):
        client.ack(1)


# Giving back


def test_a_requeued_message_comes_again_marked_and_under_a_new_tag(served: Client) -> None:
    served.reject(2)
    assert served.deliveries() == [Delivered("c", 6, b"2", redelivered=True)]


def test_a_rejected_message_is_dropped(served: Client) -> None:
    served.reject(2, requeue=False)
    assert served.received() == []
    served.channel.close()
    assert served.drain("q") == [b"1", b"3", b"4", b"5"]


def test_several_are_given_back_with_multiple(served: Client) -> None:
    served.ack(1)
    served.reject(3, multiple=True)
    assert [(d.tag, d.body) for d in served.deliveries()] == [(6, b"2"), (7, b"3")]


def test_recover_gives_back_everything(served: Client) -> None:
    served.ack(2, 4)
    served.channel.recover()
    assert outstanding(served) == []
    assert [(d.tag, d.body) for d in served.deliveries()] == [(6, b"1"), (7, b"3"), (8, b"5")]
    with pytest.raises(PreconditionFailed):
        served.ack(5)
    served.ack(8, multiple=True)
    assert outstanding(served) == []


def test_closing_gives_back_everything_in_its_old_order(served: Client, other: Client) -> None:
    served.ack(2)
    served.publish("", "q", b"6")
    assert [queue.name for queue in served.channel.close()] == ["q"]
    assert served.channel.consumers == {}
    other.consume("q")
    assert [(d.body, d.redelivered) for d in other.deliveries()] == [
        *((body, True) for body in (b"1", b"3", b"4", b"5", b"6")),
    ]


# Consumers


def test_a_tag_in_use_is_refused(served: Client) -> None:
    with pytest.raises(NotAllowed, match="reuse consumer tag 'c'"):
        served.consume("q")
    assert len(served.vhost.queues["q"].consumers) == 1


def test_another_channel_may_use_the_same_tag(served: Client, other: Client) -> None:
    other.consume("q", "c")
    assert len(served.vhost.queues["q"].consumers) == 2


def test_a_consumer_that_is_refused_by_its_queue_is_not_kept(served: Client) -> None:
    with pytest.raises(AccessRefused):
        served.consume("q", "d", exclusive=True)
    assert list(served.channel.consumers) == ["c"]


def test_a_cancelled_consumer_gets_nothing_and_its_deliveries_stay(served: Client) -> None:
    assert served.channel.cancel("c") is not None
    served.publish("", "q", b"6")
    assert served.received() == []
    served.ack(1)
    served.reject(2)
    assert outstanding(served) == [3, 4, 5]
    assert served.drain("q") == [b"2", b"6"]


def test_cancelling_a_consumer_there_is_not_does_nothing(client: Client) -> None:
    assert client.channel.cancel("c") is None


def test_a_consumer_prefetch_is_for_consumers_made_later(client: Client) -> None:
    client.channel.set_prefetch(3, shared=False)
    assert (client.channel.prefetch, client.channel.consumer_prefetch) == (0, 3)


# Prefetch


def test_raising_the_shared_prefetch_lets_more_go(client: Client) -> None:
    client.declare("q")
    client.publish("", "q", *BODIES)
    client.channel.set_prefetch(2, shared=True)
    client.consume("q")
    assert client.received() == [b"1", b"2"]
    client.channel.set_prefetch(3, shared=True)
    assert client.received() == [b"3"]
    client.channel.set_prefetch(0, shared=True)
    assert client.received() == [b"4", b"5"]


def test_lowering_the_shared_prefetch_takes_nothing_back(client: Client) -> None:
    client.declare("q")
    client.publish("", "q", *BODIES)
    client.channel.set_prefetch(4, shared=True)
    client.consume("q")
    assert len(client.received()) == 4
    client.channel.set_prefetch(1, shared=True)
    client.ack(3, multiple=True)
    assert client.received() == []
    client.ack(4)
    assert client.received() == [b"5"]


def test_an_acknowledgement_makes_room_for_every_queue_of_the_channel(client: Client) -> None:
    client.declare("a", "b")
    client.publish("", "a", b"a1")
    client.publish("", "b", b"b1", b"b2")
    client.channel.set_prefetch(1, shared=True)
    client.consume("a", "one")
    client.consume("b", "two")
    assert client.received() == [b"a1"]
    client.ack(1)
    assert client.received() == [b"b1"]
    client.reject(2, requeue=False)
    assert client.received() == [b"b2"]


def test_what_was_got_counts_for_no_limit(client: Client) -> None:
    client.declare("q")
    client.publish("", "q", *BODIES)
    client.channel.set_prefetch(2, shared=True)
    assert client.get("q") == b"1"
    client.consume("q", prefetch=2)
    assert client.received() == [b"2", b"3"]
    client.ack(1)
    assert client.received() == []
    client.ack(2)
    assert client.received() == [b"4"]


# Get


def test_get_takes_one_message_from_the_head(client: Client) -> None:
    client.declare("q")
    client.publish("", "q", *BODIES)
    assert client.channel.get(client.vhost.queues["q"], no_ack=False)
    assert client.outlet.delivered == [Delivered("", 1, b"1", redelivered=False)]
    assert client.get("q") == b"2"
    assert outstanding(client) == [1, 2]


def test_get_from_an_empty_queue_says_so(client: Client) -> None:
    client.declare("q")
    assert client.get("q") is None


def test_get_without_acknowledgement_settles_at_once(client: Client) -> None:
    client.declare("q")
    client.publish("", "q", *BODIES)
    assert client.get("q", no_ack=True) == b"1"
    assert client.get("q", no_ack=False) == b"2"
    assert client.get("q", no_ack=True) == b"3"
    assert outstanding(client) == [2]


def test_get_passes_by_consumers_that_are_full(client: Client, other: Client) -> None:
    client.declare("q")
    other.consume("q", prefetch=1)
    client.publish("", "q", *BODIES)
    assert client.get("q") == b"2"


def test_what_was_got_can_be_given_back(client: Client) -> None:
    client.declare("q")
    client.publish("", "q", *BODIES)
    client.get("q")
    client.reject(1)
    client.channel.get(client.vhost.queues["q"], no_ack=False)
    assert client.outlet.delivered == [Delivered("", 2, b"1", redelivered=True)]


# Any order of answers

answers = st.lists(
    st.tuples(st.sampled_from(["ack", "drop", "requeue"]), st.integers(0, 14), st.booleans()),
    max_size=12,
)


def answer(client: Client, way: str, tag: int, multiple: bool) -> None:
    if way == "ack":
        client.ack(tag, multiple=multiple)
    else:
        client.reject(tag, multiple=multiple, requeue=way == "requeue")


@given(answers=answers)
def test_any_order_of_answers_settles_what_it_names(answers: list[tuple[str, int, bool]]) -> None:
    client = Client(Broker(NullStore(), CODEC))
    queue, _ = client.declare("q", "unseen")
    client.consume("q", "c")
    client.consume("unseen", "u", no_ack=True)
    for body in BODIES:
        client.publish("", "q", body)
        client.publish("", "unseen", body)
    model: list[int] = []
    for way, tag, multiple in [*answers, ("ack", 0, True)]:
        model += [delivery.tag for delivery in client.deliveries() if delivery.consumer == "c"]
        if tag in model or (multiple and not tag):
            answer(client, way, tag, multiple)
            model = [each for each in model if (each > (tag or each) if multiple else each != tag)]
        else:
            with pytest.raises(PreconditionFailed):
                answer(client, way, tag, multiple)
        assert outstanding(client) == model
        assert queue.unacked == client.channel.unacked_count == len(model)


@given(
    st.lists(
        st.tuples(st.sampled_from(["aside", "back", "one", "many", "deliver"]), st.integers(0, 12)),
        max_size=40,
    )
)
def test_what_is_set_aside_and_put_back_is_settled_in_order(steps: list[tuple[str, int]]) -> None:
    client = Client(Broker(NullStore(), CODEC))
    client.declare("q")
    client.consume("q")
    held: dict[int, None] = {}
    aside: list[dict[int, Delivery]] = []
    channel, tag = client.channel, 0
    for what, number in steps:
        if what == "deliver":
            client.publish("", "q", b"x")
            tag += 1
            held[tag] = None
        elif what == "back" and aside:
            deliveries = aside.pop(number % len(aside))
            channel.put_back(deliveries)
            held = dict.fromkeys(sorted([*held, *deliveries]))
        elif what == "aside" and (number == 0 or number in held):
            expected = [each for each in held if each <= (number or tag)]
            aside.append(channel.set_aside(number, multiple=True))
            assert list(aside[-1]) == expected
            held = {each: None for each in held if each not in expected}
        elif what == "one" and number in held:
            client.ack(number)
            del held[number]
        elif what == "many" and number in held:
            client.ack(number, multiple=True)
            held = {each: None for each in held if each > number}
        assert set(channel.unacked) == set(held)
    assert list(channel.outstanding()) == list(held)
