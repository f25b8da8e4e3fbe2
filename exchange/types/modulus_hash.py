"""The modulus hash exchange: each message to one binding, by the hash of its routing key.

The bindings stand in the order of their destinations' names, and the hash of the routing key,
modulo their number, says which one. All have the same share. Any binding that is added or
removed moves most keys to another destination: where that matters, x-consistent-hash is better.
"""

from collections.abc import Iterable

from warrener.exchange.binding import Binding
from warrener.exchange.message import Properties
from warrener.exchange.types.bucket import Bucket
from warrener.exchange.types.digest import digest, place
from warrener.exchange.types.exchange import Exchange


class ModulusHashExchange(Exchange):
    """All bindings in one bucket, sorted when a message asks."""

    type = "x-modulus-hash"
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
        matching = self._bucket.match(properties, now)
        # By name, not by age: after a restart the bindings may stand in another order.
        candidates = sorted(matching, key=lambda binding: place(binding.destination))
        if not candidates:
            return ()
        return (candidates[digest(routing_key) % len(candidates)],)
