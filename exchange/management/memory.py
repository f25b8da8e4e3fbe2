"""Memory of the node by category, under RabbitMQ's names.

What can be told is counted: what waits to be sent on connections, and about what queues take. The
rest of the process is `other_system`; categories of what does not exist here are 0. All together
are what the system says that the process takes (`rss`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from warrener.exchange.footprint import of_messages
from warrener.exchange.management.call import Call
from warrener.exchange.management.listing import in_slices
from warrener.exchange.management.queues import QueueIn, queue_type, queues_in
from warrener.exchange.server.resident import resident_bytes

CATEGORIES = (
    *("connection_readers", "connection_writers", "connection_channels", "connection_other"),
    *("queue_procs", "queue_slave_procs", "quorum_queue_procs", "quorum_queue_dlx_procs"),
    *("stream_queue_procs", "stream_queue_replica_reader_procs", "stream_queue_coordinator_procs"),
    *("plugins", "metadata_store", "other_proc", "metrics", "mgmt_db", "mnesia", "quorum_ets"),
    *("metadata_store_ets", "other_ets"),
    *("binary", "msg_index", "code", "atom", "other_system", "allocated_unused"),
    "reserved_unallocated",
)
OF_BINARIES = (
    *("connection_readers", "connection_writers", "connection_channels", "connection_other"),
    *("queue_procs", "queue_slave_procs", "quorum_queue_procs", "quorum_queue_dlx_procs"),
    *("stream_queue_procs", "stream_queue_replica_reader_procs", "stream_queue_coordinator_procs"),
    *("plugins", "mgmt_db", "msg_index"),
)
QUEUES = {"classic": "queue_procs", "quorum": "quorum_queue_procs"}


async def by_category(call: Call) -> dict[str, Any]:
    """Bytes by category, and the total."""
    found = dict.fromkeys(CATEGORIES, 0) | await _counted(call)
    resident = max(resident_bytes(), sum(found.values()))
    found["other_system"] = resident - sum(found.values())
    total = {"erlang": resident, "rss": resident, "allocated": resident}
    return {**found, "strategy": "rss", "total": total}


async def binaries(call: Call) -> dict[str, int]:
    """Bytes of messages alone, by who has them."""
    return dict.fromkeys(OF_BINARIES, 0) | await _counted(call) | {"other": 0}


def shares(categories: Mapping[str, Any]) -> dict[str, int]:
    """Each category as a part of the total in percent, rounded up, as RabbitMQ does."""
    total = categories["total"]["rss"]
    return {"total": 100} | {name: -(-categories[name] * 100 // total) for name in CATEGORIES}


async def _counted(call: Call) -> dict[str, int]:
    found = dict.fromkeys(("connection_writers", *QUEUES.values()), 0)
    sessions = call.application.server.sessions
    found["connection_writers"] = sum(each.connection.output.size for each in sessions)

    def add(each: QueueIn) -> None:
        found[QUEUES.get(queue_type(each.queue), "queue_procs")] += of_messages(each.queue)

    await in_slices(add, list(queues_in(call.broker.vhosts.values())))
    return found
