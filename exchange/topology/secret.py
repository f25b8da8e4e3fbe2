"""Secrets: the values of a document that are shown to nobody, whatever is wrong with it.

A problem shows the line that it is about, and lines of topology files have passwords on them. What
stands at a key that tells of a password, or below it, is therefore shown as stars, as many as it
has characters, so that what points to a column points to it still. Where a text is no document at
all there are no keys; then all goes that follows such a word on its line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from warrener.exchange.topology.tree import Mapping, Node, Scalar, Sequence

_KEY = re.compile(r"pas+w|pwd|secret|^hash$", re.IGNORECASE)
"""A misspelled key is one as well."""
_NOT_SECRET = frozenset(("env", "file", "algorithm"))
"""Below such a key: where a password is to be found, and what made its hash."""
_ON_A_LINE = re.compile(r"(?:pas+w|pwd|secret|\bhash\b)[^\s:=]*\s*[:=]\s*(.+)", re.IGNORECASE)


class Secrets:
    """What is secret in a document, to be looked up for each problem."""

    def __init__(self, root: Node) -> None:
        self._nodes = {id(node): node for node in _secrets_of(root)}
        self._by_line: dict[int, list[Scalar]] = {}
        for node in self._nodes.values():
            for line in range(node.start.line, node.end.line + 1):
                self._by_line.setdefault(line, []).append(node)

    def __contains__(self, node: Node) -> bool:
        return id(node) in self._nodes

    def hidden(self, number: int, line: str) -> str:
        """A line, counted from 0, with stars for secrets."""
        for node in self._by_line.get(number, ()):
            start, end = node.start, node.end
            first = start.column if number == start.line else 0
            last = end.column if number == end.line else len(line)
            line = _starred(line, first, last)
        return line


def _secrets_of(root: Node) -> Iterator[Scalar]:
    waiting: list[tuple[Node, bool]] = [(root, False)]
    seen: set[tuple[int, bool]] = set()
    while waiting:
        node, is_secret = waiting.pop()
        if isinstance(node, Scalar):
            if is_secret:
                yield node
            continue
        # An alias leads to the same node, which may be open in one place and secret in another.
        if (id(node), is_secret) not in seen:
            seen.add((id(node), is_secret))
            waiting += _below(node, is_secret)


def _below(node: Sequence | Mapping, is_secret: bool) -> Iterator[tuple[Node, bool]]:
    if isinstance(node, Mapping):
        for key, value in node.entries:
            is_open = is_secret and key.text in _NOT_SECRET
            yield value, not is_open and (is_secret or _KEY.search(key.text) is not None)
        return
    first = node.items[0] if node.items else None
    # A mapping may be written as a list of pairs.
    is_pair = isinstance(first, Scalar) and len(node.items) == 2 and _KEY.search(first.text)
    for item in node.items:
        yield item, is_secret or (bool(is_pair) and item is not first)


def without_what_looks_secret(line: str) -> str:
    """A line of a text that is no document."""
    found = _ON_A_LINE.search(line)
    return _starred(line, *found.span(1)) if found else line


def _starred(line: str, first: int, last: int) -> str:
    hidden = line[first:last]
    return line[:first] + "*" * len(hidden) + line[first + len(hidden) :]
