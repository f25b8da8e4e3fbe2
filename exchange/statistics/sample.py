"""A sample: what somebody has counted by a certain time, from which rates are known.

Whatever counts has a place for its last sample. The core leaves it alone: only whoever samples
writes there, so a sample goes with the thing it belongs to.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from warrener.exchange.statistics.history import History


@dataclass(slots=True)
class Sample:
    """What was counted at one time, and how fast it had grown since the time before."""

    at: float
    values: tuple[float, ...]
    rates: tuple[float, ...]
    changed_ms: int
    history: History | None = field(default=None, compare=False)
    """What was counted before, if something has changed lately."""

    def value(self, at: float, place: int) -> float:
        """One of the values as it was at a time."""
        return self.values[place] if self.history is None else self.history.value(at, place)


class Sampled(Protocol):
    """Whatever counts."""

    sample: Sample | None
