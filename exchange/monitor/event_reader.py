"""The event reader: parts of an event stream in, events out.

    event: queue.created
    data: {"vhost":"/","name":"orders","at":1789000000000}

Comments, and what is no JSON object, are passed over.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

EVENT_BYTES_MAX = 1 << 20
"""What is longer is no event, and is passed over."""


class HeardEvent(NamedTuple):
    """Something that has happened in a broker."""

    kind: str
    fields: dict[str, Any]


class EventReader:
    """Takes bytes as they come; keeps what is not complete."""

    def __init__(self) -> None:
        self._kept = b""

    def feed(self, data: bytes) -> Iterator[HeardEvent]:
        """The events whose end has come."""
        *blocks, self._kept = (self._kept + data).split(b"\n\n")
        if len(self._kept) > EVENT_BYTES_MAX:
            self._kept = b""
        for block in blocks:
            event = _read(block.decode(errors="replace"))
            if event is not None:
                yield event


def _read(block: str) -> HeardEvent | None:
    fields = dict(line.partition(": ")[::2] for line in block.splitlines())
    try:
        document = json.loads(fields.get("data", ""))
    except ValueError:
        return None
    if not isinstance(document, dict):
        return None
    return HeardEvent(fields.get("event", "message"), document)
