"""The delayed exchange: messages are held back until their time, then routed as by another type.

The argument `x-delayed-type` names that type. A message with a delay (warrener.exchange.delay)
is led into a queue of the exchange's own, its schedule, and routed when its time comes; all
others go straight on. The schedule is durable if the exchange is, so delays outlast the broker.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from warrener.exchange.binding import Binding
from warrener.exchange.delay import delivery_time
from warrener.exchange.errors import PreconditionFailed
from warrener.exchange.message import Properties
from warrener.exchange.queues.schedule import SCHEDULE_PREFIX, Schedule
from warrener.exchange.types.exchange import Exchange

if TYPE_CHECKING:
    from warrener.exchange.queues.host import Host
    from warrener.exchange.types.bucket import Bucket

TYPE = "x-delayed-type"


class DelayedExchange(Exchange):
    """Another exchange behind a schedule."""

    type = "x-delayed-message"
    matches_headers = True
    __slots__ = ("_inner", "matches_keys", "own_queue")

    @classmethod
    def check_arguments(cls, arguments: Mapping[str, Any]) -> None:
        kind = arguments.get(TYPE)
        if not isinstance(kind, str) or kind not in _types() or kind == cls.type:
            raise PreconditionFailed(
                f"invalid arg '{TYPE}': {kind!r} is no exchange type that can be delayed"
            )

    @property
    def known_arguments(self) -> frozenset[str]:
        return self._inner.known_arguments | {TYPE}

    @property
    def routes_as(self) -> str:
        inner: str = self.arguments[TYPE]
        return inner

    def prepare(self) -> None:
        self._inner = _types()[self.routes_as](self.name, arguments=self.arguments)
        self.own_queue = None
        self.matches_keys = self._inner.matches_keys

    @property
    def own_queue_name(self) -> str:
        return SCHEDULE_PREFIX + self.name

    def make_own_queue(self, host: Host, number: int) -> Schedule:
        schedule = Schedule(self.own_queue_name, host, self, number)
        self.own_queue = schedule
        return schedule

    def check_binding(self, binding: Binding) -> None:
        self._inner.check_binding(binding)

    def index(self, binding: Binding) -> None:
        self._inner.index(binding)

    def unindex(self, binding: Binding) -> None:
        self._inner.unindex(binding)

    def bucket(self, binding: Binding) -> Bucket:
        return self._inner.bucket(binding)

    def match(self, routing_key: str, properties: Properties, now: int) -> Iterable[Binding]:
        if self.own_queue is not None and delivery_time(properties, now) is not None:
            return (Binding(self, self.own_queue, routing_key),)
        return self._inner.match(routing_key, properties, now)


def _types() -> Mapping[str, type[Exchange]]:
    # Here, because the table of types names this one.
    from warrener.exchange.types import TYPES

    return TYPES
