"""AMQP 0-9-1 as bytes, built by hand and once, so that sending costs next to nothing later.

What: the few frames a load generator sends, and where in a frame of the broker a number lies.

Why by hand: a benchmark that used the codec of the broker it measures would hide the faults they
share, and would pay per message what this one pays per run.

How: every message of a scenario has the same length, hence so has every publish, delivery and
acknowledgement. Many frames are one block of bytes in which only the delivery tag differs from
frame to frame; `numbered` writes the tags into such a block column by column, eight slice
assignments however many frames there are.

    frame       type u8, channel u16, size u32, payload, end 0xCE
    method      class u16, method u16, arguments
    header      class u16, weight u16, body size u64, property flags u16, properties
    delivery    consumer tag shortstr, delivery tag u64, redelivered u8, exchange and key shortstr
    ack         delivery tag u64, multiple u8
"""

import struct
from array import array

PROTOCOL_HEADER = b"AMQP\x00\x00\x09\x01"
FRAME_END = b"\xce"
FRAME_OVERHEAD = 8
FRAME_MAX = 131072
METHOD, HEADER, BODY = 1, 2, 3
BASIC = 60
DELIVERY_MODE_FLAG = 0x1000

ACK_STRUCT = struct.Struct(">BHIHHQBB")
ACK_SIZE = ACK_STRUCT.size
ACK_TAG_AT = 11
TAG_SIZE = 8


def frame(kind: int, channel: int, payload: bytes) -> bytes:
    return struct.pack(">BHI", kind, channel, len(payload)) + payload + FRAME_END


def method(class_id: int, method_id: int, arguments: bytes = b"", channel: int = 1) -> bytes:
    return frame(METHOD, channel, struct.pack(">HH", class_id, method_id) + arguments)


def short_string(text: str) -> bytes:
    encoded = text.encode()
    return bytes([len(encoded)]) + encoded


def long_string(content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + content


def content(body: bytes, persistent: bool) -> bytes:
    """The header frame and the body frames that follow a publish or a delivery."""
    properties = struct.pack(">HB", DELIVERY_MODE_FLAG, 2 if persistent else 1)
    head = frame(HEADER, 1, struct.pack(">HHQ", BASIC, 0, len(body)) + properties)
    room = FRAME_MAX - FRAME_OVERHEAD
    pieces = [body[start : start + room] for start in range(0, len(body), room)]
    return head + b"".join(frame(BODY, 1, piece) for piece in pieces)


def publish(exchange: str, key: str, body: bytes, persistent: bool) -> bytes:
    arguments = struct.pack(">H", 0) + short_string(exchange) + short_string(key) + b"\x00"
    return method(BASIC, 40, arguments) + content(body, persistent)


def delivery(consumer_tag: str, exchange: str, key: str, body: bytes, persistent: bool) -> bytes:
    """What a broker sends for one message, with the delivery tag 0."""
    names = short_string(exchange) + short_string(key)
    arguments = short_string(consumer_tag) + bytes(TAG_SIZE) + b"\x00" + names
    return method(BASIC, 60, arguments) + content(body, persistent)


def delivery_tag_at(consumer_tag: str) -> int:
    """Where in a delivery its tag begins: behind frame head, method id and consumer tag."""
    return 7 + 4 + len(short_string(consumer_tag))


def ack(tag: int, multiple: bool) -> bytes:
    return method(BASIC, 80, struct.pack(">QB", tag, multiple))


def numbered(template: bytes, tag_at: int, first: int, count: int, step: int = 1) -> bytearray:
    """`count` copies of a frame with the tags first, first + step, and so on written into them."""
    tags = array("Q", range(first, first + count * step, step))
    tags.byteswap()
    columns = tags.tobytes()
    block = bytearray(template) * count
    size = len(template)
    for place in range(TAG_SIZE):
        block[tag_at + place :: size] = columns[place::TAG_SIZE]
    return block
