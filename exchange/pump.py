"""The pump: which queues have something to hand out.

A queue is told of its new messages many times within a pass but handed out from once, at the
end: `wake` notes it, `run` empties every noted queue as far as its consumers take.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from warrener.exchange.queue import Queue


class Pump:
    """Queues that wait to be pumped."""

    __slots__ = ("_queues",)

    def __init__(self) -> None:
        self._queues: list[Queue] = []

    def wake(self, queue: Queue) -> None:
        """Have `queue` pumped at the end of this pass; it is not noted already."""
        queue.waiting = True
        self._queues.append(queue)

    def run(self) -> None:
        """Hand out what can be handed out."""
        while self._queues:
            queues, self._queues = self._queues, []
            for queue in queues:
                queue.waiting = False
                queue.pump()
