"""Kinds of values, and how they compare and calculate."""

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.exchange.filters.selector_strategies import header_values
from warrener.exchange.filters import values
from warrener.exchange.filters.values import RELATIONS, Single, relation_to, to_single

TENTH = Single(to_single(10.1))


@given(header_values, header_values)
def test_unequal_is_the_negation_of_equal(left, right):
    equal = values.equal(left, right)
    assert values.unequal(left, right) is (None if equal is None else not equal)


@given(header_values, header_values, st.sampled_from(list(RELATIONS)))
def test_a_relation_reads_the_same_from_both_sides(left, right, sign):
    mirrored = RELATIONS[values.MIRRORED[sign]]
    assert RELATIONS[sign](left, right) is mirrored(right, left)


@given(header_values, header_values)
def test_of_two_values_at_most_one_of_below_equal_and_above_holds(left, right):
    held = [RELATIONS[sign](left, right) for sign in ("<", "=", ">")]
    assert held.count(True) <= 1
    assert held.count(None) in (0, 3)


@pytest.mark.parametrize(
    ("value", "constant", "expected"),
    [
        (TENTH, 10.1, True),
        (10.1, 10.1, True),
        (Decimal("10.1"), 10.1, True),
        (Decimal("10.10"), 10.1, True),
        (Decimal(10), 10, True),
        (5, 5.0, True),
        (True, 1, False),
        (1, True, False),
        ("10.1", 10.1, False),
        (2**53 + 1, float(2**53), False),
        (Single(math.inf), 1e39, True),
        (Single(0.0), 1e-60, True),
        (None, 1, None),
        (math.nan, 1, None),
        (Single(math.nan), 1, None),
    ],
)
def test_a_constant_takes_on_the_precision_of_the_value(value, constant, expected):
    assert relation_to(constant, "=", RELATIONS)(value) is expected


def test_two_headers_are_compared_without_rounding():
    assert values.equal(TENTH, 10.1) is False


@pytest.mark.parametrize("table", [{"a": 1}, [1], {}, []])
def test_tables_and_arrays_equal_nothing(table):
    assert values.equal(table, table) is False


@pytest.mark.parametrize(
    ("number", "expected"), [(10**400, math.inf), (-(10**400), -math.inf), (1e39, math.inf)]
)
def test_what_is_too_large_for_a_single_is_infinite_as_one(number, expected):
    assert to_single(number) == expected


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        (7, 5, 2),
        (-7, 5, -2),
        (7, -5, 2),
        (-7, -5, -2),
        (2**63 - 1, 10, 7),
        (5.5, 2, 1.5),
        (-5.5, 2, -1.5),
        (7, math.inf, 7),
    ],
)
def test_a_remainder_has_the_sign_of_the_dividend(left, right, expected):
    assert values.OPERATIONS["%"](left, right) == expected


@pytest.mark.parametrize("value", [None, "1", True, b"1", math.nan, {}, [1], Decimal("NaN")])
def test_arithmetic_takes_nothing_but_numbers(value):
    assert values.as_number(value) is None


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 2**126])
def test_an_integer_that_leaves_64_bits_goes_on_as_a_double(number):
    result = values.within_64_bits(number)
    assert (type(result), result) == (float, float(number))


@pytest.mark.parametrize("number", [2**63 - 1, -(2**63), 0, 1.5])
def test_a_number_of_64_bits_stays_as_it_is(number):
    assert values.within_64_bits(number) is number


def test_the_negative_of_a_single_is_a_single():
    assert values.is_single(values.signed("-", TENTH))


@pytest.mark.parametrize(
    ("text", "number"),
    [("2", 2), ("-5", -5), ("+5", 5), ("2.50", 2.5), (".5", 0.5), ("1e2", 100.0), ("007", 7)],
)
def test_a_string_spells_a_number(text, number):
    assert values.number_spelled(text) == number


@pytest.mark.parametrize(
    "text", ["", " 5", "5 ", "0x10", "1_0", "inf", "nan", "٣", "1e", "-", "5L"]
)
def test_a_string_that_spells_none_stays_a_string(text):
    assert values.number_spelled(text) is text
