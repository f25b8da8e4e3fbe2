"""Dates: when the waiting messages of one queue leave because their time is over.

A message gets its deadline when it comes in. What waits when the queue's time to live changes gets
another; these messages are gone through in slices, as for a new filter, and may have to be read for
it. A deadline that has changed since, or whose message has left, is passed over.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from warrener.exchange.budget import EXPIRY
from warrener.exchange.message import Message, Properties
from warrener.exchange.queues.note import Note, Notes
from warrener.exchange.queues.places import Times
from warrener.exchange.queues.waiting import Waiting, position_of

if TYPE_CHECKING:
    from warrener.exchange.budget import Budget
    from warrener.exchange.durability.ledger import Ledger

Deadline = Callable[[Properties, int], int | None]
"""From a message's properties and the time it came in to the time it is to leave, if any."""


class Dates:
    """The deadlines of one queue, which are noted in `notes`, by sequence."""

    __slots__ = ("_ledger", "_notes", "_times", "_undated", "_waiting", "deadline")

    def __init__(self, ledger: Ledger, waiting: Waiting, notes: Notes, deadline: Deadline) -> None:
        self._ledger = ledger
        self._waiting = waiting
        self._notes = notes
        self.deadline = deadline
        self._times = Times(self._counts, waiting)
        self._undated: deque[int] = deque()
        """Places whose deadlines are to be found anew."""

    @property
    def next(self) -> int | None:
        """When the next message leaves, in ms since 1970."""
        return self._times.next

    def enter(self, place: int, note: Note) -> None:
        """A message waits."""
        if note.deadline is not None:
            self._times.add(note.deadline, place)

    def is_late(self, place: int | None, now: int) -> bool:
        """Whether a message, if there is one, should have left before now."""
        note = None if place is None else self._notes.get(place >> 1)
        return note is not None and note.deadline is not None and note.deadline < now

    def find(self, place: int, message: Message, default: int) -> Note | None:
        """Note when a message is to leave by what counts now, if it is.

        `default` is when it came in, if nobody has noted it.
        """
        note = self._notes.get(place >> 1)
        published = default if note is None or note.published is None else note.published
        deadline = self.deadline(message.properties, published)
        if note is None and deadline is not None:
            note = self._notes[place >> 1] = Note()
        if note is not None:
            note.published, note.deadline = published, deadline
        return note

    def find_again(self, place: int, message: Message) -> Note | None:
        """The same for a message that comes back.

        If it was taken when there was no time to live, only the store may know when it came in:
        then it is left to `find_some`.
        """
        note = self._notes.get(place >> 1)
        if (note is None or note.published is None) and message.position and self._waiting.stored:
            self._undated.append(place)
            return note
        return self.find(place, message, self._ledger.now_ms)

    @property
    def unfinished(self) -> bool:
        """Whether there is something for `find_some`."""
        return bool(self._undated)

    def take(self, now: int, most: int, budget: Budget) -> list[int]:
        """Take out the places of messages whose time is over, at most so many."""
        before = len(self._times)
        taken = self._times.take(now, most)
        # Those that were passed over are work as well.
        budget.spend(EXPIRY * len(taken) + before - len(self._times))
        return taken

    def forget(self) -> None:
        """All messages are to be looked at again."""
        self._undated = deque(sorted(self._waiting))

    def find_some(self, most: int) -> bool:
        """Find the deadlines of a slice of the messages anew; returns whether there was one.

        Only the store knows when one came in that had none so far. If it does not keep the message,
        it counts as new.
        """
        if not self._undated:
            return False
        count = min(most, len(self._undated))
        places = [self._undated.popleft() for _ in range(count)]
        entries = {place: self._waiting[place] for place in places if place in self._waiting}
        positions = sorted({position_of(entry) for entry in entries.values()} - {0})
        stored = self._ledger.load_with_times(positions) if self._waiting.stored else []
        loaded = {message.position: (message, time) for message, time in stored}
        for place, entry in entries.items():
            message, time = loaded.get(position_of(entry), (entry, self._ledger.now_ms))
            note = None if isinstance(message, int) else self.find(place, message, time)
            if note is not None:
                self.enter(place, note)
        return True

    def clear(self) -> None:
        self._times.clear()
        self._undated.clear()

    def _counts(self, deadline: int, place: int) -> bool:
        """Whether a deadline is that of a waiting message, and has not changed since."""
        return place in self._waiting and self._notes[place >> 1].deadline == deadline
