"""What waits in a queue with a `Selection`: messages by their place, in memory or in the store.

A message either *stands* in line, so that somebody may have it, or is *aside*, and nobody may. In
which lines it stands is not known here. A stored message beyond the window is only its position.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING

from warrener.exchange.message import Message
from warrener.exchange.queues.dead_letter import DELIVERY_COUNT
from warrener.exchange.queues.ready import WINDOW_BYTES, Ready

if TYPE_CHECKING:
    from warrener.exchange.durability.ledger import Ledger
    from warrener.exchange.queues.note import Notes

READ_BYTES = 4 << 20
"""About how much is read back from the store at once, by the mean size of what waits."""

MessageOrPosition = Message | int
"""A waiting message, or where the store holds it."""


class Waiting:
    """The waiting messages of one queue; `bytes` are those of their contents."""

    __slots__ = (
        "_late",
        "_ledger",
        "_notes",
        "aside",
        "bytes",
        "memory_bytes",
        "messages_in_memory",
        "standing",
        "stored",
    )

    def __init__(self, ledger: Ledger, stored: bool, notes: Notes, ready: Ready) -> None:
        """Take over what waits in `ready`; `stored` says whether the ledger knows the queue, and
        `notes` how often messages have failed."""
        self._ledger = ledger
        self._notes = notes
        self.stored = stored
        self.bytes = ready.bytes
        self.memory_bytes = ready.memory_bytes
        self.messages_in_memory = ready.messages_in_memory
        self.standing: dict[int, MessageOrPosition] = {
            sequence << 1 | redelivered: entry for sequence, entry, redelivered in ready.drain()
        }
        self.aside: dict[int, MessageOrPosition] = {}
        self._late: list[int] = []
        """Places that are aside because their time is over."""

    def __len__(self) -> int:
        return len(self.standing) + len(self.aside)

    def __contains__(self, place: object) -> bool:
        return place in self.standing or place in self.aside

    def __getitem__(self, place: int) -> MessageOrPosition:
        return self.standing[place] if place in self.standing else self.aside[place]

    def __iter__(self) -> Iterator[int]:
        """All places, in no order."""
        return chain(self.standing, self.aside)

    def samples(self) -> tuple[Message, ...]:
        """Some messages that wait in memory: the one that came last, if it does."""
        newest = next(reversed(self.standing.values()), 0)
        return () if isinstance(newest, int) else (newest,)

    def place_of(self, sequence: int) -> int | None:
        """The place of a message that waits, by its sequence."""
        place = sequence << 1
        return next((each for each in (place, place | 1) if each in self), None)

    def places_from(self, sequence: int) -> list[int]:
        """The places at a sequence and behind it, in order."""
        first = sequence << 1
        found = [*self.standing, *self.aside]
        return sorted([place for place in found if place >= first] if first else found)

    def some(self, most: int) -> int:
        """How many messages to look at in one go: fewer if they are large and in the store."""
        mean = self.bytes // (len(self) or 1)
        return max(1, min(most, READ_BYTES // (mean or 1))) if self.stored else most

    def keep(self, message: Message) -> Message:
        """Count a message that waits in memory."""
        self.memory_bytes += len(message.content)
        self.messages_in_memory += 1
        return message

    def keep_or_leave(self, message: Message) -> MessageOrPosition:
        """The message to wait with; its position, if the window is full and the store holds it."""
        if self.stored and message.position and self.memory_bytes >= WINDOW_BYTES:
            return message.position
        self.memory_bytes += len(message.content)
        self.messages_in_memory += 1
        return message

    def step_forward(self, place: int) -> MessageOrPosition:
        """A message that is aside comes to stand in line."""
        entry = self.standing[place] = self.aside.pop(place)
        return entry

    def step_aside(self, place: int) -> None:
        """A message that stands in line, if it still waits, comes to be aside."""
        if place in self.standing:
            self.aside[place] = self.standing.pop(place)

    def leave_late(self, place: int, entry: MessageOrPosition) -> None:
        """A message taken out of its line is over its time: it is aside until it leaves."""
        self.aside[place] = entry
        self._late.append(place)

    def no_longer_late(self) -> list[int]:
        """The places left so that are still there: another time to live counts for them."""
        late, self._late = self._late, []
        return [place for place in late if place in self.aside]

    def remove(self, place: int) -> MessageOrPosition:
        """A message waits no more."""
        entry = self.standing.pop(place, None)
        return self.aside.pop(place) if entry is None else entry

    def read(self, entries: Sequence[tuple[int, MessageOrPosition]]) -> dict[int, Message]:
        """The messages of entries by place; what the store cannot read is left out."""
        positions = sorted(entry for _, entry in entries if isinstance(entry, int))
        loaded: dict[int, Message] = {}
        if positions:
            loaded = {message.position: message for message in self._ledger.load(positions)}
        messages = {}
        for place, entry in entries:
            if not isinstance(entry, int):
                messages[place] = entry
            elif entry in loaded:
                # It comes from the store as it was published.
                failures = self._notes.failures(place >> 1) if self._notes else 0
                messages[place] = self.counted(loaded[entry], failures)
        return messages

    def message(self, place: int, entry: MessageOrPosition) -> Message | None:
        """One message that waits, None if the store cannot read it."""
        return self.read([(place, entry)]).get(place)

    def counted(self, message: Message, failures: int) -> Message:
        """A stored message that tells how often it has failed."""
        if not failures:
            return message
        return self._ledger.with_headers(message, {DELIVERY_COUNT: failures})

    def count_out(
        self, entries: Sequence[tuple[int, MessageOrPosition]], messages: Mapping[int, Message]
    ) -> None:
        """Entries have been removed, and `messages` are what could be read of them."""
        for _, entry in entries:
            if not isinstance(entry, int):
                self.memory_bytes -= len(entry.content)
                self.messages_in_memory -= 1
        size = sum([len(message.content) for message in messages.values()])
        # What could not be read is gone from the count, so its bytes go with the last message.
        self.bytes = self.bytes - size if len(self) else 0

    def give_up_all(self) -> Iterator[tuple[int, MessageOrPosition]]:
        """Nothing waits any more; what did is handed over by its places, and let go of."""
        standing, aside = self.standing, self.aside
        self.standing, self.aside, self._late = {}, {}, []
        self.bytes = self.memory_bytes = self.messages_in_memory = 0
        return _emptied(standing, aside)


def _emptied(*places: dict[int, MessageOrPosition]) -> Iterator[tuple[int, MessageOrPosition]]:
    for entries in places:
        while entries:
            yield entries.popitem()


def position_of(entry: MessageOrPosition) -> int:
    """Where the store holds a message, 0 if it does not."""
    return entry if isinstance(entry, int) else entry.position
