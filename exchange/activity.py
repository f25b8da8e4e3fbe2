"""Activity: what has happened since the broker started, also to those who are gone by now.

A channel counts for itself (`warrener.exchange.counts`); when it ends, what it has counted is
added here, so that the sums of a virtual host never go back.
"""

from __future__ import annotations

from warrener.exchange.counts import Counts, no_counts, total


class Activity:
    """Counts of the whole broker that only ever rise."""

    __slots__ = (
        "_past",
        "channels_closed",
        "channels_opened",
        "queues_created",
        "queues_declared",
        "queues_deleted",
    )

    def __init__(self) -> None:
        self.channels_opened = 0
        self.channels_closed = 0
        self.queues_declared = 0
        self.queues_created = 0
        self.queues_deleted = 0
        self._past: dict[str, Counts] = {}

    def channel_closed(self, vhost: str, counts: Counts) -> None:
        """A channel of a virtual host is at its end: keep what it has counted."""
        self.channels_closed += 1
        self.add(vhost, counts)

    def add(self, vhost: str, counts: Counts) -> None:
        """What was counted elsewhere than in a channel that lives."""
        self._past[vhost] = total((self.past(vhost), counts))

    def past(self, vhost: str) -> Counts:
        """The counts of all channels of a virtual host that are gone."""
        return self._past.get(vhost) or no_counts()

    def forget(self, vhost: str) -> None:
        """A virtual host is gone: one of the same name begins anew."""
        self._past.pop(vhost, None)
