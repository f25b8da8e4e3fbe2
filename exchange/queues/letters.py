"""Dead letters that are alike: what one of them has cost to make need not be paid for the next.

When a queue gives up many messages at once they mostly came from the same publishers, and have the
same properties and the same place. Their dead letters differ in the body alone: the account of
deaths, which names the second, is the same for all of them, and so is the way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from warrener.exchange.queues.dead_letter import dead_letter

if TYPE_CHECKING:
    from warrener.exchange.durability.ledger import Codec
    from warrener.exchange.message import Message
    from warrener.exchange.queues.queue import Queue
    from warrener.exchange.route import Route

REMEMBERED_MAX = 64
"""Letters remembered for a virtual host: enough for the publishers of a queue that is given up."""
SECOND_MS = 1000
"""What the times of deaths are told in."""


class Way(NamedTuple):
    """Where a dead letter goes, and which queues it has died in before."""

    route: Route
    closed: list[Queue]


class Letter(NamedTuple):
    """A dead letter, its way, and what both were made from."""

    message: Message
    way: Way
    original: Message
    options: object


class Letters:
    """The dead letters of one virtual host that were made last, each with its way."""

    __slots__ = ("_codec", "_find", "_known")

    def __init__(self, codec: Codec, find: Callable[[Message], Way]) -> None:
        """`find` finds the way of a dead letter."""
        self._codec = codec
        self._find = find
        self._known: dict[tuple[object, ...], Letter] = {}

    def make(
        self, queue: Queue, message: Message, reason: str, now: int, generation: int
    ) -> tuple[Message, Way, bool]:
        """The message as it leaves `queue`, its way, and whether both were known.

        A way counts for a `generation` of the topology.
        """
        # By identity: what is remembered is kept, so no other object can have its id.
        names = id(queue.options), id(message.envelope), id(message.properties)
        key = (queue, reason, now // SECOND_MS, generation, *names)
        known = self._known.get(key)
        if known is not None:
            return self._codec.liken(message, known.message), known.way, True
        letter = dead_letter(self._codec, queue, message, reason, now)
        way = self._find(letter)
        if way.route.lasting:
            if len(self._known) >= REMEMBERED_MAX:
                self._known.clear()
            self._known[key] = Letter(letter, way, message, queue.options)
        return letter, way, False
