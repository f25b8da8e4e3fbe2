"""Why a queue stands still, and how old what waits in it is: beyond what RabbitMQ's API says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from warrener.exchange.consumer import Consumer
from warrener.exchange.durability.ledger import Ledger
from warrener.exchange.management.call import Call, answer
from warrener.exchange.management.obstacles import Obstacle, Standing, Taker, why
from warrener.exchange.management.statistics import rates_of
from warrener.exchange.message import Message
from warrener.exchange.queues.oldest import head, published
from warrener.exchange.queues.queue import Queue
from warrener.exchange.queues.selection import Selection
from warrener.exchange.statistics.counts import DELIVER, DELIVER_NO_ACK, GET, GET_NO_ACK, PUBLISH
from warrener.protocol.http.response import Response

OUT = (DELIVER, DELIVER_NO_ACK, GET, GET_NO_ACK)


def get_why(call: Call) -> Response:
    """Why the messages of a queue do not move, as a sentence and in parts."""
    alarms = sorted(call.application.server.alarms)
    queue, ledger = call.queue(), call.broker.ledger
    seen = replace(standing_of(queue, ledger), alarms=alarms)
    return answer(
        {
            "why": why(seen),
            "suspended": seen.suspended,
            "messages_ready": seen.ready,
            "messages_unacknowledged": seen.unacked,
            "messages_delayed": seen.delayed,
            "oldest_age": oldest_age(queue, ledger),
            "rate_in": round(seen.rate_in, 2),
            "rate_out": round(seen.rate_out, 2),
            "alarms": alarms,
            "consumers": [
                {
                    "consumer_tag": each.tag,
                    "obstacle": each.obstacle.value,
                    "prefetch_count": each.prefetch,
                }
                for each in seen.takers
            ],
        }
    )


def why_of(queue: Queue, ledger: Ledger) -> str:
    return why(standing_of(queue, ledger))


def standing_of(queue: Queue, ledger: Ledger) -> Standing:
    """With the rates of the last sample."""
    rates = rates_of(queue.sample)
    return replace(
        standing(queue, ledger.now_ms),
        rate_in=rates[PUBLISH],
        rate_out=sum(rates[kind] for kind in OUT),
    )


def standing(queue: Queue, now: int) -> Standing:
    """What there is to be seen of a queue at a time, in ms since 1970; rates and alarms are not."""
    ready = queue.ready
    coming, examining = None, False
    if isinstance(ready, Selection):
        coming = ready.held.next if ready.held else None
        examining = ready.lines.examining
    return Standing(
        ready=len(ready),
        unacked=queue.unacked,
        takers=[taker(queue, consumer) for consumer in queue.consumers],
        delayed=queue.statistics().messages_delayed,
        delay_ms=0 if coming is None else max(0, coming - now),
        examining=examining,
        suspended=queue.suspended,
        single_active=queue.options.single_active,
    )


def taker(queue: Queue, consumer: Consumer) -> Taker:
    channel = consumer.channel
    limit, obstacle = consumer.prefetch, Obstacle.NONE
    if queue.options.single_active and consumer is not queue.consumers.active:
        obstacle = Obstacle.INACTIVE
    elif channel.outlet.room() <= 0:
        obstacle = Obstacle.OUTPUT
    elif consumer.capacity() <= 0:
        is_own = bool(limit) and consumer.unacked >= limit
        obstacle = Obstacle.PREFETCH if is_own else Obstacle.CHANNEL
        limit = limit if is_own else channel.prefetch
    elif not len(queue.ready) or not isinstance(queue.ready, Selection):
        pass
    elif queue.ready.next_for(consumer) is None:
        obstacle = Obstacle.FILTER if consumer.filter is not None else Obstacle.GROUP
    return Taker(consumer.tag, obstacle, limit)


def oldest_age(queue: Queue, ledger: Ledger) -> float | None:
    """How long the oldest message has been waiting, in seconds, if that is known."""
    since = published(queue, ledger)
    return None if since is None else round(max(0, ledger.now_ms - since) / 1000, 1)


def head_timestamp(queue: Queue) -> Any:
    """The time that the publisher has given the first message, if it is in memory."""
    found = head(queue)
    return found.properties.timestamp if isinstance(found, Message) else None
