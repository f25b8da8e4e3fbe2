"""Limits: how much a user or a virtual host may have at once.

None, or a number below zero as RabbitMQ writes it, is no limit; 0 allows nothing at all. Whoever
makes something new asks `reached` with the count of what is there: what was there before a limit
was set stays.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class UserLimits:
    """Of one user, in all virtual hosts together."""

    max_connections: int | None = None
    max_channels: int | None = None


@dataclass(frozen=True, slots=True)
class VirtualHostLimits:
    """Of one virtual host, for all users together."""

    max_connections: int | None = None
    max_queues: int | None = None


def reached(limit: int | None, count: int) -> bool:
    """Whether `count` is all that may be."""
    return limit is not None and 0 <= limit <= count


def limit_fields(limits: UserLimits | VirtualHostLimits) -> dict[str, int]:
    """The limits that are set, as they are written down."""
    return {name: limit for name, limit in asdict(limits).items() if limit is not None}
