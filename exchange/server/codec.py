"""The wire's encoding as the core is handed it."""

from collections.abc import Mapping
from typing import Any

from warrener.exchange.ledger import Codec
from warrener.protocol.frames import content_properties
from warrener.protocol.properties import Properties
from warrener.protocol.tables import decode_table, encode_table


def _decode_table(data: bytes) -> dict[str, Any]:
    return decode_table(data)[0]


def _encode_table(table: Mapping[str, Any]) -> bytes:
    return encode_table(table)


def _decode_content(content: bytes) -> tuple[Properties, int]:
    raw, channel = content_properties(content)
    return Properties(raw), channel


CODEC = Codec(_encode_table, _decode_table, _decode_content)
