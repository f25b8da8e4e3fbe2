"""Policies and operator policies over HTTP."""

import pytest

from tests.exchange.management.managed import managed

POLICY = {"pattern": "^q", "definition": {"max-length": 10}, "priority": 1, "apply-to": "queues"}
PLACES = ["/api/policies/%2F/p", "/api/operator-policies/%2F/p"]


@pytest.mark.parametrize("place", PLACES)
async def test_a_policy_is_set_listed_and_cleared(place: str):
    async with managed() as broker:
        assert (await broker.api.put(place, POLICY)).status == 201
        assert (await broker.api.put(place, POLICY)).status == 204
        shown = {"vhost": "/", "name": "p", **POLICY}
        assert await broker.api.get(place) == shown
        assert await broker.api.get(place.removesuffix("/p")) == [shown]
        assert await broker.api.get(place.removesuffix("/%2F/p")) == [shown]
        assert (await broker.api.delete(place)).status == 204
        for method in ("GET", "DELETE"):
            assert (await broker.api.ask(method, place)).status == 404


async def test_a_queue_tells_what_applies_to_it():
    async with managed() as broker:
        await broker.api.put("/api/queues/%2F/q")
        await broker.api.put(
            PLACES[0], POLICY | {"definition": {"max-length": 10, "expires": 5000}}
        )
        await broker.api.put(PLACES[1], POLICY | {"definition": {"max-length": 5}})
        queue = await broker.api.get("/api/queues/%2F/q")
        assert (queue["policy"], queue["operator_policy"]) == ("p", "p")
        assert queue["effective_policy_definition"] == {"max-length": 5, "expires": 5000}


async def test_an_exchange_tells_what_applies_to_it():
    async with managed() as broker:
        assert "policy" not in await broker.api.get("/api/exchanges/%2F/amq.topic")
        definition = {"alternate-exchange": "amq.fanout"}
        policy = {"pattern": "topic", "definition": definition, "apply-to": "exchanges"}
        await broker.api.put(PLACES[0], policy)
        assert (await broker.api.get("/api/exchanges/%2F/amq.topic"))["policy"] == "p"


@pytest.mark.parametrize(
    "wrong",
    [
        {"pattern": "("},
        {"definition": {}},
        {"definition": {"bogus": 1}},
        {"definition": 5},
        {"definition": {"max-length": "x"}},
        {"priority": "x"},
        {"priority": "5"},
        {"priority": None},
        {"priority": 5.5},
        {"apply-to": ""},
        {"apply-to": "nothing"},
    ],
)
@pytest.mark.parametrize("place", PLACES)
async def test_a_policy_that_is_none_is_refused(place: str, wrong):
    async with managed() as broker:
        answer = await broker.api.put(place, POLICY | wrong)
        assert (answer.status, answer.document["error"]) == (400, "bad_request")
        assert await broker.api.get(place.removesuffix("/p")) == []
