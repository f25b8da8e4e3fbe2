"""A response: status, headers, and a body that is whole or comes in parts.

A body in parts is sent as it is made, each part when the client has taken the one before; so a
long list never stands in memory, and server-sent events need nothing of their own but `event`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass
from http import HTTPStatus

Headers = tuple[tuple[str, str], ...]
Parts = Iterable[bytes] | AsyncGenerator[bytes, None]

EVENT_STREAM = "text/event-stream"


@dataclass(frozen=True, slots=True)
class Response:
    """What a client is answered: with `parts`, or else with `body`."""

    status: int
    headers: Headers = ()
    body: bytes = b""
    parts: Parts | None = None
    endless: bool = False
    """Whether the parts go on for as long as the client listens."""

    @property
    def reason(self) -> str:
        """The words behind the status."""
        try:
            return HTTPStatus(self.status).phrase
        except ValueError:
            return ""

    @property
    def bears_body(self) -> bool:
        """Whether a response of this status may have a body at all."""
        return self.status not in (204, 304) and self.status >= 200


def event(data: str, name: str = "", identity: str = "") -> bytes:
    """One server-sent event. Line ends in `data` are kept; name and identity must have none."""
    lines = [f"event: {name}"] if name else []
    if identity:
        lines.append(f"id: {identity}")
    lines += [f"data: {line}" for line in data.split("\n")]
    return ("\n".join(lines) + "\n\n").encode()


KEEP_ALIVE = b":\n\n"
"""A comment between events: it shows that the connection lives."""
