"""Delay: how long a message asks to be held back before it is routed.

    x-delay                  milliseconds from publication, a number or a string of digits
    x-opt-delivery-time      milliseconds since 1970
    x-qpid-not-valid-before  the same, as Qpid spells it

A delay that is over, or was none, is no delay: the message goes at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from warrener.exchange.arguments import whole_number
from warrener.exchange.message import Properties

RELATIVE = "x-delay"
ABSOLUTE = ("x-opt-delivery-time", "x-qpid-not-valid-before")
DELAY_MAX_MS = (1 << 32) - 1
"""About 49 days, the limit of RabbitMQ's plugin; what is further away needs the absolute form."""


def delivery_time(properties: Properties, published: int) -> int | None:
    """When a message published at `published` is to be routed, in ms since 1970; None for now."""
    headers = properties.headers
    if not headers:
        return None
    delay = whole_number(headers.get(RELATIVE))
    if delay is not None:
        return published + min(delay, DELAY_MAX_MS) if delay > 0 else None
    for name in ABSOLUTE:
        time = whole_number(headers.get(name))
        if time is not None:
            return time if time > published else None
    return None


def released_headers(headers: Mapping[str, Any]) -> dict[str, Any]:
    """What changes in the headers of a message whose time has come; None removes a header.

    Its delay is negated, as by RabbitMQ's plugin, and an absolute time is gone.
    """
    changes: dict[str, Any] = {name: None for name in ABSOLUTE if name in headers}
    if RELATIVE in headers:
        # The negative of the lowest number of 64 bits is none of these.
        changes[RELATIVE] = -max(whole_number(headers[RELATIVE]) or 0, 1 - (1 << 63))
    return changes
