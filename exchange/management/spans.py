"""Spans: how values were over a stretch of time, for requests that ask for one.

    msg_rates_age=60&msg_rates_incr=5

gives each rate of messages, beside `rate`, what was counted every 5 seconds of the last 60 as
`samples`, newest first, the mean rate between the first and the last of them as `avg_rate`, and
the mean of the samples as `avg`. `lengths` are those of queues, `data_rates` bytes of connections,
`node_stats` numbers of the node. It takes both parameters. What has no history
(statistics/history.py) has not changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from warrener.exchange.management.sampler import INTERVAL_S
from warrener.exchange.management.statistics import DELIVERIES
from warrener.exchange.statistics.counts import NAMES
from warrener.exchange.statistics.history import HISTORY_S
from warrener.protocol.http.errors import BadRequest

if TYPE_CHECKING:
    from warrener.exchange.management.sampler import Sampler
    from warrener.exchange.statistics.sample import Sample

MESSAGES = "msg_rates"
LENGTHS = "lengths"
TRAFFIC = "data_rates"
NODE_STATS = "node_stats"
KINDS = (MESSAGES, LENGTHS, TRAFFIC, NODE_STATS)


@dataclass(frozen=True, slots=True)
class Track:
    """A value with details: where in a document, and as the sum of which values of a sample."""

    kind: str
    path: tuple[str, ...]
    places: tuple[int, ...]


def tracks(kind: str, names: Iterable[str], first: int = 0, within: str = "") -> Iterator[Track]:
    """One track for each name, its value at the same place of the sample; `within` a table."""
    for place, name in enumerate(names, first):
        yield Track(kind, (*filter(None, (within,)), name), (place,))


def message_tracks() -> Iterator[Track]:
    """Those of `message_stats` where samples begin with counts of messages."""
    yield from tracks(MESSAGES, NAMES, within="message_stats")
    yield Track(MESSAGES, ("message_stats", "deliver_get"), DELIVERIES)


def length_tracks(ready: int, within: str = "") -> Iterator[Track]:
    """Those of messages that wait; the unacknowledged ones come behind the ready ones."""
    names = ("messages_ready", "messages_unacknowledged")
    yield from tracks(LENGTHS, names, ready, within)
    yield Track(LENGTHS, (*filter(None, (within,)), "messages"), (ready, ready + 1))


@dataclass(frozen=True, slots=True)
class Span:
    """Times that are asked for, newest first: in seconds, and in ms since 1970."""

    times: Sequence[tuple[float, int]]

    def details(self, samples: Sequence[Sample], places: Sequence[int]) -> dict[str, Any]:
        """What the sum of some values of some things was at these times."""
        values = [
            sum(sample.value(at, place) for sample in samples for place in places)
            for at, _ in self.times
        ]
        elapsed = (self.times[0][0] - self.times[-1][0]) or 1.0
        return {
            "samples": [
                {"sample": _tidy(value), "timestamp": ms}
                for value, (_, ms) in zip(values, self.times, strict=True)
            ],
            "avg_rate": round((values[0] - values[-1]) / elapsed, 4),
            "avg": round(sum(values) / len(values), 4),
        }


class Spans:
    """The spans that a request asks for, by kind."""

    def __init__(self, query: Mapping[str, str], sampler: Sampler) -> None:
        """Raises: BadRequest."""
        self._spans = {}
        for kind in KINDS:
            age, step = _whole(query, f"{kind}_age"), _whole(query, f"{kind}_incr")
            if age is not None and step is not None:
                self._spans[kind] = _span(age, step, sampler)

    def __bool__(self) -> bool:
        return bool(self._spans)

    def extend(
        self,
        document: Mapping[str, Any],
        known: Iterable[Track],
        samples: Iterable[Sample | None],
    ) -> None:
        """Put what is asked for into the details of a document."""
        counted = [sample for sample in samples if sample is not None]
        for track in known:
            span = self._spans.get(track.kind)
            details = _details(document, track.path) if span else None
            if span and details is not None:
                details |= span.details(counted, track.places)


def _span(age: int, step: int, sampler: Sampler) -> Span:
    """Raises: BadRequest."""
    if age <= 0 or step <= 0:
        raise BadRequest(f"Invalid range parameters: age {age}, incr {step}")
    step = min(max(step, INTERVAL_S), HISTORY_S)
    steps = range(0, max(min(age, HISTORY_S), step) + 1, step)
    return Span([(sampler.last_at - ago, sampler.last_ms - ago * 1000) for ago in steps])


def _whole(query: Mapping[str, str], name: str) -> int | None:
    """A whole number; None for anything else, which RabbitMQ passes by."""
    try:
        return int(query.get(name, ""))
    except ValueError:
        return None


def _details(document: Any, path: Sequence[str]) -> dict[str, Any] | None:
    for name in path[:-1]:
        document = document.get(name)
        if document is None:
            return None
    found: dict[str, Any] | None = document.get(f"{path[-1]}_details")
    return found


def _tidy(value: float) -> float:
    """A count as a whole number, as tools read them."""
    return int(value) if value == int(value) else round(value, 4)
