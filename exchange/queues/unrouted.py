"""Dead letters that no queue wants yet, of a queue with the strategy `at-least-once`.

A message that such a queue gives up, because it is rejected, expires or fails too often, stays with
it if the dead-letter exchange is missing or leads nowhere. It is not settled, so after a restart it
is in the queue again. Where dead letters go can change only with the topology, so it is tried again
when that has changed, and once a minute, as filters may read the clock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from warrener.exchange.budget import CALLED

if TYPE_CHECKING:
    from warrener.exchange.message import Message
    from warrener.exchange.queues.host import Host
    from warrener.exchange.queues.queue import Queue

CHECK_MS = 1000
"""How often it is looked whether the topology has changed."""
RETRY_MS = 60_000
"""After how long all are tried again even if it has not."""


class Entry(NamedTuple):
    """A message, or its position in the store, its size, and why it was given up."""

    message: Message | int
    size: int
    reason: str


def bury(queue: Queue, host: Host, messages: Sequence[Message], reason: str) -> Sequence[Message]:
    """Make dead letters of messages that a queue gives up; returns those that wait with it."""
    if not messages or queue.options.dead_letter_exchange is None:
        return ()
    nowhere = host.dead_letter(queue, messages, reason)
    if not nowhere or not queue.options.keeps_dead_letters(reason):
        return ()
    if queue.unrouted is None:
        queue.unrouted = Unrouted(queue, host)
    queue.unrouted.hold(nowhere, reason)
    return nowhere


def unsettle(queue: Queue, messages: Iterable[Message]) -> None:
    """Messages that were settled in this pass could not be passed on: the ledger keeps them."""
    if positions := {message.position for message in messages}:
        queue.settled = [position for position in queue.settled if position not in positions]


class Unrouted:
    """The dead letters of one queue that have nowhere to go."""

    __slots__ = (
        "_entries",
        "_generation",
        "_host",
        "_left",
        "_queue",
        "_tried_ms",
        "bytes",
        "memory_bytes",
        "next_due",
    )

    def __init__(self, queue: Queue, host: Host) -> None:
        self._queue = queue
        self._host = host
        self._entries: deque[Entry] = deque()
        self._generation = host.generation
        self._tried_ms = 0
        self._left = 0
        """How many are still to be tried in this round."""
        self.bytes = 0
        self.memory_bytes = 0
        self.next_due: int | None = None

    def __len__(self) -> int:
        return len(self._entries)

    def hold(self, messages: Sequence[Message], reason: str) -> None:
        """Keep messages that went nowhere just now."""
        for message in messages:
            kept = message.position if self._queue.number and message.position else message
            self._add(Entry(kept, len(message.content), reason))
        if not self._left:
            self._generation, self._tried_ms = self._host.generation, self._queue.ledger.now_ms
        self._schedule(CHECK_MS)

    def give_up_all(self) -> Iterator[Message | int]:
        """Nothing waits any more; what did is handed over, and let go of as that is done."""
        entries, self._entries = self._entries, deque()
        self._left = self.bytes = self.memory_bytes = 0
        return _emptied(entries)

    def due(self, now: int) -> None:
        """Try them again if there may be a way now."""
        if self._queue.deleted or not self._entries:
            return
        changed = self._host.generation != self._generation
        if not self._left and (changed or now >= self._tried_ms + RETRY_MS):
            self._generation, self._tried_ms = self._host.generation, now
            self._left = len(self._entries)
        self._try_some()
        if self._entries:
            self._schedule(1 if self._left else CHECK_MS)

    def suspend(self, error: Exception) -> None:
        """They could not be tried: the queue is put aside."""
        self._queue.suspend(error)

    def _try_some(self) -> None:
        budget = self._queue.budget
        while self._left and not budget.exhausted:
            budget.spend(CALLED)
            self._left -= 1
            entry = self._take()
            message = self._message(entry)
            if message is None:
                continue
            if (
                self._queue.buries
                and self._host.dead_letter(self._queue, [message], entry.reason, again=True)
                and self._queue.options.keeps_dead_letters(entry.reason)
            ):
                self._add(entry)
            else:
                self._queue.forget([message])

    def _message(self, entry: Entry) -> Message | None:
        """The message of an entry; None if the store cannot read it."""
        if not isinstance(entry.message, int):
            return entry.message
        return next(iter(self._queue.ledger.load([entry.message])), None)

    def _add(self, entry: Entry) -> None:
        self._entries.append(entry)
        self.bytes += entry.size
        self.memory_bytes += 0 if isinstance(entry.message, int) else entry.size

    def _take(self) -> Entry:
        entry = self._entries.popleft()
        self.bytes -= entry.size
        self.memory_bytes -= 0 if isinstance(entry.message, int) else entry.size
        return entry

    def _schedule(self, after_ms: int) -> None:
        self._host.deadlines.schedule(self._queue.ledger.now_ms + after_ms, self)


def _emptied(entries: deque[Entry]) -> Iterator[Message | int]:
    while entries:
        yield entries.popleft().message
