"""The sampler: reads counts every few seconds, and so knows rates.

Each thing that counts (a queue, a channel, an exchange, a connection) has a place for its last
sample. One that has never counted anything has none and costs a comparison a round, so memory
does not grow with what lies idle, and a sample goes with the thing it belongs to. One that has
changed in the last minutes has a history with its sample, from which means over a span of time are
known (spans.py). A round is made in slices, between which others have their turn.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

import trio

from warrener.exchange.management.process import Process
from warrener.exchange.statistics.counts import NAMES, no_counts
from warrener.exchange.statistics.history import HISTORY_S, History
from warrener.exchange.statistics.sample import Sample
from warrener.protocol.state import ConnectionState

if TYPE_CHECKING:
    from warrener.exchange.queues.queue import Queue
    from warrener.exchange.server.server import Server
    from warrener.exchange.server.traffic import Traffic
    from warrener.exchange.statistics.sample import Sampled
    from warrener.exchange.types import Exchange

INTERVAL_S = 5
"""RabbitMQ's; rates are those of the last interval."""
SLICE = 500
HISTORIES_MAX = 10_000
"""Things that may have a history at once, of some 4 KB each; further ones have their last rate."""


def take_sample(
    thing: Sampled,
    values: Sequence[float],
    gauges: int,
    now: float,
    now_ms: int,
    remembers: bool = True,
) -> None:
    """Sample the values of `thing`. The last `gauges` of them may fall, all others only rise.

    `remembers`: whether a history may be begun.
    """
    before = thing.sample
    found = tuple(values)
    if before is None:
        if not any(found):
            return
        counted = len(found) - gauges
        before = Sample(now - INTERVAL_S, (0,) * counted + found[counted:], (), now_ms)
    elif found == before.values:
        _stay(before, now)
        return
    elapsed = now - before.at or 1.0
    rates = tuple([(v - b) / elapsed for v, b in zip(found, before.values, strict=True)])
    history = before.history
    if history is None and remembers:
        history = History(len(found))
    if history is not None:
        # What did not change until then had its old value until then.
        history.add(before.at, before.values)
        history.add(now, found)
    thing.sample = Sample(now, found, rates, now_ms, history)


def _stay(sample: Sample, now: float) -> None:
    """Nothing has changed since a sample."""
    sample.at = now
    if any(sample.rates):
        sample.rates = (0.0,) * len(sample.rates)
    elif sample.history is not None and now - sample.history.last_at > HISTORY_S:
        sample.history = None


READY, UNACKED = -2, -1
"""Where messages that wait, and those that are delivered, are in the sample of a queue."""


def queue_values(queue: Queue) -> list[int]:
    """What is sampled of a queue: its counts, then ready and unacknowledged messages."""
    return [*queue.counts, len(queue.ready), queue.unacked]


def exchange_values(exchange: Exchange) -> tuple[int, int, int]:
    return exchange.published_in, exchange.published_out, exchange.published_nowhere


def traffic_values(traffic: Traffic) -> tuple[int, int, int, int]:
    return traffic.received_bytes, traffic.sent_bytes, traffic.reads, traffic.writes


class Churn:
    """What comes and goes: connections, channels, queues."""

    names = (
        "connection_created",
        "connection_closed",
        "channel_created",
        "channel_closed",
        "queue_declared",
        "queue_created",
        "queue_deleted",
    )

    def __init__(self, server: Server) -> None:
        self._broker = server.broker
        self.sample: Sample | None = None

    def values(self) -> tuple[int, ...]:
        connections, activity = self._broker.connections, self._broker.activity
        return (
            connections.opened,
            connections.closed,
            activity.channels_opened,
            activity.channels_closed,
            activity.queues_declared,
            activity.queues_created,
            activity.queues_deleted,
        )


TOTAL_TRAFFIC = len(NAMES)
TOTAL_READY = TOTAL_TRAFFIC + 2
"""Where traffic and messages that wait are in the samples of totals."""


class Totals:
    """All messages of a virtual host: counts of its channels, those that wait, and its traffic."""

    names = (*NAMES, "recv_oct", "send_oct", "messages_ready", "messages_unacknowledged")
    gauges = len(names) - len(NAMES)
    """Traffic is that of connections that are open, so it may fall."""

    def __init__(self) -> None:
        self.sample: Sample | None = None


class Sampler:
    """Takes the samples of one server."""

    def __init__(self, server: Server, process: Process) -> None:
        self._server = server
        self.churn = Churn(server)
        self.process = process
        self.totals: dict[str, Totals] = {}
        """By virtual host."""
        self.last_at = 0.0
        """When the last round was, in seconds of the clock of samples and in ms since 1970."""
        self.last_ms = 0
        self._histories = 0

    async def run(self) -> None:
        """Sample for ever."""
        due = trio.current_time()
        while True:
            due += INTERVAL_S
            await trio.sleep_until(due)
            try:
                steps = self.round(trio.current_time())
                while list(islice(steps, SLICE)):
                    await trio.lowlevel.checkpoint()
            except Exception as error:
                self._server.note_failure("sampler", error, "management")

    def round(self, now: float) -> Iterator[None]:
        """A round; it may be left to others between any two of its steps."""
        now_ms = self._server.broker.ledger.now_ms
        taken = _Round(now, now_ms, HISTORIES_MAX - self._histories)
        taken.take(self.churn, self.churn.values(), 0)
        values = self.process.values()
        taken.take(self.process, values, len(values))
        yield
        for session in self._server.sessions:
            traffic = session.traffic
            taken.take(traffic, traffic_values(traffic), 0)
            for channel in list(session.connection.channels.values()):
                taken.take(channel.core, channel.core.counts, 0)
                yield
            yield
        yield from self._vhosts(taken)
        self._histories = taken.histories
        self.last_at, self.last_ms = now, now_ms

    def _vhosts(self, taken: _Round) -> Iterator[None]:
        vhosts = dict(self._server.broker.vhosts)
        waiting: dict[str, tuple[int, int]] = {}
        for vhost in vhosts.values():
            ready = unacked = 0
            for exchange in list(vhost.exchanges.values()):
                taken.take(exchange, exchange_values(exchange), 0)
                yield
            for queue in list(vhost.queues.values()):
                values = queue_values(queue)
                taken.take(queue, values, 2)
                if queue.declared:
                    ready += values[READY]
                    unacked += values[UNACKED]
                yield
            waiting[vhost.name] = ready, unacked
        counted = self._counted()
        self.totals = {name: self.totals.get(name) or Totals() for name in vhosts}
        for name, totals in self.totals.items():
            sums = [*counted.get(name, _NOTHING), *waiting[name]]
            for place, past in enumerate(self._server.broker.activity.past(name)):
                sums[place] += past
            taken.take(totals, sums, Totals.gauges)

    def _counted(self) -> dict[str, list[int]]:
        """By virtual host: what open channels and connections have counted.

        At once, as one that is closed in between would count twice or not at all.
        """
        several: dict[str, list[Sequence[int]]] = {}
        for session in self._server.sessions:
            if session.connection.state is not ConnectionState.OPEN:
                continue
            rows = several.setdefault(session.connection.vhost.name, [])
            rows.append((*no_counts(), *traffic_values(session.traffic)[:2]))
            rows += [(*ch.core.counts, 0, 0) for ch in session.connection.channels.values()]
        return {name: list(map(sum, zip(*rows, strict=True))) for name, rows in several.items()}


class _Round:
    """The samples that are taken at one time."""

    def __init__(self, now: float, now_ms: int, room: int) -> None:
        self._now = now
        self._now_ms = now_ms
        self._room = room
        """Histories that may be begun."""
        self.histories = 0
        """Those that there are."""

    def take(self, thing: Sampled, values: Sequence[float], gauges: int) -> None:
        before = thing.sample
        if before is None and not any(values):
            return
        had = before is not None and before.history is not None
        take_sample(thing, values, gauges, self._now, self._now_ms, self._room > 0)
        if thing.sample is not None and thing.sample.history is not None:
            self.histories += 1
            self._room -= not had


_NOTHING = (*no_counts(), 0, 0)
