"""The elementary types of a field: the numbers and strings that methods, tables and headers hold.

A `FieldType` is a pair of functions. `decode(data, position, end)` returns the value at `position`
and the position after it; it checks against `end` before it looks, so a field can never read into
its neighbour, and raises FrameError when the bytes do not suffice. `encode(value)` returns the
bytes and raises ValueError when the value does not fit.

`Octet` to `LongStr` are the same types for annotations: an `int`, `str` or `bytes` for the type
checker, with the FieldType attached for whoever derives a codec from them (methods.py). `Bit` has
no bytes of its own: neighbouring bits share an octet, so its coding belongs to the method.

Names (`ShortStr`) are text, and bytes that are no UTF-8 are a FrameError, as with RabbitMQ. What a
broker only relays (`RelayedStr`: the properties of a message, the names of its headers, the routing
key of a publish) may be any bytes: those that are no UTF-8 become lone surrogates (PEP 383), and
the same bytes again when the string is encoded. Long strings are bytes: the specification lets
them hold anything.
"""

from collections.abc import Callable
from dataclasses import dataclass
from struct import Struct
from typing import Annotated, Generic, TypeVar

from warrener.protocol.errors import FrameError

T = TypeVar("T")

SHORT_STRING_BYTES_MAX = 0xFF
LONG_STRING_BYTES_MAX = 0xFFFF_FFFF

RELAYED = "surrogateescape"
"""The error handler by which text that is only relayed is decoded and encoded."""

_LENGTH = Struct(">I")


@dataclass(frozen=True, slots=True)
class FieldType(Generic[T]):
    decode: Callable[[bytes, int, int], tuple[T, int]]
    encode: Callable[[T], bytes]


def require(position: int, width: int, end: int) -> int:
    """Return the position after `width` bytes, or raise if they are not all there."""
    following = position + width
    if following > end:
        raise FrameError(f"{width} bytes due at offset {position}, {max(0, end - position)} there")
    return following


def decode_length(data: bytes, position: int, end: int) -> tuple[int, int]:
    """Read a 4-byte length; return where that many bytes begin and where they end."""
    start = require(position, 4, end)
    length: int = _LENGTH.unpack_from(data, position)[0]
    return start, require(start, length, end)


def encode_length(body: bytes) -> bytes:
    """Return `body` behind its 4-byte length."""
    if len(body) > LONG_STRING_BYTES_MAX:
        raise ValueError(f"{len(body)} bytes do not fit a field of {LONG_STRING_BYTES_MAX}")
    return _LENGTH.pack(len(body)) + body


def decode_short_string(data: bytes, position: int, end: int) -> tuple[str, int]:
    start = require(position, 1, end)
    following = require(start, data[position], end)
    try:
        return data[start:following].decode("utf-8"), following
    except UnicodeDecodeError:
        raise FrameError(f"the short string at offset {position} is no UTF-8") from None


def decode_relayed_string(data: bytes, position: int, end: int) -> tuple[str, int]:
    """Read a short string of any bytes; those that are no UTF-8 become lone surrogates."""
    start = require(position, 1, end)
    following = require(start, data[position], end)
    return data[start:following].decode("utf-8", RELAYED), following


def encode_short_string(text: str, errors: str = "strict") -> bytes:
    encoded = text.encode("utf-8", errors)
    if len(encoded) > SHORT_STRING_BYTES_MAX:
        raise ValueError(f"{len(encoded)} bytes do not fit a short string: {text[:40]!r}...")
    return bytes((len(encoded),)) + encoded


def encode_relayed_string(text: str) -> bytes:
    """The bytes that `decode_relayed_string` has read as `text`, as a short string."""
    return encode_short_string(text, RELAYED)


def decode_long_string(data: bytes, position: int, end: int) -> tuple[bytes, int]:
    start, following = decode_length(data, position, end)
    return data[start:following], following


def _unsigned(width: int) -> FieldType[int]:
    """An unsigned big-endian integer of `width` bytes."""

    def decode(data: bytes, position: int, end: int) -> tuple[int, int]:
        following = require(position, width, end)
        return int.from_bytes(data[position:following], "big"), following

    def encode(value: int) -> bytes:
        if value < 0 or value >> (8 * width):
            raise ValueError(f"{value} does not fit an unsigned integer of {width} bytes")
        return value.to_bytes(width, "big")

    return FieldType(decode, encode)


OCTET = _unsigned(1)
SHORT = _unsigned(2)
LONG = _unsigned(4)
LONG_LONG = _unsigned(8)
SHORT_STRING = FieldType(decode_short_string, encode_short_string)
RELAYED_STRING = FieldType(decode_relayed_string, encode_relayed_string)
LONG_STRING = FieldType(decode_long_string, encode_length)
BIT = object()

Octet = Annotated[int, OCTET]
Short = Annotated[int, SHORT]
Long = Annotated[int, LONG]
LongLong = Annotated[int, LONG_LONG]
ShortStr = Annotated[str, SHORT_STRING]
RelayedStr = Annotated[str, RELAYED_STRING]
LongStr = Annotated[bytes, LONG_STRING]
Bit = Annotated[bool, BIT]
