"""Pace: how fast numbers rise that an API only counts, told from one look to the next."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Generic, TypeVar

Name = TypeVar("Name", bound=Hashable)


class Pace(Generic[Name]):
    """Numbers by name, as they were at the last look."""

    def __init__(self) -> None:
        self._at = 0.0
        self._values: dict[Name, float] = {}

    def take(self, values: Mapping[Name, float], now: float) -> dict[Name, float]:
        """The rises per second since the last look; names that are new have none.

        What is lower than before was begun anew, by another broker perhaps, and has none either.
        """
        elapsed = now - self._at
        rates = {
            name: (value - self._values[name]) / elapsed
            for name, value in values.items()
            if name in self._values and value >= self._values[name] and elapsed > 0
        }
        self._at, self._values = now, dict(values)
        return rates
