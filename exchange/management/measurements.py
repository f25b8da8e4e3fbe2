"""Measurements: what takes how long in this process, kept as histograms for `/metrics`.

The journal tells of its writes in the thread that makes them, mostly its own, and never in two at
once, so reading those histograms meanwhile is wrong by one write at most. How late the event loop
is, is found by sleeping for a while and looking at the clock.
"""

from __future__ import annotations

import trio

from warrener.exchange.statistics.histogram import Histogram

SECONDS = ("0.0005", "0.001", "0.0025", "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "1.0")
COMMITS = ("1.0", "2.0", "4.0", "8.0", "16.0", "32.0", "64.0")
BYTES = ("1000.0", "10000.0", "100000.0", "1e+06", "1e+07", "1e+08")
NAP_S = 0.25


def make_histogram(bounds: tuple[str, ...]) -> Histogram:
    return Histogram([float(bound) for bound in bounds])


class Measurements:
    """The histograms of one broker."""

    def __init__(self) -> None:
        self.write_seconds = make_histogram(SECONDS)
        self.write_commits = make_histogram(COMMITS)
        self.write_bytes = make_histogram(BYTES)
        self.loop_lag_seconds = make_histogram(SECONDS)

    def written(self, seconds: float, commits: int, size: int) -> None:
        """The journal has written; called in any thread."""
        self.write_seconds.add(seconds)
        self.write_commits.add(commits)
        self.write_bytes.add(size)

    async def watch_loop(self) -> None:
        """See how late one is woken up, for ever."""
        while True:
            due = trio.current_time() + NAP_S
            await trio.sleep_until(due)
            self.loop_lag_seconds.add(max(0.0, trio.current_time() - due))
