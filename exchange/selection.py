"""The waiting messages of a queue that do not simply leave in the order in which they came.

It takes the place of `Ready` in a queue whose consumers have filters, whose messages have
priorities or a time to live, or whose deliveries are counted. Every waiting message is known by
its sequence (in a priority queue, by its priority and then its sequence), and each filter among
the consumers has a *line*: a heap of the sequences that match it. A message is held against the
filters once, when it comes in (an index finds those that match), so a message that nobody wants
costs nothing from then on: it stands in no line, blocks none, and waits for a consumer that
wants it or for a `get`.

A consumer with a new filter finds messages that came before it. They are examined in order and
in slices, a slice a pass, so that a long queue does not hold up the broker; until that is done,
its line gives out only what lies before the place reached.

A message may stand in several lines. Whoever takes it first removes it from `_waiting`; the
sequences left behind in other lines are passed over when they come up.

A filter that reads the clock is asked once, when the message comes in, and not again later.

A message with a deadline stands in a heap of deadlines as well, and leaves at that time from
wherever it is. What must be remembered of a message beyond that, while it waits and while it is
with a consumer, is its `_Note`.

What it costs: a dictionary entry for each waiting message (about 100 bytes), which a queue
without selective consumers does not pay. Content beyond the window stays in the store.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from warrener.exchange.backlog import CHUNK_MESSAGES
from warrener.exchange.filters.filter import Filter
from warrener.exchange.filters.index import FilterIndex
from warrener.exchange.message import Message, Properties
from warrener.exchange.options import QueueOptions
from warrener.exchange.ready import WINDOW_BYTES, Ready, Taken

if TYPE_CHECKING:
    from warrener.exchange.channel import Channel
    from warrener.exchange.consumer import Consumer
    from warrener.exchange.ledger import Ledger

Deadline = Callable[[Properties, int], int | None]
"""From a message's properties and the time it came in to the time it is to leave, if any."""
EXAMINED_MAX = 2000
"""Waiting messages held against a new filter in one pass, a few milliseconds."""
DEALT_MAX = 256
"""Messages a consumer is dealt at once."""
RANK_SHIFT = 48
"""Bits for the sequence below the priority: enough for a million messages a second for years."""
STALE_MIN = 1024
"""Sequences a line may hold of messages that others took, before it is cleaned."""


class Selection:
    """The waiting messages of one queue, to be taken by filter."""

    __slots__ = (
        "_deadline",
        "_deadlines",
        "_everything",
        "_index",
        "_ledger",
        "_lines",
        "_notes",
        "_options",
        "_redelivered",
        "_stored",
        "_waiting",
        "bytes",
        "memory_bytes",
        "messages_in_memory",
        "next_sequence",
    )

    def __init__(
        self,
        ledger: Ledger,
        options: QueueOptions,
        stored: bool,
        deadline: Deadline,
        ready: Ready,
    ) -> None:
        """Take over what waits in `ready`; `stored` says whether the ledger knows the queue."""
        self._deadline = deadline
        self._ledger = ledger
        self._options = options
        self._stored = stored
        self._waiting: dict[int, Message | int] = {}
        """By sequence: the message, or where the store holds it."""
        self._redelivered: set[int] = set()
        self._lines: dict[Filter, _Line] = {}
        self._index: FilterIndex[_Line] = FilterIndex()
        self._notes: dict[int, _Note] = {}
        self._deadlines: list[tuple[int, int]] = []
        """A heap of times, in ms since 1970, with the sequences that expire then."""
        self._everything: _Line | None = None
        """The line of consumers without a filter, made when the first one asks."""
        self.bytes = ready.bytes
        self.memory_bytes = ready.memory_bytes
        self.messages_in_memory = ready.messages_in_memory
        for sequence, entry, redelivered in ready.drain():
            self._waiting[sequence] = entry
            if redelivered:
                self._redelivered.add(sequence)
        self.next_sequence = ready.next_sequence

    def __len__(self) -> int:
        return len(self._waiting)

    # Filters come and go

    def add_filter(self, filter: Filter) -> None:
        """A consumer with this filter is there."""
        line = self._lines.get(filter)
        if line is None:
            line = self._lines[filter] = _Line(filter)
            line.unexamined.extend(sorted(self._waiting))
            self._index.add(filter, line)
        line.consumers += 1

    def remove_filter(self, filter: Filter) -> None:
        """A consumer with this filter is gone."""
        line = self._lines[filter]
        line.consumers -= 1
        if not line.consumers:
            del self._lines[filter]
            self._index.remove(filter, line)

    @property
    def selective(self) -> bool:
        """Whether any consumer has a filter."""
        return bool(self._lines)

    # Messages in

    def extend(self, messages: Sequence[Message], size: int) -> None:
        """Add messages of `size` bytes of content in total at the end."""
        for message in messages:
            self._add(message, self._ledger.now_ms, False)
        self.bytes += size

    def restore(self, positions: Sequence[int], size: int) -> None:
        """Fill the still unused queue with messages that the store kept over a restart.

        All are marked as redelivered, as in `Ready.restore`. They are read for their priorities
        and deadlines; what is beyond the window is not kept in memory.
        """
        for start in range(0, len(positions), CHUNK_MESSAGES):
            for message, time in self._ledger.load_with_times(positions[start:][:CHUNK_MESSAGES]):
                self._add(message, time, True)
        self.bytes += size

    def _add(self, message: Message, published: int, redelivered: bool) -> None:
        sequence = self._rank(message) + self.next_sequence
        self.next_sequence += 1
        deadline = self._deadline(message.properties, published)
        if deadline is not None:
            self._notes[sequence] = _Note(deadline)
            heapq.heappush(self._deadlines, (deadline, sequence))
        if redelivered:
            self._redelivered.add(sequence)
        self._put(sequence, message, redelivered)

    def _rank(self, message: Message) -> int:
        """What makes the sequence of a message of higher priority lower than all others."""
        highest = self._options.max_priority
        if highest is None:
            return 0
        return (highest - min(message.properties.priority or 0, highest)) << RANK_SHIFT

    def give_back(self, sequence: int, message: Message) -> None:
        """Put a message that was taken back to its place."""
        self._redelivered.add(sequence)
        note = self._notes.get(sequence)
        if note is not None and note.deadline is not None:
            heapq.heappush(self._deadlines, (note.deadline, sequence))
        self._put(sequence, message, True)
        self.bytes += len(message.content)

    def _put(self, sequence: int, message: Message, redelivered: bool) -> None:
        for line in self._index.match(message.properties, redelivered, self._ledger.now_ms):
            line.push(sequence, self._waiting)
        if self._everything is not None:
            self._everything.push(sequence, self._waiting)
        if self._stored and message.position and self.memory_bytes >= WINDOW_BYTES:
            self._waiting[sequence] = message.position
        else:
            self._waiting[sequence] = message
            self.memory_bytes += len(message.content)
            self.messages_in_memory += 1

    # What is remembered

    def count_return(self, sequence: int) -> int:
        """A message comes back from a consumer; returns how often it has so far."""
        note = self._notes.get(sequence)
        if note is None:
            note = self._notes[sequence] = _Note(None)
        note.returns += 1
        return note.returns

    def settled(self, sequences: Iterable[int]) -> None:
        """Messages that were taken are done with."""
        if self._notes:
            for sequence in sequences:
                self._notes.pop(sequence, None)

    @property
    def remembers(self) -> bool:
        """Whether there is anything about messages that a plain order would forget."""
        return bool(self._notes)

    @property
    def next_deadline(self) -> int | None:
        """When the next message expires, in ms since 1970."""
        return self._deadlines[0][0] if self._deadlines else None

    def expire(self, now: int) -> list[Message]:
        """Take the messages whose time is over."""
        due = []
        while self._deadlines and self._deadlines[0][0] <= now:
            deadline, sequence = heapq.heappop(self._deadlines)
            note = self._notes.get(sequence)
            if sequence in self._waiting and note is not None and note.deadline == deadline:
                due.append((sequence, self._waiting.pop(sequence)))
                del self._notes[sequence]
        return self._take(due).messages if due else []

    # Messages out

    def take(self, count: int, room: int) -> Taken:
        """Take the message at the head, whatever the filters: what `get` does."""
        sequence = self._line(None).pop(self._waiting)
        assert sequence is not None, "the caller has made sure that a message waits"
        return self._take([(sequence, self._waiting.pop(sequence))])

    def deal(self, consumers: Iterable[Consumer]) -> list[tuple[Consumer, Taken]]:
        """Take what consumers of one priority want, one message each in turn.

        Nobody is dealt more than it has capacity for; what remains is dealt in the next call.
        """
        left = _shares(consumers)
        room = {c.channel.outlet: c.channel.outlet.room() for c in left}
        typical = self.bytes // (len(self._waiting) or 1)
        hands: dict[Consumer, list[tuple[int, Message | int]]] = {c: [] for c in left}
        served: set[Channel] = set()
        while left:
            for consumer in list(left):
                outlet = consumer.channel.outlet
                sequence = None
                if left[consumer] > 0 and room[outlet] > 0 and consumer.channel not in served:
                    sequence = self._line(consumer.filter).pop(self._waiting)
                if sequence is None:
                    del left[consumer]
                    continue
                if consumer.channel.prefetch:
                    # The limit is shared by the channel's consumers: one message, then look again.
                    served.add(consumer.channel)
                entry = self._waiting.pop(sequence)
                hands[consumer].append((sequence, entry))
                left[consumer] -= 1
                room[outlet] -= typical if isinstance(entry, int) else len(entry.content)
        return [(consumer, run) for consumer, hand in hands.items() for run in self._runs(hand)]

    def examine(self) -> bool:
        """Hold a slice of the messages that were there first against each new filter.

        Returns whether there are more to examine.
        """
        unfinished = [line for line in self._lines.values() if line.unexamined]
        for line in unfinished:
            self._examine(line)
        return any(line.unexamined for line in unfinished)

    def stored_positions(self) -> list[int]:
        """Where the store holds messages that wait here."""
        entries = self._waiting.values()
        held = [entry if isinstance(entry, int) else entry.position for entry in entries]
        return [position for position in held if position]

    def clear(self) -> None:
        self._waiting.clear()
        self._redelivered.clear()
        self._notes.clear()
        self._deadlines.clear()
        self._everything = None
        for line in self._lines.values():
            line.clear()
        self.bytes = self.memory_bytes = self.messages_in_memory = 0

    def _line(self, filter: Filter | None) -> _Line:
        if filter is not None:
            return self._lines[filter]
        if self._everything is None:
            self._everything = _Line(None)
            self._everything.heap.extend(sorted(self._waiting))
        return self._everything

    def _examine(self, line: _Line) -> None:
        assert line.filter is not None, "what takes everything need not look"
        part = [
            sequence
            for sequence in (
                line.unexamined.popleft() for _ in range(min(EXAMINED_MAX, len(line.unexamined)))
            )
            if sequence in self._waiting
        ]
        messages = self._read([(sequence, self._waiting[sequence]) for sequence in part])
        for sequence, message in messages.items():
            redelivered = sequence in self._redelivered
            if line.filter.matches(message.properties, redelivered, self._ledger.now_ms):
                line.push(sequence, self._waiting)

    def _runs(self, hand: list[tuple[int, Message | int]]) -> Iterator[Taken]:
        """The dealt messages, in runs that are redelivered or not as a whole."""
        for _, run in groupby(hand, lambda dealt: dealt[0] in self._redelivered):
            taken = self._take(list(run))
            if taken.messages:
                yield taken

    def _take(self, entries: list[tuple[int, Message | int]]) -> Taken:
        redelivered = entries[0][0] in self._redelivered
        for sequence, entry in entries:
            self._redelivered.discard(sequence)
            if not isinstance(entry, int):
                self.memory_bytes -= len(entry.content)
                self.messages_in_memory -= 1
        messages = self._read(entries)
        self.bytes -= sum([len(message.content) for message in messages.values()])
        return Taken(list(messages.values()), list(messages), redelivered)

    def _read(self, entries: list[tuple[int, Message | int]]) -> dict[int, Message]:
        """The messages of entries by sequence; what the store cannot read is left out."""
        positions = sorted(entry for _, entry in entries if isinstance(entry, int))
        loaded: dict[int, Message] = {}
        if positions:
            loaded = {message.position: message for message in self._ledger.load(positions)}
        messages = {}
        for sequence, entry in entries:
            message = loaded.get(entry) if isinstance(entry, int) else entry
            if message is not None:
                messages[sequence] = message
        return messages


class _Note:
    """What is remembered of one message: its deadline, and how often it came back."""

    __slots__ = ("deadline", "returns")

    def __init__(self, deadline: int | None) -> None:
        self.deadline = deadline
        self.returns = 0


class _Line:
    """The sequences that match one filter, lowest first.

    `unexamined` are those that were there before the filter and have not been held against it:
    until a message has been, none behind it is given out.
    """

    __slots__ = ("consumers", "filter", "heap", "unexamined")

    def __init__(self, filter: Filter | None) -> None:
        self.filter = filter
        self.heap: list[int] = []
        self.unexamined: deque[int] = deque()
        self.consumers = 0

    def push(self, sequence: int, waiting: dict[int, Message | int]) -> None:
        heapq.heappush(self.heap, sequence)
        if len(self.heap) > STALE_MIN + 2 * len(waiting):
            # Others took most of what stands here; whoever shares this line is busy.
            self.heap = sorted({s for s in self.heap if s in waiting} | {sequence})

    def pop(self, waiting: dict[int, Message | int]) -> int | None:
        """The lowest sequence that still waits, if it may be given out."""
        heap = self.heap
        while heap and not (self.unexamined and heap[0] > self.unexamined[0]):
            sequence = heapq.heappop(heap)
            if sequence in waiting:
                return sequence
        return None

    def clear(self) -> None:
        self.heap.clear()
        self.unexamined.clear()


def _shares(consumers: Iterable[Consumer]) -> dict[Consumer, int]:
    """How many messages each consumer may be dealt, those that take none left out."""
    shares = {consumer: min(consumer.capacity(), DEALT_MAX) for consumer in consumers}
    return {consumer: share for consumer, share in shares.items() if share > 0}
