"""Which bindings it takes; what it does with them is in test_random.py."""

import pytest

from tests.exchange.types.spread import Spread
from warrener.exchange.errors import PreconditionFailed

TYPE = "x-local-random"


def test_a_binding_key_is_refused() -> None:
    with pytest.raises(PreconditionFailed, match="Non empty binding 'k' key not permitted"):
        Spread(TYPE).bind("a", "k")


def test_an_exchange_cannot_be_bound_to_it() -> None:
    vhost = Spread(TYPE).client.vhost
    with pytest.raises(PreconditionFailed, match=r"exchange 'amq\.fanout' cannot be bound"):
        vhost.bind("e", vhost.exchange("amq.fanout"), "")


def test_it_can_be_bound_to_an_exchange() -> None:
    spread = Spread(TYPE)
    spread.bind("a")
    vhost = spread.client.vhost
    vhost.bind("amq.fanout", vhost.exchange("e"), "any")
    assert spread.client.publish("amq.fanout", "k", b"1") == ["a"]
