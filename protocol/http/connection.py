"""The server's side of an HTTP connection, without I/O.

    receive(data)            bytes in, b"" when the client has ended its side
    next_request()           the head of a request, None as long as it is not there
    next_body()              its body, None as long as it is not complete
    start(response), part(data), finish()     bytes out; `respond` is all three at once

The body is asked for separately, so that a request can be refused by its head before anybody
waits for what comes behind; `proceed` has a client that asked for that send it. A request is
answered before the next one is looked at, which keeps the order of a pipeline. `is_over` says
that there is no next one.

Of two ways to read a request none is chosen: what a proxy in front may have read otherwise, and so
may have let somebody say unseen, is refused. h11 refuses lengths that contradict each other; what
it would rather forgive is refused here: a length beside chunks, chunks of a client of HTTP/1.0,
lines that end without a carriage return, lines that are continued.
"""

from __future__ import annotations

import re

import h11

from warrener.protocol.http.errors import (
    BodyTooLarge,
    HeadTooLarge,
    MalformedRequest,
)
from warrener.protocol.http.request import Request, join_headers
from warrener.protocol.http.response import Response
from warrener.protocol.http.target import parse_target

HEAD_BYTES_MAX = 16 * 1024
"""Request line and headers together."""
_END_OF_HEAD = b"\r\n\r\n"
_OTHER_LINE = re.compile(rb"(?<!\r)\n|\n[ \t]")
"""The end of a line that is none to everybody, or a line that goes on."""


class ServerConnection:
    """What one client asks, one request after the other."""

    def __init__(self, head_bytes_max: int = HEAD_BYTES_MAX) -> None:
        self._wire = h11.Connection(h11.SERVER, max_incomplete_event_size=head_bytes_max)
        self._body = bytearray()
        self._method = ""
        self._is_doubtful = False
        """Whether it cannot be told where the next request would begin."""

    # In

    def receive(self, data: bytes) -> None:
        """Take in bytes; none stand for the end."""
        if self._wire.their_state is not h11.ERROR:
            self._wire.receive_data(data)

    def next_request(self) -> Request | None:
        """The head of the next request. Raises: HttpError."""
        self._require_plain_lines()
        event = self._next_event()
        if not isinstance(event, h11.Request):
            return None
        self._require_one_framing(event)
        self._method = event.method.decode("ascii", "replace")
        return Request(self._method, parse_target(event.target), join_headers(list(event.headers)))

    def next_body(self, bytes_max: int) -> bytes | None:
        """The body of the request, empty if it has none. Raises: HttpError."""
        while True:
            event = self._next_event()
            if isinstance(event, h11.Data):
                # One piece of memory: of chunks of a byte each, a list would take forty times it.
                self._body += event.data
                if len(self._body) > bytes_max:
                    raise BodyTooLarge(f"a body may have {bytes_max} bytes")
            elif isinstance(event, h11.EndOfMessage):
                return bytes(self._body)
            else:
                return None

    def proceed(self) -> bytes:
        """What a client wants to read before it sends the body it has announced."""
        if not self._wire.they_are_waiting_for_100_continue:
            return b""
        return self._send(h11.InformationalResponse(status_code=100, headers=[]))

    # Out

    def respond(self, response: Response) -> bytes:
        """A whole response."""
        return self.start(response) + self.part(response.body) + self.finish()

    def start(self, response: Response) -> bytes:
        """The head of a response."""
        headers = list(response.headers)
        if response.bears_body and response.parts is None:
            headers.append(("Content-Length", str(len(response.body))))
        if self._is_doubtful or self._wire.their_state in (h11.IDLE, h11.SEND_BODY, h11.ERROR):
            # What is left of the request will not be read, so nothing behind it can be.
            headers.append(("Connection", "close"))
        return self._send(
            h11.Response(status_code=response.status, headers=headers, reason=response.reason)
        )

    def part(self, data: bytes) -> bytes:
        """A piece of the body; none to a client that asked for the head only."""
        if not data or self.is_head_asked:
            return b""
        return self._send(h11.Data(data=data))

    def finish(self) -> bytes:
        """The end of a response. The connection is ready for the next request, or over."""
        end = self._send(h11.EndOfMessage())
        if self._wire.our_state is h11.DONE and self._wire.their_state is h11.DONE:
            self._wire.start_next_cycle()
            self._body, self._method = bytearray(), ""
        return end

    @property
    def is_head_asked(self) -> bool:
        """Whether the client wants no body."""
        return self._method == "HEAD"

    @property
    def is_over(self) -> bool:
        """Whether no further request can come."""
        return self._wire.their_state in (h11.CLOSED, h11.ERROR) or self._wire.our_state not in (
            h11.IDLE,
            h11.SEND_RESPONSE,
            h11.SEND_BODY,
        )

    def _require_plain_lines(self) -> None:
        """Raises: MalformedRequest."""
        if self._wire.their_state is h11.IDLE:
            waiting = self._wire.trailing_data[0]
            head, _, _ = waiting.partition(_END_OF_HEAD)
            if _OTHER_LINE.search(head):
                self._is_doubtful = True
                raise MalformedRequest("no HTTP request: a line ends otherwise than with CR LF")

    def _require_one_framing(self, request: h11.Request) -> None:
        """Raises: MalformedRequest if it could be said in two ways where the body ends."""
        names = {name for name, _ in request.headers}
        with_length = b"content-length" in names
        if b"transfer-encoding" in names and (with_length or request.http_version < b"1.1"):
            self._is_doubtful = True
            raise MalformedRequest("no HTTP request: the length of its body is in doubt")

    def _send(self, event: h11.Event) -> bytes:
        return self._wire.send(event) or b""

    def _next_event(self) -> object:
        try:
            return self._wire.next_event()
        except h11.RemoteProtocolError as error:
            if error.error_status_hint == HeadTooLarge.status:
                raise HeadTooLarge("the head of the request is too long") from None
            raise MalformedRequest(f"no HTTP request: {error}") from None
