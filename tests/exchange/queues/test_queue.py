"""A queue: order, turns, limits, counts. test_queue_model.py holds it against a plain list."""

import pytest

from tests.exchange.core_client import Client
from tests.exchange.messages import make_message
from tests.exchange.queues.stored import stored_positions
from warrener.exchange.errors import AccessRefused
from warrener.exchange.filters.filter import compile_filter
from warrener.storage.errors import UnknownPosition

SIX = [b"1", b"2", b"3", b"4", b"5", b"6"]


def received(client: Client) -> dict[str, list[bytes]]:
    """Bodies by consumer, of the pass that ends now."""
    bodies: dict[str, list[bytes]] = {}
    for delivery in client.deliveries():
        bodies.setdefault(delivery.consumer, []).append(delivery.body)
    return bodies


# Order


def test_messages_leave_in_the_order_in_which_they_came(client: Client) -> None:
    client.declare("q")
    client.publish("", "q", b"1", b"2")
    client.publish("", "q", b"3")
    assert client.drain("q") == [b"1", b"2", b"3"]


def test_a_message_given_back_stands_where_it_was(client: Client) -> None:
    client.declare("q")
    client.publish("", "q", *SIX)
    for _ in range(4):
        client.get("q")
    client.publish("", "q", b"7")
    client.reject(3)
    client.reject(1)
    assert client.drain("q") == [b"1", b"3", b"5", b"6", b"7"]


@pytest.mark.usefixtures("small_window")
def test_a_message_given_back_stands_before_the_backlog(client: Client) -> None:
    client.declare("q", durable=True)
    for body in SIX:
        client.publish("", "q", body, persistent=True)
    client.get("q")
    client.reject(1)
    assert client.drain("q") == SIX


def test_two_channels_give_back_into_one_order(client: Client, other: Client) -> None:
    client.declare("q")
    client.publish("", "q", *SIX)
    for _ in range(3):
        client.get("q")
        other.get("q")
    other.channel.close()
    client.channel.close()
    assert client.drain("q") == SIX


# Turns


def test_consumers_take_turns(client: Client) -> None:
    client.declare("q")
    for tag in "abc":
        client.consume("q", tag)
    client.publish("", "q", *SIX)
    assert received(client) == {"a": [b"1", b"4"], "b": [b"2", b"5"], "c": [b"3", b"6"]}


def test_turns_go_on_from_pass_to_pass(client: Client) -> None:
    client.declare("q")
    for tag in "abc":
        client.consume("q", tag)
    client.publish("", "q", *SIX[:2])
    client.publish("", "q", *SIX[2:4])
    client.publish("", "q", *SIX[4:])
    assert received(client) == {"a": [b"1", b"4"], "b": [b"2", b"5"], "c": [b"3", b"6"]}


def test_turns_go_on_message_by_message(client: Client) -> None:
    client.declare("q")
    for tag in "ab":
        client.consume("q", tag)
    for body in SIX:
        client.publish("", "q", body)
    assert received(client) == {"a": [b"1", b"3", b"5"], "b": [b"2", b"4", b"6"]}


def test_a_consumer_that_is_full_is_passed_over(client: Client) -> None:
    client.declare("q")
    client.consume("q", "a", prefetch=1)
    client.consume("q", "b", prefetch=3)
    client.publish("", "q", *SIX)
    assert received(client) == {"a": [b"1"], "b": [b"2", b"3", b"4"]}


def test_a_consumer_with_a_shared_limit_gets_its_turn_beside_one_without(
    client: Client, other: Client
) -> None:
    client.declare("q")
    client.consume("q", "unlimited")
    other.channel.set_prefetch(100, shared=True)
    other.consume("q", "limited")
    client.publish("", "q", *SIX)
    assert received(client) == {"unlimited": [b"1", b"3", b"5"]}
    assert received(other) == {"limited": [b"2", b"4", b"6"]}


def test_two_consumers_share_the_limit_of_their_channel_message_by_message(client: Client) -> None:
    client.declare("q")
    client.channel.set_prefetch(5, shared=True)
    client.consume("q", "a")
    client.consume("q", "b")
    client.publish("", "q", *SIX)
    assert received(client) == {"a": [b"1", b"3", b"5"], "b": [b"2", b"4"]}


def test_consumers_with_filters_share_the_limit_of_their_channel_too(client: Client) -> None:
    client.declare("q")
    client.channel.set_prefetch(3, shared=True)
    client.consume("q", "red", filter=compile_filter("colour = 'red'"))
    client.consume("q", "any")
    client.publish("", "q", *SIX, headers={"colour": "red"})
    assert received(client) == {"red": [b"1", b"3"], "any": [b"2"]}


def test_a_consumer_that_finds_nothing_leaves_the_limit_of_its_channel_to_others(
    client: Client,
) -> None:
    client.declare("q")
    client.channel.set_prefetch(1, shared=True)
    client.consume("q", "blue", filter=compile_filter("colour = 'blue'"))
    client.consume("q", "any")
    client.publish("", "q", b"1", headers={"colour": "red"})
    assert received(client) == {"any": [b"1"]}


# Limits of the outlet


def test_a_client_behind_with_its_output_gets_no_more_until_it_has_drained(
    client: Client,
) -> None:
    client.declare("q")
    client.outlet.room_bytes = 2 * len(make_message(b"1").content)
    client.consume("q")
    client.publish("", "q", *SIX)
    assert received(client) == {"c": SIX[:2]}
    client.outlet.room_bytes = 1 << 20
    client.outlet.waitlist.wake()
    assert received(client) == {"c": SIX[2:]}


def test_it_does_not_hold_up_the_others(client: Client, other: Client) -> None:
    client.declare("q")
    client.consume("q", "slow")
    other.consume("q", "quick")
    client.outlet.room_bytes = 0
    client.publish("", "q", *SIX)
    assert received(other) == {"quick": SIX}


# Purge and delete


def test_a_purge_drops_what_waits_and_nothing_else(client: Client) -> None:
    (queue,) = client.declare("q")
    client.publish("", "q", *SIX)
    client.get("q")
    client.get("q")
    client.reject(1)
    assert queue.purge() == 5
    assert (len(queue.ready), queue.unacked) == (0, 1)
    client.publish("", "q", b"7")
    client.reject(2)
    assert client.drain("q") == [b"2", b"7"]


def test_purging_an_empty_queue_drops_nothing(client: Client) -> None:
    (queue,) = client.declare("q")
    assert queue.purge() == 0


def test_after_a_purge_first_deliveries_are_not_marked(client: Client) -> None:
    (queue,) = client.declare("q")
    client.publish("", "q", b"1")
    queue.purge()
    client.publish("", "q", b"2")
    client.consume("q")
    assert [(d.body, d.redelivered) for d in client.deliveries()] == [(b"2", False)]


@pytest.mark.parametrize("way", ["ack", "drop", "requeue", "close", "recover"])
def test_a_delivery_of_a_deleted_queue_can_still_be_answered(client: Client, way: str) -> None:
    (queue,) = client.declare("q", durable=True)
    client.publish("", "q", b"1", b"2", persistent=True)
    client.get("q")
    position = stored_positions(queue.ready)[0] - 1
    assert client.vhost.delete_queue("q", client) == 1
    answers = {
        "ack": lambda: client.ack(1),
        "drop": lambda: client.reject(1, requeue=False),
        "requeue": lambda: client.reject(1),
        "close": client.channel.close,
        "recover": client.channel.recover,
    }
    answers[way]()
    client.broker.end_pass()
    assert (queue.unacked, queue.unacked_bytes, len(queue.ready)) == (0, 0, 0)
    with pytest.raises(UnknownPosition):
        client.broker.ledger.load([position])


# Consumers


def test_an_exclusive_consumer_wants_to_be_alone(client: Client) -> None:
    client.declare("q")
    client.consume("q", "a")
    with pytest.raises(AccessRefused, match="queue 'q' in exclusive use"):
        client.consume("q", "b", exclusive=True)
    client.channel.cancel("a")
    client.consume("q", "b", exclusive=True)
    with pytest.raises(AccessRefused):
        client.consume("q", "c")
    client.channel.cancel("b")
    client.consume("q", "c")


def test_a_consumer_that_comes_late_finds_what_waits(client: Client) -> None:
    client.declare("q")
    client.publish("", "q", *SIX)
    client.consume("q")
    assert received(client) == {"c": SIX}


def test_what_a_lost_consumer_had_goes_to_the_next_one(client: Client, other: Client) -> None:
    client.declare("q")
    client.publish("", "q", *SIX)
    client.consume("q")
    assert received(client) == {"c": SIX}
    other.consume("q", "d")
    client.channel.close()
    assert [(d.body, d.redelivered) for d in other.deliveries()] == [(body, True) for body in SIX]


# Counts


def test_statistics_are_those_of_what_waits_and_what_is_out(client: Client) -> None:
    (queue,) = client.declare("q")
    client.publish("", "q", *SIX)
    client.consume("q", prefetch=2)
    client.received()
    each = len(make_message(b"1").content)
    counts = queue.statistics()
    assert (counts.name, counts.consumers) == ("q", 1)
    assert (counts.messages_ready, counts.messages_unacked) == (4, 2)
    assert (counts.bytes_ready, counts.bytes_unacked) == (4 * each, 2 * each)
