"""Publish numbers: which publishes of a channel in confirm mode have been answered.

They are numbered from 1. Most are answered together, with all before them; those that are refused
or go to no queue have an answer of their own, at once.
"""

from __future__ import annotations


class PublishNumbers:
    """The numbers of one channel."""

    __slots__ = ("_alone", "_answered", "latest")

    def __init__(self) -> None:
        self.latest = 0
        """The number of the latest publish."""
        self._answered = 0
        """All publishes up to this number have been answered."""
        self._alone: set[int] = set()
        """Those beyond it that have had an answer of their own."""

    @property
    def unanswered(self) -> int:
        """How many publishes have not been answered yet."""
        return self.latest - self._answered - len(self._alone)

    def answer_alone(self, number: int) -> None:
        """The publish with this number gets an answer of its own."""
        self._alone.add(number)

    def answer_up_to(self, number: int) -> tuple[int, range]:
        """All up to `number` are answered now.

        Returns how many are counted as answered by that, and the numbers that one answer has to
        span. Those at either end that have had their own are left out, those between do not matter.
        """
        first, self._answered = self._answered + 1, max(self._answered, number)
        count = self._answered - first + 1
        if self._alone:
            while number in self._alone:
                number -= 1
            while first in self._alone:
                first += 1
            self._alone = {each for each in self._alone if each > self._answered}
        return count, range(first, number + 1)
