"""A delivery: a message as a client is given it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message; the tag is what it is acknowledged by, 0 for one that came back as unroutable."""

    tag: int
    exchange: str
    routing_key: str
    redelivered: bool
    properties: dict[str, Any]
    body: bytes
    consumer_tag: str = ""
    reason: str = ""
    """Why it came back."""

    @property
    def headers(self) -> dict[str, Any]:
        return dict(self.properties.get("headers") or {})
