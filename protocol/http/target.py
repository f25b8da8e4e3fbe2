"""The target of a request: path and query, cut first and decoded afterwards.

    /api/queues/%2F/a%2Fb?columns=name   ->   ("api", "queues", "/", "a/b"), {"columns": "name"}

Each segment is decoded once. A plus in a path is a plus; in a query it is a space. A slash at the
end means nothing. Of two parameters with one name the last one counts, for who asks not `every`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, unquote_to_bytes

from warrener.protocol.http.errors import BadRequest

PARAMETERS_MAX = 100
_AUTHORITY = re.compile(rb"https?://([^/?]*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Target:
    """What a request is about."""

    raw: str
    segments: tuple[str, ...]
    query: Mapping[str, str]
    parameters: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """The query as it was written."""
    authority: str = ""
    """Whom the target itself names, as it does in what is said to a proxy."""

    def every(self, name: str) -> list[str]:
        """All values of a parameter."""
        return [value for key, value in self.parameters if key == name]


def parse_target(raw: bytes) -> Target:
    """Raises: BadRequest for what is no path, or no UTF-8."""
    named = _AUTHORITY.match(raw)
    origin = raw[named.end() :] if named else raw
    authority = named[1].decode("ascii", "replace") if named else ""
    path, _, query = origin.partition(b"?")
    if path and not path.startswith(b"/") and path != b"*":
        raise BadRequest("a target begins with a slash")
    pieces = path.split(b"/")[1:]
    if pieces and not pieces[-1]:
        pieces.pop()
    pairs = _parse_query(query)
    segments = tuple(map(_decode, pieces))
    return Target(raw.decode("ascii", "replace"), segments, dict(pairs), tuple(pairs), authority)


def encode_segment(text: str) -> str:
    """A name as one segment of a path."""
    return quote(text, safe="")


def _decode(segment: bytes) -> str:
    try:
        return unquote_to_bytes(segment).decode()
    except UnicodeDecodeError:
        raise BadRequest("a segment of the path is no UTF-8") from None


def _parse_query(query: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            query.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=PARAMETERS_MAX,
        )
    except ValueError:
        raise BadRequest("a query that cannot be read, or is too long") from None
