"""Frames: the units in which AMQP travels.

    +------+---------+-------------+  +-------------------+  +-----------+
    | type | channel |    size     |  |      payload      |  | frame-end |
    +------+---------+-------------+  +-------------------+  +-----------+
     octet    short       long           `size` octets           0xCE       (section 2.3.5)

A message's content is one header frame and as many body frames as the body needs. Content is
kept and relayed in this form: what differs from one connection to another is the channel
number, which `readdress` changes, and rarely the largest frame, for which `refit` cuts anew.
"""

import struct

METHOD = 1
HEADER = 2
BODY = 3
HEARTBEAT = 8

FRAME_END = 0xCE
FRAME_END_BYTE = b"\xce"
FRAME_HEAD_BYTES = 7
FRAME_OVERHEAD_BYTES = 8
FRAME_MIN_BYTES = 4096
"""The smallest frame size a peer may ask for (section 4.2.3)."""

PROTOCOL_HEADER = b"AMQP\x00\x00\x09\x01"

unpack_frame_head = struct.Struct(">BHI").unpack_from
"""Type, channel and payload size of the frame at an offset."""
unpack_header_frame = struct.Struct(">BHIIQ").unpack_from
"""The same of a header frame, then class id and weight as one number, and body size."""
HEADER_FRAME_FIXED_BYTES = 19
HEADER_FIXED_BYTES = 12
"""Class id, weight and body size: what stands before the properties in a header payload."""

_FRAME_HEAD = struct.Struct(">BHI")
_CHANNEL = struct.Struct(">H")
_BODY_SIZE = struct.Struct(">Q")


def frame(kind: int, channel: int, payload: bytes) -> bytes:
    """One whole frame."""
    return b"".join((_FRAME_HEAD.pack(kind, channel, len(payload)), payload, FRAME_END_BYTE))


HEARTBEAT_FRAME = frame(HEARTBEAT, 0, b"")


def content_frames(properties: bytes, body: bytes, channel: int, frame_max: int) -> bytes:
    """The frames of a content of class basic, the body cut so that no frame exceeds `frame_max`."""
    header = struct.pack(">HHQ", 60, 0, len(body)) + properties
    room = frame_max - FRAME_OVERHEAD_BYTES
    return b"".join(
        (
            frame(HEADER, channel, header),
            *(frame(BODY, channel, body[at : at + room]) for at in range(0, len(body), room)),
        )
    )


def readdress(content: bytes, channel: int) -> bytes:
    """The same content for another channel."""
    number = _CHANNEL.pack(channel)
    moved = bytearray(content)
    at = 0
    while at < len(moved):
        moved[at + 1 : at + 3] = number
        at += FRAME_OVERHEAD_BYTES + unpack_frame_head(moved, at)[2]
    return bytes(moved)


def replace_properties(content: bytes, properties: bytes) -> bytes:
    """The same content with other raw properties; the body frames stay as they are."""
    _, channel, length = unpack_frame_head(content, 0)
    body = FRAME_OVERHEAD_BYTES + length
    fixed = content[FRAME_HEAD_BYTES : FRAME_HEAD_BYTES + HEADER_FIXED_BYTES]
    return frame(HEADER, channel, fixed + properties) + content[body:]


def refit(content: bytes, channel: int, frame_max: int) -> bytes:
    """The same content for another channel, in frames of at most `frame_max` bytes."""
    properties, body = split_content(content)
    return content_frames(properties, body, channel, frame_max)


def largest_frame(content: bytes) -> int:
    """The size of the largest frame in a content."""
    largest = at = 0
    while at < len(content):
        size: int = FRAME_OVERHEAD_BYTES + unpack_frame_head(content, at)[2]
        largest = max(largest, size)
        at += size
    return largest


def body_bytes(content: bytes) -> int:
    """The size of the body of a content in frames."""
    size: int = _BODY_SIZE.unpack_from(content, FRAME_HEAD_BYTES + 4)[0]
    return size


def split_content(content: bytes) -> tuple[bytes, bytes]:
    """The raw properties and the body of a content in frames."""
    parts = []
    at = 0
    while at < len(content):
        size = unpack_frame_head(content, at)[2]
        parts.append(content[at + FRAME_HEAD_BYTES : at + FRAME_HEAD_BYTES + size])
        at += FRAME_OVERHEAD_BYTES + size
    return parts[0][HEADER_FIXED_BYTES:], b"".join(parts[1:])


def content_properties(content: bytes) -> tuple[bytes, int]:
    """The raw properties of a content in frames, and the channel it is framed for."""
    _, channel, size = unpack_frame_head(content, 0)
    first = FRAME_HEAD_BYTES + HEADER_FIXED_BYTES
    return content[first : FRAME_HEAD_BYTES + size], channel
