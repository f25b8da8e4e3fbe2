"""The parts of a parsed selector.

Each node is a frozen dataclass and prints as selector text: `parse(str(selector)) == selector`
for every selector that the grammar builds. A chain of one precedence (`a + b - c`, `x AND y AND
z`) is one node with many operands, so that a long selector is a wide tree, never a deep one.

    Selector                          the whole text: a condition, or none
    Or And Not                        conditions made of conditions
    Comparison In Between IsNull      conditions made of operands
    Like TextMatch
    Sum Product Sign                  arithmetic
    Identifier Literal Clock          leaves

A condition may stand where an operand is wanted, and an operand where a condition is wanted:
`(a > 1) = b`, `NOT active`.
"""

import dataclasses
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from warrener.exchange.filters.lexicon import BARE_NAME, RESERVED

CONVERT_PREFIX = "convert_string_expressions:"


@dataclass(frozen=True, slots=True)
class Node:
    """Any expression below the whole selector."""


@dataclass(frozen=True, slots=True)
class Selector:
    """A whole selector; without a condition it selects every message.

    `convert_strings` stands for the prefix that ActiveMQ knows: a string beside a number is
    then read as a number.
    """

    condition: Node | None
    convert_strings: bool = False

    def __str__(self) -> str:
        condition = "" if self.condition is None else str(self.condition)
        return f"{CONVERT_PREFIX}{condition}" if self.convert_strings else condition


@dataclass(frozen=True, slots=True)
class Literal(Node):
    """A constant. None (UNKNOWN) is never read, it comes from folding `1 / 0`."""

    value: bool | int | float | str | None

    def __str__(self) -> str:
        return value_text(self.value)


@dataclass(frozen=True, slots=True)
class Identifier(Node):
    """A header by its name, a JMS name, or a name in one of the sections h, p and a."""

    name: str
    section: str | None = None

    def __str__(self) -> str:
        name = self.name
        if not _BARE.fullmatch(name) or name.upper() in RESERVED:
            name = '"' + name.replace('"', '""') + '"'
        return name if self.section is None else f"{self.section}.{name}"


@dataclass(frozen=True, slots=True)
class Clock(Node):
    """`UTC()`: the time of the evaluation in milliseconds since 1970."""

    def __str__(self) -> str:
        return "UTC()"


@dataclass(frozen=True, slots=True)
class Sign(Node):
    """`+x` or `-x`; the sign of a number literal is part of the literal."""

    operator: str
    operand: Node

    def __str__(self) -> str:
        return self.operator + _within(self, self.operand)


@dataclass(frozen=True, slots=True)
class Sum(Node):
    """`a + b - c`; operators[i] stands before operands[i + 1]."""

    operands: tuple[Node, ...]
    operators: tuple[str, ...]

    def __str__(self) -> str:
        return _chain(self, self.operands, self.operators)


@dataclass(frozen=True, slots=True)
class Product(Node):
    """`a * b / c % d`; operators[i] stands before operands[i + 1]."""

    operands: tuple[Node, ...]
    operators: tuple[str, ...]

    def __str__(self) -> str:
        return _chain(self, self.operands, self.operators)


@dataclass(frozen=True, slots=True)
class Comparison(Node):
    """Two operands and one of = <> < > <= >=."""

    operator: str
    left: Node
    right: Node

    def __str__(self) -> str:
        return f"{_within(self, self.left)} {self.operator} {_within(self, self.right)}"


@dataclass(frozen=True, slots=True)
class In(Node):
    operand: Node
    choices: tuple[Node, ...]
    negated: bool = False

    def __str__(self) -> str:
        choices = ", ".join(_within(self, choice) for choice in self.choices)
        return f"{_within(self, self.operand)} {_not(self.negated)}IN ({choices})"


@dataclass(frozen=True, slots=True)
class Between(Node):
    operand: Node
    low: Node
    high: Node
    negated: bool = False

    def __str__(self) -> str:
        bounds = f"{_within(self, self.low)} AND {_within(self, self.high)}"
        return f"{_within(self, self.operand)} {_not(self.negated)}BETWEEN {bounds}"


@dataclass(frozen=True, slots=True)
class IsNull(Node):
    operand: Node
    negated: bool = False

    def __str__(self) -> str:
        return f"{_within(self, self.operand)} IS {_not(self.negated)}NULL"


@dataclass(frozen=True, slots=True)
class Like(Node):
    operand: Node
    pattern: str
    escape: str | None = None
    negated: bool = False

    def __str__(self) -> str:
        escape = "" if self.escape is None else f" ESCAPE {value_text(self.escape)}"
        pattern = value_text(self.pattern)
        return f"{_within(self, self.operand)} {_not(self.negated)}LIKE {pattern}{escape}"


@dataclass(frozen=True, slots=True)
class TextMatch(Node):
    """RocketMQ's CONTAINS, STARTSWITH and ENDSWITH."""

    operand: Node
    operator: str
    text: str
    negated: bool = False

    def __str__(self) -> str:
        operator = f"{_not(self.negated)}{self.operator}"
        return f"{_within(self, self.operand)} {operator} {value_text(self.text)}"


@dataclass(frozen=True, slots=True)
class Not(Node):
    operand: Node

    def __str__(self) -> str:
        return f"NOT {_within(self, self.operand)}"


@dataclass(frozen=True, slots=True)
class And(Node):
    operands: tuple[Node, ...]

    def __str__(self) -> str:
        return " AND ".join(_within(self, operand, beside=True) for operand in self.operands)


@dataclass(frozen=True, slots=True)
class Or(Node):
    operands: tuple[Node, ...]

    def __str__(self) -> str:
        return " OR ".join(_within(self, operand, beside=True) for operand in self.operands)


CONDITIONS = (Or, And, Not, Comparison, In, Between, IsNull, Like, TextMatch)
LEAVES = (Identifier, Literal, Clock)
NUMBERS = (Sum, Product, Sign, Clock)


def children(node: Node) -> Iterator[Node]:
    """The nodes directly below `node`, from left to right."""
    for name in _field_names(node):
        part = getattr(node, name)
        if isinstance(part, Node):
            yield part
        elif isinstance(part, tuple):
            yield from (each for each in part if isinstance(each, Node))


def rebuild(node: Node, change: Callable[[Node], Node]) -> Node:
    """`node` with `change` done to each of its children; itself if that changes none."""
    changed: dict[str, Node | tuple[Node, ...]] = {}
    for name in _field_names(node):
        part = getattr(node, name)
        if isinstance(part, Node):
            new: Node | tuple[Node, ...] = change(part)
            is_same = new is part
        elif isinstance(part, tuple) and part and isinstance(part[0], Node):
            new = tuple(change(each) for each in part)
            is_same = all(one is other for one, other in zip(new, part, strict=True))
        else:
            continue
        if not is_same:
            changed[name] = new
    return dataclasses.replace(node, **changed) if changed else node


def value_text(value: object) -> str:
    """A value as a selector writes it."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return repr(value)


def _field_names(node: Node) -> tuple[str, ...]:
    kind = type(node)
    if kind not in _names:
        _names[kind] = tuple(field.name for field in dataclasses.fields(kind))
    return _names[kind]


_names: dict[type[Node], tuple[str, ...]] = {}


_BARE = re.compile(BARE_NAME)
_RANKS: dict[type[Node], int] = {Or: 1, And: 2, Not: 3, Sum: 5, Product: 6, Sign: 7}
_RANK_OF_PREDICATES = 4
_RANK_OF_LEAVES = 8


def _rank(node: Node) -> int:
    """How tightly a node binds, in the order of the grammar's levels."""
    if isinstance(node, Literal) and str(node).startswith("-"):
        return _RANKS[Sign]
    leaf_or_predicate = _RANK_OF_PREDICATES if isinstance(node, CONDITIONS) else _RANK_OF_LEAVES
    return _RANKS.get(type(node), leaf_or_predicate)


def _within(parent: Node, child: Node, beside: bool = False) -> str:
    """A child's text, in parentheses where it would otherwise be read as something else.

    A child of the parent's own rank needs them if it stands `beside` an operator, as in
    `(a AND b) AND c`; behind a NOT or a sign it does not. Two predicates never meet without.
    """
    least = _rank(parent) + 1 if beside or _rank(parent) == _RANK_OF_PREDICATES else _rank(parent)
    return str(child) if _rank(child) >= least else f"({child})"


def _chain(parent: Node, operands: tuple[Node, ...], operators: tuple[str, ...]) -> str:
    words = [_within(parent, operands[0], beside=True)]
    for operator, operand in zip(operators, operands[1:], strict=True):
        words += (operator, _within(parent, operand, beside=True))
    return " ".join(words)


def _not(negated: bool) -> str:
    return "NOT " if negated else ""
