"""A client on a blocking socket, small and quick: a connection with channel 1 open.

It knows no more than the wire and says what it hears as it comes, also in the last moments of a
broker, where a client library would only say that the connection is lost.
"""

import contextlib
import socket
from typing import Any

from tests.exchange.server.inbox import Inbox, Item
from tests.exchange.server.wire import ALL_CAPABILITIES, PLAIN_GUEST, encode, publication
from warrener.protocol import methods as m
from warrener.protocol.codec import Method
from warrener.protocol.frames import PROTOCOL_HEADER

PATIENCE_S = 20
RECEIVE_BYTES = 1 << 18


class BlockingClient:
    """`closed` once the broker is gone; until then all methods wait at most PATIENCE_S."""

    def __init__(self, url: str) -> None:
        host, _, port = url.rpartition("//")[2].partition("/")[0].rpartition(":")
        self.closed = False
        self._inbox = Inbox()
        self._socket = socket.create_connection((host, int(port)), PATIENCE_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self._login()
        except BaseException:
            self.close()
            raise

    def send(self, *methods: Method) -> None:
        self.send_bytes(encode(1, *methods))

    def publish(self, exchange: str, routing_key: str, *bodies: bytes, **options: Any) -> None:
        """Messages in one write."""
        self.send_bytes(
            b"".join(publication(1, exchange, routing_key, body, **options) for body in bodies)
        )

    def call(self, method: Method) -> Item:
        """One method and the next thing that comes; ConnectionError if the broker is gone."""
        self.send(method)
        while not (arrived := self.receive()):
            if self.closed:
                raise ConnectionError("the broker is gone")
        [answer] = arrived
        return answer

    def receive(self) -> list[Item]:
        """What comes next, on any channel; wait for it. Nothing if the broker is gone."""
        while not self.closed:
            if arrived := self._inbox.take():
                return [item for _, item in arrived]
            try:
                data = self._socket.recv(RECEIVE_BYTES)
            except ConnectionError:
                data = b""
            self.closed = not data
            self._inbox.feed(data)
        return [item for _, item in self._inbox.take()]

    def send_bytes(self, data: bytes) -> None:
        """A broker that is gone takes what it is sent without a word: `receive` will tell."""
        with contextlib.suppress(ConnectionError):
            self._socket.sendall(data)

    def close(self) -> None:
        """Go without a word."""
        self._socket.close()

    def __enter__(self) -> "BlockingClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _login(self) -> None:
        self.send_bytes(PROTOCOL_HEADER)
        self.receive()
        properties = {"capabilities": ALL_CAPABILITIES}
        start_ok = m.ConnectionStartOk(properties, "PLAIN", PLAIN_GUEST, "en_US")
        self.send_bytes(encode(0, start_ok, m.ConnectionTuneOk(0, 0, 0), m.ConnectionOpen("/")))
        self.send(m.ChannelOpen())
        names: list[str] = []
        while not self.closed and "channel.open-ok" not in names:
            names += [item.name for item in self.receive() if isinstance(item, Method)]
        if self.closed:
            raise ConnectionError("the broker let nobody in")
