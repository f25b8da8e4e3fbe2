"""Browsing: look at the messages that wait in a queue, and leave everything as it is.

A look takes nothing out of the queue: order, marks and counts stay. It goes along the queue in
pieces, for a queue may be long; what the store holds is read a piece at a time and not kept. In
between others may take messages, which are then not seen, and add some, which are.

In a plain queue a look remembers how far it has come. In a `Selection`, which has its messages in
no order, it begins by sorting their places: some 30 ms for a million messages in order of arrival,
several times that with priorities.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from warrener.exchange.durability.ledger import Ledger
from warrener.exchange.message import Message
from warrener.exchange.queues.queue import Queue
from warrener.exchange.queues.ready import Queued
from warrener.exchange.queues.selection import Selection

PIECE_BYTES = 1 << 20
"""About how much is read back from the store at once, by the mean size of what waits."""


class Sight(NamedTuple):
    """A message that waits, and the number under which it does."""

    sequence: int
    message: Message
    redelivered: bool


class Look:
    """A walk along the waiting messages of one queue."""

    def __init__(self, queue: Queue, ledger: Ledger) -> None:
        self.queue = queue
        self._ledger = ledger
        self._next = 0
        self._places: Iterator[int] | None = None
        self.over = False
        """Whether the end was reached."""

    def piece(self, most: int) -> list[Sight]:
        """The next messages, in the order in which they would leave; at most so many.

        What the store cannot read is left out.
        """
        ready = self.queue.ready
        mean = ready.bytes // (len(ready) or 1)
        most = max(1, min(most, PIECE_BYTES // (mean or 1)))
        if isinstance(ready, Selection):
            waiting = self._selected(ready, most)
        else:
            waiting = ready.waiting_from(self._next, most)
            self.over = len(waiting) < most
        if waiting:
            self._next = waiting[-1].sequence + 1
        return self._read(waiting)

    def turn_back(self, sequence: int) -> None:
        """Go on from a message that was seen already."""
        self._next, self._places, self.over = sequence, None, False

    def _selected(self, selection: Selection, most: int) -> list[Queued]:
        if self._places is None:
            self._places = iter(selection.waiting.places_from(self._next))
        places = list(islice(self._places, most))
        self.over = len(places) < most
        found = []
        for sequence in [place >> 1 for place in places]:
            # It may have been out and back since: then it is redelivered by now.
            place = selection.waiting.place_of(sequence)
            if place is not None:
                found.append(Queued(sequence, selection.waiting[place], bool(place & 1)))
        return found

    def _read(self, waiting: list[Queued]) -> list[Sight]:
        positions = [each.entry for each in waiting if isinstance(each.entry, int)]
        loaded = {message.position: message for message in self._ledger.load(positions)}
        found = []
        for sequence, entry, redelivered in waiting:
            message = loaded.get(entry) if isinstance(entry, int) else entry
            if message is not None:
                found.append(Sight(sequence, message, redelivered))
        return found
