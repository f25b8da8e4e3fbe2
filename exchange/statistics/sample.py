"""A sample: what somebody has counted by a certain time, from which rates are known.

Whatever counts has a place for its last sample. The core leaves it alone: only whoever samples
writes there, so a sample goes with the thing it belongs to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(slots=True)
class Sample:
    """What was counted at one time, and how fast it had grown since the time before."""

    at: float
    values: tuple[int, ...]
    rates: tuple[float, ...]
    changed_ms: int


class Sampled(Protocol):
    """Whatever counts."""

    sample: Sample | None
