"""A consumer: one subscription of a channel to a queue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from warrener.exchange.statistics.counts import delivery_kind

if TYPE_CHECKING:
    from warrener.exchange.channel import Channel
    from warrener.exchange.filters.filter import Filter
    from warrener.exchange.message import Message
    from warrener.exchange.queues.queue import Queue
    from warrener.exchange.queues.waitlist import Waitlist

UNLIMITED = 1 << 62


class Delivery:
    """A message handed to one consumer and not yet acknowledged."""

    __slots__ = ("consumer", "message", "sequence")

    def __init__(self, consumer: Consumer, message: Message, sequence: int) -> None:
        self.consumer = consumer
        self.message = message
        self.sequence = sequence


class Consumer:
    """One subscription.

    With a `filter` it takes only messages that match; one of lower `priority` gets messages only
    while none of higher priority takes them.
    `prefetch` is how many deliveries may be unacknowledged at once, 0 for any number.
    `blocked` says that it was found to have no room for a delivery; until it has, it is not asked.
    `encoded` belongs to the shell, which keeps heads of frames there, by the size of the rest.
    """

    __slots__ = (
        "_waitlist",
        "arguments",
        "blocked",
        "channel",
        "counts_as",
        "encoded",
        "exclusive",
        "filter",
        "no_ack",
        "prefetch",
        "priority",
        "queue",
        "served",
        "tag",
        "unacked",
    )

    def __init__(
        self,
        channel: Channel,
        queue: Queue,
        tag: str,
        *,
        no_ack: bool = False,
        exclusive: bool = False,
        prefetch: int = 0,
        priority: int = 0,
        filter: Filter | None = None,
        arguments: Mapping[str, Any] | None = None,
    ) -> None:
        self.channel = channel
        self.queue = queue
        self.tag = tag
        self.no_ack = no_ack
        self.counts_as = delivery_kind(no_ack, asked=not tag)
        self.exclusive = exclusive
        self.prefetch = prefetch
        self.arguments = arguments or {}
        self.priority = priority
        self.filter = filter
        self.unacked = 0
        self.encoded: dict[int, bytes] = {}
        self.blocked = False
        self.served = False
        """Whether it has got anything since it was last blocked."""
        self._waitlist: Waitlist | None = None
        """Where it waits while it is blocked, unless by its own prefetch."""

    def capacity(self) -> int:
        """How many more messages this consumer takes now."""
        channel = self.channel
        if channel.outlet.room() <= 0:
            return 0
        if channel.prefetch:
            shared = channel.prefetch - channel.unacked_count
            if self.no_ack:
                # It does not count for the limit of the channel, but is held back by it.
                return UNLIMITED if shared > 0 else 0
            return min(shared, self.prefetch - self.unacked) if self.prefetch else shared
        if self.no_ack or not self.prefetch:
            return UNLIMITED
        return self.prefetch - self.unacked

    def block(self) -> None:
        """There is no room: wait where there will be some.

        If more than one limit is reached, one of them is waited for, and then the next.
        """
        self.blocked = True
        if self._is_full():
            return
        channel = self.channel
        waitlist = channel.waitlist if channel.is_full() else channel.outlet.waitlist
        waitlist.add(self)
        self._waitlist = waitlist

    def unblock(self) -> None:
        """There may be room again."""
        self.forget_block()
        self.served = False
        self.queue.consumers.unblock(self)

    def forget_block(self) -> None:
        self.blocked = False
        if self._waitlist is not None:
            self._waitlist.discard(self)
            self._waitlist = None

    def settled(self, count: int) -> None:
        """Deliveries of this consumer are not outstanding any more."""
        self.unacked -= count
        if self.blocked and self._waitlist is None and not self._is_full():
            self.unblock()

    def _is_full(self) -> bool:
        return bool(self.prefetch) and not self.no_ack and self.unacked >= self.prefetch

    def deliver(
        self, messages: Sequence[Message], sequences: Sequence[int], redelivered: bool
    ) -> None:
        self.served = True
        self.channel.deliver(self, messages, sequences, redelivered)
