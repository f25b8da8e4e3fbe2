"""The wire's encoding as the core is handed it."""

from collections.abc import Mapping
from typing import Any

from warrener.exchange.ledger import Codec
from warrener.exchange.message import Envelope, Message
from warrener.protocol.frames import content_properties, replace_properties
from warrener.protocol.properties import Properties
from warrener.protocol.tables import Timestamp, decode_table, encode_table


def _decode_table(data: bytes) -> dict[str, Any]:
    return decode_table(data)[0]


def _encode_table(table: Mapping[str, Any]) -> bytes:
    return encode_table(table)


def _decode_content(content: bytes) -> tuple[Properties, int]:
    raw, channel = content_properties(content)
    return Properties(raw), channel


def rewrite(message: Message, envelope: Envelope, changes: Mapping[str, Any]) -> Message:
    """A copy of `message` in another envelope, with some properties changed."""
    properties, channel = _decode_content(message.content)
    changed = properties.replace(**changes)
    return Message(envelope, changed, replace_properties(message.content, changed.raw), channel)


CODEC = Codec(
    _encode_table,
    _decode_table,
    _decode_content,
    rewrite,
    timestamp=lambda ms: Timestamp(ms // 1000),
)
