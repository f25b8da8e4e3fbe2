from typing import Any

import pytest

from tests.exchange.core_client import Client
from tests.exchange.messages import Properties
from warrener.exchange.errors import AccessRefused


def test_every_queue_is_reached_by_its_name(client: Client) -> None:
    client.declare("a", "b")
    assert client.publish("", "a", b"one") == ["a"]
    assert client.drain("a") == [b"one"]
    assert client.drain("b") == []


def test_a_name_without_a_queue_leads_nowhere(client: Client) -> None:
    assert client.publish("", "a", b"one") == []


def test_a_queue_that_is_deleted_is_not_reached_any_more(client: Client) -> None:
    client.declare("a")
    client.vhost.delete_queue("a", client)
    assert client.publish("", "a", b"one") == []
    client.declare("a")
    assert client.publish("", "a", b"two") == ["a"]


def test_names_are_no_patterns(client: Client) -> None:
    client.declare("#", "a")
    assert client.publish("", "a", b"one") == ["a"]


def test_it_lasts_and_routes_may_be_remembered(client: Client) -> None:
    default = client.vhost.exchange("")
    assert default.durable
    assert default.type == "direct"
    assert not default.reads_properties
    assert client.vhost.route("", "a", Properties()).lasting


def refusals(client: Client) -> dict[str, Any]:
    vhost, (queue,) = client.vhost, client.declare("q")
    return {
        "bind": lambda: vhost.bind("", queue, "key"),
        "unbind": lambda: vhost.unbind("", queue, "q"),
        "bind as destination": lambda: vhost.bind("amq.direct", vhost.bindable(""), "key"),
        "declare": lambda: vhost.declare_exchange("", "direct", durable=True),
        "delete": lambda: vhost.delete_exchange(""),
        "delete if unused": lambda: vhost.delete_exchange("", if_unused=True),
    }


@pytest.mark.parametrize(
    "what",
    ["bind", "unbind", "bind as destination", "declare", "delete", "delete if unused"],
)
def test_it_cannot_be_touched(client: Client, what: str) -> None:
    with pytest.raises(AccessRefused, match="not permitted on the default exchange"):
        refusals(client)[what]()
    assert client.publish("", "q", b"one") == ["q"]
