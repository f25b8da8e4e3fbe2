"""Refusals of a virtual host in RabbitMQ's words, which clients and their tests look at."""

from __future__ import annotations

from warrener.exchange.errors import AccessRefused, ResourceLocked

RESERVED_PREFIX = "amq."


def locked(name: str, vhost: str) -> ResourceLocked:
    """A queue is exclusive to another connection."""
    return ResourceLocked(
        f"cannot obtain exclusive access to locked queue '{name}' in vhost '{vhost}'. "
        "It could be originally declared on another connection or the exclusive property "
        "value does not match that of the original declaration."
    )


def refuse_reserved(what: str, name: str, vhost: str) -> None:
    """Raises: AccessRefused for a name that only the broker gives."""
    if name.startswith(RESERVED_PREFIX):
        raise AccessRefused(
            f"{what} name '{name}' contains reserved prefix 'amq.*' in vhost '{vhost}'"
        )
