"""The power goes at any moment, and again while the journal recovers from it.

Short histories are tried in every state that a power cut may leave, long ones in some, drawn at
random. crash_files.py says what a disk may do, crash_journal.py what must be found on it.
"""

import math
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from tests.storage.crash_files import (
    PATIENCE_S,
    CrashFiles,
    DirectorySync,
    Disk,
    Platter,
    Step,
    Sync,
)
from tests.storage.crash_journal import Life, begin_again, stay, survive
from warrener.storage.pace import Pace

SMALL = 300
LARGE = 5000
"""Bytes of a segment: two records or three, and many."""
SECTORS = [512, 64]


def one_by_one(life: Life) -> None:
    """Three commits, each told before the next is made."""
    first = life.message(b"one")
    life.commit()
    life.wait_durable()
    life.message(b"two " * 20)
    life.settle(first)
    life.commit()
    life.wait_durable()
    life.message(b"three")
    life.message(b"four")
    life.commit()
    life.wait_durable()


def in_one_write(life: Life) -> None:
    """A commit, and three more that gather while it is being written."""
    life.files.hold()
    first = life.message(b"one")
    life.commit()
    life.files.wait_held()
    second = life.message(b"two")
    life.commit()
    life.settle(first)
    life.message(b"three" * 20)
    life.commit()
    life.settle(second)
    life.commit()
    life.files.let_go()
    life.wait_durable()


def over_the_edge(life: Life) -> None:
    """One commit that fills several segments."""
    life.message(b"before")
    life.commit()
    life.wait_durable()
    for number in range(5):
        life.message(b"%d" % number * 90)
    life.commit()
    life.wait_durable()


def given_back(life: Life) -> None:
    """Segments that nobody needs any more are removed, the first one first."""
    for number in range(7):
        position = life.message(b"%d" % number * 80)
        life.commit()
        life.wait_durable()
        if number != 5:
            life.settle(position)
            life.commit()
            life.wait_durable()
            life.store.trim()
    # A commit gives back as well, and in both places it depends on the threads how soon.
    deadline = time.monotonic() + PATIENCE_S
    while life.store.segments > 2:
        assert time.monotonic() < deadline
        life.store.trim()
        os.sched_yield()


HISTORIES = [one_by_one, in_one_write, over_the_edge, given_back]
MODES = ["always", "never"]


def lived(
    folder: Path,
    history: Callable[[Life], None],
    sync: str,
    sector_bytes: int,
    segment_bytes: int = SMALL,
    indexes: bool = False,
    **options: object,
) -> Life:
    """A history on an empty disk, from the first start to the orderly end."""
    files = CrashFiles(sector_bytes=sector_bytes, indexes=indexes)
    life = Life(folder, files, sync=sync, segment_bytes=segment_bytes, **options)
    if sync != "always":
        # it was told when it was written, which a power cut takes no notice of
        life.files.tell = lambda what: None  # type: ignore[method-assign]
    history(life)
    life.end()
    return life


@pytest.mark.parametrize("sector_bytes", SECTORS)
@pytest.mark.parametrize("sync", MODES)
@pytest.mark.parametrize("history", HISTORIES)
def test_whatever_a_power_cut_leaves_reads_as_the_log_did_after_a_commit(
    tmp_path: Path, history: Callable[[Life], None], sync: str, sector_bytes: int
) -> None:
    life = lived(tmp_path, history, sync, sector_bytes)
    crashes = list(life.files.crashes())
    assert len(crashes) > 5
    survive(life, tmp_path, crashes, segment_bytes=SMALL)


@pytest.mark.parametrize(
    ("history", "segment_bytes"),
    [(one_by_one, SMALL), (one_by_one, LARGE), (over_the_edge, LARGE), (given_back, SMALL)],
)
def test_a_power_cut_finds_the_same_where_commits_are_written_in_place(
    tmp_path: Path, history: Callable[[Life], None], segment_bytes: int
) -> None:
    pace = Pace(math.inf)
    life = lived(tmp_path, history, "always", 64, segment_bytes=segment_bytes, pace=pace)
    survive(life, tmp_path, life.files.crashes(), segment_bytes=segment_bytes)


@pytest.mark.parametrize("sync", MODES)
@pytest.mark.parametrize("history", HISTORIES)
def test_what_was_on_disk_once_is_never_taken_back(
    tmp_path: Path, history: Callable[[Life], None], sync: str
) -> None:
    stay(lived(tmp_path, history, sync, 512), tmp_path, segment_bytes=SMALL)


@pytest.mark.parametrize("sync", MODES)
@pytest.mark.parametrize("history", HISTORIES)
def test_a_second_crash_during_recovery_or_after_it_changes_nothing(
    tmp_path: Path, history: Callable[[Life], None], sync: str
) -> None:
    life = lived(tmp_path, history, sync, 512)
    for again in survive(life, tmp_path, life.files.crashes(), segment_bytes=SMALL):
        survive(again, tmp_path, again.files.crashes(), segment_bytes=SMALL)


@pytest.mark.parametrize("history", HISTORIES)
def test_a_third_crash_changes_nothing_either(
    tmp_path: Path, history: Callable[[Life], None]
) -> None:
    random = Random(3)
    life = lived(tmp_path, history, "never", 64)
    crashes = life.files.some_crashes(random, 20)
    for again in survive(life, tmp_path, crashes, segment_bytes=SMALL):
        crashes = again.files.some_crashes(random, 5)
        for once_more in survive(again, tmp_path, crashes, segment_bytes=SMALL):
            crashes = once_more.files.some_crashes(random, 5)
            survive(once_more, tmp_path, crashes, segment_bytes=SMALL)


# Long histories


def over_the_end_of_the_disk(life: Life) -> None:
    """The disk is full in the middle of it, and what is on its way goes into the reserve."""
    life.files.space_bytes = 700
    first = life.message(b"%d" % 0 * 80)
    life.commit()
    life.wait_durable()
    while not life.store.full:
        last = life.message(b"and so on" * 8)
        life.commit()
        life.wait_durable()
    for position in (first, last):
        life.settle(position)
        life.commit()
        life.wait_durable()
    life.store.trim()


@pytest.mark.parametrize("sync", MODES)
@pytest.mark.parametrize("sector_bytes", SECTORS)
def test_a_power_cut_while_the_disk_is_full_takes_nothing_either(
    tmp_path: Path, sync: str, sector_bytes: int
) -> None:
    life = lived(tmp_path, over_the_end_of_the_disk, sync, sector_bytes, SMALL, reserve_bytes=300)
    crashes = life.files.some_crashes(Random(5), 200)
    survive(life, tmp_path, crashes, segment_bytes=SMALL, reserve_bytes=300)
    stay(life, tmp_path, segment_bytes=SMALL)


def at_random(life: Life, random: Random, passes: int) -> None:
    """Messages of all sizes, settled in any order, in commits of which some gather."""
    for _ in range(passes):
        gathering = random.random() < 0.4
        if gathering:
            life.files.hold()
            life.message(b"held")
            life.commit()
            life.files.wait_held()
        for _ in range(random.randrange(1, 5)):
            for _ in range(random.randrange(4)):
                life.message(random.randbytes(random.choice((0, 10, 100, 600, 1500))))
            for position in random.sample(sorted(life.live), len(life.live) // 2):
                life.settle(position)
            if random.random() < 0.5:
                life.store.trim()
            life.commit()
        if gathering:
            life.files.let_go()
        life.wait_durable()
        life.store.trim()


@pytest.mark.parametrize("sync", MODES)
@pytest.mark.parametrize("seed", range(6))
def test_a_long_history_survives_power_cuts_drawn_at_random(
    tmp_path: Path, seed: int, sync: str
) -> None:
    random = Random(seed)
    life = lived(tmp_path, lambda life: at_random(life, random, 30), sync, 512, LARGE, indexes=True)
    stay(life, tmp_path, segment_bytes=LARGE)
    for again in survive(life, tmp_path, life.files.some_crashes(random, 60), segment_bytes=LARGE):
        crashes = again.files.some_crashes(random, 3)
        survive(again, tmp_path, crashes, segment_bytes=LARGE)


def test_a_history_of_many_lives_survives_a_power_cut_in_each(tmp_path: Path) -> None:
    random = Random(7)
    disk = Disk()
    for _ in range(40):
        life = begin_again(tmp_path, disk, segment_bytes=LARGE)
        at_random(life, random, 5)
        life.end()
        [(disk, told)] = life.files.some_crashes(random, 1)
        again = begin_again(tmp_path, disk, segment_bytes=LARGE)
        assert again.now in life.possible(told)
        again.end()


# Whether these tests would notice


class ForgetfulFiles(CrashFiles):
    """A disk that does not do what it says when it is asked to sync."""

    forgotten: Callable[[Step], bool]

    def _moments(self) -> Iterator[Platter]:
        self.steps = [step for step in self.steps if not self.forgotten(step)]
        return super()._moments()


@pytest.mark.parametrize(
    ("history", "sync", "forgotten"),
    [
        (one_by_one, "always", lambda step: isinstance(step, DirectorySync)),
        (one_by_one, "always", lambda step: isinstance(step, Sync) and step.last is not None),
        (over_the_edge, "never", lambda step: isinstance(step, Sync) and step.last is None),
        (given_back, "always", lambda step: isinstance(step, DirectorySync)),
    ],
)
def test_a_disk_that_does_not_sync_is_found_out(
    tmp_path: Path, history: Callable[[Life], None], sync: str, forgotten: Callable[[Step], bool]
) -> None:
    files = ForgetfulFiles()
    files.forgotten = forgotten
    life = Life(tmp_path, files, sync=sync, segment_bytes=SMALL)
    history(life)
    life.end()
    with pytest.raises(AssertionError):
        survive(life, tmp_path, life.files.crashes(), segment_bytes=SMALL)
