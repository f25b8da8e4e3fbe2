"""Shapes: what a value in a topology file may look like.

A shape reads a node of the tree, tells of every problem it finds there and returns the value, or
`INVALID`. The same shape describes itself as JSON Schema. `warrener.exchange.topology.schema` puts
them together to the format.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from warrener.exchange.expressions.expression import Expression as Compiled
from warrener.exchange.expressions.syntax import NotAnExpression
from warrener.exchange.topology import units
from warrener.exchange.topology.problem import did_you_mean
from warrener.exchange.topology.reading import Entry, Reader
from warrener.exchange.topology.tree import Mapping, Node, Scalar, Sequence

INVALID: Any = object()
"""What a shape returns for a value that is not right; the problem has been told."""
NAME_BYTES_MAX = 255
"""AMQP's short string."""
TABLE_DEPTH_MAX = 16
"""Of tables and lists inside each other, as in the management API; the wire takes 32."""
VARIABLE = {"type": "string", "pattern": r"\$\{"}
"""In the JSON Schema: anything may come out of a variable."""
LONG = range(-(2**63), 2**63)


class Shape:
    """What a value may look like; `expected` says it in a few words."""

    expected = "a value"

    def read(self, node: Node, reader: Reader) -> Any:
        raise NotImplementedError

    def schema(self) -> dict[str, Any]:
        """The shape as JSON Schema."""
        raise NotImplementedError

    def wrong(self, node: Node, reader: Reader, suggestion: str = "") -> Any:
        found = _found(node, reader)
        reader.problem("T011", node, f"expected {self.expected}, found {found}", suggestion)
        return INVALID


@dataclass(frozen=True)
class Text(Shape):
    """A string."""

    bytes_max: int = 0
    may_be_empty: bool = True

    expected = "a string"

    def read(self, node: Node, reader: Reader) -> Any:
        if not isinstance(node, Scalar):
            return self.wrong(node, reader)
        value = reader.string(node)
        if not isinstance(value, str):
            shown = "..." if reader.is_secret(node) else node.text
            return self.wrong(node, reader, f'write "{shown}"')
        if not value and not self.may_be_empty:
            reader.problem("T016", node, "a name must not be empty")
            return INVALID
        if self.bytes_max and len(value) * 4 > self.bytes_max:
            length = len(value.encode("utf-8", "surrogatepass"))
            if length > self.bytes_max:
                what = f"{length} bytes in UTF-8; a name has at most {self.bytes_max}"
                reader.problem("T016", node, what)
                return INVALID
        return value

    def schema(self) -> dict[str, Any]:
        schema: dict[str, Any] = {"type": "string"}
        if not self.may_be_empty:
            schema["minLength"] = 1
        if self.bytes_max:
            schema["maxLength"] = self.bytes_max
        return schema


class Flag(Shape):
    """true or false."""

    expected = "true or false"

    def read(self, node: Node, reader: Reader) -> Any:
        value = reader.value_of_variable(node) if isinstance(node, Scalar) else None
        if isinstance(value, bool):
            return value
        near = {"yes": "true", "on": "true", "no": "false", "off": "false"}
        suggestion = near.get(str(value).lower(), "")
        return self.wrong(node, reader, f"write {suggestion}" if suggestion else "")

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [{"type": "boolean"}, VARIABLE]}


@dataclass(frozen=True)
class Whole(Shape):
    """A whole number; with `parse`, also a text with a unit."""

    low: int = LONG[0]
    high: int = LONG[-1]
    parse: Callable[[str], int] | None = None
    expected: str = "a whole number"

    def read(self, node: Node, reader: Reader) -> Any:
        value = reader.value_of_variable(node) if isinstance(node, Scalar) else None
        if isinstance(value, str) and self.parse is not None:
            try:
                value = self.parse(value)
            except units.NoQuantity as error:
                reader.problem("T015", node, f"'{value}' is not understood: expected {error}")
                return INVALID
        if isinstance(value, bool) or not isinstance(value, int):
            return self.wrong(node, reader)
        if not self.low <= value <= self.high:
            reader.problem("T014", node, f"{value} is not from {self.low} to {self.high}")
            return INVALID
        return value

    def schema(self) -> dict[str, Any]:
        number = {"type": "integer", "minimum": self.low, "maximum": self.high}
        text = VARIABLE if self.parse is None else {"type": "string"}
        return {"anyOf": [number, text]}


def has_units(shape: Shape) -> bool:
    """Whether a value may be written with a unit."""
    return isinstance(shape, Whole) and shape.parse is not None


def duration(low: int = 0, high: int = LONG[-1]) -> Whole:
    return Whole(low, high, units.duration, "a duration (5m, or a number of milliseconds)")


def count(low: int = 0, high: int = LONG[-1]) -> Whole:
    return Whole(low, high, units.count, "a count (10k, or a number)")


def size(low: int = 0, high: int = LONG[-1]) -> Whole:
    return Whole(low, high, units.size, "a size (64KiB, or a number of bytes)")


class Choice(Shape):
    """One of some words."""

    def __init__(self, *choices: str, code: str = "T014", what: str = "") -> None:
        self.choices = choices
        self._code = code
        self._what = what
        self.expected = f"one of {', '.join(choices)}"

    def read(self, node: Node, reader: Reader) -> Any:
        value = reader.string(node) if isinstance(node, Scalar) else None
        if not isinstance(value, str):
            return self.wrong(node, reader)
        if value not in self.choices:
            what = f"unknown {self._what} '{value}'" if self._what else f"'{value}' is not allowed"
            suggestion = did_you_mean(value, self.choices)
            reader.problem(self._code, node, f"{what}: expected {self.expected}", suggestion)
            return INVALID
        return value

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [{"enum": list(self.choices)}, VARIABLE]}


class Expression(Shape):
    """A regular expression."""

    expected = "a regular expression"

    def read(self, node: Node, reader: Reader) -> Any:
        value = Text().read(node, reader)
        if value is not INVALID:
            try:
                Compiled(value)
            except NotAnExpression as error:
                what, _, position = str(error).partition(" at position ")
                offset = int(position) if position.isdigit() else 0
                reader.problem_inside("T021", node, offset, f"not a regular expression: {what}")
                return INVALID
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "string"}


class Anything(Shape):
    """Any value that AMQP and JSON both know, as it is."""

    def read(self, node: Node, reader: Reader, depth: int = TABLE_DEPTH_MAX) -> Any:
        if isinstance(node, Scalar):
            value = reader.value(node)
            if isinstance(value, int) and value not in LONG:
                reader.problem("T014", node, f"{value} has more than 64 bits")
                return INVALID
            if isinstance(value, float) and not math.isfinite(value):
                reader.problem("T014", node, f"{node.text} is infinite, or no number")
                return INVALID
            return value
        if not depth:
            reader.problem("T014", node, f"more than {TABLE_DEPTH_MAX} levels inside each other")
            return INVALID
        if isinstance(node, Sequence):
            values = [self.read(item, reader, depth - 1) for item in node.items]
            return INVALID if any(value is INVALID for value in values) else values
        return TABLE.read(node, reader, depth)

    def schema(self) -> dict[str, Any]:
        return {}


class Table(Shape):
    """A mapping of any values."""

    expected = "a mapping"

    def read(self, node: Node, reader: Reader, depth: int = TABLE_DEPTH_MAX) -> Any:
        entries = _entries(node)
        if entries is None:
            return self.wrong(node, reader)
        values: dict[str, Any] = {}
        seen: dict[str, Scalar] = {}
        for key, node in entries:
            if len(key.text.encode("utf-8", "surrogatepass")) > NAME_BYTES_MAX:
                reader.problem("T016", key, f"a key has at most {NAME_BYTES_MAX} bytes")
            elif not _is_double(key.text, key, seen, reader):
                values[key.text] = ANYTHING.read(node, reader, depth - 1)
        return INVALID if any(value is INVALID for value in values.values()) else values

    def schema(self) -> dict[str, Any]:
        return {"type": "object"}


ANYTHING = Anything()
TABLE = Table()


@dataclass(frozen=True)
class ListOf(Shape):
    """A list of one shape; what is not right in it is left out."""

    item: Shape
    words: bool = False
    """Whether it may be written as one string with commas, as RabbitMQ does with tags."""
    expected = "a list"

    def read(self, node: Node, reader: Reader) -> Any:
        if isinstance(node, Scalar) and self.words:
            value = reader.string(node)
            if isinstance(value, str):
                return [word.strip() for word in value.split(",") if word.strip()]
        if not isinstance(node, Sequence):
            suggestion = "a list item begins with '-'" if isinstance(node, Mapping) else ""
            return self.wrong(node, reader, suggestion)
        values = [self.item.read(item, reader) for item in node.items]
        return [value for value in values if value is not INVALID]

    def schema(self) -> dict[str, Any]:
        schema = {"type": "array", "items": self.item.schema()}
        return {"anyOf": [schema, {"type": "string"}]} if self.words else schema


@dataclass(frozen=True)
class Either(Shape):
    """A scalar of one shape, or a mapping of another."""

    scalar: Shape
    record: Shape

    def read(self, node: Node, reader: Reader) -> Any:
        return (self.scalar if isinstance(node, Scalar) else self.record).read(node, reader)

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [self.scalar.schema(), self.record.schema()]}


@dataclass(frozen=True)
class Field:
    """One key of a record."""

    name: str
    shape: Shape
    meaning: str = ""
    required: bool = False
    argument: str = ""
    """The argument of a declaration that it sets."""
    default: Any = None


class Record(Shape):
    """A mapping with known keys; `-` and `_` in them are the same."""

    expected = "a mapping"

    def __init__(
        self, what: str, *fields: Field, open_to: Shape | None = None, shared: str = ""
    ) -> None:
        self.what = what
        self.shared = shared
        """The name under which a JSON Schema has it once for all places where it is used."""
        self.fields = fields
        self.open_to = open_to
        """The shape of values with other keys, if those are allowed."""
        self._by_key = {_spelled(field.name): field for field in fields}
        self._by_name = {field.name: field for field in fields}
        self.required = [field.name for field in fields if field.required]

    def field(self, name: str) -> Field:
        return self._by_name[name]

    def has(self, name: str) -> bool:
        return name in self._by_name

    def read(self, node: Node, reader: Reader) -> Any:
        entries = _entries(node)
        if entries is None:
            return self.wrong(node, reader)
        entry = Entry(self, reader, node)
        seen: dict[str, Scalar] = {}
        for key, value in entries:
            field = self._by_key.get(key.text) or self._by_key.get(_spelled(key.text))
            if field is None:
                self._read_other(key, value, entry)
            elif not _is_double(field.name, key, seen, reader):
                read = field.shape.read(value, reader)
                entry.nodes[field.name] = value
                if read is not INVALID:
                    entry.values[field.name] = read
        for name in self.required:
            if name not in seen:
                reader.problem("T013", node, f"{self.what} needs the key '{name}'")
        return entry

    def _read_other(self, key: Scalar, value: Node, entry: Entry) -> None:
        if self.open_to is None:
            suggestion = did_you_mean(key.text, [field.name for field in self.fields])
            entry.reader.problem("T012", key, f"unknown key '{key.text}'", suggestion)
            return
        read = self.open_to.read(value, entry.reader)
        entry.nodes[key.text] = value
        if read is not INVALID:
            entry.values[key.text] = read

    def without_requirements(self) -> Record:
        """The same with nothing required, for defaults."""
        fields = (replace(field, required=False) for field in self.fields if field.name != "name")
        return Record(self.what, *fields)

    def schema(self) -> dict[str, Any]:
        return {"$ref": f"#/$defs/{self.shared}"} if self.shared else self.schema_in_full()

    def schema_in_full(self) -> dict[str, Any]:
        properties = {}
        for field in self.fields:
            described = {"description": field.meaning} if field.meaning else {}
            properties[field.name] = {**field.shape.schema(), **described}
            other = field.name.translate(_OTHER_SPELLING)
            if other != field.name:
                properties[other] = properties[field.name]
        schema: dict[str, Any] = {"type": "object", "properties": properties}
        if self.required:
            schema["required"] = self.required
        if self.open_to is None:
            schema["additionalProperties"] = False
        return schema


_OTHER_SPELLING = str.maketrans("-_", "_-")


def _spelled(key: str) -> str:
    return key.replace("-", "_")


def _entries(node: Node) -> list[tuple[Scalar, Node]] | None:
    """Keys and values of a mapping, None if it is none.

    What rabbitmqctl 3.10 writes for some mappings, [] and [["max-queues", 10]], is one as well.
    """
    if isinstance(node, Mapping):
        return node.entries
    if isinstance(node, Sequence):
        pairs = [_pair(item) for item in node.items]
        return None if None in pairs else [pair for pair in pairs if pair is not None]
    return None


def _pair(node: Node) -> tuple[Scalar, Node] | None:
    if isinstance(node, Sequence) and len(node.items) == 2:
        key, value = node.items
        return (key, value) if isinstance(key, Scalar) else None
    return None


def _is_double(name: str, key: Scalar, seen: dict[str, Scalar], reader: Reader) -> bool:
    first = seen.setdefault(name, key)
    if first is key:
        return False
    place = reader.document.place(first)
    reader.problem(
        "T010", key, f"'{name}' is given twice, before at line {place.line}, column {place.column}"
    )
    return True


def _found(node: Node, reader: Reader) -> str:
    if isinstance(node, Sequence):
        return "a list"
    if isinstance(node, Mapping):
        return "a mapping"
    value = reader.value(node)
    if value is None:
        return "nothing"
    kinds = {bool: "true or false", int: "a number", float: "a number", str: "a string"}
    kind = kinds[type(value)]
    return kind if reader.is_secret(node) else f"{kind} ({node.text})"
