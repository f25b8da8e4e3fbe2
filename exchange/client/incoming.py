"""Incoming: the bytes that a broker sends, as methods and their contents."""

from __future__ import annotations

from typing import NamedTuple

from warrener.protocol.codec import Method
from warrener.protocol.errors import FrameError
from warrener.protocol.frames import (
    BODY,
    FRAME_END,
    FRAME_HEAD_BYTES,
    FRAME_OVERHEAD_BYTES,
    HEADER,
    HEADER_FIXED_BYTES,
    HEADER_FRAME_FIXED_BYTES,
    HEARTBEAT,
    METHOD,
    unpack_frame_head,
    unpack_header_frame,
)
from warrener.protocol.methods import decode_method


class Arrival(NamedTuple):
    """A method on a channel, with its content if it has one."""

    channel: int
    method: Method
    properties: bytes = b""
    """As they are on the wire."""
    body: bytes = b""


class _Content:
    """A content whose frames are still coming."""

    __slots__ = ("method", "missing", "parts", "properties")

    def __init__(self, method: Method) -> None:
        self.method = method
        self.properties: bytes | None = None
        self.parts: list[bytes] = []
        self.missing = 0


class Incoming:
    """Bytes in, arrivals out."""

    def __init__(self) -> None:
        self._data = b""
        self._contents: dict[int, _Content] = {}

    def feed(self, data: bytes) -> list[Arrival]:
        """What is complete by now. Raises: FrameError for what is no AMQP."""
        data = self._data + data
        arrivals: list[Arrival] = []
        position = 0
        while len(data) - position >= FRAME_HEAD_BYTES:
            kind, channel, size = unpack_frame_head(data, position)
            if kind not in (METHOD, HEADER, BODY, HEARTBEAT):
                raise FrameError(f"frame of kind {kind}")
            end = position + FRAME_OVERHEAD_BYTES + size
            if end > len(data):
                break
            if data[end - 1] != FRAME_END:
                raise FrameError("a frame does not end where it should")
            arrival = self._frame(kind, channel, data[position:end])
            if arrival is not None:
                arrivals.append(arrival)
            position = end
        self._data = data[position:]
        return arrivals

    def _frame(self, kind: int, channel: int, frame: bytes) -> Arrival | None:
        if kind == HEARTBEAT:
            return None
        if kind == METHOD:
            method = decode_method(frame[FRAME_HEAD_BYTES:-1])
            if not method.has_content:
                return Arrival(channel, method)
            self._contents[channel] = _Content(method)
            return None
        content = self._contents.get(channel)
        if content is None:
            raise FrameError("content of no method")
        if kind == HEADER:
            if len(frame) < HEADER_FRAME_FIXED_BYTES + 1:
                raise FrameError("content header too short")
            content.missing = unpack_header_frame(frame, 0)[-1]
            content.properties = frame[FRAME_HEAD_BYTES + HEADER_FIXED_BYTES : -1]
        else:
            content.parts.append(frame[FRAME_HEAD_BYTES:-1])
            content.missing -= len(frame) - FRAME_OVERHEAD_BYTES
        return self._complete(channel, content)

    def _complete(self, channel: int, content: _Content) -> Arrival | None:
        if content.properties is None or content.missing > 0:
            return None
        del self._contents[channel]
        return Arrival(channel, content.method, content.properties, b"".join(content.parts))
