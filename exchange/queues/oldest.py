"""The oldest message of a queue: which it is, and since when it waits.

Nothing is kept for this: a stored message has its time in the store, beside it, and one that is
only in memory has none unless its publisher gave it one. What must be read from the store is read
for as long as that is cheap.

A `Selection` has its messages in the order in which they last came to wait. So one that had been
with a consumer and came back counts as younger than it is, and what is found is what waits at least
so long.
"""

from __future__ import annotations

from warrener.exchange.durability.ledger import Ledger
from warrener.exchange.message import Message
from warrener.exchange.queues.places import RANK_SHIFT
from warrener.exchange.queues.queue import Queue
from warrener.exchange.queues.ready import Ready

READ_BYTES_MAX = 64 * 1024
"""The largest message that is read from the store to know its time."""


def head(queue: Queue) -> Message | int | None:
    """The message that waits the longest, or where the store holds it; None if none waits."""
    ready = queue.ready
    if isinstance(ready, Ready):
        return ready.head
    places = [next(iter(each), None) for each in (ready.waiting.standing, ready.waiting.aside)]
    found = [place for place in places if place is not None]
    return ready.waiting[min(found, key=_sequence)] if found else None


def published(queue: Queue, ledger: Ledger) -> int | None:
    """When the oldest message came in, in ms since 1970; None if that is not known."""
    found = head(queue)
    if found is None:
        return None
    position = found if isinstance(found, int) else found.position
    # In a queue that does not last, the position of a message is that of other queues, which may
    # have settled it by now.
    if queue.number and position and _size(queue, found) <= READ_BYTES_MAX:
        for _, time in ledger.load_with_times([position]):
            return time
    timestamp = found.properties.timestamp if isinstance(found, Message) else None
    return None if timestamp is None else timestamp * 1000


def _sequence(place: int) -> int:
    """When a message came in, in the order of all: priorities stand above that."""
    return place >> 1 & (1 << RANK_SHIFT) - 1


def _size(queue: Queue, found: Message | int) -> int:
    """The size of a message, as far as it is known: else what they have on average."""
    if isinstance(found, Message):
        return len(found.content)
    return queue.ready.bytes // (len(queue.ready) or 1)
