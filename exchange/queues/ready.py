"""The messages of a queue that wait for a consumer, in the order in which they leave.

Three places, tried in this order:

    returned   messages given back by a consumer, lowest sequence first
    fresh      messages never handed out, the head of the queue, in memory
    backlog    what was published behind a full window, mostly positions in the store

A message gets its sequence (its place in the queue) when it is taken, by counting: fresh
messages leave strictly in order, so no number has to be kept with each of them. Whatever was
given back was taken before, hence stands before everything fresh, and the sequences put it
back where it was among its peers.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING, NamedTuple

from warrener.exchange.budget import DELIVERED
from warrener.exchange.message import DELIVERY_BYTES, Message
from warrener.exchange.queues.backlog import Backlog, Load

if TYPE_CHECKING:
    from warrener.exchange.budget import Budget
    from warrener.exchange.consumer import Consumer
    from warrener.exchange.durability.records import Return
    from warrener.exchange.queues.consumers import Consumers
    from warrener.exchange.queues.options import QueueOptions

WINDOW_MESSAGES = 4096
WINDOW_BYTES = 4 << 20
"""What is kept in memory at the head of a queue; beyond it messages go to the backlog. Large
enough that a queue whose consumers keep up never leaves memory (bench S1, S3)."""


class Taken(NamedTuple):
    """A run of messages taken from the head, with their sequences."""

    messages: list[Message]
    sequences: Sequence[int]
    redelivered: bool


NOTHING = Taken([], (), False)


class Queued(NamedTuple):
    """A message that waits, or where the store holds it."""

    sequence: int
    entry: Message | int
    redelivered: bool


class Ready:
    """The waiting messages of one queue.

    `load` reads messages back from the store; it is None for a queue that the store does not
    know, all of whose messages stay in memory.
    """

    __slots__ = (
        "_backlog",
        "_fresh",
        "_fresh_bytes",
        "_paged",
        "_restored",
        "_returned",
        "_returned_bytes",
        "next_sequence",
    )

    def __init__(self, load: Load | None, next_sequence: int = 0) -> None:
        self._returned: list[tuple[int, Message]] = []
        self._returned_bytes = 0
        self._fresh: deque[Message] = deque()
        self._fresh_bytes = 0
        self._paged = load is not None
        self._backlog = Backlog(load)
        self.next_sequence = next_sequence
        self._restored = 0

    def __len__(self) -> int:
        return len(self._fresh) + len(self._returned) + self._backlog.count

    @property
    def bytes(self) -> int:
        """Content waiting, wherever it is kept."""
        return self._fresh_bytes + self._returned_bytes + self._backlog.bytes

    @property
    def memory_bytes(self) -> int:
        """Content waiting in memory."""
        return self._fresh_bytes + self._returned_bytes + self._backlog.memory_bytes

    @property
    def messages_in_memory(self) -> int:
        return len(self._fresh) + len(self._returned) + self._backlog.messages_in_memory

    @property
    def head(self) -> Message | int | None:
        """The message that leaves next, or where the store holds it."""
        if self._returned:
            return self._returned[0][1]
        return self._fresh[0] if self._fresh else next(self._backlog.entries(), None)

    def samples(self) -> tuple[Message, ...]:
        """Some messages that wait in memory: the oldest and the newest of the window."""
        fresh = self._fresh
        return (fresh[0], fresh[-1]) if len(fresh) > 1 else tuple(fresh)

    def extend(self, messages: Sequence[Message], size: int) -> None:
        """Add messages of `size` bytes of content in total at the end."""
        if self._paged and (
            self._backlog.count
            or len(self._fresh) >= WINDOW_MESSAGES
            or self._fresh_bytes >= WINDOW_BYTES
        ):
            self._backlog.extend(messages, size)
        else:
            self._fresh.extend(messages)
            self._fresh_bytes += size

    def restore(self, positions: Sequence[int], size: int, returns: Mapping[int, Return]) -> None:
        """Fill the still unused queue with messages that the store kept over a restart.

        Nobody can say which of them had been handed out before the end, so all of them will
        be marked as redelivered: a mark too many misleads no consumer, one too few does.
        """
        assert not returns, "what came back is noted by a selection"
        self._backlog.extend_stored(positions, size)
        self._restored = len(positions)

    def hand_out(self, consumers: Consumers, budget: Budget) -> None:
        """Deal out what waits, in turn, until nothing is left, no consumer takes more or the budget
        is used up."""
        while len(self) and not budget.exhausted:
            takers, share, room = consumers.takers(self)
            if not takers:
                return
            taken = self.take(share * len(takers), room)
            if taken.messages:
                budget.spend(DELIVERED * len(taken.messages))
                consumers.deal(taken, takers)

    def take(self, count: int, room: int) -> Taken:
        """Take up to `count` messages whose deliveries fit `room` bytes, or one that does not.

        The caller has made sure that a message waits. Nothing is taken only if the store can
        no longer read what it was given.
        """
        if self._returned:
            return self._take_returned(count, room)
        if not self._fresh:
            self._refill()
        return self._take_fresh(count, room)

    def take_for(self, consumer: Consumer, budget: Budget) -> Taken | None:
        """Take the message at the head, None if there is none: anybody may have it."""
        return self.take(1, 0) if len(self) else None

    def drain(self) -> Iterator[tuple[int, Message | int, bool]]:
        """Hand everything over, in order: sequence, message or its position, redelivered."""
        for sequence, message in sorted(self._returned):
            yield sequence, message, True
        for entry in (*self._fresh, *self._backlog.entries()):
            yield self.next_sequence, entry, self.next_sequence < self._restored
            self.next_sequence += 1

    def waiting_from(self, sequence: int, most: int) -> list[Queued]:
        """What waits at a sequence and behind it, at most so many, in order. It stays."""
        found = [
            Queued(place, message, True)
            for place, message in sorted(self._returned)
            if place >= sequence
        ]
        first = max(sequence, self.next_sequence)
        skipped = first - self.next_sequence
        in_memory = len(self._fresh)
        entries = chain(
            islice(self._fresh, skipped, None),
            self._backlog.entries(max(0, skipped - in_memory)),
        )
        for place, entry in enumerate(islice(entries, max(0, most - len(found))), first):
            found.append(Queued(place, entry, place < self._restored))
        return found[:most]

    def give_back(self, sequence: int, message: Message) -> None:
        """Put a message that was taken back to its place."""
        heapq.heappush(self._returned, (sequence, message))
        self._returned_bytes += len(message.content)

    def give_up_all(self) -> Iterator[Message | int]:
        """Nothing waits any more; what did is handed over, and let go of as that is done."""
        returned, fresh, backlog = self._returned, self._fresh, self._backlog.give_up_all()
        self._returned, self._fresh = [], deque()
        self._returned_bytes = self._fresh_bytes = self._restored = 0
        return _emptied(returned, fresh, backlog)

    # What a plain order has nothing of: a queue asks it as it asks a `Selection`

    outlived = False
    remembers = False
    unfinished = False
    delayed = 0
    next_deadline: int | None = None
    next_due: int | None = None

    def join(self, consumer: Consumer) -> None:
        """One without a filter, for whom nothing is kept."""

    def leave(self, consumer: Consumer) -> None:
        """One of whom nothing was kept."""

    def go_by(self, options: QueueOptions) -> None:
        """None of them matters for a plain order."""

    def examine(self) -> bool:
        """Nothing is looked at before it leaves."""
        return False

    def settled(self, sequences: Iterable[int]) -> None:
        """Nothing was remembered of what was taken."""

    def admit(self, now: int, most: int) -> int:
        """Nothing was held back."""
        return 0

    def expire(self, now: int, most: int, budget: Budget) -> Taken:
        """No message has a deadline."""
        return NOTHING

    def _take_returned(self, count: int, room: int) -> Taken:
        messages: list[Message] = []
        sequences: list[int] = []
        while self._returned and count > 0 and (room > 0 or not messages):
            sequence, message = heapq.heappop(self._returned)
            messages.append(message)
            sequences.append(sequence)
            count -= 1
            room -= len(message.content) + DELIVERY_BYTES
            self._returned_bytes -= len(message.content)
        return Taken(messages, sequences, True)

    def _take_fresh(self, count: int, room: int) -> Taken:
        fresh = self._fresh
        first = self.next_sequence
        restored = first < self._restored
        if restored:
            count = min(count, self._restored - first)
        waiting = len(fresh)
        if not waiting:
            return Taken([], (), restored)
        if waiting <= count and self._fresh_bytes + waiting * DELIVERY_BYTES <= room:
            # The common case, consumers keep up: all of it at once (bench S1).
            messages = list(fresh)
            fresh.clear()
            self._fresh_bytes = 0
        else:
            # As many as should fit if they are all alike, then back with what does not.
            fitting = room // (self._fresh_bytes // waiting + DELIVERY_BYTES) + 1
            messages = [fresh.popleft() for _ in range(min(count, waiting, fitting))]
            size = sum([len(message.content) for message in messages])
            while size + len(messages) * DELIVERY_BYTES > room and len(messages) > 1:
                fresh.appendleft(messages.pop())
                size -= len(fresh[0].content)
            self._fresh_bytes -= size
        self.next_sequence = first + len(messages)
        return Taken(messages, range(first, self.next_sequence), restored)

    def _refill(self) -> None:
        while not self._fresh and self._backlog.count:
            messages, size = self._backlog.take_chunk()
            self._fresh.extend(messages)
            self._fresh_bytes += size


def _emptied(
    returned: list[tuple[int, Message]], fresh: deque[Message], backlog: Iterator[Message | int]
) -> Iterator[Message | int]:
    while returned:
        yield returned.pop()[1]
    while fresh:
        yield fresh.popleft()
    yield from backlog
