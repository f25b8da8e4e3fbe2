"""Deliveries on their way back: what channels have let go of, and a queue has not gone through yet.

A client may acknowledge, reject or give back a hundred thousand deliveries at once, and so does
the end of its connection. A few are gone through at once. Many, or any when the budget of the pass
is used up, wait here, and the queue goes through them in its turns.

Until then they count as unacknowledged, and the ledger has not settled them: a rejected message is
settled in the same pass, hence in the same commit, in which its dead letter is written. After a
crash in between, those that were not gone through yet are in the queue again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from enum import Enum
from typing import TYPE_CHECKING

from warrener.exchange.budget import (
    BYTES_REWRITTEN,
    COUNTED,
    ENQUEUED,
    REQUEUED,
    REWRITTEN,
    ROUTED,
    SETTLED,
)
from warrener.exchange.durability.records import Return
from warrener.exchange.queues.dead_letter import DELIVERY_COUNT
from warrener.exchange.queues.reasons import DELIVERY_LIMIT

if TYPE_CHECKING:
    from warrener.exchange.budget import Budget
    from warrener.exchange.consumer import Delivery
    from warrener.exchange.queues.queue import Queue
    from warrener.exchange.queues.selection import Selection


class Outcome(Enum):
    """What becomes of a delivery."""

    ACKNOWLEDGED = "acknowledged"
    REJECTED = "rejected"
    """It is not wanted: a dead letter, or gone."""
    REQUEUED = "requeued"
    """Its consumer gives it back, and something else than the message is the reason."""
    FAILED = "failed"
    """It is put back, and something was wrong with it, or with whoever had it."""
    RELEASED = "released"
    """The broker takes it from its consumer and puts it back as if it had never been delivered."""

    @property
    def puts_back(self) -> bool:
        return self in (Outcome.REQUEUED, Outcome.FAILED, Outcome.RELEASED)


def put_back_as(failed: bool) -> Outcome:
    """The outcome of what a consumer gives back."""
    return Outcome.FAILED if failed else Outcome.REQUEUED


def apply(queue: Queue, outcome: Outcome, deliveries: Sequence[Delivery]) -> None:
    """Have the outcome of deliveries come to pass now; a queue that fails at it is suspended."""
    try:
        if outcome is Outcome.ACKNOWLEDGED:
            queue.settle(deliveries)
        elif outcome is Outcome.REJECTED:
            queue.reject(deliveries)
        else:
            requeue(queue, deliveries, outcome)
    except Exception as error:
        queue.suspend(error)


def requeue(queue: Queue, deliveries: Sequence[Delivery], outcome: Outcome) -> None:
    """Put delivered messages back to where they were taken from.

    A queue that counts gives up a message that has failed too often. Where messages are retried
    with a delay, they are held back, unless the broker has released them.
    """
    counts = queue.options.counts and not queue.deleted and outcome is not Outcome.RELEASED
    failed = outcome is Outcome.FAILED
    queue.budget.spend((COUNTED if counts else REQUEUED) * len(deliveries))
    for delivery in deliveries:
        if counts:
            _count(queue, queue.select(), delivery, failed)
        elif queue.deleted:
            queue.forget([queue.out_no_more(delivery)])
        else:
            queue.ready.give_back(delivery.sequence, queue.out_no_more(delivery))
    queue.put_back()


def _count(queue: Queue, selection: Selection, delivery: Delivery, failed: bool) -> None:
    """Put one message back into a queue that counts, or give it up."""
    sequence, options, ledger = delivery.sequence, queue.options, queue.ledger
    notes, limit, retry = selection.notes, options.delivery_limit, options.retry
    count = notes.count_failure(sequence) if failed else notes.failures(sequence)
    if limit is not None and count > limit:
        queue.reject([delivery], DELIVERY_LIMIT)
        return
    message = queue.out_no_more(delivery)
    if failed:
        queue.budget.spend(ledger.codec.properties_bytes(message) // BYTES_REWRITTEN)
        message = ledger.with_headers(message, {DELIVERY_COUNT: count})
    delay = 0 if retry is None else retry.delay(count, failed)
    not_before = ledger.now_ms + delay if delay else 0
    selection.give_back(sequence, message, not_before)
    if queue.number and message.position and (failed or delay):
        ledger.returned(queue, Return(message.position, count, not_before))


class Returning:
    """Deliveries of one queue that wait to be gone through, in batches that came at once."""

    __slots__ = ("_batches", "_queue", "_reached")

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._batches: deque[tuple[Outcome, Sequence[Delivery]]] = deque()
        self._reached = 0
        """How many of the first batch are done with."""

    def __bool__(self) -> bool:
        return bool(self._batches)

    @property
    def puts_back(self) -> bool:
        """Whether messages are on their way to places that may be before all that wait."""
        return any(outcome.puts_back for outcome, _ in self._batches)

    def add(self, outcome: Outcome, deliveries: Sequence[Delivery]) -> None:
        self._batches.append((outcome, deliveries))

    def go_on(self, budget: Budget) -> None:
        """Go through deliveries until none is left or the turn is over."""
        while self._batches and not budget.exhausted and not self._queue.suspended:
            outcome, deliveries = self._batches[0]
            count = steps(self._queue, outcome, budget)
            part = deliveries[self._reached : self._reached + count]
            self._reached += len(part)
            if self._reached >= len(deliveries):
                self._batches.popleft()
                self._reached = 0
            apply(self._queue, outcome, part)

    def finish(self) -> None:
        """Settle what is acknowledged or dropped, which the clients take for done.

        The others are in the queue again after a restart.
        """
        for outcome, deliveries in self._batches:
            drops = outcome is Outcome.REJECTED and not self._queue.buries
            if outcome is Outcome.ACKNOWLEDGED or drops:
                apply(self._queue, outcome, deliveries[self._reached :])
            self._reached = 0
        self._batches.clear()


def total_cost(queue: Queue, outcome: Outcome, deliveries: Sequence[Delivery]) -> int:
    """What all deliveries cost, at least."""
    total = len(deliveries) * cost(queue, outcome)
    if rewrites(queue, outcome) and queue.budget.affords(total):
        size = queue.ledger.codec.properties_bytes
        total += sum([size(delivery.message) for delivery in deliveries]) // BYTES_REWRITTEN
    return total


def rewrites(queue: Queue, outcome: Outcome) -> bool:
    """Whether each delivery gets other headers, which costs as much as its headers are long."""
    if outcome is Outcome.REJECTED:
        return queue.buries
    return outcome is Outcome.FAILED and queue.options.counts


def cost(queue: Queue, outcome: Outcome) -> int:
    """What one delivery without headers costs, at least; as much as a dead letter, if it may be
    one."""
    limited = outcome is Outcome.FAILED and queue.options.delivery_limit is not None
    if queue.buries and (limited or outcome is Outcome.REJECTED):
        return REWRITTEN + ROUTED + ENQUEUED
    return COUNTED if outcome.puts_back and queue.options.counts else _COSTS[outcome]


def steps(queue: Queue, outcome: Outcome, budget: Budget) -> int:
    """How many deliveries may be gone through in one step: one if each may get other headers, since
    what that costs is known when it is done."""
    return 1 if rewrites(queue, outcome) else budget.steps(cost(queue, outcome))


_COSTS = {
    Outcome.ACKNOWLEDGED: SETTLED,
    Outcome.REJECTED: SETTLED,
    Outcome.REQUEUED: REQUEUED,
    Outcome.FAILED: REQUEUED,
    Outcome.RELEASED: REQUEUED,
}
