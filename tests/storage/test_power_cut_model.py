"""Any history of a journal, with orderly ends and power cuts, against what crash_journal.py knows.

Unlike in test_model.py a kill may lose whatever was not synced.
"""

from pathlib import Path
from random import Random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.storage.crash_files import Disk
from tests.storage.crash_journal import begin_again

SEGMENT_BYTES = 1200


class Histories(RuleBasedStateMachine):
    """One life after the other, on what the one before has left."""

    folder: Path
    sync: str

    @initialize()
    def begin(self) -> None:
        self.gathering = False
        self.start(Disk())

    @rule(size=st.sampled_from([0, 1, 30, 200, 700]), count=st.integers(1, 4))
    def append(self, size: int, count: int) -> None:
        for _ in range(count):
            self.life.message(b"%d:" % self.life.store.end + bytes(size))

    @precondition(lambda self: self.life.live)
    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        self.life.settle(data.draw(st.sampled_from(sorted(self.life.live))))

    @rule()
    def commit(self) -> None:
        self.life.commit()
        self.life.wait_still()

    @precondition(lambda self: not self.gathering)
    @rule()
    def gather(self) -> None:
        """A write is under way, and further commits have to wait for it."""
        self.life.files.hold()
        self.gathering = True
        self.life.message(b"held")
        self.life.commit()
        self.life.wait_still()

    @rule()
    def write(self) -> None:
        if self.gathering:
            self.life.files.let_go()
            self.gathering = False
        self.life.wait_still()

    @rule(steps=st.none() | st.integers(0, 12))
    def trim(self, steps: int | None) -> None:
        """Of what this gives the caretaker to do it does so much, and the rest later."""
        self.life.store.trim()
        self.life.wait_still(steps)

    @rule()
    def restart(self) -> None:
        self.end()
        *_, disk = self.life.files.lasting()
        before = self.life.now
        self.start(disk)
        assert self.life.now == before
        assert self.life.store.report.clean

    @rule(seed=st.integers(0, 2**32))
    def power_cut(self, seed: int) -> None:
        self.end()
        before = self.life
        [(disk, told)] = before.files.some_crashes(Random(seed), 1)
        self.start(disk)
        assert self.life.now in before.possible(told if self.sync == "always" else 0)

    def start(self, disk: Disk) -> None:
        self.life = begin_again(self.folder, disk, sync=self.sync, segment_bytes=SEGMENT_BYTES)
        self.life.files.turnstile.close()

    def end(self) -> None:
        """What the caretaker has begun and not finished it gives up."""
        if self.gathering:
            self.life.files.let_go()
            self.gathering = False
        self.life.wait_still(0)
        self.life.commit()
        self.life.give_up()
        self.life.end()

    def teardown(self) -> None:
        self.restart()
        self.life.end()


@pytest.mark.usefixtures("same_salt")
@pytest.mark.parametrize("sync", ["always", "never"])
def test_any_history_reads_after_a_power_cut_as_it_did_after_a_commit(
    tmp_path: Path, sync: str
) -> None:
    Histories.folder = tmp_path
    Histories.sync = sync
    run_state_machine_as_test(
        Histories, settings=settings(max_examples=60, stateful_step_count=40, deadline=None)
    )
