"""What frameworks ask before they begin: Spring AMQP, Hutch, rascal, Flower, NServiceBus."""

import pytest

from tests.exchange.management.contract import shop
from tests.exchange.management.managed import managed
from warrener.exchange.management.node import node_name


@pytest.mark.parametrize("vhost", ["%2F", "shop"])
async def test_spring_compares_the_whole_text_of_aliveness(vhost: str):
    async with managed() as broker:
        await shop(broker)
        answer = await broker.api.ask("GET", f"/api/aliveness-test/{vhost}")
    assert (answer.status, answer.body) == (200, b'{"status":"ok"}')


async def test_spring_finds_the_node_of_a_queue():
    async with managed() as broker:
        await shop(broker)
        found = await broker.api.get("/api/queues/shop/orders", Accept="application/json")
    assert found["node"] == node_name()


async def test_hutch_looks_for_its_bindings_among_all():
    async with managed() as broker:
        await shop(broker)
        assert await broker.api.get("/api/exchanges")
        found = [
            (each["destination"], each["routing_key"])
            for each in await broker.api.get("/api/bindings")
            if (each["source"], each["vhost"]) == ("events", "shop")
        ]
    assert ("orders", "a.#") in found


async def test_rascal_makes_and_removes_a_virtual_host_without_a_body():
    async with managed() as broker:
        for method, status in (("GET", 404), ("PUT", 201), ("PUT", 204), ("DELETE", 204)):
            answer = await broker.api.ask(method, "/api/vhosts/v1")
            assert answer.status == status, (method, answer)


@pytest.mark.parametrize("path", ["/api/queues/", "/api/queues/%2F"])
async def test_flower_lists_the_queues_of_the_default_virtual_host(path: str):
    """It leaves the slash as it is, and so asks for all queues there are."""
    async with managed() as broker:
        client = await broker.amqp.login()
        await client.declare("celery")
        await client.deliver("celery", b"task")
        (queue,) = await broker.api.get(path)
    assert (queue["name"], queue["messages"], queue["messages_ready"]) == ("celery", 1, 1)
    assert (queue["messages_unacknowledged"], queue["consumers"]) == (0, 0)


async def test_nservicebus_finds_a_version_it_knows_and_kinds_of_queues():
    async with managed() as broker:
        await shop(broker)
        overview = await broker.api.get("/api/overview")
        flags = {each["name"]: each["state"] for each in await broker.api.get("/api/feature-flags")}
        queue = await broker.api.get("/api/queues/shop/orders")
        page = await broker.api.get("/api/queues/shop/?page=1&page_size=500")
    assert tuple(map(int, overview["rabbitmq_version"].split("."))) >= (3, 10, 0)
    assert overview["disable_stats"] is False
    assert flags["quorum_queue"] == "enabled"
    assert queue["effective_policy_definition"] == {"max-length": 1000}
    assert (queue["policy"], queue["type"]) == ("short", "classic")
    assert [each["name"] for each in page["items"]] == ["idle", "orders"]
