"""A replay: messages from before a binding, for the destination that was bound.

A queue gets all of them at once, so that what is published from then on comes after them. They are
as many as an exchange keeps, which has a limit for that reason (`types/recent_history.py`). For an
exchange each message may mean a message to thousands of queues, so a replay through it goes on in
turns, as long as the binding is there, and newer messages may overtake it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from warrener.exchange.budget import ENQUEUED, ROUTED
from warrener.exchange.queues.queue import Queue

if TYPE_CHECKING:
    from warrener.exchange.binding import Binding
    from warrener.exchange.message import Message
    from warrener.exchange.queues.pump import Pump
    from warrener.exchange.route import Route
    from warrener.exchange.router import Router


class Replay:
    """Messages that the destination of `binding` is still to get."""

    __slots__ = ("_binding", "_messages", "_pump", "_router", "waiting")

    def __init__(self, router: Router, pump: Pump, binding: Binding, now: int) -> None:
        self._router = router
        self._pump = pump
        self._binding = binding
        self._messages: Sequence[Message] = binding.source.history(binding, now)
        self.waiting = False
        """Whether the pump knows of it."""

    def pump(self) -> None:
        """Give the destination all messages, or those for which the turn is long enough."""
        budget, binding = self._pump.budget, self._binding
        divisible = not isinstance(binding.destination, Queue)
        done = 0
        for route, run in self._runs():
            cost = ENQUEUED * max(1, len(route.queues))
            part = run[: budget.steps(cost)] if divisible else run
            self._router.publish_again(route, part)
            budget.spend(ROUTED + cost * len(part))
            done += len(part)
            if divisible and (budget.exhausted or len(part) < len(run)):
                break
        self._messages = self._messages[done:]
        if self._messages and binding.source.bindings.get(binding.identity) is binding:
            self._pump.wake(self)

    def finish(self) -> None:
        """The broker ends, and the history with it."""

    def _runs(self) -> Iterator[tuple[Route, Sequence[Message]]]:
        """Messages in a row that go the same way."""
        for route, run in groupby(
            self._messages, lambda each: self._router.route_again(each, self._binding.destination)
        ):
            yield route, list(run)
