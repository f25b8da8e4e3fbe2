"""The items that ask something of one header, found by its value."""

import math
from decimal import Decimal

import pytest

from warrener.exchange.filters.access import Equals, IsPresent, StartsWith, Within
from warrener.exchange.filters.attribute import AttributeIndex
from warrener.exchange.filters.values import Single, to_single

KEYS = {
    "is 1": Equals("a", (1,)),
    "is TRUE": Equals("a", (True,)),
    "is 10.1": Equals("a", (10.1,)),
    "is ab": Equals("a", ("ab",)),
    "is x or 2": Equals("a", ("x", 2)),
    "starts with a": StartsWith("a", "a"),
    "starts with abc": StartsWith("a", "abc"),
    "from 10.1": Within("a", 10.1, None),
    "to 10.1": Within("a", None, 10.1),
    "10 to 11": Within("a", 10, 11),
    "from b": Within("a", "b", None),
    "is there": IsPresent("a"),
}


def filled():
    index = AttributeIndex()
    for item, key in KEYS.items():
        index.add(key, item)
    return index


def found_by(index, value):
    found = {}
    index.collect(value, found)
    return set(found) - {"is there"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, {"is 1", "to 10.1"}),
        (1.0, {"is 1", "to 10.1"}),
        (Decimal(1), {"is 1", "to 10.1"}),
        (True, {"is TRUE"}),
        (False, set()),
        (2, {"is x or 2", "to 10.1"}),
        ("x", {"is x or 2", "from b"}),
        ("ab", {"is ab", "starts with a"}),
        ("abcd", {"starts with a", "starts with abc"}),
        ("", set()),
        (10.1, {"is 10.1", "from 10.1", "to 10.1", "10 to 11"}),
        (Single(to_single(10.1)), {"is 10.1", "from 10.1", "to 10.1", "10 to 11"}),
        (Decimal("10.1"), {"is 10.1", "from 10.1", "to 10.1", "10 to 11"}),
        (10.5, {"from 10.1", "10 to 11"}),
        (math.inf, {"from 10.1"}),
        (math.nan, set()),
        (b"ab", set()),
        ({"a": 1}, set()),
        ([1], set()),
    ],
)
def test_a_value_finds_the_keys_that_hold_for_it(value, expected):
    assert found_by(filled(), value) == expected


@pytest.mark.parametrize(
    ("value", "found"), [(Single(-math.inf), "to 10.1"), (Single(math.inf), "from 10.1")]
)
def test_an_infinite_single_finds_whatever_may_be_rounded_to_it(value, found):
    index = filled()
    index.add(Within("a", -1e39, -1e38), "to the least single")
    index.add(Within("a", 1e38, 1e39), "to the greatest single")
    assert {found, f"to the {'least' if value < 0 else 'greatest'} single"} <= found_by(
        index, value
    )


@pytest.mark.parametrize("value", [1, "x", True, b"", {}, math.nan])
def test_any_value_is_present(value):
    found = {}
    filled().collect(value, found)
    assert "is there" in found


def test_what_is_removed_is_no_longer_found():
    index = filled()
    for item, key in KEYS.items():
        index.remove(key, item)
    assert not index
    for value in (1, True, 10.1, "ab", "abcd", "x"):
        assert found_by(index, value) == set()


def test_a_prefix_in_use_by_another_item_stays():
    index = AttributeIndex()
    index.add(StartsWith("a", "ab"), "one")
    index.add(StartsWith("a", "ac"), "other")
    index.remove(StartsWith("a", "ab"), "one")
    assert found_by(index, "acd") == {"other"}


def test_a_crowd_is_the_fullest_bucket_of_a_key():
    index = AttributeIndex()
    for number in range(5):
        index.add(Equals("a", (1,)), number)
    assert index.crowd(Equals("a", (1, 2))) == 5
    assert index.crowd(Equals("a", (2,))) == 0
