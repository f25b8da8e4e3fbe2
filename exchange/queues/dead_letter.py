"""Dead letters: what becomes of a message that a queue gives up.

The message is published anew, to the queue's dead-letter exchange, with an account of its deaths
in its headers: `x-death`, a list of tables with one entry for each queue and reason, newest
first, and `x-first-death-*` and `x-last-death-*`. It is written to the ledger before the queue
it leaves settles it, and both are part of one commit: it is always in exactly one place.

A message that has come round to a queue it died in is dropped there, unless a consumer rejected
it on the way: otherwise two queues would hand it to each other for ever.

Headers that are so large that the account finds no room beside them are given up for it: the
body matters more, and without an account nobody could tell that the message goes round.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from warrener.exchange.message import Envelope, Message, carbon_copies

if TYPE_CHECKING:
    from warrener.exchange.durability.ledger import Codec
    from warrener.exchange.queues.queue import Queue

REJECTED = "rejected"
EXPIRED = "expired"
MAXLEN = "maxlen"
DELIVERY_LIMIT = "delivery_limit"

COUNT_MAX = 2**32
"""How many deaths of one kind are counted; an account that tells of more was made up."""

DELIVERY_COUNT = "x-delivery-count"
"""The header that tells how often a message came back to the queue it is delivered from."""


def dead_letter(codec: Codec, queue: Queue, message: Message, reason: str, now: int) -> Message:
    """The message as it leaves `queue` for the dead-letter exchange, at `now` ms since 1970."""
    headers = dict(message.properties.headers or {})
    letter = _letter(codec, queue, message, headers, reason, now)
    return letter if codec.fits(letter) else _letter(codec, queue, message, {}, reason, now)


def _letter(
    codec: Codec,
    queue: Queue,
    message: Message,
    headers: dict[str, Any],
    reason: str,
    now: int,
) -> Message:
    options = queue.options
    assert options.dead_letter_exchange is not None, "the queue has somewhere to send it"
    headers.pop(DELIVERY_COUNT, None)
    expiration = message.properties.expiration
    _add_death(codec, headers, queue.name, message.envelope, reason, expiration, now)
    routing_key = options.dead_letter_routing_key
    if routing_key is None:
        routing_key = message.envelope.routing_key
    else:
        headers.pop("CC", None)
    return codec.rewrite(
        message,
        Envelope(options.dead_letter_exchange, routing_key),
        {"headers": headers, "expiration": None},
    )


def goes_round(headers: Mapping[str, Any] | None, queue: Queue) -> bool:
    """Whether a dead letter with these headers died in `queue` before, with no one rejecting it."""
    deaths = _deaths(headers or {})
    names = [death.get("queue") for death in deaths]
    if queue.name not in names:
        return False
    way = deaths[: names.index(queue.name) + 1]
    return all(death.get("reason") != REJECTED for death in way)


def _add_death(
    codec: Codec,
    headers: dict[str, Any],
    queue: str,
    envelope: Envelope,
    reason: str,
    expiration: str | None,
    now: int,
) -> None:
    deaths = _deaths(headers)
    same = [d for d in deaths if d.get("queue") == queue and d.get("reason") == reason]
    others = [d for d in deaths if d not in same]
    if same:
        death = {**same[0], "count": codec.int64(_count(same[0]) + 1)}
    else:
        death = {
            "count": codec.int64(1),
            "reason": reason,
            "queue": queue,
            "time": codec.timestamp(now),
            "exchange": envelope.exchange,
            "routing-keys": [envelope.routing_key, *carbon_copies(headers, "CC")],
        }
        if expiration is not None:
            death["original-expiration"] = expiration
    headers["x-death"] = [death, *(_as_counted(codec, other) for other in others)]
    for key, value in (("queue", queue), ("reason", reason), ("exchange", envelope.exchange)):
        headers.setdefault(f"x-first-death-{key}", value)
        headers[f"x-last-death-{key}"] = value


def _deaths(headers: Mapping[str, Any]) -> list[dict[str, Any]]:
    deaths = headers.get("x-death")
    return [d for d in deaths if isinstance(d, dict)] if isinstance(deaths, list) else []


def _as_counted(codec: Codec, death: dict[str, Any]) -> dict[str, Any]:
    """An earlier death, whose count lost its width when it was read."""
    count = death.get("count")
    if not isinstance(count, int) or not -COUNT_MAX < count < COUNT_MAX:
        return death
    return {**death, "count": codec.int64(count)}


def _count(death: Mapping[str, Any]) -> int:
    count = death.get("count")
    # A client may have made it up, and one more must still fit 64 bits.
    return count if isinstance(count, int) and 0 < count < COUNT_MAX else 1
