"""The source: where documents come from, whatever broker they are about.

`ApiSource` asks a management API over HTTP, in a thread, so that a slow broker does not hold up the
keys. `in_process.py` asks a broker in this process.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any, Protocol, TypeVar

import trio

from warrener.exchange.management.client import ManagementClient, ManagementError, Peeked
from warrener.exchange.monitor.event_reader import EventReader, HeardEvent

T = TypeVar("T")

ESSENTIAL = "overview"
EVENTS = "/api/x/events"


class Source(Protocol):
    """Answers requests of the management API."""

    async def ask(self, method: str, target: str, document: Any = None) -> Any:
        """The document in the answer. Raises: ManagementError."""

    async def peek(
        self, vhost: str, queue: str, count: int, *, truncate: int, may_take: bool
    ) -> Peeked:
        """The first messages of a queue. Raises: ManagementError."""

    def listen(self) -> AsyncGenerator[HeardEvent | None, None]:
        """What comes and goes, for ever, beginning with None once somebody listens.

        Raises: ManagementError where nothing is told.
        """


class ApiSource:
    """A management API over HTTP: Warrener's or RabbitMQ's."""

    def __init__(self, client: ManagementClient, listener: ManagementClient | None = None) -> None:
        """`listener` is a client for events only, which waits for longer than they are apart."""
        self._client = client
        self._listener = listener
        self._in_use = trio.Lock()

    async def ask(self, method: str, target: str, document: Any = None) -> Any:
        return await self._run(lambda client: client.ask(method, target, document))

    async def peek(
        self, vhost: str, queue: str, count: int, *, truncate: int, may_take: bool
    ) -> Peeked:
        return await self._run(
            lambda client: client.peek(vhost, queue, count, truncate=truncate, may_take=may_take)
        )

    async def listen(self) -> AsyncGenerator[HeardEvent | None, None]:
        """The connection is another one, which a thread reads; whoever stops listening leaves it to
        the next event or comment to find that out."""
        if self._listener is None:
            raise ManagementError("nobody listens here")
        reader, parts = EventReader(), self._listener.stream(EVENTS)
        while part := await trio.to_thread.run_sync(next, parts, b"", abandon_on_cancel=True):
            # A comment comes at once, so that one knows.
            yield None
            for event in reader.feed(part):
                yield event
        raise ManagementError("the event stream has ended")

    def close(self) -> None:
        """Let go of the connections; who waits for an event hears that there is none."""
        for client in filter(None, (self._client, self._listener)):
            client.close()

    async def _run(self, step: Callable[[ManagementClient], T]) -> T:
        async with self._in_use:
            return await trio.to_thread.run_sync(step, self._client, abandon_on_cancel=True)


async def fetch(source: Source, targets: Mapping[str, str]) -> dict[str, Any]:
    """The documents at targets, by their names; what is refused or gone is None.

    Raises: ManagementError if the broker cannot be asked, or does not say anything of itself.
    """
    documents: dict[str, Any] = {}
    for name, target in targets.items():
        try:
            documents[name] = await source.ask("GET", target)
        except ManagementError as error:
            if name == ESSENTIAL or not error.status:
                raise
            documents[name] = None
    return documents
