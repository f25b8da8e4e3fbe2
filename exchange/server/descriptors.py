"""File descriptors: how many this process may have, and how many of them connections may take.

Connections take descriptors, and so does the journal: for segments that are written, read and
rewritten. If connections took them all, the journal could not begin its next segment, so some are
reserved for it.
"""

from __future__ import annotations

import contextlib
import resource

DESCRIPTORS_MAX = 1 << 20
"""As many as anybody needs, where the system has no limit or one that no tool has room for."""
RESERVED = 128
"""Descriptors that connections leave alone: 64 segments being read and 16 being rewritten at most
(warrener.storage), listeners, standard streams, the event loop, and some to spare."""
RESERVED_SHARE = 0.25
"""Where there are few descriptors in all, this part of them is reserved instead."""


def raise_limit() -> None:
    """Allow this process as many descriptors as the system lets it have.

    The soft limit is 1024 on most systems, for programs that use select(2); this one does not.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS_MAX if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS_MAX)
    if 0 <= soft < wanted:
        # macOS has a second limit that cannot be asked for; what there was is kept then.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def descriptor_limit() -> int:
    """How many descriptors this process may have open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft if 0 <= soft < DESCRIPTORS_MAX else DESCRIPTORS_MAX


def connections_possible(wanted: int = 0, http_wanted: int = 0) -> tuple[int, int]:
    """How many AMQP and HTTP connections there can be; 0 wants as many as possible.

    HTTP gets what it wants, but no more than a quarter of what is not reserved.
    """
    limit = descriptor_limit()
    free = limit - int(min(RESERVED, limit * RESERVED_SHARE))
    http = max(1, min(http_wanted, free // 4))
    possible = max(1, free - http)
    return min(wanted, possible) if wanted else possible, http
