"""Expiry: when a message stops being worth delivering."""

from warrener.exchange.errors import PreconditionFailed
from warrener.exchange.message import Properties
from warrener.exchange.queues.options import TTL_MAX_MS


def time_to_live(properties: Properties, queue_ttl_ms: int | None) -> int | None:
    """Milliseconds a message may wait in a queue: the shorter of its own time and the queue's."""
    expiration = properties.expiration
    if expiration is None:
        return queue_ttl_ms
    own = int(expiration)
    return own if queue_ttl_ms is None else min(own, queue_ttl_ms)


def check_expiration(properties: Properties) -> None:
    """Raises: PreconditionFailed for an expiration that is no number of milliseconds."""
    expiration = properties.expiration
    if expiration is None:
        return
    if not (expiration.isascii() and expiration.isdigit()) or int(expiration) > TTL_MAX_MS:
        raise PreconditionFailed(
            f"invalid expiration '{expiration}': expected milliseconds as a decimal number"
        )
