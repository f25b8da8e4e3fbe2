"""Why a queue stands still, what waits the longest, and what filters have done, over HTTP."""

from typing import Any

import pytest

from tests.exchange.management.managed import Managed, managed
from warrener.exchange.management.filter_work import describe_work
from warrener.exchange.management.filters import filters_in

SELECTOR = "x-filter-jms-selector"
PLACE = "/api/x/queues/%2F/q"


async def publish(broker: Managed, exchange: str, key: str, **headers: Any) -> None:
    message = {"routing_key": key, "payload": "hello", "payload_encoding": "string"}
    properties = {"headers": headers, "timestamp": 1000}
    place = f"/api/exchanges/%2F/{exchange}/publish"
    await broker.api.post(place, message | {"properties": properties})


async def test_a_queue_says_why_it_stands_still():
    async with managed() as broker:
        await broker.api.put("/api/queues/%2F/q")
        assert (await broker.api.get(f"{PLACE}/why"))["why"] == "it is empty"
        await publish(broker, "amq.default", "q")
        found = await broker.api.get(f"{PLACE}/why")
        assert (found["why"], found["messages_ready"]) == ("no consumers", 1)
        assert (found["consumers"], found["alarms"]) == ([], [])
        assert (await broker.api.ask("GET", "/api/x/queues/%2F/nothing/why")).status == 404


async def test_what_costs_more_is_there_for_who_asks_for_it():
    async with managed() as broker:
        await broker.api.put("/api/queues/%2F/q")
        await publish(broker, "amq.default", "q")
        (queue,) = await broker.api.get("/api/queues?columns=why,oldest_age,head_message_timestamp")
        assert queue["why"] == "no consumers"
        assert queue["head_message_timestamp"] == 1000
        assert queue["oldest_age"] > 1e9
        (queue,) = await broker.api.get("/api/queues")
        assert not {"why", "oldest_age"} & queue.keys()
        assert "why" not in await broker.api.get("/api/queues/%2F/q")


@pytest.mark.parametrize("kind", ["direct", "fanout", "topic", "headers", "x-random"])
async def test_filters_of_bindings_say_what_they_have_done(kind: str):
    async with managed() as broker:
        await broker.api.put("/api/queues/%2F/q")
        await broker.api.put("/api/exchanges/%2F/e", {"type": kind})
        binding = {"routing_key": "k", "arguments": {SELECTOR: "color = 'red'"}}
        await broker.api.post("/api/bindings/%2F/e/e/q/q", binding)
        await broker.api.post("/api/bindings/%2F/e/e/q/q", {"routing_key": "plain"})
        (found,) = await broker.api.get("/api/x/filters/%2F")
        assert (found["evaluations"], found["matches"], found["cost_ns"]) == (0, 0, None)
        for color in ("red", "blue", "red"):
            await publish(broker, "e", "k", color=color)
        (found,) = await broker.api.get("/api/x/filters")
        cost = found.pop("cost_ns")
        assert cost > 0
        # The index does not evaluate a filter for a message of another color.
        assert found == {
            "filter": "color = 'red'",
            "vhost": "/",
            "on": "binding",
            "from": "e",
            "to": "q",
            "key": "k",
            "evaluations": 2,
            "matches": 2,
            "errors": 0,
        }


async def test_a_binding_says_what_its_filter_has_done_if_it_is_asked():
    async with managed() as broker:
        await broker.api.put("/api/queues/%2F/q")
        binding = {"routing_key": "k", "arguments": {SELECTOR: "color <> 'blue'"}}
        await broker.api.post("/api/bindings/%2F/e/amq.direct/q/q", binding)
        await broker.api.post("/api/bindings/%2F/e/amq.direct/q/q", {"routing_key": "plain"})
        for color in ("red", "blue"):
            await publish(broker, "amq.direct", "k", color=color)
        place = "/api/exchanges/%2F/amq.direct/bindings/source"
        found = await broker.api.get(f"{place}?columns=routing_key,filter_stats")
        stats = {each["routing_key"]: each["filter_stats"] for each in found}
        assert stats["plain"] is None
        assert stats["k"].pop("cost_ns") > 0
        assert stats["k"] == {"evaluations": 2, "matches": 1}
        assert not any("filter_stats" in each for each in await broker.api.get(place))


async def test_a_filter_that_goes_while_it_is_listed_has_done_nothing():
    async with managed() as broker:
        await broker.api.put("/api/queues/%2F/q")
        binding = {"routing_key": "k", "arguments": {SELECTOR: "size > 2"}}
        await broker.api.post("/api/bindings/%2F/e/amq.direct/q/q", binding)
        (found,) = filters_in([broker.broker.vhosts["/"]])
        await broker.api.delete("/api/queues/%2F/q")
        assert describe_work(found.work()) == {"evaluations": 0, "matches": 0, "cost_ns": None}


async def test_a_filter_is_listed_in_its_parts_if_it_is_asked():
    async with managed() as broker:
        await broker.api.put("/api/queues/%2F/q")
        arguments = {SELECTOR: "size > 2", "x-filter-tags": "red || blue"}
        binding = {"routing_key": "k", "arguments": arguments}
        await broker.api.post("/api/bindings/%2F/e/amq.direct/q/q", binding)
        (found,) = await broker.api.get("/api/x/filters?columns=filter,selector,tags")
        assert found == {
            "filter": "size > 2  tags: red || blue",
            "selector": "size > 2",
            "tags": "red || blue",
        }


async def test_filters_of_consumers_say_what_they_have_done():
    async with managed() as broker:
        client = await broker.amqp.login()
        await client.declare("q")
        await client.consume("q", arguments={SELECTOR: "color <> 'blue'"})
        before = (await broker.api.get("/api/overview"))["filter_totals"]
        for color in ("red", "blue"):
            await publish(broker, "amq.default", "q", color=color)
        (found,) = await broker.api.get("/api/x/filters")
        assert (found["on"], found["from"], found["to"]) == ("consumer", "q", "c")
        assert (found["evaluations"], found["matches"]) == (2, 1)
        after = (await broker.api.get("/api/overview"))["filter_totals"]
        assert {name: after[name] - before[name] for name in after} == {
            "messages": 2,
            "evaluations": 2,
            "matches": 1,
            "unmatched": 1,
        }
        (consumer,) = await broker.api.get("/api/consumers")
        assert consumer["messages_unacknowledged"] == 1
        why = (await broker.api.get(f"{PLACE}/why"))["why"]
        assert why == "filters refuse the only message that waits (its only consumer)"
