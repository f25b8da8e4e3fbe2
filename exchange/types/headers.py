"""The headers exchange: a binding's arguments are compared with a message's headers.

`x-match` says how: `all` (the default) wants every argument in the headers, `any` wants one;
keys that begin with `x-` are left out of the comparison unless it is `all-with-x` or
`any-with-x`. An argument without a value (void) asks only that the header is there. Values are
equal if they are of one class: 1 equals 1 in any integer width, but not 1.0, true or "1".
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Set
from typing import Any, NamedTuple

from warrener.exchange.arguments import identity
from warrener.exchange.binding import Binding
from warrener.exchange.errors import PreconditionFailed
from warrener.exchange.filters.arguments import SELECTOR, TAGS
from warrener.exchange.message import Properties
from warrener.exchange.types.bucket import Bucket
from warrener.exchange.types.exchange import Exchange

NOT_COMPARED = frozenset(("x-match", SELECTOR, TAGS))
MATCHES = ("all", "any", "all-with-x", "any-with-x")

Pair = tuple[str, Hashable]
"""The name of a header, and what identifies its value."""


class _Condition(NamedTuple):
    """A binding's arguments, prepared when it is bound so that a publish need not."""

    any: bool
    pairs: frozenset[Pair]
    present: frozenset[str]

    def holds(self, pairs: Set[Pair], names: Set[str]) -> bool:
        """Whether it holds for a message with these headers, and these names of headers."""
        if self.any:
            return not (self.pairs.isdisjoint(pairs) and self.present.isdisjoint(names))
        return self.pairs <= pairs and self.present <= names


class HeadersExchange(Exchange):
    """Bindings with their conditions."""

    type = "headers"
    matches_keys = False
    matches_headers = True
    __slots__ = ("_bucket", "_conditions")

    def prepare(self) -> None:
        self._bucket = Bucket()
        self._conditions: dict[Binding, _Condition] = {}

    def check_binding(self, binding: Binding) -> None:
        match = binding.arguments.get("x-match", "all")
        if match not in MATCHES:
            raise PreconditionFailed(
                f"invalid x-match field value {match!r}; expected one of {', '.join(MATCHES)}"
            )

    def index(self, binding: Binding) -> None:
        self._bucket.add(binding)
        self._conditions[binding] = _condition(binding.arguments)

    def unindex(self, binding: Binding) -> None:
        self._bucket.remove(binding)
        del self._conditions[binding]

    def bucket(self, binding: Binding) -> Bucket:
        return self._bucket

    def match(self, routing_key: str, properties: Properties, now: int) -> Iterable[Binding]:
        headers = properties.headers or {}
        # Once for all bindings: what identifies a value takes as long as the value has parts.
        pairs = {(name, identity(value)) for name, value in headers.items()}
        names = headers.keys()
        conditions = self._conditions
        matching = self._bucket.match(properties, now)
        return [binding for binding in matching if conditions[binding].holds(pairs, names)]


def _condition(arguments: Mapping[str, Any]) -> _Condition:
    match = arguments.get("x-match", "all")
    with_x = match.endswith("-with-x")
    compared = {
        key: value
        for key, value in arguments.items()
        if key not in NOT_COMPARED and (with_x or not key.startswith("x-"))
    }
    return _Condition(
        any=match.startswith("any"),
        pairs=frozenset((key, identity(v)) for key, v in compared.items() if v is not None),
        present=frozenset(key for key, value in compared.items() if value is None),
    )
