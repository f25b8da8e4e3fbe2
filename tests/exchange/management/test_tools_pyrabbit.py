"""pyrabbit, the client of the API that kombu has: its calls, with the bodies it sends."""

from typing import Any

import pytest

from tests.exchange.management.contract import shop
from tests.exchange.management.managed import Managed, managed

JSON = {"content_type": "application/json"}
LISTS = (
    *("queues", "exchanges", "channels", "connections", "nodes", "vhosts", "users"),
    *("permissions", "bindings"),
)


async def call(broker: Managed, method: str, path: str, body: Any = None) -> Any:
    answer = await broker.api.ask(method, f"/api/{path}", body, **JSON)
    assert 200 <= answer.status <= 206, answer
    return answer.document


@pytest.mark.parametrize("path", LISTS)
async def test_lists(path: str):
    async with managed() as broker:
        await shop(broker)
        assert isinstance(await call(broker, "GET", path), list)


async def test_who_one_is_and_what_is_there():
    async with managed() as broker:
        assert (await call(broker, "GET", "whoami"))["name"] == "guest"
        assert (await call(broker, "GET", "overview"))["node"]
        assert (await call(broker, "GET", "aliveness-test/%2F"))["status"] == "ok"


async def test_virtual_hosts_and_permissions():
    async with managed() as broker:
        await call(broker, "PUT", "vhosts/a%2Fb")
        assert (await call(broker, "GET", "vhosts/a%2Fb"))["name"] == "a/b"
        everything = {"configure": ".*", "read": ".*", "write": ".*"}
        await call(broker, "PUT", "permissions/a%2Fb/guest", everything)
        (found,) = await call(broker, "GET", "vhosts/a%2Fb/permissions")
        assert everything.items() <= found.items()
        assert await call(broker, "GET", "permissions/a%2Fb/guest") == found
        assert found in await call(broker, "GET", "users/guest/permissions")
        await call(broker, "DELETE", "permissions/a%2Fb/guest")
        await call(broker, "DELETE", "vhosts/a%2Fb")


async def test_users():
    async with managed() as broker:
        await call(broker, "PUT", "users/clerk", {"password": "pw", "tags": "monitoring"})
        assert (await call(broker, "GET", "users/clerk"))["name"] == "clerk"
        await call(broker, "DELETE", "users/clerk")


async def test_exchanges_queues_and_bindings_with_arguments_as_lists():
    async with managed() as broker:
        exchange = {
            "type": "direct",
            "auto_delete": False,
            "durable": True,
            "internal": False,
            "arguments": [],
        }
        await call(broker, "PUT", "exchanges/%2F/ex", exchange)
        assert (await call(broker, "GET", "exchanges/%2F/ex"))["type"] == "direct"
        await call(broker, "PUT", "queues/%2F/q", {"auto_delete": None, "durable": True})
        place = "bindings/%2F/e/ex/q/q"
        await call(broker, "POST", place, {"routing_key": "k", "arguments": []})
        (found,) = await call(broker, "GET", place)
        assert (found["routing_key"], found["arguments"]) == ("k", {})
        for path in ("exchanges/%2F/ex/bindings/source", "queues/%2F/q/bindings"):
            assert found in await call(broker, "GET", path)
        assert await call(broker, "GET", "exchanges/%2F/ex/bindings/destination") == []
        # It takes the routing key for the name of the binding.
        await call(broker, "DELETE", f"{place}/k")
        await call(broker, "DELETE", "queues/%2F/q")
        await call(broker, "DELETE", "exchanges/%2F/ex")


async def test_messages():
    async with managed() as broker:
        await call(broker, "PUT", "queues/%2F/q")
        said = {"routing_key": "q", "payload": "hello", "payload_encoding": "string"}
        sent = await call(
            broker, "POST", "exchanges/%2F/amq.default/publish", said | {"properties": {}}
        )
        assert sent["routed"] is True
        assert (await call(broker, "GET", "queues/%2F/q"))["messages"] == 1
        await call(broker, "DELETE", "queues/%2F/q/contents")
        assert (await call(broker, "GET", "queues/%2F/q"))["messages"] == 0


async def test_messages_are_not_got_as_in_the_days_before_rabbitmq_3_7():
    """RabbitMQ refuses it likewise."""
    async with managed() as broker:
        await call(broker, "PUT", "queues/%2F/q")
        asked = {"count": 1, "requeue": False, "encoding": "auto"}
        answer = await broker.api.post("/api/queues/%2F/q/get", asked)
        assert answer.status == 400
        assert "ackmode" in answer.document["reason"]


async def test_connections_and_channels():
    async with managed() as broker:
        await shop(broker)
        (connection,) = await call(broker, "GET", "connections")
        name = connection["name"].replace(" ", "%20").replace(">", "%3E").replace(":", "%3A")
        assert (await call(broker, "GET", f"connections/{name}"))["name"] == connection["name"]
        for channel in await call(broker, "GET", "channels"):
            path = channel["name"].replace(" ", "%20").replace(">", "%3E").replace(":", "%3A")
            assert (await call(broker, "GET", f"channels/{path}"))["name"] == channel["name"]
        await call(broker, "DELETE", f"connections/{name}")
