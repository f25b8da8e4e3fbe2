"""Random histories of a journal, with restarts and kills, against a plain list."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from warrener.storage.files import Files


def copy_newest_first(source: Path, target: Path) -> Path:
    """A copy of a directory in which files are being removed, oldest first."""
    target.mkdir()
    for path in sorted(source.glob("*.segment"), reverse=True):
        try:
            (target / path.name).write_bytes(path.read_bytes())
        except FileNotFoundError:
            break
    return target


class Histories(RuleBasedStateMachine):
    """Journal and model side by side; the journal's segments are small, so that many fill."""

    open_journal: Callable[..., Any]
    options: dict[str, object]
    folder: Path
    folders = 0

    @initialize()
    def begin(self) -> None:
        self.model: list[tuple[int, int, bytes]] = []
        self.holders: dict[int, int] = {}
        self.committed = 0
        self.open(self.new_folder())
        assert self.journal.records == []

    @rule(
        kind=st.integers(0, 255),
        head=st.binary(max_size=10),
        body=st.binary(max_size=120),
        holders=st.integers(0, 2),
    )
    def append(self, kind: int, head: bytes, body: bytes, holders: int) -> None:
        position = self.journal.store.append(kind, head, body, holders)
        self.model.append((position, kind, head + body))
        assert position == len(self.model)
        if holders:
            self.holders[position] = holders

    @rule()
    def commit(self) -> None:
        self.journal.store.commit()
        self.committed = len(self.model)

    @precondition(lambda self: self.holders)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        position = data.draw(st.sampled_from(sorted(self.holders)))
        count = data.draw(st.integers(1, self.holders[position]))
        self.journal.store.release([position], count)
        self.holders[position] -= count
        if not self.holders[position]:
            del self.holders[position]

    @rule()
    def trim(self) -> None:
        self.journal.store.trim()

    @rule()
    def restart(self) -> None:
        self.journal.store.close()
        self.reopen(self.journal.directory)
        assert self.journal.report.clean

    @rule()
    def kill(self) -> None:
        """What was not committed is gone, and nothing else."""
        self.journal.wait_durable(self.committed + 1)
        copy = copy_newest_first(self.journal.directory, self.new_folder())
        self.journal.store.close()
        del self.model[self.committed :]
        self.holders = {p: count for p, count in self.holders.items() if p <= self.committed}
        self.reopen(copy)

    @invariant()
    def every_held_record_can_be_read(self) -> None:
        positions = sorted(self.holders)
        payloads = [self.model[position - 1][2] for position in positions]
        assert self.journal.store.read(positions) == payloads

    @invariant()
    def what_is_durable_was_committed(self) -> None:
        assert self.journal.store.durable <= self.committed + 1 <= self.journal.store.end

    def reopen(self, folder: Path) -> None:
        self.open(folder)
        records = self.journal.records
        first = len(self.model) - len(records)
        assert records == self.model[first:]
        assert all(position > first for position in self.holders)
        assert (self.journal.report.damaged, self.journal.report.cut_bytes) == ((), 0)
        for position, holders in self.holders.items():
            self.journal.store.hold([position], holders)
        self.committed = len(self.model)

    def open(self, folder: Path) -> None:
        self.journal = self.open_journal(folder, **self.options)

    def new_folder(self) -> Path:
        Histories.folders += 1
        return self.folder / str(Histories.folders)

    def teardown(self) -> None:
        self.journal.store.close()


@pytest.mark.parametrize("sync", ["always", "never", "interval:1"])
def test_any_history_leaves_what_a_list_would_hold(
    open_journal: Callable, tmp_path: Path, unsynced_files: Files, sync: str
) -> None:
    Histories.open_journal = staticmethod(open_journal)
    Histories.options = {"sync": sync, "files": unsynced_files, "segment_bytes": 500}
    Histories.folder = tmp_path
    run_state_machine_as_test(
        Histories, settings=settings(max_examples=40, stateful_step_count=40, deadline=None)
    )
