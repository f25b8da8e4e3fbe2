"""A connection to a broker: socket, handshake, and what comes in for which channel."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar

from warrener import __version__
from warrener.exchange.client.address import Address, read_url
from warrener.exchange.client.channel import Channel
from warrener.exchange.client.errors import ClientError, Closed, LoginRefused, Unreachable
from warrener.exchange.client.incoming import Arrival, Incoming
from warrener.protocol import methods as m
from warrener.protocol.codec import Method
from warrener.protocol.errors import ProtocolError
from warrener.protocol.frames import METHOD, PROTOCOL_HEADER, frame

R = TypeVar("R", bound=Method)

TIMEOUT_S = 20.0
GREETING_S = 10.0
"""How long the handshake may be silent: a server of HTTP waits for more, and says nothing."""
TIMEOUT_S_MIN = 0.001
OTHERS = {
    b"HTTP/": "what listens there speaks HTTP",
    b"\x15\x03": "what listens there speaks TLS, as in amqps://",
    b"SSH-": "what listens there speaks SSH",
}
"""What others say to our greeting, by how it begins."""
READ_BYTES = 256 * 1024
SEND_BYTES = 64 * 1024
"""What is collected before it is sent by itself."""
LOGIN_CODES = (403, 530)
"""Codes by which a broker refuses a user, or a virtual host."""
CAPABILITIES = {
    "publisher_confirms": True,
    "basic.nack": True,
    "consumer_cancel_notify": True,
    "connection.blocked": True,
    "authentication_failure_close": True,
}


def connect(
    url: str,
    *,
    name: str = "",
    timeout_s: float = TIMEOUT_S,
    context: ssl.SSLContext | None = None,
) -> Connection:
    """An open connection. Raises: ClientError."""
    return Connection(read_url(url), name=name, timeout_s=timeout_s, context=context)


class Connection:
    """A connection that is open; methods of its channels wait for what the broker answers."""

    def __init__(
        self,
        address: Address,
        *,
        name: str = "",
        timeout_s: float = TIMEOUT_S,
        context: ssl.SSLContext | None = None,
    ) -> None:
        """Raises: Unreachable; LoginRefused."""
        self.address = address
        self.blocked = ""
        """Why the broker does not take publishes now."""
        self.on_blocked: Callable[[str], None] = lambda reason: None
        """Told the reason when that begins."""
        self.frame_max = 0
        self.server: dict[str, Any] = {}
        """What the broker says of itself."""
        self._channel_max = 0
        self._timeout_s = timeout_s
        self._channels: dict[int, Channel] = {}
        self._incoming = Incoming()
        self._replies: list[Method] = []
        self._output: list[bytes] = []
        self._output_bytes = 0
        self._error: ClientError | None = None
        self._socket = self._open_socket(context)
        try:
            self._shake_hands(name)
        except BaseException:
            self._socket.close()
            raise

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def channel(self) -> Channel:
        """A new channel. Raises: ClientError."""
        number = next(each for each in range(1, 1 << 16) if each not in self._channels)
        if self._channel_max and number > self._channel_max:
            raise ClientError(f"the broker allows {self._channel_max} channels")
        channel = Channel(self, number)
        self._channels[number] = channel
        channel.open()
        return channel

    def close(self) -> None:
        """End in order; a broker that does not answer is not waited for long."""
        try:
            if self._error is None:
                self.send(0, m.ConnectionClose(200, "bye"))
                self._reply(m.ConnectionCloseOk)
        except ClientError:
            pass
        finally:
            self._error = self._error or Unreachable("the connection is closed")
            self._socket.close()

    # For channels

    def send(self, channel: int, method: Method, content: bytes = b"") -> None:
        """Put a method, and content in frames, into what is sent next. Raises: ClientError."""
        try:
            payload = method.encode()
        except (ValueError, TypeError) as error:
            raise ClientError(f"{method.name} cannot be sent: {error}") from error
        self.send_bytes(frame(METHOD, channel, payload) + content)

    def send_bytes(self, data: bytes) -> None:
        """The same for whole frames. Raises: ClientError."""
        if self._error is not None:
            raise self._error
        self._output.append(data)
        self._output_bytes += len(data)
        if self._output_bytes > SEND_BYTES:
            self.flush()

    def flush(self) -> None:
        """Send what was collected, however long the broker takes none. Raises: Unreachable."""
        if self._output:
            data, self._output, self._output_bytes = b"".join(self._output), [], 0
            self._socket.settimeout(None)
            try:
                self._socket.sendall(data)
            except OSError as error:
                raise self._broken(error) from error

    def receive(self, timeout_s: float | None) -> bool:
        """Wait until something comes and take it in; returns whether it did. Raises: ClientError.

        With None it waits for ever.
        """
        data = self.read(timeout_s)
        self._take(data)
        return bool(data)

    def read(self, timeout_s: float | None) -> bytes:
        """Wait for bytes and leave them to the caller; none if none came. Raises: ClientError."""
        if self._error is not None:
            raise self._error
        self.flush()
        # None at all would be another mode of the socket, in which TLS fails.
        self._socket.settimeout(None if timeout_s is None else max(timeout_s, TIMEOUT_S_MIN))
        try:
            data = self._socket.recv(READ_BYTES)
        except TimeoutError:
            return b""
        except OSError as error:
            raise self._broken(error) from error
        if not data:
            raise self._broken("the broker has closed the connection")
        return data

    def receive_reply(self) -> None:
        """Wait for something that has to come. Raises: ClientError."""
        is_open = bool(self.frame_max)
        timeout_s = self._timeout_s if is_open else min(self._timeout_s, GREETING_S)
        if not self.receive(timeout_s):
            hint = "" if is_open else ": is that a port of AMQP?"
            raise self._broken(f"no answer in {timeout_s:g} seconds{hint}")

    def forget(self, channel: int) -> None:
        self._channels.pop(channel, None)

    # What comes

    def _take(self, data: bytes) -> None:
        try:
            arrivals = self._incoming.feed(data)
        except ProtocolError as error:
            spoken = next((each for start, each in OTHERS.items() if data.startswith(start)), "")
            raise self._broken(f"no AMQP 0-9-1: {spoken or error}") from error
        for arrival in arrivals:
            if arrival.channel:
                channel = self._channels.get(arrival.channel)
                if channel is not None:
                    channel.take(arrival)
            else:
                self._take_own(arrival)

    def _take_own(self, arrival: Arrival) -> None:
        """A method of the connection itself. Raises: Closed."""
        method = arrival.method
        if isinstance(method, m.ConnectionBlocked):
            self.blocked = method.reason or "blocked"
            self.on_blocked(self.blocked)
        elif isinstance(method, m.ConnectionUnblocked):
            self.blocked = ""
        elif isinstance(method, m.ConnectionClose):
            self._output.append(frame(METHOD, 0, m.ConnectionCloseOk().encode()))
            self.flush()
            self._error = Closed(method.reply_code, method.reply_text)
            raise self._error
        else:
            self._replies.append(method)

    def _broken(self, reason: object) -> ClientError:
        if isinstance(reason, OSError):
            reason = reason.strerror or reason
        self._error = Unreachable(f"{self.address.shown}: {reason}")
        return self._error

    # Handshake

    def _open_socket(self, context: ssl.SSLContext | None) -> socket.socket:
        address = self.address
        try:
            opened = socket.create_connection((address.host, address.port), self._timeout_s)
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            if address.tls:
                context = context or ssl.create_default_context()
                opened = context.wrap_socket(opened, server_hostname=address.host)
        except OSError as error:
            raise Unreachable(f"{address.shown}: {error.strerror or error}") from error
        return opened

    def _shake_hands(self, name: str) -> None:
        self._output.append(PROTOCOL_HEADER)
        start = self._reply(m.ConnectionStart)
        self.server = dict(start.server_properties)
        properties: dict[str, Any] = {
            "product": "warrener",
            "version": __version__,
            "capabilities": CAPABILITIES,
        }
        if name:
            properties["connection_name"] = name
        login = f"\0{self.address.user}\0{self.address.password}".encode()
        self.send(0, m.ConnectionStartOk(properties, "PLAIN", login, "en_US"))
        try:
            tune = self._reply(m.ConnectionTune)
            self.frame_max = tune.frame_max or 131_072
            self._channel_max = tune.channel_max
            self.send(0, m.ConnectionTuneOk(tune.channel_max, self.frame_max, 0))
            self.send(0, m.ConnectionOpen(self.address.vhost))
            self._reply(m.ConnectionOpenOk)
        except Closed as error:
            if error.code in LOGIN_CODES:
                raise LoginRefused(f"{self.address.shown}: {error}") from error
            raise

    def _reply(self, kind: type[R]) -> R:
        """Wait for a method of the connection. Raises: ClientError."""
        while not self._replies:
            self.receive_reply()
        method = self._replies.pop(0)
        if not isinstance(method, kind):
            raise self._broken(f"{method.name} where {kind.name} was due")
        return method
