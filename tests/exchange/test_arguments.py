from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warrener.exchange.arguments import identity, require_equivalent, show, whole_number
from warrener.exchange.errors import PreconditionFailed
from warrener.protocol.tables import Float32, Timestamp, decode_table, encode_table

# One number in each of AMQP's widths of integer.
INTEGERS = [b"b\5", b"B\5", b"s\0\5", b"u\0\5", *(t + b"\0\0\0\5" for t in (b"I", b"i"))]
INTEGERS += [tag + bytes(7) + b"\5" for tag in (b"l", b"L")]

DIFFERENT = [
    *(1, 0, True, False, 1.0, 0.0, "1", "", b"1", Decimal(1), None),
    *([], [1], [1, 1], [True], {}, {"a": 1}, {"a": True}, {"b": 1}, {"a": [1]}, {"a": {"b": 1}}),
]

scalars = st.none() | st.booleans() | st.integers(-(2**31), 2**63 - 1) | st.text(max_size=3)
values = st.recursive(
    scalars | st.floats(allow_nan=False),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3)
    ),
    max_leaves=5,
)
tables = st.dictionaries(st.text(max_size=3), values, max_size=3)


def table_of(tagged: bytes) -> dict[str, Any]:
    entry = b"\1k" + tagged
    return decode_table(len(entry).to_bytes(4, "big") + entry)[0]


@pytest.mark.parametrize("tagged", INTEGERS)
def test_integers_are_equal_in_every_width(tagged: bytes) -> None:
    require_equivalent("queue 'q'", table_of(tagged), {"k": 5})
    require_equivalent("queue 'q'", {"k": 5}, table_of(tagged))


@pytest.mark.parametrize("one", DIFFERENT, ids=repr)
def test_values_of_different_classes_differ(one: Any) -> None:
    assert [repr(value) for value in DIFFERENT if identity(value) == identity(one)] == [repr(one)]


def test_floats_are_equal_in_both_precisions() -> None:
    assert identity(Float32(0.5)) == identity(0.5)


def test_a_timestamp_is_not_an_integer() -> None:
    assert identity(Timestamp(5)) != identity(5)


def test_bytes_are_equal_however_they_are_held() -> None:
    assert identity(bytearray(b"a")) == identity(bytearray(b"a"))
    assert identity([bytearray(b"a")]) != identity([bytearray(b"b")])


@given(table=tables)
def test_an_identity_survives_the_wire(table: dict[str, Any]) -> None:
    again = decode_table(encode_table(table))[0]
    assert identity(again) == identity(table)
    assert hash(identity(again)) == hash(identity(table))
    require_equivalent("queue 'q'", again, table)


@given(one=tables, two=tables)
def test_tables_with_one_identity_are_equal(one: dict[str, Any], two: dict[str, Any]) -> None:
    if identity(one) == identity(two):
        assert one == two


def test_a_difference_is_named_with_both_values() -> None:
    with pytest.raises(PreconditionFailed) as refused:
        require_equivalent("queue 'q' in vhost '/'", {"x-a": True}, {"x-a": 1})
    assert refused.value.text == (
        "inequivalent arg 'x-a' for queue 'q' in vhost '/': received 'true' but current is '1'"
    )


@pytest.mark.parametrize(
    ("asked", "current", "text"),
    [
        ({"x": 1}, {}, "received '1' but current is none"),
        ({}, {"x": 1}, "received none but current is '1'"),
        ({"x": [1, 2]}, {"x": [2, 1]}, "arg 'x'"),
        ({"x": {"a": 1}}, {"x": {"a": 1.0}}, "arg 'x'"),
    ],
)
def test_tables_that_differ_are_refused(
    asked: dict[str, Any], current: dict[str, Any], text: str
) -> None:
    with pytest.raises(PreconditionFailed, match=text):
        require_equivalent("queue 'q'", asked, current)


@pytest.mark.parametrize(
    ("value", "text"), [(None, "none"), (True, "'true'"), (False, "'false'"), (1, "'1'")]
)
def test_a_value_in_a_refusal(value: Any, text: str) -> None:
    assert show(value) == text


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (7, 7),
        (-7, -7),
        ("7", 7),
        ("9" * 18, 10**18 - 1),
        ("9" * 19, None),
        ("-7", None),
        ("\u0667", None),
        ("", None),
        ("7.0", None),
        (7.0, None),
        (True, None),
        (None, None),
    ],
)
def test_a_number_may_be_spelled_in_digits(value: object, number: int | None) -> None:
    assert whole_number(value) == number


def test_a_table_with_nan_is_the_same_again() -> None:
    """Though NaN equals nothing: a binding with it could never be removed."""
    one, other = {"a": [float("nan")]}, {"a": [float("nan")]}
    assert identity(one) == identity(other)
    assert identity(one) != identity({"a": ["NaN"]})
