"""KEDA's scaler for RabbitMQ over HTTP: the addresses it makes, and the numbers it scales by.

It writes names into the path as if they were in a query, so a blank is a plus. With an expression
it asks for one page of all queues that match, and gives up if there is a second one.
"""

from typing import Any
from urllib.parse import quote_plus

import pytest

from tests.exchange.management.managed import Managed, managed

NAMES = ("orders", "new orders", "a/b", "a+b", "50%", "заказы", "a&b=c")


async def asked(broker: Managed, name: str, vhost: str = "/") -> Any:
    return await broker.api.get(f"/api/queues/{quote_plus(vhost)}/{quote_plus(name)}")


async def asked_by_expression(broker: Managed, name: str, page_size: int = 100) -> Any:
    query = f"page=1&use_regex=true&pagination=false&name={quote_plus(name)}&page_size={page_size}"
    return await broker.api.get(f"/api/queues/%2F?{query}")


@pytest.mark.parametrize("vhost", ["/", "shop", "a b", "a/b", "50%", "a+b"])
async def test_a_queue_is_found_by_its_name(vhost: str):
    async with managed() as broker:
        if vhost != "/":
            broker.broker.add_vhost(vhost)
            broker.broker.permissions.set("guest", vhost, ".*", ".*", ".*")
        client = await broker.amqp.connect()
        await client.login(vhost=vhost)
        for name in NAMES:
            await client.declare(name)
            await client.deliver(name, b"one", b"two")
            found = await asked(broker, name, vhost)
            assert (found["name"], found["vhost"]) == (name, vhost)
            assert (found["messages"], found["messages_ready"]) == (2, 2)
            assert found["messages_unacknowledged"] == 0


async def test_the_rates_it_scales_by_are_numbers_from_the_start():
    async with managed() as broker:
        client = await broker.amqp.login()
        await client.declare("orders")
        for document in (await asked(broker, "orders"), *(await all_of(broker, "orders"))):
            rates = document["message_stats"]
            assert rates["publish_details"]["rate"] == 0
            assert rates["deliver_get_details"]["rate"] == 0


async def all_of(broker: Managed, name: str) -> list[Any]:
    return list((await asked_by_expression(broker, name))["items"])


async def test_a_rate_is_what_was_published_each_second():
    async with managed() as broker:
        client = await broker.amqp.login()
        await client.declare("orders")
        broker.sample(0)
        await client.deliver("orders", *[b"x"] * 10)
        broker.sample(5)
        stats = (await asked(broker, "orders"))["message_stats"]
        assert stats["publish_details"]["rate"] == 2


async def test_queues_are_found_by_an_expression_on_one_page():
    async with managed() as broker:
        client = await broker.amqp.login()
        for name in ("orders.eu", "orders.us", "other"):
            await client.declare(name)
            await client.deliver(name, b"one")
        found = await asked_by_expression(broker, "^orders\\..+$")
        assert found["page_count"] == 1
        assert [(each["name"], each["messages"]) for each in found["items"]] == [
            ("orders.eu", 1),
            ("orders.us", 1),
        ]


async def test_more_queues_than_a_page_holds_are_told_as_pages():
    async with managed() as broker:
        client = await broker.amqp.login()
        for number in range(3):
            await client.declare(f"orders.{number}")
        assert (await asked_by_expression(broker, "^orders", page_size=2))["page_count"] == 2


async def test_an_expression_that_fits_nothing_is_a_page_without_queues():
    async with managed() as broker:
        found = await asked_by_expression(broker, "^nothing$")
        assert found["items"] == []
        assert found["page_count"] <= 1


async def test_an_expression_that_is_none_is_refused():
    async with managed() as broker:
        answer = await broker.api.ask(
            "GET", "/api/queues/%2F?page=1&use_regex=true&pagination=false&name=%28&page_size=100"
        )
        assert answer.status == 400


async def test_a_queue_that_is_not_there_is_a_404():
    async with managed() as broker:
        assert (await broker.api.ask("GET", "/api/queues/%2F/no+queue")).status == 404


async def test_a_plus_is_a_plus_for_whoever_changes_something():
    async with managed() as broker:
        client = await broker.amqp.login()
        await client.declare("new orders")
        for target in ("new+orders", "new+orders/contents"):
            assert (await broker.api.delete(f"/api/queues/%2F/{target}")).status == 404
        assert (await asked(broker, "new orders"))["name"] == "new orders"


async def test_a_name_with_a_plus_is_found_before_one_with_a_blank():
    async with managed() as broker:
        client = await broker.amqp.login()
        for name in ("a b", "a+b"):
            await client.declare(name)
        assert (await broker.api.get("/api/queues/%2F/a+b"))["name"] == "a+b"
