"""Consumers that share a connection or a channel: none of them takes all there is."""

from collections import Counter

import pytest

from tests.exchange.server.inbox import Content
from tests.exchange.server.served import served
from tests.exchange.server.wire import Channel, Client, Wire, encode
from warrener.protocol import methods as m

MARK_BYTES = 20_000
EACH = 300
BODY = b"x" * 2000


def filled(wire: Wire, *queues: str, count: int = EACH) -> None:
    """Have messages wait in queues."""
    publisher = wire.login().channel()
    for queue in queues:
        publisher.queue(queue)
        publisher.publish("", queue, *[BODY] * count)


def consume(channel: Channel, *queues: str, **options: bool) -> None:
    """A consumer of each queue, which bears its name; answers are left for later."""
    methods = [m.BasicConsume(queue=name, consumer_tag=name, **options) for name in queues]
    channel.send(*methods)


def delivered(client: Client) -> list[tuple[int, str, int]]:
    """Channel, consumer and tag of what has come."""
    return [
        (number, item.method.consumer_tag, item.method.delivery_tag)
        for number, item in client.received()
        if isinstance(getattr(item, "method", None), m.BasicDeliver)
    ]


def take_slowly(client: Client, times: int) -> Counter[str]:
    """Have a client read, so many times, half of what it may be sent at once."""
    counts: Counter[str] = Counter()
    output = client.connection.output
    for _ in range(times):
        data = output.take()
        kept = data[MARK_BYTES // 2 :]
        client.inbox.feed(data[: MARK_BYTES // 2])
        output.write(kept)
        client.connection.drained()
        client.wire.broker.end_pass()
        counts.update(tag for _, tag, _ in delivered(client))
    return counts


def slow_reader(wire: Wire) -> Client:
    client = wire.login()
    client.reads = False
    return client


@pytest.mark.parametrize("channels", [1, 3])
def test_a_slow_reader_gets_as_much_of_each_queue(channels: int) -> None:
    wire = Wire(output_mark_bytes=MARK_BYTES)
    filled(wire, "a", "b", "c")
    client = wire.login()
    numbers = {queue: 1 + index % channels for index, queue in enumerate("abc")}
    for number in set(numbers.values()):
        client.channel(number)
    client.reads = False
    for queue, number in numbers.items():
        client.send(number, m.BasicConsume(queue=queue, consumer_tag=queue, no_ack=True))
    counts = take_slowly(client, 90)
    assert min(counts.values()) > 0.8 * max(counts.values()) > 80, counts
    assert len(counts) == 3


def test_a_queue_that_is_published_to_all_the_time_leaves_room_for_others() -> None:
    wire = Wire(output_mark_bytes=MARK_BYTES)
    filled(wire, "a", "b")
    client = wire.login()
    channel = client.channel()
    client.reads = False
    consume(channel, "a", "b", no_ack=True)
    publisher = wire.login().channel()
    counts: Counter[str] = Counter()
    for _ in range(60):
        publisher.publish("", "a", *[BODY] * 20)
        counts += take_slowly(client, 1)
    assert counts["b"] > 0.8 * counts["a"] > 80, counts


def test_the_prefetch_of_a_channel_goes_round_its_queues() -> None:
    wire = Wire()
    filled(wire, "a", "b", "c")
    client = wire.login()
    channel = client.channel()
    channel.call(m.BasicQos(0, 1, True))
    consume(channel, "a", "b", "c")
    order = ""
    for _ in range(99):
        ((_, tag, number),) = delivered(client)
        order += tag
        channel.send(m.BasicAck(number))
    assert Counter(order) == {"a": 33, "b": 33, "c": 33}
    assert order == "abc" * 33


def test_a_larger_prefetch_of_a_channel_goes_round_as_well() -> None:
    wire = Wire()
    filled(wire, "a", "b", "c", count=1000)
    client = wire.login()
    channel = client.channel()
    channel.call(m.BasicQos(0, 10, True))
    consume(channel, "a", "b", "c")
    counts: Counter[str] = Counter()
    for _ in range(90):
        got = delivered(client)
        counts.update(tag for _, tag, _ in got)
        channel.send(m.BasicAck(got[-1][2], multiple=True))
    assert counts == {"a": 300, "b": 300, "c": 300}


def test_a_channel_whose_prefetch_is_used_up_holds_back_those_that_do_not_acknowledge() -> None:
    wire = Wire()
    filled(wire, "a", "b", count=2)
    client = wire.login()
    channel = client.channel()
    channel.call(m.BasicQos(0, 1, True))
    consume(channel, "a")
    consume(channel, "b", no_ack=True)
    assert delivered(client) == [(1, "a", 1)]
    client.send_bytes(encode(1, m.BasicAck(1)))
    assert delivered(client) == [(1, "b", 2), (1, "b", 3), (1, "a", 4)]


def test_an_exclusive_consumer_of_a_queue_with_a_single_active_one_is_refused() -> None:
    channel = Wire().login().channel()
    channel.queue("q", arguments={"x-single-active-consumer": True})
    answer = channel.call(m.BasicConsume(queue="q", consumer_tag="c", exclusive=True))
    assert answer == m.ChannelClose(403, "ACCESS_REFUSED - queue 'q' in exclusive use", 60, 20)


def test_a_prefetch_of_kombu_is_for_the_whole_channel_and_at_once() -> None:
    wire = Wire()
    filled(wire, "a", "b", "c", count=3)
    client = wire.login(product="py-amqp")
    channel = client.channel()
    channel.call(m.BasicQos(0, 1, False))
    consume(channel, "a", "b", "c")
    assert delivered(client) == [(1, "a", 1)]
    channel.send(m.BasicQos(0, 3, False))
    assert [tag for _, tag, _ in delivered(client)] == ["b", "b"]


def test_a_prefetch_of_other_clients_is_for_each_new_consumer() -> None:
    wire = Wire()
    filled(wire, "a", "b", count=3)
    client = wire.login(product="pika")
    channel = client.channel()
    channel.call(m.BasicQos(0, 1, False))
    consume(channel, "a", "b")
    channel.send(m.BasicQos(0, 3, False))
    assert [tag for _, tag, _ in delivered(client)] == ["a", "b"]


async def test_a_slow_reader_of_a_socket_gets_as_much_of_each_queue() -> None:
    async with served(small_buffers=True) as broker:
        publisher = await broker.login()
        for queue in "ab":
            await publisher.declare(queue)
            await publisher.deliver(queue, *[BODY] * 4000)
        reader = await broker.login(small_buffer=True)
        for queue in "ab":
            await reader.send(1, m.BasicConsume(queue=queue, consumer_tag=queue, no_ack=True))
        counts: Counter[str] = Counter()
        while counts.total() < 4000:
            _, item = await reader.next()
            if isinstance(item, Content):
                counts[item.method.consumer_tag] += 1
        assert min(counts.values()) > 0.6 * max(counts.values()), counts
