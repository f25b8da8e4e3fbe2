"""Bindings over HTTP: they have no names, but can be told apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.exchange.management.managed import Managed, managed
from warrener.exchange.management.bindings import properties_key

PLACE = "/api/bindings/%2F/e/amq.topic/q/q"


async def with_queue(broker: Managed) -> None:
    await broker.api.put("/api/queues/%2F/q")


@pytest.mark.parametrize(
    ("document", "key"),
    [
        (None, "~"),
        ({}, "~"),
        ({"routing_key": "a.#"}, "a.%23"),
        ({"routing_key": "a/b c%d~"}, "a%2Fb+c%25d%7E"),
        ({"routing_key": 5}, "5"),
        ({"routing_key": "k", "arguments": {"x": 1, "y": ["z", {"t": True}]}}, None),
        ({"arguments": {"x": 1.5}}, None),
    ],
)
async def test_a_binding_is_found_where_its_location_says(document, key):
    async with managed() as broker:
        await with_queue(broker)
        made = await broker.api.post(PLACE, document)
        assert made.status == 201
        queue, _, last = made.headers["location"].partition("/")
        assert queue == "q"
        found = await broker.api.get(f"{PLACE}/{last}")
        assert key in (None, found["properties_key"])
        assert found["arguments"] == (document or {}).get("arguments", {})
        assert await broker.api.get(PLACE) == [found]
        assert (await broker.api.delete(f"{PLACE}/{last}")).status == 204
        assert (await broker.api.delete(f"{PLACE}/{last}")).status == 404


async def test_a_binding_is_listed_from_either_end():
    async with managed() as broker:
        await with_queue(broker)
        await broker.api.post(PLACE, {"routing_key": "k"})
        (binding,) = await broker.api.get("/api/exchanges/%2F/amq.topic/bindings/source")
        assert (binding["source"], binding["destination"]) == ("amq.topic", "q")
        assert binding["destination_type"] == "queue"
        assert binding in await broker.api.get("/api/queues/%2F/q/bindings")
        assert binding in await broker.api.get("/api/bindings/%2F")
        assert binding in await broker.api.get("/api/bindings")


async def test_every_queue_is_bound_to_the_default_exchange():
    async with managed() as broker:
        await with_queue(broker)
        (binding,) = await broker.api.get("/api/bindings")
        assert (binding["source"], binding["routing_key"]) == ("", "q")
        default = "/api/exchanges/%2F/amq.default/bindings/source"
        assert await broker.api.get(default) == [binding]
        answer = await broker.api.post("/api/bindings/%2F/e/amq.default/q/q")
        assert answer.status == 401


async def test_exchanges_are_bound_to_each_other():
    async with managed() as broker:
        place = "/api/bindings/%2F/e/amq.topic/e/amq.fanout"
        made = await broker.api.post(place, {"routing_key": "k"})
        assert (made.status, made.headers["location"]) == (201, "amq.fanout/k")
        (binding,) = await broker.api.get("/api/exchanges/%2F/amq.fanout/bindings/destination")
        assert binding["destination_type"] == "exchange"
        assert await broker.api.get(f"{place}/k") == binding
        assert (await broker.api.delete(f"{place}/k")).status == 204
        assert await broker.api.get(place) == []


async def test_what_cannot_be_bound_is_refused():
    async with managed() as broker:
        await with_queue(broker)
        for place, document, status in (
            ("e/amq.topic/q/nothing", {}, 404),
            ("e/nothing/q/q", {}, 404),
            ("e/amq.topic/e/nothing", {}, 404),
            ("e/amq.headers/q/q", {"arguments": {"x-match": "bogus"}}, 400),
            ("e/amq.topic/q/q", {"arguments": {"x-filter-jms-selector": "a ="}}, 400),
            ("e/amq.topic/q/q", {"routing_key": "k" * 256}, 400),
        ):
            assert (await broker.api.post(f"/api/bindings/%2F/{place}", document)).status == status
        assert await broker.api.get("/api/bindings/%2F/e/amq.topic/q/nothing") == []


@given(st.text(), st.dictionaries(st.text(), st.integers() | st.text() | st.booleans()))
def test_a_key_is_the_same_for_the_same_binding_and_safe_in_a_path(key, arguments):
    try:
        key.encode()
    except UnicodeEncodeError:
        return
    found = properties_key(key, arguments)
    assert found == properties_key(key, dict(reversed(arguments.items())))
    assert found.isascii()
    assert "/" not in found
    assert (found == "~") == (not key and not arguments)
