"""Recovery: from the records of a store to a broker with its topology and messages.

The records are read once, in order, neighbours that begin alike as one run. Definitions that were
ended and messages that were settled drop out on the way; what is left at the end is the state. Of
a message only its position and size are kept, in arrays (`waiting.py`), and its body is not read.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass

from warrener.exchange.broker import Broker
from warrener.exchange.definitions import Survivors
from warrener.exchange.entries import ENDED_BY
from warrener.exchange.ledger import Kind, Run, settled_positions
from warrener.exchange.waiting import Waiting

logger = logging.getLogger("warrener.recovery")


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restart brought back."""

    queues: int
    messages: int


def restore(broker: Broker, runs: Iterable[Run]) -> Restored:
    """Take up the state that a store recovered; called once, on a new broker."""
    survivors, waiting = _read(broker, runs)
    _restore_entries(broker, survivors)
    queues = survivors.restore(broker.vhosts)
    # Numbers are not used again, not even that of a queue of which nothing but a message is left.
    broker.last_number = max(survivors.highest_number, waiting.highest_number)
    for number, queue in queues.items():
        positions, size = waiting.take(number)
        broker.ledger.hold_all(positions)
        queue.restore(positions, size, expiring=number in waiting.expiring)
    return Restored(len(queues), sum(len(queue.ready) for queue in queues.values()))


def _restore_entries(broker: Broker, survivors: Survivors) -> None:
    """Take up users, virtual hosts and permissions; a store without any gets those of a new broker.

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
    broker.permissions.drop_orphans()


def _read(broker: Broker, runs: Iterable[Run]) -> tuple[Survivors, Waiting]:
    survivors = Survivors()
    waiting = Waiting()
    message, settled = int(Kind.MESSAGE), int(Kind.SETTLED)
    for run in runs:
        if run.kind == message:
            waiting.add(run)
        elif run.kind == settled:
            waiting.settle(*settled_positions(run.head))
        else:
            fields = broker.ledger.read_topology(run.head)
            waiting.forget(survivors.read(Kind(run.kind), run.positions[0], fields))
    return survivors, waiting
