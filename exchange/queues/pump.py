"""The pump: which queues have something to hand out.

A queue is told of its new messages many times within a pass but handed out from once, at the
end: `wake` notes it, `run` empties every noted queue as far as its consumers take.
"""

from __future__ import annotations

from typing import Protocol


class Pumped(Protocol):
    """A queue with messages, or a waitlist of consumers."""

    waiting: bool
    """Whether the pump knows of it."""

    def pump(self) -> None:
        """Hand out what can be handed out."""


class Pump:
    """Queues and waitlists that wait to be pumped."""

    __slots__ = ("_later", "_queues")

    def __init__(self) -> None:
        self._queues: list[Pumped] = []
        self._later: list[Pumped] = []

    def wake(self, queue: Pumped) -> None:
        """Have `queue` pumped at the end of this pass; it is not noted already."""
        queue.waiting = True
        self._queues.append(queue)

    def wake_later(self, queue: Pumped) -> None:
        """Have `queue` pumped again in the next pass: it has work for more than one."""
        self._later.append(queue)

    @property
    def unfinished(self) -> bool:
        """Whether another pass should come soon, even if nothing is read."""
        return bool(self._later)

    def run(self) -> None:
        """Hand out what can be handed out."""
        later, self._later = self._later, []
        for queue in later:
            if not queue.waiting:
                self.wake(queue)
        while self._queues:
            queues, self._queues = self._queues, []
            for queue in queues:
                queue.waiting = False
                queue.pump()
