"""A deal: messages given to consumers in turn, one at a time, each as far as it can take them.

Nobody is dealt more than it has capacity for. Which message is next for whom is asked of whoever
has them; here it is only counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from warrener.exchange.message import DELIVERY_BYTES
from warrener.exchange.queues.waiting import MessageOrPosition

if TYPE_CHECKING:
    from warrener.exchange.channel import Channel
    from warrener.exchange.consumer import Consumer

DEALT_MAX = 256
"""Messages a consumer is dealt at once."""

Card = tuple[int, MessageOrPosition]
"""The place of a message, and the message or its position."""


def deal(
    consumers: Iterable[Consumer], draw: Callable[[Consumer], Card | None], typical: int
) -> list[tuple[Consumer, list[Card]]]:
    """Deal what `draw` takes out for a consumer, until there is nothing more or no more capacity.

    What is only a position counts as `typical` bytes. Who was dealt the last message comes last.
    """
    left = _shares(consumers)
    room = {c.channel.outlet: c.channel.outlet.room() for c in left}
    shared = _shared_channels(left)
    served: set[Channel] = set()
    hands: dict[Consumer, list[Card]] = {}
    while left:
        for consumer in list(left):
            channel = consumer.channel
            if channel in served:
                # Its limit is shared: look again what that message leaves of it.
                return _in_order(hands)
            card = None
            if left[consumer] > 0 and room[channel.outlet] > 0:
                card = draw(consumer)
            if card is None:
                del left[consumer]
                continue
            hands.setdefault(consumer, []).append(card)
            left[consumer] -= 1
            _, entry = card
            size = typical if isinstance(entry, int) else len(entry.content)
            room[channel.outlet] -= size + DELIVERY_BYTES
            if channel in shared:
                served.add(channel)
    return _in_order(hands)


def _in_order(hands: dict[Consumer, list[Card]]) -> list[tuple[Consumer, list[Card]]]:
    # Of those who had a message in the last round, the last in turn comes last.
    return sorted(hands.items(), key=lambda dealt: len(dealt[1]))


def _shares(consumers: Iterable[Consumer]) -> dict[Consumer, int]:
    """How many messages each consumer may be dealt, those that take none left out."""
    shares = {consumer: min(consumer.capacity(), DEALT_MAX) for consumer in consumers}
    return {consumer: share for consumer, share in shares.items() if share > 0}


def _shared_channels(consumers: Iterable[Consumer]) -> set[Channel]:
    """The channels with a limit that several of the consumers share."""
    limited = Counter(consumer.channel for consumer in consumers if consumer.channel.prefetch)
    return {channel for channel, count in limited.items() if count > 1}
