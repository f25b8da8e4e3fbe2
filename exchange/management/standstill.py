"""Why a queue stands still, and how old what waits in it is: beyond what RabbitMQ's API says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from warrener.exchange.counts import DELIVER, DELIVER_NO_ACK, GET, GET_NO_ACK, PUBLISH
from warrener.exchange.ledger import Ledger
from warrener.exchange.management.call import Call, answer
from warrener.exchange.management.statistics import rates_of
from warrener.exchange.message import Message
from warrener.exchange.oldest import head, published
from warrener.exchange.queue import Queue
from warrener.exchange.standstill import Standing, standing, why
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


def oldest_age(queue: Queue, ledger: Ledger) -> float | None:
    """How long the oldest message has been waiting, in seconds, if that is known."""
    since = published(queue, ledger)
    return None if since is None else round(max(0, ledger.now_ms - since) / 1000, 1)


def head_timestamp(queue: Queue) -> Any:
    """The time that the publisher has given the first message, if it is in memory."""
    found = head(queue)
    return found.properties.timestamp if isinstance(found, Message) else None
