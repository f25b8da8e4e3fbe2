"""A waitlist: consumers that wait for the same room.

The room is the unwritten output that a connection may have, or the unacknowledged deliveries that a
channel may have. When there is room again the consumers are served one after the other, and each as
far as it takes, until there is none left. Whoever was served since it last waited comes last, so
the next room goes to somebody else: a queue with very many messages does not keep the consumers of
other queues waiting. Among the consumers of one queue the highest priority comes first. Those for
whom there is no room are not looked at.

A waitlist is pumped like a queue (`Pump`), at the end of the pass in which it was woken.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

from warrener.exchange.queues.turns import Turns

if TYPE_CHECKING:
    from warrener.exchange.consumer import Consumer
    from warrener.exchange.queues.queue import Queue

SERVED_MAX = 500
"""Consumers served in one pass, a few milliseconds if each takes a message."""


class Waitlist:
    """Consumers in the order in which they are served; `has_room` says whether one can be."""

    __slots__ = ("_has_room", "_served", "_unserved", "waiting")

    def __init__(self, has_room: Callable[[], bool]) -> None:
        self._unserved = _Line()
        """Those that have got nothing since they last waited; they come first."""
        self._served = _Line()
        self._has_room = has_room
        self.waiting = False
        """Whether the pump already knows that there is room."""

    def __len__(self) -> int:
        return len(self._unserved.order) + len(self._served.order)

    def add(self, consumer: Consumer) -> None:
        """Have a consumer wait."""
        (self._served if consumer.served else self._unserved).add(consumer)

    def discard(self, consumer: Consumer) -> None:
        """A consumer waits no longer, if it did."""
        self._unserved.discard(consumer)
        self._served.discard(consumer)

    def wake(self) -> None:
        """There may be room: see to it at the end of this pass."""
        first = self._first
        if first is not None and not self.waiting:
            first.queue.pump_along(self)

    def pump(self) -> None:
        """Serve consumers as long as there is room."""
        for _ in range(SERVED_MAX):
            consumer = self._next
            if consumer is None:
                return
            try:
                if not self._has_room():
                    return
                consumer.unblock()
            except Exception as error:
                # It is of this client alone; others are not to miss their turn.
                self.discard(consumer)
                consumer.channel.outlet.break_off(error)
                continue
            queue = consumer.queue
            if len(queue.ready) and not queue.suspended:
                queue.pump()
        if (consumer := self._first) is not None:
            consumer.queue.pump_later(self)

    def finish(self) -> None:
        """Nothing has been promised to anybody."""

    @property
    def _next(self) -> Consumer | None:
        """The consumer to serve next: of the first one's queue, one of the highest priority."""
        best = self._first
        if best is not None:
            for line in (self._unserved, self._served):
                turns = line.by_queue.get(best.queue)
                highest = next(iter(turns.highest)) if turns else best
                if highest.priority > best.priority:
                    best = highest
        return best

    @property
    def _first(self) -> Consumer | None:
        return next(iter(self._unserved.order or self._served.order), None)


class _Line:
    """Consumers in the order in which they came, and the same by queue and priority."""

    __slots__ = ("by_queue", "order")

    def __init__(self) -> None:
        self.order: OrderedDict[Consumer, None] = OrderedDict()
        self.by_queue: dict[Queue, Turns] = {}

    def add(self, consumer: Consumer) -> None:
        self.order[consumer] = None
        turns = self.by_queue.get(consumer.queue)
        if turns is None:
            turns = self.by_queue[consumer.queue] = Turns()
        turns.join(consumer)

    def discard(self, consumer: Consumer) -> None:
        if consumer in self.order:
            del self.order[consumer]
            turns = self.by_queue[consumer.queue]
            turns.leave(consumer)
            if not turns:
                del self.by_queue[consumer.queue]
