"""The overview: totals, rates, versions, listeners."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from warrener.exchange.management.call import Call
from warrener.exchange.management.connections import open_sessions
from warrener.exchange.management.exchanges import exchange_types
from warrener.exchange.management.filter_work import filter_totals
from warrener.exchange.management.listing import in_slices
from warrener.exchange.management.node import (
    PRODUCT,
    RABBITMQ_VERSION,
    RUNTIME,
    VERSION,
    node_name,
)
from warrener.exchange.management.open_channels import channels_of
from warrener.exchange.management.parameters import cluster_name
from warrener.exchange.management.queues import (
    READY_RATE,
    UNACKED_RATE,
    QueueIn,
    queues_in,
)
from warrener.exchange.management.sampler import TOTAL_READY, Churn
from warrener.exchange.management.spans import (
    NODE_STATS,
    Spans,
    length_tracks,
    message_tracks,
    tracks,
)
from warrener.exchange.management.statistics import (
    disk_stats,
    message_stats,
    named,
    rates_of,
    with_rate,
)
from warrener.exchange.management.vhosts import channel_counts
from warrener.exchange.statistics.history import HISTORY_S
from warrener.protocol.http.response import Response

HTTP_CONTEXT = "Warrener Management"
TOTAL_TRACKS = (*message_tracks(), *length_tracks(TOTAL_READY, within="queue_totals"))
CHURN_TRACKS = tuple(tracks(NODE_STATS, Churn.names, within="churn_rates"))
RETENTION = {"global": [HISTORY_S], "basic": [HISTORY_S], "detailed": []}


async def get_overview(call: Call) -> Response:
    vhosts = call.visible_vhosts
    queues = list(queues_in(vhosts))
    counts, rates = channel_counts(call, vhosts)
    server = call.application.server
    document = {
        "management_version": RABBITMQ_VERSION,
        "rabbitmq_version": RABBITMQ_VERSION,
        "product_name": PRODUCT,
        "product_version": VERSION,
        "erlang_version": "0",
        "erlang_full_version": RUNTIME,
        "release_series_support_status": "supported",
        "cluster_name": cluster_name(call),
        "cluster_tags": {},
        "node": node_name(),
        "node_tags": {},
        "default_queue_type": "classic",
        "rates_mode": "basic",
        "sample_retention_policies": RETENTION,
        "disable_stats": False,
        "enable_queue_totals": False,
        "is_op_policy_updating_enabled": True,
        "statistics_db_event_queue": 0,
        "exchange_types": exchange_types(),
        "message_stats": message_stats(counts, rates) | disk_stats(),
        "churn_rates": churn_rates(call),
        "filter_totals": filter_totals(),
        "queue_totals": await queue_totals(queues),
        "object_totals": {
            "connections": sum(1 for _ in open_sessions(server)),
            "channels": sum(1 for _ in channels_of(server)),
            "exchanges": sum(len(vhost.exchanges) for vhost in vhosts),
            "queues": len(queues),
            "consumers": sum(len(each.channel.core.consumers) for each in channels_of(server)),
        },
        "listeners": listeners(call),
        "contexts": contexts(call),
    }
    sampler = call.application.sampler
    spans = Spans(call.query, sampler)
    totals = [sampler.totals[vhost.name] for vhost in vhosts if vhost.name in sampler.totals]
    spans.extend(document, TOTAL_TRACKS, [each.sample for each in totals])
    spans.extend(document, CHURN_TRACKS, [sampler.churn.sample])
    return call.show(document)


async def queue_totals(queues: Iterable[QueueIn]) -> dict[str, Any]:
    """Messages in all queues."""
    ready = unacked = 0
    ready_rate = unacked_rate = 0.0

    def add(each: QueueIn) -> None:
        nonlocal ready, unacked, ready_rate, unacked_rate
        rates = rates_of(each.queue.sample)
        ready += len(each.queue.ready)
        unacked += each.queue.unacked
        ready_rate += rates[READY_RATE]
        unacked_rate += rates[UNACKED_RATE]

    await in_slices(add, queues)
    document: dict[str, Any] = {}
    with_rate(document, "messages", ready + unacked, ready_rate + unacked_rate)
    with_rate(document, "messages_ready", ready, ready_rate)
    with_rate(document, "messages_unacknowledged", unacked, unacked_rate)
    return document


def churn_rates(call: Call) -> dict[str, Any]:
    churn = call.application.sampler.churn
    return named(churn.names, churn.values(), rates_of(churn.sample))


def listeners(call: Call) -> list[dict[str, Any]]:
    """Where the broker listens; here a port is a number."""
    return [
        {
            "node": node_name(),
            "protocol": protocol,
            "ip_address": host,
            "port": port,
            "socket_opts": {"nodelay": True},
        }
        for protocol, addresses in call.application.listening.items()
        for host, port in addresses
    ]


def contexts(call: Call) -> list[dict[str, Any]]:
    """Where this API listens; here a port is a text."""
    return [
        {
            "node": node_name(),
            "description": HTTP_CONTEXT,
            "path": "/",
            "ip": host,
            "port": str(port),
            "ssl_opts": {},
        }
        for protocol in ("http", "https")
        for host, port in call.application.listening.get(protocol, ())
    ]
