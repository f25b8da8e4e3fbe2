"""A route: where messages with one exchange and routing key go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from warrener.exchange.ledger import message_head

if TYPE_CHECKING:
    from warrener.exchange.queue import Queue
    from warrener.exchange.types import Exchange


class Route:
    """The queues a message goes to, each once, and what the ledger writes for them.

    `generation` is that of the virtual host when the route was found: once the host's is
    higher, the route is out of date. `lasting` is False for a route that depends on more than
    exchange and routing key and so holds for one message only. `observers` are the exchanges on
    the way that are shown each message, whether or not there is a queue. `rejecting` says that
    a queue may be too full to take a message, so that each must be looked at.
    """

    __slots__ = ("generation", "head", "holders", "lasting", "observers", "queues", "rejecting")

    def __init__(
        self,
        exchange: str,
        routing_key: str,
        queues: tuple[Queue, ...],
        generation: int,
        lasting: bool,
        observers: tuple[Exchange, ...] = (),
    ) -> None:
        self.queues = queues
        self.observers = observers
        self.rejecting = any(queue.options.rejects for queue in queues)
        self.generation = generation
        self.lasting = lasting
        numbers = [queue.number for queue in queues if queue.number]
        self.holders = len(numbers)
        self.head = message_head(numbers, exchange, routing_key) if numbers else b""
