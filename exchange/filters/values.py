"""The values that selectors work on: kinds, comparison and arithmetic.

Kinds: boolean, number, string, binary, and tables and arrays, which equal nothing. None is NULL,
and the result None is UNKNOWN. Numbers come from the wire as

    int        every integer, and T (seconds), which is a subclass of int
    float      d, a double
    a subclass of float            f, a single: few decimal fractions survive the rounding
    Decimal    D

Comparing numbers is exact, with two exceptions that make a filter mean what its writer reads: a
single is compared with a constant after rounding the constant to a single, so that a header 10.1
sent as `f` equals the literal 10.1; and a Decimal is compared with a double or a single after
rounding it to that, so that it equals the number that is spelled the same.

Arithmetic is done in integers of 64 bits and in doubles; an integer that leaves the 64 bits goes on
as a double. What is no number (a string, a division by zero, NaN) is UNKNOWN, and so is every
comparison with NaN.
"""

import math
import operator
import re
import struct
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

Number = int | float | Decimal
Relation = Callable[[object, object], bool | None]
Relations = Mapping[str, Relation]
Predicate = Callable[[object], bool | None]

INTEGER_MIN = -(2**63)
INTEGER_MAX = 2**63 - 1

# Python refuses to read integers of more than 4300 digits; a double has 767 at the very most.
SPELLED_NUMBER_CHARS_MAX = 1000
# Enough for every integer of the wire. A longer one is read as a double, which may be infinite:
# as an integer it would be too large for a double, and arithmetic on it would raise OverflowError.
SPELLED_INTEGER_CHARS_MAX = 21

PLAIN_NUMBERS = frozenset({int, float})
"""The types whose values need no rounding: comparing them is Python's own comparing."""

_TEXT = frozenset({str})

# A union written in the call would be built anew by each call.
_NUMBERS = (int, float, Decimal)
_MAY_BE_NAN = (float, Decimal)


class Single(float):
    """A float of 32 bits, as the wire type f brings it."""

    __slots__ = ()


def is_single(value: object) -> bool:
    return isinstance(value, float) and type(value) is not float


def is_number(value: object) -> bool:
    return isinstance(value, _NUMBERS) and not isinstance(value, bool)


def to_single(value: Number) -> float:
    """The value of 32 bits that is nearest to `value`."""
    try:
        (rounded,) = _SINGLE.unpack(_SINGLE.pack(float(value)))
    except OverflowError:
        return math.inf if value > 0 else -math.inf
    assert isinstance(rounded, float)
    return rounded


# --- relations: TRUE, FALSE, or None for UNKNOWN ---------------------------------------------


def equal(left: object, right: object) -> bool | None:
    if is_unknown(left) or is_unknown(right):
        return None
    pair = _comparable(left, right)
    if pair is not None:
        return bool(pair[0] == pair[1])
    same_kind = any(isinstance(left, kind) and isinstance(right, kind) for kind in (bool, bytes))
    return same_kind and left == right


def unequal(left: object, right: object) -> bool | None:
    verdict = equal(left, right)
    return None if verdict is None else not verdict


def is_unknown(value: object) -> bool:
    """Whether a comparison with the value is UNKNOWN: NULL and NaN."""
    return value is None or (isinstance(value, _MAY_BE_NAN) and value != value)


def _ordered(compare: Callable[[Any, Any], bool]) -> Relation:
    def relation(left: object, right: object) -> bool | None:
        if is_unknown(left) or is_unknown(right):
            return None
        pair = _comparable(left, right)
        return pair is not None and compare(*pair)

    return relation


_OPERATORS = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
RELATIONS: Relations = {
    "=": equal,
    "<>": unequal,
    "<": _ordered(operator.lt),
    "<=": _ordered(operator.le),
    ">": _ordered(operator.gt),
    ">=": _ordered(operator.ge),
}
MIRRORED = {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
"""`a < b` is `b > a`."""


def relation_to(constant: object, sign: str, relations: Relations) -> Predicate:
    """The relation `sign` of a value to a constant, which takes on the precision of the value."""
    relation = relations[sign]
    if isinstance(constant, str):
        return _with_shortcut(constant, sign, _TEXT, lambda value: relation(value, constant))
    if not is_number(constant):
        return lambda value: relation(value, constant)
    assert isinstance(constant, int | float)
    rounded = to_single(constant)
    return _with_shortcut(
        constant,
        sign,
        PLAIN_NUMBERS,
        lambda value: relation(value, rounded if is_single(value) else constant),
    )


def _with_shortcut(
    constant: str | int | float, sign: str, kinds: frozenset[type], otherwise: Predicate
) -> Predicate:
    """The relation, decided by Python's operator where the value is of one of the `kinds`."""
    compare: Callable[[Any, Any], bool] = _OPERATORS[sign]

    def related(value: object) -> bool | None:
        if type(value) in kinds and value == value:
            return compare(value, constant)
        return otherwise(value)

    return related


def converting(relation: Relation) -> Relation:
    """The relation, with a string that stands beside a number read as a number."""

    def converted(left: object, right: object) -> bool | None:
        if isinstance(left, str) and is_number(right):
            left = number_spelled(left)
        elif isinstance(right, str) and is_number(left):
            right = number_spelled(right)
        return relation(left, right)

    return converted


def number_spelled(text: str) -> object:
    """The number that a string spells, or the string when it spells none."""
    if len(text) > SPELLED_NUMBER_CHARS_MAX:
        return text
    if len(text) <= SPELLED_INTEGER_CHARS_MAX and _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _DECIMAL.fullmatch(text) else text


CONVERTING_RELATIONS: Relations = {
    name: converting(relation) for name, relation in RELATIONS.items()
}


def _comparable(left: object, right: object) -> tuple[object, object] | None:
    """Both values in a form in which Python compares them as we mean it; None across kinds."""
    if isinstance(left, str) and isinstance(right, str):
        return left, right
    if not (is_number(left) and is_number(right)):
        return None
    if isinstance(left, Decimal) and isinstance(right, float):
        return _rounded_like(right, left), right
    if isinstance(right, Decimal) and isinstance(left, float):
        return left, _rounded_like(left, right)
    return left, right


def _rounded_like(model: float, value: Decimal) -> float:
    return to_single(value) if is_single(model) else float(value)


# --- arithmetic ------------------------------------------------------------------------------
#
# An operation may return NaN or raise ZeroDivisionError or OverflowError: that is UNKNOWN.


def as_number(value: object) -> int | float | None:
    """The value as arithmetic takes it; None for NULL, NaN and everything that is no number."""
    if type(value) is int:
        return value
    if not is_number(value) or is_unknown(value):
        return None
    if isinstance(value, Decimal):
        return float(value)
    assert isinstance(value, int | float)
    return value


def as_number_converting(value: object) -> int | float | None:
    return as_number(number_spelled(value) if isinstance(value, str) else value)


def signed(sign: str, value: int | float) -> int | float:
    if sign == "+":
        return value
    return Single(-value) if is_single(value) else within_64_bits(-value)


def within_64_bits(value: int | float) -> int | float:
    """The number, as a double if it is an integer that 64 bits do not hold."""
    if isinstance(value, int) and not INTEGER_MIN <= value <= INTEGER_MAX:
        return as_double(value)
    return value


def as_double(value: int) -> float:
    """The nearest double, which is infinite for an integer that is larger than all of them."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _remainder(left: int | float, right: int | float) -> int | float:
    """What is left of a division towards zero: it has the sign of the dividend."""
    if right == 0:
        raise ZeroDivisionError
    if isinstance(left, int) and isinstance(right, int):
        # math.fmod would round integers above 2**53.
        remainder = abs(left) % abs(right)
        return -remainder if left < 0 else remainder
    return math.nan if math.isinf(left) else math.fmod(left, right)


OPERATIONS: dict[str, Callable[[int | float, int | float], int | float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "%": _remainder,
}
_SINGLE = struct.Struct("<f")
_INTEGER = re.compile(r"[+-]?[0-9]+")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+)(?:[eE][+-]?[0-9]+)?")
