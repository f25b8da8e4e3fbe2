"""Somebody who looks at everything over the management API, as `warrener top` and Prometheus do.

The endpoints are asked directly, in a broker without sockets and without a clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import trio

from tests.exchange.server.wire import Wire
from warrener.exchange.management.application import Application
from warrener.exchange.management.client import ManagementError
from warrener.exchange.management.routes import ENDPOINTS
from warrener.exchange.monitor.in_process import InProcessSource
from warrener.exchange.server.server import Server

LISTS = (
    "/api/overview",
    "/api/queues",
    "/api/queues?columns=name,why,oldest_age,head_message_timestamp,arguments",
    "/api/exchanges",
    "/api/bindings",
    "/api/consumers",
    "/api/definitions",
    "/api/policies",
    "/api/x/filters",
    "/api/x/failures",
    "/api/x/unreadable",
    "/api/x/messages/%2F?count=50&selector=a%20%3E%201",
    "/api/x/messages/%2F?count=50&key=a",
)
NOT_FOUND = 404


class StillServer(Server):
    """A server whose passes are those of a `Wire`."""

    def __init__(self, wire: Wire) -> None:
        super().__init__(wire.broker, wire.config)
        self._wire = wire

    def begin_pass(self) -> float:
        return self._wire.now

    def end_pass(self, connection: Any = None) -> None:
        self._wire.end_pass()


def look_at_everything(wire: Wire) -> int:
    """Ask for all documents; returns how many there were. Raises: ManagementError."""
    application = Application(StillServer(wire), wire.config, ENDPOINTS)
    source = InProcessSource(application, "guest", "guest")
    return trio.run(_ask_all, source, list(_targets(wire)))


async def _ask_all(source: InProcessSource, targets: list[tuple[str, str, Any]]) -> int:
    for method, target, document in targets:
        try:
            await source.ask(method, target, document)
        except ManagementError as error:
            # Exclusive queues are shown, and locked.
            if error.status not in (NOT_FOUND, 400, 405):
                raise
    return len(targets)


def _targets(wire: Wire) -> Iterator[tuple[str, str, Any]]:
    for target in LISTS:
        yield "GET", target, None
    vhost = wire.broker.vhosts["/"]
    for name in list(vhost.queues):
        place = quote(name, safe="")
        yield "GET", f"/api/queues/%2F/{place}", None
        yield "GET", f"/api/x/queues/%2F/{place}/why", None
        yield "GET", f"/api/x/queues/%2F/{place}/peek?count=50", None
        yield "GET", f"/api/queues/%2F/{place}/bindings", None
    for name in list(vhost.exchanges):
        place = quote(name, safe="") or "amq.default"
        yield "GET", f"/api/exchanges/%2F/{place}", None
        yield "GET", f"/api/x/exchanges/%2F/{place}/delayed", None
