"""A client's side of an HTTP connection, without I/O.

ask(...)          the bytes of a request
receive(data)     bytes in, b"" when the server has ended its side
next_head()       status and headers, None as long as they are not there
next_part()       a piece of the body, b"" at its end, None as long as nothing is there
is_over           whether the next request needs a connection of its own
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import h11

from warrener.protocol.http.request import join_headers


class BrokenResponse(Exception):
    """Bytes of a server that are no HTTP, or end too early."""


@dataclass(frozen=True, slots=True)
class Head:
    """What comes before the body of a response."""

    status: int
    headers: Mapping[str, str]


class ClientConnection:
    """One request after the other to one server."""

    def __init__(self, host: str) -> None:
        self._wire = h11.Connection(h11.CLIENT)
        self._host = host

    def ask(self, method: str, target: str, headers: Mapping[str, str], body: bytes = b"") -> bytes:
        """A whole request."""
        if self._wire.our_state is h11.DONE:
            self._wire.start_next_cycle()
        lines = [("Host", self._host), *headers.items()]
        if body or method in ("POST", "PUT"):
            lines.append(("Content-Length", str(len(body))))
        head = self._wire.send(h11.Request(method=method, target=target, headers=lines))
        data = self._wire.send(h11.Data(data=body)) if body else b""
        return (head or b"") + (data or b"") + (self._wire.send(h11.EndOfMessage()) or b"")

    def receive(self, data: bytes) -> None:
        """Take in bytes; none stand for the end. Raises: BrokenResponse."""
        try:
            self._wire.receive_data(data)
        except h11.RemoteProtocolError as error:
            raise BrokenResponse(str(error)) from None

    def next_head(self) -> Head | None:
        """Raises: BrokenResponse."""
        event = self._next_event()
        while isinstance(event, h11.InformationalResponse):
            event = self._next_event()
        if not isinstance(event, h11.Response):
            return None
        return Head(event.status_code, join_headers(list(event.headers)))

    def next_part(self) -> bytes | None:
        """Raises: BrokenResponse."""
        event = self._next_event()
        if isinstance(event, h11.Data):
            return bytes(event.data)
        return b"" if isinstance(event, h11.EndOfMessage) else None

    @property
    def is_over(self) -> bool:
        """Whether the server takes no further request on this connection."""
        return self._wire.their_state not in (h11.DONE, h11.IDLE)

    def _next_event(self) -> object:
        try:
            event = self._wire.next_event()
        except h11.RemoteProtocolError as error:
            raise BrokenResponse(str(error)) from None
        if isinstance(event, h11.ConnectionClosed):
            raise BrokenResponse("the server has closed the connection")
        return event
