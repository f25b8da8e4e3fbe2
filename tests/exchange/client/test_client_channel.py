"""What one does with a channel of the client, against a real broker."""

import pytest

from warrener.exchange.client import Channel, ClientError, Closed, Connection

pytestmark = pytest.mark.slow


def test_what_is_published_and_confirmed_can_be_got(channel: Channel, queue: str) -> None:
    channel.confirm()
    channel.publish(b"hello", queue, content_type="text/plain", headers={"n": 5})
    channel.wait_for_confirms()
    delivery = channel.get(queue, no_ack=True)
    assert delivery is not None
    assert (delivery.body, delivery.headers) == (b"hello", {"n": 5})
    assert channel.get(queue) is None


def test_deliveries_come_until_none_has_come_for_a_while(channel: Channel, queue: str) -> None:
    for number in range(500):
        channel.publish(b"%d" % number, queue)
    channel.consume(queue)
    bodies = []
    for delivery in channel.deliveries(idle_s=1):
        bodies.append(int(delivery.body))
        channel.ack(delivery)
    assert bodies == list(range(500))
    assert channel.declare_queue(queue, passive=True).message_count == 0


def test_a_body_of_many_frames_comes_back_whole(channel: Channel, queue: str) -> None:
    body = bytes(range(256)) * 2000
    channel.publish(body, queue)
    delivery = channel.get(queue, no_ack=True)
    assert delivery is not None
    assert delivery.body == body


def test_what_goes_nowhere_comes_back(channel: Channel) -> None:
    channel.confirm()
    channel.publish(b"lost", "no such queue", mandatory=True)
    channel.wait_for_confirms()
    assert [(each.body, each.reason) for each in channel.returned] == [(b"lost", "NO_ROUTE")]
    assert channel.returned_count == 1


def test_what_a_full_queue_refuses_is_counted(channel: Channel) -> None:
    limits = {"x-max-length": 1, "x-overflow": "reject-publish"}
    queue = channel.declare_queue(exclusive=True, arguments=limits).queue
    channel.confirm()
    for _ in range(3):
        channel.publish(b"", queue)
    channel.wait_for_confirms()
    assert channel.refused == 2


def test_a_filter_is_an_argument_of_a_consumer(channel: Channel, queue: str) -> None:
    for region in ("EU", "US"):
        channel.publish(region.encode(), queue, headers={"region": region})
    channel.consume(queue, arguments={"x-filter-jms-selector": "region = 'US'"})
    assert [each.body for each in channel.deliveries(idle_s=1)] == [b"US"]


def test_what_was_rejected_is_delivered_again(channel: Channel, queue: str) -> None:
    channel.publish(b"again", queue)
    first = channel.get(queue)
    assert first is not None
    channel.reject(first, requeue=True)
    second = channel.get(queue)
    assert second is not None
    assert second.redelivered


def test_deliveries_end_when_the_queue_is_deleted(connection: Connection, channel: Channel) -> None:
    queue = channel.declare_queue().queue
    channel.consume(queue)
    connection.channel().delete_queue(queue)
    assert list(channel.deliveries()) == []


def test_a_cancelled_consumer_gets_nothing_more(channel: Channel, queue: str) -> None:
    channel.cancel(channel.consume(queue))
    assert list(channel.deliveries()) == []


def test_what_the_broker_refuses_closes_this_channel_only(
    connection: Connection, channel: Channel
) -> None:
    with pytest.raises(Closed, match="404 NOT_FOUND"):
        channel.get("no such queue")
    with pytest.raises(Closed, match="404 NOT_FOUND"):
        channel.declare_queue()
    assert connection.channel().declare_queue(exclusive=True).queue


def test_what_no_frame_can_hold_is_refused_here(channel: Channel, queue: str) -> None:
    with pytest.raises(ClientError, match="300 bytes"):
        channel.publish(b"", "x" * 300)
    with pytest.raises(ClientError, match="nonsense"):
        channel.publish(b"", queue, nonsense=1)
    channel.publish(b"", queue)
    assert channel.purge_queue(queue) == 1


def test_messages_reach_a_queue_through_an_exchange(channel: Channel, queue: str) -> None:
    channel.declare_exchange("client.topic", "topic", auto_delete=True)
    channel.bind_queue(queue, "client.topic", "order.*")
    channel.publish(b"x", "order.new", "client.topic")
    assert channel.purge_queue(queue) == 1


def test_a_closed_channel_can_be_opened_again(connection: Connection, channel: Channel) -> None:
    channel.close()
    with pytest.raises(Exception, match="closed"):
        channel.declare_queue()
    assert connection.channel().declare_queue(exclusive=True).queue
