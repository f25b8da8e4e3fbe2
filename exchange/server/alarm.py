"""The memory alarm: past a mark publishers are not read until consumers have caught up."""

from __future__ import annotations

import os

RELEASE_SHARE = 0.9
"""The alarm ends when memory is this share of the mark, so that it does not flicker."""
DEFAULT_SHARE = 0.4
"""Part of the machine's memory that messages may take, RabbitMQ's old default."""


class MemoryAlarm:
    """Whether messages take more memory than they should."""

    def __init__(self, mark_bytes: int) -> None:
        self.mark_bytes = mark_bytes or int(DEFAULT_SHARE * machine_memory_bytes())
        self.on = False

    def update(self, used_bytes: int) -> bool:
        """Take a new reading; returns whether the alarm went on or off by it."""
        mark = self.mark_bytes * (RELEASE_SHARE if self.on else 1)
        was, self.on = self.on, used_bytes > mark
        return self.on != was


def machine_memory_bytes() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
