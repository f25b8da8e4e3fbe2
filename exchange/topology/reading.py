"""Reading: a document with its variables, on the way to values.

A `Reader` belongs to one document. It replaces variables in scalars, collects the problems that
the shapes (`warrener.exchange.topology.shapes`) find, and knows how to point at them, also inside
a scalar.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from warrener.exchange.topology.document import Document
from warrener.exchange.topology.position import index_in_file
from warrener.exchange.topology.problem import Problem
from warrener.exchange.topology.tree import Node, Scalar, plain_value
from warrener.exchange.topology.variables import CHARACTERS_MAX, TooLong, expand

if TYPE_CHECKING:
    from warrener.exchange.topology.shapes import Record

VARIABLE_MARK = "${"


class NoSecret(Exception):
    """A file with a secret cannot be read; the text says why."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a document may ask of the machine it is read on."""

    environment: Mapping[str, str] = field(default_factory=dict)
    secret: Callable[[str, str], str] | None = None
    """The content of a file, by the name of the document that asks and the file's own.
    Raises: NoSecret."""
    advice: str = ""
    """What to say to who misses a variable."""


@dataclass(slots=True, eq=False)
class Entry:
    """A mapping that was read by a record: values by the names of their fields.

    A field that is not given, or not right, has no value.
    """

    record: Record
    reader: Reader
    node: Node
    values: dict[str, Any] = field(default_factory=dict)
    nodes: dict[str, Node] = field(default_factory=dict)

    def get(self, name: str, default: Any = None) -> Any:
        return self.values.get(name, default)

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def problem(self, code: str, name: str, message: str, suggestion: str = "") -> None:
        """Tell of a problem with a field, or with the whole entry if the field is not given."""
        self.reader.problem(code, self.nodes.get(name, self.node), message, suggestion)

    def let_go(self) -> None:
        """Give the lists in it back one by one, see `Document.let_go`."""
        for value in self.values.values():
            while isinstance(value, list) and value:
                value.pop()


class Reader:
    """Replaces variables and collects problems for one document."""

    def __init__(self, document: Document, surroundings: Surroundings) -> None:
        self.document = document
        self.surroundings = surroundings
        self.variables: dict[str, str] = dict(surroundings.environment)
        self._told: set[int] = set()
        self._room = CHARACTERS_MAX

    @property
    def problems(self) -> list[Problem]:
        return self.document.problems

    def text(self, node: Scalar) -> str:
        """The text of a scalar, variables replaced."""
        if not self._has_variable(node):
            return node.text
        unset = partial(self._unset, node)
        try:
            found = expand(node.text, self.variables, unset, self._room)
        except TooLong as error:
            self._tell("T003", node, error.offset, str(error))
            return ""
        self._room -= len(found.text)
        return found.text

    def value(self, node: Scalar) -> str | int | float | bool | None:
        """What a scalar means, variables replaced."""
        if self._has_variable(node):
            text = self.text(node)
            return plain_value(text) if node.plain else text
        return node.value

    def value_of_variable(self, node: Scalar) -> str | int | float | bool | None:
        """The same where no string is wanted: what comes out of a variable counts as without
        quotes, which `${...}` needs between braces."""
        return plain_value(self.text(node)) if self._has_variable(node) else node.value

    def string(self, node: Scalar) -> str | int | float | bool | None:
        """The same where a string is wanted: what comes out of a variable is one."""
        return self.text(node) if self._has_variable(node) else node.value

    def _has_variable(self, node: Scalar) -> bool:
        return VARIABLE_MARK in node.text

    def is_secret(self, node: Node) -> bool:
        """Whether nobody is to see what stands there."""
        secrets = self.document.secrets
        return secrets is not None and node in secrets

    def problem(self, code: str, node: Node, message: str, suggestion: str = "") -> None:
        if id(node) in self._told:
            return  # It has no value because a variable has none, and that has been told.
        self.document.problem(code, self.document.place(node), message, suggestion)

    def problem_inside(
        self, code: str, node: Node, offset: int, message: str, suggestion: str = ""
    ) -> None:
        """Tell of a problem at a character of the value of a scalar."""
        if not isinstance(node, Scalar) or id(node) in self._told:
            self.problem(code, node, message, suggestion)
            return
        if self._has_variable(node):
            offset = expand(node.text, self.variables, lambda at, why: None).original(offset)
        self.document.problem(code, self._place_inside(node, offset), message, suggestion)

    def _place_inside(self, node: Scalar, offset: int) -> Any:
        text = self.document.text
        index = index_in_file(text, node.start.index, node.end.index, node.text, offset)
        return self.document.place_of_index(index)

    def _unset(self, node: Scalar, offset: int, why: str) -> None:
        self._tell("T020", node, offset, why, self.surroundings.advice)

    def _tell(self, code: str, node: Scalar, offset: int, what: str, suggestion: str = "") -> None:
        """Tell why a variable cannot be replaced, once for each scalar."""
        if id(node) not in self._told:
            self._told.add(id(node))
            self.document.problem(code, self._place_inside(node, offset), what, suggestion)
