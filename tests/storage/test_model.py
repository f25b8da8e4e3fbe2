"""Random histories of a journal, with restarts and kills, against a plain list."""

from collections.abc import Callable, Sequence
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
from warrener.storage.store import Meaning


def snapshot(source: Path, target: Path) -> Path:
    """A copy of a directory in which files come and go meanwhile, as at one moment."""
    target.mkdir()
    while True:
        names = {path.name for path in source.iterdir()}
        try:
            contents = {name: (source / name).read_bytes() for name in names - {"lock"}}
        except FileNotFoundError:
            continue
        if names == {path.name for path in source.iterdir()}:
            for name, content in contents.items():
                (target / name).write_bytes(content)
            return target


RUN = 1


def head_bytes(kind: int, payload: bytes) -> int | None:
    """The first byte of a record in a run says how many follow it."""
    return 1 + payload[0] if kind == RUN else None


def refers_to(kind: int, payload: bytes) -> Sequence[int] | None:
    """Records of odd kinds say nothing about others, those of even kinds perhaps about any."""
    return () if kind % 2 else None


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
        kind=st.sampled_from([0, 2, 3, 255]),
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

    @rule(
        head=st.binary(max_size=10),
        bodies=st.lists(st.binary(max_size=60), min_size=1, max_size=12),
        holders=st.integers(0, 2),
    )
    def append_run(self, head: bytes, bodies: list[bytes], holders: int) -> None:
        head = bytes([len(head)]) + head
        first = self.journal.store.append_run(RUN, head, bodies, holders)
        for position, body in enumerate(bodies, first):
            self.model.append((position, RUN, head + body))
            if holders:
                self.holders[position] = holders
        assert self.journal.store.end == len(self.model) + 1

    @rule()
    def commit(self) -> None:
        self.journal.store.commit()
        self.committed = len(self.model)

    @precondition(lambda self: self.holders)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        position = data.draw(st.sampled_from(sorted(self.holders)))
        count = data.draw(st.integers(1, self.holders[position]))
        self.journal.store.release(position, count)
        self.holders[position] -= count
        if not self.holders[position]:
            del self.holders[position]

    @precondition(lambda self: self.holders)
    @rule(data=st.data())
    def release_all(self, data: st.DataObject) -> None:
        alive = st.sampled_from(sorted(self.holders))
        positions = data.draw(st.lists(alive, unique=True, max_size=30))
        self.journal.store.release_all(positions)
        for position in positions:
            self.holders[position] -= 1
            if not self.holders[position]:
                del self.holders[position]

    @rule()
    def trim(self) -> None:
        self.journal.store.trim()

    @rule()
    def compact(self) -> None:
        """Rewrite whatever is worth it, and wait for that."""
        self.commit()
        self.journal.wait_durable()
        self.journal.trim()

    @rule()
    def restart(self) -> None:
        self.journal.store.close()
        self.reopen(self.journal.directory)
        assert self.journal.report.clean

    @rule()
    def kill(self) -> None:
        """What was not committed is gone, and nothing else."""
        self.journal.wait_durable(self.committed + 1)
        copy = snapshot(self.journal.directory, self.new_folder())
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
        found = dict.fromkeys(self.journal.records)
        first = next(iter(found), (0, 0, b""))[0]
        assert [*found] == [record for record in self.model if record in found]
        for position, kind, payload in self.model:
            if position in self.holders or (kind % 2 == 0 and position > first > 0):
                assert (position, kind, payload) in found
        assert (self.journal.report.damaged, self.journal.report.cut_bytes) == ((), 0)
        for position, holders in self.holders.items():
            self.journal.store.hold(position, holders)
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
    Histories.options = {
        "sync": sync,
        "files": unsynced_files,
        "segment_bytes": 500,
        "meaning": Meaning(head_bytes, refers_to),
    }
    Histories.folder = tmp_path
    run_state_machine_as_test(
        Histories, settings=settings(max_examples=40, stateful_step_count=40, deadline=None)
    )
