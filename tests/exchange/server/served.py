"""A broker behind real sockets, in this process: `Served`, and `SocketClient` for the other end.

    async with served() as broker:
        client = await broker.login()
        await client.call(1, m.ChannelOpen())

Everything a client waits for it waits for at most PATIENCE_S.
"""

import gc
import socket
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import trio

from tests.exchange.server.inbox import Inbox, Item
from tests.exchange.server.wire import ALL_CAPABILITIES, PLAIN_GUEST, encode, publication
from warrener.exchange.broker import Broker
from warrener.exchange.config import Config
from warrener.exchange.server.codec import CODEC
from warrener.exchange.server.entrance import Listener
from warrener.exchange.server.server import Server, open_listeners
from warrener.exchange.server.tls import Certificates
from warrener.protocol import methods as m
from warrener.protocol.codec import Method
from warrener.protocol.frames import PROTOCOL_HEADER
from warrener.storage.null import NullStore

PATIENCE_S = 10
SMALL_BUFFER_BYTES = 65_536
"""The kernel makes twice as much of it. Much less than a loopback packet, and TCP would wait."""


class Served:
    """A broker that serves on a free port."""

    def __init__(self, server: Server, listener: socket.socket) -> None:
        self.server = server
        self.broker = server.broker
        self.listener = listener
        self._address = listener.getsockname()
        self._clients: list[SocketClient] = []

    async def connect(
        self, *, small_buffer: bool = False, tls: ssl.SSLContext | None = None, first: bytes = b""
    ) -> "SocketClient":
        """A client that has said nothing yet, but for a few bytes `first` and greetings of TLS."""
        sock = trio.socket.socket()
        if small_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER_BYTES)
        try:
            await sock.connect(self._address)
        except OSError:
            sock.close()
            raise
        stream: trio.abc.Stream = trio.SocketStream(sock)
        if first:
            await stream.send_all(first)
        if tls:
            stream = trio.SSLStream(stream, tls, server_hostname="localhost", https_compatible=True)
        self._clients.append(SocketClient(stream, sock))
        return self._clients[-1]

    async def login(self, *, small_buffer: bool = False, **options: Any) -> "SocketClient":
        """A client with an open connection and an open channel 1."""
        client = await self.connect(small_buffer=small_buffer)
        await client.login(**options)
        return client

    @property
    def listening(self) -> bool:
        return self.listener.fileno() >= 0

    def ready(self, name: str) -> int | None:
        """How many messages wait in a queue; None if there is no such queue."""
        for queue in self.broker.statistics().queues:
            if queue.name == name:
                return queue.messages_ready
        return None

    async def until(self, condition: Any) -> None:
        """Wait for something that happens in the broker."""
        with trio.fail_after(PATIENCE_S):
            while not condition():
                await trio.sleep(0.001)

    def close_clients(self) -> None:
        for client in self._clients:
            client.socket.close()


@asynccontextmanager
async def served(
    store: Any = None,
    *,
    small_buffers: bool = False,
    certificates: Certificates | None = None,
    **options: Any,
) -> AsyncIterator[Served]:
    """A broker that serves until the block ends; with small buffers its sockets take little."""
    server = Server(Broker(store or NullStore(), CODEC), Config(**options))
    listeners = [Listener(each, certificates) for each in open_listeners("127.0.0.1", 0)]
    if small_buffers:
        listeners[0].socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL_BUFFER_BYTES)
    thresholds = gc.get_threshold()
    try:
        async with trio.open_nursery() as nursery:
            ready = trio.Event()
            nursery.start_soon(server.serve, listeners, ready.set)
            with trio.fail_after(PATIENCE_S):
                await ready.wait()
            broker = Served(server, listeners[0].socket)
            try:
                yield broker
            finally:
                broker.close_clients()
                nursery.cancel_scope.cancel()
    finally:
        for listener in listeners:
            listener.socket.close()
        # What `serve` has set for the life of a process.
        gc.set_threshold(*thresholds)
        gc.unfreeze()


class SocketClient:
    """One connection, as seen by the client."""

    def __init__(self, stream: trio.abc.Stream, sock: trio.socket.SocketType) -> None:
        self.stream = stream
        self.socket = sock
        self.inbox = Inbox()

    async def send_bytes(self, data: bytes) -> None:
        with trio.fail_after(PATIENCE_S):
            await self.stream.send_all(data)

    async def send(self, channel: int, *methods: Method) -> None:
        await self.send_bytes(encode(channel, *methods))

    async def publish(self, routing_key: str, *bodies: bytes, **options: Any) -> None:
        await self.send_bytes(
            b"".join(publication(1, "", routing_key, body, **options) for body in bodies)
        )

    async def deliver(self, routing_key: str, *bodies: bytes) -> None:
        """Publish, for the first time, and wait until the broker has all of it."""
        assert await self.call(1, m.ConfirmSelect()) == m.ConfirmSelectOk()
        await self.publish(routing_key, *bodies)
        confirmed = 0
        while confirmed < len(bodies):
            _, ack = await self.next()
            assert isinstance(ack, m.BasicAck)
            confirmed = ack.delivery_tag

    async def next(self) -> tuple[int, Item]:
        """The next thing that comes."""
        with trio.fail_after(PATIENCE_S):
            while not (arrived := self.inbox.take()):
                data = await self.stream.receive_some(65536)
                assert data, "the broker closed the socket"
                self.inbox.feed(data)
        self.inbox.put_back(arrived[1:])
        return arrived[0]

    async def several(self, count: int) -> list[Any]:
        """The next things that come, without their channels."""
        return [(await self.next())[1] for _ in range(count)]

    async def call(self, channel: int, method: Method) -> Item:
        """One method and the next thing that comes on its channel."""
        await self.send(channel, method)
        number, item = await self.next()
        assert number == channel
        return item

    async def login(
        self,
        *,
        frame_max: int = 0,
        heartbeat: int = 0,
        vhost: str = "/",
        properties: dict[str, Any] | None = None,
        mechanism: str = "PLAIN",
        response: bytes = PLAIN_GUEST,
    ) -> None:
        await self.send_bytes(PROTOCOL_HEADER)
        await self.next()
        known = {"capabilities": ALL_CAPABILITIES, **(properties or {})}
        await self.call(0, m.ConnectionStartOk(known, mechanism, response, "en_US"))
        await self.send(0, m.ConnectionTuneOk(0, frame_max, heartbeat))
        # In one write: between two of them the broker might tell of an alarm.
        await self.send_bytes(encode(0, m.ConnectionOpen(vhost)) + encode(1, m.ChannelOpen()))
        assert await self.several(2) == [m.ConnectionOpenOk(), m.ChannelOpenOk()]

    async def declare(self, queue: str, **options: Any) -> None:
        answer = await self.call(1, m.QueueDeclare(queue=queue, **options))
        assert isinstance(answer, m.QueueDeclareOk)

    async def consume(self, queue: str, **options: Any) -> None:
        consume = m.BasicConsume(queue=queue, consumer_tag="c", **options)
        assert await self.call(1, consume) == m.BasicConsumeOk("c")

    async def until_closed(self) -> list[Any]:
        """Everything that comes until the broker closes the socket."""
        with trio.fail_after(PATIENCE_S):
            while data := await self.stream.receive_some(65536):
                self.inbox.feed(data)
        return [item for _, item in self.inbox.take()]

    async def leave(self) -> list[Any]:
        """Confirm the broker's close; returns what came until it closed the socket."""
        await self.send(0, m.ConnectionCloseOk())
        heard = await self.until_closed()
        self.socket.close()
        return heard

    def vanish(self) -> None:
        """Close the socket so that the broker meets a reset."""
        linger = struct.pack("ii", 1, 0)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.socket.close()
