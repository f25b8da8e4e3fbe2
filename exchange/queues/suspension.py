"""Suspension: a queue that has failed hands out nothing, and says why.

A step of a queue that raises an exception would raise it again in every pass. So the queue is
suspended: it hands out and gives up nothing any more, while what is published to it still waits
there. `resume` tries again, and so does the next start of the broker.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from warrener.exchange.errors import PreconditionFailed
from warrener.exchange.failures import describe
from warrener.exchange.policy import Governed

if TYPE_CHECKING:
    from warrener.exchange.queues.host import Host


class Suspendable(Governed):
    """What a queue has for it."""

    __slots__ = ("_host", "next_due", "suspended", "waiting")

    next_due: int | None
    """When its deadline is to be called; kept by `Deadlines`."""
    suspended: str
    """The exception because of which it is suspended, in one line; empty if it is not."""
    waiting: bool
    """Whether the pump already knows that there is something to hand out here."""
    _host: Host

    def suspend(self, error: Exception) -> None:
        """A step of this queue has raised `error`: hand out nothing any more.

        Messages that were in hand when it failed are not settled: those that are stored come back
        with the next start.
        """
        self.suspended = describe(error)
        # As if the pump knew already: so nobody tells it again.
        self.waiting = True
        self._host.deadlines.cancel(self)
        self._host.note_failure("queue", self.name, error)
        self._host.tell("queue.suspended", name=self.name, reason=self.suspended)

    def resume(self) -> None:
        """Try again, after `suspend`."""
        if self.suspended:
            self.suspended = ""
            self.waiting = False
            self._host.tell("queue.resumed", name=self.name)
            try:
                self.look_again()
            except Exception as error:
                self.suspend(error)

    def look_again(self) -> None:
        """Find out what can be handed out and when something is due."""

    def due(self, now: int) -> None:
        """See `Timed`."""

    def require_running(self) -> None:
        """Raises: PreconditionFailed if it is suspended."""
        if self.suspended:
            raise PreconditionFailed(f"queue '{self.name}' is suspended: {self.suspended}")
