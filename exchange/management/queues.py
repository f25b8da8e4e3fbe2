"""Queues: list, look at, declare, delete, purge."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from warrener.exchange.access.requirements import require_queue_declare
from warrener.exchange.footprint import of_messages
from warrener.exchange.management import consumers
from warrener.exchange.management.call import NOBODY, Call, done, made
from warrener.exchange.management.listing import Columns, Listing
from warrener.exchange.management.node import node_name
from warrener.exchange.management.spans import length_tracks, message_tracks
from warrener.exchange.management.standstill import head_timestamp, oldest_age, why_of
from warrener.exchange.management.statistics import (
    QUEUE_NAMES,
    message_stats,
    rates_of,
)
from warrener.exchange.management.values import iso_time, plain
from warrener.exchange.queues.queue import Queue
from warrener.exchange.statistics.counts import NAMES
from warrener.exchange.vhost import VirtualHost
from warrener.protocol.http.errors import BadRequest, TargetNotFound
from warrener.protocol.http.response import Response

BUSY_MS = 5_000
"""A queue in which something has happened so lately is not idle."""
READY_RATE = len(NAMES)
UNACKED_RATE = READY_RATE + 1


class QueueIn(NamedTuple):
    """A queue and where it is."""

    vhost: VirtualHost
    queue: Queue


def queues_in(vhosts: Iterable[VirtualHost]) -> Iterator[QueueIn]:
    """The queues of virtual hosts; those that the broker has for itself are left out."""
    for vhost in vhosts:
        for _, queue in sorted(vhost.queues.items()):
            if queue.declared:
                yield QueueIn(vhost, queue)


def messages(queue: Queue) -> int:
    return len(queue.ready) + queue.unacked


def idle_since(each: QueueIn) -> str | None:
    """Since when nothing has happened in a queue; None while something does."""
    queue = each.queue
    changed_ms = 0 if queue.sample is None else queue.sample.changed_ms
    since_ms = max(queue.last_used_ms, changed_ms)
    return iso_time(since_ms) if each.vhost.ledger.now_ms - since_ms > BUSY_MS else None


def queue_type(queue: Queue) -> str:
    return str(queue.arguments.get("x-queue-type", "classic"))


def _rate(*places: int) -> Any:
    def details(each: QueueIn) -> dict[str, float]:
        rates = rates_of(each.queue.sample)
        return {"rate": round(sum(rates[place] for place in places), 2)}

    return details


def _capacity(each: QueueIn) -> float:
    """The part of its consumers that would take another message now."""
    takers = each.queue.consumers
    return sum(consumer.capacity() > 0 for consumer in takers) / len(takers) if takers else 0.0


def _exclusive_tag(each: QueueIn) -> str | None:
    holders = [consumer.tag for consumer in each.queue.consumers if consumer.exclusive]
    return holders[0] if holders else None


def _active_tag(each: QueueIn) -> str | None:
    active = each.queue.consumers.active if each.queue.options.single_active else None
    return active.tag if active else None


CONFIGURED: Columns[QueueIn] = {
    "name": lambda each: each.queue.name,
    "vhost": lambda each: each.vhost.name,
    "type": lambda each: queue_type(each.queue),
    "durable": lambda each: each.queue.durable,
    "auto_delete": lambda each: each.queue.auto_delete,
    "exclusive": lambda each: each.queue.exclusive,
    "arguments": lambda each: plain(each.queue.arguments),
    "node": lambda each: node_name(),
    "state": lambda each: "suspended" if each.queue.suspended else "running",
}
TOTALS: Columns[QueueIn] = {
    "messages": lambda each: messages(each.queue),
    "messages_ready": lambda each: len(each.queue.ready),
    "messages_unacknowledged": lambda each: each.queue.unacked,
}
COUNTED: Columns[QueueIn] = {
    "messages_details": _rate(READY_RATE, UNACKED_RATE),
    "messages_ready_details": _rate(READY_RATE),
    "messages_unacknowledged_details": _rate(UNACKED_RATE),
    "messages_ram": lambda each: each.queue.ready.messages_in_memory + each.queue.unacked,
    "messages_ready_ram": lambda each: each.queue.ready.messages_in_memory,
    "messages_unacknowledged_ram": lambda each: each.queue.unacked,
    "messages_persistent": lambda each: messages(each.queue) if each.queue.number else 0,
    "messages_paged_out": lambda each: len(each.queue.ready) - each.queue.ready.messages_in_memory,
    "message_bytes": lambda each: each.queue.ready.bytes + each.queue.unacked_bytes,
    "message_bytes_ready": lambda each: each.queue.ready.bytes,
    "message_bytes_unacknowledged": lambda each: each.queue.unacked_bytes,
    "message_bytes_ram": lambda each: each.queue.ready.memory_bytes + each.queue.unacked_bytes,
    "message_bytes_persistent": lambda each: (
        each.queue.ready.bytes + each.queue.unacked_bytes if each.queue.number else 0
    ),
    "message_bytes_paged_out": lambda each: each.queue.ready.bytes - each.queue.ready.memory_bytes,
    "messages_delayed": lambda each: each.queue.statistics().messages_delayed,
    "consumers": lambda each: len(each.queue.consumers),
    "consumer_utilisation": _capacity,
    "consumer_capacity": _capacity,
    "exclusive_consumer_tag": _exclusive_tag,
    "single_active_consumer_tag": _active_tag,
    "single_active_consumer_ctag": _active_tag,
    "messages_dlx": lambda each: len(each.queue.unrouted or ()),
    "message_bytes_dlx": lambda each: (
        0 if each.queue.unrouted is None else each.queue.unrouted.bytes
    ),
    "open_files": lambda each: {node_name(): 0},
    "reductions": lambda each: 0,
    "reductions_details": lambda each: {"rate": 0.0},
    "memory": lambda each: of_messages(each.queue),
    "idle_since": idle_since,
    "head_message_timestamp": lambda each: head_timestamp(each.queue),
    "policy": lambda each: each.queue.policy,
    "operator_policy": lambda each: each.queue.operator_policy,
    "effective_policy_definition": lambda each: plain(each.queue.effective_policy),
    "delivery_limit": lambda each: each.queue.options.delivery_limit,
    "leader": lambda each: node_name(),
    "members": lambda each: [node_name()],
    "online": lambda each: [node_name()],
    "recoverable_slaves": lambda each: None,
    "message_stats": lambda each: message_stats(
        each.queue.counts, rates_of(each.queue.sample), QUEUE_NAMES
    ),
}
OURS: Columns[QueueIn] = {
    "why": lambda each: why_of(each.queue, each.vhost.ledger),
    "oldest_age": lambda each: oldest_age(each.queue, each.vhost.ledger),
}
OPTIONAL = frozenset(("delivery_limit", "idle_since"))
LISTING = Listing(
    CONFIGURED | TOTALS | COUNTED | OURS,
    optional=OPTIONAL,
    on_request=frozenset(OURS),
    tracks=(*message_tracks(), *length_tracks(READY_RATE)),
    sample=lambda each: each.queue.sample,
)
TOTALS_ONLY = Listing(CONFIGURED | TOTALS)
NO_STATISTICS = Listing(CONFIGURED)


async def list_queues(call: Call) -> Response:
    vhosts = [call.vhost] if "vhost" in call.path else call.visible_vhosts
    listing = LISTING
    if call.query.get("disable_stats") == "true":
        totals = call.query.get("enable_queue_totals") == "true"
        listing = TOTALS_ONLY if totals else NO_STATISTICS
    return await listing.respond(call, queues_in(vhosts))


def get_queue(call: Call) -> Response:
    found = QueueIn(call.vhost, call.queue())
    takers = consumers.consumers_of(call, found.vhost, found.queue)
    details = [consumers.LISTING.describe(each) for each in takers]
    more: dict[str, Any] = {"consumer_details": details, "backing_queue_status": {}}
    return LISTING.show(call, found, more | {"deliveries": [], "incoming": []})


def put_queue(call: Call) -> Response:
    vhost, name = call.vhost, call.path["name"]
    arguments = call.fields.table("arguments")
    durable = call.fields.flag("durable", False)
    auto_delete = call.fields.flag("auto_delete", False)
    require_queue_declare(call.rights, vhost, name, arguments)
    is_new = name not in vhost.queues
    vhost.declare_queue(name, NOBODY, durable=durable, auto_delete=auto_delete, arguments=arguments)
    call.broker.activity.queues_declared += 1
    return made(is_new)


def delete_queue(call: Call) -> Response:
    queue = call.queue()
    call.rights.require_configure("queue", queue.name)
    call.vhost.delete_queue(
        queue.name,
        NOBODY,
        if_unused=call.query.get("if-unused") == "true",
        if_empty=call.query.get("if-empty") == "true",
    )
    return done()


def purge_queue(call: Call) -> Response:
    queue = call.queue()
    call.rights.require_read("queue", queue.name)
    call.vhost.queue(queue.name, NOBODY).purge()
    return done()


def resume_queue(call: Call) -> Response:
    """Have a suspended queue try again."""
    queue = call.queue()
    call.rights.require_configure("queue", queue.name)
    queue.resume()
    return done()


def act_on_queue(call: Call) -> Response:
    """Mirrors can be synchronised in RabbitMQ; here there are none."""
    if call.path["name"] not in call.vhost.queues:
        raise TargetNotFound("Not Found")
    action = call.fields.text("action")
    if action not in ("sync", "cancel_sync"):
        raise BadRequest(f"unknown: {action}")
    return done()
