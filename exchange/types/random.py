"""The random exchange: each message to one binding, taken at random.

Routing keys do not matter, neither of the binding nor of the message. Every binding has the same
chance, so a destination that is bound by two keys has two.

The numbers come from a generator that each exchange has for itself, started from its name. That
keeps the core free of global state and a test repeatable; as the choice only spreads load, it
does no harm that it can be foretold.
"""

from collections.abc import Iterable
from random import Random

from warrener.exchange.binding import Binding
from warrener.exchange.message import Properties
from warrener.exchange.types.bucket import Bucket
from warrener.exchange.types.exchange import Exchange


class RandomExchange(Exchange):
    """All bindings in one bucket, and the generator."""

    type = "x-random"
    matches_keys = False
    matches_headers = True
    __slots__ = ("_bucket", "_random")

    def prepare(self) -> None:
        self._bucket = Bucket()
        self._random = Random(self.name)

    def index(self, binding: Binding) -> None:
        self._bucket.add(binding)

    def unindex(self, binding: Binding) -> None:
        self._bucket.remove(binding)

    def bucket(self, binding: Binding) -> Bucket:
        return self._bucket

    def match(self, routing_key: str, properties: Properties, now: int) -> Iterable[Binding]:
        candidates = tuple(self._bucket.match(properties, now))
        return (self._random.choice(candidates),) if candidates else ()
