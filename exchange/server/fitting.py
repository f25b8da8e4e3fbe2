"""Fitting: the content of a message in the frames of the client that it goes to.

A body is cut into as many frames as it takes, but the properties have to fit one: AMQP has no way
to continue a header frame. A message that was published in larger frames, or has died in many
queues since, may have more than that. Then the broker leaves out what it has added itself: of the
account of its deaths the oldest, as many as it takes, then all of it, then the delivery count.
A message whose own properties are too large cannot be delivered to this client: its channel is
closed, and the message stays in its queue for somebody else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from warrener.exchange.errors import PreconditionFailed
from warrener.exchange.queues.dead_letter import ACCOUNT_HEADERS, DEATHS, DELIVERY_COUNT
from warrener.protocol.frames import (
    FRAME_OVERHEAD_BYTES,
    HEADER_FIXED_BYTES,
    content_frames,
    largest_frame,
    readdress,
    split_content,
)
from warrener.protocol.properties import Properties
from warrener.protocol.tables import Int64

if TYPE_CHECKING:
    from warrener.exchange.message import Message


def fit(message: Message, channel: int, frame_max: int) -> bytes:
    """The content of a message for a channel, in frames of at most `frame_max` bytes.

    Raises: PreconditionFailed if the properties do not fit one frame.
    """
    content = message.content
    if len(content) <= frame_max or largest_frame(content) <= frame_max:
        return content if message.channel == channel else readdress(content, channel)
    raw, body = split_content(content)
    room = frame_max - FRAME_OVERHEAD_BYTES - HEADER_FIXED_BYTES
    if len(raw) > room:
        raw = _trimmed(message, raw, room)
    return content_frames(raw, body, channel, frame_max)


def _trimmed(message: Message, raw: bytes, room: int) -> bytes:
    """The properties without the least of what the broker has added to them.

    Raises: PreconditionFailed.
    """
    properties = Properties(raw)
    for changes in _ways_to_trim(message, properties, room):
        trimmed = properties.edit_headers(changes).raw
        if len(trimmed) <= room:
            return trimmed
    raise PreconditionFailed(
        f"a message has {len(raw)} bytes of properties, and a frame of this connection has room "
        f"for {room}: it stays in its queue"
    )


def _ways_to_trim(message: Message, properties: Properties, room: int) -> Iterator[dict[str, Any]]:
    """Changes of the headers, from little to all that the broker has added."""
    changes: dict[str, Any] = {}
    headers: Mapping[str, Any] = properties.headers or {}
    if message.envelope.republished:
        counted = [{**death, "count": Int64(death["count"])} for death in headers[DEATHS]]
        kept = len(counted)
        while kept := kept // 2:
            yield {DEATHS: counted[:kept]}
        changes |= dict.fromkeys(ACCOUNT_HEADERS)
        yield changes
    yield changes | {DELIVERY_COUNT: None}


class Closing:
    """Closes a channel that a message cannot be delivered on.

    It is found out while a queue hands out messages, when its consumers cannot leave; so the
    channel is closed by a deadline that has come.
    """

    def __init__(self, close: Callable[[], None], break_off: Callable[[Exception], None]) -> None:
        self.next_due: int | None = None
        self._close = close
        self._break_off = break_off

    def due(self, now: int) -> None:
        self._close()

    def suspend(self, error: Exception) -> None:
        """The channel could not be closed: the client is given up."""
        self._break_off(error)
