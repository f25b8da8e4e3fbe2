"""The consumers of one queue: whose turn it is, and what each gets.

They stand in a circle: whoever was handed the last message comes last. Two things break into
that: a consumer of lower priority waits until none of higher priority takes messages, and in a
queue with a single active consumer only one of them takes any.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from warrener.exchange.consumer import Consumer
from warrener.exchange.errors import AccessRefused

if TYPE_CHECKING:
    from warrener.exchange.queues.ready import Taken


class Consumers:
    """The consumers of one queue; `single_active` says that one at a time is served."""

    __slots__ = ("_circle", "_single_active", "active")

    def __init__(self, single_active: bool) -> None:
        self._circle: deque[Consumer] = deque()
        self._single_active = single_active
        self.active: Consumer | None = None
        """With a single active consumer, the one that is; it stays until it leaves, and is
        followed by the oldest of those with the highest priority."""

    def __len__(self) -> int:
        return len(self._circle)

    def __iter__(self) -> Iterator[Consumer]:
        return iter(self._circle)

    def add(self, consumer: Consumer) -> None:
        """Raises: AccessRefused if one of the two wants the queue for itself."""
        if self._circle and (consumer.exclusive or self._circle[0].exclusive):
            raise AccessRefused(f"queue '{consumer.queue.name}' in exclusive use")
        self._circle.append(consumer)
        self.active = self.active or consumer

    def remove(self, consumer: Consumer) -> None:
        self._circle.remove(consumer)
        if consumer is self.active:
            self.active = max(self._circle, key=lambda c: c.priority, default=None)

    def able(self) -> Sequence[Consumer]:
        """Those that may be given messages, in turn."""
        if not self._single_active:
            return self._circle
        return [] if self.active is None else [self.active]

    def takers(self, waiting: int) -> tuple[list[Consumer], int]:
        """Those with capacity, in turn, no more than there are messages `waiting`; and for how
        many messages each is good."""
        takers: list[Consumer] = []
        limited = set()
        ranked = self._single_active or any(c.priority for c in self._circle)
        for consumer in self._most_important() if ranked else self._circle:
            if len(takers) == waiting or consumer.channel in limited:
                break
            if consumer.capacity() <= 0:
                continue
            if consumer.channel.prefetch:
                limited.add(consumer.channel)
            takers.append(consumer)
        if limited and len(self._circle) > 1:
            # A channel's limit is shared by its consumers: one message each, then look again.
            return takers, 1
        return takers, min([consumer.capacity() for consumer in takers], default=0)

    def deal(self, taken: Taken, takers: Sequence[Consumer]) -> None:
        """Give messages out in turn: to each taker a slice of the run."""
        messages, sequences, redelivered = taken
        hands = len(takers)
        for seat, consumer in enumerate(takers[: len(messages)]):
            consumer.deliver(messages[seat::hands], sequences[seat::hands], redelivered)
        if len(self._circle) > 1:
            self.served(takers[(len(messages) - 1) % hands])

    def served(self, last: Consumer) -> None:
        """`last` was handed the last message: the one after it is the next."""
        # With a single active consumer nobody takes turns, and age decides who follows it.
        if len(self._circle) > 1 and not self._single_active:
            self._circle.rotate(-self._circle.index(last) - 1)

    def _most_important(self) -> Iterable[Consumer]:
        """The consumers that come first: of those with capacity, the ones of highest priority."""
        able = [consumer for consumer in self.able() if consumer.capacity() > 0]
        highest = max((consumer.priority for consumer in able), default=0)
        return [consumer for consumer in able if consumer.priority == highest]
