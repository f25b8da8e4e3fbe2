"""History: the last minute of some numbers, so that one sees where they go.

Two kinds are kept: rates of the whole broker, and the depth of each queue on the screen. A queue
that was on the screen long ago is forgotten, so that the monitor does not grow with the broker.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

SAMPLES = 60
SERIES_MAX = 2000
"""Queues whose depth is remembered: those seen last."""


class History:
    """Series of numbers by name; the names are those of rates, or virtual host and queue."""

    def __init__(self) -> None:
        self._rates: dict[str, deque[float]] = {}
        self._depths: dict[tuple[str, str], deque[float]] = {}

    def add(self, rates: Mapping[str, float], rows: Sequence[Mapping[str, Any]]) -> None:
        """Add what a snapshot says."""
        for name, value in rates.items():
            self._rates.setdefault(name, deque(maxlen=SAMPLES)).append(value)
        for row in rows:
            depth = row.get("messages")
            if isinstance(depth, int | float):
                self._add_depth((str(row.get("vhost", "")), str(row.get("name", ""))), depth)
        while len(self._depths) > SERIES_MAX:
            del self._depths[next(iter(self._depths))]

    def _add_depth(self, queue: tuple[str, str], depth: float) -> None:
        """Add to a queue's series, which thereby is the one seen last."""
        series = self._depths.pop(queue, None)
        self._depths[queue] = series = deque(maxlen=SAMPLES) if series is None else series
        series.append(depth)

    def rate(self, name: str) -> Sequence[float]:
        return tuple(self._rates.get(name, ()))

    def depth(self, vhost: str, queue: str) -> Sequence[float]:
        return tuple(self._depths.get((vhost, queue), ()))
