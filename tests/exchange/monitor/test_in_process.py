"""A broker in this process is seen as one behind HTTP is."""

import pytest

from tests.exchange.management.managed import managed
from warrener.exchange.management.client import ManagementError
from warrener.exchange.monitor.in_process import InProcessSource
from warrener.exchange.monitor.program import Observation
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
