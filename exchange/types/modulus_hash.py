"""The modulus hash exchange: each message to one binding, by the hash of its routing key.

The bindings stand in the order of their destinations' names, and the hash of the routing key,
modulo their number, says which one. All have the same share. Any binding that is added or
removed moves most keys to another destination: where that matters, x-consistent-hash is better.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable

from warrener.exchange.binding import Binding
from warrener.exchange.message import Properties
from warrener.exchange.types.bucket import Bucket
from warrener.exchange.types.digest import digest, place
from warrener.exchange.types.exchange import Exchange


class ModulusHashExchange(Exchange):
    """All bindings in one bucket, and in their order."""

    type = "x-modulus-hash"
    __slots__ = ("_bucket", "_order")

    def prepare(self) -> None:
        self._bucket = Bucket()
        self._order: list[Binding] = []

    def index(self, binding: Binding) -> None:
        self._bucket.add(binding)
        insort(self._order, binding, key=_order)

    def unindex(self, binding: Binding) -> None:
        self._bucket.remove(binding)
        at = bisect_left(self._order, _order(binding), key=_order)
        # Those that differ in their arguments only are next to each other.
        del self._order[self._order.index(binding, at)]

    def bucket(self, binding: Binding) -> Bucket:
        return self._bucket

    def match(self, routing_key: str, properties: Properties, now: int) -> Iterable[Binding]:
        candidates = self._order
        if self.filters:
            matching = set(self._bucket.match(properties, now))
            candidates = [binding for binding in candidates if binding in matching]
        if not candidates:
            return ()
        return (candidates[digest(routing_key) % len(candidates)],)


def _order(binding: Binding) -> tuple[str, str]:
    # By name, not by age: after a restart the bindings may stand in another order.
    return place(binding.destination), binding.routing_key
