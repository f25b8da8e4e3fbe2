"""The waiting messages of a queue that do not simply leave in the order in which they came.

It takes the place of `Ready` in a queue whose consumers have filters, whose messages have
priorities or a time to live, or whose deliveries are counted. Every waiting message is known by
its *place*: its sequence (in a priority queue, its priority and then its sequence) and, in the
last bit, whether it is redelivered. Each filter among the consumers has a *line*: a heap of the
places that match it. A message is held against the filters once, when it comes in or comes back
(an index finds those that match), so a message that nobody wants costs nothing from then on: it
stands in no line, blocks none, and waits for a consumer that wants it or for a `get`.

A consumer with a new filter finds messages that came before it. They are examined in order and
in slices, a slice a pass, so that a long queue does not hold up the broker; until that is done,
its line gives out only what lies before the place reached.

A message may stand in several lines. Whoever takes it first removes it from `_waiting`; the
places left behind in other lines are passed over when they come up. So is the place of a message
that has been given back since, for that bit has changed with which the filter was asked.

A filter that reads the clock is asked once, when the message comes in, and not again later.

A message with a deadline stands in a heap of deadlines as well, and leaves at that time from
wherever it is; what is late is given to nobody. What must be remembered of a message beyond that,
while it waits and while it is with a consumer, is its `_Note`.

What it costs: a dictionary entry for each waiting message (about 100 bytes), which a queue
without selective consumers does not pay. Content beyond the window stays in the store.
"""

from __future__ import annotations

import heapq
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from warrener.exchange.backlog import CHUNK_MESSAGES
from warrener.exchange.filters.filter import Filter
from warrener.exchange.filters.index import FilterIndex
from warrener.exchange.message import DELIVERY_BYTES, Message, Properties
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
EXPIRED_MAX = 1000
"""Messages given up for their time at once, some ten milliseconds if they are dead letters."""
STALE_MIN = 1024
"""Places a heap may hold of messages that have left, before it is cleaned."""

Entry = Message | int
"""A waiting message, or where the store holds it."""


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
        "_stored",
        "_undated",
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
        self._waiting: dict[int, Entry] = {}
        """By place."""
        self._lines: dict[Filter, _Line] = {}
        self._index: FilterIndex[_Line] = FilterIndex()
        self._notes: dict[int, _Note] = {}
        """By sequence."""
        self._deadlines: list[tuple[int, int]] = []
        """A heap of times, in ms since 1970, with the places whose messages leave then."""
        self._undated: deque[int] = deque()
        """Places whose deadlines are to be found anew, since the queue's time to live changed."""
        self._everything: _Line | None = None
        """The line of consumers without a filter, made when the first one asks."""
        self.bytes = ready.bytes
        self.memory_bytes = ready.memory_bytes
        self.messages_in_memory = ready.messages_in_memory
        for sequence, entry, redelivered in ready.drain():
            self._waiting[sequence << 1 | redelivered] = entry
        if options.message_ttl_ms is not None:
            self._undated.extend(self._waiting)
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
            self._add(message, self._ledger.now_ms, redelivered=False)
        self.bytes += size

    def restore(self, positions: Sequence[int], size: int) -> None:
        """Fill the still unused queue with messages that the store kept over a restart.

        All are marked as redelivered, as in `Ready.restore`. They are read for their priorities
        and deadlines; what is beyond the window is not kept in memory.
        """
        for start in range(0, len(positions), CHUNK_MESSAGES):
            part = positions[start : start + CHUNK_MESSAGES]
            for message, time in self._ledger.load_with_times(part):
                self._add(message, time, redelivered=True)
                self.bytes += len(message.content)

    def _add(self, message: Message, published: int, redelivered: bool) -> None:
        sequence = self._rank(message) + self.next_sequence
        self.next_sequence += 1
        place = sequence << 1 | redelivered
        deadline = self._deadline(message.properties, published)
        if deadline is not None:
            self._notes[sequence] = _Note(published, deadline)
            self._schedule(deadline, place)
        self._line_up(place, message)
        if self._stored and message.position and self.memory_bytes >= WINDOW_BYTES:
            self._waiting[place] = message.position
        else:
            self._keep(place, message)

    def _rank(self, message: Message) -> int:
        """What makes the sequence of a message of higher priority lower than all others."""
        highest = self._options.max_priority
        if highest is None:
            return 0
        return (highest - min(message.properties.priority or 0, highest)) << RANK_SHIFT

    def give_back(self, sequence: int, message: Message) -> None:
        """Put a message that was taken back to where it was; it stays in memory."""
        place = sequence << 1 | 1
        note = self._notes.get(sequence)
        if self._options.message_ttl_ms is not None or (note and note.deadline is not None):
            self._reschedule(place, message, self._published(place, self._ledger.now_ms))
        self._line_up(place, message)
        self._keep(place, message)
        self.bytes += len(message.content)

    def _line_up(self, place: int, message: Message) -> None:
        """Have a message stand in the lines of those who want it."""
        if self._lines:
            redelivered = bool(place & 1)
            for line in self._index.match(message.properties, redelivered, self._ledger.now_ms):
                line.push(place, self._waiting)
        if self._everything is not None:
            self._everything.push(place, self._waiting)

    def _keep(self, place: int, message: Message) -> None:
        self._waiting[place] = message
        self.memory_bytes += len(message.content)
        self.messages_in_memory += 1

    def _schedule(self, deadline: int, place: int) -> None:
        heapq.heappush(self._deadlines, (deadline, place))
        if len(self._deadlines) > STALE_MIN + 2 * len(self._waiting):
            # Most of what has a deadline is taken long before it.
            self._deadlines = list(
                {d for d in self._deadlines if d[1] == place or self._counts(*d)}
            )
            heapq.heapify(self._deadlines)

    def _reschedule(self, place: int, message: Message, published: int) -> None:
        """Have a message leave when its time is over by what counts now, if it has one."""
        deadline = self._deadline(message.properties, published)
        note = self._notes.get(place >> 1)
        if note is None:
            if deadline is None:
                return
            note = self._notes[place >> 1] = _Note()
        note.published, note.deadline = published, deadline
        if deadline is not None:
            self._schedule(deadline, place)

    def _counts(self, deadline: int, place: int) -> bool:
        """Whether a deadline is that of a waiting message, and has not changed since."""
        return place in self._waiting and self._notes[place >> 1].deadline == deadline

    def _published(self, place: int, default: int) -> int:
        """When a message came in, if that is known."""
        note = self._notes.get(place >> 1)
        return default if note is None or note.published is None else note.published

    # What is remembered

    def count_return(self, sequence: int) -> int:
        """A message comes back from a consumer; returns how often it has so far."""
        note = self._notes.get(sequence)
        if note is None:
            note = self._notes[sequence] = _Note()
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

    def expire(self, now: int) -> Taken:
        """Take messages whose time is over, at most EXPIRED_MAX."""
        due: list[tuple[int, Entry]] = []
        while self._deadlines and self._deadlines[0][0] <= now and len(due) < EXPIRED_MAX:
            deadline, place = heapq.heappop(self._deadlines)
            if self._counts(deadline, place):
                due.append((place, self._waiting.pop(place)))
        return self._take(due)

    def go_by(self, options: QueueOptions) -> None:
        """The options have changed: a time to live counts for messages that wait, too.

        They are gone through in slices, as for a new filter, and may have to be read for it.
        """
        before, self._options = self._options, options
        if options.message_ttl_ms != before.message_ttl_ms:
            self._undated = deque(sorted(self._waiting))

    def _date(self) -> None:
        """Find the deadlines of a slice of the messages anew.

        Only the store knows when one came in that had none so far. If it does not keep the message,
        it counts as new.
        """
        count = min(EXAMINED_MAX, len(self._undated))
        places = [self._undated.popleft() for _ in range(count)]
        entries = {place: self._waiting[place] for place in places if place in self._waiting}
        positions = sorted({_position(entry) for entry in entries.values()} - {0})
        stored = self._ledger.load_with_times(positions) if self._stored else []
        loaded = {message.position: (message, time) for message, time in stored}
        for place, entry in entries.items():
            message, time = loaded.get(_position(entry), (entry, self._ledger.now_ms))
            if not isinstance(message, int):
                self._reschedule(place, message, self._published(place, time))

    # Messages out

    def take(self, count: int, room: int) -> Taken:
        """Take the message at the head, whatever the filters: what `get` does."""
        place = self._line(None).pop(self._waiting)
        assert place is not None, "the caller has made sure that a message waits"
        return self._take([(place, self._waiting.pop(place))])

    def deal(self, consumers: Iterable[Consumer]) -> list[tuple[Consumer, Taken]]:
        """Take what consumers of one priority want, one message each in turn.

        Nobody is dealt more than it has capacity for; what remains is dealt in the next call.
        Who was dealt the last message comes last.
        """
        left = _shares(consumers)
        room = {c.channel.outlet: c.channel.outlet.room() for c in left}
        shared = _shared_channels(left)
        served: set[Channel] = set()
        typical = self.bytes // (len(self._waiting) or 1)
        hands: dict[Consumer, list[tuple[int, Entry]]] = {}
        while left:
            for consumer in list(left):
                channel = consumer.channel
                if channel in served:
                    # Its limit is shared: look again what that message leaves of it.
                    return self._runs(hands)
                place = None
                if left[consumer] > 0 and room[channel.outlet] > 0:
                    place = self._line(consumer.filter).pop(self._waiting)
                if place is None:
                    del left[consumer]
                    continue
                entry = self._waiting.pop(place)
                hands.setdefault(consumer, []).append((place, entry))
                left[consumer] -= 1
                size = typical if isinstance(entry, int) else len(entry.content)
                room[channel.outlet] -= size + DELIVERY_BYTES
                if channel in shared:
                    served.add(channel)
        return self._runs(hands)

    def examine(self) -> bool:
        """Hold a slice of the messages that were there first against each new filter, and against a
        new time to live.

        Returns whether to call again.
        """
        dated = bool(self._undated)
        if dated:
            self._date()
        unfinished = [line for line in self._lines.values() if line.unexamined]
        for line in unfinished:
            self._examine(line)
        return dated or any(line.unexamined for line in unfinished)

    def stored_positions(self) -> list[int]:
        """Where the store holds messages that wait here."""
        entries = self._waiting.values()
        held = [_position(entry) for entry in entries]
        return [position for position in held if position]

    def clear(self) -> None:
        # What is with a consumer may come back: it keeps its deadline and its count.
        self.settled(place >> 1 for place in self._waiting)
        self._waiting.clear()
        self._deadlines.clear()
        self._undated.clear()
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
        count = min(EXAMINED_MAX, len(line.unexamined))
        places = [line.unexamined.popleft() for _ in range(count)]
        entries = [(place, self._waiting[place]) for place in places if place in self._waiting]
        for place, message in self._read(entries).items():
            if line.filter.matches(message.properties, bool(place & 1), self._ledger.now_ms):
                line.push(place, self._waiting)

    def _runs(self, hands: dict[Consumer, list[tuple[int, Entry]]]) -> list[tuple[Consumer, Taken]]:
        """What was dealt, in runs that are redelivered or not as a whole."""
        return [
            (consumer, self._take(list(run)))
            # Of those who had a message in the last round, the last in turn comes last.
            for consumer, hand in sorted(hands.items(), key=lambda dealt: len(dealt[1]))
            for _, run in groupby(hand, lambda entry: entry[0] & 1)
        ]

    def _take(self, entries: list[tuple[int, Entry]]) -> Taken:
        """Account for entries that no longer wait, all of them redelivered or none."""
        for _, entry in entries:
            if not isinstance(entry, int):
                self.memory_bytes -= len(entry.content)
                self.messages_in_memory -= 1
        messages = self._read(entries)
        size = sum([len(message.content) for message in messages.values()])
        # What could not be read is gone from the count, so its bytes go with the last message.
        self.bytes = self.bytes - size if self._waiting else 0
        sequences = [place >> 1 for place in messages]
        return Taken(list(messages.values()), sequences, bool(entries and entries[0][0] & 1))

    def _read(self, entries: list[tuple[int, Entry]]) -> dict[int, Message]:
        """The messages of entries by place; what the store cannot read is left out."""
        positions = sorted(entry for _, entry in entries if isinstance(entry, int))
        loaded: dict[int, Message] = {}
        if positions:
            loaded = {message.position: message for message in self._ledger.load(positions)}
        messages = {}
        for place, entry in entries:
            message = loaded.get(entry) if isinstance(entry, int) else entry
            if message is not None:
                messages[place] = message
        return messages


class _Note:
    """What is remembered of one message: when it came in, is to leave, how often it came back."""

    __slots__ = ("deadline", "published", "returns")

    def __init__(self, published: int | None = None, deadline: int | None = None) -> None:
        self.published = published
        self.deadline = deadline
        self.returns = 0


class _Line:
    """The places that match one filter, lowest first.

    `unexamined` are those that were there before the filter and have not been held against it:
    until a message has been, none behind it is given out.
    """

    __slots__ = ("consumers", "filter", "heap", "unexamined")

    def __init__(self, filter: Filter | None) -> None:
        self.filter = filter
        self.heap: list[int] = []
        self.unexamined: deque[int] = deque()
        self.consumers = 0

    def push(self, place: int, waiting: dict[int, Entry]) -> None:
        heapq.heappush(self.heap, place)
        if len(self.heap) > STALE_MIN + 2 * len(waiting):
            # Others took most of what stands here; whoever shares this line is busy.
            self.heap = sorted({p for p in self.heap if p in waiting} | {place})

    def pop(self, waiting: dict[int, Entry]) -> int | None:
        """The lowest place that still waits, if it may be given out."""
        heap = self.heap
        while heap and not (self.unexamined and heap[0] > self.unexamined[0]):
            place = heapq.heappop(heap)
            if place in waiting:
                return place
        return None

    def clear(self) -> None:
        self.heap.clear()
        self.unexamined.clear()


def _position(entry: Entry) -> int:
    """Where the store holds a message, 0 if it does not."""
    return entry if isinstance(entry, int) else entry.position


def _shares(consumers: Iterable[Consumer]) -> dict[Consumer, int]:
    """How many messages each consumer may be dealt, those that take none left out."""
    shares = {consumer: min(consumer.capacity(), DEALT_MAX) for consumer in consumers}
    return {consumer: share for consumer, share in shares.items() if share > 0}


def _shared_channels(consumers: Iterable[Consumer]) -> set[Channel]:
    """The channels with a limit that several of the consumers share."""
    limited = Counter(consumer.channel for consumer in consumers if consumer.channel.prefetch)
    return {channel for channel, count in limited.items() if count > 1}
