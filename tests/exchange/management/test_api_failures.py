"""What has failed, and queues that are suspended for it, over HTTP."""

import pytest
import trio

from tests.exchange.management.managed import managed
from tests.exchange.server.served import PATIENCE_S
from warrener.exchange.durability.ledger import Ledger
from warrener.exchange.durability.records import Kind

PLACE = "/api/x/queues/%2F/q"


async def test_a_suspended_queue_says_so_and_can_be_resumed():
    async with managed() as broker:
        await broker.api.put("/api/queues/%2F/q")
        queue = broker.broker.vhosts["/"].queues["q"]
        queue.suspend(ZeroDivisionError("a mistake"))
        assert (await broker.api.get("/api/queues/%2F/q"))["state"] == "suspended"
        found = await broker.api.get(f"{PLACE}/why")
        assert found["suspended"] == "ZeroDivisionError: a mistake"
        assert found["why"].startswith("it is suspended")
        get = {"count": 1, "ackmode": "ack_requeue_true", "encoding": "auto"}
        answer = await broker.api.ask("POST", "/api/queues/%2F/q/get", get)
        assert answer.status == 400
        assert (await broker.api.ask("POST", f"{PLACE}/resume", {})).status == 204
        assert (await broker.api.get("/api/queues/%2F/q"))["state"] == "running"


async def test_failures_are_listed_the_latest_first():
    async with managed() as broker:
        # Filters belong to the process: those of other tests may be listed as well.
        before = await broker.api.get("/api/x/failures")
        assert [each for each in before if each["kind"] != "filter"] == []
        for name in ("a", "b"):
            await broker.api.put(f"/api/queues/%2F/{name}")
            broker.broker.vhosts["/"].queues[name].suspend(ZeroDivisionError("a mistake"))
        listed = await broker.api.get("/api/x/failures")
        latest, first = [each for each in listed if each["kind"] != "filter"]
        assert (first["kind"], first["name"], first["vhost"]) == ("queue", "a", "/")
        assert (latest["name"], latest["count"]) == ("b", 1)
        assert latest["error"] == "ZeroDivisionError: a mistake"
        assert latest["first_at"] == latest["last_at"]


async def test_a_record_that_means_nothing_is_shown_and_can_be_given_up(
    monkeypatch: pytest.MonkeyPatch,
):
    # The null store has no records of an earlier start that could be held.
    monkeypatch.setattr(Ledger, "hold", lambda ledger, position: None)
    async with managed() as broker:
        assert await broker.api.get("/api/x/unreadable") == []
        ledger = broker.broker.ledger
        fields = {"name": "u", "password_hash": "secret", "tags": [b"\xff"]}
        position = ledger.write(Kind.USER_SET, fields)
        broker.broker.unreadable.keep(Kind.USER_SET, (position,), KeyError("limits"), fields)
        (record,) = await broker.api.get("/api/x/unreadable")
        assert (record["position"], record["kind"]) == (position, "USER_SET")
        assert record["fields"] == {"name": "u", "tags": ["/w=="]}
        place = f"/api/x/unreadable/{position}"
        assert (await broker.api.ask("DELETE", place)).status == 204
        assert (await broker.api.ask("DELETE", place)).status == 404


async def test_a_message_that_is_held_back_for_millions_of_years_is_shown():
    async with managed() as broker:
        arguments = {"x-delayed-type": "fanout"}
        body = {"type": "x-delayed-message", "arguments": arguments}
        await broker.api.put("/api/exchanges/%2F/later", body)
        await broker.api.put("/api/queues/%2F/q")
        await broker.api.post("/api/bindings/%2F/e/later/q/q", {})
        message = {"routing_key": "", "payload": "x", "payload_encoding": "string"}
        headers = {"x-opt-delivery-time": 2**63 - 1}
        place = "/api/exchanges/%2F/later/publish"
        await broker.api.post(place, message | {"properties": {"headers": headers}})
        found = await broker.api.get("/api/x/exchanges/%2F/later/delayed")
        (item,) = found["items"]
        assert item["due"] == 2**63 - 1
        assert item["due_at"].startswith("9999-12-31")


async def test_a_sample_that_cannot_be_taken_ends_no_api(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("warrener.exchange.management.sampler.INTERVAL_S", 0.01)

    def fail(now: float) -> None:
        raise ZeroDivisionError("a mistake")

    async with managed() as broker:
        broker.application.sampler.round = fail
        with trio.fail_after(PATIENCE_S):
            while not list(broker.broker.failures):
                await trio.sleep(0.01)
        failure, *_ = await broker.api.get("/api/x/failures")
        assert (failure["kind"], failure["name"]) == ("management", "sampler")
