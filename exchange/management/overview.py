"""The overview: totals, rates, versions, listeners; and the node, of which there is one."""

from __future__ import annotations

import os
import resource
import shutil
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import trio

from warrener.exchange.management.call import Call, answer
from warrener.exchange.management.connections import open_sessions
from warrener.exchange.management.exchanges import exchange_types
from warrener.exchange.management.filter_work import filter_totals
from warrener.exchange.management.listing import in_slices
from warrener.exchange.management.node import (
    NODE,
    PRODUCT,
    RABBITMQ_VERSION,
    RUNTIME,
    VERSION,
)
from warrener.exchange.management.open_channels import channels_of
from warrener.exchange.management.parameters import cluster_name
from warrener.exchange.management.queues import (
    READY_RATE,
    UNACKED_RATE,
    QueueIn,
    queues_in,
)
from warrener.exchange.management.statistics import (
    disk_stats,
    message_stats,
    named,
    rates_of,
    with_rate,
)
from warrener.exchange.management.vhosts import channel_counts
from warrener.exchange.server.descriptors import descriptor_limit
from warrener.protocol.http.errors import TargetNotFound
from warrener.protocol.http.response import Response

PAGE_BYTES = resource.getpagesize()
TASKS_MAX = 1 << 20
HTTP_CONTEXT = "Warrener Management"


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
        "node": NODE,
        "node_tags": {},
        "default_queue_type": "classic",
        "rates_mode": "basic",
        "sample_retention_policies": {"global": [], "basic": [], "detailed": []},
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
            "node": NODE,
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
            "node": NODE,
            "description": HTTP_CONTEXT,
            "path": "/",
            "ip": host,
            "port": str(port),
            "ssl_opts": {},
        }
        for protocol in ("http", "https")
        for host, port in call.application.listening.get(protocol, ())
    ]


# The node


def list_nodes(call: Call) -> Response:
    return call.show([describe_node(call)])


def get_node(call: Call) -> Response:
    _require_node(call)
    return call.show(describe_node(call))


def get_node_memory(call: Call) -> Response:
    """What takes how much memory: not known by kind, which is an answer that tools accept."""
    _require_node(call)
    return answer({"memory": "not_available"})


def describe_node(call: Call) -> dict[str, Any]:
    server, config = call.application.server, call.application.config
    descriptors, descriptors_max = open_files()
    tasks = trio.lowlevel.current_statistics()
    document: dict[str, Any] = {
        "name": NODE,
        "type": "disc",
        "running": True,
        "being_drained": False,
        "os_pid": str(os.getpid()),
        "uptime": int(time.time() * 1000) - call.application.started_ms,
        "processors": os.cpu_count() or 1,
        "run_queue": tasks.tasks_runnable,
        "rates_mode": "basic",
        "net_ticktime": 60,
        "mem_limit": server.memory_mark_bytes,
        "mem_alarm": "memory" in server.alarms,
        "mem_calculation_strategy": "rss",
        "disk_free_limit": config.disk_free_mark_bytes,
        "disk_free_alarm": "disk" in server.alarms,
        "fd_total": descriptors_max,
        "sockets_total": server.connections_max,
        "proc_total": TASKS_MAX,
        "db_dir": "" if config.memory else str(Path(config.data).absolute()),
        "config_files": [],
        "log_files": ["<stderr>"],
        "enabled_plugins": [],
        "applications": [{"name": PRODUCT, "description": "Message broker", "version": VERSION}],
        "auth_mechanisms": [{"name": "PLAIN", "description": "SASL PLAIN", "enabled": True}],
        "exchange_types": exchange_types(),
        "partitions": [],
        "cluster_links": [],
        "contexts": contexts(call),
        "metrics_gc_queue_length": {},
    }
    gauges = {
        "mem_used": resident_bytes(),
        "fd_used": descriptors,
        "sockets_used": len(server.sessions),
        "proc_used": tasks.tasks_living,
        "disk_free": disk_free_bytes(config.data),
    }
    for name, value in gauges.items():
        with_rate(document, name, value, 0.0)
    return document | churn_rates(call) | disk_stats()


def _require_node(call: Call) -> None:
    if call.path["node"] != NODE:
        raise TargetNotFound("Not Found")


def resident_bytes() -> int:
    """The memory of this process; where the system does not say, the most it ever had."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def open_files() -> tuple[int, int]:
    """File descriptors in use, and how many there may be."""
    most = descriptor_limit()
    try:
        return len(os.listdir("/proc/self/fd")), most
    except OSError:
        return 0, most


def disk_free_bytes(data: str) -> int:
    try:
        return shutil.disk_usage(data).free
    except OSError:
        return shutil.disk_usage(".").free
