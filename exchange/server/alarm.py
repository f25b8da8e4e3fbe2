"""Alarms: what is short, so that publishers are not read until there is enough again.

An alarm that is on goes off a little later than it came on, so that it does not flicker.
"""

from __future__ import annotations

import os

MEMORY_SHARE = 0.4
"""Part of the machine's memory that messages may take, RabbitMQ's old default."""
MARGIN = 0.1
"""How far beyond its mark a reading must be for the alarm to end, as a part of the mark."""


class MemoryAlarm:
    """Whether what clients have made takes more memory than it should."""

    resource = "memory"

    def __init__(self, mark_bytes: int) -> None:
        self.mark_bytes = mark_bytes or int(MEMORY_SHARE * machine_memory_bytes())
        self.on = False
        self.reading_bytes = 0
        self._resident_bytes = 0

    def update(self, used_bytes: int, resident_bytes: int = 0) -> bool:
        """Take a new reading; returns whether the alarm went on or off by it.

        `resident_bytes` is what the whole process takes, for the log.
        """
        was, self.on = self.on, used_bytes > self.mark_bytes * (1 - MARGIN * self.on)
        self.reading_bytes = used_bytes
        self._resident_bytes = resident_bytes
        return self.on != was

    def report(self) -> str:
        """The last change, for the log."""
        if not self.on:
            return "memory alarm cleared: publishers are read again"
        return (
            f"memory alarm set: messages take {_mib(self.reading_bytes)} of memory, more than "
            f"memory_mark_bytes ({_mib(self.mark_bytes)}); publishers are not read until it is "
            f"less; the process takes {_mib(self._resident_bytes)}"
        )


class DiskAlarm:
    """Whether there is less space on the disk than there should be."""

    resource = "disk"

    def __init__(self, mark_bytes: int) -> None:
        self.mark_bytes = mark_bytes
        self.on = False
        self.reading_bytes = 0

    def update(self, free_bytes: int) -> bool:
        """Take a new reading; returns whether the alarm went on or off by it."""
        was, self.on = self.on, free_bytes < self.mark_bytes * (1 + MARGIN * self.on)
        self.reading_bytes = free_bytes
        return self.on != was

    def report(self) -> str:
        """The last change, for the log."""
        if not self.on:
            return "disk alarm cleared: publishers are read again"
        return (
            f"disk alarm set: {_mib(self.reading_bytes)} are free where the journal is, less than "
            f"disk_free_mark_bytes ({_mib(self.mark_bytes)}); publishers are not read until there "
            "is more"
        )


def _mib(count: float) -> str:
    return f"{count / (1 << 20):.0f} MiB"


def machine_memory_bytes() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
