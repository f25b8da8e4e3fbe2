"""Limits of a queue's length: whether it is full, and what becomes of what is too much.

A queue that does not refuse messages gives up those at its head. It may be too long for a while:
if they are more than its turn allows (a policy has made the limit lower, or each of them becomes a
dead letter), it goes on in its next turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from warrener.exchange.budget import SETTLED
from warrener.exchange.queues.options import REJECT_PUBLISH_DLX
from warrener.exchange.queues.reasons import MAXLEN

if TYPE_CHECKING:
    from warrener.exchange.budget import Budget
    from warrener.exchange.message import Message
    from warrener.exchange.queues.queue import Queue

ANY_SIZE = 1 << 62
ROOM_UNITS = 200
"""Work that a queue may do to have room for one message when nothing is left of the budget."""
DROPPED_MAX = 1000
"""Messages that are taken from the head of a queue at once to be dropped."""


def is_full(queue: Queue, size: int, count: int = 1) -> bool:
    """Whether `count` more messages, `size` bytes together, would be too many."""
    most, most_bytes, unrouted = queue.options.max_length, queue.options.max_bytes, queue.unrouted
    if unrouted is not None:
        count, size = count + len(unrouted), size + unrouted.bytes
    return (most is not None and len(queue.ready) + count > most) or (
        most_bytes is not None and queue.ready.bytes + size > most_bytes
    )


def make_room(queue: Queue) -> None:
    """Have a queue do now what it would do at the end of the pass: hand out, and let go what is
    over its time. Had its messages come in passes of their own, it would have done so already.

    It does a part of that even if the budget of the pass is used up: what a queue can take does not
    depend on how busy the broker is."""
    lent = queue.budget.lend(ROOM_UNITS)
    queue.pump()
    try:
        if not queue.suspended:
            queue.let_go(queue.ledger.now_ms)
    except Exception as error:
        queue.suspend(error)
    queue.budget.spend(lent)


def refuse(queue: Queue, messages: Sequence[Message]) -> None:
    """Messages do not come in because the queue is full."""
    if queue.options.overflow == REJECT_PUBLISH_DLX:
        queue.bury(messages, MAXLEN)


def drop_excess(queue: Queue, budget: Budget) -> bool:
    """Give up messages at the head until the queue is no longer than it may be, or its turn is
    over; returns whether it is still too long."""
    options, ready = queue.options, queue.ready
    while excess := 0 if options.rejects else options.excess(len(ready), ready.bytes):
        if budget.exhausted:
            return True
        count = 1 if queue.buries else min(excess, DROPPED_MAX, budget.steps(SETTLED))
        messages, sequences, _ = ready.take(count, ANY_SIZE if count > 1 else 0)
        queue.bury(messages, MAXLEN)
        queue.handed_over(messages, sequences)
        budget.spend(SETTLED * len(sequences) or SETTLED)
        ready = queue.ready
    return False
