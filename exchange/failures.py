"""Failures: steps that raised an exception of ours, by their owners.

A pass is made of steps, and each step has an owner: a connection, a queue, a message, a filter.
When a step raises, its owner is put aside and the pass goes on with the others (docs/adr/0021).
What happened is noted here: once in the log with its traceback, then in short, then only now and
then, so that a failure in every pass does not fill the disk with log lines. The latest FAILURES_MAX
are kept for the management API.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

logger = logging.getLogger("warrener.failures")

FAILURES_MAX = 100
"""Failures that are remembered; the one that has not happened for the longest time goes first."""
LINES_MAX = 100
"""Failures of one place in the source that are logged one by one; from then on, each time their
number has doubled."""
ERROR_CHARS_MAX = 500
"""How much of the text of an exception is kept: it may quote what a client sent."""


class Owner(NamedTuple):
    """What a step belongs to; `vhost` is empty for what is in none."""

    kind: str
    name: str
    vhost: str = ""

    def __str__(self) -> str:
        place = f" in vhost {self.vhost!r}" if self.vhost else ""
        return f"{self.kind} {self.name!r}{place}"


@dataclass(slots=True)
class Failure:
    """One way in which one owner has failed; times are in ms since 1970."""

    owner: Owner
    error: str
    first_ms: int
    last_ms: int
    count: int = 0


class Failures:
    """What has failed since the broker started."""

    __slots__ = ("_failures", "_places", "total")

    def __init__(self) -> None:
        self.total = 0
        self._failures: dict[tuple[Owner, str], Failure] = {}
        """The one that happened last comes last."""
        self._places: dict[tuple[str, int, str], int] = {}
        """How often, by place in the source and kind of exception: as many as there are places."""

    def __iter__(self) -> Iterator[Failure]:
        return iter(list(self._failures.values()))

    def __len__(self) -> int:
        return len(self._failures)

    def note(self, owner: Owner, error: BaseException, now_ms: int) -> None:
        """A step of `owner` has raised `error`."""
        self.total += 1
        text = describe(error)
        failure = self._failures.pop((owner, text), None)
        if failure is None:
            failure = Failure(owner, text, now_ms, now_ms)
        failure.count += 1
        failure.last_ms = now_ms
        self._failures[owner, text] = failure
        if len(self._failures) > FAILURES_MAX:
            del self._failures[next(iter(self._failures))]
        self._log(owner, error, text)

    def _log(self, owner: Owner, error: BaseException, text: str) -> None:
        place = _place(error)
        count = self._places[place] = self._places.get(place, 0) + 1
        if count == 1:
            logger.error("%s: unexpected internal error", owner, exc_info=error)
        elif count <= LINES_MAX or not count & (count - 1):
            logger.error("%s: unexpected internal error %d of this kind: %s", owner, count, text)


def describe(error: BaseException) -> str:
    """An exception in one line, whatever is in its text."""
    text = str(error).encode("ascii", "backslashreplace").decode()
    line = " ".join(text.split())[:ERROR_CHARS_MAX]
    printable = "".join(character if character.isprintable() else "?" for character in line)
    return f"{type(error).__name__}: {printable}" if printable else type(error).__name__


def _place(error: BaseException) -> tuple[str, int, str]:
    """Where an exception was raised, and of which kind it is."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    file, line = ("", 0) if trace is None else (trace.tb_frame.f_code.co_filename, trace.tb_lineno)
    return file, line, type(error).__name__
