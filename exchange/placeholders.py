"""Placeholders: what stands for a queue or an exchange that could not be restored at a start.

Its declaration is in the journal, but it cannot be made of it: the type of the exchange is not
registered, or an argument is refused that was taken once. What depends on it must not be lost: the
messages of the queue, the bindings of the exchange. So there is something of this name that keeps
them, says why it does nothing else, and can be deleted. Its record says what it said, so the next
start tries again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from warrener.exchange.binding import Binding
from warrener.exchange.errors import PreconditionFailed
from warrener.exchange.message import Properties
from warrener.exchange.policy import Applied
from warrener.exchange.queues.queue import Queue
from warrener.exchange.types.bucket import Bucket
from warrener.exchange.types.exchange import Exchange

if TYPE_CHECKING:
    from warrener.exchange.queues.host import Host


class QueuePlaceholder(Queue):
    """Keeps the messages of a queue; it is suspended from the beginning."""

    __slots__ = ()

    def __init__(self, host: Host, fields: Mapping[str, Any]) -> None:
        super().__init__(
            fields["name"],
            host,
            durable=True,
            auto_delete=fields["auto_delete"],
            number=fields["number"],
        )
        # Only now, so that nothing is made of them.
        self.arguments = dict(fields["arguments"])

    @property
    def groups(self) -> Collection[str]:
        return ()

    def govern(self, applied: Applied) -> None:
        """No policy applies to it."""

    def resume(self) -> None:
        """Only the next start can tell whether it can be made."""


class ExchangePlaceholder(Exchange):
    """Keeps the bindings of an exchange, and refuses to route."""

    __slots__ = ("_bucket", "reason")

    reason: str

    def prepare(self) -> None:
        self._bucket = Bucket()
        self.reason = ""

    @property
    def groups(self) -> Collection[str]:
        return ()

    def index(self, binding: Binding) -> None:
        self._bucket.add(binding)

    def unindex(self, binding: Binding) -> None:
        self._bucket.remove(binding)

    def bucket(self, binding: Binding) -> Bucket:
        return self._bucket

    def match(self, routing_key: str, properties: Properties, now: int) -> Iterable[Binding]:
        # To a publisher it is refused; a dead letter goes to the quarantine.
        raise PreconditionFailed(f"exchange '{self.name}' could not be restored: {self.reason}")


def exchange_placeholder(fields: Mapping[str, Any], reason: str) -> ExchangePlaceholder:
    """One for the exchange that its record describes."""
    kind = type("Placeholder", (ExchangePlaceholder,), {"type": fields["type"], "__slots__": ()})
    made: ExchangePlaceholder = kind(
        fields["name"],
        durable=True,
        auto_delete=fields["auto_delete"],
        internal=fields["internal"],
    )
    # Only now, so that nothing is made of them.
    made.arguments = dict(fields["arguments"])
    made.number = fields.get("number", 0)
    made.reason = reason
    return made
