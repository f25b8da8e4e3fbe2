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
    `encoded` belongs to the shell, which keeps heads of frames there, by the size of the rest.
    """

    __slots__ = (
        "arguments",
        "channel",
        "counts_as",
        "encoded",
        "exclusive",
        "filter",
        "no_ack",
        "prefetch",
        "priority",
        "queue",
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

    def capacity(self) -> int:
        """How many more messages this consumer takes now."""
        channel = self.channel
        if channel.outlet.room() <= 0:
            return 0
        if self.no_ack:
            return UNLIMITED
        capacity = self.prefetch - self.unacked if self.prefetch else UNLIMITED
        if channel.prefetch:
            capacity = min(capacity, channel.prefetch - channel.unacked_count)
        return capacity

    def deliver(
        self, messages: Sequence[Message], sequences: Sequence[int], redelivered: bool
    ) -> None:
        self.channel.deliver(self, messages, sequences, redelivered)
