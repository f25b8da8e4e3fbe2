"""A broker in this process as a source: its endpoints are asked directly, without HTTP."""

from __future__ import annotations

import json
from base64 import b64encode
from collections import deque
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import trio

from warrener.exchange.management.application import Application, Peer
from warrener.exchange.management.client import ManagementError, Peeked
from warrener.exchange.management.values import plain
from warrener.exchange.monitor.event_reader import HeardEvent
from warrener.exchange.monitor.events import EVENTS_MAX
from warrener.protocol.http.errors import HttpError
from warrener.protocol.http.request import Request
from warrener.protocol.http.response import Response
from warrener.protocol.http.target import parse_target

if TYPE_CHECKING:
    from warrener.exchange.statistics.events import Event

REFUSED = 400
"""Statuses from this one on are refusals."""


class InProcessSource:
    """The management API of a broker, as one of its users."""

    def __init__(self, application: Application, user: str, password: str) -> None:
        self._application = application
        login = b64encode(f"{user}:{password}".encode()).decode()
        self._headers = {"authorization": f"Basic {login}"}
        self._peer = Peer("127.0.0.1", 0)

    async def ask(self, method: str, target: str, document: Any = None) -> Any:
        """The document in the answer. Raises: ManagementError."""
        application = self._application
        body = b"" if document is None else json.dumps(document).encode()
        try:
            request = Request(method, parse_target(target.encode()), self._headers)
            call = await application.begin(request, self._peer)
            response = await application.answer(call, body)
        except HttpError as error:
            response = application.refuse(error)
        found = await _document(response)
        if response.status >= REFUSED:
            reason = found.get("reason", "") if isinstance(found, dict) else ""
            raise ManagementError(f"{method} {target}: {response.status} {reason}", response.status)
        return found

    async def peek(
        self, vhost: str, queue: str, count: int, *, truncate: int, may_take: bool
    ) -> Peeked:
        place = f"/api/x/queues/{quote(vhost, safe='')}/{quote(queue, safe='')}/peek"
        found = await self.ask("GET", f"{place}?count={count}&truncate={truncate}")
        return Peeked(found["items"], True)

    async def listen(self) -> AsyncGenerator[HeardEvent | None, None]:
        """Straight from the broker; who looks away for too long misses the oldest."""
        heard: deque[HeardEvent] = deque(maxlen=EVENTS_MAX)
        arrived = trio.Event()

        def hear(event: Event) -> None:
            heard.append(HeardEvent(event.kind, {"vhost": event.vhost} | plain(event.fields)))
            arrived.set()

        listeners = self._application.server.broker.activity.events.listeners
        listeners.append(hear)
        try:
            yield None
            while True:
                await arrived.wait()
                arrived = trio.Event()
                while heard:
                    yield heard.popleft()
        finally:
            listeners.remove(hear)


async def _document(response: Response) -> Any:
    """The document in a response, which may come in parts."""
    parts = [response.body]
    if response.parts is not None:
        if hasattr(response.parts, "__aiter__"):
            parts = [part async for part in response.parts]
        else:
            parts = list(response.parts)
    body = b"".join(parts)
    return json.loads(body) if body else None
