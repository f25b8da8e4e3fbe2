"""The router: what was registered for a method and a path.

A pattern is a path whose segments stand for themselves or, in braces, for any text:

    /api/queues/{vhost}/{name}

Where both fit, a literal segment comes before one in braces. Patterns are kept as a tree by their
segments, so finding one does not depend on how many there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from warrener.protocol.http.errors import MethodNotAllowed, TargetNotFound

T = TypeVar("T")


@dataclass(slots=True)
class _Node(Generic[T]):
    """A place in the tree: what may follow, and what is registered here by method."""

    literal: dict[str, _Node[T]] = field(default_factory=dict)
    any: _Node[T] | None = None
    endpoints: dict[str, tuple[T, tuple[str, ...]]] = field(default_factory=dict)


class Router(Generic[T]):
    """Endpoints of any type by method and pattern."""

    def __init__(self) -> None:
        self._root: _Node[T] = _Node()

    def add(self, method: str, pattern: str, endpoint: T) -> None:
        """Register an endpoint. A method and a pattern can be registered once."""
        node = self._root
        names = []
        for segment in pattern.split("/")[1:]:
            if segment.startswith("{"):
                names.append(segment.strip("{}"))
                node.any = node.any or _Node()
                node = node.any
            elif segment:
                node = node.literal.setdefault(segment, _Node())
        assert method not in node.endpoints, f"{method} {pattern} is registered twice"
        node.endpoints[method] = (endpoint, tuple(names))

    def find(self, method: str, segments: Sequence[str]) -> tuple[T, dict[str, str]]:
        """The endpoint, and what the segments in braces stand for. HEAD goes where GET does.

        Raises: TargetNotFound; MethodNotAllowed.
        """
        wanted = "GET" if method == "HEAD" else method
        allowed: set[str] = set()
        for node, values in _walk(self._root, segments, ()):
            if wanted in node.endpoints:
                endpoint, names = node.endpoints[wanted]
                return endpoint, dict(zip(names, values, strict=True))
            allowed |= node.endpoints.keys()
        if not allowed:
            raise TargetNotFound("Not Found")
        raise MethodNotAllowed(allowed | ({"HEAD"} if "GET" in allowed else set()))


def _walk(
    node: _Node[T], segments: Sequence[str], values: tuple[str, ...]
) -> Iterator[tuple[_Node[T], tuple[str, ...]]]:
    """All places that fit, the more literal ones first."""
    if not segments:
        if node.endpoints:
            yield node, values
        return
    first, rest = segments[0], segments[1:]
    if first in node.literal:
        yield from _walk(node.literal[first], rest, values)
    if node.any is not None:
        yield from _walk(node.any, rest, (*values, first))
