"""A schedule: the queue of a delayed exchange, in which messages wait for their time.

It is a queue like any other for the ledger, so what waits in it is durable and comes back after
a restart with the time it is due; but no client may use it, and what is due is not given up but
routed on.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from warrener.exchange.delay import delivery_time
from warrener.exchange.message import Message, Properties
from warrener.exchange.queues.options import QueueOptions
from warrener.exchange.queues.queue import Queue
from warrener.exchange.queues.selection import Selection

if TYPE_CHECKING:
    from warrener.exchange.queues.host import Host
    from warrener.exchange.types.exchange import Exchange

SCHEDULE_PREFIX = "amq.delayed."
_OPTIONS = QueueOptions(holds_back=True)


class Schedule(Queue):
    """Messages that an exchange holds back; the exchange is its owner, which locks out clients.

    Nobody publishes here but by that exchange: else whoever may write to the default exchange could
    write to this one, and what names no time would wait for ever.
    """

    declared = False
    addressable = False
    __slots__ = ("_exchange",)

    def __init__(self, name: str, host: Host, exchange: Exchange, number: int) -> None:
        self._exchange = exchange
        super().__init__(
            name, host, durable=exchange.durable, owner=exchange, options=_OPTIONS, number=number
        )

    @property
    def groups(self) -> Collection[str]:
        return ()

    def deadline(self, properties: Properties, published: int) -> int | None:
        return delivery_time(properties, published)

    @property
    def buries(self) -> bool:
        return True

    def time_is_over(self, messages: Sequence[Message]) -> None:
        self._host.release(self._exchange, messages)
        self.forget(messages)

    def due_time(self, sequence: int) -> int | None:
        """When a message that waits is to be routed, in ms since 1970."""
        assert isinstance(self.ready, Selection), "times are kept by a selection"
        note = self.ready.notes.get(sequence)
        return None if note is None else note.deadline

    def expedite(self, sequence: int) -> bool:
        """Route a message now; returns whether it still waited."""
        message = self.withdraw(sequence)
        if message is not None:
            self._host.release(self._exchange, [message])
        return message is not None
