"""Deferral: what a client sends has to wait, but for what costs nothing.

While memory or disk is short no publish is taken in, and while a client has too much unread output,
nothing that would add to it. But heartbeats say that it is alive, and acknowledgements make room,
so the connection is still read, in small pieces. Frames that have to wait are kept here, at most
DEFERRED_BYTES_MAX and one read more; then nothing is read until they may go on.

The order of each channel is kept: after a frame that waits, all frames of its channel wait.

What is more work than the budget of a pass allows waits as well, in the reader and in `runs`, until
the next pass of this client. Meanwhile nothing is read from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from warrener.exchange import budget
from warrener.exchange.server.runs import Runs
from warrener.protocol.codec import Method
from warrener.protocol.frames import (
    FRAME_HEAD_BYTES,
    FRAME_OVERHEAD_BYTES,
    HEARTBEAT,
    METHOD,
    unpack_frame_head,
)
from warrener.protocol.methods import (
    BasicAck,
    BasicCancel,
    BasicCancelOk,
    BasicNack,
    BasicPublish,
    BasicReject,
    ChannelClose,
    ChannelCloseOk,
    ConnectionClose,
    ConnectionCloseOk,
)

if TYPE_CHECKING:
    from warrener.exchange.message import Message
    from warrener.exchange.server.connection import Connection
    from warrener.exchange.server.publication import Publication
    from warrener.protocol.reader import Reader

DEFERRED_BYTES_MAX = 64 * 1024
"""Bytes that may wait for one connection."""
DEFERRED_READ_BYTES = 16 * 1024
"""Read at once from a connection of which something may have to wait."""


def _number(method: type[Method]) -> bytes:
    return method.class_id.to_bytes(2, "big") + method.method_id.to_bytes(2, "big")


_PUBLISH = _number(BasicPublish)
_CLOSE = _number(ConnectionClose)
_FREE = frozenset(
    _number(method)
    for method in (
        BasicAck,
        BasicCancel,
        BasicCancelOk,
        BasicNack,
        BasicReject,
        ChannelClose,
        ChannelCloseOk,
        ConnectionCloseOk,
    )
)
"""Methods that need no memory and are answered briefly or not at all."""


class Deferral:
    """What waits of one connection, and whether anything has to."""

    __slots__ = (
        "_channels",
        "_connection",
        "_ended",
        "_frames",
        "_reader",
        "_rest",
        "_unread_max",
        "blocked",
        "budget",
        "runs",
        "size",
    )

    def __init__(self, connection: Connection, reader: Reader) -> None:
        self._connection = connection
        self._reader = reader
        config = connection.config
        self._unread_max = max(config.unread_output_max_bytes, 2 * config.output_mark_bytes)
        self.budget = connection.broker.budget
        self.runs = Runs(self.budget)
        """Publishes that go on in the next pass."""
        self.blocked = False
        """Whether memory or disk is short: publishes have to wait."""
        self._ended = False
        self._begin()

    def _begin(self) -> None:
        self._frames: list[bytes] = []
        self._channels: set[int] = set()
        """Those of the frames."""
        self._rest = b""
        """A frame that is not complete."""
        self.size = 0
        """Bytes that wait here."""

    @property
    def needed(self) -> bool:
        """Whether publishes, or all that costs something, have to wait."""
        return (self.blocked or self.has_unread_output) and not self._ended

    @property
    def has_unread_output(self) -> bool:
        """Whether the client has more unread output than it may; half of that, once it has."""
        most = self._unread_max // 2 if self.holds else self._unread_max
        return self._connection.output.size > most

    @property
    def holds(self) -> bool:
        """Whether something waits, here or in the reader."""
        return self.size > 0 or self._reader.paused

    @property
    def held_bytes(self) -> int:
        """What has come and is not complete, or has to wait."""
        return self.size + self._reader.held_bytes

    @property
    def active(self) -> bool:
        """Whether something waits or would have to."""
        return self.needed or self.holds

    @property
    def stalled(self) -> bool:
        """Whether what waits only waits for the next pass of this client."""
        return self.holds and not self.needed

    @property
    def full(self) -> bool:
        """Whether so much waits that nothing more should be read for now."""
        return self.size >= DEFERRED_BYTES_MAX

    def end(self) -> None:
        """The connection is being closed: what waited is not wanted, and nothing has to wait.

        A frame that has begun to come is kept: the answer to the close is behind it.
        """
        self._ended = True
        self.runs.clear()
        self._frames, self._channels = [], set()
        self.size = len(self._rest)

    def pause(self) -> None:
        """A method has been handled: have the reader stop if that, or its answer, was too much."""
        self.budget.spend(budget.METHOD)
        if self.budget.left <= 0 or (not self.size and self.has_unread_output):
            self._reader.paused = True

    def pause_if_exhausted(self) -> None:
        """Publishes or acknowledgements have been handled: have the reader stop if it was much."""
        if self.budget.left <= 0:
            self._reader.paused = True

    def publish(self, publication: Publication, messages: Sequence[Message]) -> None:
        """Publish messages that may be much work."""
        self.runs.publish(publication, messages)
        if self.runs:
            self._reader.paused = True

    def sort(self, data: bytes) -> bytes:
        """Take in what was read; returns what may go on, perhaps with what has waited until now.

        Bytes that are no frames are returned: the reader has the words for that.
        """
        if not self.size:
            self._rest = self._reader.take_back()
        needed, strict = self.needed, self.has_unread_output
        self._reader.paused = False
        if self.runs and not self._has_published(data):
            return b""
        data = self._rest + data
        if needed:
            return self._pass_free(data, strict)
        released = b"".join([*self._frames, data])
        self._begin()
        return released

    def _has_published(self, data: bytes) -> bool:
        """Go on with what was published first; returns whether `data` may follow now."""
        self.runs.go_on()
        if not self.runs:
            return True
        self._reader.paused = True
        if self.size:
            self._rest += data
            self.size += len(data)
        else:
            self._reader.give_back(self._rest + data)
        return False

    def _pass_free(self, data: bytes, strict: bool) -> bytes:
        """The frames that need not wait; the others are kept.

        These are publishes and their contents; if `strict`, all methods that are not free.
        """
        passed: list[bytes] = []
        position = 0
        while len(data) - position >= FRAME_HEAD_BYTES:
            kind, channel, length = unpack_frame_head(data, position)
            if length > self._reader.frame_max or not METHOD <= kind <= HEARTBEAT:
                passed.append(data[position:])
                position = len(data)
                break
            stop = position + FRAME_OVERHEAD_BYTES + length
            if stop > len(data):
                break
            frame = data[position:stop]
            if self._waits(kind, channel, frame[FRAME_HEAD_BYTES : FRAME_HEAD_BYTES + 4], strict):
                self._frames.append(frame)
                self._channels.add(channel)
            else:
                passed.append(frame)
            position = stop
        self._rest = data[position:]
        self.size = sum(map(len, self._frames)) + len(self._rest)
        return b"".join(passed)

    def _waits(self, kind: int, channel: int, number: bytes, strict: bool) -> bool:
        if kind == HEARTBEAT:
            return False
        if kind != METHOD or channel in self._channels:
            return True
        if number == _CLOSE:
            # What was said before it still counts.
            return bool(self._frames)
        if channel == 0:
            return False
        return number not in _FREE if strict else number == _PUBLISH
