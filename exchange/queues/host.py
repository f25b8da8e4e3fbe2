"""The host: what a queue needs of the virtual host it stands in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from warrener.exchange.budget import Budget
    from warrener.exchange.deadlines import Deadlines
    from warrener.exchange.durability.ledger import Ledger
    from warrener.exchange.message import Message
    from warrener.exchange.queues.pump import Pump
    from warrener.exchange.queues.queue import Queue
    from warrener.exchange.types.exchange import Exchange


class Host(Protocol):
    """A virtual host, as its queues see it."""

    ledger: Ledger
    pump: Pump
    budget: Budget
    deadlines: Deadlines

    @property
    def generation(self) -> int:
        """Raised by everything that may change where a message goes."""

    def dead_letter(
        self, queue: Queue, messages: Sequence[Message], reason: str, again: bool = False
    ) -> Sequence[Message]:
        """Publish messages that `queue` gives up to its dead-letter exchange; returns those that
        go to no queue. `again` says that it was tried before."""

    def tell(self, kind: str, **fields: Any) -> None:
        """Tell those who listen what has happened to a queue."""

    def release(self, exchange: Exchange, messages: Sequence[Message]) -> None:
        """Route messages on that `exchange` has held back."""

    def note_failure(self, kind: str, name: str, error: Exception) -> None:
        """A step of something here, of a kind and with a name, has raised `error`."""

    def expire_queue(self, queue: Queue) -> None:
        """Remove a queue that nobody has used for as long as it is meant to last unused."""
