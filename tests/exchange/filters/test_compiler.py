"""The compiled form of a selector means what the model (selector_model.py) says it means."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.exchange.filters.selector_model import evaluate
from tests.exchange.filters.selector_strategies import bindings, messages, selectors
from warrener.exchange.filters import SampleProperties, compile_filter
from warrener.exchange.filters.compiler import Compiler, always, never
from warrener.exchange.filters.fields import NO_HEADERS
from warrener.exchange.filters.folding import fold
from warrener.exchange.filters.grammar import parse

NOW = 100


def is_same(one, other):
    return one is other or (type(one) is type(other) and one == other)


@settings(max_examples=300, deadline=None)
@given(selectors() | bindings(), messages, st.booleans())
def test_a_compiled_selector_answers_as_the_model(selector, properties, redelivered):
    value = evaluate(selector, properties, redelivered, NOW)
    compiler = Compiler(selector.convert_strings)
    given = properties.headers or NO_HEADERS, (properties, redelivered, NOW)
    assert compiler.test(selector.condition, True)(*given) is (value is True)
    assert compiler.test(selector.condition, False)(*given) is (value is False)
    assert is_same(compiler.read(selector.condition)(*given), value)


@settings(max_examples=300, deadline=None)
@given(selectors() | bindings(), messages, st.booleans())
def test_folding_changes_no_answer(selector, properties, redelivered):
    value = evaluate(selector, properties, redelivered, NOW)
    compiler = Compiler(selector.convert_strings)
    folded = fold(selector.condition, compiler)
    given = properties.headers or NO_HEADERS, (properties, redelivered, NOW)
    assert compiler.test(folded, True)(*given) is (value is True)
    assert compiler.test(folded, False)(*given) is (value is False)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("1 + 1 = 2", always),
        ("TRUE OR a = 1", always),
        ("a = 1 OR 'x' LIKE 'x%'", always),
        ("1 = 2", never),
        ("a = 1 AND 1 > 2", never),
        ("a = 1 / 0", never),
        ("NOT (a = 1 / 0)", never),
        ("1 IN (2, 3)", never),
    ],
)
def test_a_condition_decided_by_constants_is_no_longer_evaluated(sql, expected):
    assert compile_filter(sql).test is expected


def test_what_cannot_matter_is_dropped_from_a_conjunction():
    condition = fold(parse("TRUE AND a = 1 AND 2 > 1").condition, Compiler())
    test = Compiler().test(condition, True)
    assert test({"a": 1}, ())
    assert not test({"a": 2}, ())
    assert test.__qualname__ == Compiler().test(parse("a = 1").condition, True).__qualname__


def test_a_right_side_is_not_asked_when_the_left_decides():
    clockless = SampleProperties(headers={"a": 1}), False, None
    assert compile_filter("a = 1 OR UTC() > 5").matches(*clockless)


def test_a_filter_with_the_time_insists_on_being_told_it():
    with pytest.raises(AssertionError, match="told the time"):
        compile_filter("UTC() > 5").test({}, (SampleProperties(), False, None))


@pytest.mark.parametrize("levels", [10, 31])
def test_an_operand_is_evaluated_once_however_deep_it_stands(levels):
    asked = []

    class Headers(dict):
        def get(self, name):
            asked.append(name)
            return super().get(name)

    sql = "x"
    for _ in range(levels):
        sql = f"(({sql}) = TRUE) BETWEEN FALSE AND TRUE"
    compile_filter(sql).matches(SampleProperties(headers=Headers(x=True)))
    assert asked == ["x"]
