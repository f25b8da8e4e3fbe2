"""A route: where messages with one exchange and routing key go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from warrener.exchange.durability.records import message_head

if TYPE_CHECKING:
    from warrener.exchange.message import Properties
    from warrener.exchange.queues.queue import Queue
    from warrener.exchange.types import Exchange
    from warrener.exchange.window import Window

Windows: TypeAlias = "tuple[tuple[Exchange, Window], ...]"


class Route:
    """The queues a message goes to, each once, and what the ledger writes for them.

    `generation` is that of the virtual host when the route was found: once the host's is
    higher, the route is out of date. `lasting` is False for a route that depends on more than
    exchange and routing key and so holds for one message only. `observers` are the exchanges on
    the way that are shown each message, whether or not there is a queue. `rejecting` says that
    a queue, or the disk, may be too full to take a message. `windows` are those exchanges on the
    way that let a message through once only. `careful` says that each message must be looked at,
    for one of these reasons or because a queue deduplicates; from `start`, with all its routing
    `keys`, another way is found for one that was seen before.
    """

    __slots__ = (
        "careful",
        "generation",
        "head",
        "holders",
        "keys",
        "lasting",
        "observers",
        "queues",
        "rejecting",
        "start",
        "windows",
    )

    def __init__(
        self,
        exchange: str,
        routing_key: str,
        queues: tuple[Queue, ...],
        generation: int,
        *,
        lasting: bool,
        observers: tuple[Exchange, ...] = (),
        disk_is_full: bool = False,
        windows: Windows = (),
        start: Exchange | None = None,
        keys: Sequence[str] = (),
    ) -> None:
        self.queues = queues
        self.observers = observers
        self.windows = windows
        self.start = start
        self.keys = keys
        self.generation = generation
        self.lasting = lasting
        numbers = [queue.number for queue in queues if queue.number]
        self.holders = len(numbers)
        self.rejecting = any(queue.options.rejects for queue in queues) or (
            disk_is_full and self.holders > 0
        )
        self.careful = bool(
            self.rejecting or windows or any(queue.memory is not None for queue in queues)
        )
        self.head = message_head(numbers, exchange, routing_key) if numbers else b""

    def knowing(self, properties: Properties, now: int) -> set[Queue]:
        """The queues that do not want a message, as they have had one like it."""
        return {
            queue
            for queue in self.queues
            if queue.memory is not None and queue.memory.knows(properties, now)
        }
