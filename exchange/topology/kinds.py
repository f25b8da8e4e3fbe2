"""Kinds of documents: a topology file of ours, or RabbitMQ's definitions.

Definitions are documents with a key that only brokers write, as JSON or as the YAML that `warrener
definitions export` makes of it; and any other JSON that uses nothing that only a topology file can
have. YAML without such a key is a topology file: it was written by hand, for Warrener, and a key
that is mistyped in it is an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from warrener.exchange.topology.definitions import VERSIONS
from warrener.exchange.topology.document import BYTES_MAX, Document
from warrener.exchange.topology.json_document import JsonDocument, NotJson, Path, json_path
from warrener.exchange.topology.problem import Place
from warrener.exchange.topology.reading import VARIABLE_MARK
from warrener.exchange.topology.schema import BINDING, EXCHANGE, PER_VHOST, QUEUE
from warrener.exchange.topology.tree import Mapping as TreeMapping
from warrener.exchange.topology.tree import Node, Scalar, Sequence

ONLY_AT_THE_TOP = ("version", "vars", "defaults", "manage", "operator-policies")
"""Keys that only a topology file has at its top."""
IN_DEFINITIONS = {
    "queues": ("name", "vhost", "type", "durable", "auto_delete", "arguments"),
    "exchanges": ("name", "vhost", "type", "durable", "auto_delete", "internal", "arguments"),
    "bindings": (
        *("source", "vhost", "destination", "destination_type", "routing_key", "arguments"),
        "properties_key",
    ),
}
ONLY_IN_TOPOLOGIES = {
    "vhosts": frozenset(field.name for field in PER_VHOST),
    **{
        name: frozenset(field.name for field in record.fields if field.name not in known)
        for (name, known), record in zip(
            IN_DEFINITIONS.items(), (QUEUE, EXCHANGE, BINDING), strict=True
        )
    },
}
"""By list: keys of its items that only a topology file can have."""


def definitions_in_json(name: str, data: bytes) -> JsonDocument | None:
    """The document if it is definitions in JSON."""
    if data.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] != b"{" or len(data) > BYTES_MAX:
        return None
    try:
        document = JsonDocument(name, data)
    except NotJson:
        return None  # YAML may begin with a brace, too.
    top = document.value
    if top.keys() & set(VERSIONS):
        return document
    is_topology = VARIABLE_MARK.encode() in data or _is_topology(top)
    return None if is_topology else document


def _is_topology(top: Mapping[str, Any]) -> bool:
    if _spelled(top) & set(ONLY_AT_THE_TOP):
        return True
    for name, keys in ONLY_IN_TOPOLOGIES.items():
        items = top.get(name)
        for item in items if isinstance(items, list) else ():
            if isinstance(item, Mapping) and _spelled(item) & keys:
                return True
    users = top.get("users")
    return any(
        isinstance(user, Mapping) and isinstance(user.get("password"), Mapping)
        for user in (users if isinstance(users, list) else ())
    )


def _spelled(keys: Mapping[str, Any]) -> set[str]:
    """Keys, with both `_` and `-`, which are the same in a topology file."""
    return keys.keys() | {key.replace("_", "-") for key in keys}


class TreeValues:
    """The values of a YAML document."""

    doubled = False

    def __init__(self, document: Document) -> None:
        assert document.root is not None, "whoever looked into it has found something"
        self._document = document
        self._root = document.root
        self.value = _value(self._root)

    def place(self, path: Path) -> Place:
        node = self._root
        for step in path:
            inside = _inside(node)
            if step not in inside:
                break
            node = inside[step]
        place = self._document.place(node)
        return Place(
            place.file, place.line, place.column, place.source, place.width, json_path(path)
        )


def _inside(node: Node) -> Mapping[str | int, Node]:
    if isinstance(node, TreeMapping):
        return {key.text: value for key, value in node.entries}
    return dict(enumerate(node.items)) if isinstance(node, Sequence) else {}


def _value(node: Node) -> Any:
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Sequence):
        return [_value(item) for item in node.items]
    return {key.text: _value(value) for key, value in node.entries}
