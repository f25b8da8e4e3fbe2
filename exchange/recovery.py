"""Recovery: from the records of a store to a broker with its topology and messages.

The records are read once, in order. Definitions that were ended and messages that were settled
drop out on the way; what is left at the end is the state. Of a message only its position and
size are kept, so memory does not grow with bodies.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field

from warrener.exchange.broker import Broker
from warrener.exchange.definitions import Survivors, lasting_windows
from warrener.exchange.entries import ENDED_BY
from warrener.exchange.ledger import (
    Kind,
    Record,
    Return,
    message_summary,
    returned_messages,
    settled_positions,
)
from warrener.exchange.queue import Queue
from warrener.exchange.window import Sightings

logger = logging.getLogger("warrener.recovery")

REMADE_PREFIX = "recovered."


@dataclass(slots=True)
class Waiting:
    """The messages that are not settled so far."""

    sizes: dict[int, dict[int, int]] = field(default_factory=dict)
    """By queue number: their sizes by position, in order."""
    expiring: set[int] = field(default_factory=set)
    """Numbers of the queues that got a message that may expire."""
    seen: Sightings = field(default_factory=Sightings)
    returns: dict[int, dict[int, Return]] = field(default_factory=dict)
    """By queue number: of messages that came back, by position, what is known of them."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restart brought back."""

    queues: int
    messages: int


def restore(broker: Broker, records: Iterable[Record]) -> Restored:
    """Take up the state that a store recovered; called once, on a new broker."""
    survivors, waiting = _read(broker, records)
    _restore_entries(broker, survivors)
    queues = survivors.restore(broker.vhosts)
    nameless = {number for number, sizes in waiting.sizes.items() if sizes} - queues.keys()
    queues |= {number: _remake_queue(broker, number) for number in sorted(nameless)}
    # Numbers are not used again, not even those of which nothing but a message is left.
    broker.last_number = max(survivors.highest_number, *waiting.sizes, 0)
    holders: dict[int, int] = {}
    for number, queue in queues.items():
        sizes = waiting.sizes.get(number, {})
        queue.restore(
            list(sizes),
            sum(sizes.values()),
            expiring=number in waiting.expiring,
            returns=waiting.returns.get(number, {}),
        )
        for position in sizes:
            holders[position] = holders.get(position, 0) + 1
    for position, count in holders.items():
        broker.ledger.hold(position, count)
    waiting.seen.restore(lasting_windows(broker.vhosts.values()), broker.ledger)
    return Restored(len(queues), sum(len(queue.ready) for queue in queues.values()))


def _remake_queue(broker: Broker, number: int) -> Queue:
    """A queue for messages whose own has lost its declaration: damage there must not cost them."""
    vhost = broker.vhosts.get("/") or broker.add_vhost("/")
    name = f"{REMADE_PREFIX}{number}"
    while name in vhost.queues:
        name += "'"
    logger.error("a queue has lost its declaration: its messages are in '%s' of '/'", name)
    return vhost.restore_queue(
        0, {"name": name, "number": number, "auto_delete": False, "arguments": {}}
    )


def _restore_entries(broker: Broker, survivors: Survivors) -> None:
    """Take up all entries; a store without any gets those of a new broker.

    What damage has torn apart is made whole the safe way: a virtual host in which there is still
    something is made again, a permission of nobody is dropped.
    """
    if not any(survivors.live[kind] for kind in ENDED_BY):
        broker.entries.rewrite()
        return
    broker.forget_assumed()
    for position, fields in survivors.live[Kind.VHOST_SET].values():
        broker.restore_vhost(position, fields)
    for name in survivors.vhosts() - broker.vhosts.keys():
        logger.error("virtual host '%s' was damaged and is made again", name)
        broker.add_vhost(name)
    for position, fields in survivors.live[Kind.USER_SET].values():
        broker.users.restore(position, fields)
    for position, fields in survivors.live[Kind.PERMISSION_SET].values():
        broker.permissions.restore(position, fields)
    for position, fields in survivors.live[Kind.TOPIC_PERMISSION_SET].values():
        broker.permissions.restore_topic(position, fields)
    for position, fields in survivors.live[Kind.POLICY_SET].values():
        broker.policies.restore(position, fields)
    broker.permissions.drop_orphans()
    for position, fields in survivors.live[Kind.PARAMETER_SET].values():
        broker.parameters.restore(position, fields)


def _read(broker: Broker, records: Iterable[Record]) -> tuple[Survivors, Waiting]:
    survivors = Survivors()
    waiting = Waiting()
    for record in records:
        kind = Kind(record.kind)
        if kind is Kind.MESSAGE:
            numbers, size, expiring = message_summary(record.payload)
            for number in numbers:
                waiting.sizes.setdefault(number, {})[record.position] = size
            if expiring:
                waiting.expiring.update(numbers)
        elif kind is Kind.SETTLED:
            number, positions = settled_positions(record.payload)
            sizes = waiting.sizes.get(number, {})
            returns = waiting.returns.get(number, {})
            for position in positions:
                sizes.pop(position, None)
                returns.pop(position, None)
        elif kind is Kind.SEEN:
            waiting.seen.read(record)
        elif kind is Kind.RETURNED:
            number, found = returned_messages(record.payload)
            waiting.returns.setdefault(number, {}).update((each.position, each) for each in found)
        else:
            fields = broker.ledger.read_topology(record)
            ended = survivors.read(kind, record.position, fields)
            waiting.sizes.pop(ended, None)
            waiting.seen.end(ended)
            waiting.returns.pop(ended, None)
    return survivors, waiting
