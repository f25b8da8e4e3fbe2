"""When a client was last heard of, and what does not count as silence."""

from tests.exchange.server.wire import Wire, encode
from warrener.exchange.server.liveness import Standstill
from warrener.protocol import methods as m
from warrener.protocol.frames import HEARTBEAT_FRAME

LARGE = bytes(1 << 20)


def test_a_client_that_reads_slowly_and_sends_heartbeats_is_alive():
    wire = Wire(output_mark_bytes=1000, unread_output_max_bytes=2000)
    channel = wire.login(heartbeat=2).channel()
    channel.queue("q")
    channel.publish("", "q", LARGE)
    channel.client.reads = False
    channel.send(m.BasicConsume(queue="q"))
    for _ in range(30):
        wire.advance(1)
        channel.client.send_bytes(HEARTBEAT_FRAME)
    assert not channel.client.closed


def test_one_that_neither_reads_nor_sends_is_not():
    wire = Wire(output_mark_bytes=1000, unread_output_max_bytes=2000)
    channel = wire.login(heartbeat=2).channel()
    channel.queue("q")
    channel.publish("", "q", LARGE)
    channel.client.reads = False
    channel.send(m.BasicConsume(queue="q"))
    wire.advance(5)
    assert channel.client.closed


def test_what_is_not_read_any_more_is_not_taken_for_silence():
    wire = Wire(output_mark_bytes=1000, unread_output_max_bytes=2000)
    channel = wire.login(heartbeat=2).channel()
    channel.queue("q")
    channel.publish("", "q", LARGE)
    channel.client.reads = False
    channel.send(m.BasicConsume(queue="q"))
    channel.client.send_bytes(encode(1, m.QueueDeclare(queue="x" * 100)) * 1000)
    assert channel.client.connection.deferral.full
    wire.advance(100)
    assert not channel.client.closed


def test_a_client_that_takes_what_it_was_sent_is_alive():
    wire = Wire()
    client = wire.login(heartbeat=2)
    for _ in range(10):
        wire.advance(3)
        client.connection.liveness.heard_at = wire.now
    assert not client.closed


def test_time_in_which_the_broker_stood_still_does_not_count():
    wire = Wire()
    client = wire.login(heartbeat=2)
    client.connection.liveness.forgive(100)
    wire.advance(103)
    assert not client.closed
    wire.advance(2)
    assert client.closed


def test_a_client_that_has_not_logged_in_is_given_the_time_that_the_broker_stood_still():
    wire = Wire(handshake_timeout_s=10)
    client = wire.connect()
    client.connection.liveness.forgive(100)
    wire.advance(109)
    assert not client.closed
    wire.advance(2)
    assert client.closed


def test_a_standstill_is_found_by_how_late_a_look_at_the_clock_is():
    standstill = Standstill(0.5)
    looks = [10.0, 10.5, 11.1, 19.6, 20.1]
    assert [round(standstill.look(now), 1) for now in looks] == [0, 0, 0, 8.0, 0]
