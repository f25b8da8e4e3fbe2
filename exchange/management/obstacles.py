"""Obstacles: why the messages of a queue do not move, in words.

`Standing` is all that decides it, and `why` makes a sentence of that: a plain function of plain
values. Whoever has a queue at hand reads them off it (standstill.py); who knows less of one, from
the API of another broker perhaps, fills in what there is.

Each consumer has at most one *obstacle*, the first of those in the order below: what keeps it from
taking a message now. If messages have moved lately, obstacles are only what holds them up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

GROWING = 1.1
"""How many times as many have to come in as go out for a queue to be called growing."""


class Obstacle(Enum):
    """What keeps a consumer from taking a message."""

    INACTIVE = "inactive"
    """Another one is the single active consumer."""
    OUTPUT = "output"
    """Its client does not read what it was sent."""
    PREFETCH = "prefetch"
    CHANNEL = "channel"
    """The prefetch of its whole channel."""
    FILTER = "filter"
    GROUP = "group"
    """What waits belongs to groups that others hold, or that wait for an acknowledgement."""
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Taker:
    """A consumer, and what keeps it."""

    tag: str
    obstacle: Obstacle
    prefetch: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """All that decides whether the messages of a queue move."""

    ready: int
    unacked: int = 0
    takers: Sequence[Taker] = ()
    delayed: int = 0
    """Of those that are ready, the ones that are held back for a time."""
    delay_ms: int = 0
    """How long the first of them still is."""
    examining: bool = False
    """Whether messages are still to be held against a new filter."""
    single_active: bool = False
    rate_in: float = 0.0
    rate_out: float = 0.0
    """Messages a second, as they were found last."""
    suspended: str = ""
    """The exception because of which it hands out nothing."""
    alarms: Sequence[str] = ()
    """What is short in the broker: publishers are not read then."""


# In words


def why(standing: Standing) -> str:
    """Why messages do not move, or how they do; one line without an end."""
    if standing.suspended:
        return f"it is suspended, as a step of it has failed: {standing.suspended}"
    parts = [_movement(standing) if standing.rate_out else _rest(standing)]
    if standing.rate_out and standing.rate_in > standing.rate_out * GROWING:
        parts += filter(None, [_obstacles(standing)])
    if 0 < standing.delayed < standing.ready:
        parts.append(f"{standing.delayed} held back for a time")
    if standing.alarms and not standing.rate_in:
        alarms = " and ".join(standing.alarms)
        parts.append(f"nothing comes in: the {alarms} alarm has publishers wait")
    return "; ".join(parts)


def _movement(standing: Standing) -> str:
    coming, going = standing.rate_in, standing.rate_out
    if coming > going * GROWING:
        return f"it grows: {coming:.0f}/s come in, {going:.0f}/s go out"
    if standing.ready and going > coming:
        left = standing.ready / (going - coming)
        return f"{going:.0f}/s go out; at this rate it is empty in {_span(left)}"
    return f"messages move: {going:.0f}/s go out"


def _rest(standing: Standing) -> str:
    """Why nothing goes out."""
    if not standing.ready:
        return _nothing_waits(standing)
    if standing.delayed == standing.ready:
        delay = _span(standing.delay_ms / 1000)
        return f"{_messages(standing.ready)} held back for a time, the first for another {delay}"
    if not standing.takers:
        return "no consumers"
    if standing.examining:
        return "messages are still held against a new filter"
    return _obstacles(standing) or "messages are about to go out"


def _nothing_waits(standing: Standing) -> str:
    if not standing.unacked:
        return "it is empty"
    return f"nothing waits: {_messages(standing.unacked)} with consumers, not yet acknowledged"


def _messages(count: int) -> str:
    return "1 message is" if count == 1 else f"all {count} messages are"


def _obstacles(standing: Standing) -> str:
    """What keeps the consumers, those that are kept by the same together."""
    able = [taker for taker in standing.takers if taker.obstacle is not Obstacle.INACTIVE]
    found = Counter(taker.obstacle for taker in able)
    if Obstacle.NONE in found:
        return ""
    parts = []
    for obstacle in Obstacle:
        if obstacle in found:
            limits = {each.prefetch for each in able if each.obstacle is obstacle}
            who = _who(found[obstacle], len(able), standing.single_active)
            parts.append(f"{_reason(obstacle, limits, standing)} ({who})")
    idle = len(standing.takers) - len(able)
    if idle:
        parts.append(f"{idle} more wait{'s' * (idle == 1)} for it to leave")
    return ", ".join(parts)


def _who(count: int, total: int, single_active: bool) -> str:
    if single_active:
        return "the single active consumer"
    if total == 1:
        return "its only consumer"
    if count == total:
        return f"all {count} consumers"
    return f"{count} of {total} consumers"


def _reason(obstacle: Obstacle, limits: set[int], standing: Standing) -> str:
    """The important thing first: there may not be room for more."""
    limit = f" of {limits.pop()}" if len(limits) == 1 else ""
    waiting = _all(standing.ready - standing.delayed)
    match obstacle:
        case Obstacle.OUTPUT:
            return "clients do not read what they were sent"
        case Obstacle.PREFETCH:
            return f"prefetch{limit} reached"
        case Obstacle.CHANNEL:
            return f"prefetch{limit} of the whole channel reached"
        case Obstacle.FILTER:
            return f"filters refuse {waiting}"
        case _:
            return f"groups are held or not acknowledged: {waiting}"


def _all(count: int) -> str:
    return "the only message that waits" if count == 1 else f"all {count} that wait"


def _span(seconds: float) -> str:
    """A time in words, roughly."""
    for unit, name in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds:.0f} s" if seconds >= 1 else "less than a second"
