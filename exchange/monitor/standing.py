"""Standing: why a queue stands still, from what an API says of it.

Warrener's says so itself. Of others (RabbitMQ) the sentence is made here, of what their documents
have: how many wait, who consumes, with which prefetch. What cannot be seen there, as a client that
does not read, is not said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from warrener.exchange.management.obstacles import Obstacle, Standing, Taker, why
from warrener.exchange.monitor.printing import printable
from warrener.exchange.monitor.snapshot import Document, number, text


def explained(row: Document, alarms: Sequence[str] = ()) -> str:
    """Why the messages of a queue do not move; nothing if that cannot be seen here."""
    said = text(row, "why")
    if said:
        return printable(said)
    standing = read_standing(row, alarms)
    is_unclear = standing.ready and standing.takers and "consumer_details" not in row
    return "" if is_unclear and not standing.rate_out else why(standing)


def read_standing(row: Document, alarms: Sequence[str] = ()) -> Standing:
    unacked = int(number(row, "messages_unacknowledged"))
    active = text(row, "single_active_consumer_tag")
    return Standing(
        ready=int(number(row, "messages_ready")),
        unacked=unacked,
        takers=_takers(row, unacked, active),
        single_active=bool(active),
        rate_in=number(row, "message_stats.publish_details.rate"),
        rate_out=number(row, "message_stats.deliver_get_details.rate"),
        alarms=alarms,
    )


def _takers(row: Document, unacked: int, active: str) -> list[Taker]:
    found = row.get("consumer_details")
    details = [each for each in found or () if isinstance(each, Mapping)]
    if not details:
        return [Taker("", Obstacle.NONE)] * int(number(row, "consumers"))
    able = [each for each in details if not active or text(each, "consumer_tag") == active]
    limits = [int(number(each, "prefetch_count")) for each in able]
    is_full = all(limits) and unacked >= sum(limits)
    return [_taker(each, each in able, is_full) for each in details]


def _taker(consumer: Mapping[str, Any], is_able: bool, is_full: bool) -> Taker:
    obstacle = Obstacle.PREFETCH if is_full else Obstacle.NONE
    limit = int(number(consumer, "prefetch_count"))
    return Taker(text(consumer, "consumer_tag"), obstacle if is_able else Obstacle.INACTIVE, limit)
