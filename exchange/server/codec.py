"""The wire's encoding as the core is handed it."""

from collections.abc import Mapping
from typing import Any

from warrener.exchange.durability.ledger import Codec
from warrener.exchange.message import Envelope, Message
from warrener.exchange.message import Properties as AnyProperties
from warrener.protocol.errors import FrameError
from warrener.protocol.frames import (
    FRAME_OVERHEAD_BYTES,
    HEADER_FIXED_BYTES,
    content_properties,
    replace_properties,
)
from warrener.protocol.properties import Properties
from warrener.protocol.tables import (
    TABLE_DEPTH_MAX,
    Int64,
    Timestamp,
    decode_table,
    encode_table,
)

PROPERTIES_BYTES_MAX = (128 << 10) - FRAME_OVERHEAD_BYTES - HEADER_FIXED_BYTES
"""What fits a frame of the size that nearly all clients agree to: properties are never cut."""

RECORD_DEPTH_MAX = TABLE_DEPTH_MAX + 8
"""A record has what a client sent, which may be as deep as that, inside tables of its own."""
RECORD_ITEMS_MAX = 1 << 32
"""They were counted when a client sent them, and what was written must be read again."""


UNCHANGED: Mapping[str, Any] = {}


def _decode_table(data: bytes) -> dict[str, Any]:
    return decode_table(data, depth_max=RECORD_DEPTH_MAX, items_max=RECORD_ITEMS_MAX)[0]


def _encode_table(table: Mapping[str, Any]) -> bytes:
    return encode_table(table, depth_max=RECORD_DEPTH_MAX)


def _decode_content(
    content: bytes, before: AnyProperties | None = None
) -> tuple[AnyProperties, int]:
    raw, channel = content_properties(content)
    if isinstance(before, Properties) and before.raw == raw:
        return before, channel
    return Properties(raw), channel


def rewrite(
    message: Message,
    envelope: Envelope,
    changes: Mapping[str, Any] = UNCHANGED,
    headers: Mapping[str, Any] = UNCHANGED,
) -> Message:
    """A copy of `message` in another envelope, with some properties and some headers changed.

    What is changed to None is removed; what is not named is copied byte for byte.
    """
    raw, channel = content_properties(message.content)
    changed = Properties(raw)
    if changes:
        changed = changed.replace(**changes)
    if headers:
        changed = changed.edit_headers(headers)
    return Message(envelope, changed, replace_properties(message.content, changed.raw), channel)


def liken(message: Message, other: Message) -> Message:
    """A copy of `message` with the envelope and the properties of `other`."""
    raw, _ = content_properties(other.content)
    content = replace_properties(message.content, raw)
    return Message(other.envelope, other.properties, content, message.channel)


def _properties_bytes(message: Message) -> int:
    raw, _ = content_properties(message.content)
    return len(raw)


def fits(message: Message) -> bool:
    """Whether a message whose headers were made anew can be read, and sent in usual frames."""
    raw, _ = content_properties(message.content)
    if len(raw) > PROPERTIES_BYTES_MAX:
        return False
    try:
        Properties(raw).check()
    except FrameError:
        return False
    return True


CODEC = Codec(
    _encode_table,
    _decode_table,
    _decode_content,
    rewrite,
    liken,
    _properties_bytes,
    timestamp=lambda ms: Timestamp(ms // 1000),
    int64=Int64,
)
