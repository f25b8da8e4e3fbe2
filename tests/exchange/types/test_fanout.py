import pytest

from tests.exchange.types.matching import Matching
from warrener.exchange.types.fanout import FanoutExchange


@pytest.fixture
def fanout() -> Matching:
    return Matching(FanoutExchange("e"))


def test_every_message_goes_everywhere_whatever_its_key(fanout: Matching) -> None:
    fanout.bind("a", "red")
    fanout.bind("b", "")
    assert fanout.match("blue") == fanout.match("") == ["a", "b"]


def test_without_bindings_it_matches_nothing(fanout: Matching) -> None:
    assert fanout.match("red") == []


def test_what_is_unbound_gets_nothing_more(fanout: Matching) -> None:
    fanout.bind("a")
    fanout.bind("b")
    assert fanout.unbind("a")
    assert fanout.match() == ["b"]


def test_a_destination_bound_by_two_keys_stays_until_both_are_gone(fanout: Matching) -> None:
    fanout.bind("a", "red")
    fanout.bind("a", "blue")
    fanout.unbind("a", "red")
    assert fanout.match() == ["a"]
    fanout.unbind("a", "blue")
    assert fanout.match() == []
