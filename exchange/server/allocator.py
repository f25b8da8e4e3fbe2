"""The allocator: have it keep what it frees.

glibc gives a large block back to the kernel the moment it is freed, and each new one then
costs a page fault for every 4 KiB. A broker frees and needs blocks of the same few sizes all
the time: with higher thresholds they come from memory it already has (bench S10: the join of
a 64 KiB message costs a third).
"""

import ctypes
import sys

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
KEPT_BYTES = 64 << 20
"""Free memory that stays with the process."""
BLOCK_MAX_BYTES = 32 << 20
"""Blocks below this come from the heap; glibc allows no more."""


def keep_freed_memory() -> bool:
    """Raise glibc's thresholds; returns False where there is no glibc to ask."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:
        return False
    return bool(
        mallopt(_M_MMAP_THRESHOLD, BLOCK_MAX_BYTES) and mallopt(_M_TRIM_THRESHOLD, KEPT_BYTES)
    )
