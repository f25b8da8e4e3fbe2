"""Dead letters: what becomes of a message that a queue gives up.

The message is published anew, to the queue's dead-letter exchange, with an account of its deaths
in its headers: `x-death`, a list of tables with one entry for each queue and reason, newest
first, and `x-first-death-*` and `x-last-death-*`. It is written to the ledger before the queue
it leaves settles it, and both are part of one commit: it is always in exactly one place.

The account is the broker's. Whether the one in a message is, is told by its envelope: in a message
that a client has published, these headers are the client's, and its first death replaces them, as
in RabbitMQ from 4.0 on. All other headers stay as they were sent.

A message that has come round to a queue it died in is dropped there, unless a consumer rejected
it on the way: otherwise two queues would hand it to each other for ever. An account is kept whole
for that, also where it is too large for the frames of a client (see `server/fitting.py`), up to
DEATHS_MAX entries: what has died in more ways without being rejected is taken to go round, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from warrener.exchange.message import Envelope, Message, carbon_copies
from warrener.exchange.queues.reasons import REJECTED

if TYPE_CHECKING:
    from warrener.exchange.durability.ledger import Codec
    from warrener.exchange.queues.queue import Queue

DELIVERY_COUNT = "x-delivery-count"
"""The header that tells how often a message came back to the queue it is delivered from."""
DEATHS = "x-death"
ROUTING_KEYS = "routing-keys"
PLACES = ("queue", "reason", "exchange")
"""What is told of the first and of the last death, in headers of their own."""
FIRST_DEATH, LAST_DEATH = (
    {what: f"x-{which}-death-{what}" for what in PLACES} for which in ("first", "last")
)
ACCOUNT_HEADERS = frozenset((DEATHS, *FIRST_DEATH.values(), *LAST_DEATH.values()))
"""All headers that the account consists of."""

DEATHS_MAX = 500
"""Entries of an account. Each death costs a copy of it, so a longer way is taken for a circle."""
DETAILED_KEYS_MAX = 1000
"""Routing keys that an account tells of; the older deaths go without, if there are more."""

Death = dict[str, Any]


def dead_letter(codec: Codec, queue: Queue, message: Message, reason: str, now: int) -> Message:
    """The message as it leaves `queue` for the dead-letter exchange, at `now` ms since 1970."""
    options, place = queue.options, message.envelope
    assert options.dead_letter_exchange is not None, "the queue has somewhere to send it"
    headers = _account(codec, queue.name, message, reason, now)
    headers[DELIVERY_COUNT] = None
    routing_key, hidden_keys = options.dead_letter_routing_key, place.hidden_keys
    if routing_key is None:
        routing_key = place.routing_key
    else:
        headers["CC"], hidden_keys = None, ()
    envelope = Envelope(options.dead_letter_exchange, routing_key, hidden_keys, republished=True)
    return codec.rewrite(message, envelope, {"expiration": None}, headers)


def death_count(letter: Message) -> int:
    """How many entries the account of a dead letter has."""
    return len(_deaths(letter))


def goes_round(headers: Mapping[str, Any] | None, queue: Queue) -> bool:
    """Whether a dead letter with these headers died in `queue` before, with no one rejecting it
    since."""
    deaths: list[Death] = (headers or {}).get(DEATHS, [])
    if len(deaths) > DEATHS_MAX and all(death["reason"] != REJECTED for death in deaths):
        return True
    names = [death["queue"] for death in deaths]
    if queue.name not in names:
        return False
    way = deaths[: names.index(queue.name) + 1]
    return all(death["reason"] != REJECTED for death in way)


def _account(codec: Codec, queue: str, message: Message, reason: str, now: int) -> dict[str, Any]:
    """The headers that tell of the deaths of `message`, the one in `queue` among them."""
    deaths = _deaths(message)
    death = _death(codec, queue, message, reason, now)
    others = []
    for earlier in deaths:
        if (earlier["queue"], earlier["reason"]) == (queue, reason):
            death = {**earlier, "count": earlier["count"] + 1}
        else:
            others.append(earlier)
    account = _shortened([death, *others])
    for each in account:
        each["count"] = codec.int64(each["count"])
    exchange = message.envelope.exchange
    last = {"queue": queue, "reason": reason, "exchange": exchange}
    headers = {DEATHS: account} | {LAST_DEATH[what]: last[what] for what in PLACES}
    if not deaths:
        headers |= {FIRST_DEATH[what]: last[what] for what in PLACES}
    return headers


def _shortened(deaths: list[Death]) -> list[Death]:
    """Copies of deaths, newest first, without what would make the account too long."""
    shortened: list[Death] = []
    keys = 0
    for death in deaths[: DEATHS_MAX + 1]:
        keys += len(death.get(ROUTING_KEYS, ()))
        left_out = ROUTING_KEYS if keys > DETAILED_KEYS_MAX and shortened else ""
        shortened.append({key: value for key, value in death.items() if key != left_out})
    return shortened


def _death(codec: Codec, queue: str, message: Message, reason: str, now: int) -> Death:
    """The first death of a message in a queue, for a reason."""
    place = message.envelope
    death = {
        "count": 1,
        "reason": reason,
        "queue": queue,
        "time": codec.timestamp(now),
        "exchange": place.exchange,
        ROUTING_KEYS: [place.routing_key, *carbon_copies(message.properties.headers, "CC")],
    }
    expiration = message.properties.expiration
    return death if expiration is None else {**death, "original-expiration": expiration}


def _deaths(message: Message) -> list[Death]:
    """The deaths of a message so far; those that a client tells of do not count."""
    if not message.envelope.republished:
        return []
    headers: Mapping[str, Any] = message.properties.headers or {}
    deaths: list[Death] = headers[DEATHS]
    return deaths
