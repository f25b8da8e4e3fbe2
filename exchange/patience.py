"""Patience: how long a client may leave a delivery unacknowledged.

Longer than the timeout, and it is taken back, so that its message goes to somebody else. Times are
remembered for whole stretches of delivery tags, not for each delivery: everything that goes out
within a *step*, a part of the timeout, has the deadline that ends the step. So a channel remembers
at most STEPS times for each timeout among its queues, and a delivery is found out up to one step
late. Whether anything of a stretch is still outstanding is asked when its deadline comes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from warrener.exchange.channel import Channel
    from warrener.exchange.deadlines import Deadlines
    from warrener.exchange.queues.queue import Queue

STEPS = 64


class Patience:
    """What a channel owes an answer for, and until when.

    `timeout_ms` holds for queues that say nothing, 0 for no timeout. `on_timeout` is called with
    the timeout that is over and the tags of the deliveries for which it is.
    """

    __slots__ = ("_channel", "_deadlines", "_on_timeout", "_stretches", "timeout_ms")

    def __init__(
        self,
        channel: Channel,
        deadlines: Deadlines,
        timeout_ms: int,
        on_timeout: Callable[[int, list[int]], None],
    ) -> None:
        self.timeout_ms = timeout_ms
        self._channel = channel
        self._deadlines = deadlines
        self._on_timeout = on_timeout
        self._stretches: dict[int, Stretches] = {}
        """By timeout."""

    def timeout_of(self, queue: Queue) -> int:
        """The timeout that holds for deliveries of a queue; 0 for none."""
        own = queue.options.consumer_timeout_ms
        return self.timeout_ms if own is None else own

    def delivered(self, timeout: int, first_tag: int, now: int) -> None:
        """A run of deliveries that begins with `first_tag` has gone out, with a timeout."""
        stretches = self._stretches.get(timeout)
        if stretches is None:
            stretches = self._stretches[timeout] = Stretches(self, timeout)
        deadline = stretches.add(first_tag, now)
        if deadline is not None:
            self._deadlines.schedule(deadline, stretches)

    def end(self) -> None:
        """The channel is at its end: nothing is waited for any more."""
        for stretches in self._stretches.values():
            self._deadlines.cancel(stretches)
            stretches.clear()
        self._stretches.clear()

    def suspend(self, error: Exception) -> None:
        """A deadline could not be dealt with: the client is given up."""
        self._channel.outlet.break_off(error)

    def check(self, stretches: Stretches, before: int) -> None:
        """The deadline of deliveries with tags below `before` (0 for all there are) has come."""
        overdue = []
        for tag, delivery in self._channel.outstanding().items():
            if before and tag >= before:
                break
            if self.timeout_of(delivery.consumer.queue) == stretches.timeout:
                overdue.append(tag)
        if overdue:
            self._on_timeout(stretches.timeout, overdue)
        deadline = stretches.next_deadline
        if deadline is not None:
            self._deadlines.schedule(deadline, stretches)


class Stretches:
    """The delivery tags of one channel and timeout, in stretches with the same deadline."""

    __slots__ = ("_firsts", "_patience", "_step", "next_due", "timeout")

    def __init__(self, patience: Patience, timeout: int) -> None:
        self.timeout = timeout
        self.next_due: int | None = None
        self._patience = patience
        self._step = max(1, timeout // STEPS)
        self._firsts: deque[tuple[int, int]] = deque()
        """Deadline and first tag of each stretch; it reaches to the first tag of the next."""

    @property
    def next_deadline(self) -> int | None:
        return self._firsts[0][0] if self._firsts else None

    def add(self, first_tag: int, now: int) -> int | None:
        """Deliveries from `first_tag` on go out; returns the deadline if they begin a stretch."""
        deadline = now - now % self._step + self._step + self.timeout
        if self._firsts and self._firsts[-1][0] >= deadline:
            return None
        self._firsts.append((deadline, first_tag))
        return deadline

    def clear(self) -> None:
        self._firsts.clear()

    def due(self, now: int) -> None:
        while self._firsts and self._firsts[0][0] <= now:
            self._firsts.popleft()
        self._patience.check(self, self._firsts[0][1] if self._firsts else 0)

    def suspend(self, error: Exception) -> None:
        self._patience.suspend(error)
