import errno
import socket
import time

import pytest
import trio

from tests.exchange.server.inbox import Content
from tests.exchange.server.served import PATIENCE_S, Served, SocketClient, served
from tests.exchange.server.wire import HeldStore, publication
from warrener.exchange.server import server
from warrener.exchange.server.server import is_loopback, open_listeners
from warrener.protocol import methods as m
from warrener.protocol.properties import encode_properties

PERSISTENT = encode_properties(delivery_mode=2)
FORCED = m.ConnectionClose(320, "CONNECTION_FORCED - broker shutdown")


@pytest.fixture
def quick_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that looks at the clock often."""
    monkeypatch.setattr(server, "TICK_S", 0.01)


# Listeners


@pytest.mark.parametrize(
    ("address", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.9.10", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("10.0.0.1", False),
        ("0.0.0.0", False),
        ("::ffff:10.0.0.1", False),
        ("fe80::1%eth0", False),
        ("", False),
        ("localhost", False),
    ],
)
def test_a_peer_is_of_this_machine_by_its_address(address, loopback):
    assert is_loopback(address) is loopback


def test_port_zero_is_any_free_port():
    one, other = open_listeners("127.0.0.1", 0), open_listeners("127.0.0.1", 0)
    ports = {listener.getsockname()[1] for listener in one + other}
    assert len(ports) == 2
    assert 0 not in ports
    for listener in one + other:
        listener.close()


def test_a_port_in_use_cannot_be_opened():
    (listener,) = open_listeners("127.0.0.1", 0)
    with pytest.raises(OSError, match="in use") as caught:
        open_listeners("127.0.0.1", listener.getsockname()[1])
    assert caught.value.errno == errno.EADDRINUSE
    listener.close()


def test_a_port_can_be_opened_again_at_once_after_its_use():
    (listener,) = open_listeners("127.0.0.1", 0)
    port = listener.getsockname()[1]
    client = socket.create_connection(("127.0.0.1", port))
    accepted, _ = listener.accept()
    accepted.close()
    client.close()
    listener.close()
    (again,) = open_listeners("127.0.0.1", port)
    again.close()


# The clock


async def test_a_client_is_sent_heartbeats(quick_clock):
    async with served() as broker:
        client = await broker.login(heartbeat=1)
        with trio.fail_after(PATIENCE_S):
            while not client.inbox.take_heartbeats():
                client.inbox.feed(await client.stream.receive_some(100))
        assert client.inbox.take() == []


async def test_a_client_that_does_not_log_in_is_dropped(quick_clock):
    async with served(handshake_timeout_s=0) as broker:
        client = await broker.connect()
        assert await client.until_closed() == []


# The store


async def test_what_the_store_has_made_durable_is_confirmed():
    store = HeldStore()
    async with served(store) as broker:
        client = await broker.login()
        await client.declare("q", durable=True)
        await client.call(1, m.ConfirmSelect())
        await client.publish("q", b"1", properties=PERSISTENT)
        await broker.until(lambda: broker.ready("q") == 1)
        store.sync()
        broker.server.stored()
        assert await client.several(1) == [m.BasicAck(1)]


class FailingStore(HeldStore):
    """A store that stops for good when a test says so."""

    __slots__ = ("failed",)

    def __init__(self) -> None:
        super().__init__()
        self.failed = False


async def test_what_was_not_safe_when_the_store_failed_is_refused_before_the_end():
    store = FailingStore()
    async with served(store) as broker, trio.open_nursery() as nursery:
        client = await broker.login()
        await client.declare("q", durable=True)
        await client.call(1, m.ConfirmSelect())
        await client.publish("q", b"1", b"2", properties=PERSISTENT)
        await broker.until(lambda: broker.ready("q") == 2)
        store.failed = True
        nursery.start_soon(broker.server.shut_down, "the broker's disk failed")
        nack, close = await client.several(2)
        assert nack == m.BasicNack(2, multiple=True, requeue=False)
        assert (close.reply_code, close.reply_text) == (
            320,
            "CONNECTION_FORCED - the broker's disk failed",
        )
        broker.close_clients()


class FullStore(HeldStore):
    """A store on a disk of which a test says how full it is."""

    __slots__ = ("free", "full")

    def __init__(self) -> None:
        super().__init__()
        self.free = 1000
        self.full = False

    def free_bytes(self) -> int:
        return self.free

    def restock(self) -> None:
        self.full = not self.free


async def test_publishers_are_not_read_while_there_is_little_space(quick_clock):
    store = FullStore()
    async with served(store, disk_free_mark_bytes=1000) as broker:
        client = await broker.login()
        await client.declare("q")
        await client.deliver("q", b"1")
        store.free = 999
        assert await client.several(1) == [m.ConnectionBlocked("low on disk")]
        await client.publish("q", b"2")
        assert broker.ready("q") == 1
        store.free = 1100
        assert await client.several(2) == [m.ConnectionUnblocked(), m.BasicAck(2)]


async def test_a_full_disk_refuses_what_would_have_to_be_kept_there(quick_clock):
    store = FullStore()
    async with served(store, disk_free_mark_bytes=0) as broker:
        client = await broker.login()
        await client.declare("q", durable=True)
        assert await client.call(1, m.ConfirmSelect()) == m.ConfirmSelectOk()
        store.free = 0
        store.full = True
        broker.server.stored()
        await client.publish("q", b"1", properties=PERSISTENT)
        assert await client.several(1) == [m.BasicNack(1, requeue=False)]
        store.free = 1
        await broker.until(lambda: not broker.broker.ledger.full)
        await client.publish("q", b"2", properties=PERSISTENT)
        await broker.until(lambda: broker.ready("q") == 1)


# Memory

MEMORY_MARK_BYTES = 100_000
LARGE = bytes(60_000)


async def blocked_publisher(broker: Served) -> SocketClient:
    """A client that has published until it was told to stop."""
    client = await broker.login()
    await client.declare("q")
    await client.publish("q", LARGE, LARGE)
    assert await client.several(1) == [m.ConnectionBlocked("low on memory")]
    return client


async def test_publishers_are_not_read_while_memory_is_short(quick_clock):
    async with served(memory_mark_bytes=MEMORY_MARK_BYTES) as broker:
        publisher = await blocked_publisher(broker)
        await publisher.publish("q", b"more")
        consumer = await broker.login()
        assert await consumer.several(1) == [m.ConnectionBlocked("low on memory")]
        assert broker.ready("q") == 2
        assert len((await consumer.call(1, m.BasicGet(queue="q", no_ack=True))).body) == 60_000
        assert await publisher.several(1) == [m.ConnectionUnblocked()]
        await broker.until(lambda: broker.ready("q") == 2)


async def test_a_publisher_that_comes_while_memory_is_short_is_told_and_has_to_wait(quick_clock):
    async with served(memory_mark_bytes=MEMORY_MARK_BYTES) as broker:
        await blocked_publisher(broker)
        late = await broker.login()
        assert await late.several(1) == [m.ConnectionBlocked("low on memory")]
        await late.publish("q", b"late")
        await late.send(2, m.ChannelOpen())
        assert await late.next() == (2, m.ChannelOpenOk())
        assert broker.ready("q") == 2


async def test_a_blocked_publisher_acknowledges_and_so_ends_the_shortage(quick_clock):
    async with served(memory_mark_bytes=MEMORY_MARK_BYTES) as broker:
        client = await broker.login()
        await client.declare("q")
        await client.consume("q")
        await client.publish("q", LARGE, LARGE)
        heard = await client.several(3)
        assert heard[2] == m.ConnectionBlocked("low on memory")
        await client.send(2, m.ChannelOpen())
        assert await client.next() == (2, m.ChannelOpenOk())
        await client.send_bytes(publication(2, "", "q", b"later"))
        await client.send(1, m.BasicAck(0, multiple=True))
        assert await client.several(2) == [
            m.ConnectionUnblocked(),
            Content(m.BasicDeliver("c", 3, False, "", "q"), b"later"),
        ]


@pytest.mark.parametrize("count", [1, 70])
async def test_what_had_to_wait_counts_though_its_client_has_gone(quick_clock, count):
    async with served(memory_mark_bytes=MEMORY_MARK_BYTES) as broker:
        consumer, late = await broker.login(), await broker.login()
        await blocked_publisher(broker)
        await late.publish("q", *[bytes(1000)] * count)
        await late.send(0, m.ConnectionClose(200, "bye"))
        await late.stream.send_eof()
        await consumer.send(1, m.QueuePurge(queue="q"))
        await broker.until(lambda: broker.ready("q") == count)


# A broker that stood still


async def test_time_in_which_the_broker_stood_still_is_forgiven(quick_clock, caplog):
    async with served() as broker:
        client = await broker.login(heartbeat=1)
        (session,) = broker.server.sessions
        liveness = session.connection.liveness
        # As after SIGSTOP: the clock has gone on, the last look at it was long ago.
        liveness.heard_at -= 100
        broker.server._standstill._due = time.monotonic() - 100
        await broker.until(lambda: "stood still" in caplog.text)
        assert await client.call(1, m.QueueDeclare(queue="q")) == m.QueueDeclareOk("q")


# The end


async def shut_down(broker: Served) -> None:
    with trio.fail_after(PATIENCE_S):
        await broker.server.shut_down("broker shutdown")


async def test_clients_are_told_of_the_end_and_their_answer_is_awaited():
    async with served() as broker, trio.open_nursery() as nursery:
        client = await broker.login()
        nursery.start_soon(shut_down, broker)
        assert await client.several(1) == [FORCED]
        assert await client.leave() == []


async def test_a_client_that_does_not_answer_is_not_awaited_for_ever(monkeypatch):
    monkeypatch.setattr(server, "SHUTDOWN_S", 0.05)
    async with served() as broker:
        client = await broker.login()
        await shut_down(broker)
        assert await client.until_closed() == [FORCED]


async def test_output_comes_before_the_end():
    async with served(small_buffers=True) as broker, trio.open_nursery() as nursery:
        publisher, slow = await broker.login(), await broker.login(small_buffer=True)
        await slow.declare("q")
        await slow.consume("q", no_ack=True)
        await publisher.deliver("q", *[bytes(100_000)] * 9)
        nursery.start_soon(shut_down, broker)
        *deliveries, last = await slow.several(10)
        assert last == FORCED
        assert all(isinstance(item, Content) for item in deliveries)
        await slow.leave()
        await publisher.leave()


async def test_what_is_published_after_the_end_was_told_is_not_taken():
    async with served() as broker, trio.open_nursery() as nursery:
        client = await broker.login()
        await client.declare("q")
        nursery.start_soon(shut_down, broker)
        await client.several(1)
        await client.publish("q", b"late")
        await client.leave()
        assert broker.ready("q") == 0


async def test_a_client_that_has_not_logged_in_does_not_hold_up_the_end(monkeypatch):
    monkeypatch.setattr(server, "SHUTDOWN_S", 10 * PATIENCE_S)
    async with served() as broker:
        await broker.connect()
        await shut_down(broker)


async def test_nobody_is_let_in_after_the_end_was_told():
    async with served() as broker, trio.open_nursery() as nursery:
        client = await broker.login()
        nursery.start_soon(shut_down, broker)
        await client.several(1)
        await broker.until(lambda: not broker.listening)
        with pytest.raises(ConnectionRefusedError):
            await broker.connect()
        await client.leave()


async def test_a_blocked_publisher_does_not_hold_up_the_end(monkeypatch, quick_clock):
    monkeypatch.setattr(server, "SHUTDOWN_S", 10 * PATIENCE_S)
    async with served(memory_mark_bytes=MEMORY_MARK_BYTES) as broker:
        publisher = await blocked_publisher(broker)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(shut_down, broker)
            assert await publisher.several(1) == [FORCED]
            await publisher.leave()
