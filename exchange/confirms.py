"""Confirms: publishes whose publisher is told when they are safe.

Confirms are cumulative. At the end of a pass each channel that published is noted with the
number of its last publish and with the end of the ledger: once everything before that end is
on disk, one answer settles all of the channel's publishes up to that number. A publish that
wrote nothing (transient, or to no queue) is answered at once, unless an earlier one still waits.
A publisher that ends within the pass is answered before it ends, as far as its publishes are safe.
Once the store has failed, everything that was not answered by then is given up.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Protocol


class Publisher(Protocol):
    """A channel in confirm mode, as the shell keeps it."""

    @property
    def published(self) -> int:
        """The number of its latest publish, counted from 1."""

    @property
    def written(self) -> int:
        """The end of the ledger after its latest publish that wrote something."""

    def confirm(self, number: int) -> None:
        """Tell the client that all publishes up to `number` are safe."""

    def give_up(self, number: int) -> None:
        """Tell the client that those up to `number` that were not answered may be lost."""

    def break_off(self, error: Exception) -> None:
        """It has raised `error` when it was told one of these."""


class Confirms:
    """Publishes waiting for the disk."""

    __slots__ = ("_noted", "_waiting")

    def __init__(self) -> None:
        self._noted: dict[Publisher, None] = {}
        self._waiting: deque[tuple[int, Publisher, int]] = deque()

    def note(self, publisher: Publisher) -> None:
        """`publisher` has published in this pass."""
        self._noted[publisher] = None

    def answer(self, publishers: Iterable[Publisher], durable: int) -> None:
        """Answer some before the pass ends, those of whom all publishes are safe by now."""
        for publisher in publishers:
            if publisher in self._noted and publisher.written <= durable:
                del self._noted[publisher]
                publisher.confirm(publisher.published)

    def end_pass(self, durable: int) -> None:
        """Answer those whose publishes are safe by now; have the others wait for the disk."""
        self.settle(durable)
        for publisher in self._noted:
            if publisher.written > durable:
                self._waiting.append((publisher.written, publisher, publisher.published))
                continue
            try:
                publisher.confirm(publisher.published)
            except Exception as error:
                # The others are not to miss their answers for it.
                publisher.break_off(error)
        self._noted.clear()

    def settle(self, durable: int) -> None:
        """Everything before position `durable` is on disk: answer those who waited for it."""
        answers: dict[Publisher, int] = {}
        while self._waiting and self._waiting[0][0] <= durable:
            _, publisher, number = self._waiting.popleft()
            answers[publisher] = number
        for publisher, number in answers.items():
            try:
                publisher.confirm(number)
            except Exception as error:
                publisher.break_off(error)

    def fail(self, durable: int) -> None:
        """No more will be on disk than what is before `durable`: give up all other publishes."""
        self.settle(durable)
        waiting = {publisher: number for _, publisher, number in self._waiting}
        waiting |= {publisher: publisher.published for publisher in self._noted}
        self._waiting.clear()
        self._noted.clear()
        for publisher, number in waiting.items():
            try:
                publisher.give_up(number)
            except Exception as error:
                publisher.break_off(error)
