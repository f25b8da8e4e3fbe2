"""Conditions about one value: `x = 5`, `x IN ('a', 'b')`, `x LIKE 'a%'`.

A node whose other operands are all constants says something about the value of one operand and
of nothing else. What it says is a predicate, a function from that value to TRUE, FALSE or None
for UNKNOWN. Everything that can be prepared from the constants is prepared here, when the filter
is compiled: the pattern, the set of choices, the rounded forms of a number.
"""

from collections.abc import Callable
from typing import Any

from warrener.exchange.filters import nodes, values
from warrener.exchange.filters.pattern import compile_pattern, searched_lengths
from warrener.exchange.filters.text_limit import SEARCH_MAX
from warrener.exchange.filters.values import Predicate, Relations


def predicate_of(
    node: nodes.Node, relations: Relations, text_max: int = SEARCH_MAX
) -> tuple[nodes.Node, Predicate] | None:
    """The operand that a node is about and what it says of it; None where it is about more.

    Of a text of more than `text_max` characters it says nothing where it would have to search it.
    """
    if isinstance(node, nodes.Comparison):
        operator, operand, right = constant_last(node)
        if isinstance(right, nodes.Literal):
            return operand, values.relation_to(right.value, operator, relations)
    elif isinstance(node, nodes.Between):
        if isinstance(node.low, nodes.Literal) and isinstance(node.high, nodes.Literal):
            return node.operand, _between(node, node.low.value, node.high.value, relations)
    elif isinstance(node, nodes.In):
        constants = [each.value for each in node.choices if isinstance(each, nodes.Literal)]
        if len(constants) == len(node.choices):
            return node.operand, _in(node, constants, relations)
    elif isinstance(node, nodes.IsNull):
        return node.operand, _is_null(node)
    elif isinstance(node, nodes.Like):
        return node.operand, _like(node, text_max)
    elif isinstance(node, nodes.TextMatch):
        return node.operand, _text_match(node, text_max)
    return None


def constant_last(node: nodes.Comparison) -> tuple[str, nodes.Node, nodes.Node]:
    """Operator, left and right, mirrored if only so a constant stands on the right."""
    if isinstance(node.left, nodes.Literal):
        return values.MIRRORED[node.operator], node.right, node.left
    return node.operator, node.left, node.right


def decide(decisive: bool, first: bool | None, second: bool | None) -> bool | None:
    """AND of two verdicts if FALSE is decisive, OR if TRUE is."""
    if first is decisive or second is decisive:
        return decisive
    return None if first is None or second is None else not decisive


def _between(node: nodes.Between, low: object, high: object, relations: Relations) -> Predicate:
    negated = node.negated
    low_relation = values.relation_to(low, "<" if negated else ">=", relations)
    high_relation = values.relation_to(high, ">" if negated else "<=", relations)
    return lambda value: decide(negated, low_relation(value), high_relation(value))


def _in(node: nodes.In, constants: list[Any], relations: Relations) -> Predicate:
    negated = node.negated
    equalities = [values.relation_to(each, "=", relations) for each in constants]
    has_null = None in constants

    def is_in(value: object) -> bool | None:
        if values.is_unknown(value):
            return None
        if any(is_equal(value) for is_equal in equalities):
            return not negated
        return None if has_null else negated

    if has_null or relations is not values.RELATIONS:
        return is_in
    return _is_in_set(constants, negated, is_in)


def _is_in_set(constants: list[Any], negated: bool, is_in_otherwise: Predicate) -> Predicate:
    # A set finds what Python finds equal. For a string and an int that is what we find equal,
    # except that Python takes a constant TRUE for 1.
    has_boolean = any(isinstance(constant, bool) for constant in constants)
    hashed_alike = {str} if has_boolean else {str, int}

    choices = frozenset(constants)

    def is_in(value: object) -> bool | None:
        if type(value) in hashed_alike:
            return (value in choices) is not negated
        return is_in_otherwise(value)

    return is_in


def _is_null(node: nodes.IsNull) -> Predicate:
    negated = node.negated
    return lambda value: (value is None) is not negated


def _like(node: nodes.Like, text_max: int) -> Predicate:
    negated = node.negated
    matches = compile_pattern(node.pattern, node.escape)
    if not searched_lengths(node.pattern, node.escape):
        return lambda value: matches(value) is not negated if isinstance(value, str) else None

    def is_like(value: object) -> bool | None:
        if isinstance(value, str) and len(value) <= text_max:
            return matches(value) is not negated
        return None

    return is_like


def _text_match(node: nodes.TextMatch, text_max: int) -> Predicate:
    text, negated = node.text, node.negated
    is_found = _TEXT_SEARCHES[node.operator]
    searches = node.operator == "CONTAINS"

    def is_match(value: object) -> bool | None:
        if isinstance(value, str) and text:
            if searches and len(value) > text_max:
                return None
            return is_found(value, text) is not negated
        # RocketMQ: without text on either side, the negation is FALSE too.
        return None if value is None else False

    return is_match


_TEXT_SEARCHES: dict[str, Callable[[str, str], bool]] = {
    "CONTAINS": str.__contains__,
    "STARTSWITH": str.startswith,
    "ENDSWITH": str.endswith,
}
