"""The pump: which queues have something to do.

A queue is told of its new messages many times within a pass but handed out from once, at the
end: `wake` puts it into the line, `run` gives each queue in the line its turn (`Queue.pump`).

A queue that has more to do than its turn allows goes to the end of the line. What is still in the
line when the budget of the pass is used up is done in passes of its own (`resume`), so that the
clients whose passes come in between need not pay for it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from warrener.exchange.budget import Budget


class Pumped(Protocol):
    """A queue with messages, or a waitlist of consumers."""

    waiting: bool
    """Whether the pump knows of it."""

    def pump(self) -> None:
        """Use a turn: do what there is to do, as far as the budget goes."""

    def finish(self) -> None:
        """The broker ends: do what clients take for done already."""


def _raise(pumped: Pumped, error: Exception) -> None:
    raise error


class Pump:
    """The line of the queues and waitlists that have something to do."""

    __slots__ = ("_later", "_line", "_on_failure", "budget")

    def __init__(
        self, budget: Budget, on_failure: Callable[[Pumped, Exception], None] = _raise
    ) -> None:
        self.budget = budget
        self._on_failure = on_failure
        self._line: deque[Pumped] = deque()
        self._later: deque[Pumped] = deque()

    def wake(self, queue: Pumped) -> None:
        """Have `queue` pumped in this pass, if the budget allows; it is not in the line already."""
        queue.waiting = True
        self._line.append(queue)

    def wake_later(self, queue: Pumped) -> None:
        """Have `queue` pumped in a later pass; it may be in the line already."""
        if not queue.waiting:
            queue.waiting = True
            self._later.append(queue)

    @property
    def unfinished(self) -> bool:
        """Whether a pass of its own is needed, even if nothing is read."""
        return bool(self._later)

    def resume(self) -> None:
        """This pass is for what is left of others."""
        self._line.extendleft(reversed(self._later))
        self._later.clear()

    def finish(self) -> None:
        """The broker ends: have those in the line do what clients take for done already."""
        self.resume()
        while self._line:
            self._line.popleft().finish()

    def run(self) -> None:
        """Give every queue in the line its turn, as far as the budget goes."""
        line, budget = self._line, self.budget
        while line:
            if budget.left <= 0:
                self._later.extend(line)
                line.clear()
                break
            queue = line.popleft()
            queue.waiting = False
            budget.begin_turn()
            try:
                queue.pump()
            except Exception as error:
                # A queue is suspended by itself; of the others there is nothing to put aside.
                self._on_failure(queue, error)
        budget.end_turn()
