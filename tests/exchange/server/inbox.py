"""What a client is sent, taken apart: bytes in, methods and contents out.

It reads frames by itself and checks all that a strict client would: whole frames that end in 0xCE
and are no larger than negotiated, contents that are announced, complete and not interrupted.
"""

import struct
from typing import NamedTuple

from warrener.protocol.codec import Method
from warrener.protocol.methods import decode_method
from warrener.protocol.properties import encode_properties

NO_PROPERTIES = encode_properties()
METHOD, HEADER, BODY, HEARTBEAT = 1, 2, 3, 8
FRAME_HEAD = struct.Struct(">BHI")


class Content(NamedTuple):
    """A method with its content; properties are compared as bytes."""

    method: Method
    body: bytes
    properties: bytes = NO_PROPERTIES


Item = Method | Content
Arrival = tuple[int, Item]
"""A channel number and what came on it."""


class Inbox:
    """The bytes sent to one client."""

    def __init__(self) -> None:
        self.raw = b""
        """All that is no AMQP frame yet: the rest of one, or another protocol."""
        self.frame_max = 0
        """The largest frame negotiated, 0 before."""
        self.frame_sizes: list[int] = []
        self._arrivals: list[Arrival] = []
        self._heartbeats = 0
        self._open: dict[int, tuple[Method, bytes | None, int, bytes]] = {}

    def feed(self, data: bytes) -> None:
        self.raw += data
        while len(self.raw) >= FRAME_HEAD.size and self.raw[0] in (METHOD, HEADER, BODY, HEARTBEAT):
            kind, channel, size = FRAME_HEAD.unpack_from(self.raw)
            end = FRAME_HEAD.size + size + 1
            if len(self.raw) < end:
                return
            assert self.raw[end - 1] == 0xCE, "a frame ends with 0xCE"
            assert not self.frame_max or end <= self.frame_max, f"{end} > {self.frame_max}"
            payload, self.raw = self.raw[FRAME_HEAD.size : end - 1], self.raw[end:]
            self.frame_sizes.append(end)
            self._frame(kind, channel, payload)

    def take(self, channel: int | None = None) -> list[Arrival]:
        """What has arrived, on one channel or on all, and was not taken yet."""
        if channel is None:
            taken, self._arrivals = self._arrivals, []
            return taken
        taken = [each for each in self._arrivals if each[0] == channel]
        self._arrivals = [each for each in self._arrivals if each[0] != channel]
        return taken

    def put_back(self, arrivals: list[Arrival]) -> None:
        self._arrivals = arrivals + self._arrivals

    def take_heartbeats(self) -> int:
        taken, self._heartbeats = self._heartbeats, 0
        return taken

    def _frame(self, kind: int, channel: int, payload: bytes) -> None:
        if kind == HEARTBEAT:
            assert (channel, payload) == (0, b"")
            self._heartbeats += 1
        elif kind == METHOD:
            self._method(channel, decode_method(payload))
        elif kind == HEADER:
            self._header(channel, payload)
        else:
            self._body(channel, payload)

    def _method(self, channel: int, method: Method) -> None:
        assert channel not in self._open, f"{method.name} inside a content"
        if method.has_content:
            self._open[channel] = (method, None, 0, b"")
        else:
            self._arrivals.append((channel, method))

    def _header(self, channel: int, payload: bytes) -> None:
        method, properties, _, _ = self._open[channel]
        assert properties is None, "a content has one header"
        class_id, weight, size = struct.unpack_from(">HHQ", payload)
        assert (class_id, weight) == (60, 0)
        self._open[channel] = (method, payload[12:], size, b"")
        self._complete(channel)

    def _body(self, channel: int, payload: bytes) -> None:
        method, properties, size, body = self._open[channel]
        assert properties is not None, "a header stands before the body"
        self._open[channel] = (method, properties, size, body + payload)
        self._complete(channel)

    def _complete(self, channel: int) -> None:
        method, properties, size, body = self._open[channel]
        assert len(body) <= size, "a body is as long as announced"
        if len(body) == size:
            assert properties is not None
            del self._open[channel]
            self._arrivals.append((channel, Content(method, body, properties)))
