"""A request: everything but its body, which comes later or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from warrener.protocol.http.target import Target


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asks. The names of `headers` are in lower case; repeated ones are joined."""

    method: str
    target: Target
    headers: Mapping[str, str]

    def header(self, name: str) -> str:
        """The value of a header, empty without it."""
        return self.headers.get(name, "")

    @property
    def host(self) -> str:
        """What the client calls us, with the port; a name in the target counts more."""
        return self.target.authority or self.header("host")


def join_headers(pairs: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers as the wire has them as a dictionary."""
    joined: dict[str, str] = {}
    for raw_name, raw_value in pairs:
        name, value = raw_name.decode("ascii").lower(), raw_value.decode("latin-1")
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return joined
