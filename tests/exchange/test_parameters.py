"""Parameters and the descriptions of virtual hosts: kept, and there after a restart."""

import pytest

from tests.exchange.durable_broker import DurableBroker
from warrener.exchange.errors import NotFound


def test_parameters_are_set_and_cleared(broker):
    broker.parameters.set("b", {"x": [1, None]})
    broker.parameters.set("a", "text")
    assert list(broker.parameters) == [("a", "text"), ("b", {"x": [1, None]})]
    assert broker.parameters.get("a") == "text"
    broker.parameters.clear("a")
    assert "a" not in broker.parameters
    with pytest.raises(NotFound, match="no parameter 'a'"):
        broker.parameters.clear("a")


def test_parameters_are_there_after_a_restart(durable: DurableBroker):
    durable.broker.parameters.set("kept", {"n": 1 << 40, "t": True, "f": 1.5})
    durable.broker.parameters.set("gone", 1)
    durable.broker.parameters.clear("gone")
    durable.broker.end_pass()
    for _ in range(2):
        durable.restart()
        assert list(durable.broker.parameters) == [("kept", {"n": 1 << 40, "t": True, "f": 1.5})]
        durable.broker.rewrite_definitions()


def test_what_a_virtual_host_is_for_is_there_after_a_restart(durable: DurableBroker):
    durable.broker.add_vhost("shop")
    durable.broker.describe_vhost("shop", "for tests", ["a", "b"])
    durable.broker.end_pass()
    durable.restart()
    shop = durable.broker.vhosts["shop"]
    assert (shop.description, shop.tags) == ("for tests", ("a", "b"))
    with pytest.raises(NotFound):
        durable.broker.describe_vhost("nowhere", "", [])
