"""The consistent hash exchange: each message to one destination, the same for the same key.

The key is the routing key, or a header or a property that the declaration names; a binding's
routing key is its weight. Destinations get keys in proportion to their weights. When one comes,
goes or changes its weight, only the keys that it gains or loses move: no key moves between two
others.

How: weighted rendezvous hashing. For a key, each destination draws a waiting time from an
exponential distribution with its weight as the rate, and the shortest wait wins. The draw is no
chance but a digest of key and destination, so nothing is remembered: the winner depends only on
the key and on what is bound, not on the order in which it was bound or on a restart. Two bindings
of one destination draw the same number, so that the one with the greater weight counts and the
other changes nothing. A key costs one draw for each binding, 0.7 microseconds.

RabbitMQ and LavinMQ lay buckets or points on a ring or in a row instead: their cost grows with
the weights, and keys move more than they must (jump hash, when a destination in the middle goes)
or shares are uneven (ring). LavinMQ's `x-algorithm` chooses between the two; both names are
understood, and both mean the one algorithm here, which has the good side of each.
"""

import re
from collections.abc import Iterable, Mapping
from math import log
from typing import Any, NamedTuple

from warrener.exchange.binding import Binding
from warrener.exchange.errors import PreconditionFailed
from warrener.exchange.message import Properties
from warrener.exchange.types.bucket import Bucket
from warrener.exchange.types.digest import DIGEST_BITS, digest, place
from warrener.exchange.types.exchange import Exchange

HASH_HEADER = "hash-header"
HASH_ON = "x-hash-on"
"""LavinMQ's name for the same."""
HASH_PROPERTY = "hash-property"
ALGORITHM = "x-algorithm"

PROPERTIES = ("correlation_id", "message_id", "timestamp")
ALGORITHMS = ("ring", "jump")
WEIGHT_MAX = 2**32 - 1
"""As in LavinMQ; RabbitMQ stops at 10,000, as each unit takes memory there."""

_INTEGER = re.compile(r"[+-]?[0-9]+")
_MASK = (1 << DIGEST_BITS) - 1
_DRAW_BITS = 52
"""One less than a float has, so that a half can be added without rounding."""
_LOG_DRAW_RANGE = _DRAW_BITS * log(2)


class _Entrant(NamedTuple):
    """What a binding brings to each draw: the digest of its destination, and its weight."""

    digest: int
    weight: int


class ConsistentHashExchange(Exchange):
    """Bindings, and what they enter the draw with."""

    type = "x-consistent-hash"
    __slots__ = ("_bucket", "_entrants", "_header", "_property")

    @classmethod
    def check_arguments(cls, arguments: Mapping[str, Any]) -> None:
        given = [name for name in (HASH_HEADER, HASH_PROPERTY, HASH_ON) if name in arguments]
        if len(given) > 1:
            raise PreconditionFailed(f"{given[0]} and {given[1]} are mutually exclusive")
        for name in (*given, ALGORITHM):
            if not isinstance(arguments.get(name, ""), str):
                raise PreconditionFailed(
                    f"invalid arg '{name}': expected a string, not {arguments[name]!r}"
                )
        if arguments.get(HASH_PROPERTY, PROPERTIES[0]) not in PROPERTIES:
            raise PreconditionFailed(f"Unsupported property: {arguments[HASH_PROPERTY]}")
        if arguments.get(ALGORITHM, ALGORITHMS[0]).lower() not in ALGORITHMS:
            raise PreconditionFailed(
                f"Unsupported {ALGORITHM}: {arguments[ALGORITHM]}; "
                f"expected one of {', '.join(ALGORITHMS)}"
            )

    @property
    def known_arguments(self) -> frozenset[str]:
        return super().known_arguments | {HASH_HEADER, HASH_ON, HASH_PROPERTY, ALGORITHM}

    def check_binding(self, binding: Binding) -> None:
        _weight(binding.routing_key)

    @property
    def reads_properties(self) -> bool:
        by_routing_key = self._header is None and self._property is None
        return not by_routing_key or self.filters > 0

    def prepare(self) -> None:
        self._bucket = Bucket()
        self._entrants: dict[Binding, _Entrant] = {}
        self._header = self.arguments.get(HASH_HEADER, self.arguments.get(HASH_ON))
        self._property = self.arguments.get(HASH_PROPERTY)

    def index(self, binding: Binding) -> None:
        self._bucket.add(binding)
        self._entrants[binding] = _Entrant(
            digest(place(binding.destination)), _weight(binding.routing_key)
        )

    def unindex(self, binding: Binding) -> None:
        self._bucket.remove(binding)
        del self._entrants[binding]

    def bucket(self, binding: Binding) -> Bucket:
        return self._bucket

    def match(self, routing_key: str, properties: Properties, now: int) -> Iterable[Binding]:
        candidates = self._bucket.match(properties, now)
        key = digest(self._key(routing_key, properties))
        entrants = self._entrants
        winner = min(candidates, key=lambda binding: _wait(key, *entrants[binding]), default=None)
        return () if winner is None else (winner,)

    def _key(self, routing_key: str, properties: Properties) -> str:
        """What is hashed; messages without the header or property share the empty key."""
        if self._header is not None:
            value = (properties.headers or {}).get(self._header)
        elif self._property is not None:
            value = getattr(properties, self._property)
        else:
            return routing_key
        return "" if value is None else str(value)


def _weight(binding_key: str) -> int:
    """Raises: PreconditionFailed for what is no weight."""
    if not _INTEGER.fullmatch(binding_key):
        raise PreconditionFailed(f"The binding key must be an integer: {binding_key!r}")
    weight = int(binding_key)
    if weight < 1:
        raise PreconditionFailed("The binding key must be greater than 0")
    if weight > WEIGHT_MAX:
        raise PreconditionFailed(f"The binding key must not exceed {WEIGHT_MAX}")
    return weight


def _wait(key: int, destination: int, weight: int) -> float:
    """What a destination draws for a key; both are digests."""
    # The multipliers are those of the generator splitmix64, known to spread every bit over all.
    drawn = key ^ destination
    drawn = (drawn ^ drawn >> 30) * 0xBF58476D1CE4E5B9 & _MASK
    drawn = (drawn ^ drawn >> 27) * 0x94D049BB133111EB & _MASK
    return (_LOG_DRAW_RANGE - log((drawn >> DIGEST_BITS - _DRAW_BITS) + 0.5)) / weight
