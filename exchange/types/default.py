"""The default exchange: every queue is bound to it by its own name, and nothing else can be."""

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING

from warrener.exchange.binding import Binding
from warrener.exchange.message import Properties
from warrener.exchange.types.exchange import Exchange

if TYPE_CHECKING:
    from warrener.exchange.queues.queue import Queue


class DefaultExchange(Exchange):
    """The nameless exchange of a virtual host; it looks into the host's own table of queues."""

    type = "direct"
    __slots__ = ("_queues",)

    def __init__(self, queues: "Mapping[str, Queue]") -> None:
        super().__init__("", durable=True)
        self._queues = queues

    @property
    def groups(self) -> Collection[str]:
        return ()

    def match(self, routing_key: str, properties: Properties, now: int) -> Iterable[Binding]:
        queue = self._queues.get(routing_key)
        if queue is None or not queue.addressable:
            return ()
        return (Binding(self, queue, routing_key),)
