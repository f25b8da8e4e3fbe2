"""The frame of basic.deliver, in three pieces: head, delivery tag, tail.

The head depends on the consumer, the tail on where the message was published to. Both are kept,
the head with the consumer and the tail with the envelope, so for each delivery only the tag is made
anew (bench S1, S5).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from warrener.protocol.fields import encode_relayed_string, encode_short_string
from warrener.protocol.frames import FRAME_END_BYTE, METHOD
from warrener.protocol.methods import BasicDeliver

if TYPE_CHECKING:
    from warrener.exchange.consumer import Consumer
    from warrener.exchange.message import Envelope

_HEAD = struct.Struct(">BHIHH")
_TAG_BYTES = 8
_METHOD_BYTES = 4


def encode_head(consumer: Consumer, channel: int, tail_size: int) -> bytes:
    """The head of deliveries to a consumer whose tails have this size."""
    tag = encode_short_string(consumer.tag)
    payload_size = _METHOD_BYTES + len(tag) + _TAG_BYTES + tail_size - len(FRAME_END_BYTE)
    ids = BasicDeliver.class_id, BasicDeliver.method_id
    head: bytes = _HEAD.pack(METHOD, channel, payload_size, *ids) + tag
    consumer.encoded[tail_size] = head
    return head


def encode_envelope(envelope: Envelope) -> tuple[bytes, bytes]:
    """The tail of a deliver frame, for a first delivery and for a later one."""
    place = encode_short_string(envelope.exchange) + encode_relayed_string(envelope.routing_key)
    tails = (b"\0" + place + FRAME_END_BYTE, b"\1" + place + FRAME_END_BYTE)
    envelope.encoded = tails
    return tails
