"""Resident memory: what the system says that this process takes, and giving back what is free."""

from __future__ import annotations

import ctypes
import resource
import sys
from pathlib import Path

PAGE_BYTES = resource.getpagesize()
_UNIT_BYTES = 1 if sys.platform == "darwin" else 1024
"""Of `ru_maxrss`."""


def resident_bytes() -> int:
    """The memory of this process; where the system does not say, the most it ever had."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES
    except (OSError, IndexError, ValueError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT_BYTES


def give_back_free_memory() -> None:
    """Have the allocator return to the system what it keeps without need, where it can."""
    if sys.platform.startswith("linux"):
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
