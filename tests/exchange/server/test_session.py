"""What only real sockets do: bytes in pieces, buffers that are full, clients that are gone."""

import logging

import pytest
import trio

from tests.exchange.server.inbox import Content
from tests.exchange.server.served import (
    PATIENCE_S,
    SMALL_BUFFER_BYTES,
    SocketClient,
    served,
)
from tests.exchange.server.wire import encode, publication
from warrener.exchange.server import connection, server, session
from warrener.exchange.server.handlers import HANDLERS
from warrener.protocol import methods as m
from warrener.protocol.frames import PROTOCOL_HEADER


def delivery(tag: int, body: bytes, redelivered: bool = False) -> Content:
    return Content(m.BasicDeliver("c", tag, redelivered, "", "q"), body)


async def test_a_message_goes_from_one_client_to_another():
    async with served() as broker:
        publisher, consumer = await broker.login(), await broker.login()
        await consumer.declare("q")
        await consumer.consume("q")
        await publisher.publish("q", b"1", b"2")
        assert await consumer.several(2) == [delivery(1, b"1"), delivery(2, b"2")]


async def test_bytes_may_come_one_by_one():
    async with served() as broker:
        client = await broker.login()
        await client.declare("q")
        data = publication(1, "", "q", b"hello") + encode(1, m.BasicGet(queue="q"))
        for at in range(len(data)):
            await client.send_bytes(data[at : at + 1])
        assert await client.several(1) == [Content(m.BasicGetOk(1, False, "", "q", 0), b"hello")]


async def test_a_large_message_comes_whole_through_small_buffers():
    body = bytes(range(256)) * 8000
    async with served(small_buffers=True) as broker:
        publisher, consumer = await broker.login(), await broker.login(small_buffer=True)
        await consumer.declare("q")
        await consumer.consume("q")
        await publisher.publish("q", body, b"small")
        assert await consumer.several(2) == [delivery(1, body), delivery(2, b"small")]


async def test_many_small_messages_come_in_order_through_small_buffers():
    bodies = [b"%d" % number for number in range(3000)]
    async with served(small_buffers=True, output_mark_bytes=5000) as broker:
        publisher, consumer = await broker.login(), await broker.login(small_buffer=True)
        await consumer.declare("q")
        await consumer.consume("q", no_ack=True)
        await publisher.publish("q", *bodies)
        assert [item.body for item in await consumer.several(3000)] == bodies


MARK_BYTES = 500_000
BODY_BYTES = 100_000
KERNEL_BYTES = 4 * SMALL_BUFFER_BYTES
"""What the sockets of a slow consumer may hold by themselves."""


async def test_a_slow_consumer_is_held_no_more_than_its_mark_and_one_message():
    async with served(small_buffers=True, output_mark_bytes=MARK_BYTES) as broker:
        publisher, slow = await broker.login(), await broker.login(small_buffer=True)
        await slow.declare("q")
        await slow.consume("q", no_ack=True)
        await publisher.deliver("q", *[bytes(BODY_BYTES)] * 100)
        handed_out = 100 - (broker.ready("q") or 0)
        assert handed_out * BODY_BYTES <= MARK_BYTES + BODY_BYTES + KERNEL_BYTES
        assert handed_out > 0
        deliveries = await slow.several(100)
        assert [item.method.delivery_tag for item in deliveries] == list(range(1, 101))


async def test_a_slow_consumer_does_not_hold_up_a_quick_one():
    async with served(small_buffers=True, output_mark_bytes=MARK_BYTES) as broker:
        publisher, slow = await broker.login(), await broker.login(small_buffer=True)
        quick = await broker.login()
        await slow.declare("q")
        await slow.consume("q", no_ack=True)
        await quick.consume("q", no_ack=True)
        await publisher.publish("q", *[bytes(BODY_BYTES)] * 100)
        await quick.several(80)


async def test_a_client_that_does_not_read_its_answers_is_not_read_either():
    options = {"output_mark_bytes": MARK_BYTES, "unread_output_max_bytes": MARK_BYTES}
    async with served(small_buffers=True, **options) as broker:
        publisher, slow = await broker.login(), await broker.login(small_buffer=True)
        await slow.declare("q")
        await publisher.deliver("q", *[bytes(BODY_BYTES)] * 100)
        for _ in range(100):
            await slow.send(1, m.BasicGet(queue="q", no_ack=True))
        with trio.move_on_after(0.3):
            await broker.until(lambda: broker.ready("q") == 0)
        assert (broker.ready("q") or 0) > 50


async def test_gets_in_one_write_stop_at_the_limit_of_unread_output_and_go_on_when_it_is_read():
    options = {"output_mark_bytes": MARK_BYTES, "unread_output_max_bytes": 2 * MARK_BYTES}
    async with served(small_buffers=True, **options) as broker:
        publisher, slow = await broker.login(), await broker.login(small_buffer=True)
        await slow.declare("q")
        await publisher.deliver("q", *[bytes(BODY_BYTES)] * 100)
        await slow.send(1, *[m.BasicGet(queue="q", no_ack=True)] * 100)
        await broker.until(lambda: (broker.ready("q") or 0) < 100)
        assert (broker.ready("q") or 0) > 100 - 2 * MARK_BYTES // BODY_BYTES - 10
        answers = await slow.several(100)
        assert [answer.method.delivery_tag for answer in answers] == list(range(1, 101))


async def test_returns_to_a_client_that_does_not_read_stop_at_the_limit_and_none_is_lost():
    options = {"output_mark_bytes": MARK_BYTES, "unread_output_max_bytes": 2 * MARK_BYTES}
    bodies = [b"%0100000d" % number for number in range(100)]
    async with served(small_buffers=True, **options) as broker:
        slow = await broker.login(small_buffer=True)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(
                slow.send_bytes,
                b"".join(publication(1, "", "nowhere", body, mandatory=True) for body in bodies),
            )
            (session,) = broker.server.sessions
            await broker.until(lambda: session.connection.deferral.full)
            assert session.connection.output.size < 3 * MARK_BYTES
            assert [item.body for item in await slow.several(100)] == bodies


async def test_a_client_that_vanishes_gives_back_what_it_held():
    async with served() as broker:
        client, other = await broker.login(), await broker.login()
        await client.declare("mine", exclusive=True)
        await client.declare("q")
        await client.publish("q", b"1")
        await client.send(1, m.BasicConsume(queue="q", consumer_tag="c"))
        await client.several(2)
        client.vanish()
        await broker.until(lambda: broker.ready("mine") is None)
        await other.consume("q")
        assert await other.several(1) == [delivery(1, b"1", redelivered=True)]


async def test_a_client_that_vanishes_with_its_output_full_disturbs_nobody():
    async with served(small_buffers=True) as broker:
        slow, other = await broker.login(small_buffer=True), await broker.login()
        await slow.declare("q")
        await slow.consume("q")
        await other.deliver("q", *[bytes(BODY_BYTES)] * 9)
        slow.vanish()
        await broker.until(lambda: broker.ready("q") == 9)
        await other.consume("q")
        assert len(await other.several(9)) == 9


async def test_a_client_that_says_no_more_still_hears_the_answers():
    async with served() as broker:
        client = await broker.login()
        await client.send(1, m.QueueDeclare(queue="q"))
        await client.stream.send_eof()
        assert await client.until_closed() == [m.QueueDeclareOk("q")]


async def test_a_client_that_keeps_its_socket_after_close_ok_is_dropped(monkeypatch):
    monkeypatch.setattr(connection, "LEAVING_S", 0)
    monkeypatch.setattr(server, "TICK_S", 0.01)
    async with served() as broker:
        client = await broker.login()
        await client.send(0, m.ConnectionClose(200, "bye"))
        assert await client.until_closed() == [m.ConnectionCloseOk()]


async def test_the_socket_is_closed_when_the_client_confirms():
    async with served() as broker:
        client = await broker.login()
        await client.send(0, m.ConnectionTuneOk())
        await client.several(1)
        await client.send(0, m.ConnectionCloseOk())
        assert await client.until_closed() == []


async def test_the_socket_is_closed_on_bytes_that_are_no_amqp():
    async with served() as broker:
        client = await broker.login()
        await client.send_bytes(b"\x05\x00\x01\x00\x00\x00\x00\xce")
        assert [close.reply_code for close in await client.until_closed()] == [501]


async def test_the_socket_is_closed_on_another_protocol():
    async with served() as broker:
        client, browser = await broker.connect(), await broker.connect()
        await client.send_bytes(b"AMQP\x00\x01\x00\x00")
        await client.until_closed()
        assert client.inbox.raw == PROTOCOL_HEADER
        await browser.send_bytes(b"GET / HTTP/1.1\r\n\r\n")
        await browser.until_closed()
        assert browser.inbox.raw.startswith(b"HTTP/1.1 400 ")


async def test_a_client_that_leaves_in_the_middle_of_its_deliveries_gets_its_close_ok():
    async with served(small_buffers=True) as broker:
        publisher, slow = await broker.login(), await broker.login(small_buffer=True)
        await slow.declare("q")
        await slow.consume("q", no_ack=True)
        await publisher.deliver("q", *[bytes(BODY_BYTES)] * 9)
        await slow.send(0, m.ConnectionClose(200, "bye"))
        *deliveries, last = await slow.several(10)
        assert last == m.ConnectionCloseOk()
        assert all(isinstance(item, Content) for item in deliveries)


async def talk_on(client: SocketClient) -> None:
    """Say more until the socket breaks."""
    with trio.fail_after(PATIENCE_S):
        while True:
            await client.stream.send_all(b"x")
            await trio.sleep(0.001)


async def test_a_client_that_does_not_take_its_last_words_is_dropped(monkeypatch):
    monkeypatch.setattr(session, "LINGER_S", 0.05)
    async with served(small_buffers=True) as broker:
        publisher, slow = await broker.login(), await broker.login(small_buffer=True)
        await slow.declare("q")
        await slow.consume("q", no_ack=True)
        await publisher.deliver("q", *[bytes(BODY_BYTES)] * 9)
        await slow.send(0, m.ConnectionClose(200, "bye"))
        with pytest.raises(trio.BrokenResourceError):
            await talk_on(slow)


async def test_a_mistake_of_the_brokers_is_told_as_541_and_disturbs_nobody(monkeypatch, caplog):
    def mistaken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setitem(HANDLERS, m.ChannelFlow, mistaken)
    async with served() as broker:
        client, other = await broker.login(), await broker.login()
        await client.declare("mine", exclusive=True)
        await client.send(1, m.ChannelFlow(active=True))
        (close,) = await client.until_closed()
        assert close.reply_code == 541
        await other.declare("q")
        await broker.until(lambda: broker.ready("mine") is None)
    assert "unexpected internal error" in caplog.text
    assert "ZeroDivisionError" in caplog.text


async def test_the_log_tells_who_came_and_who_went_without_a_goodbye(caplog):
    caplog.set_level(logging.INFO)
    async with served() as broker:
        rude = await broker.login()
        await rude.declare("mine", exclusive=True)
        rude.vanish()
        await broker.until(lambda: broker.ready("mine") is None)
        polite = await broker.login()
        await polite.send(0, m.ConnectionClose(200, "bye", 0, 0))
        assert await polite.next() == (0, m.ConnectionCloseOk())
        polite.socket.close()
        await broker.until(lambda: not broker.server.sessions)
    told = [text.partition(": ")[2] for text in caplog.messages]
    assert told == [
        "user 'guest' opened vhost '/'",
        "Connection reset by peer",
        "gone without connection.close",
        "user 'guest' opened vhost '/'",
        "closed",
    ]


async def test_many_clients_come_and_go():
    async with served() as broker:
        for _ in range(20):
            client = await broker.login()
            await client.declare("mine", exclusive=True)
            client.vanish()
            await broker.until(lambda: broker.ready("mine") is None)
