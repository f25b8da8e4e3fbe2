"""A binding: from an exchange to a queue or to another exchange."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from warrener.exchange.arguments import identity
from warrener.exchange.filters.filter import Filter

if TYPE_CHECKING:
    from warrener.exchange.queues.queue import Queue
    from warrener.exchange.types.exchange import Exchange

Destination: TypeAlias = "Queue | Exchange"


@dataclass(frozen=True, slots=True, eq=False)
class Binding:
    """One binding; its identity is destination, routing key and arguments together."""

    source: Exchange
    destination: Destination
    routing_key: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    filter: Filter | None = None
    """What `arguments` ask for, compiled; None for every message."""
    identity: Hashable = field(init=False)

    def __post_init__(self) -> None:
        # Once: it takes as long as there are arguments, and unbinding asks for it again.
        found = (self.destination, self.routing_key, identity(self.arguments))
        object.__setattr__(self, "identity", found)
