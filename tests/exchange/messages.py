"""Messages to test with: content framed as it travels, and properties without a wire."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from warrener.exchange.message import Envelope, Message
from warrener.protocol.frames import content_frames, split_content
from warrener.protocol.properties import Properties as WireProperties
from warrener.protocol.properties import encode_properties

FRAME_MAX = 131072


@dataclass(frozen=True)
class Properties:
    """What the core asks of a message's properties, said outright."""

    persistent: bool = False
    headers: Mapping[str, Any] | None = None
    expiration: str | None = None
    priority: int | None = None
    timestamp: int | None = None


def make_message(
    body: bytes,
    *,
    persistent: bool = False,
    headers: Mapping[str, Any] | None = None,
    priority: int | None = None,
    envelope: Envelope | None = None,
    **more: Any,
) -> Message:
    """A message; if it has `more` properties than these, all of them are read off the wire."""
    raw = encode_properties(
        delivery_mode=2 if persistent else 1, headers=headers, priority=priority, **more
    )
    return Message(
        envelope or Envelope("", ""),
        WireProperties(raw) if more else Properties(persistent, headers, priority=priority),
        content_frames(raw, body, 1, FRAME_MAX),
        1,
    )


def body_of(message: Message) -> bytes:
    return split_content(message.content)[1]


def size_of(messages: list[Message]) -> int:
    return sum(len(message.content) for message in messages)
