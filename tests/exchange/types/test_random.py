from collections import Counter
from itertools import pairwise
from typing import Any

import pytest

from tests.exchange.messages import Properties
from tests.exchange.types.spread import Spread

TYPES = ["x-random", "x-local-random"]
DRAWS = 4000

pytestmark = pytest.mark.parametrize("kind", TYPES)


def shares(spread: Spread, properties: Any = None) -> dict[str | None, float]:
    drawn = Counter(spread.target("k", properties or Properties()) for _ in range(DRAWS))
    return {name: count / DRAWS for name, count in drawn.items()}


def test_all_queues_have_the_same_chance(kind: str) -> None:
    spread = Spread(kind)
    for name in "abcd":
        spread.bind(name)
    assert shares(spread) == pytest.approx(dict.fromkeys("abcd", 0.25), abs=0.03)


def test_neighbours_are_independent(kind: str) -> None:
    spread = Spread(kind)
    spread.bind("a")
    spread.bind("b")
    drawn = [spread.target() for _ in range(DRAWS)]
    same = sum(left == right for left, right in pairwise(drawn))
    assert same / DRAWS == pytest.approx(0.5, abs=0.03)


def test_the_routing_key_does_not_matter(kind: str) -> None:
    spread = Spread(kind)
    spread.bind("a")
    assert spread.target("anything") == "a"


def test_without_bindings_it_matches_nothing(kind: str) -> None:
    assert Spread(kind).target("k") is None


def test_what_is_unbound_gets_nothing_more(kind: str) -> None:
    spread = Spread(kind)
    spread.bind("a")
    spread.bind("b")
    spread.unbind("a")
    assert shares(spread) == {"b": 1.0}


def test_only_bindings_whose_filter_matches_take_part(kind: str) -> None:
    spread = Spread(kind)
    spread.bind("a")
    spread.bind("red", x_filter_jms_selector="colour = 'red'")
    assert shares(spread) == {"a": 1.0}
    red = shares(spread, Properties(headers={"colour": "red"}))
    assert red == pytest.approx({"a": 0.5, "red": 0.5}, abs=0.03)


def test_exchanges_of_one_name_make_the_same_choices(kind: str) -> None:
    one, two = Spread(kind), Spread(kind)
    for spread in (one, two):
        for name in "abcd":
            spread.bind(name)
    assert [one.target() for _ in range(100)] == [two.target() for _ in range(100)]


def test_every_message_of_a_run_is_routed_on_its_own(kind: str) -> None:
    spread = Spread(kind)
    assert spread.exchange.reads_properties
    assert not spread.client.vhost.route("e", "k", Properties()).lasting
