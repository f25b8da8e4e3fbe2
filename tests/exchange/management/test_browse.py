"""Peek, search, explain, and what is held back: ours, under /api/x/."""

from typing import Any

import pytest

from tests.exchange.management.managed import Managed, managed
from warrener.exchange.management import browse, listing
from warrener.storage.null import NullStore

PLACE = "/api/x/queues/%2F/q"


async def publish(
    broker: Managed,
    payload: str,
    routing_key: str = "q",
    exchange: str = "amq.default",
    **properties: Any,
) -> None:
    message = {"properties": properties, "routing_key": routing_key, "payload": payload}
    answer = await broker.api.post(
        f"/api/exchanges/%2F/{exchange}/publish", {**message, "payload_encoding": "string"}
    )
    assert answer.document == {"routed": True}


async def peeked(broker: Managed, query: str = "") -> list[str]:
    document = await broker.api.get(f"{PLACE}/peek?{query}")
    return [item["payload"] for item in document["items"]]


async def got(broker: Managed) -> list[tuple[str, bool]]:
    asked = {"count": -1, "ackmode": "ack_requeue_false", "encoding": "auto"}
    answer = await broker.api.post("/api/queues/%2F/q/get", asked)
    return [(item["payload"], item["redelivered"]) for item in answer.document]


@pytest.mark.parametrize(
    "declared",
    [{}, {"durable": True}, {"arguments": {"x-max-priority": 5}}],
    ids=["in memory", "durable", "with priorities"],
)
async def test_a_peek_leaves_everything_as_it_is(declared: dict[str, Any]):
    async with managed() as broker:
        await broker.api.put("/api/queues/%2F/q", declared)
        for payload in ("one", "two", "three"):
            await publish(broker, payload, delivery_mode=2)
        counts = list(broker.broker.vhost("/").queues["q"].counts)
        for _ in range(2):
            assert await peeked(broker) == ["one", "two", "three"]
        assert broker.broker.vhost("/").queues["q"].counts == counts
        assert await got(broker) == [("one", False), ("two", False), ("three", False)]


async def test_a_peek_is_in_the_order_in_which_messages_would_leave():
    async with managed() as broker:
        await broker.api.put("/api/queues/%2F/q", {"arguments": {"x-max-priority": 5}})
        for payload, priority in (("one", 0), ("two", 5), ("three", 0), ("four", 5)):
            await publish(broker, payload, priority=priority)
        assert await peeked(broker) == ["two", "four", "one", "three"]


async def test_what_came_back_comes_first_and_is_marked():
    async with managed() as broker:
        await broker.api.put("/api/queues/%2F/q")
        for payload in ("one", "two", "three"):
            await publish(broker, payload)
        asked = {"count": 2, "ackmode": "ack_requeue_true", "encoding": "auto"}
        await broker.api.post("/api/queues/%2F/q/get", asked)
        document = await broker.api.get(f"{PLACE}/peek")
        shown = [(item["payload"], item["redelivered"]) for item in document["items"]]
        assert shown == [("one", True), ("two", True), ("three", False)]


async def test_a_peek_takes_a_selector_tags_and_a_count():
    async with managed() as broker:
        await broker.api.put("/api/queues/%2F/q")
        for number in range(6):
            headers = {"amount": number, "TAGS": "even" if number % 2 == 0 else "odd"}
            await publish(broker, str(number), headers=headers)
        assert await peeked(broker, "selector=amount%20%3E%203") == ["4", "5"]
        assert await peeked(broker, "tags=odd&count=2") == ["1", "3"]
        document = await broker.api.get(f"{PLACE}/peek?count=2")
        assert (document["examined"], document["complete"]) == (2, False)
        document = await broker.api.get(f"{PLACE}/peek?selector=amount%20%3E%209")
        assert document == {"items": [], "examined": 6, "complete": True}


async def test_a_long_queue_is_looked_at_in_pieces(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(browse, "PIECE", 7)
    async with managed(NullStore()) as broker:
        client = await broker.amqp.login()
        await client.declare("q", durable=True)
        bodies = [b"%d" % number for number in range(6000)]
        await client.deliver("q", *bodies)
        document = await broker.api.get(f"{PLACE}/peek?count=1000&selector=1%3D1")
        assert [item["payload"] for item in document["items"]] == [
            body.decode() for body in bodies[:1000]
        ]
        document = await broker.api.get(f"{PLACE}/peek?selector=1%3D2")
        assert (document["examined"], document["complete"]) == (6000, True)
        assert broker.amqp.ready("q") == 6000


@pytest.mark.parametrize("query", ["count=x", "count=-1", "selector=%28", "count=%C2%B2"])
async def test_what_makes_no_sense_is_refused(query: str):
    async with managed() as broker:
        await broker.api.put("/api/queues/%2F/q")
        answer = await broker.api.ask("GET", f"{PLACE}/peek?{query}")
        assert answer.status == 400
        assert answer.document["error"] == "bad_request"


async def test_to_peek_takes_the_permission_to_read():
    async with managed() as broker:
        await broker.api.put("/api/queues/%2F/q")
        await publish(broker, "secret", message_id="m1")
        broker.broker.users.add("ann", "secret")
        broker.broker.users.set_tags("ann", ["management"])
        broker.broker.permissions.set("ann", "/", ".*", ".*", "other")
        ann = broker.api.as_("ann:secret")
        assert (await ann.ask("GET", f"{PLACE}/peek")).status == 401
        document = await ann.get("/api/x/messages/%2F?message_id=m1")
        assert document["items"] == []


async def test_an_exclusive_queue_is_its_owners():
    async with managed() as broker:
        client = await broker.amqp.login()
        await client.declare("q", exclusive=True)
        assert (await broker.api.ask("GET", f"{PLACE}/peek")).status == 400


async def test_a_message_is_found_by_its_id_and_by_its_keys():
    async with managed() as broker:
        for name in ("a", "b"):
            await broker.api.put(f"/api/queues/%2F/{name}")
        await publish(broker, "one", "a", message_id="m1", headers={"KEYS": "k1 k2"})
        await publish(broker, "two", "b", message_id="m2", headers={"KEYS": "k2"})

        async def found(query: str) -> list[tuple[str, str]]:
            document = await broker.api.get(f"/api/x/messages/%2F?{query}")
            return [(item["queue"], item["payload"]) for item in document["items"]]

        assert await found("message_id=m2") == [("b", "two")]
        assert await found("key=k2") == [("a", "one"), ("b", "two")]
        assert await found("key=k2&message_id=m1") == [("a", "one")]
        assert await found("key=k") == []
        assert (await broker.api.ask("GET", "/api/x/messages/%2F")).status == 400


class ShortTurn(listing.Turn):
    """A turn that is over at once, and counts how often others have had theirs."""

    passed_on = 0
    is_over = True

    async def pass_on(self) -> None:
        ShortTurn.passed_on += 1
        await super().pass_on()


@pytest.mark.parametrize(
    ("path", "turns"),
    [(f"{PLACE}/peek?selector=a%3D1&count=50", 50), ("/api/x/messages/%2F?key=none", 150)],
    ids=["peek", "search"],
)
async def test_others_have_their_turn_between_two_messages_and_two_queues(
    monkeypatch: pytest.MonkeyPatch, path: str, turns: int
):
    async with managed() as broker:
        for number in range(50):
            await broker.api.put(f"/api/queues/%2F/empty-{number}")
        await broker.api.put("/api/queues/%2F/q")
        for number in range(50):
            await publish(broker, str(number), headers={"a": 1})
        monkeypatch.setattr(browse, "Turn", ShortTurn)
        monkeypatch.setattr(ShortTurn, "passed_on", 0)
        await broker.api.get(path)
        assert ShortTurn.passed_on >= turns


async def test_a_selector_at_the_limits_is_explained_on_a_long_header():
    selector = " OR ".join(f"h LIKE '%a_b{number}%'" for number in range(190))
    asked = {"selector": selector, "properties": {"headers": {"h": "a" * 1000}}}
    async with managed() as broker:
        answer = await broker.api.post("/api/x/filters/explain", asked)
        assert answer.document["matches"] is False
        asked["properties"]["headers"]["h"] = "a" * 100_000
        answer = await broker.api.post("/api/x/filters/explain", asked)
        steps = answer.document["steps"]
        assert {step["value"] for step in steps if step["is_condition"]} == {"UNKNOWN"}


async def test_a_filter_is_explained():
    async with managed() as broker:
        asked = {
            "selector": "region = 'EU' AND amount > 100",
            "properties": {"headers": {"region": "EU", "amount": 12}},
        }
        answer = await broker.api.post("/api/x/filters/explain", asked)
        assert answer.document["matches"] is False
        assert [(step["text"], step["value"]) for step in answer.document["steps"]] == [
            ("region = 'EU' AND amount > 100", "FALSE"),
            ("region = 'EU'", "TRUE"),
            ("region", "'EU'"),
            ("amount > 100", "FALSE"),
            ("amount", "12"),
        ]
        asked["properties"]["headers"]["amount"] = 101
        assert (await broker.api.post("/api/x/filters/explain", asked)).document["matches"] is True


async def test_a_filter_that_is_none_is_explained_too():
    async with managed() as broker:
        answer = await broker.api.post("/api/x/filters/explain", {"selector": "price AND 3"})
        assert (answer.status, answer.document["valid"]) == (200, False)
        assert answer.document["reason"].startswith("column ")


async def delayed(broker: Managed) -> list[dict[str, Any]]:
    document = await broker.api.get("/api/x/exchanges/%2F/later/delayed")
    return list(document["items"])


async def with_delays(broker: Managed) -> None:
    arguments = {"x-delayed-type": "direct"}
    declared = {"type": "x-delayed-message", "durable": True, "arguments": arguments}
    assert (await broker.api.put("/api/exchanges/%2F/later", declared)).status == 201
    await broker.api.put("/api/queues/%2F/q", {"durable": True})
    await broker.api.post("/api/bindings/%2F/e/later/q/q", {"routing_key": "q"})
    for payload, delay in (("one", 3_600_000), ("two", 7_200_000)):
        await publish(broker, payload, "q", "later", delivery_mode=2, headers={"x-delay": delay})


async def test_what_an_exchange_holds_back_is_listed_cancelled_and_expedited():
    async with managed() as broker:
        await with_delays(broker)
        one, two = await delayed(broker)
        assert (one["payload"], two["payload"]) == ("one", "two")
        assert two["due"] - one["due"] in range(3_500_000, 3_700_000)
        place = "/api/x/exchanges/%2F/later/delayed"
        assert (await broker.api.delete(f"{place}/{one['sequence']}")).status == 204
        assert (await broker.api.delete(f"{place}/{one['sequence']}")).status == 404
        assert [item["payload"] for item in await delayed(broker)] == ["two"]
        assert broker.amqp.ready("q") == 0
        assert (await broker.api.post(f"{place}/{two['sequence']}/expedite")).status == 204
        assert await delayed(broker) == []
        assert await got(broker) == [("two", False)]


async def test_other_exchanges_hold_nothing_back():
    async with managed() as broker:
        assert (await broker.api.ask("GET", "/api/x/exchanges/%2F/amq.topic/delayed")).status == 400
        assert (await broker.api.ask("GET", "/api/x/exchanges/%2F/none/delayed")).status == 404
