"""The fanout exchange: every binding, whatever the routing key."""

from collections.abc import Iterable

from warrener.exchange.binding import Binding
from warrener.exchange.message import Properties
from warrener.exchange.types.exchange import Exchange


class FanoutExchange(Exchange):
    """All bindings."""

    type = "fanout"
    __slots__ = ()

    def index(self, binding: Binding) -> None:
        pass

    def unindex(self, binding: Binding) -> None:
        pass

    def match(self, routing_key: str, properties: Properties) -> Iterable[Binding]:
        return self.bindings.values()
