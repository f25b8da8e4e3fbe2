"""The ledger: what the broker writes down so that it survives, and how it is read back.

The store below knows records of a kind and a payload; what they say is in `records.py`. A message
is written once, with all the queues it went to, and is dead when each of them has settled it: the
ledger tells the store how many holders a record has and lets go of one at a time.

Settlements of one pass are collected and written as one record a queue when the pass ends, and so
are returns, in front of them. Of several returns of one message the last counts.

After the store has failed nothing is written any more, and nobody is troubled with that: what is
left of the broker's life, until its clients have been told, goes on in memory.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from warrener.exchange.durability.records import (
    NUMBER,
    POSITION,
    RETURN,
    SEEN_HEAD,
    SEEN_KEY,
    STAMP,
    Kind,
    Mark,
    Return,
    Seen,
    message_head_bytes,
    message_marks,
    names_at,
    pack_positions,
    short_string,
)
from warrener.exchange.failures import Failures, Owner
from warrener.exchange.message import Envelope, Message, Properties, carbon_copies

if TYPE_CHECKING:
    from warrener.exchange.queues.queue import Queue
    from warrener.exchange.window import Window


logger = logging.getLogger("warrener.ledger")


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
    def full(self) -> bool: ...
    @property
    def segments(self) -> int: ...
    def free_bytes(self) -> int: ...
    def restock(self) -> None: ...
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


class Rewrite(Protocol):
    """A copy of a message in another envelope, with some properties and some headers changed.

    What is changed to None is removed; what is not named is copied byte for byte.
    """

    def __call__(
        self,
        message: Message,
        envelope: Envelope,
        changes: Mapping[str, Any] = ...,
        headers: Mapping[str, Any] = ...,
    ) -> Message: ...


@dataclass(frozen=True, slots=True)
class Codec:
    """What the core needs of the wire's encoding, handed in so that it need not know the wire."""

    encode_table: Callable[[Mapping[str, Any]], bytes]
    decode_table: Callable[[bytes], dict[str, Any]]
    decode_content: Callable[[bytes, Properties | None], tuple[Properties, int]]
    """From content as it travels to its properties and the channel it is framed for; if they are
    the same as those of the content before, these themselves."""
    rewrite: Rewrite
    liken: Callable[[Message, Message], Message]
    """A copy of a message with the envelope and the properties of another."""
    properties_bytes: Callable[[Message], int]
    """The size of the properties of a message, as they travel."""
    timestamp: Callable[[int], Any]
    """A time in ms since 1970 as a value of a table."""
    int64: Callable[[int], Any]
    """A number as a value of a table that has 64 bits however small it is."""


HIDDEN = "BCC"
"""The header in which routing keys that no consumer is told are written down with a message."""
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
        "committed",
        "failures",
        "full",
        "now_ms",
    )

    def __init__(self, store: Store, codec: Codec, failures: Failures | None = None) -> None:
        self._store = store
        self.failures = Failures() if failures is None else failures
        self.committed = 0
        """Where the last commit ended."""
        self.codec = codec
        self._settled: list[Queue] = []
        self._windows: list[Window] = []
        self._returned: dict[Queue, list[Return]] = {}
        self._envelopes: dict[tuple[str, str, bool], Envelope] = {}
        self.now_ms = 0
        self.full = False
        """Whether no message is to be written, for lack of space; see `Broker.watch_disk`."""
        self._stamp = STAMP.pack(0, False)

    @property
    def end(self) -> int:
        return self._store.end

    @property
    def durable(self) -> int:
        return self._store.durable

    def set_time(self, now_ms: int) -> None:
        """Say what time it is, in milliseconds since 1970: what messages are stamped with."""
        self.now_ms = now_ms
        self._stamp = STAMP.pack(now_ms, False)

    # Messages

    def write_messages(
        self, messages: Sequence[Message], head: bytes, holders: int, expiring: bool = False
    ) -> None:
        """Append a run of messages that go to the same queues; sets their positions.

        `expiring` says that some of them may have an expiration.
        """
        head = (STAMP.pack(self.now_ms, True) if expiring else self._stamp) + head
        if len({id(message.properties) for message in messages}) != 1:
            messages = _persistent(messages)
        elif not messages[0].properties.persistent:
            # Most runs share their properties, and asking costs a walk over them (bench S9).
            return
        if not messages:
            return
        contents = [message.content for message in messages]
        if messages[0].envelope.marked:
            head, contents = self._marked(messages, head)
        try:
            first_position = self._store.append_run(Kind.MESSAGE, head, contents, holders)
        except Exception:
            if not self._store.failed:
                raise
            return
        for position, message in enumerate(messages, first_position):
            message.position = position

    def _marked(self, messages: Sequence[Message], head: bytes) -> tuple[bytes, list[bytes]]:
        """Head and contents of messages about whose publication there is more to write down."""
        place = messages[0].envelope
        time, marks = STAMP.unpack_from(head)
        contents = [message.content for message in messages]
        if place.republished:
            marks |= Mark.REPUBLISHED
        if place.hidden_keys:
            marks |= Mark.HIDDEN_KEYS
            added = {HIDDEN: list(place.hidden_keys)}
            contents = [
                self.codec.rewrite(message, place, headers=added).content for message in messages
            ]
        return STAMP.pack(time, marks) + head[STAMP.size :], contents

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
        return self.load_some(positions, None)[0]

    def load_some(self, positions: Sequence[int], limit: int | None) -> tuple[list[Message], int]:
        """Read messages back until they come to `limit` bytes; for how many of the positions.

        One that the store cannot read is left out, and logged.
        """
        payloads = self._store.read_available(positions, limit)
        reader = _Reader(self)
        intact = _intact(positions, payloads)
        return [reader.message(position, payload) for position, payload in intact], len(payloads)

    def load_with_times(self, positions: Sequence[int]) -> list[tuple[Message, int]]:
        """Read messages back, with the times of their publication in ms since 1970."""
        reader = _Reader(self)
        intact = _intact(positions, self._store.read_available(positions))
        return [
            (reader.message(position, payload), STAMP.unpack_from(payload)[0])
            for position, payload in intact
        ]

    @property
    def unwritten(self) -> bool:
        """Whether the next commit is going to write more: what was settled, returned or seen."""
        return bool(self._settled or self._returned or self._windows)

    def commit(self) -> None:
        """Write what was settled since the last commit, and have the store make it all last."""
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
        self.committed = self._store.end

    @property
    def failed(self) -> bool:
        """Whether the store has failed: what is not on disk now will not be."""
        return self._store.failed

    def _write_settled(self, queue: Queue) -> None:
        positions, queue.settled = queue.settled, []
        head = NUMBER.pack(queue.number)
        for start in range(0, len(positions), SETTLED_MAX):
            part = positions[start : start + SETTLED_MAX]
            self._store.release_all(part)
            if not queue.deleted:
                self._store.append(Kind.SETTLED, head, pack_positions(part))

    def _write_returned(self, queue: Queue, returns: list[Return]) -> None:
        if queue.deleted:
            return
        head = NUMBER.pack(queue.number)
        for start in range(0, len(returns), SETTLED_MAX):
            part = returns[start : start + SETTLED_MAX]
            self._store.append(Kind.RETURNED, head, b"".join([RETURN.pack(*r) for r in part]))

    def envelope(self, exchange: str, routing_key: str, republished: bool = False) -> Envelope:
        """The envelope that messages with this exchange and routing key share."""
        key = (exchange, routing_key, republished)
        envelope = self._envelopes.get(key)
        if envelope is None:
            if len(self._envelopes) >= 1024:
                self._envelopes.clear()
            envelope = Envelope(exchange, routing_key, republished=republished)
            self._envelopes[key] = envelope
        return envelope

    def with_headers(self, message: Message, headers: Mapping[str, Any]) -> Message:
        """A copy of a stored message with some headers set, which lasts only in memory.

        A message whose headers cannot be written again stays as it is.
        """
        try:
            copy = self.codec.rewrite(message, message.envelope, headers=headers)
        except Exception as error:
            self.failures.note(
                Owner("message of exchange", message.envelope.exchange), error, self.now_ms
            )
            return message
        copy.position = message.position
        return copy

    # What was seen

    def write_at_end(self, window: Window) -> None:
        """Have a window write down, when the pass ends, what was added to it."""
        self._windows.append(window)

    def write_seen(self, number: int, seen: Sequence[Seen], since: int = 0) -> int:
        """Append what was seen; it is alive until its position is forgotten.

        Given `since`, no record with this number before that position counts any more.
        """
        keys = b"".join([SEEN_KEY.pack(key, deadline) for key, deadline in seen])
        return self._append(Kind.SEEN, SEEN_HEAD.pack(number, since), keys, 1)

    # Topology

    def write(self, kind: Kind, fields: Mapping[str, Any], replaced: int = 0) -> int:
        """Append a record of topology that is alive until its position is forgotten.

        It counts in place of the one at position `replaced`, if there is one.
        """
        return self._append(kind, self.codec.encode_table(fields), POSITION.pack(replaced), 1)

    def write_end(self, kind: Kind, fields: Mapping[str, Any], ended: int) -> None:
        """Append a record that ends what the record at position `ended` began."""
        self._append(kind, self.codec.encode_table(fields), POSITION.pack(ended), 0)
        self.forget(ended)

    def _append(self, kind: Kind, head: bytes, body: bytes, holders: int) -> int:
        """The position, 0 if the store has failed."""
        try:
            return self._store.append(kind, head, body, holders)
        except Exception:
            if not self._store.failed:
                raise
            return 0

    def read_topology(self, payload: bytes) -> dict[str, Any]:
        return self.codec.decode_table(payload)

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

    def hold(self, position: int, holders: int = 1) -> None:
        """After a restart: say that the record at `position` is still needed."""
        self._store.hold(position, holders)

    def hold_all(self, positions: Sequence[int]) -> None:
        """The same of many records, by their positions in ascending order, once each."""
        self._store.hold_all(positions)


class _Reader:
    """Makes messages of records; neighbours mostly begin alike, and are then not taken apart."""

    __slots__ = ("_envelope", "_head", "_hides", "_ledger", "_properties")

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._head = b""
        self._hides = False
        self._envelope = Envelope("", "")
        self._properties: Properties | None = None

    def message(self, position: int, payload: bytes) -> Message:
        if self._properties is None or not payload.startswith(self._head):
            self._take_apart(payload)
        content = payload[len(self._head) :]
        self._properties, channel = self._ledger.codec.decode_content(content, self._properties)
        message = Message(self._envelope, self._properties, content, channel)
        if self._hides:
            message = self._hide_keys(message)
        message.position = position
        return message

    def _take_apart(self, payload: bytes) -> None:
        self._head = payload[: message_head_bytes(payload)]
        at = names_at(payload)
        exchange, at = short_string(payload, at)
        routing_key, _ = short_string(payload, at)
        marks = message_marks(payload)
        self._hides = bool(marks & Mark.HIDDEN_KEYS)
        self._envelope = self._ledger.envelope(
            exchange, routing_key, bool(marks & Mark.REPUBLISHED)
        )

    def _hide_keys(self, message: Message) -> Message:
        """The message without the keys that it was written down with."""
        place = message.envelope
        hidden = carbon_copies(message.properties.headers, HIDDEN)
        place = Envelope(place.exchange, place.routing_key, hidden, place.republished)
        return self._ledger.codec.rewrite(message, place, headers={HIDDEN: None})


def _intact(
    positions: Sequence[int], payloads: Iterable[bytes | None]
) -> Iterator[tuple[int, bytes]]:
    """What the store could read, with its position; there may be fewer payloads than positions."""
    for position, payload in zip(positions, payloads, strict=False):
        if payload is None:
            logger.error("message at position %d is damaged and left out", position)
        else:
            yield position, payload


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
