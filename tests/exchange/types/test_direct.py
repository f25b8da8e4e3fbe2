import pytest

from tests.exchange.types.matching import Matching
from warrener.exchange.types.direct import DirectExchange


@pytest.fixture
def direct() -> Matching:
    return Matching(DirectExchange("e"))


def test_a_message_goes_to_every_destination_bound_with_its_key(direct: Matching) -> None:
    direct.bind("a", "red")
    direct.bind("b", "red")
    direct.bind("c", "blue")
    assert direct.match("red") == ["a", "b"]
    assert direct.match("blue") == ["c"]


def test_a_key_without_bindings_matches_nothing(direct: Matching) -> None:
    direct.bind("a", "red")
    assert direct.match("green") == []


def test_keys_are_compared_whole_and_wildcards_mean_nothing(direct: Matching) -> None:
    direct.bind("a", "#")
    direct.bind("b", "*")
    assert direct.match("red") == []
    assert direct.match("#") == ["a"]
    assert direct.match("Red") == direct.match("") == []


def test_the_empty_key_is_a_key(direct: Matching) -> None:
    direct.bind("a", "")
    assert direct.match("") == ["a"]


def test_the_same_binding_twice_is_one(direct: Matching) -> None:
    assert direct.bind("a", "red")
    assert not direct.bind("a", "red")
    assert direct.match("red") == ["a"]
    assert direct.unbind("a", "red")
    assert direct.match("red") == []


def test_bindings_that_differ_in_arguments_only_are_two(direct: Matching) -> None:
    assert direct.bind("a", "red", x=1)
    assert direct.bind("a", "red", x=2)
    assert direct.match("red") == ["a", "a"]
    assert direct.unbind("a", "red", x=1)
    assert direct.match("red") == ["a"]


def test_removing_one_destination_leaves_the_others_of_the_key(direct: Matching) -> None:
    direct.bind("a", "red")
    direct.bind("b", "red")
    direct.unbind("a", "red")
    assert direct.match("red") == ["b"]


def test_removing_a_binding_that_is_not_there_says_so(direct: Matching) -> None:
    direct.bind("a", "red")
    assert not direct.unbind("a", "blue")
    assert not direct.unbind("b", "red")
    assert direct.match("red") == ["a"]
