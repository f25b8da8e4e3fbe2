"""Retry: how long a message that was given back stays out of reach.

A message comes back in one of two ways. It has *failed* if a consumer has rejected it
(`basic.reject`) or has left without an answer, its channel or its connection being closed: that is
counted. Or it was *returned* (`basic.nack`, `basic.recover`): nobody says that anything is wrong
with it, so it is not. Which of the two are held back is the queue's to say.
"""

from __future__ import annotations

from dataclasses import dataclass

DISABLED = "disabled"
ALL = "all"
FAILED = "failed"
RETURNED = "returned"

STEPS_MAX = 64
"""Past so many doublings every delay is longer than any that may be asked for."""


@dataclass(frozen=True, slots=True)
class Retry:
    """The back-off of one queue.

    Without a `multiplier` the delay grows by its minimum with each failure, with one it grows
    to so many times of what it was.
    """

    of: str
    min_ms: int
    max_ms: int
    multiplier: int | None = None

    def delay(self, count: int, failed: bool) -> int:
        """Milliseconds that a message is held back which now has failed `count` times in all."""
        if self.of not in (ALL, FAILED if failed else RETURNED):
            return 0
        # What was never counted waits as if for the first time.
        count = max(count, 1)
        if self.multiplier is None:
            return min(self.min_ms * count, self.max_ms)
        growth: int = self.multiplier ** min(count - 1, STEPS_MAX)
        return min(self.min_ms * growth, self.max_ms)
