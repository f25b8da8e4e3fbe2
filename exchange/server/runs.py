"""Runs of publishes that are more work than the bytes they came in.

A read may hold thousands of messages, and each of them may go to thousands of queues. So where a
message costs more than it takes to read it, a run is published in parts, as the budget of the pass
allows, and what is left is kept here. Nothing that came after it is read before it is published.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from warrener.exchange.budget import Budget
    from warrener.exchange.message import Message
    from warrener.exchange.server.publication import Publication

PART_MAX = 256
"""Messages that are published in one part: the next ones may cost more than the last ones did."""

Run = tuple["Publication", Sequence["Message"]]


class Runs:
    """What one connection has published and its channels have not been given yet, in order."""

    __slots__ = ("_budget", "_waiting")

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._waiting: deque[Run] = deque()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def clear(self) -> None:
        self._waiting.clear()

    def publish(self, publication: Publication, messages: Sequence[Message]) -> None:
        """Publish messages when all before them have been, as many as the budget allows now."""
        self._waiting.append((publication, messages))
        if len(self._waiting) == 1:
            self.go_on()

    def go_on(self) -> None:
        """Publish what waits, as far as the budget goes."""
        while self._waiting and self._budget.left > 0:
            publication, messages = self._waiting.popleft()
            count = min(self._budget.steps(publication.cost), PART_MAX)
            if count < len(messages):
                self._waiting.appendleft((publication, messages[count:]))
            self._publish(publication, messages[:count])

    def _publish(self, publication: Publication, messages: Sequence[Message]) -> None:
        """Publish messages, and note what one of them has cost."""
        before = self._budget.left
        size = sum([len(message.content) for message in messages])
        publication.channel.publish(publication, messages, size)
        publication.cost = max(1, (before - self._budget.left) // len(messages))
