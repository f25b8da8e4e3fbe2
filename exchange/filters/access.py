"""What must hold for a filter to match: the conjuncts by which an index can find it.

A message can match `region = 'EU' AND amount > 100` only if its header region is 'EU'. Such a
part is an access predicate (Fabret and others, "Filtering Algorithms and Implementation for Very
Fast Publish/Subscribe Systems", SIGMOD 2001): the index finds the filter through it and leaves it
alone otherwise. What is found is still evaluated, so an access may promise too much, never too
little.

A `Key` is a claim about one header or property, an `Access` a number of keys of which one must
hold. A filter has as many accesses as the index may choose from:

    region = 'EU' AND amount > 100      (region is 'EU',)    (amount within 100 and infinity,)
    region = 'EU' OR  amount > 100      (region is 'EU', amount within 100 and infinity)
    TAGS IN ('A', 'B')                  (TAGS is 'A' or 'B',)
    name LIKE 'A%' AND NOT closed       (name starts with 'A',)    (closed is FALSE,)
    price <> limit                      (price is present,)        (limit is present,)
    a IS NULL                           none: such a filter is evaluated for every message
    1 = 2                               ((),): nothing can make it match

NULL satisfies no key: that is why a missing header needs no thought here.
"""

from dataclasses import dataclass
from typing import Any

from warrener.exchange.filters import nodes
from warrener.exchange.filters.compiler import as_comparisons
from warrener.exchange.filters.fields import Field, field_of
from warrener.exchange.filters.pattern import literal_prefix
from warrener.exchange.filters.predicates import constant_last

# What a key is about: a header by its name, or something else of the message.
Attribute = str | Field


@dataclass(frozen=True, slots=True)
class Key:
    """A claim about the value of an attribute, of which more than NULL is known."""

    attribute: Attribute


@dataclass(frozen=True, slots=True)
class Equals(Key):
    """It equals one of the constants."""

    constants: tuple[bool | int | float | str, ...]


@dataclass(frozen=True, slots=True)
class StartsWith(Key):
    """It is a string that starts so."""

    prefix: str


@dataclass(frozen=True, slots=True)
class Within(Key):
    """It is a number (a string) from `low` to `high`; None is no bound, but one is given."""

    low: int | float | str | None
    high: int | float | str | None


@dataclass(frozen=True, slots=True)
class IsPresent(Key):
    """It has a value."""


Access = tuple[Key, ...]
# The kinds of key, most promising first: ties between accesses are broken so.
KINDS = (Equals, StartsWith, Within, IsPresent)


def accesses(selector: nodes.Selector) -> list[Access]:
    """The accesses of a folded selector; none where anything might match."""
    if selector.condition is None or selector.convert_strings:
        # A string that is read as a number is found under no number.
        return []
    return _of(selector.condition, True)


def rank(access: Access) -> tuple[int, int]:
    """How promising an access is when nothing is known of the messages; the least is the best."""
    return max((KINDS.index(type(key)) for key in access), default=-1), len(access)


def _of(node: nodes.Node, wanted: bool) -> list[Access]:
    """What must hold for `node` to be `wanted`; the same walk as Compiler.test."""
    match node:
        case nodes.Not(operand):
            return _of(operand, not wanted)
        case nodes.And(operands) | nodes.Or(operands):
            if isinstance(node, nodes.And) is wanted:
                return _of_all(operands, wanted)
            return _of_any(operands, wanted)
        case nodes.Literal(value):
            return [] if value is wanted else [()]
        case nodes.Identifier():
            return [(Equals(_attribute(node), (wanted,)),)]
        case nodes.Between() if wanted and not node.negated:
            return _of(as_comparisons(node), True)
    key = _key(node, wanted)
    if key is not None:
        return [(key,)]
    return [(IsPresent(attribute),) for attribute in _not_null(node, wanted)]


def _of_all(operands: tuple[nodes.Node, ...], wanted: bool) -> list[Access]:
    found = [access for operand in operands for access in _of(operand, wanted)]
    ranges = [access[0] for access in found if len(access) == 1 and isinstance(access[0], Within)]
    others = [access for access in found if access[:1] not in [(each,) for each in ranges]]
    return [*others, *((each,) for each in _intersected(ranges))]


def _of_any(operands: tuple[nodes.Node, ...], wanted: bool) -> list[Access]:
    keys: dict[Key, None] = {}
    for operand in operands:
        choices = _of(operand, wanted)
        if not choices:
            return []
        best: Access = min(choices, key=rank)
        keys.update(dict.fromkeys(best))
    return [tuple(keys)]


def _key(node: nodes.Node, wanted: bool) -> Key | None:
    match node:
        case nodes.Comparison():
            return _key_of_comparison(node, wanted)
        case nodes.In(nodes.Identifier() as name, choices, negated) if wanted is not negated:
            constants = [each.value for each in choices if isinstance(each, nodes.Literal)]
            if len(constants) < len(choices):
                return None
            return Equals(_attribute(name), tuple(each for each in constants if each is not None))
        case nodes.Like(nodes.Identifier() as name, pattern, escape, negated):
            if wanted is negated:
                return None
            prefix, wildcards = literal_prefix(pattern, escape)
            if not wildcards:
                return Equals(_attribute(name), (prefix,))
            return StartsWith(_attribute(name), prefix) if prefix else None
        case nodes.TextMatch(nodes.Identifier() as name, "STARTSWITH", text, False):
            return StartsWith(_attribute(name), text) if wanted and text else None
    return None


def _key_of_comparison(node: nodes.Comparison, wanted: bool) -> Key | None:
    operator, name, right = constant_last(node)
    if not isinstance(name, nodes.Identifier) or not isinstance(right, nodes.Literal):
        return None
    if right.value is None:
        # A bound of a BETWEEN that is UNKNOWN: nothing is equal to it, nor above or below.
        return Equals(_attribute(name), ())
    if operator == ("=" if wanted else "<>"):
        return Equals(_attribute(name), (right.value,))
    # Not of `NOT x < 5`: that is TRUE of every string.
    if not wanted or operator == "<>" or isinstance(right.value, bool):
        return None
    if operator in ("<", "<="):
        return Within(_attribute(name), None, right.value)
    return Within(_attribute(name), right.value, None)


def _intersected(ranges: list[Within]) -> list[Within]:
    """One range for each attribute and kind of value."""
    found: dict[tuple[Attribute, bool], Within] = {}
    for each in ranges:
        kind = each.attribute, isinstance(each.low, str) or isinstance(each.high, str)
        other = found.get(kind, each)
        lows: list[Any] = [low for low in (each.low, other.low) if low is not None]
        highs: list[Any] = [high for high in (each.high, other.high) if high is not None]
        low, high = max(lows, default=None), min(highs, default=None)
        found[kind] = Within(each.attribute, low, high)
    return list(found.values())


def _not_null(node: nodes.Node, wanted: bool) -> dict[Attribute, None]:
    """The attributes that must have a value for a predicate to be TRUE or FALSE."""
    match node:
        case nodes.Comparison(_, left, right):
            return _operands_of(left) | _operands_of(right)
        case nodes.IsNull(operand, negated):
            return _operands_of(operand) if wanted is negated else {}
        case nodes.In(operand) | nodes.Between(operand):
            return _operands_of(operand)
        case nodes.Like(operand) | nodes.TextMatch(operand):
            return _operands_of(operand)
    return {}


def _operands_of(node: nodes.Node) -> dict[Attribute, None]:
    """The attributes without which the value of `node` is NULL."""
    match node:
        case nodes.Identifier():
            return {_attribute(node): None}
        case nodes.Sign(_, operand):
            return _operands_of(operand)
        case nodes.Sum(operands) | nodes.Product(operands):
            return {name: None for operand in operands for name in _operands_of(operand)}
    return {}


def _attribute(identifier: nodes.Identifier) -> Attribute:
    return field_of(identifier) or identifier.name
