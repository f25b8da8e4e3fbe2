"""The fanout exchange: every binding, whatever the routing key."""

from collections.abc import Iterable

from warrener.exchange.binding import Binding
from warrener.exchange.message import Properties
from warrener.exchange.types.bucket import Bucket
from warrener.exchange.types.exchange import Exchange


class FanoutExchange(Exchange):
    """All bindings in one bucket."""

    type = "fanout"
    matches_keys = False
    __slots__ = ("_bucket",)

    def prepare(self) -> None:
        self._bucket = Bucket()

    def index(self, binding: Binding) -> None:
        self._bucket.add(binding)

    def unindex(self, binding: Binding) -> None:
        self._bucket.remove(binding)

    def bucket(self, binding: Binding) -> Bucket:
        return self._bucket

    def match(self, routing_key: str, properties: Properties, now: int) -> Iterable[Binding]:
        return self._bucket.match(properties, now)
