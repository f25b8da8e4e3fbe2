"""The direct exchange: the routing key must equal the binding's."""

from collections.abc import Iterable

from warrener.exchange.binding import Binding
from warrener.exchange.message import Properties
from warrener.exchange.types.exchange import Exchange


class DirectExchange(Exchange):
    """Bindings by routing key."""

    type = "direct"
    __slots__ = ("_by_key",)

    def prepare(self) -> None:
        self._by_key: dict[str, list[Binding]] = {}

    def index(self, binding: Binding) -> None:
        self._by_key.setdefault(binding.routing_key, []).append(binding)

    def unindex(self, binding: Binding) -> None:
        peers = self._by_key[binding.routing_key]
        peers.remove(binding)
        if not peers:
            del self._by_key[binding.routing_key]

    def match(self, routing_key: str, properties: Properties) -> Iterable[Binding]:
        return self._by_key.get(routing_key, ())
