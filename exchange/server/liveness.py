"""Liveness: when a client was last heard of, and when to give up on it.

What is heard of a client is whatever it sends, and that it takes what it was sent: one that reads a
large message slowly is alive. Time during which the broker itself stood still (a suspended machine,
SIGSTOP) does not count: what the client sent meanwhile has not been read yet.
"""

from __future__ import annotations


class Liveness:
    """Of one client; times are seconds on any monotonic clock.

    `heartbeat_s` is the interval agreed on, 0 for none; `deadline` is when to give up on a client
    that is late with its part of opening or closing.
    """

    __slots__ = ("deadline", "heard_at", "heartbeat_s", "now")

    def __init__(self, now: float, deadline: float) -> None:
        self.now = now
        self.heard_at = now
        self.deadline = deadline
        self.heartbeat_s = 0

    @property
    def latest(self) -> float:
        """The latest time that is known."""
        return max(self.now, self.heard_at)

    @property
    def is_silent(self) -> bool:
        """Whether the client has missed two heartbeats."""
        return bool(self.heartbeat_s) and self.now - self.heard_at > 2 * self.heartbeat_s

    @property
    def is_late(self) -> bool:
        return self.now >= self.deadline

    def owes_heartbeat(self, last_sent: float) -> bool:
        """Whether it is time to send one."""
        return bool(self.heartbeat_s) and self.now - last_sent >= self.heartbeat_s / 2

    def forgive(self, seconds: float) -> None:
        """The broker has stood still for so long."""
        self.heard_at += seconds
        self.deadline += seconds


class Standstill:
    """Finds out how long the broker stood still, from a clock that it looks at regularly."""

    __slots__ = ("_due", "_interval_s")

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._due: float | None = None

    def look(self, now: float) -> float:
        """How late this look is, in seconds; 0 if it is less than an interval."""
        late = 0.0 if self._due is None else now - self._due
        self._due = now + self._interval_s
        return late if late > self._interval_s else 0.0
