"""When that which passes have to write goes to the store.

Each commit is a write and a sync, however little is in it, so what comes together should go
together. A pass leaves one of these behind:

- many records: they are committed with the pass, and the disk works while the next ones are read;
- a few records: they are committed when all sessions that have something to read by now have had
  their pass, so publishers who come together share one sync; with the pass, if nobody else has
  left any for a while;
- nothing but acknowledgements: nobody is told when they are on disk, so they go with the next
  records, or alone after LINGER_S.

The order stays as it was: passes go into a commit one after the other, and a commit is in the
store before the next. A commit is whole or not there after a crash, and so is each of its passes.
"""

from __future__ import annotations

from collections.abc import Callable

import trio

from warrener.exchange.broker import Broker
from warrener.exchange.failures import Owner

MANY_RECORDS = 64
ALONE = 8
"""Passes with records in succession that make a connection the only one who has any."""
LINGER_S = 0.005
"""How long acknowledgements may wait: what of them a kill of the process undoes."""


class Commits:
    """The commits of a server; `on_committed` is called after those that end no pass."""

    __slots__ = (
        "_broker",
        "_last",
        "_on_committed",
        "_records",
        "_seen",
        "_something",
        "_succession",
    )

    def __init__(self, broker: Broker, on_committed: Callable[[], None]) -> None:
        self._broker = broker
        self._on_committed = on_committed
        self._something = trio.Event()
        self._records = trio.Event()
        self._last: object = None
        """Whose pass was the last that has left records, and how often in succession."""
        self._succession = 0
        self._seen = 0
        """Where the last pass that has left records ended."""

    def end_pass(self, source: object) -> None:
        """Commit what a pass has left, or see to it that it is done; `source` is whose pass."""
        ledger = self._broker.ledger
        records = ledger.end - ledger.committed
        if ledger.end > max(self._seen, ledger.committed):
            self._seen = ledger.end
            self._succession = self._succession + 1 if source is self._last else 0
            self._last = source
        if records >= MANY_RECORDS or ledger.failed or (records and self._succession >= ALONE):
            self._broker.commit()
        elif records:
            self._records.set()
            self._something.set()
        elif ledger.unwritten:
            self._something.set()

    async def run(self) -> None:
        """Commit what passes have left, for ever."""
        while True:
            await self._something.wait()
            if not self._records.is_set():
                with trio.move_on_after(LINGER_S):
                    await self._records.wait()
            self._something, self._records = trio.Event(), trio.Event()
            try:
                self._broker.commit()
                self._on_committed()
            except Exception as error:
                # What is not committed goes with the next commit: nothing of it is confirmed.
                broker = self._broker
                broker.failures.note(Owner("server", "commit"), error, broker.ledger.now_ms)
