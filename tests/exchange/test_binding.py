from typing import Any

import pytest

from tests.exchange.types.matching import Matching
from warrener.exchange.types.direct import DirectExchange

direct = Matching(DirectExchange("e"))


def test_equal_destination_key_and_arguments_make_one_identity() -> None:
    one, two = direct.binding("q", "k", {"x": 1}), direct.binding("q", "k", {"x": 1})
    assert one.identity == two.identity
    assert hash(one.identity) == hash(two.identity)


@pytest.mark.parametrize(
    "other",
    [
        ("p", "k", {"x": 1}),
        ("q", "l", {"x": 1}),
        ("q", "", {"x": 1}),
        ("q", "k", {}),
        ("q", "k", {"x": True}),
        ("q", "k", {"x": 1, "y": None}),
    ],
)
def test_a_difference_in_any_of_the_three_makes_another(other: tuple[str, str, Any]) -> None:
    assert direct.binding(*other).identity != direct.binding("q", "k", {"x": 1}).identity


def test_a_binding_is_itself_and_no_other() -> None:
    one, two = direct.binding("q", "k"), direct.binding("q", "k")
    assert one != two
    assert len({one, two}) == 2


def test_arguments_may_be_tables_in_lists_in_tables() -> None:
    nested = {"a": [{"b": [1, None]}], "c": bytearray(b"x")}
    assert direct.binding("q", "k", nested).identity == direct.binding("q", "k", nested).identity
