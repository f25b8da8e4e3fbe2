"""The ledger: what the broker writes down so that it survives, and how it is read back.

The store below knows records of a kind and a payload; the meaning of the kinds is here and
nowhere else. All numbers are big-endian.

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
    16    MESSAGE            u64 time of publication in ms, u8 1 if it may expire else 0,
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

"table" is an AMQP field table, so that arguments keep their types. A queue is named by its
number in the frequent records; numbers are never used again. A message is written once, with
all the queues it went to, and is dead when each of them has settled it: the ledger tells the
store how many holders a record has and lets go of one at a time.

Settlements of one pass are collected and written as one record a queue when the pass ends, and so
are returns, in front of them. Of several returns of one message the last counts.

After the store has failed nothing is written any more, and nobody is troubled with that: what is
left of the broker's life, until its clients have been told, goes on in memory.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from warrener.exchange.message import Envelope, Message, Properties

if TYPE_CHECKING:
    from warrener.exchange.queue import Queue
    from warrener.exchange.window import Window


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
    POLICY_SET = 18
    POLICY_CLEARED = 19
    SEEN = 20
    RETURNED = 21
    PARAMETER_SET = 30
    PARAMETER_CLEARED = 31


class Return(NamedTuple):
    """What is known of a message that came back to its queue."""

    position: int
    failures: int
    not_before: int


class Record(Protocol):
    """One record as the store hands it back."""

    @property
    def position(self) -> int: ...
    @property
    def kind(self) -> int: ...
    @property
    def payload(self) -> bytes: ...


class Store(Protocol):
    """What the ledger asks of a store; `warrener.storage.store` documents it."""

    @property
    def end(self) -> int: ...
    @property
    def durable(self) -> int: ...
    @property
    def failed(self) -> bool: ...
    @property
    def full(self) -> bool: ...
    @property
    def segments(self) -> int: ...
    def free_bytes(self) -> int: ...
    def restock(self) -> None: ...
    def append(self, kind: int, head: bytes, body: bytes = b"", holders: int = 0) -> int: ...
    def read_available(self, positions: Sequence[int]) -> list[bytes | None]: ...
    def release(self, position: int, count: int = 1) -> None: ...
    def hold(self, position: int, holders: int) -> None: ...
    def commit(self) -> None: ...
    def trim(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Codec:
    """What the core needs of the wire's encoding, handed in so that it need not know the wire."""

    encode_table: Callable[[Mapping[str, Any]], bytes]
    decode_table: Callable[[bytes], dict[str, Any]]
    decode_content: Callable[[bytes], tuple[Properties, int]]
    """From content as it travels to its properties and the channel it is framed for."""
    rewrite: Callable[[Message, Envelope, Mapping[str, Any]], Message]
    """A copy of a message in another envelope, with some properties changed."""
    fits: Callable[[Message], bool]
    """Whether a message that has grown by `rewrite` can still be read, and sent to a client."""
    timestamp: Callable[[int], Any]
    """A time in ms since 1970 as a value of a table."""
    int64: Callable[[int], Any]
    """A number as a value of a table that has 64 bits however small it is."""


_STAMP = struct.Struct(">QB")
_COUNT = struct.Struct(">H")
_NUMBER = struct.Struct(">I")
_SEEN_HEAD = struct.Struct(">IQ")
_SEEN_KEY = struct.Struct(">16sQ")
Seen = tuple[bytes, int]
"""What a message is known by, and until when, in ms since 1970."""
_RETURN = struct.Struct(">QIQ")
_QUEUES_AT = _STAMP.size + _COUNT.size
SETTLED_MAX = 65536
"""Positions in one SETTLED record, so that a purge of millions does not make one huge record; and
messages in one RETURNED record."""


class Ledger:
    """Writes the broker's records to a store and reads messages back."""

    __slots__ = (
        "_envelopes",
        "_returned",
        "_settled",
        "_stamp",
        "_store",
        "_windows",
        "codec",
        "full",
        "now_ms",
    )

    def __init__(self, store: Store, codec: Codec) -> None:
        self._store = store
        self.codec = codec
        self._settled: list[Queue] = []
        self._windows: list[Window] = []
        self._returned: dict[Queue, list[Return]] = {}
        self._envelopes: dict[tuple[str, str], Envelope] = {}
        self.now_ms = 0
        self.full = False
        """Whether no message is to be written, for lack of space; see `Broker.watch_disk`."""
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
        append = self._store.append
        head = (_STAMP.pack(self.now_ms, True) if expiring else self._stamp) + head
        properties = None
        persistent = False
        try:
            for message in messages:
                if message.properties is not properties:
                    # Most runs share theirs, and asking costs a walk over them (bench S9).
                    properties = message.properties
                    persistent = properties.persistent
                if persistent:
                    message.position = append(Kind.MESSAGE, head, message.content, holders)
        except Exception:
            if not self._store.failed:
                raise

    def settle(self, queue: Queue, position: int) -> None:
        """A queue is done with the message at `position`."""
        if not queue.settled:
            self._settled.append(queue)
        queue.settled.append(position)

    def returned(self, queue: Queue, back: Return) -> None:
        """A message has come back to a queue that counts."""
        self._returned.setdefault(queue, []).append(back)

    def forget(self, position: int) -> None:
        """A queue that is itself gone lets go of a message."""
        if position:
            self._store.release(position)

    def load(self, positions: Sequence[int]) -> list[Message]:
        """Read messages back; one that the store cannot read is left out, and logged."""
        return [message for message, _ in self.load_with_times(positions)]

    def load_with_times(self, positions: Sequence[int]) -> list[tuple[Message, int]]:
        """Read messages back, with the times of their publication in ms since 1970."""
        found = []
        payloads = self._store.read_available(positions)
        for position, payload in zip(positions, payloads, strict=True):
            if payload is None:
                logger.error("message at position %d is damaged and left out", position)
            else:
                time, _ = _STAMP.unpack_from(payload)
                found.append((self._message(position, payload), time))
        return found

    def commit(self) -> None:
        """End a pass: write what was settled in it, and have the store make it all last."""
        try:
            if self._returned:
                returned, self._returned = self._returned, {}
                for queue, returns in returned.items():
                    self._write_returned(queue, returns)
            if self._settled:
                queues, self._settled = self._settled, []
                for queue in queues:
                    self._write_settled(queue)
            if self._windows:
                windows, self._windows = self._windows, []
                for window in windows:
                    window.write(self)
            self._store.commit()
        except Exception:
            if not self._store.failed:
                raise

    @property
    def failed(self) -> bool:
        """Whether the store has failed: what is not on disk now will not be."""
        return self._store.failed

    def _write_settled(self, queue: Queue) -> None:
        release = self._store.release
        positions, queue.settled = queue.settled, []
        for position in positions:
            release(position)
        if queue.deleted:
            return
        head = _NUMBER.pack(queue.number)
        for start in range(0, len(positions), SETTLED_MAX):
            part = positions[start : start + SETTLED_MAX]
            self._store.append(Kind.SETTLED, head, struct.pack(f">{len(part)}Q", *part))

    def _write_returned(self, queue: Queue, returns: list[Return]) -> None:
        if queue.deleted:
            return
        head = _NUMBER.pack(queue.number)
        for start in range(0, len(returns), SETTLED_MAX):
            part = returns[start : start + SETTLED_MAX]
            self._store.append(Kind.RETURNED, head, b"".join([_RETURN.pack(*r) for r in part]))

    def _message(self, position: int, payload: bytes) -> Message:
        at = _QUEUES_AT + _NUMBER.size * _COUNT.unpack_from(payload, _STAMP.size)[0]
        exchange, at = _short_string(payload, at)
        routing_key, at = _short_string(payload, at)
        content = payload[at:]
        properties, channel = self.codec.decode_content(content)
        message = Message(self._envelope(exchange, routing_key), properties, content, channel)
        message.position = position
        return message

    def _envelope(self, exchange: str, routing_key: str) -> Envelope:
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

    # What was seen

    def write_at_end(self, window: Window) -> None:
        """Have a window write down, when the pass ends, what was added to it."""
        self._windows.append(window)

    def write_seen(self, number: int, seen: Sequence[Seen], since: int = 0) -> int:
        """Append what was seen; it is alive until its position is forgotten.

        Given `since`, no record with this number before that position counts any more.
        """
        keys = b"".join([_SEEN_KEY.pack(key, deadline) for key, deadline in seen])
        return self._append(Kind.SEEN, _SEEN_HEAD.pack(number, since) + keys, 1)

    # Topology

    def write(self, kind: Kind, fields: Mapping[str, Any]) -> int:
        """Append a record of topology that is alive until its position is forgotten."""
        return self._append(kind, self.codec.encode_table(fields), 1)

    def write_end(self, kind: Kind, fields: Mapping[str, Any], ended: int) -> None:
        """Append a record that ends what the record at position `ended` began."""
        self._append(kind, self.codec.encode_table(fields), 0)
        self.forget(ended)

    def _append(self, kind: Kind, payload: bytes, holders: int) -> int:
        """The position, 0 if the store has failed."""
        try:
            return self._store.append(kind, payload, b"", holders)
        except Exception:
            if not self._store.failed:
                raise
            return 0

    def read_topology(self, record: Record) -> dict[str, Any]:
        return self.codec.decode_table(record.payload)

    @property
    def segments(self) -> int:
        return self._store.segments

    @property
    def out_of_space(self) -> bool:
        """Whether the store has no space left but for small records."""
        return self._store.full

    def free_bytes(self) -> int:
        """What may still be written to the disk."""
        return self._store.free_bytes()

    def restock(self) -> None:
        """There is space again: have the store set some aside."""
        self._store.restock()

    def trim(self) -> None:
        """Have the store give back what it can."""
        self._store.trim()

    def hold(self, position: int, holders: int) -> None:
        """After a restart: say that the record at `position` is still needed."""
        self._store.hold(position, holders)


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
    """Of a MESSAGE record: the numbers of the queues, the size of the content, and whether the
    message may expire."""
    _, expiring = _STAMP.unpack_from(payload)
    count = _COUNT.unpack_from(payload, _STAMP.size)[0]
    at = _QUEUES_AT + _NUMBER.size * count
    at += 1 + payload[at]
    at += 1 + payload[at]
    numbers = struct.unpack_from(f">{count}I", payload, _QUEUES_AT)
    return numbers, len(payload) - at, bool(expiring)


def settled_positions(payload: bytes) -> tuple[int, tuple[int, ...]]:
    """The queue number and the positions of a SETTLED record."""
    count = (len(payload) - _NUMBER.size) // 8
    return _NUMBER.unpack_from(payload)[0], struct.unpack_from(f">{count}Q", payload, _NUMBER.size)


def seen_summary(payload: bytes) -> tuple[int, int]:
    """Of a SEEN record: whose it is, and the position before which none of these counts."""
    number, since = _SEEN_HEAD.unpack_from(payload)
    return number, since


def seen_keys(payload: bytes) -> Iterator[Seen]:
    """What a SEEN record says was seen."""
    return _SEEN_KEY.iter_unpack(memoryview(payload)[_SEEN_HEAD.size :])


def returned_messages(payload: bytes) -> tuple[int, list[Return]]:
    """The queue number and the messages of a RETURNED record."""
    body = memoryview(payload)[_NUMBER.size :]
    return _NUMBER.unpack_from(payload)[0], [
        Return(*fields) for fields in _RETURN.iter_unpack(body)
    ]


def _pack_short_string(text: str) -> bytes:
    encoded = text.encode()
    return bytes([len(encoded)]) + encoded


def _short_string(payload: bytes, at: int) -> tuple[str, int]:
    stop = at + 1 + payload[at]
    return payload[at + 1 : stop].decode(), stop
