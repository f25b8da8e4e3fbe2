"""A broker and its clients without sockets, tasks or a clock: `Wire`, `Client`, `Channel`.

What one `send` holds is one read and one pass of the broker. What the broker writes is in the
client's inbox when `send` returns. Time stands still until a test calls `advance`.

    client = Wire().login()
    channel = client.channel()
    assert channel.call(m.QueueDeclare(queue="q")) == m.QueueDeclareOk("q")
    channel.publish("", "q", b"hello")
    assert channel.call(m.BasicGet(queue="q")) == Content(m.BasicGetOk(1, ...), b"hello")

The Wire stands in for `Server` and `Session`, and does what they promise: it takes the output after
each pass, tells a connection that its output has drained, and that its socket is gone.
"""

from collections.abc import Mapping
from typing import Any

from tests.exchange.server.inbox import NO_PROPERTIES, Inbox, Item
from warrener.exchange.broker import Broker
from warrener.exchange.config import Config
from warrener.exchange.server.codec import CODEC
from warrener.exchange.server.connection import Connection
from warrener.protocol import methods as m
from warrener.protocol.codec import Method
from warrener.protocol.frames import (
    FRAME_OVERHEAD_BYTES,
    METHOD,
    PROTOCOL_HEADER,
    content_frames,
    frame,
)
from warrener.storage.null import NullStore

ALL_CAPABILITIES = {
    "authentication_failure_close": True,
    "basic.nack": True,
    "connection.blocked": True,
    "consumer_cancel_notify": True,
    "publisher_confirms": True,
}
PLAIN_GUEST = b"\0guest\0guest"


class HeldStore(NullStore):
    """A store that is slow: what is committed becomes durable when a test says so."""

    __slots__ = ()

    def commit(self) -> None:
        pass

    def sync(self) -> None:
        self.durable = self.end


class Wire:
    """A broker and everyone who is connected to it; `options` are those of Config."""

    def __init__(self, store: Any = None, **options: Any) -> None:
        self.now = 1000.0
        self.config = Config(**options)
        self.store = store or NullStore()
        self.broker = Broker(self.store, CODEC)
        self._tell_time()
        self.clients: list[Client] = []
        self._pending: list[Connection] = []

    def connect(self, *, from_loopback: bool = True) -> "Client":
        """A client that has said nothing yet."""
        connection = Connection(
            self.broker,
            self.config,
            name=f"client {len(self.clients) + 1}",
            from_loopback=from_loopback,
            now=self.now,
            on_pending=self._note_pending,
        )
        client = Client(self, connection)
        self.clients.append(client)
        return client

    def login(self, **options: Any) -> "Client":
        """A client that has opened its connection."""
        return self.connect().login(**options)

    def advance(self, seconds: float) -> None:
        """Let time pass, and do what is due by then."""
        self.now += seconds
        self._tell_time()
        for client in self.clients:
            if not client.closed:
                client.connection.tick(self.now)
        self.end_pass()

    def stored(self) -> None:
        """The store says that more is durable."""
        self.broker.answer()
        self.end_pass()

    def end_pass(self) -> None:
        self.broker.end_pass()
        while self._pending:
            pending, self._pending = self._pending, []
            for connection in pending:
                connection.last_sent = self.now
            for client in self.clients:
                client.collect()
        for client in self.clients:
            client.close_if_due()

    def _tell_time(self) -> None:
        self.broker.ledger.set_time(round(self.now * 1000))

    def _note_pending(self, connection: Connection) -> None:
        self._pending.append(connection)

    def shut_down(self, text: str = "broker shutdown") -> None:
        for client in self.clients:
            client.connection.close(320, text, self.now)
        self.end_pass()


class Client:
    """One connection, as seen by the client."""

    def __init__(self, wire: Wire, connection: Connection) -> None:
        self.wire = wire
        self.connection = connection
        self.inbox = Inbox()
        self.closed = False
        """Whether the socket is closed, by either side."""
        self.reads = True
        """Whether the client takes what it is sent; if not, it stays with the broker."""

    # Saying

    def send_bytes(self, data: bytes) -> None:
        """What the broker gets in one read."""
        assert not self.closed, "nobody reads from a closed socket"
        self.connection.receive(data, self.wire.now)
        if self.connection.login is not None:
            self.connection.finish_login(self.connection.login.check(), self.wire.now)
        self.wire.end_pass()
        while self.connection.deferral.stalled and not self.connection.finished:
            self.connection.receive(b"", self.wire.now)
            self.wire.end_pass()

    def send(self, channel: int, *methods: Method) -> None:
        self.send_bytes(encode(channel, *methods))

    def vanish(self) -> None:
        """The socket is gone, without a word."""
        self.closed = True
        self.connection.lost()
        self.wire.end_pass()

    def login(
        self,
        *,
        mechanism: str = "PLAIN",
        response: bytes = PLAIN_GUEST,
        capabilities: Mapping[str, Any] = ALL_CAPABILITIES,
        channel_max: int = 0,
        frame_max: int = 0,
        heartbeat: int = 0,
        virtual_host: str = "/",
        product: str = "",
    ) -> "Client":
        """The whole handshake, which must succeed."""
        self.send_bytes(PROTOCOL_HEADER)
        properties: dict[str, Any] = {"capabilities": dict(capabilities), "product": product}
        self.send(0, m.ConnectionStartOk(properties, mechanism, response, "en_US"))
        self.send(0, m.ConnectionTuneOk(channel_max, frame_max, heartbeat))
        self.inbox.frame_max = frame_max or self.wire.config.frame_max_bytes
        self.send(0, m.ConnectionOpen(virtual_host))
        names = [item.name for item in self.received(0) if isinstance(item, Method)]
        assert names == ["connection.start", "connection.tune", "connection.open-ok"]
        return self

    def channel(self, number: int = 1) -> "Channel":
        """A channel that is open."""
        channel = Channel(self, number)
        assert channel.call(m.ChannelOpen()) == m.ChannelOpenOk()
        return channel

    # Hearing

    def collect(self) -> None:
        """Take what the broker has written, and let it write more, as a session would."""
        while self.reads and not self.closed and self.connection.output.size:
            was_full = self.connection.room() <= 0
            self.inbox.feed(self.connection.output.take())
            if was_full:
                self.connection.drained()
                self.wire.broker.end_pass()

    def close_if_due(self) -> None:
        """Close the socket if the broker has no more to say, or no more patience."""
        said = self.connection.finished and not self.connection.output.size
        if not self.closed and (said or self.connection.dropped):
            self.vanish()

    def received(self, channel: int | None = None) -> list[Any]:
        """What has come on a channel, or (channel, item) for all of them."""
        arrivals = self.inbox.take(channel)
        return arrivals if channel is None else [item for _, item in arrivals]

    def heartbeats(self) -> int:
        """How many heartbeats have come since this was last asked."""
        return self.inbox.take_heartbeats()


class Channel:
    """One channel of a client."""

    def __init__(self, client: Client, number: int) -> None:
        self.client = client
        self.number = number

    def send(self, *methods: Method) -> None:
        """Methods in one read."""
        self.client.send(self.number, *methods)

    def call(self, method: Method) -> Item:
        """One method and the one thing that comes back."""
        self.send(method)
        (answer,) = self.received()
        return answer

    def publish(self, exchange: str, routing_key: str, *bodies: bytes, **options: Any) -> None:
        """Messages in one read."""
        self.client.send_bytes(
            b"".join(
                publication(self.number, exchange, routing_key, body, **options) for body in bodies
            )
        )

    def received(self) -> list[Any]:
        return self.client.received(self.number)

    def bodies(self) -> list[bytes]:
        """The bodies of what was delivered; nothing else may have come."""
        return [item.body for item in self.received()]

    def queue(self, name: str, **options: Any) -> str:
        """A queue that is there."""
        answer = self.call(m.QueueDeclare(queue=name, **options))
        assert isinstance(answer, m.QueueDeclareOk)
        return answer.queue

    def consume(self, queue: str, tag: str = "c", **options: Any) -> None:
        """A consumer; what it is given at once stays to be received."""
        self.send(m.BasicConsume(queue=queue, consumer_tag=tag, **options))
        first, *rest = self.client.inbox.take(self.number)
        assert first == (self.number, m.BasicConsumeOk(tag))
        self.client.inbox.put_back(rest)

    def close(self) -> None:
        assert self.call(m.ChannelClose(200, "bye")) == m.ChannelCloseOk()

    def ready(self, queue: str) -> int:
        """How many messages wait in a queue."""
        answer = self.call(m.QueueDeclare(queue=queue, passive=True))
        assert isinstance(answer, m.QueueDeclareOk)
        return answer.message_count


def encode(channel: int, *methods: Method) -> bytes:
    return b"".join(frame(METHOD, channel, method.encode()) for method in methods)


def publication(
    channel: int,
    exchange: str,
    routing_key: str,
    body: bytes,
    properties: bytes = NO_PROPERTIES,
    frame_max: int = 131072,
    **flags: bool,
) -> bytes:
    """The frames of a publish and its content."""
    method = m.BasicPublish(exchange=exchange, routing_key=routing_key, **flags)
    return encode(channel, method) + content_frames(properties, body, channel, frame_max)


def frames_of(data: bytes) -> list[bytes]:
    """Whole frames, one by one."""
    frames = []
    while data:
        end = FRAME_OVERHEAD_BYTES + int.from_bytes(data[3:7], "big")
        frames.append(data[:end])
        data = data[end:]
    return frames
