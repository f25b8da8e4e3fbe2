"""A queue: messages that wait, consumers that take them.

A message is in one of three states: *ready* (waiting, `Ready` keeps the order), *unacked* (with
a consumer, its channel keeps the delivery) or gone. Every move between them is a method here:

    enqueue   -> ready                       take, pump   ready -> unacked
    settle    unacked -> gone                requeue      unacked -> ready, at its old place
    purge     ready -> gone

Handing out is done in runs, not message by message: `pump` asks each consumer how many it
takes, removes that many from the head at once and deals them out in turn.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from warrener.exchange.consumer import Consumer, Delivery
from warrener.exchange.errors import AccessRefused
from warrener.exchange.ready import Ready, Taken
from warrener.exchange.selection import Selection

if TYPE_CHECKING:
    from warrener.exchange.ledger import Ledger
    from warrener.exchange.message import Message
    from warrener.exchange.pump import Pump


@dataclass(frozen=True, slots=True)
class QueueStatistics:
    """Counts of one queue at one moment; bytes are those of the content as it travels."""

    name: str
    messages_ready: int
    messages_unacked: int
    bytes_ready: int
    bytes_unacked: int
    consumers: int


class Queue:
    """One queue of a virtual host.

    `number` names it in the ledger and is 0 for a queue that does not outlive the broker.
    `owner` is the connection an exclusive queue belongs to.
    """

    __slots__ = (
        "_ledger",
        "_pump",
        "arguments",
        "auto_delete",
        "consumers",
        "deleted",
        "durable",
        "name",
        "number",
        "owner",
        "ready",
        "settled",
        "unacked",
        "unacked_bytes",
        "waiting",
    )

    def __init__(
        self,
        name: str,
        ledger: Ledger,
        pump: Pump,
        *,
        durable: bool = False,
        auto_delete: bool = False,
        owner: object | None = None,
        arguments: Mapping[str, Any] | None = None,
        number: int = 0,
    ) -> None:
        self.name = name
        self.durable = durable
        self.auto_delete = auto_delete
        self.owner = owner
        self.arguments = dict(arguments or {})
        self.number = number
        self.ready: Ready | Selection = Ready(ledger.load if number else None)
        self.consumers: deque[Consumer] = deque()
        self.unacked = 0
        self.unacked_bytes = 0
        self.waiting = False
        """Whether the pump already knows that there is something to hand out here."""
        self.settled: list[int] = []
        """Positions settled since the ledger last wrote them down."""
        self.deleted = False
        self._ledger = ledger
        self._pump = pump

    def __repr__(self) -> str:
        return f"<Queue {self.name!r} ready={len(self.ready)} unacked={self.unacked}>"

    @property
    def exclusive(self) -> bool:
        return self.owner is not None

    # Messages in and out

    def enqueue(self, messages: Sequence[Message], size: int) -> None:
        """Add messages with `size` bytes of content in total at the end."""
        self.ready.extend(messages, size)
        if self.consumers and not self.waiting:
            self._pump.wake(self)

    def pump(self) -> None:
        """Hand out ready messages, in turn, until none is left or no consumer takes more."""
        if isinstance(self.ready, Selection):
            self._pump_selection(self.ready)
            return
        while waiting := len(self.ready):
            takers = self._takers(waiting)
            if not takers:
                return
            share = 1 if self._limits_are_shared() else min([c.capacity() for c in takers])
            room = min([consumer.channel.outlet.room() for consumer in takers])
            taken = self.ready.take(share * len(takers), room)
            if taken.messages:
                self._deal(taken, takers)

    def take(self, consumer: Consumer) -> Taken | None:
        """Take the message at the head for `consumer`, which has room for exactly one."""
        if not len(self.ready):
            return None
        taken = self.ready.take(1, 0)
        if not taken.messages:
            return None
        consumer.deliver(*taken)
        return taken

    def handed_out(self, messages: Sequence[Message]) -> None:
        """Count messages that are now with a consumer that will acknowledge them."""
        self.unacked += len(messages)
        self.unacked_bytes += sum([len(message.content) for message in messages])

    def settle(self, messages: Sequence[Message]) -> None:
        """Delivered messages are done with."""
        self.unacked -= len(messages)
        self.unacked_bytes -= sum([len(message.content) for message in messages])
        self.settle_unseen(messages)

    def settle_unseen(self, messages: Sequence[Message]) -> None:
        """Messages are done with that were never counted as unacknowledged."""
        if self.number:
            for message in messages:
                if message.position:
                    self._ledger.settle(self, message.position)

    def requeue(self, deliveries: Iterable[Delivery]) -> None:
        """Put delivered messages back to where they were taken from."""
        for delivery in deliveries:
            message = delivery.message
            self.unacked -= 1
            self.unacked_bytes -= len(message.content)
            if not self.deleted:
                self.ready.give_back(delivery.sequence, message)
            elif self.number:
                self._ledger.forget(message.position)
        self.wake()

    def restore(self, positions: Sequence[int], size: int) -> None:
        """After a restart: the messages at `positions`, `size` bytes together, wait here."""
        assert isinstance(self.ready, Ready), "nobody consumes from a queue before it is restored"
        self.ready.restore(positions, size)

    def purge(self) -> int:
        """Drop every ready message; returns how many there were."""
        count = len(self.ready)
        if self.number:
            for position in self.ready.stored_positions():
                self._ledger.settle(self, position)
        self.ready.clear()
        return count

    def delete(self) -> int:
        """End this queue: its ready messages go; returns how many there were."""
        self.deleted = True
        return self.purge()

    # Consumers

    def add_consumer(self, consumer: Consumer) -> None:
        """Raises: AccessRefused if one of the two wants the queue for itself."""
        if self.consumers and (consumer.exclusive or self.consumers[0].exclusive):
            raise AccessRefused(f"queue '{self.name}' in exclusive use")
        self.consumers.append(consumer)
        if consumer.filter is not None:
            if not isinstance(self.ready, Selection):
                self.ready = Selection(self._ledger, bool(self.number), self.ready)
            self.ready.add_filter(consumer.filter)
        self.wake()

    def remove_consumer(self, consumer: Consumer) -> None:
        self.consumers.remove(consumer)
        if consumer.filter is not None:
            assert isinstance(self.ready, Selection), "a consumer with a filter is there"
            self.ready.remove_filter(consumer.filter)
            self._simplify()

    def wake(self) -> None:
        """Something changed that may let a waiting message go."""
        if self.consumers and not self.waiting and len(self.ready):
            self._pump.wake(self)

    def statistics(self) -> QueueStatistics:
        return QueueStatistics(
            name=self.name,
            messages_ready=len(self.ready),
            messages_unacked=self.unacked,
            bytes_ready=self.ready.bytes,
            bytes_unacked=self.unacked_bytes,
            consumers=len(self.consumers),
        )

    def _pump_selection(self, selection: Selection) -> None:
        if selection.examine():
            self._pump.wake_later(self)
        for priority in sorted({consumer.priority for consumer in self.consumers}, reverse=True):
            while hands := selection.deal([c for c in self.consumers if c.priority == priority]):
                for consumer, taken in hands:
                    consumer.deliver(*taken)
                self.consumers.rotate(-sum([len(taken.messages) for _, taken in hands]))
        self._simplify()

    def _simplify(self) -> None:
        """Go back to plain order once nobody chooses and nothing waits."""
        if isinstance(self.ready, Selection) and not self.ready.selective and not len(self.ready):
            load = self._ledger.load if self.number else None
            self.ready = Ready(load, self.ready.next_sequence)

    def _most_important(self) -> Iterable[Consumer]:
        """The consumers that come first: of those with capacity, the ones of highest priority."""
        able = [consumer for consumer in self.consumers if consumer.capacity() > 0]
        highest = max((consumer.priority for consumer in able), default=0)
        return [consumer for consumer in able if consumer.priority == highest]

    def _takers(self, waiting: int) -> list[Consumer]:
        """Consumers with capacity, in turn, no more than there are messages."""
        takers: list[Consumer] = []
        prioritised = any(consumer.priority for consumer in self.consumers)
        for consumer in self._most_important() if prioritised else self.consumers:
            if len(takers) == waiting:
                break
            if consumer.capacity() > 0:
                if consumer.channel.prefetch:
                    # Its limit is shared with others of the channel: one taker, one message.
                    return takers or [consumer]
                takers.append(consumer)
        return takers

    def _limits_are_shared(self) -> bool:
        """Whether a turn may change what others can take: then each gets one at a time."""
        return len(self.consumers) > 1 and any(
            consumer.channel.prefetch and consumer.capacity() > 0 for consumer in self.consumers
        )

    def _deal(self, taken: Taken, takers: list[Consumer]) -> None:
        messages, sequences, redelivered = taken
        hands = len(takers)
        for seat, consumer in enumerate(takers[: len(messages)]):
            consumer.deliver(messages[seat::hands], sequences[seat::hands], redelivered)
        if len(self.consumers) > 1:
            last = takers[(len(messages) - 1) % hands]
            self.consumers.rotate(-1 - self.consumers.index(last))
