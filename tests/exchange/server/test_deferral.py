"""What has to wait while memory is short or output is not read, and what need not."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.exchange.server.inbox import Content
from tests.exchange.server.wire import Channel, Client, Wire, encode, publication
from warrener.exchange.server.deferral import DEFERRED_BYTES_MAX, DEFERRED_READ_BYTES
from warrener.protocol import methods as m
from warrener.protocol.frames import HEARTBEAT_FRAME


def block(client: Client) -> None:
    client.connection.block("low on memory")
    client.wire.end_pass()
    client.received(0)


def unblock(client: Client) -> None:
    """As the server does: the connection is asked to go on in a pass of its own."""
    client.connection.unblock()
    client.send_bytes(b"")


def test_a_publish_waits_until_there_is_enough_again(channel: Channel):
    channel.queue("q")
    block(channel.client)
    channel.publish("", "q", b"1", b"2")
    assert channel.client.connection.deferral.holds
    unblock(channel.client)
    assert not channel.client.connection.deferral.holds
    assert channel.ready("q") == 2


def test_acknowledgements_do_not_wait(channel: Channel):
    channel.queue("q")
    channel.consume("q")
    channel.publish("", "q", b"1")
    block(channel.client)
    channel.send(m.BasicAck(1))
    assert channel.client.wire.broker.vhosts["/"].queues["q"].unacked == 0


def test_a_channel_goes_on_beside_one_that_waits(channel: Channel):
    channel.queue("q")
    other = channel.client.channel(2)
    block(channel.client)
    channel.publish("", "q", b"1")
    assert other.ready("q") == 0


def test_what_comes_after_a_publish_on_its_channel_waits_as_well(channel: Channel):
    channel.queue("q")
    block(channel.client)
    channel.publish("", "q", b"1")
    channel.send(m.QueueDeclare(queue="q", passive=True))
    assert channel.received() == []
    unblock(channel.client)
    assert channel.received() == [m.QueueDeclareOk("q", 1, 0)]


def test_the_rest_of_a_content_waits(channel: Channel):
    channel.queue("q")
    data = publication(1, "", "q", bytes(1000))
    channel.client.send_bytes(data[:500])
    block(channel.client)
    channel.client.send_bytes(data[500:])
    assert channel.client.wire.broker.statistics().messages_ready == 0
    unblock(channel.client)
    assert channel.ready("q") == 1


def test_a_close_waits_for_what_was_said_before(channel: Channel):
    channel.queue("q")
    block(channel.client)
    channel.publish("", "q", b"1")
    channel.client.send(0, m.ConnectionClose(200, "bye"))
    assert channel.client.received(0) == []
    unblock(channel.client)
    assert channel.client.received(0) == [m.ConnectionUnblocked(), m.ConnectionCloseOk()]
    assert channel.client.wire.broker.statistics().messages_ready == 1


def test_a_client_that_is_blocked_may_close_at_once(channel: Channel):
    block(channel.client)
    channel.client.send(0, m.ConnectionClose(200, "bye"))
    assert channel.client.received(0) == [m.ConnectionCloseOk()]


def test_no_more_is_kept_than_the_limit_and_one_read(channel: Channel):
    channel.queue("q")
    block(channel.client)
    deferral = channel.client.connection.deferral
    one = publication(1, "", "q", bytes(100))
    while not deferral.full:
        channel.client.send_bytes(one * (DEFERRED_READ_BYTES // len(one)))
    assert deferral.size <= DEFERRED_BYTES_MAX + DEFERRED_READ_BYTES


def test_bytes_that_are_no_frames_are_found_out_at_once(channel: Channel):
    block(channel.client)
    channel.client.send_bytes(b"\x09\0\0\0\0\0\0\xce")
    (close,) = channel.client.received(0)
    assert close.reply_code == 501


def test_a_frame_that_is_too_large_is_found_out_at_once(channel: Channel):
    block(channel.client)
    channel.client.send_bytes(b"\x03\0\x01\xff\xff\xff\xff")
    (close,) = channel.client.received(0)
    assert close.reply_code == 501


@pytest.fixture
def unread() -> Channel:
    """A channel of a client with more unread output than it may have."""
    wire = Wire(output_mark_bytes=1000, unread_output_max_bytes=2000)
    channel = wire.login().channel()
    channel.queue("q")
    channel.publish("", "q", bytes(10_000))
    channel.client.reads = False
    channel.send(m.BasicGet(queue="q"))
    return channel


def read_all(client: Client) -> None:
    client.reads = True
    client.wire.end_pass()
    client.collect()


def test_methods_wait_while_a_client_has_too_much_unread_output(unread: Channel):
    unread.send(m.QueueDeclare(queue="other"))
    assert "other" not in unread.client.wire.broker.vhosts["/"].queues
    read_all(unread.client)
    got, declared = unread.received()
    assert isinstance(got, Content)
    assert declared == m.QueueDeclareOk("other")


def test_the_rest_of_a_read_waits_as_soon_as_there_is_too_much():
    wire = Wire(output_mark_bytes=1000, unread_output_max_bytes=2000)
    channel = wire.login().channel()
    channel.queue("q")
    channel.publish("", "q", bytes(10_000))
    channel.client.reads = False
    get = m.BasicGet(queue="q")
    rounds = [item for tag in range(1, 301) for item in (get, m.BasicReject(tag, requeue=True))]
    channel.send(*rounds)
    assert channel.client.connection.output.size < 12_000
    read_all(channel.client)
    assert [item.method.delivery_tag for item in channel.received()] == list(range(1, 301))


def test_acknowledgements_of_a_client_that_does_not_read_do_not_wait(unread: Channel):
    unread.send(m.BasicAck(1))
    assert unread.client.wire.broker.vhosts["/"].queues["q"].unacked == 0


def test_a_client_that_is_closed_by_the_broker_is_read_again(unread: Channel):
    unread.send(m.QueueDeclare(queue="other"))
    unread.client.connection.force_close("bye")
    unread.client.send(0, m.ConnectionCloseOk())
    assert unread.client.connection.finished


def test_the_answer_to_a_close_is_found_behind_a_frame_that_had_begun(channel: Channel):
    block(channel.client)
    content = publication(1, "", "q", bytes(1000))
    channel.client.send_bytes(content[:500])
    channel.client.connection.force_close("bye")
    channel.client.send_bytes(content[500:] + encode(0, m.ConnectionCloseOk()))
    assert channel.client.connection.finished
    assert [item.name for item in channel.client.received(0)] == ["connection.close"]


# The same, whatever has to wait

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), st.integers(1, 3), st.integers(0, 400)),
        st.tuples(st.just("ack"), st.integers(1, 3), st.integers(0, 3)),
        st.tuples(st.just("declare"), st.integers(1, 3), st.integers(0, 3)),
        st.just(("heartbeat", 0, 0)),
    ),
    max_size=30,
)


def said(steps: list[tuple[str, int, int]]) -> bytes:
    """What a client says, as bytes."""
    pieces = []
    for number, (step, channel, value) in enumerate(steps):
        if step == "publish":
            body = b"%d " % number + bytes(value)
            pieces.append(publication(channel, "", "q", body, frame_max=128))
        elif step == "ack":
            pieces.append(encode(channel, m.BasicAck(0, multiple=True)))
        elif step == "declare":
            pieces.append(encode(channel, m.QueueDeclare(queue=f"q{value}")))
        else:
            pieces.append(HEARTBEAT_FRAME)
    return b"".join(pieces)


@settings(max_examples=100)
@given(STEPS, st.lists(st.tuples(st.integers(1, 300), st.booleans())))
def test_nothing_is_lost_or_reordered_on_a_channel_by_waiting(steps, reads):
    answers = []
    for interrupted in (False, True):
        client = Wire().login()
        channels = [client.channel(number) for number in (1, 2, 3)]
        channels[0].queue("q")
        data = said(steps)
        for size, blocked in reads if interrupted else []:
            (block if blocked else unblock)(client)
            client.send_bytes(data[:size])
            data = data[size:]
        unblock(client)
        client.send_bytes(data)
        heard = [channel.received() for channel in channels]
        reader = client.wire.login().channel()
        reader.consume("q", no_ack=True)
        bodies = reader.bodies()
        answers.append(
            (
                [[item.queue for item in each] for each in heard],
                [
                    [body for body in bodies if steps[int(body.split()[0])][1] == number]
                    for number in (1, 2, 3)
                ],
            )
        )
    assert answers[0] == answers[1]
