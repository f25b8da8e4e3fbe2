"""Activity: what has happened since the broker started, also to those who are gone by now.

A channel counts for itself (counts.py); when it ends, what it has counted is added here, so that
the sums of a virtual host never go back.
"""

from __future__ import annotations

from collections import Counter

from warrener.exchange.failures import Failures
from warrener.exchange.statistics.counts import Counts, no_counts, total
from warrener.exchange.statistics.events import Events
from warrener.exchange.statistics.histogram import Histogram

SIZE_BOUNDS = (1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 5e7, 1e8)
"""Sizes of messages that are told apart, those of RabbitMQ."""


class Activity:
    """Counts of the whole broker that only ever rise."""

    __slots__ = (
        "_forgotten",
        "_past",
        "channels_closed",
        "channels_opened",
        "confirmable",
        "dead_letters",
        "events",
        "failures",
        "logins",
        "queues_created",
        "queues_declared",
        "queues_deleted",
        "sizes",
    )

    def __init__(self) -> None:
        self.channels_opened = 0
        self.channels_closed = 0
        self.queues_declared = 0
        self.queues_created = 0
        self.queues_deleted = 0
        self.confirmable = 0
        """Messages that were published to be confirmed, on channels that are gone."""
        self.dead_letters: Counter[str] = Counter()
        """Messages that queues have given up to a dead-letter exchange, by reason."""
        self.logins: Counter[tuple[str, bool]] = Counter()
        """Logins by protocol and whether they succeeded."""
        self.events = Events()
        self.failures = Failures()
        self.sizes = Histogram(SIZE_BOUNDS)
        """Of published messages as they travel, in bytes: those of a run by their mean."""
        self._past: dict[str, Counts] = {}
        self._forgotten = no_counts()

    def channel_closed(self, vhost: str, counts: Counts, confirmable: int = 0) -> None:
        """A channel of a virtual host is at its end: keep what it has counted."""
        self.channels_closed += 1
        self.confirmable += confirmable
        self.add(vhost, counts)

    def add(self, vhost: str, counts: Counts) -> None:
        """What was counted elsewhere than in a channel that lives."""
        self._past[vhost] = total((self.past(vhost), counts))

    def past(self, vhost: str) -> Counts:
        """The counts of all channels of a virtual host that are gone."""
        return self._past.get(vhost) or no_counts()

    def forget(self, vhost: str) -> None:
        """A virtual host is gone: one of the same name begins anew."""
        self._forgotten = total((self._forgotten, self._past.pop(vhost, no_counts())))

    def total(self) -> Counts:
        """What all channels that are gone have counted, wherever they were."""
        return total((self._forgotten, *self._past.values()))
