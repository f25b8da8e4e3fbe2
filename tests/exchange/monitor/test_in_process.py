"""A broker in this process is seen as one behind HTTP is."""

from contextlib import aclosing

import pytest
import trio
import trio.testing

from tests.exchange.management.managed import managed
from warrener.exchange.management.client import ManagementClient, ManagementError
from warrener.exchange.monitor.in_process import InProcessSource
from warrener.exchange.monitor.program import Observation
from warrener.exchange.monitor.source import ApiSource
from warrener.exchange.monitor.state import Details, State
from warrener.exchange.monitor.views import VIEWS


async def test_every_view_can_be_seen() -> None:
    async with managed() as broker:
        source = InProcessSource(broker.application, "guest", "guest")
        await source.ask("PUT", "/api/queues/%2F/orders", {"durable": True})
        observation = Observation(source)
        for view in VIEWS:
            await observation.update(State(view=view))
        await observation.update(State())
        assert observation.snapshot is not None
        (row,) = observation.snapshot.rows
        assert row["name"] == "orders"
        await observation.update(State(details=Details("queues", row)))
        assert observation.snapshot.details["details"]["durable"]


async def test_what_the_api_refuses_is_refused() -> None:
    async with managed() as broker:
        source = InProcessSource(broker.application, "guest", "guest")
        with pytest.raises(ManagementError, match="404") as refusal:
            await source.ask("GET", "/api/queues/%2F/nothing")
        assert refusal.value.status == 404
        with pytest.raises(ManagementError, match="401"):
            await InProcessSource(broker.application, "guest", "wrong").ask("GET", "/api/overview")


async def test_messages_are_looked_at_and_left() -> None:
    async with managed() as broker:
        source = InProcessSource(broker.application, "guest", "guest")
        await source.ask("PUT", "/api/queues/%2F/a%2Fb", {})
        message = {"properties": {}, "payload": "hello", "payload_encoding": "string"}
        place = "/api/exchanges/%2F/amq.default/publish"
        await source.ask("POST", place, message | {"routing_key": "a/b"})
        for _ in range(2):
            peeked = await source.peek("/", "a/b", 10, truncate=2, may_take=False)
            assert [each["payload"] for each in peeked.messages] == ["he"]
            assert not peeked.messages[0]["redelivered"]


async def test_what_comes_and_goes_is_heard() -> None:
    async with managed() as broker:
        source = InProcessSource(broker.application, "guest", "guest")
        async with aclosing(source.listen()) as heard:
            assert await anext(heard) is None
            await source.ask("PUT", "/api/queues/%2F/orders", {})
            event = await anext(heard)
            assert event is not None
            assert (event.kind, event.fields["name"]) == ("queue.created", "orders")
        assert broker.broker.activity.events.listeners == []


async def test_a_remote_broker_is_heard_as_well() -> None:
    async with managed() as broker:
        url = f"http://guest:guest@127.0.0.1:{broker.api.port}"
        source = ApiSource(ManagementClient(url), ManagementClient(url))
        heard = source.listen()
        assert await anext(heard) is None
        await source.ask("PUT", "/api/queues/%2F/orders", {})
        with trio.fail_after(10):
            while (event := await anext(heard)) is None:
                pass
        assert event.fields["name"] == "orders"
        await heard.aclose()
        source.close()


async def test_how_often_filters_are_evaluated_is_told_from_two_looks(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with managed() as broker:
        source = InProcessSource(broker.application, "guest", "guest")
        await source.ask("PUT", "/api/queues/%2F/q", {})
        await source.ask("PUT", "/api/exchanges/%2F/e", {"type": "fanout"})
        binding = {"arguments": {"x-filter-jms-selector": "n IS NULL OR n > 1"}}
        await source.ask("POST", "/api/bindings/%2F/e/e/q/q", binding)
        observation, state = Observation(source), State(view="filters")
        await observation.update(state)
        message = {"routing_key": "", "payload": "", "payload_encoding": "string"}
        message |= {"properties": {"headers": {"n": 1}}}
        for _ in range(4):
            await source.ask("POST", "/api/exchanges/%2F/e/publish", message)
        await trio.sleep(2)
        await observation.update(state)
        assert observation.snapshot is not None
        (row,) = observation.snapshot.rows
        assert row["evaluations_rate"] == pytest.approx(2, rel=0.1)
        assert observation.snapshot.broker.rates["filtered"] >= 1.9
