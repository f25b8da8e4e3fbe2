"""The delayed exchange without its schedule: whatever comes, it routes as the type behind it."""

import pytest

from tests.exchange.types.matching import Matching
from warrener.exchange.broker import Broker
from warrener.exchange.errors import PreconditionFailed
from warrener.exchange.types.delayed import DelayedExchange


def test_what_is_not_delayed_is_routed_as_by_the_type_behind() -> None:
    delayed = Matching(DelayedExchange("x", arguments={"x-delayed-type": "topic"}))
    delayed.bind("a", "order.*")
    delayed.bind("b", "#")
    assert delayed.match("order.eu") == ["a", "b"]
    assert delayed.match("invoice") == ["b"]


@pytest.mark.parametrize("kind", [["fanout"], {"a": 1}, 1, None, "nope", "x-delayed-message"])
def test_what_is_no_type_that_can_be_delayed_is_refused(broker: Broker, kind: object) -> None:
    vhost = broker.vhosts["/"]
    with pytest.raises(PreconditionFailed, match="can be delayed"):
        vhost.declare_exchange("e", "x-delayed-message", arguments={"x-delayed-type": kind})
    assert "e" not in vhost.exchanges
