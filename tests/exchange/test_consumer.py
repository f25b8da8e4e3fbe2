import pytest

from tests.exchange.core_client import Client
from warrener.exchange.consumer import UNLIMITED, Consumer


@pytest.fixture
def queued(client: Client) -> Client:
    client.declare("q")
    client.publish("", "q", *(b"%d" % n for n in range(10)))
    return client


def test_without_limits_it_takes_any_number(queued: Client) -> None:
    assert queued.consume("q").capacity() == UNLIMITED


def test_its_prefetch_leaves_room_for_what_is_acknowledged(queued: Client) -> None:
    consumer = queued.consume("q", prefetch=3)
    assert consumer.capacity() == 3
    assert queued.received() == [b"0", b"1", b"2"]
    assert consumer.capacity() == 0
    queued.ack(1)
    assert consumer.capacity() == 1
    assert queued.received() == [b"3"]


def test_the_prefetch_of_the_channel_is_shared(queued: Client) -> None:
    queued.channel.set_prefetch(5, shared=True)
    one, two = queued.consume("q", "one"), queued.consume("q", "two")
    queued.declare("p")
    queued.publish("", "p", b"p")
    assert (one.capacity(), two.capacity()) == (0, 0)
    assert len(queued.received()) == 5


def test_the_smaller_limit_counts(queued: Client) -> None:
    queued.channel.set_prefetch(5, shared=True)
    assert queued.consume("q", "one", prefetch=2).capacity() == 2
    assert queued.consume("q", "two", prefetch=9).capacity() == 5


def test_a_consumer_that_does_not_acknowledge_has_no_limit(queued: Client) -> None:
    queued.channel.set_prefetch(1, shared=True)
    consumer = queued.consume("q", prefetch=1, no_ack=True)
    assert consumer.capacity() == UNLIMITED
    assert len(queued.received()) == 10
    assert consumer.unacked == queued.channel.unacked_count == 0


@pytest.mark.parametrize("no_ack", [False, True])
def test_a_client_that_does_not_take_its_output_gets_no_more(queued: Client, no_ack: bool) -> None:
    queued.outlet.room_bytes = 0
    consumer = queued.consume("q", no_ack=no_ack)
    assert consumer.capacity() == 0
    assert queued.received() == []


def test_deliveries_reach_the_outlet_of_its_channel(client: Client) -> None:
    (queue,) = client.declare("q")
    consumer = Consumer(client.channel, queue, "mine", arguments={"x-priority": 1})
    assert consumer.arguments == {"x-priority": 1}
    client.publish("", "q", b"one")
    client.channel.consume(consumer)
    assert [(d.consumer, d.body) for d in client.deliveries()] == [("mine", b"one")]
