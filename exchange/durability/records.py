"""What stands in the records of the store: the one place that knows their bytes.

All numbers are big-endian.

    kind  record             payload
    1     EXCHANGE_DECLARED  table: vhost, name, type, auto_delete, internal, arguments, and
                             number if it remembers what it has seen
    2     EXCHANGE_DELETED   table: as EXCHANGE_DECLARED
    3     QUEUE_DECLARED     table: vhost, name, number, auto_delete, arguments
    4     QUEUE_DELETED      table: as QUEUE_DECLARED
    5     BOUND              table: vhost, source, destination, to_queue, key, binding (arguments)
    6     UNBOUND            table: as BOUND
    7     USER_SET           table: name, password_hash, tags, limits (table)
    8     USER_DELETED       table: as USER_SET
    9     VHOST_SET          table: name, limits (table), description, tags (list), and
                             tracing if it is true
    10    VHOST_DELETED      table: as VHOST_SET
    11    PERMISSION_SET     table: user, vhost, configure, write, read
    12    PERMISSION_CLEARED table: as PERMISSION_SET
    13    TOPIC_PERMISSION_SET      table: user, vhost, exchange, write, read
    14    TOPIC_PERMISSION_CLEARED  table: as TOPIC_PERMISSION_SET
    16    MESSAGE            u64 time of publication in ms, u8 marks (see `Mark`),
                             u16 n, n x u32 queue number, u8 length and exchange,
                             u8 length and routing key, content
    17    SETTLED            u32 queue number, then u64 positions of messages settled there
    18    POLICY_SET         table: vhost, name, operator, pattern, definition (table), priority,
                             apply_to
    19    POLICY_CLEARED     table: as POLICY_SET
    20    SEEN               u32 number of a deduplicating queue or exchange, u64 position before
                             which no record of it counts any more (0 for all do), then for each
                             message seen: 16 bytes digest, u64 time in ms until which it counts
    21    RETURNED           u32 queue number, then for each message that came back there:
                             u64 position, u32 how often it has failed by now,
                             u64 time in ms since 1970 before which it is held back, or 0
    30    PARAMETER_SET      table: name, value
    31    PARAMETER_CLEARED  table: as PARAMETER_SET

"table" is an AMQP field table, so that arguments keep their types. Behind each of them stands the
u64 position of the record that this one replaces or ends, 0 if there is none; early versions wrote
no position. A queue is named by its number in the frequent records; numbers are never used again.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Iterator, Sequence
from enum import IntEnum, IntFlag
from typing import NamedTuple


class Kind(IntEnum):
    """What a record says."""

    EXCHANGE_DECLARED = 1
    EXCHANGE_DELETED = 2
    QUEUE_DECLARED = 3
    QUEUE_DELETED = 4
    BOUND = 5
    UNBOUND = 6
    USER_SET = 7
    USER_DELETED = 8
    VHOST_SET = 9
    VHOST_DELETED = 10
    PERMISSION_SET = 11
    PERMISSION_CLEARED = 12
    TOPIC_PERMISSION_SET = 13
    TOPIC_PERMISSION_CLEARED = 14
    MESSAGE = 16
    SETTLED = 17
    POLICY_SET = 18
    POLICY_CLEARED = 19
    SEEN = 20
    RETURNED = 21
    PARAMETER_SET = 30
    PARAMETER_CLEARED = 31


class Mark(IntFlag):
    """What a MESSAGE record says of its message in one octet.

    Versions that know the first mark only take any other for it, which does no harm.
    """

    MAY_EXPIRE = 1
    REPUBLISHED = 2
    """The broker has published it anew: the deaths in its headers are its own account."""
    HIDDEN_KEYS = 4
    """The header `BCC` of its content holds routing keys that no consumer is told."""


class Return(NamedTuple):
    """What is known of a message that came back to its queue."""

    position: int
    failures: int
    not_before: int


_TOPOLOGY = frozenset(
    (
        *range(Kind.EXCHANGE_DECLARED, Kind.TOPIC_PERMISSION_CLEARED + 1),
        Kind.POLICY_SET,
        Kind.POLICY_CLEARED,
        Kind.PARAMETER_SET,
        Kind.PARAMETER_CLEARED,
    )
)


STAMP = struct.Struct(">QB")
_COUNT = struct.Struct(">H")
HOLDERS_MAX = 0xFFFF
"""Queues that the record of one message can name."""
NUMBER = struct.Struct(">I")
POSITION = struct.Struct(">Q")
SEEN_HEAD = struct.Struct(">IQ")
SEEN_KEY = struct.Struct(">16sQ")
Seen = tuple[bytes, int]
"""What a message is known by, and until when, in ms since 1970."""
RETURN = struct.Struct(">QIQ")
_QUEUES_AT = STAMP.size + _COUNT.size


def message_head(numbers: Sequence[int], exchange: str, routing_key: str) -> bytes:
    """What stands between the time and the content of a MESSAGE record."""
    return b"".join(
        (
            _COUNT.pack(len(numbers)),
            *(NUMBER.pack(number) for number in numbers),
            _pack_short_string(exchange),
            _pack_short_string(routing_key),
        )
    )


def message_summary(payload: bytes) -> tuple[tuple[int, ...], int, bool]:
    """Of a MESSAGE record: the numbers of the queues, the size of the content as far as it is
    there, and whether the message may expire."""
    _, marks = STAMP.unpack_from(payload)
    count = _COUNT.unpack_from(payload, STAMP.size)[0]
    numbers = struct.unpack_from(f">{count}I", payload, _QUEUES_AT)
    return numbers, len(payload) - message_head_bytes(payload), bool(marks & Mark.MAY_EXPIRE)


def settled_positions(payload: bytes) -> tuple[int, array[int]]:
    """The queue number and the positions of a SETTLED record."""
    positions = array("Q", payload[NUMBER.size :])
    if sys.byteorder == "little":
        positions.byteswap()
    return NUMBER.unpack_from(payload)[0], positions


def head_bytes(kind: int, payload: bytes) -> int | None:
    """How much of a record recovery needs to see; None for all of it."""
    return message_head_bytes(payload) if kind == Kind.MESSAGE else None


def refers_to(kind: int, payload: bytes) -> Sequence[int] | None:
    """The records that a record says something about, None for any before it.

    Once they are gone, the record may go, too, unless it is alive. The end of a queue is the end of
    its messages, wherever they are: without it they would look like those of a queue whose
    declaration was damaged.
    """
    if kind == Kind.MESSAGE:
        return ()
    if kind == Kind.SETTLED:
        return settled_positions(payload)[1]
    if kind == Kind.RETURNED:
        return [back.position for back in returned_messages(payload)[1]]
    if kind not in _TOPOLOGY or kind == Kind.QUEUE_DELETED:
        # A SEEN record stands in for others with its number; which these are it does not say.
        return None
    table_bytes = NUMBER.size + NUMBER.unpack_from(payload)[0]
    if len(payload) != table_bytes + POSITION.size:
        return None
    position = POSITION.unpack_from(payload, table_bytes)[0]
    return (position,) if position else ()


def message_head_bytes(payload: bytes) -> int:
    at = names_at(payload)
    at += 1 + payload[at]
    return at + 1 + payload[at]


def message_marks(payload: bytes) -> int:
    """The marks of a MESSAGE record."""
    marks: int = STAMP.unpack_from(payload)[1]
    return marks


def names_at(payload: bytes) -> int:
    """Where in a MESSAGE record the names of exchange and routing key begin."""
    count: int = _COUNT.unpack_from(payload, STAMP.size)[0]
    return _QUEUES_AT + NUMBER.size * count


def pack_positions(positions: Sequence[int]) -> bytes:
    packed = array("Q", positions)
    if sys.byteorder == "little":
        packed.byteswap()
    return packed.tobytes()


def seen_summary(payload: bytes) -> tuple[int, int]:
    """Of a SEEN record: whose it is, and the position before which none of these counts."""
    number, since = SEEN_HEAD.unpack_from(payload)
    return number, since


def seen_keys(payload: bytes) -> Iterator[Seen]:
    """What a SEEN record says was seen."""
    return SEEN_KEY.iter_unpack(memoryview(payload)[SEEN_HEAD.size :])


def returned_messages(payload: bytes) -> tuple[int, list[Return]]:
    """The queue number and the messages of a RETURNED record."""
    body = memoryview(payload)[NUMBER.size :]
    return NUMBER.unpack_from(payload)[0], [Return(*fields) for fields in RETURN.iter_unpack(body)]


def _pack_short_string(text: str) -> bytes:
    # A routing key may be any bytes (`RelayedStr` in protocol/fields.py).
    encoded = text.encode("utf-8", "surrogateescape")
    return bytes([len(encoded)]) + encoded


def short_string(payload: bytes, at: int) -> tuple[str, int]:
    stop = at + 1 + payload[at]
    return payload[at + 1 : stop].decode("utf-8", "surrogateescape"), stop
