"""The delayed exchange without its schedule: whatever comes, it routes as the type behind it."""

from tests.exchange.types.matching import Matching
from warrener.exchange.types.delayed import DelayedExchange


def test_what_is_not_delayed_is_routed_as_by_the_type_behind() -> None:
    delayed = Matching(DelayedExchange("x", arguments={"x-delayed-type": "topic"}))
    delayed.bind("a", "order.*")
    delayed.bind("b", "#")
    assert delayed.match("order.eu") == ["a", "b"]
    assert delayed.match("invoice") == ["b"]
