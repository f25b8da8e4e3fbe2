"""The node, of which there is one: memory, files, alarms, writes to the journal."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import trio

from warrener.exchange.management import memory
from warrener.exchange.management.call import Call
from warrener.exchange.management.exchanges import exchange_types
from warrener.exchange.management.node import PRODUCT, VERSION, node_name
from warrener.exchange.management.overview import churn_rates, contexts
from warrener.exchange.management.process import Process, open_files
from warrener.exchange.management.sampler import Churn
from warrener.exchange.management.spans import NODE_STATS, Spans, tracks
from warrener.exchange.management.statistics import disk_stats, named, rates_of
from warrener.protocol.http.errors import TargetNotFound
from warrener.protocol.http.response import Response

TASKS_MAX = 1 << 20
TICK_S = 60
"""RabbitMQ's default for how often its nodes hear of each other."""
PROCESS_TRACKS = tuple(tracks(NODE_STATS, Process.names))
CHURN_TRACKS = tuple(tracks(NODE_STATS, Churn.names))


def list_nodes(call: Call) -> Response:
    return call.show([describe_node(call)])


async def get_node(call: Call) -> Response:
    _require_node(call)
    document = describe_node(call)
    if call.query.get("memory") == "true":
        document["memory"] = await memory.by_category(call)
    if call.query.get("binary") == "true":
        document["binary"] = await memory.binaries(call)
    return call.show(document)


async def get_node_memory(call: Call) -> Response:
    _require_node(call)
    return call.show({"memory": await memory.by_category(call)})


async def get_node_relative_memory(call: Call) -> Response:
    _require_node(call)
    return call.show({"memory": memory.shares(await memory.by_category(call))})


def describe_node(call: Call) -> dict[str, Any]:
    application = call.application
    server, config, sampler = application.server, application.config, application.sampler
    _, descriptors_max = open_files()
    tasks = trio.lowlevel.current_statistics()
    document: dict[str, Any] = {
        "name": node_name(),
        "type": "disc",
        "running": True,
        "being_drained": False,
        "os_pid": str(os.getpid()),
        "uptime": int(time.time() * 1000) - call.application.started_ms,
        "processors": os.cpu_count() or 1,
        "run_queue": tasks.tasks_runnable,
        "rates_mode": "basic",
        "net_ticktime": TICK_S,
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
    process, churn = sampler.process, sampler.churn
    document |= named(process.names, process.values(), rates_of(process.sample))
    document |= churn_rates(call) | disk_stats()
    spans = Spans(call.query, sampler)
    spans.extend(document, PROCESS_TRACKS, [process.sample])
    spans.extend(document, CHURN_TRACKS, [churn.sample])
    return document


def _require_node(call: Call) -> None:
    if call.path["node"] != node_name():
        raise TargetNotFound("Not Found")
