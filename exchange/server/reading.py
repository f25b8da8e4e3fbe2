"""Reading: how much is read from a client at once.

A publisher is read in pieces of READ_BYTES, or of READ_BEHIND_BYTES once its last queue holds more
than BEHIND_BYTES that its consumers have not taken: they get their turn (bench S5). So is who sends
other methods or new routing keys: they take longer (tests/bench/bench_topology.py). What is missing
of a large message is read alone: joining it with more would copy all that is behind it as well
(bench S10).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from warrener.exchange.route import Route

READ_BYTES = 512 * 1024
READ_BEHIND_BYTES = 16 * 1024
READ_ALONE_BYTES = 4096
BEHIND_BYTES = 256 * 1024


def read_bytes(missing: int, target: Route | None) -> int:
    """For a client that has logged in.

    `missing` is what is still to come of a message, `target` the route it publishes along if it
    does nothing else.
    """
    if missing >= READ_ALONE_BYTES:
        return min(missing, READ_BYTES)
    if target is None:
        return READ_BEHIND_BYTES
    behind = any(q.consumers and q.ready.bytes > BEHIND_BYTES for q in target.queues)
    return READ_BEHIND_BYTES if behind else READ_BYTES


def is_ahead(target: Route | None) -> bool:
    """Whether a publisher has to wait, since a queue is still giving up what is too much.

    That may take longer than publishing, if each message becomes a dead letter.
    """
    return target is not None and any(queue.too_long for queue in target.queues)
