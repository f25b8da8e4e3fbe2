"""The direct exchange: the routing key must equal the binding's."""

from collections.abc import Iterable

from warrener.exchange.binding import Binding
from warrener.exchange.message import Properties
from warrener.exchange.types.bucket import Bucket
from warrener.exchange.types.exchange import Exchange


class DirectExchange(Exchange):
    """Buckets by routing key."""

    type = "direct"
    __slots__ = ("_by_key",)

    def prepare(self) -> None:
        self._by_key: dict[str, Bucket] = {}

    def index(self, binding: Binding) -> None:
        self._by_key.setdefault(binding.routing_key, Bucket()).add(binding)

    def unindex(self, binding: Binding) -> None:
        bucket = self._by_key[binding.routing_key]
        bucket.remove(binding)
        if not bucket:
            del self._by_key[binding.routing_key]

    def bucket(self, binding: Binding) -> Bucket:
        return self._by_key[binding.routing_key]

    def match(self, routing_key: str, properties: Properties, now: int) -> Iterable[Binding]:
        bucket = self._by_key.get(routing_key)
        return () if bucket is None else bucket.match(properties, now)
