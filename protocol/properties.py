"""The properties of a message, read from the bytes of its content header only as far as asked.

A content header is class id, weight and body size (12 bytes), then what this module calls `raw`:

    +-------------+  +------------------+
    |    flags    |  |  property list   |   flags: one bit for each property, from bit 15 down;
    +-------------+  +------------------+   bit 0 says that another word of flags follows
     2 bytes (more)   the values present, in the order of the bits, without names or types

The broker stores and relays `raw` as it came. Most messages are routed without a look at any
property, so a `Properties` costs nothing until it is asked, and an answer costs skipping what
stands before the value. What was decoded is kept: `headers` is read again by each filter.

Being lazy has a price: bytes that are no property list are found out when somebody looks. Each
attribute then raises FrameError; `fields()` looks at everything and is the full check.

Text may be any bytes (`RelayedStr` in fields.py): a broker relays identifiers that are no UTF-8.
"""

from collections.abc import Callable, Mapping
from typing import Any, Generic, NamedTuple, Self, TypedDict, TypeVar, Unpack, cast, overload

from warrener.protocol.errors import FrameError
from warrener.protocol.fields import (
    LONG_LONG,
    OCTET,
    RELAYED_STRING,
    SHORT,
    FieldType,
    decode_length,
    require,
)
from warrener.protocol.tables import (
    HEADERS_TABLE,
    TABLE_ITEMS_MAX,
    UNLIMITED,
    FieldTable,
    decode_headers,
    edit_table,
    encode_table,
)

T = TypeVar("T")

CONTENT_TYPE = 1 << 15
CONTENT_ENCODING = 1 << 14
HEADERS = 1 << 13
DELIVERY_MODE = 1 << 12
PRIORITY = 1 << 11
CORRELATION_ID = 1 << 10
REPLY_TO = 1 << 9
EXPIRATION = 1 << 8
MESSAGE_ID = 1 << 7
TIMESTAMP = 1 << 6
TYPE = 1 << 5
USER_ID = 1 << 4
APP_ID = 1 << 3
CLUSTER_ID = 1 << 2

# Bit 1 stands for no property of class basic.
_UNKNOWN = 1 << 1
_CONTINUATION = 1 << 0

PERSISTENT = 2

DIRECT_REPLY_TO = "amq.rabbitmq.reply-to"
"""The name of no queue: it stands for the direct reply queue of whoever uses it."""
FOR_THE_BROKER = frozenset(("expiration", "user_id"))
HEADERS_FOR_THE_BROKER = frozenset(("CC", "BCC", "x-delivery-count", "x-acquired-count"))
"""Properties and headers that change what a broker does with a message, priority aside, which is
a matter of the queue. Most messages have none, and are published without another look."""


class PropertyFields(TypedDict, total=False):
    """The properties by name; None is the same as absent."""

    content_type: str | None
    content_encoding: str | None
    headers: FieldTable | None
    delivery_mode: int | None
    priority: int | None
    correlation_id: str | None
    reply_to: str | None
    expiration: str | None
    message_id: str | None
    timestamp: int | None
    type: str | None
    user_id: str | None
    app_id: str | None
    cluster_id: str | None


class _Kind(NamedTuple, Generic[T]):
    """A type of property: how to read and write it, and how to pass it by."""

    type: FieldType[T]
    skip: Callable[[bytes, int, int], int]


def _skip_short_string(raw: bytes, position: int, end: int) -> int:
    start = require(position, 1, end)
    return require(start, raw[position], end)


_TEXT = _Kind(RELAYED_STRING, _skip_short_string)
_HEADERS = _Kind(HEADERS_TABLE, lambda raw, position, end: decode_length(raw, position, end)[1])
_SMALL = _Kind(OCTET, lambda raw, position, end: require(position, 1, end))
_SECONDS = _Kind(LONG_LONG, lambda raw, position, end: require(position, 8, end))


class _Property(Generic[T]):
    """An attribute of Properties that is decoded when it is read for the first time."""

    __slots__ = ("bit", "kind", "name")

    def __init__(self, bit: int, kind: _Kind[T]) -> None:
        self.bit = bit
        self.kind = kind

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, properties: None, owner: type) -> Self: ...
    @overload
    def __get__(self, properties: "Properties", owner: type) -> T | None: ...
    def __get__(self, properties: "Properties | None", owner: type) -> Self | T | None:
        if properties is None:
            return self
        decoded = properties._decoded
        if decoded is None:
            decoded = properties._decoded = {}
        if self.name not in decoded:
            decoded[self.name] = self._read(properties)
        return cast("T | None", decoded[self.name])

    def _read(self, properties: "Properties") -> T | None:
        position = properties._find(self.bit)
        if position is None:
            return None
        return self.kind.type.decode(properties.raw, position, len(properties.raw))[0]


class Properties:
    """The properties in `raw`, each an attribute that is None when absent.

    What an attribute returns is kept and shared: do not change the `headers`.
    """

    __slots__ = ("_decoded", "raw", "special")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.special = False
        """Whether something here is meant for the broker; `check` finds out."""
        self._decoded: dict[str, object] | None = None

    @property
    def is_decoded(self) -> bool:
        """Whether anything was decoded and is kept."""
        return self._decoded is not None

    def forget(self) -> None:
        """Let go of what was decoded: headers take ten times the memory of their bytes and more."""
        self._decoded = None

    # In the order of the wire.
    content_type = _Property(CONTENT_TYPE, _TEXT)
    content_encoding = _Property(CONTENT_ENCODING, _TEXT)
    headers = _Property(HEADERS, _HEADERS)
    delivery_mode = _Property(DELIVERY_MODE, _SMALL)
    priority = _Property(PRIORITY, _SMALL)
    correlation_id = _Property(CORRELATION_ID, _TEXT)
    reply_to = _Property(REPLY_TO, _TEXT)
    expiration = _Property(EXPIRATION, _TEXT)
    message_id = _Property(MESSAGE_ID, _TEXT)
    timestamp = _Property(TIMESTAMP, _SECONDS)
    type = _Property(TYPE, _TEXT)
    user_id = _Property(USER_ID, _TEXT)
    app_id = _Property(APP_ID, _TEXT)
    cluster_id = _Property(CLUSTER_ID, _TEXT)

    @property
    def flags(self) -> int:
        """The first word of flags: `flags & HEADERS` says whether there are any headers."""
        require(0, 2, len(self.raw))
        return self.raw[0] << 8 | self.raw[1]

    @property
    def persistent(self) -> bool:
        """Whether the delivery mode is 2.

        Asked for every message published to a durable queue, hence the walk written out instead
        of `delivery_mode == PERSISTENT`; a test holds the two equal.
        """
        raw = self.raw
        try:
            flags = raw[0] << 8 | raw[1]
            if not flags & DELIVERY_MODE:
                return False
            position = self._list_start() if flags & _CONTINUATION else 2
            if flags & CONTENT_TYPE:
                position += 1 + raw[position]
            if flags & CONTENT_ENCODING:
                position += 1 + raw[position]
            if flags & HEADERS:
                position += 4 + int.from_bytes(raw[position : position + 4], "big")
            return raw[position] == PERSISTENT
        except IndexError:
            raise FrameError("the property list ends before the delivery mode") from None

    def check(self) -> None:
        """Look at everything once, when the properties come in from a client.

        Raises: FrameError if anything in `raw` is wrong.
        """
        fields = self.fields(items_max=TABLE_ITEMS_MAX)
        headers = fields.get("headers") or {}
        self.special = bool(
            fields.keys() & FOR_THE_BROKER
            or headers.keys() & HEADERS_FOR_THE_BROKER
            or fields.get("reply_to") == DIRECT_REPLY_TO
        )

    def fields(self, items_max: int = UNLIMITED) -> PropertyFields:
        """Return all the properties present, or raise FrameError if anything in `raw` is wrong.

        `items_max` is how many items the headers may have.
        """
        decoded: dict[str, object] = {}
        for name, (start, end) in self._spans().items():
            if name == "headers":
                decoded[name] = decode_headers(self.raw, start, end, items_max)[0]
            else:
                decoded[name] = _BY_NAME[name].kind.type.decode(self.raw, start, end)[0]
        return cast(PropertyFields, decoded)

    def replace(self, **changes: Unpack[PropertyFields]) -> "Properties":
        """Return a copy with `changes`, of which None removes a property.

        All else is taken over byte for byte: the headers of a client are never written anew.
        """
        pieces: dict[str, bytes | None] = {
            name: self.raw[start:end] for name, (start, end) in self._spans().items()
        }
        return Properties(_assemble(pieces | _encode(changes)))

    def edit_headers(self, changes: Mapping[str, object]) -> "Properties":
        """Return a copy with some headers set, or removed if the change is None.

        All other headers, and all else, are taken over byte for byte.
        """
        pieces: dict[str, bytes | None] = {
            name: self.raw[start:end] for name, (start, end) in self._spans().items()
        }
        headers = pieces.get("headers")
        if headers is not None:
            pieces["headers"] = edit_table(headers, changes)
        elif added := {name: value for name, value in changes.items() if value is not None}:
            pieces["headers"] = encode_table(added)
        return Properties(_assemble(pieces))

    def _find(self, bit: int) -> int | None:
        """Return where the value of the property stands, None if it is absent."""
        flags = self.flags
        if not flags & bit:
            return None
        position = self._list_start()
        for earlier in _LAYOUT:
            if earlier.bit == bit:
                break
            if flags & earlier.bit:
                position = earlier.kind.skip(self.raw, position, len(self.raw))
        return position

    def _spans(self) -> dict[str, tuple[int, int]]:
        """Return where each property present begins and ends, having passed by all of them."""
        flags = self.flags
        if flags & _UNKNOWN:
            raise FrameError("a property flag without a property: bit 1")
        position = self._list_start()
        spans = {}
        for present in _LAYOUT:
            if flags & present.bit:
                start = position
                position = present.kind.skip(self.raw, start, len(self.raw))
                spans[present.name] = start, position
        if position != len(self.raw):
            raise FrameError(f"{len(self.raw) - position} bytes after the last property")
        return spans

    def _list_start(self) -> int:
        """Pass by the words of flags. No property of ours is in any word but the first."""
        position = 2
        more = self.flags & _CONTINUATION
        while more:
            word, position = SHORT.decode(self.raw, position, len(self.raw))
            if word & ~_CONTINUATION:
                raise FrameError(f"property flags without a property: {word:#06x}")
            more = word & _CONTINUATION
        return position


_LAYOUT: tuple[_Property[Any], ...] = tuple(
    attribute for attribute in vars(Properties).values() if isinstance(attribute, _Property)
)
_BY_NAME = {described.name: described for described in _LAYOUT}


def encode_properties(**fields: Unpack[PropertyFields]) -> bytes:
    """Return flags and property list for a message of the broker's own making."""
    return _assemble(_encode(fields))


def _encode(fields: PropertyFields) -> dict[str, bytes | None]:
    return {
        name: None if value is None else _BY_NAME[name].kind.type.encode(value)
        for name, value in fields.items()
    }


def _assemble(pieces: Mapping[str, bytes | None]) -> bytes:
    """Put the encoded properties in order, behind the flags that announce them."""
    flags = 0
    values = []
    for described in _LAYOUT:
        piece = pieces.get(described.name)
        if piece is not None:
            flags |= described.bit
            values.append(piece)
    return flags.to_bytes(2, "big") + b"".join(values)
