"""Counts: which way messages took, by queue and by channel, and what is left of a channel."""

import pytest

from tests.exchange.core_client import Client
from warrener.exchange.broker import Broker
from warrener.exchange.server.codec import CODEC
from warrener.exchange.statistics.activity import Activity
from warrener.exchange.statistics.counts import NAMES, Counts, delivery_kind, no_counts, total
from warrener.storage.null import NullStore


@pytest.fixture
def client() -> Client:
    return Client(Broker(NullStore(), CODEC))


def raised(counts: Counts) -> dict[str, int]:
    return {name: count for name, count in zip(NAMES, counts, strict=True) if count}


def test_what_comes_in_counts_for_the_queue(client: Client):
    (queue,) = client.declare("q")
    client.publish("", "q", b"1", b"2")
    assert raised(queue.counts) == {"publish": 2}


def test_deliveries_and_acknowledgements_count_for_queue_and_channel(client: Client):
    (queue,) = client.declare("q")
    client.consume("q")
    client.publish("", "q", b"1", b"2")
    client.channel.acknowledge([1], multiple=False)
    assert raised(queue.counts) == {"publish": 2, "deliver": 2, "ack": 1}
    assert raised(client.channel.counts) == {"deliver": 2, "ack": 1}


def test_a_consumer_that_does_not_acknowledge_is_counted_apart(client: Client):
    (queue,) = client.declare("q")
    client.consume("q", no_ack=True)
    client.publish("", "q", b"1")
    assert raised(queue.counts) == {"publish": 1, "deliver_no_ack": 1}


def test_what_is_asked_for_one_by_one_is_counted_apart(client: Client):
    (queue,) = client.declare("q")
    client.publish("", "q", b"1", b"2")
    client.get("q")
    client.get("q", no_ack=True)
    client.get("q")
    assert raised(queue.counts) == {"publish": 2, "get": 1, "get_no_ack": 1, "get_empty": 1}


def test_what_was_given_back_counts_as_redelivered(client: Client):
    (queue,) = client.declare("q")
    client.publish("", "q", b"1")
    client.get("q")
    client.channel.reject(1, multiple=False, requeue=True)
    client.get("q")
    assert raised(queue.counts) == {"publish": 1, "get": 2, "redeliver": 1}


@pytest.mark.parametrize(
    ("no_ack", "asked", "name"),
    [
        (False, False, "deliver"),
        (True, False, "deliver_no_ack"),
        (False, True, "get"),
        (True, True, "get_no_ack"),
    ],
)
def test_a_delivery_counts_as_one_of_four_kinds(no_ack: bool, asked: bool, name: str):
    assert NAMES[delivery_kind(no_ack, asked)] == name


def test_counts_can_be_added_up():
    assert total([]) == no_counts()
    assert total([[1] * len(NAMES), [2] * len(NAMES)]) == [3] * len(NAMES)


def test_what_a_channel_has_counted_stays_when_it_goes_and_goes_with_its_virtual_host():
    activity = Activity()
    activity.channel_closed("/", [1] * len(NAMES))
    activity.channel_closed("/", [1] * len(NAMES))
    assert activity.channels_closed == 2
    assert activity.past("/") == [2] * len(NAMES)
    assert activity.past("other") == no_counts()
    activity.forget("/")
    assert activity.past("/") == no_counts()
