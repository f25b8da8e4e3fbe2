"""The event stream: what comes and goes, as server-sent events.

    event: queue.created
    data: {"vhost":"/","name":"orders","at":1789000000000}

Every listener has a buffer of its own. One who reads more slowly than things happen loses the
oldest events, and is told how many (`lost`). A comment now and then shows that all is well.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator

import trio

from warrener.exchange.management.call import Call
from warrener.exchange.management.errors import Unavailable
from warrener.exchange.management.values import encode, plain
from warrener.exchange.statistics.events import Event
from warrener.protocol.http.response import EVENT_STREAM, KEEP_ALIVE, Response, event

BUFFERED_MAX = 1000
LISTENERS_MAX = 100
KEEP_ALIVE_S = 15
LOST = "lost"


class Ear:
    """One who listens, and what he has not been told yet."""

    def __init__(self, call: Call) -> None:
        self._ledger = call.broker.ledger
        self._events = call.broker.activity.events
        self._vhosts = call.request.target.every("vhost")
        self._kinds = tuple(call.request.target.every("kind"))
        self._waiting: deque[tuple[Event, int]] = deque()
        self._lost = 0
        self._heard = trio.Event()

    def hear(self, event: Event) -> None:
        if self._vhosts and event.vhost not in self._vhosts:
            return
        if self._kinds and not event.kind.startswith(self._kinds):
            return
        if len(self._waiting) == BUFFERED_MAX:
            self._waiting.popleft()
            self._lost += 1
        self._waiting.append((event, self._ledger.now_ms))
        self._heard.set()

    async def parts(self) -> AsyncGenerator[bytes, None]:
        """Listen for as long as somebody wants to be told."""
        self._events.listeners.append(self.hear)
        try:
            yield KEEP_ALIVE
            while True:
                with trio.move_on_after(KEEP_ALIVE_S):
                    await self._heard.wait()
                self._heard = trio.Event()
                yield self._told() or KEEP_ALIVE
        finally:
            self._events.listeners.remove(self.hear)

    def _told(self) -> bytes:
        told = []
        if self._lost:
            told.append(event(encode({"events": self._lost}).decode(), LOST))
            self._lost = 0
        for each, at in self._waiting:
            fields = {"vhost": each.vhost} | plain(each.fields) | {"at": at}
            told.append(event(encode(fields).decode(), each.kind))
        self._waiting.clear()
        return b"".join(told)


def listen(call: Call) -> Response:
    if len(call.broker.activity.events.listeners) >= LISTENERS_MAX:
        raise Unavailable("too many listen already")
    headers = (("Content-Type", EVENT_STREAM), ("Cache-Control", "no-store"))
    return Response(200, headers, parts=Ear(call).parts(), endless=True)
