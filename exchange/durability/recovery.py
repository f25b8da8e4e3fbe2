"""Recovery: from the records of a store to a broker with its topology and messages.

The records are read once, in order, neighbours that begin alike as one run. Definitions that were
ended and messages that were settled drop out on the way; what is left at the end is the state. Of
a message only its position and size are kept, in arrays (`unsettled.py`), and its body is not read.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from warrener.exchange.broker import Broker
from warrener.exchange.durability.definitions import Survivors, lasting_windows
from warrener.exchange.durability.entries import ENDED_BY
from warrener.exchange.durability.ledger import Run
from warrener.exchange.durability.records import Kind, Return, returned_messages, settled_positions
from warrener.exchange.durability.unsettled import Unsettled
from warrener.exchange.failures import Owner
from warrener.exchange.queues.queue import Queue
from warrener.exchange.window import Sightings

logger = logging.getLogger("warrener.recovery")

REMADE_PREFIX = "recovered."


@dataclass(slots=True)
class Found:
    """What the records say of messages."""

    unsettled: Unsettled = field(default_factory=Unsettled)
    seen: Sightings = field(default_factory=Sightings)
    returns: dict[int, dict[int, Return]] = field(default_factory=dict)
    """By queue number: of messages that came back, by position, what is known of them."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restart brought back."""

    queues: int
    messages: int


def restore(broker: Broker, runs: Iterable[Run]) -> Restored:
    """Take up the state that a store recovered; called once, on a new broker."""
    survivors, found = _read(broker, runs)
    _restore_entries(broker, survivors)
    queues = survivors.restore(broker.vhosts, broker.unreadable.keep)
    nameless = found.unsettled.waiting() - queues.keys()
    queues |= {number: _remake_queue(broker, number) for number in sorted(nameless)}
    # Numbers are not used again, not even that of a queue of which nothing but a message is left.
    broker.last_number = max(survivors.highest_number, found.unsettled.highest_number)
    for number, queue in queues.items():
        positions, size = found.unsettled.take(number)
        broker.ledger.hold_all(positions)
        expiring = number in found.unsettled.expiring
        try:
            queue.restore(positions, size, expiring, found.returns.get(number, {}))
        except Exception as error:
            queue.restore_suspended(positions, size, error)
    _restore_windows(broker, found.seen)
    return Restored(len(queues), sum(len(queue.ready) for queue in queues.values()))


def _restore_windows(broker: Broker, seen: Sightings) -> None:
    for window in lasting_windows(broker.vhosts.values()):
        try:
            seen.restore((window,), broker.ledger)
        except Exception as error:
            owner = Owner("window of queue or exchange number", str(window.number))
            broker.failures.note(owner, error, broker.ledger.now_ms)


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
    keep = broker.unreadable.keep
    survivors.each(Kind.VHOST_SET, partial(_restore_vhost, broker), keep)
    for name in survivors.vhosts() - broker.vhosts.keys():
        logger.error("virtual host '%s' was damaged and is made again", name)
        broker.add_vhost(name)
    survivors.each(Kind.USER_SET, broker.users.restore, keep)
    survivors.each(Kind.PERMISSION_SET, broker.permissions.restore, keep)
    survivors.each(Kind.TOPIC_PERMISSION_SET, partial(_restore_topic, broker), keep)
    survivors.each(Kind.POLICY_SET, broker.policies.restore, keep)
    broker.permissions.drop_orphans()
    survivors.each(Kind.PARAMETER_SET, broker.parameters.restore, keep)


def _restore_vhost(broker: Broker, position: int, fields: Mapping[str, Any]) -> None:
    """Its record is live in any case: what it holds must have somewhere to be."""
    try:
        broker.restore_vhost(position, fields)
    except Exception as error:
        owner = Owner("virtual host", str(fields.get("name")))
        broker.failures.note(owner, error, broker.ledger.now_ms)


def _restore_topic(broker: Broker, position: int, fields: Mapping[str, Any]) -> None:
    """One that cannot be restored allows nothing: without it everything would be allowed."""
    try:
        broker.permissions.restore_topic(position, fields)
    except Exception:
        broker.permissions.deny_topic(fields["user"], fields["vhost"], fields["exchange"])
        raise


def _read(broker: Broker, runs: Iterable[Run]) -> tuple[Survivors, Found]:
    survivors = Survivors()
    found = Found()
    unread: list[tuple[int, Sequence[int], Exception]] = []
    # Called for each run: an enumeration's name takes as long as the rest.
    message = int(Kind.MESSAGE)
    for run in runs:
        try:
            if run.kind == message:
                found.unsettled.add(run)
            else:
                _read_other(broker, run, survivors, found)
        except Exception as error:
            unread.append((run.kind, run.positions, error))
    for kind, positions, found_wrong in unread:
        # Not before all is read: until then the store knows of no holders.
        broker.unreadable.keep(kind, positions, found_wrong)
    return survivors, found


def _read_other(broker: Broker, run: Run, survivors: Survivors, found: Found) -> None:
    (position,) = run.positions
    if run.kind == Kind.SETTLED:
        number, settled = settled_positions(run.head)
        found.unsettled.settle(number, settled)
        returns = found.returns.get(number, {})
        for each in settled if returns else ():
            returns.pop(each, None)
    elif run.kind == Kind.SEEN:
        found.unsettled.note_number(found.seen.read(position, run.head))
    elif run.kind == Kind.RETURNED:
        number, back = returned_messages(run.head)
        found.unsettled.note_number(number)
        found.returns.setdefault(number, {}).update((each.position, each) for each in back)
    else:
        fields = broker.ledger.read_topology(run.head)
        ended = survivors.read(Kind(run.kind), position, fields)
        found.unsettled.forget(ended)
        found.seen.end(ended)
        found.returns.pop(ended, None)
