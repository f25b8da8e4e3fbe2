"""Columns: the parts of an answer that a request names.

    columns=name,messages           only these
    columns=message_stats.publish   a dot leads into a table, or into each entry of a list

What is not there is left out. A dot behind a number or a text leads nowhere, and the value is kept
as it is, as in RabbitMQ. Of a column and a part of it, both named, the whole column is shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Tree = dict[str, "Tree | None"]
"""The names that are wanted, each with those below it; None for everything below."""


class Wanted:
    """The columns that a request names."""

    __slots__ = ("_tree",)

    def __init__(self, paths: Iterable[str]) -> None:
        self._tree: Tree = {}
        for path in paths:
            _add(self._tree, path.split("."))

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Wanted | None:
        """Those of a query; None for all columns."""
        paths = [path for path in query.get("columns", "").split(",") if path]
        return cls(paths) if paths else None

    def __iter__(self) -> Iterator[str]:
        """The columns at the top."""
        return iter(self._tree)

    def part_of(self, document: Any) -> Any:
        """A document, or each one of a list, with nothing but these columns."""
        return _part(document, self._tree)


def _add(tree: Tree, path: list[str]) -> None:
    for name in path[:-1]:
        below = tree.setdefault(name, {})
        if below is None:
            return
        tree = below
    tree[path[-1]] = None


def _part(value: Any, tree: Tree | None) -> Any:
    if tree is None:
        return value
    if isinstance(value, Mapping):
        return {name: _part(value[name], below) for name, below in tree.items() if name in value}
    if isinstance(value, list | tuple):
        return [_part(each, tree) for each in value]
    return value
