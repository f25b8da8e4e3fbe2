"""The cases of vectors.json: what each point of docs/filters.md comes to, message by message.

A case is an expression and TRUE, FALSE, UNKNOWN or ERROR. A filter shows only whether its value is
TRUE, so the negation is asked as well: it is TRUE where the value is FALSE, and where neither is
TRUE the value is UNKNOWN.
"""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from tests.exchange.filters.selector_model import evaluate
from warrener.exchange.filters import FilterSyntaxError, SampleProperties, compile_filter
from warrener.exchange.filters.grammar import parse
from warrener.exchange.filters.values import Single, to_single

PREFIX = "convert_string_expressions:"
VECTORS = json.loads(Path(__file__).with_name("vectors.json").read_text())
CASES = [
    pytest.param(group["message"], sql, expected, id=f"{group['point']}: {sql!r}")
    for group in VECTORS["groups"]
    for sql, expected in group["cases"]
]


class Seconds(int):
    """A timestamp as the wire brings it."""


WIRE_TYPES = {
    "$single": lambda spelled: Single(to_single(float(spelled))),
    "$double": float,
    "$decimal": Decimal,
    "$timestamp": Seconds,
    "$binary": str.encode,
}


def header(value):
    if isinstance(value, dict):
        for name, make in WIRE_TYPES.items():
            if name in value:
                return make(value[name])
    return value


def message(name):
    given = dict(VECTORS["messages"][name])
    redelivered, now = given.pop("redelivered", False), given.pop("now", None)
    if "headers" in given:
        given["headers"] = {key: header(value) for key, value in given["headers"].items()}
    return SampleProperties(**given), redelivered, now


def negated(sql):
    if sql.strip().startswith(PREFIX):
        return f"{PREFIX}NOT ({sql.strip().removeprefix(PREFIX)})"
    return f"NOT ({sql})"


def value_of(sql, message):
    if compile_filter(sql).matches(*message):
        return "TRUE"
    return "FALSE" if compile_filter(negated(sql)).matches(*message) else "UNKNOWN"


@pytest.mark.parametrize(("given", "sql", "expected"), CASES)
def test_an_expression_has_the_value_of_its_vector(given, sql, expected):
    if expected == "ERROR":
        with pytest.raises(FilterSyntaxError):
            compile_filter(sql)
    else:
        assert value_of(sql, message(given)) == expected


@pytest.mark.parametrize(
    ("given", "sql", "expected"), [case for case in CASES if case.values[2] != "ERROR"]
)
def test_the_model_agrees_with_the_vectors(given, sql, expected):
    value = evaluate(parse(sql), *message(given))
    assert {True: "TRUE", False: "FALSE"}.get(value if isinstance(value, bool) else None) == (
        None if expected == "UNKNOWN" else expected
    )
