"""A journal in a temporary folder, and the means to wait for its thread without sleeping."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.storage.unsynced_files import UnsyncedFiles
from warrener.storage.errors import DamagedRecord
from warrener.storage.files import Files
from warrener.storage.journal import Journal
from warrener.storage.store import RecoveryReport, Run

PATIENCE_S = 20


Record = tuple[int, int, bytes]
"""Position, kind and payload."""


class OpenJournal:
    """A journal that has been recovered, with what it recovered and what its thread has said."""

    def __init__(self, directory: Path, **options: object) -> None:
        self.directory = directory
        self.failures: list[BaseException] = []
        self.times_durable = 0
        self._changed = threading.Condition()
        self.store = Journal(
            directory, on_durable=self._durable, on_failure=self._failed, **options
        )
        self.runs: list[Run] = list(self.store.recover())
        self.records: list[Record] = [record for run in self.runs for record in self._records(run)]

    @property
    def report(self) -> RecoveryReport:
        return self.store.report

    @property
    def payloads(self) -> list[bytes]:
        return [payload for _, _, payload in self.records]

    @property
    def segment_files(self) -> list[Path]:
        return sorted(self.directory.glob("*.segment"))

    def _records(self, run: Run) -> Iterator[Record]:
        """The records of a run, read in full as far as they are not damaged."""
        for position, size in zip(run.positions, run.sizes, strict=True):
            try:
                [payload] = self.store.read([position])
            except DamagedRecord:
                continue
            assert payload.startswith(run.head)
            assert len(payload) == len(run.head) + size
            yield position, run.kind, payload

    def commit(self, *payloads: bytes, holders: int = 1) -> list[int]:
        """Append as one commit, and wait until it is durable."""
        positions = [self.store.append(0, payload, holders=holders) for payload in payloads]
        self.store.commit()
        self.wait_durable()
        return positions

    def wait_durable(self, end: int | None = None) -> None:
        """Until everything below a position is durable; without one, everything there is."""
        target = self.store.end if end is None else end
        self._wait(lambda: self.store.durable >= target)

    def trim(self) -> None:
        """Until there is nothing more to give back."""
        self._wait(lambda: self.store.trim() == 0 and not self.store.tidying)

    def wait_failure(self) -> BaseException:
        self._wait(lambda: bool(self.failures))
        return self.failures[0]

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait for what the journal's thread does without saying so."""
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline
            os.sched_yield()

    def _wait(self, condition: Callable[[], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(condition, PATIENCE_S)

    def _durable(self) -> None:
        with self._changed:
            self.times_durable += 1
            self._changed.notify_all()

    def _failed(self, failure: BaseException) -> None:
        with self._changed:
            self.failures.append(failure)
            self._changed.notify_all()


OpenJournalFactory = Callable[..., OpenJournal]


@pytest.fixture
def open_journal(tmp_path: Path) -> Iterator[OpenJournalFactory]:
    """Opens journals, in `data` unless told otherwise, and closes what is left open."""
    opened: list[OpenJournal] = []

    def factory(directory: Path = tmp_path / "data", **options: object) -> OpenJournal:
        opened.append(OpenJournal(directory, **options))
        return opened[-1]

    yield factory
    for each in opened:
        each.store.close()


@pytest.fixture
def unsynced_files() -> Files:
    return UnsyncedFiles()
