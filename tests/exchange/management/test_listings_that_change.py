"""Listings of things that come and go while they are made."""

import json
from typing import Any

import pytest
import trio

from tests.exchange.management.managed import Managed, managed
from warrener.exchange.management import listing

COUNT = 300


@pytest.fixture(autouse=True)
def short_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Others have their turn after each thing."""
    monkeypatch.setattr(listing, "SLICE_S", -1.0)


async def change(broker: Managed, started: trio.Event) -> None:
    """Bind and unbind, declare and delete, in each turn that there is."""
    vhost = broker.broker.vhosts["/"]
    owner: Any = object()
    number = 0
    while True:
        queue = vhost.declare_queue(f"new-{number}", owner)
        vhost.bind("amq.topic", queue, f"new.{number}", {})
        if number >= COUNT:
            vhost.delete_queue(f"new-{number - COUNT}", owner)
        number += 1
        started.set()
        await trio.lowlevel.checkpoint()


@pytest.mark.parametrize(
    "place",
    ["bindings", "queues", "exchanges/%2F/amq.topic/bindings/source", "definitions", "x/topology"],
)
async def test_what_changes_meanwhile_breaks_no_listing(place: str):
    async with managed() as broker:
        started = trio.Event()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(change, broker, started)
            await started.wait()
            for _ in range(3):
                answer = await broker.api.ask("GET", f"/api/{place}")
                assert answer.status == 200, answer
                if place != "x/topology":
                    json.loads(answer.body)
            nursery.cancel_scope.cancel()
