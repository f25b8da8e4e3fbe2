"""A transaction: publishes and settlements that happen together or not at all.

Until the commit they are only noted. The commit does them all within one pass, so the store
writes them as one: after a crash either all are there or none is. It is answered when they are
on disk.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from warrener.protocol import methods as m

if TYPE_CHECKING:
    from warrener.exchange.message import Message
    from warrener.exchange.server.channel import ServerChannel
    from warrener.exchange.server.publication import Publication


class Transaction:
    """What a channel wants done at the next commit."""

    def __init__(self) -> None:
        self.publishes: list[tuple[Publication, Sequence[Message], int]] = []
        self.settlements: list[Callable[[], None]] = []


class Commit:
    """A commit that waits for the disk; it is answered as publishes are (see `Confirms`)."""

    published = 1

    def __init__(self, channel: ServerChannel) -> None:
        self._channel = channel

    @property
    def written(self) -> int:
        """The end of the ledger once the pass of the commit is written."""
        return self._channel.connection.broker.ledger.end

    def confirm(self, number: int) -> None:
        if self._channel.is_open:
            self._channel.send(m.TxCommitOk())
