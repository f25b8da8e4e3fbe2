"""The tests of which most filters consist, a header beside constants, in one frame each.

    region = 'EU'      amount > 100      status IN ('paid', 'open')

Each looks the header up, and if the value's type is one for which Python's operator means what
ours means (`kinds`), answers with that operator. Any other value goes to the predicate, which
knows everything. One closure for each operator, since calling `operator.lt` would cost as much as
all the rest (bench_filters.py).

"Is it FALSE?" is asked with the opposite operator. The opposite of `<` is `>=` and not the
negation of `<`: beside NaN both fail, and so the answer is UNKNOWN as it should be.
"""

from collections.abc import Callable
from typing import Any

from warrener.exchange.filters import nodes, values
from warrener.exchange.filters.fields import Headers, Message
from warrener.exchange.filters.predicates import constant_last
from warrener.exchange.filters.values import Predicate

Test = Callable[[Headers, Message], bool]
Kinds = frozenset[type]


def header_test(name: str, node: nodes.Node, predicate: Predicate, wanted: bool) -> Test:
    """Whether `node` is `wanted`, where `predicate` is what it says of the header `name`."""
    if isinstance(node, nodes.Comparison):
        operator, _, right = constant_last(node)
        assert isinstance(right, nodes.Literal)
        kinds = _TEXT if isinstance(right.value, str) else values.PLAIN_NUMBERS
        if values.is_number(right.value) or isinstance(right.value, str):
            make = _COMPARISONS[operator if wanted else _OPPOSITES[operator]]
            return make(name, right.value, kinds, predicate, wanted)
    if isinstance(node, nodes.In) and nodes.Literal(None) not in node.choices:
        return _in(name, node, predicate, wanted)
    return header_passes(name, predicate, wanted)


def header_passes(name: str, predicate: Predicate, wanted: bool) -> Test:
    """Whether a predicate says `wanted` of the header `name`."""
    return lambda headers, message: predicate(headers.get(name)) is wanted


def header_is(name: str, wanted: bool) -> Test:
    """Whether the header `name` itself is `wanted`."""
    return lambda headers, message: headers.get(name) is wanted


def _in(name: str, node: nodes.In, otherwise: Predicate, wanted: bool) -> Test:
    texts = frozenset(each.value for each in node.choices if isinstance(each, nodes.Literal))
    sought = wanted is not node.negated

    def test(headers: Headers, message: Message) -> bool:
        value = headers.get(name)
        if type(value) is str:
            return (value in texts) is sought
        return otherwise(value) is wanted

    return test


def _is(name: str, constant: Any, kinds: Kinds, otherwise: Predicate, wanted: bool) -> Test:
    def test(headers: Headers, message: Message) -> bool:
        value: Any = headers.get(name)
        if type(value) in kinds:
            return value == constant  # type: ignore[no-any-return]
        return otherwise(value) is wanted

    return test


def _is_not(name: str, constant: Any, kinds: Kinds, otherwise: Predicate, wanted: bool) -> Test:
    def test(headers: Headers, message: Message) -> bool:
        value: Any = headers.get(name)
        if type(value) in kinds:
            # Not `!=`, which is true of NaN.
            return value < constant or value > constant  # type: ignore[no-any-return]
        return otherwise(value) is wanted

    return test


def _below(name: str, constant: Any, kinds: Kinds, otherwise: Predicate, wanted: bool) -> Test:
    def test(headers: Headers, message: Message) -> bool:
        value: Any = headers.get(name)
        if type(value) in kinds:
            return value < constant  # type: ignore[no-any-return]
        return otherwise(value) is wanted

    return test


def _at_most(name: str, constant: Any, kinds: Kinds, otherwise: Predicate, wanted: bool) -> Test:
    def test(headers: Headers, message: Message) -> bool:
        value: Any = headers.get(name)
        if type(value) in kinds:
            return value <= constant  # type: ignore[no-any-return]
        return otherwise(value) is wanted

    return test


def _above(name: str, constant: Any, kinds: Kinds, otherwise: Predicate, wanted: bool) -> Test:
    def test(headers: Headers, message: Message) -> bool:
        value: Any = headers.get(name)
        if type(value) in kinds:
            return value > constant  # type: ignore[no-any-return]
        return otherwise(value) is wanted

    return test


def _at_least(name: str, constant: Any, kinds: Kinds, otherwise: Predicate, wanted: bool) -> Test:
    def test(headers: Headers, message: Message) -> bool:
        value: Any = headers.get(name)
        if type(value) in kinds:
            return value >= constant  # type: ignore[no-any-return]
        return otherwise(value) is wanted

    return test


_TEXT = frozenset({str})
_COMPARISONS: dict[str, Callable[[str, Any, Kinds, Predicate, bool], Test]] = {
    "=": _is,
    "<>": _is_not,
    "<": _below,
    "<=": _at_most,
    ">": _above,
    ">=": _at_least,
}
_OPPOSITES = {"=": "<>", "<>": "=", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}
