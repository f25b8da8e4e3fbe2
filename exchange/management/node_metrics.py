"""Metrics of the node: the process, the journal, logins, and how many things came and went.

Each family is a function that makes its metrics with the prefix of an endpoint.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

import trio

from warrener.exchange.management.features import LOGIN_PROTOCOLS
from warrener.exchange.management.nodes import TASKS_MAX, TICK_S
from warrener.exchange.management.process import open_files
from warrener.exchange.management.prometheus import COUNTER, GAUGE, Metric, labels, single

if TYPE_CHECKING:
    from warrener.exchange.management.call import Call

Family = Callable[["Call", str], Iterator[str]]

_COARSE = (
    ("process_open_fds", "fd_used", "File descriptors in use"),
    ("process_open_tcp_sockets", "sockets_used", "AMQP connections"),
    ("process_resident_memory_bytes", "mem_used", "Memory of the process"),
    ("disk_space_available_bytes", "disk_free", "Free space"),
    ("erlang_processes_used", "proc_used", "Tasks of trio"),
    ("erlang_gc_runs_total", "gc_num", "Collections of garbage"),
    ("erlang_gc_reclaimed_bytes_total", "gc_bytes_reclaimed", "Not known"),
    ("erlang_scheduler_context_switches_total", "context_switches", "Switches of the process"),
)
_NOTHING_LIKE_IT = "There is nothing like it here"
_PERSISTER = (
    ("io_read_ops_total", "io_read_count", _NOTHING_LIKE_IT),
    ("io_read_bytes_total", "io_read_bytes", _NOTHING_LIKE_IT),
    ("io_write_ops_total", "io_write_count", "Writes to the journal"),
    ("io_write_bytes_total", "io_write_bytes", "Bytes written to the journal"),
    ("io_sync_ops_total", "io_sync_count", "Syncs of the journal, one with each write"),
    ("io_seek_ops_total", "io_seek_count", _NOTHING_LIKE_IT),
    ("io_reopen_ops_total", "io_reopen_count", _NOTHING_LIKE_IT),
    ("schema_db_ram_tx_total", "mnesia_ram_tx_count", _NOTHING_LIKE_IT),
    ("schema_db_disk_tx_total", "mnesia_disk_tx_count", _NOTHING_LIKE_IT),
    ("msg_store_read_total", "msg_store_read_count", _NOTHING_LIKE_IT),
    ("msg_store_write_total", "msg_store_write_count", _NOTHING_LIKE_IT),
    ("queue_index_read_ops_total", "queue_index_read_count", _NOTHING_LIKE_IT),
    ("queue_index_write_ops_total", "queue_index_write_count", _NOTHING_LIKE_IT),
)


def coarse(call: Call, prefix: str) -> Iterator[str]:
    """What the process uses."""
    yield from _of_process(call, prefix, _COARSE)


def limits(call: Call, prefix: str) -> Iterator[str]:
    """What the process may use, and how long it has been running."""
    server, config = call.application.server, call.application.config
    _, descriptors_max = open_files()
    tasks = trio.lowlevel.current_statistics()
    uptime_s = max(0, call.broker.ledger.now_ms - call.application.started_ms) / 1000
    for name, value, meaning in (
        ("process_max_fds", descriptors_max, "File descriptors there may be"),
        ("process_max_tcp_sockets", server.connections_max, "AMQP connections there may be"),
        ("resident_memory_limit_bytes", server.memory_mark_bytes, "Messages at which it alarms"),
        ("disk_space_available_limit_bytes", config.disk_free_mark_bytes, "Alarm below this"),
        ("erlang_processes_limit", TASKS_MAX, "No limit"),
        ("erlang_scheduler_run_queue", tasks.tasks_runnable, "Tasks that could run now"),
        ("erlang_net_ticktime_seconds", TICK_S, "There is one node"),
        ("erlang_uptime_seconds", uptime_s, "Time since the start"),
    ):
        yield single(prefix + name, GAUGE, meaning, value)


def persister(call: Call, prefix: str) -> Iterator[str]:
    """What was written."""
    yield from _of_process(call, prefix, _PERSISTER)
    seconds = call.application.measurements.write_seconds.sum
    for name, value, meaning in (
        ("io_read_time_seconds_total", 0, _NOTHING_LIKE_IT),
        ("io_write_time_seconds_total", seconds, "Time of writes to the journal with their syncs"),
        ("io_sync_time_seconds_total", seconds, "The same time, which is not told apart"),
        ("io_seek_time_seconds_total", 0, _NOTHING_LIKE_IT),
    ):
        yield single(prefix + name, COUNTER, meaning, value)


def logins(call: Call, prefix: str) -> Iterator[str]:
    """Logins by protocol."""
    counts = call.broker.activity.logins
    for name, meaning, outcomes in (
        ("auth_attempts_total", "Logins", (True, False)),
        ("auth_attempts_succeeded_total", "Logins that were right", (True,)),
        ("auth_attempts_failed_total", "Logins that were refused", (False,)),
    ):
        metric = Metric(prefix + name, COUNTER, meaning)
        yield metric.head()
        for protocol in LOGIN_PROTOCOLS:
            value = sum(counts[protocol, outcome] for outcome in outcomes)
            yield metric.sample(value, labels(protocol=protocol))


def churn(call: Call, prefix: str) -> Iterator[str]:
    """What came and went."""
    connections, activity = call.broker.connections, call.broker.activity
    for name, value in (
        ("connections_opened_total", connections.opened),
        ("connections_closed_total", connections.closed),
        ("channels_opened_total", activity.channels_opened),
        ("channels_closed_total", activity.channels_closed),
        ("queues_declared_total", activity.queues_declared),
        ("queues_created_total", activity.queues_created),
        ("queues_deleted_total", activity.queues_deleted),
    ):
        meaning = f"{name.removesuffix('_total').replace('_', ' ').capitalize()} since the start"
        yield single(prefix + name, COUNTER, meaning, value)


def alarms(call: Call, prefix: str) -> Iterator[str]:
    """Which alarms are on."""
    known = call.application.server.alarms
    for name, value, meaning in (
        ("alarms_memory_used_watermark", int("memory" in known), "Memory alarm"),
        ("alarms_free_disk_space_watermark", int("disk" in known), "Disk alarm"),
        ("alarms_file_descriptor_limit", 0, "There is no such alarm"),
    ):
        yield single(prefix + name, GAUGE, meaning, value)


FAMILIES: Mapping[str, Family] = {
    "node_coarse_metrics": coarse,
    "node_metrics": limits,
    "node_persister_metrics": persister,
    "auth_attempt_metrics": logins,
    "connection_churn_metrics": churn,
}


def _of_process(call: Call, prefix: str, rows: tuple[tuple[str, str, str], ...]) -> Iterator[str]:
    process = call.application.sampler.process
    values = dict(zip(process.names, process.values(), strict=True))
    for name, value, meaning in rows:
        kind = COUNTER if name.endswith("_total") else GAUGE
        yield single(prefix + name, kind, meaning, values[value])
