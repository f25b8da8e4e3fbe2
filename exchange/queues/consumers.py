"""The consumers of one queue: whose turn it is, and what each gets.

They take turns: whoever was handed the last message comes last. Two things break into that: a
consumer of lower priority waits until none of higher priority takes messages, and in a queue with a
single active consumer only one of them takes any.

Only consumers that can take a message take part. One that is found to have no room is *blocked*: it
leaves the turns, and comes back as the last of them when there is room again (`Consumer.block`). So
what is done for a message does not depend on how many consumers are full.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from warrener.exchange.consumer import UNLIMITED, Consumer
from warrener.exchange.errors import AccessRefused
from warrener.exchange.queues.turns import Turns

if TYPE_CHECKING:
    from warrener.exchange.channel import Channel
    from warrener.exchange.queues.ready import Ready, Taken

Takers = tuple[Sequence[Consumer], int, int]
"""Consumers in turn, for how many messages each is good, and for how many bytes together."""

NO_TAKERS: Takers = ((), 0, 0)


class Consumers:
    """The consumers of one queue.

    `single_active` says that one at a time is served. If `yields`, it gives way to one of higher
    priority once it has settled what it was given, as in RabbitMQ's quorum queues.
    """

    __slots__ = ("_active", "_all", "_only", "_single_active", "_turns", "_yields")

    def __init__(self, single_active: bool, yields: bool = False) -> None:
        self._single_active = single_active
        self._yields = yields
        self._all: dict[Consumer, None] = {}
        self._only: Consumer | None = None
        """The one that is there, if there is exactly one: it needs no turns."""
        self._turns = Turns()
        """If there are several, those that are not blocked; with a single active consumer, all."""
        self._active: Consumer | None = None

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Consumer]:
        return iter(self._all)

    @property
    def active(self) -> Consumer | None:
        """With a single active consumer, the one that is; it stays until it leaves or yields, and
        is followed by the oldest of those with the highest priority."""
        active = self._active
        if active is not None and self._is_yielding(active) and not active.unacked:
            active = self._active = next(iter(self._turns.highest))
        return active

    def add(self, consumer: Consumer) -> None:
        """Raises: AccessRefused if one of the two wants the queue for itself."""
        if consumer.exclusive and (self._all or self._single_active):
            raise AccessRefused(f"queue '{consumer.queue.name}' in exclusive use")
        only = self._only
        if only is not None and only.exclusive:
            raise AccessRefused(f"queue '{consumer.queue.name}' in exclusive use")
        self._all[consumer] = None
        if self._single_active:
            self._turns.join(consumer)
            self._active = self._active or consumer
        elif len(self._all) == 1:
            self._only = consumer
        else:
            self._only = None
            for each in (consumer,) if only is None or only.blocked else (only, consumer):
                self._turns.join(each)

    def remove(self, consumer: Consumer) -> None:
        del self._all[consumer]
        if self._single_active:
            self._turns.leave(consumer)
            if consumer is self._active:
                self._active = next(iter(self._turns.highest), None)
        elif consumer is self._only:
            self._only = None
        else:
            if not consumer.blocked:
                self._turns.leave(consumer)
            if len(self._all) == 1:
                self._only = next(iter(self._all))
                if self._turns:
                    self._turns.leave(self._only)
        consumer.forget_block()

    def unblock(self, consumer: Consumer) -> None:
        """A consumer that was blocked takes part again."""
        if self._only is None and not self._single_active:
            self._turns.join(consumer)

    # Simple order: whoever is next gets the next message

    def takers(self, ready: Ready) -> Takers:
        """Those with room, in turn, no more than there are messages."""
        only = self._served_alone
        if only is not None:
            capacity = self._capacity(only)
            return ((only,), capacity, only.channel.outlet.room()) if capacity else NO_TAKERS
        waiting, typical = len(ready), ready.bytes // len(ready)
        while rank := self._turns.highest:
            takers, found = self._collect(rank, waiting, typical)
            if takers:
                return found
        return NO_TAKERS

    def deal(self, taken: Taken, takers: Sequence[Consumer]) -> None:
        """Give messages out in turn: to each taker a slice of the run."""
        messages, sequences, redelivered = taken
        hands, count = len(takers), len(messages)
        if hands == 1:
            takers[0].deliver(messages, sequences, redelivered)
        else:
            for seat, consumer in enumerate(takers[:count]):
                consumer.deliver(messages[seat::hands], sequences[seat::hands], redelivered)
        if self._only is None:
            last = count % hands
            self.served([*takers[last:], *takers[:last]] if count >= hands else takers[:count])

    # Any other order: who may have which message is known elsewhere

    @property
    def priorities(self) -> list[int]:
        """The priorities of those that can take messages, the highest first."""
        only = self._served_alone
        return self._turns.priorities if only is None else [only.priority]

    def able(
        self, priority: int, most: int, next_for: Callable[[Consumer], object]
    ) -> Sequence[Consumer]:
        """Those of one priority with room, in turn, at most so many.

        `next_for` says what there is for a consumer, None if there is nothing.
        """
        only = self._served_alone
        if only is not None:
            return (only,) if self._capacity(only) and next_for(only) is not None else ()
        able: list[Consumer] = []
        full: list[Consumer] = []
        for consumer in self._turns.of(priority):
            if len(able) >= most:
                break
            if consumer.capacity() <= 0:
                full.append(consumer)
            elif next_for(consumer) is not None:
                able.append(consumer)
        self._block(full)
        return able

    def served(self, consumers: Iterable[Consumer]) -> None:
        """Consumers were handed messages, the last of them the last message."""
        # With a single active consumer nobody takes turns, and age decides who follows it.
        if self._only is None and not self._single_active:
            for consumer in consumers:
                self._turns.move_to_end(consumer)

    # Who can take

    @property
    def _served_alone(self) -> Consumer | None:
        """The consumer for which nobody else's turn matters."""
        return self.active if self._single_active else self._only

    def _is_yielding(self, active: Consumer) -> bool:
        """Whether the active consumer has to make room for one of higher priority."""
        return self._yields and self._turns.is_above(active.priority)

    def _capacity(self, alone: Consumer) -> int:
        """How many messages the consumer that is served alone takes."""
        if alone.blocked or (self._single_active and self._is_yielding(alone)):
            return 0
        capacity = alone.capacity()
        if capacity <= 0:
            alone.block()
            return 0
        return capacity

    def _collect(
        self, rank: Iterable[Consumer], waiting: int, typical: int
    ) -> tuple[list[Consumer], Takers]:
        """Find takers in one rank, and block those that are full.

        There are no more of them than there are messages, or bytes of room for messages of
        `typical` size: what it takes to find them is in proportion to what they are given.
        """
        takers: list[Consumer] = []
        full: list[Consumer] = []
        limited: set[Channel] = set()
        share = room = UNLIMITED
        for consumer in rank:
            channel = consumer.channel
            if len(takers) >= waiting or channel in limited or len(takers) * typical >= room:
                break
            capacity = consumer.capacity()
            if capacity <= 0:
                full.append(consumer)
                continue
            takers.append(consumer)
            share, room = min(share, capacity), min(room, channel.outlet.room())
            if channel.prefetch:
                limited.add(channel)
        self._block(full)
        # A channel's limit is shared by its consumers: one message each, then look again.
        return takers, (takers, 1 if limited else share, room)

    def _block(self, full: Iterable[Consumer]) -> None:
        for consumer in full:
            self._turns.leave(consumer)
            consumer.block()
