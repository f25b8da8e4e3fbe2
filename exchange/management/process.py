"""The process: memory, files and writes of this broker, by the names RabbitMQ has for a node."""

from __future__ import annotations

import gc
import os
import resource
import shutil
from typing import TYPE_CHECKING

import trio

from warrener.exchange.server.descriptors import descriptor_limit
from warrener.exchange.server.resident import resident_bytes

if TYPE_CHECKING:
    from warrener.exchange.config import Config
    from warrener.exchange.management.measurements import Measurements
    from warrener.exchange.server.server import Server
    from warrener.exchange.statistics.sample import Sample


class Process:
    """What is counted of the process. `values` has a number for each of `names`, in their order."""

    names = (
        *("mem_used", "fd_used", "sockets_used", "proc_used", "disk_free"),
        *("gc_num", "gc_bytes_reclaimed", "context_switches"),
        *("io_read_count", "io_read_bytes", "io_read_avg_time"),
        *("io_write_count", "io_write_bytes", "io_write_avg_time"),
        *("io_sync_count", "io_sync_avg_time", "io_seek_count", "io_seek_avg_time"),
        *("io_file_handle_open_attempt_count", "io_file_handle_open_attempt_avg_time"),
        *("io_reopen_count", "mnesia_ram_tx_count", "mnesia_disk_tx_count"),
        *("msg_store_read_count", "msg_store_write_count"),
        *("queue_index_read_count", "queue_index_write_count", "queue_index_journal_write_count"),
    )

    def __init__(self, server: Server, config: Config, measurements: Measurements) -> None:
        self._server = server
        self._config = config
        self._measurements = measurements
        self.sample: Sample | None = None

    def values(self) -> list[float]:
        found: dict[str, float] = dict.fromkeys(self.names, 0)
        found |= self._used() | self._written()
        return [found[name] for name in self.names]

    def _used(self) -> dict[str, float]:
        descriptors, _ = open_files()
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "mem_used": resident_bytes(),
            "fd_used": descriptors,
            "sockets_used": len(self._server.sessions),
            "proc_used": trio.lowlevel.current_statistics().tasks_living,
            "disk_free": disk_free_bytes(self._config.data),
            "gc_num": sum(generation["collections"] for generation in gc.get_stats()),
            "context_switches": usage.ru_nvcsw + usage.ru_nivcsw,
        }

    def _written(self) -> dict[str, float]:
        """Writes to the journal, each with its sync; a mean time is in ms."""
        seconds = self._measurements.write_seconds
        writes = sum(seconds.counts)
        mean_ms = seconds.sum * 1000 / writes if writes else 0.0
        return {
            "io_write_count": writes,
            "io_write_bytes": self._measurements.write_bytes.sum,
            "io_write_avg_time": mean_ms,
            "io_sync_count": writes,
            "io_sync_avg_time": mean_ms,
        }


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
