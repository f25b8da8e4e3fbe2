"""The waiting messages of a queue that do not simply leave in the order in which they came.

It takes the place of `Ready` in a queue whose consumers have filters, whose messages have
priorities, a time to live or groups, or whose deliveries are counted. Every waiting message is
known by its *place*: its sequence (in a priority queue, its priority and then its sequence) and, in
the last bit, whether it is redelivered.

Who may have a message now is said by where it stands, and only there:

- in the *lines* of those filters that match it (`lines.py`);
- in the line of one consumer alone, its holder, if it is the first of a *group* that is held
  (`groups.py`);
- in no line, but *aside*, if nobody may have it now: its time has not come, or it is behind another
  message of its group.

So a consumer takes the lowest place of the lines that are its own, and nobody ever looks at
messages that are not for him. Whatever changes the answer for a message (it comes in, or comes
back; its time comes, or its turn) has it stand anew; the places that it leaves behind elsewhere are
passed over when they come up.

A message with a deadline leaves at that time from wherever it is (`dates.py`); what is late is
given to nobody. What must be remembered of a message while it waits or is out is its `Note`.

What it costs: a dictionary entry for each waiting message (about 100 bytes, 350 with a group),
which a plain queue does not pay. Content beyond the window stays in the store.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING

from warrener.exchange.budget import SELECTED, SETTLED
from warrener.exchange.message import Message
from warrener.exchange.queues.backlog import CHUNK_MESSAGES
from warrener.exchange.queues.dates import Dates, Deadline
from warrener.exchange.queues.deal import Card, deal
from warrener.exchange.queues.groups import Group, Groups, Holder
from warrener.exchange.queues.lines import Lines
from warrener.exchange.queues.note import Note, Notes
from warrener.exchange.queues.options import QueueOptions
from warrener.exchange.queues.places import Held, Places, rank
from warrener.exchange.queues.ready import Ready, Taken
from warrener.exchange.queues.waiting import MessageOrPosition, Waiting

if TYPE_CHECKING:
    from warrener.exchange.budget import Budget
    from warrener.exchange.consumer import Consumer
    from warrener.exchange.durability.ledger import Ledger
    from warrener.exchange.durability.records import Return
    from warrener.exchange.filters.filter import Filter
    from warrener.exchange.queues.consumers import Consumers

EXAMINED_MAX = 2000
"""Waiting messages that are held against new filters in one pass, a few milliseconds."""
EXPIRED_MAX = 1000
"""Messages given up for their time at once, some ten milliseconds if they are dead letters."""
ADMITTED_MAX = 5000
"""Messages put in line at once because their time has come."""
LATE_MAX = 50_000
"""Messages over their time that are passed over for one consumer, some fifty milliseconds."""


class Selection:
    """The waiting messages of one queue, of which not everybody may have each at any time."""

    __slots__ = (
        "_dates",
        "_ledger",
        "_oldest",
        "_options",
        "_wake",
        "groups",
        "held",
        "lines",
        "next_sequence",
        "notes",
        "waiting",
    )

    def __init__(
        self,
        ledger: Ledger,
        options: QueueOptions,
        stored: bool,
        deadline: Deadline,
        wake: Callable[[], None],
        ready: Ready,
    ) -> None:
        """Take over what waits in `ready`; `stored` says whether the ledger knows the queue.

        `wake` is called when a message may have come to stand in line because another is gone.
        """
        self._ledger = ledger
        self._options = options
        self._wake = wake
        self.notes = Notes()
        self.waiting = Waiting(ledger, stored, self.notes, ready)
        self.next_sequence = ready.next_sequence
        self.lines = Lines(self.waiting)
        header = options.group_header
        self.groups = None if header is None else Groups(header, options.shared_groups)
        self._dates = Dates(ledger, self.waiting, self.notes, deadline)
        if options.message_ttl_ms is not None:
            self._dates.forget()
        self.held = Held()
        self._oldest: Places | None = None
        """All places, made when the first message is dropped for being too much."""

    def __len__(self) -> int:
        return len(self.waiting)

    @property
    def bytes(self) -> int:
        """Content waiting, wherever it is kept."""
        return self.waiting.bytes

    @property
    def memory_bytes(self) -> int:
        """Content waiting in memory."""
        return self.waiting.memory_bytes

    @property
    def messages_in_memory(self) -> int:
        return self.waiting.messages_in_memory

    @property
    def delayed(self) -> int:
        """How many messages wait for their time."""
        return len(self.held)

    # Consumers come and go

    def join(self, consumer: Consumer) -> None:
        """A consumer is there."""
        if consumer.filter is not None:
            self.lines.join(consumer.filter)

    def leave(self, consumer: Consumer) -> None:
        """A consumer is gone."""
        if consumer.filter is not None:
            self.lines.leave(consumer.filter)
        if self.groups is not None:
            for group in self.groups.leave(consumer):
                self._arrange(group)

    def go_by(self, options: QueueOptions) -> None:
        """The options have changed: a time to live counts for messages that wait, too."""
        before, self._options = self._options, options
        if options.message_ttl_ms != before.message_ttl_ms:
            self._dates.forget()
            for place in self.waiting.no_longer_late():
                self._stand(place, self._ledger.now_ms)

    @property
    def outlived(self) -> bool:
        """Whether a plain order would do again: nothing waits, and nothing needs more."""
        return not (len(self) or self._options.indexed or self.lines.selective or self.remembers)

    # Messages in

    def extend(self, messages: Sequence[Message], size: int) -> None:
        """Add messages of `size` bytes of content in total at the end."""
        for message in messages:
            self._add(message, self._ledger.now_ms, redelivered=False)
        self.waiting.bytes += size

    def restore(self, positions: Sequence[int], size: int, returns: Mapping[int, Return]) -> None:
        """Fill the still unused queue with messages that the store kept over a restart.

        All are marked as redelivered, as in `Ready.restore`; `returns` has, by position, what is
        known of those that had come back. They are read for what their properties ask for, so only
        the size of those counts that can be read.
        """
        for start in range(0, len(positions), CHUNK_MESSAGES):
            part = positions[start : start + CHUNK_MESSAGES]
            for stored, time in self._ledger.load_with_times(part):
                back = returns.get(stored.position)
                message = stored if back is None else self.waiting.counted(stored, back.failures)
                self._add(message, time, redelivered=True, back=back)
                self.waiting.bytes += len(message.content)

    def give_back(self, sequence: int, message: Message, not_before: int = 0) -> None:
        """Put a message that was taken back to where it was; it stays in memory.

        Until `not_before`, in ms since 1970, nobody can have it.
        """
        place = sequence << 1 | 1
        note = self.notes.get(sequence)
        if self._options.message_ttl_ms is not None or (note and note.deadline is not None):
            note = self._dates.find_again(place, message)
        if note is not None and note.group is not None:
            note.group.owed -= 1
        self.waiting.bytes += len(message.content)
        entry = self.waiting.keep(message)
        self._enter(place, message, entry, note, not_before)

    def _add(
        self, message: Message, published: int, redelivered: bool, back: Return | None = None
    ) -> None:
        sequence = self.next_sequence + rank(
            message.properties.priority, self._options.max_priority
        )
        self.next_sequence += 1
        deadline = self._dates.deadline(message.properties, published)
        group, last = (None, False) if self.groups is None else self.groups.of(message.properties)
        note = None
        if deadline is not None or group is not None or back is not None:
            note = self.notes[sequence] = Note(published, deadline, group, last)
        not_before = 0
        if note is not None and back is not None:
            note.failures, not_before = back.failures, back.not_before
        entry = self.waiting.keep_or_leave(message)
        self._enter(sequence << 1 | redelivered, message, entry, note, not_before)

    def _enter(
        self,
        place: int,
        message: Message,
        entry: MessageOrPosition,
        note: Note | None,
        not_before: int,
    ) -> None:
        """Have a message wait at its place: in line, or aside."""
        now, waiting = self._ledger.now_ms, self.waiting
        if not_before > now:
            self.held.add(place, not_before)
        if note is not None and note.group is not None:
            waiting.aside[place] = entry
            note.group.enter(place)
            self._arrange(note.group)
        elif not_before > now:
            waiting.aside[place] = entry
        else:
            waiting.standing[place] = entry
            self.lines.stand(place, message, now)
        if note is not None:
            self._dates.enter(place, note)
        if self._oldest is not None:
            self._oldest.push(place, waiting)

    # Who may have what

    def admit(self, now: int, most: int) -> int:
        """Put messages in line whose time has come, at most so many; returns how many."""
        before = len(self.held)
        for place in self.held.let_go(now, min(most, ADMITTED_MAX)):
            group = self._group(place)
            if group is not None:
                self._arrange(group)
            else:
                self._stand(place, now)
        return before - len(self.held)

    def _stand(self, place: int, now: int) -> None:
        """Have a message that is aside stand in line."""
        entry = self.waiting.step_forward(place)
        message = self.waiting.message(place, entry) if self.lines.selective else None
        self.lines.stand(place, message, now)

    def _arrange(self, group: Group) -> None:
        """Have the first message of a group stand where it may be had from, the others aside."""
        assert self.groups is not None, "who has a group has groups"
        self.groups.review(group)
        while (front := self._front(group)) != group.front:
            if group.front is not None:
                self.waiting.step_aside(group.front[0])
            group.front = front
            if front is not None:
                self._step_forward(group, front[0])
                self.groups.review(group)

    def _front(self, group: Group) -> tuple[int, Holder | None] | None:
        """The place in a group that may go, and to whom: to its holder, or to everybody."""
        place = group.first
        if place is None or place in self.held or group.ending:
            return None
        return place, group.holder

    def _step_forward(self, group: Group, place: int) -> None:
        """Have the first message of a group stand in line, unless its holder does not want it."""
        entry = self.waiting.step_forward(place)
        holder = group.holder
        filter = None if holder is None else holder.consumer.filter
        message = None
        if filter is not None or self.lines.selective:
            message = self.waiting.message(place, entry)
            if message is None:
                self._lose(place)
                return
        if holder is None:
            self.lines.stand(place, message, self._ledger.now_ms)
        elif filter is None or message is None or self._matches(filter, place, message):
            holder.line.push(place, self.waiting.standing)
        else:
            group.ending = True

    def _matches(self, filter: Filter, place: int, message: Message) -> bool:
        return filter.matches(message.properties, bool(place & 1), self._ledger.now_ms)

    def _group(self, place: int) -> Group | None:
        """The group of a message that waits."""
        return None if self.groups is None else self.notes.group(place >> 1)

    def examine(self) -> bool:
        """Hold a slice of the messages that were there first against new filters, and against a
        new time to live.

        Returns whether to call again.
        """
        dated = self._dates.find_some(self.waiting.some(EXAMINED_MAX))
        examination = self.lines.examination()
        if examination is not None:
            most, standing = self.waiting.some(EXAMINED_MAX), self.waiting.standing
            for place in examination.look(most, standing, self.waiting.read, self._ledger.now_ms):
                self._lose(place)
        return dated or self.lines.examining

    # What is remembered

    def settled(self, sequences: Iterable[int]) -> None:
        """Messages that were taken are done with."""
        if self.notes:
            for sequence in sequences:
                note = self.notes.pop(sequence, None)
                if note is not None and note.group is not None:
                    note.group.owed -= 1
                    self._arrange(note.group)
                    self._wake()

    @property
    def unfinished(self) -> bool:
        """Whether `examine` is to be called."""
        return self._dates.unfinished

    @property
    def remembers(self) -> bool:
        """Whether there is anything about messages that a plain order would forget."""
        return bool(self.notes)

    @property
    def next_deadline(self) -> int | None:
        """When the next message expires, in ms since 1970."""
        return self._dates.next

    @property
    def next_due(self) -> int | None:
        """When the next message expires or is to be put in line, in ms since 1970."""
        times = (self._dates.next, self.held.next)
        return min((time for time in times if time is not None), default=None)

    def expire(self, now: int, most: int, budget: Budget) -> Taken:
        """Take messages whose time is over, at most so many, and at most EXPIRED_MAX."""
        places = self._dates.take(now, min(most, EXPIRED_MAX), budget)
        return self._take([(place, self._remove(place)) for place in places])

    # Messages out

    def take(self, count: int, room: int) -> Taken:
        """Take the message at the head, whoever may have it: there are too many."""
        if self._oldest is None:
            self._oldest = Places(sorted(self.waiting))
        place = self._oldest.first(self.waiting)
        assert place is not None, "the caller has made sure that a message waits"
        return self._take([(place, self._remove(place))])

    def pick(self, sequence: int) -> Taken | None:
        """Take the message with a sequence, whoever may have it; None if it waits no more."""
        place = self.waiting.place_of(sequence)
        return None if place is None else self._take([(place, self._remove(place))])

    def take_for(self, consumer: Consumer, budget: Budget) -> Taken | None:
        """Take the first message that a consumer may have, None if there is none; those whose time
        is over are passed over, unless they are very many or of a group."""
        late = partial(self._dates.is_late, now=self._ledger.now_ms)
        for _ in range(LATE_MAX):
            if self.groups is not None and late(self.next_for(consumer)):
                return None
            card = self._draw(consumer)
            if card is None:
                return None
            if late(card[0]):
                self.waiting.leave_late(*card)
                budget.spend(SETTLED)
            elif (taken := self._take([card])).messages:
                return taken
        return None

    def hand_out(self, consumers: Consumers, budget: Budget) -> None:
        """Deal out what consumers may have, by their priorities, as far as the budget goes."""
        standing = self.waiting.standing
        for priority in consumers.priorities if standing else ():
            while takers := consumers.able(priority, len(standing), self.next_for):
                hands = self._deal(takers)
                for consumer, taken in hands:
                    if taken.messages:
                        budget.spend(SELECTED * len(taken.messages))
                        consumer.deliver(*taken)
                consumers.served(consumer for consumer, _ in hands)
                if budget.exhausted:
                    return

    def _deal(self, consumers: Iterable[Consumer]) -> list[tuple[Consumer, Taken]]:
        """Take what consumers of one priority may have and want, one message each in turn.

        They come in runs that are redelivered or not as a whole. Who was dealt the last comes last.
        """
        typical = self.bytes // (len(self) or 1)
        return [
            (consumer, self._take(list(run)))
            for consumer, hand in deal(consumers, self._draw, typical)
            for _, run in groupby(hand, lambda card: card[0] & 1)
        ]

    def give_up_all(self) -> Iterator[MessageOrPosition]:
        """Nothing waits any more; what did is handed over, and let go of as that is done."""
        given_up = self.waiting.give_up_all()
        self.held.clear()
        self._dates.clear()
        self._oldest = None
        self.lines.clear()
        for group in () if self.groups is None else self.groups.clear():
            self._arrange(group)
        return self._forgotten(given_up)

    def _forgotten(
        self, given_up: Iterator[tuple[int, MessageOrPosition]]
    ) -> Iterator[MessageOrPosition]:
        # What is with a consumer may come back: it keeps its deadline, its count and its group.
        for place, entry in given_up:
            self.notes.pop(place >> 1, None)
            yield entry

    def _draw(self, consumer: Consumer) -> Card | None:
        """Take the first message out of the lines at which a consumer stands."""
        if self.groups is not None:
            return self._draw_grouped(self.groups, consumer)
        place = self.lines.of(consumer.filter).pop(self.waiting.standing)
        return None if place is None else (place, self.waiting.standing.pop(place))

    def next_for(self, consumer: Consumer) -> int | None:
        """The place of the message that a consumer would get, None if there is none for it."""
        holder = None if self.groups is None else self.groups.holder(consumer)
        place = self._first(self.lines.of(consumer.filter), holder)
        own = None if holder is None else self._first(holder.line, holder)
        return own if place is None or (own is not None and own < place) else place

    def _draw_grouped(self, groups: Groups, consumer: Consumer) -> Card | None:
        place = self.next_for(consumer)
        if place is None:
            return None
        entry = self.waiting.standing.pop(place)
        note = self.notes.get(place >> 1)
        if note is not None and note.group is not None:
            groups.take(note.group, place, consumer, note.last)
            self._arrange(note.group)
        return place, entry

    def _first(self, line: Places, holder: Holder | None) -> int | None:
        """The first place in a line that is of no group which somebody else holds."""
        while (place := line.first(self.waiting.standing)) is not None:
            group = self._group(place)
            if group is None or group.holder is None or group.holder is holder:
                return place
            line.drop_first()
        return None

    def _remove(self, place: int) -> MessageOrPosition:
        """A message waits no more, and goes to no consumer."""
        entry = self.waiting.remove(place)
        self.held.discard(place)
        note = self.notes.get(place >> 1)
        if note is not None and note.group is not None:
            group, note.group = note.group, None
            group.leave(place)
            self._arrange(group)
            self._wake()
        return entry

    def _lose(self, place: int) -> None:
        """The store cannot read a message that waits: it is not to hold up its group."""
        self._remove(place)
        self.notes.pop(place >> 1, None)

    def _take(self, cards: list[Card]) -> Taken:
        """Account for messages that no longer wait, all of them redelivered or none."""
        messages = self.waiting.read(cards)
        self.waiting.count_out(cards, messages)
        if len(messages) < len(cards):
            self.settled([place >> 1 for place, _ in cards if place not in messages])
        sequences = [place >> 1 for place in messages]
        return Taken(list(messages.values()), sequences, bool(cards and cards[0][0] & 1))
