"""What the story asks of a client, whichever library it is made of."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

from warrener.exchange.demo.bindings import Binding, Event

WINDOW = 500
"""Publishes that are on the way at once."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to be published."""

    exchange: str
    key: str
    event: Event

    @property
    def id(self) -> str:
        return str(self.event["id"])

    @property
    def body(self) -> bytes:
        return json.dumps(self.event).encode()

    @property
    def properties(self) -> dict[str, Any]:
        """By the names that AMQP gives them; filters look at the headers."""
        headers: dict[str, Any] = {name: self.event[name] for name in ("kind", "region")}
        if "amount" in self.event:
            # As money should be; and pika sends no float.
            headers["amount"] = Decimal(str(self.event["amount"]))
        return {
            "message_id": self.id,
            "content_type": "application/json",
            "delivery_mode": 2,
            "headers": headers | {"TAGS": tag(self.event)},
        }


def tag(event: Event) -> str:
    """The first word of its kind."""
    return str(event["kind"]).partition(".")[0]


@dataclass(frozen=True, slots=True)
class Taken:
    """A message that was delivered."""

    id: str
    redelivered: bool


@dataclass(slots=True)
class Published:
    """The ids that the broker has taken over, and how many messages it has refused."""

    confirmed: list[str] = field(default_factory=list)
    refused: int = 0


OnConfirmed = Callable[[int], None]
"""Told how many messages are confirmed by now."""


class Client(Protocol):
    """A connection to a broker."""

    def declare(
        self, exchanges: Mapping[str, str], queues: Iterable[str], bindings: Iterable[Binding]
    ) -> None:
        """Durable ones, made anew."""

    def remove(self, exchanges: Iterable[str], queues: Iterable[str]) -> None: ...

    def publish(self, messages: Sequence[Outgoing], on_confirmed: OnConfirmed) -> Published:
        """Publish with confirms, many on the way at once; returns when all are answered, or when
        the connection is lost."""

    def waiting(self, queue: str) -> int: ...

    def take(
        self, queue: str, count: int, arguments: Mapping[str, Any] | None = None
    ) -> list[Taken]:
        """Take messages one by one, each acknowledged before the next comes."""

    def drain(self, queue: str) -> list[Taken]:
        """Take all there is, acknowledged together at the end."""

    def hold(self, queue: str, count: int) -> list[str]:
        """Take messages without an acknowledgement, and stay connected."""

    def close(self) -> None: ...


Connect = Callable[[str], Client]
"""From a URL to a client; it is handed to another process, so it has to have a name."""
