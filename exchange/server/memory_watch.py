"""The watch over memory: when it is short, and which connection takes too much of it.

There are two measures. What clients have made is counted (warrener.exchange.memory), and says who
has made it. What the process takes is read from the system: it catches what nobody counts, but
says nothing about whose it is, and stays high for a while after memory was freed. So it has a
higher mark.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from warrener.exchange.server.alarm import MemoryAlarm
from warrener.exchange.server.resident import give_back_free_memory, resident_bytes

if TYPE_CHECKING:
    from warrener.exchange.config import Config
    from warrener.exchange.memory import Memory
    from warrener.exchange.server.session import Session

RESIDENT_FACTOR = 1.5
"""Of the mark for what is counted: the mark for what the process takes,"""
RESIDENT_SLACK_BYTES = 64 << 20
"""and this much more (the allocator keeps as much), beside what it took in the beginning."""
REFUSAL_MARGIN = 0.1
"""How far beyond the mark nothing new may be made any more, as a part of the mark."""
CONNECTION_SHARE = 0.5
CONNECTION_MIN_BYTES = 16 << 20
"""Part of the mark that one connection may take unless the configuration says otherwise."""
TRIM_S = 30
"""Time between two tries to have the allocator give back free memory: each may take a moment."""
READ_SHARE = 1 / 8
READ_MIN_BYTES = 8 << 20
READ_MAX_BYTES = 256 << 20
"""After so much was read from clients, memory is looked at before the next tick."""


class MemoryWatch:
    """Of one broker."""

    def __init__(self, memory: Memory, config: Config) -> None:
        self._memory = memory
        self.alarm = MemoryAlarm(config.memory_mark_bytes)
        self._trim_at = 0.0
        mark = self.alarm.mark_bytes
        self._resident_mark = int(mark * RESIDENT_FACTOR) + RESIDENT_SLACK_BYTES + resident_bytes()
        self.connection_max_bytes = config.connection_memory_max_bytes or max(
            int(CONNECTION_SHARE * mark), CONNECTION_MIN_BYTES
        )
        self.read_max_bytes = int(min(max(mark * READ_SHARE, READ_MIN_BYTES), READ_MAX_BYTES))

    def look(self, now: float) -> bool:
        """Take a reading at `now`; returns whether the alarm went on or off by it."""
        counted = self._memory.read()
        resident = self._resident_bytes(counted, now)
        # On the scale of the alarm: at its own mark, the resident memory is at the alarm's.
        mark = self.alarm.mark_bytes
        as_counted = int(resident * mark / self._resident_mark)
        changed = self.alarm.update(max(counted, as_counted), resident)
        short = self.alarm.on and self.alarm.reading_bytes > mark * (1 + REFUSAL_MARGIN)
        self._memory.refusal = "memory is short" if short else ""
        return changed

    def _resident_bytes(self, counted: int, now: float) -> int:
        """What the process takes; if that is much more than is known of, without what is free."""
        resident = resident_bytes()
        unexplained = resident > self._resident_mark and counted < self.alarm.mark_bytes
        if unexplained and now >= self._trim_at:
            self._trim_at = now + TRIM_S
            give_back_free_memory()
            resident = resident_bytes()
        return resident

    def too_large(self, sessions: Iterable[Session]) -> list[Session]:
        """Those whose clients take more memory than one connection may."""
        most, of = self.connection_max_bytes, self._memory.of
        return [session for session in sessions if of(session) > most]
