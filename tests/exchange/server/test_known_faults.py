"""Faults that other brokers had, each as one test; tests/faults/README.md has the whole table."""

from pathlib import Path

import pytest

from tests.exchange.server.crash_wire import PERSISTENT, Life, begin_again
from tests.exchange.server.inbox import Content
from tests.exchange.server.wire import Channel, Client, Wire
from tests.storage.crash_files import CrashFiles, Disk
from warrener.protocol import methods as m
from warrener.protocol.properties import encode_properties


@pytest.fixture
def channel(client: Client) -> Channel:
    channel = client.channel()
    channel.queue("q")
    return channel


def tags(deliveries: list[Content]) -> list[int]:
    return [delivery.method.delivery_tag for delivery in deliveries]


def without_what_was_not_synced(life: Life) -> Disk:
    """What a power cut leaves at the worst."""
    life.be_written()
    *_, disk = life.files.lasting()
    life.end()
    return disk


# Power cuts


def test_an_acknowledgement_that_was_lost_with_its_message_hits_no_new_one(tmp_path: Path) -> None:
    life = Life(tmp_path, CrashFiles(), sync="never")
    life.declare("q")
    life.publish(["q"], b"old")
    life.settle("q")
    disk = without_what_was_not_synced(life)
    again = begin_again(tmp_path, disk)
    assert again.lines == {}
    again.declare("q")
    for number in range(5):
        again.publish(["q"], b"new %d" % number)
    again.be_told()
    again.end()
    *_, disk = again.files.lasting()
    once_more = begin_again(tmp_path, disk)
    assert once_more.lines == {"q": [b"new %d" % number for number in range(5)]}
    once_more.end()


def test_what_comes_after_a_message_that_was_seen_and_lost_is_delivered(tmp_path: Path) -> None:
    life = Life(tmp_path, CrashFiles())
    life.declare("q")
    life.publish(["q"], b"1")
    life.be_told()
    life.files.hold()
    life.publish(["q"], b"seen, and never written")
    life.files.wait_held()
    assert [life.get("q")[1] for _ in range(2)] == [b"1", b"seen, and never written"]
    *_, disk = life.files.lasting()
    life.files.let_go()
    life.end()
    again = begin_again(tmp_path, disk)
    again.publish(["q"], b"2")
    assert [again.get("q")[1] for _ in range(2)] == [b"1", b"2"]
    again.end()


def test_what_the_oldest_file_says_counts_as_much_as_what_the_last_one_says(
    tmp_path: Path,
) -> None:
    life = Life(tmp_path, CrashFiles(), segment_bytes=600)
    life.declare("q")
    life.publish(["q"], b"first")
    for number in range(20):
        life.publish(["q"], b"%d" % number * 100)
        life.settle("q") if number else None
    life.be_told()
    life.end()
    *_, disk = life.files.lasting()
    assert len(disk.files) > 5
    again = begin_again(tmp_path, disk, segment_bytes=600)
    assert again.lines == life.lines
    again.end()


def test_deadlines_are_kept_over_a_power_cut(tmp_path: Path) -> None:
    life = Life(tmp_path, CrashFiles())
    life.declare("q", arguments={"x-message-ttl": 60_000})
    life.publish(["q"], b"1")
    life.be_told()
    *_, disk = life.files.lasting()
    life.end()
    again = begin_again(tmp_path, disk)
    again.wire.advance(59)
    assert again.channel.ready("q") == 1
    again.wire.advance(2)
    assert again.channel.ready("q") == 0
    again.end()


# Who holds what


def test_ready_and_unacknowledged_are_all_there_are_and_an_end_gives_back_all(
    wire: Wire, channel: Channel
) -> None:
    channel.publish("", "q", *(b"%d" % number for number in range(10)))
    others = [wire.login(), wire.login()]
    for other in others:
        taker = other.channel()
        taker.call(m.BasicQos(prefetch_count=3))
        taker.consume("q")
    [queue] = wire.broker.statistics().queues
    assert (queue.messages_ready, queue.messages_unacked) == (4, 6)
    others[0].vanish()
    [queue] = wire.broker.statistics().queues
    assert (queue.messages_ready, queue.messages_unacked) == (7, 3)
    others[1].vanish()
    [queue] = wire.broker.statistics().queues
    assert (queue.messages_ready, queue.messages_unacked) == (10, 0)
    channel.consume("q")
    assert channel.bodies() == [b"%d" % number for number in range(10)]


def test_subscribing_again_with_the_same_tag_loses_no_delivery_and_keeps_none(
    channel: Channel,
) -> None:
    channel.call(m.BasicQos(prefetch_count=2))
    channel.publish("", "q", b"1", b"2", b"3", b"4")
    channel.consume("q", tag="same")
    first = channel.received()
    channel.call(m.BasicCancel("same"))
    channel.consume("q", tag="same")
    second = channel.received()
    assert [each.body for each in first + second] == [b"1", b"2", b"3", b"4"]
    channel.send(m.BasicAck(tags(second)[-1], multiple=True))
    assert channel.received() == []
    channel.client.vanish()
    [queue] = channel.client.wire.broker.statistics().queues
    assert (queue.messages_ready, queue.messages_unacked) == (0, 0)


@pytest.mark.parametrize("leaving", [[0, 1, 2], [2, 1, 0], [1, 0, 2], [0, 2, 1]])
def test_a_queue_with_one_active_consumer_goes_on_in_whatever_order_they_leave(
    wire: Wire, client: Client, leaving: list[int]
) -> None:
    channel = client.channel()
    channel.queue("single", arguments={"x-single-active-consumer": True})
    takers = [wire.login().channel() for _ in range(3)]
    for taker in takers:
        taker.call(m.BasicQos(prefetch_count=1))
        taker.consume("single")
    for left, place in enumerate(leaving, 1):
        channel.publish("", "single", b"%d" % left)
        held = [taker for taker in takers if taker.received()]
        assert len(held) <= 1
        takers[place].client.vanish()
        staying = [takers[other] for other in leaving[left:]]
        assert channel.ready("single") == left - bool(staying)
        for taker in staying:
            taker.received()


def test_a_message_is_with_one_consumer_at_a_time_and_marked_when_it_comes_again(
    wire: Wire, channel: Channel
) -> None:
    channel.publish("", "q", *(b"%d" % number for number in range(20)))
    seen: set[bytes] = set()
    for _ in range(3):
        clients = [wire.login() for _ in range(5)]
        held = []
        for each in clients:
            taker = each.channel()
            taker.call(m.BasicQos(prefetch_count=4))
            taker.consume("q")
            held += taker.received()
        bodies = [delivery.body for delivery in held]
        assert len(set(bodies)) == len(bodies) == 20
        assert all(delivery.method.redelivered == (delivery.body in seen) for delivery in held)
        seen |= set(bodies)
        for each in clients:
            each.vanish()


# Publishes and their answers


def test_each_publish_has_one_answer_and_what_is_returned_comes_back_before(
    channel: Channel,
) -> None:
    channel.call(m.ConfirmSelect())
    channel.queue("full", arguments={"x-max-length": 0, "x-overflow": "reject-publish"})
    for number in range(40):
        name = ("q", "nowhere", "full", "q")[number % 4]
        channel.publish("", name, b"%d" % (number + 1), mandatory=True)
    answered: set[int] = set()
    returned: set[int] = set()
    for item in channel.received():
        if isinstance(item, Content):
            returned.add(int(item.body))
            assert int(item.body) not in answered
            continue
        first = max(answered, default=0) + 1 if item.multiple else item.delivery_tag
        numbers = set(range(first, item.delivery_tag + 1)) - answered
        assert numbers
        answered |= numbers
    assert answered == set(range(1, 41))
    assert returned == set(range(2, 41, 4))


def test_a_publish_that_one_of_its_queues_refuses_is_refused_and_the_others_have_it(
    channel: Channel,
) -> None:
    channel.queue("full", arguments={"x-max-length": 1, "x-overflow": "reject-publish"})
    for queue in ("q", "full"):
        channel.call(m.QueueBind(queue=queue, exchange="amq.fanout"))
    channel.call(m.ConfirmSelect())
    channel.publish("amq.fanout", "", b"1", b"2")
    assert [type(item) for item in channel.received()] == [m.BasicNack, m.BasicAck]
    assert (channel.ready("q"), channel.ready("full")) == (2, 1)


def test_a_body_in_many_frames_is_the_same_in_every_queue(wire: Wire) -> None:
    publisher = wire.login(frame_max=4096).channel()
    names = [f"q{number}" for number in range(5)]
    for name in names:
        publisher.queue(name)
        publisher.call(m.QueueBind(queue=name, exchange="amq.fanout"))
    body = bytes(range(256)) * 100
    publisher.publish("amq.fanout", "", body, frame_max=4096)
    for number, name in enumerate(names):
        taker = wire.login(frame_max=4096 if number % 2 else 0).channel()
        assert taker.call(m.BasicGet(queue=name)).body == body


@pytest.mark.parametrize("size", [0, 1, *(k * 4088 + d for k in (1, 2) for d in (-1, 0, 1))])
def test_the_longest_names_and_bodies_about_as_long_as_frames_come_back_as_they_were(
    wire: Wire, size: int
) -> None:
    channel = wire.login(frame_max=4096).channel()
    name, key = "e" * 255, "k" * 255
    channel.call(m.ExchangeDeclare(exchange=name, type="direct"))
    channel.queue("q" * 255)
    channel.call(m.QueueBind(queue="q" * 255, exchange=name, routing_key=key))
    body = b"x" * size
    channel.publish(name, key, body, frame_max=4096)
    got = channel.call(m.BasicGet(queue="q" * 255))
    assert (got.method.exchange, got.method.routing_key, got.body) == (name, key, body)


# Dead letters


def test_a_dead_letter_without_a_place_to_go_does_not_stop_the_queue(channel: Channel) -> None:
    channel.queue("a", arguments={"x-dead-letter-exchange": "nowhere", "x-message-ttl": 0})
    channel.publish("", "a", b"1", b"2", properties=PERSISTENT)
    assert channel.ready("a") == 0
    channel.publish("", "q", b"3")
    assert channel.ready("q") == 1


def test_a_message_that_nobody_can_digest_does_not_come_back_for_ever(channel: Channel) -> None:
    dead = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "q", "x-delivery-limit": 3}
    channel.queue("a", arguments=dead)
    channel.publish("", "a", b"poison", properties=PERSISTENT)
    came = 0
    channel.consume("a")
    while taken := channel.received():
        came += 1
        channel.send(m.BasicReject(tags(taken)[0], requeue=True))
    assert (came, channel.ready("a"), channel.ready("q")) == (4, 0, 1)


# What comes too late


def test_settlements_after_a_channel_was_closed_are_passed_over(
    client: Client, channel: Channel
) -> None:
    channel.publish("", "q", b"1", b"2")
    channel.consume("q")
    first, second = tags(channel.received())
    assert channel.call(m.QueueDeclare(queue="nowhere", passive=True)).reply_code == 404
    channel.send(m.BasicAck(first), m.BasicNack(second), m.BasicAck(99))
    assert channel.received() == []
    channel.send(m.ChannelCloseOk())
    assert client.channel(2).ready("q") == 2


def test_get_and_publish_beside_a_delete_of_the_queue_harm_nobody(
    wire: Wire, channel: Channel
) -> None:
    other = wire.login().channel()
    channel.call(m.ConfirmSelect())
    for _ in range(3):
        channel.publish("", "q", b"1")
        assert isinstance(channel.received()[-1], m.BasicAck)
        got = other.call(m.BasicGet(queue="q"))
        assert other.call(m.QueueDelete(queue="q")) == m.QueueDeleteOk(0)
        channel.publish("", "q", b"2")
        assert isinstance(channel.received()[-1], m.BasicAck)
        other.send(m.BasicNack(got.method.delivery_tag, requeue=True))
        assert other.received() == []
        channel.queue("q")
        assert channel.ready("q") == 0
    assert other.call(m.QueueDelete(queue="q")) == m.QueueDeleteOk(0)
    assert channel.call(m.BasicGet(queue="q")).reply_code == 404


def test_what_is_with_a_consumer_is_removed_by_no_limit(wire: Wire, channel: Channel) -> None:
    channel.queue("a", arguments={"x-max-length": 1, "x-message-ttl": 1000})
    channel.call(m.BasicQos(prefetch_count=1))
    channel.publish("", "a", b"1")
    channel.consume("a")
    [delivery] = channel.received()
    channel.publish("", "a", b"2", b"3", b"4")
    wire.advance(10)
    [queue] = [queue for queue in wire.broker.statistics().queues if queue.name == "a"]
    assert (queue.messages_ready, queue.messages_unacked) == (0, 1)
    channel.send(m.BasicAck(delivery.method.delivery_tag))
    assert channel.received() == []


def test_a_clock_that_is_set_back_or_forward_makes_messages_late_or_early_and_no_more(
    wire: Wire, channel: Channel
) -> None:
    expiring = encode_properties(delivery_mode=2, expiration="60000")
    wire.advance(10_000)
    channel.publish("", "q", b"1", properties=expiring)
    wire.advance(-3600)
    channel.publish("", "q", b"2", properties=expiring)
    wire.advance(61)
    assert channel.ready("q") == 1
    wire.advance(7200)
    assert channel.ready("q") == 0
    channel.publish("", "q", b"3", properties=expiring)
    assert channel.ready("q") == 1
