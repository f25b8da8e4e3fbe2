"""The ledger: what the broker writes down so that it survives, and how it is read back.

The store below knows records of a kind and a payload; the meaning of the kinds is here and
nowhere else. All numbers are big-endian.

    kind  record             payload
    1     EXCHANGE_DECLARED  table: vhost, name, type, auto_delete, internal, arguments
    2     EXCHANGE_DELETED   table: as EXCHANGE_DECLARED
    3     QUEUE_DECLARED     table: vhost, name, number, auto_delete, arguments
    4     QUEUE_DELETED      table: as QUEUE_DECLARED
    5     BOUND              table: vhost, source, destination, to_queue, key, binding (arguments)
    6     UNBOUND            table: as BOUND
    7     USER_SET           table: name, password_hash, tags, limits (table)
    8     USER_DELETED       table: as USER_SET
    9     VHOST_SET          table: name, limits (table)
    10    VHOST_DELETED      table: as VHOST_SET
    11    PERMISSION_SET     table: user, vhost, configure, write, read
    12    PERMISSION_CLEARED table: as PERMISSION_SET
    13    TOPIC_PERMISSION_SET      table: user, vhost, exchange, write, read
    14    TOPIC_PERMISSION_CLEARED  table: as TOPIC_PERMISSION_SET
    16    MESSAGE            u64 time of publication in ms, u8 1 if it may expire else 0,
                             u16 n, n x u32 queue number, u8 length and exchange,
                             u8 length and routing key, content
    17    SETTLED            u32 queue number, then u64 positions of messages settled there

"table" is an AMQP field table, so that arguments keep their types. Behind each of them stands the
u64 position of the record that this one replaces or ends, 0 if there is none; early versions wrote
no position. A queue is named by its
number in the frequent records; numbers are never used again. A message is written once, with
all the queues it went to, and is dead when each of them has settled it: the ledger tells the
store how many holders a record has and lets go of one at a time.

Settlements of one pass are collected and written as one record a queue when the pass ends.
"""

from __future__ import annotations

import logging
import struct
import sys
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Protocol

from warrener.exchange.message import Envelope, Message, Properties

if TYPE_CHECKING:
    from warrener.exchange.queue import Queue


logger = logging.getLogger("warrener.ledger")


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


_TOPOLOGY = range(Kind.EXCHANGE_DECLARED, Kind.TOPIC_PERMISSION_CLEARED + 1)


class Run(Protocol):
    """Records in a row, of one kind, that begin alike, as the store hands them back."""

    @property
    def kind(self) -> int: ...
    @property
    def positions(self) -> Sequence[int]: ...
    @property
    def head(self) -> bytes: ...
    @property
    def sizes(self) -> Sequence[int]: ...


class Store(Protocol):
    """What the ledger asks of a store; `warrener.storage.store` documents it."""

    @property
    def end(self) -> int: ...
    @property
    def durable(self) -> int: ...
    @property
    def failed(self) -> bool: ...
    @property
    def segments(self) -> int: ...
    def append(self, kind: int, head: bytes, body: bytes = b"", holders: int = 0) -> int: ...
    def append_run(
        self, kind: int, head: bytes, bodies: Sequence[bytes], holders: int = 0
    ) -> int: ...
    def read_available(
        self, positions: Sequence[int], limit: int | None = None
    ) -> list[bytes | None]: ...
    def release(self, position: int, count: int = 1) -> None: ...
    def release_all(self, positions: Sequence[int]) -> None: ...
    def hold(self, position: int, holders: int) -> None: ...
    def hold_all(self, positions: Sequence[int]) -> None: ...
    def commit(self) -> None: ...
    def trim(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Codec:
    """What the core needs of the wire's encoding, handed in so that it need not know the wire."""

    encode_table: Callable[[Mapping[str, Any]], bytes]
    decode_table: Callable[[bytes], dict[str, Any]]
    decode_content: Callable[[bytes, Properties | None], tuple[Properties, int]]
    """From content as it travels to its properties and the channel it is framed for; if they are
    the same as those of the content before, these themselves."""
    rewrite: Callable[[Message, Envelope, Mapping[str, Any]], Message]
    """A copy of a message in another envelope, with some properties changed."""
    fits: Callable[[Message], bool]
    """Whether a message that has grown by `rewrite` can still be read, and sent to a client."""
    timestamp: Callable[[int], Any]
    """A time in ms since 1970 as a value of a table."""


_STAMP = struct.Struct(">QB")
_COUNT = struct.Struct(">H")
_NUMBER = struct.Struct(">I")
_POSITION = struct.Struct(">Q")
_QUEUES_AT = _STAMP.size + _COUNT.size
SETTLED_MAX = 65536
"""Positions in one SETTLED record, so that a purge of millions does not make one huge record."""


class Ledger:
    """Writes the broker's records to a store and reads messages back."""

    __slots__ = ("_envelopes", "_settled", "_stamp", "_store", "codec", "now_ms")

    def __init__(self, store: Store, codec: Codec) -> None:
        self._store = store
        self.codec = codec
        self._settled: list[Queue] = []
        self._envelopes: dict[tuple[str, str], Envelope] = {}
        self.now_ms = 0
        self._stamp = _STAMP.pack(0, False)

    @property
    def end(self) -> int:
        return self._store.end

    @property
    def durable(self) -> int:
        return self._store.durable

    def set_time(self, now_ms: int) -> None:
        """Say what time it is, in milliseconds since 1970: what messages are stamped with."""
        self.now_ms = now_ms
        self._stamp = _STAMP.pack(now_ms, False)

    # Messages

    def write_messages(
        self, messages: Sequence[Message], head: bytes, holders: int, expiring: bool = False
    ) -> None:
        """Append a run of messages that go to the same queues; sets their positions.

        `expiring` says that some of them may have an expiration.
        """
        head = (_STAMP.pack(self.now_ms, True) if expiring else self._stamp) + head
        if len({id(message.properties) for message in messages}) != 1:
            messages = _persistent(messages)
        elif not messages[0].properties.persistent:
            # Most runs share their properties, and asking costs a walk over them (bench S9).
            return
        contents = [message.content for message in messages]
        first_position = self._store.append_run(Kind.MESSAGE, head, contents, holders)
        for position, message in enumerate(messages, first_position):
            message.position = position

    def settle(self, queue: Queue, position: int) -> None:
        """A queue is done with the message at `position`."""
        if not queue.settled:
            self._settled.append(queue)
        queue.settled.append(position)

    def forget(self, position: int) -> None:
        """A queue that is itself gone lets go of a message."""
        if position:
            self._store.release(position)

    def load(self, positions: Sequence[int]) -> list[Message]:
        """Read messages back; one that the store cannot read is left out, and logged."""
        return self.load_some(positions, None)[0]

    def load_some(self, positions: Sequence[int], limit: int | None) -> tuple[list[Message], int]:
        """Read messages back until they come to `limit` bytes; for how many of the positions.

        One that the store cannot read is left out, and logged.
        """
        payloads = self._store.read_available(positions, limit)
        reader = _Reader(self)
        messages = []
        for position, payload in zip(positions, payloads, strict=False):
            if payload is None:
                logger.error("message at position %d is damaged and left out", position)
            else:
                messages.append(reader.message(position, payload))
        return messages, len(payloads)

    def load_with_times(self, positions: Sequence[int]) -> list[tuple[Message, int]]:
        """Read messages back, with the times of their publication in ms since 1970."""
        reader = _Reader(self)
        found = []
        payloads = self._store.read_available(positions)
        for position, payload in zip(positions, payloads, strict=True):
            if payload is None:
                logger.error("message at position %d is damaged and left out", position)
            else:
                time, _ = _STAMP.unpack_from(payload)
                found.append((reader.message(position, payload), time))
        return found

    def commit(self) -> None:
        """End a pass: write what was settled in it, and have the store make it all last.

        After the store has failed nothing is written any more: the broker is about to end.
        """
        try:
            if self._settled:
                queues, self._settled = self._settled, []
                for queue in queues:
                    self._write_settled(queue)
            self._store.commit()
        except Exception:
            if not self._store.failed:
                raise

    @property
    def failed(self) -> bool:
        """Whether the store has failed: what is not on disk now will not be."""
        return self._store.failed

    def _write_settled(self, queue: Queue) -> None:
        positions, queue.settled = queue.settled, []
        head = _NUMBER.pack(queue.number)
        for start in range(0, len(positions), SETTLED_MAX):
            part = positions[start : start + SETTLED_MAX]
            self._store.release_all(part)
            if not queue.deleted:
                self._store.append(Kind.SETTLED, head, _pack_positions(part))

    def envelope(self, exchange: str, routing_key: str) -> Envelope:
        """The envelope that messages with this exchange and routing key share."""
        key = (exchange, routing_key)
        envelope = self._envelopes.get(key)
        if envelope is None:
            if len(self._envelopes) >= 1024:
                self._envelopes.clear()
            envelope = self._envelopes[key] = Envelope(exchange, routing_key)
        return envelope

    def with_headers(self, message: Message, headers: Mapping[str, Any]) -> Message:
        """A copy of a stored message with some headers set, which lasts only in memory.

        A message whose headers have no room for more stays as it is.
        """
        changed = {**(message.properties.headers or {}), **headers}
        copy = self.codec.rewrite(message, message.envelope, {"headers": changed})
        copy.position = message.position
        return copy if self.codec.fits(copy) else message

    # Topology

    def write(self, kind: Kind, fields: Mapping[str, Any], replaced: int = 0) -> int:
        """Append a record of topology that is alive until its position is forgotten.

        It counts in place of the one at position `replaced`, if there is one.
        """
        table = self.codec.encode_table(fields)
        return self._store.append(kind, table, _POSITION.pack(replaced), 1)

    def write_end(self, kind: Kind, fields: Mapping[str, Any], ended: int) -> None:
        """Append a record that ends what the record at position `ended` began."""
        self._store.append(kind, self.codec.encode_table(fields), _POSITION.pack(ended))
        self.forget(ended)

    def read_topology(self, payload: bytes) -> dict[str, Any]:
        return self.codec.decode_table(payload)

    @property
    def segments(self) -> int:
        return self._store.segments

    def trim(self) -> None:
        """Have the store give back what it can."""
        self._store.trim()

    def hold(self, position: int, holders: int = 1) -> None:
        """After a restart: say that the record at `position` is still needed."""
        self._store.hold(position, holders)

    def hold_all(self, positions: Sequence[int]) -> None:
        """The same of many records, by their positions in ascending order, once each."""
        self._store.hold_all(positions)


class _Reader:
    """Makes messages of records; neighbours mostly begin alike, and are then not taken apart."""

    __slots__ = ("_envelope", "_head", "_ledger", "_properties")

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._head = b""
        self._envelope = Envelope("", "")
        self._properties: Properties | None = None

    def message(self, position: int, payload: bytes) -> Message:
        if self._properties is None or not payload.startswith(self._head):
            self._take_apart(payload)
        content = payload[len(self._head) :]
        self._properties, channel = self._ledger.codec.decode_content(content, self._properties)
        message = Message(self._envelope, self._properties, content, channel)
        message.position = position
        return message

    def _take_apart(self, payload: bytes) -> None:
        self._head = payload[: _head_bytes(payload)]
        at = _names_at(payload)
        exchange, at = _short_string(payload, at)
        routing_key, _ = _short_string(payload, at)
        self._envelope = self._ledger.envelope(exchange, routing_key)


def message_head(numbers: Sequence[int], exchange: str, routing_key: str) -> bytes:
    """What stands between the time and the content of a MESSAGE record."""
    return b"".join(
        (
            _COUNT.pack(len(numbers)),
            *(_NUMBER.pack(number) for number in numbers),
            _pack_short_string(exchange),
            _pack_short_string(routing_key),
        )
    )


def message_summary(payload: bytes) -> tuple[tuple[int, ...], int, bool]:
    """Of a MESSAGE record: the numbers of the queues, the size of the content as far as it is
    there, and whether the message may expire."""
    _, expiring = _STAMP.unpack_from(payload)
    count = _COUNT.unpack_from(payload, _STAMP.size)[0]
    numbers = struct.unpack_from(f">{count}I", payload, _QUEUES_AT)
    return numbers, len(payload) - _head_bytes(payload), bool(expiring)


def settled_positions(payload: bytes) -> tuple[int, array[int]]:
    """The queue number and the positions of a SETTLED record."""
    positions = array("Q", payload[_NUMBER.size :])
    if sys.byteorder == "little":
        positions.byteswap()
    return _NUMBER.unpack_from(payload)[0], positions


def head_bytes(kind: int, payload: bytes) -> int | None:
    """How much of a record recovery needs to see; None for all of it."""
    return _head_bytes(payload) if kind == Kind.MESSAGE else None


def refers_to(kind: int, payload: bytes) -> Sequence[int] | None:
    """The records that a record says something about, None for any before it.

    Once they are gone, the record may go, too, unless it is alive. A queue that is deleted ends its
    messages as well, but those of a queue that is not declared are passed over anyway.
    """
    if kind == Kind.MESSAGE:
        return ()
    if kind == Kind.SETTLED:
        return settled_positions(payload)[1]
    if kind not in _TOPOLOGY:
        return None
    table_bytes = _NUMBER.size + _NUMBER.unpack_from(payload)[0]
    if len(payload) != table_bytes + _POSITION.size:
        return None
    position = _POSITION.unpack_from(payload, table_bytes)[0]
    return (position,) if position else ()


def _head_bytes(payload: bytes) -> int:
    at = _names_at(payload)
    at += 1 + payload[at]
    return at + 1 + payload[at]


def _names_at(payload: bytes) -> int:
    """Where in a MESSAGE record the names of exchange and routing key begin."""
    count: int = _COUNT.unpack_from(payload, _STAMP.size)[0]
    return _QUEUES_AT + _NUMBER.size * count


def _persistent(messages: Sequence[Message]) -> list[Message]:
    properties = None
    persistent = False
    found = []
    for message in messages:
        if message.properties is not properties:
            properties = message.properties
            persistent = properties.persistent
        if persistent:
            found.append(message)
    return found


def _pack_positions(positions: Sequence[int]) -> bytes:
    packed = array("Q", positions)
    if sys.byteorder == "little":
        packed.byteswap()
    return packed.tobytes()


def _pack_short_string(text: str) -> bytes:
    encoded = text.encode()
    return bytes([len(encoded)]) + encoded


def _short_string(payload: bytes, at: int) -> tuple[str, int]:
    stop = at + 1 + payload[at]
    return payload[at + 1 : stop].decode(), stop
