"""Parameters: values under names that users keep in the broker, as the name of the cluster.

A value is whatever a table can hold. The broker itself looks at none of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from warrener.exchange.durability.entries import Entries
from warrener.exchange.durability.records import Kind
from warrener.exchange.errors import NotFound


class Parameters:
    """All parameters, by name."""

    def __init__(self, entries: Entries) -> None:
        self._entries = entries
        self._values: dict[str, Any] = {}

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        return iter(sorted(self._values.items()))

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def get(self, name: str, default: Any = None) -> Any:
        return self._values.get(name, default)

    def set(self, name: str, value: Any) -> None:
        self._values[name] = value
        self._entries.put(Kind.PARAMETER_SET, name, {"name": name, "value": value})

    def clear(self, name: str) -> None:
        """Raises: NotFound."""
        if name not in self._values:
            raise NotFound(f"no parameter '{name}'")
        del self._values[name]
        self._entries.end(Kind.PARAMETER_SET, name)

    def restore(self, position: int, fields: Mapping[str, Any]) -> None:
        name = fields["name"]
        self._values[name] = fields["value"]
        self._entries.restored(Kind.PARAMETER_SET, name, fields, position)
