"""The source: where documents come from, whatever broker they are about.

`ApiSource` asks a management API over HTTP, in a thread, so that a slow broker does not hold up the
keys. `in_process.py` asks a broker in this process.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import trio

from warrener.exchange.management.client import ManagementClient, ManagementError

ESSENTIAL = "overview"


class Source(Protocol):
    """Answers requests of the management API."""

    async def ask(self, method: str, target: str, document: Any = None) -> Any:
        """The document in the answer. Raises: ManagementError."""


class ApiSource:
    """A management API over HTTP: Warrener's or RabbitMQ's."""

    def __init__(self, client: ManagementClient) -> None:
        self._client = client
        self._in_use = trio.Lock()

    async def ask(self, method: str, target: str, document: Any = None) -> Any:
        async with self._in_use:
            return await trio.to_thread.run_sync(
                self._client.ask, method, target, document, abandon_on_cancel=True
            )


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
