"""A waitlist: consumers that wait for the same room.

The room is the unwritten output that a connection may have, or the unacknowledged deliveries that a
channel may have. When there is room again the consumers are served one after the other, and each as
far as it takes, until there is none left. Whoever was served since it last waited comes last, so
the next room goes to somebody else: a queue with very many messages does not keep the consumers of
other queues waiting. Those for whom there is no room are not looked at.

A waitlist is pumped like a queue (`Pump`), at the end of the pass in which it was woken.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from warrener.exchange.consumer import Consumer

SERVED_MAX = 500
"""Consumers served in one pass, a few milliseconds if each takes a message."""


class Waitlist:
    """Consumers in the order in which they are served; `has_room` says whether one can be."""

    __slots__ = ("_has_room", "_served", "_unserved", "waiting")

    def __init__(self, has_room: Callable[[], bool]) -> None:
        self._unserved: OrderedDict[Consumer, None] = OrderedDict()
        """Those that have got nothing since they last waited; they come first."""
        self._served: OrderedDict[Consumer, None] = OrderedDict()
        self._has_room = has_room
        self.waiting = False
        """Whether the pump already knows that there is room."""

    def __len__(self) -> int:
        return len(self._unserved) + len(self._served)

    def add(self, consumer: Consumer) -> None:
        """Have a consumer wait."""
        (self._served if consumer.served else self._unserved)[consumer] = None

    def discard(self, consumer: Consumer) -> None:
        """A consumer waits no longer."""
        self._unserved.pop(consumer, None)
        self._served.pop(consumer, None)

    def wake(self) -> None:
        """There may be room: see to it at the end of this pass."""
        first = self._first
        if first is not None and not self.waiting:
            first.queue.pump_along(self)

    def pump(self) -> None:
        """Serve consumers as long as there is room."""
        for _ in range(SERVED_MAX):
            consumer = self._first
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
    def _first(self) -> Consumer | None:
        return next(iter(self._unserved or self._served), None)
