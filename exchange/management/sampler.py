"""The sampler: reads counts every few seconds, and so knows rates.

Each thing that counts (a queue, a channel, an exchange, a connection) has a place for its last
sample. One that has never counted anything has none and costs a comparison a round, so memory
does not grow with what lies idle, and a sample goes with the thing it belongs to. A round is
made in slices, between which others have their turn.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

import trio

from warrener.exchange.statistics.sample import Sample

if TYPE_CHECKING:
    from warrener.exchange.queues.queue import Queue
    from warrener.exchange.server.server import Server
    from warrener.exchange.server.traffic import Traffic
    from warrener.exchange.statistics.sample import Sampled
    from warrener.exchange.types import Exchange

INTERVAL_S = 5
"""RabbitMQ's; rates are those of the last interval."""
SLICE = 500


def take_sample(
    thing: Sampled, values: Sequence[int], gauges: int, now: float, now_ms: int
) -> None:
    """Sample the values of `thing`. The last `gauges` of them may fall, all others only rise."""
    before = thing.sample
    found = tuple(values)
    if before is None:
        if any(found):
            counted = len(found) - gauges
            rates = tuple(v / INTERVAL_S for v in found[:counted]) + (0.0,) * gauges
            thing.sample = Sample(now, found, rates, now_ms)
    elif found != before.values:
        elapsed = now - before.at or 1.0
        rates = tuple((v - b) / elapsed for v, b in zip(found, before.values, strict=True))
        thing.sample = Sample(now, found, rates, now_ms)
    else:
        before.at = now
        if any(before.rates):
            before.rates = (0.0,) * len(found)


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


class Sampler:
    """Takes the samples of one server."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.churn = Churn(server)

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
        take_sample(self.churn, self.churn.values(), 0, now, now_ms)
        for session in self._server.sessions:
            traffic = session.traffic
            take_sample(traffic, traffic_values(traffic), 0, now, now_ms)
            for channel in list(session.connection.channels.values()):
                take_sample(channel.core, channel.core.counts, 0, now, now_ms)
                yield
            yield
        for vhost in list(self._server.broker.vhosts.values()):
            for exchange in list(vhost.exchanges.values()):
                take_sample(exchange, exchange_values(exchange), 0, now, now_ms)
                yield
            for queue in list(vhost.queues.values()):
                take_sample(queue, queue_values(queue), 2, now, now_ms)
                yield
