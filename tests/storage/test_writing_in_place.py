"""Commits that the caller's thread writes itself, and those that it leaves to the journal's."""

import errno
import math
import threading
from collections.abc import Sequence

import pytest

from tests.storage.conftest import OpenJournal, OpenJournalFactory
from warrener.storage.errors import JournalFailed
from warrener.storage.files import DiskFiles, Handle
from warrener.storage.pace import Pace
from warrener.storage.store import Bytes
from warrener.storage.writer import IN_PLACE_BYTES

PATIENCE_S = 20


class WatchedFiles(DiskFiles):
    """Remembers who wrote, holds the journal's thread while the gate is shut, and fails at will."""

    def __init__(self) -> None:
        self.in_place: list[bool] = []
        self.gate = threading.Event()
        self.gate.set()
        self.failing = False
        self.full = False
        self._caller = threading.current_thread()
        self.thread = self._caller

    def write_through(self, handle: Handle, pieces: Sequence[Bytes], offset: int) -> None:
        self._note()
        super().write_through(handle, pieces, offset)

    def write(self, handle: Handle, pieces: Sequence[Bytes], offset: int) -> None:
        self._note()
        super().write(handle, pieces, offset)

    def _note(self) -> None:
        here = threading.current_thread() is self._caller
        if not here:
            self.thread = threading.current_thread()
            assert self.gate.wait(PATIENCE_S)
        self.in_place.append(here)
        if self.failing:
            raise OSError(errno.EIO, "the disk fails")
        if self.full:
            raise OSError(errno.ENOSPC, "no space left")

    def unlink(self, path: str) -> None:
        super().unlink(path)
        self.full = False


@pytest.fixture
def files() -> WatchedFiles:
    return WatchedFiles()


@pytest.fixture
def journal(open_journal: OpenJournalFactory, files: WatchedFiles) -> OpenJournal:
    """A journal on a disk that is taken to be quick, with its first segment begun."""
    return begun_in_place(open_journal(pace=Pace(math.inf), files=files), files)


def begun(journal: OpenJournal, files: WatchedFiles) -> OpenJournal:
    """A journal whose thread has begun the first segment, and has nothing else to do."""
    journal.commit(b"first")
    files.in_place.clear()
    return journal


def begun_in_place(journal: OpenJournal, files: WatchedFiles) -> OpenJournal:
    """The same, and the next commit is going to be written in place."""
    begun(journal, files)
    journal.wait_until(lambda: commit(journal, b"") and files.in_place[-1])
    journal.wait_durable()
    files.in_place.clear()
    return journal


def commit(journal: OpenJournal, payload: bytes) -> bool:
    """Append and commit; whether it is durable at once."""
    journal.store.append(0, payload, holders=1)
    journal.store.commit()
    return journal.store.durable == journal.store.end


def test_on_a_quick_disk_a_commit_is_durable_when_it_returns(
    journal: OpenJournal, files: WatchedFiles
) -> None:
    assert commit(journal, b"second")
    assert commit(journal, b"third")
    assert files.in_place == [True, True]


def test_on_a_disk_that_is_not_known_to_be_quick_the_thread_writes(
    open_journal: OpenJournalFactory, files: WatchedFiles
) -> None:
    journal = begun(open_journal(files=files), files)
    journal.commit(b"second")
    assert files.in_place == [False]


def test_a_large_commit_is_left_to_the_thread(journal: OpenJournal, files: WatchedFiles) -> None:
    files.gate.clear()
    assert not commit(journal, bytes(IN_PLACE_BYTES))
    files.gate.set()
    journal.wait_durable()
    assert files.in_place == [False]


def test_while_the_thread_has_something_to_do_all_goes_behind_it(
    journal: OpenJournal, files: WatchedFiles
) -> None:
    files.gate.clear()
    assert not commit(journal, bytes(IN_PLACE_BYTES))
    assert not commit(journal, b"small")
    files.gate.set()
    journal.wait_durable()
    assert not any(files.in_place)


def test_the_first_commit_of_a_segment_is_left_to_the_thread(
    open_journal: OpenJournalFactory, files: WatchedFiles
) -> None:
    journal = begun(open_journal(pace=Pace(math.inf), files=files, segment_bytes=100), files)
    journal.commit(bytes(100))
    files.gate.clear()
    assert not commit(journal, b"in the next")
    files.gate.set()
    journal.wait_durable()


@pytest.mark.parametrize("sync", ["never", "interval:50"])
def test_where_a_commit_does_not_wait_for_the_disk_the_thread_writes(
    open_journal: OpenJournalFactory, files: WatchedFiles, sync: str
) -> None:
    journal = begun(open_journal(pace=Pace(math.inf), files=files, sync=sync), files)
    journal.commit(b"second")
    assert files.in_place == [False]


def test_a_write_in_place_that_fails_ends_the_journal(
    journal: OpenJournal, files: WatchedFiles
) -> None:
    files.failing = True
    assert not commit(journal, b"second")
    assert journal.wait_failure().args[0] == errno.EIO
    assert journal.store.failed
    with pytest.raises(JournalFailed):
        journal.store.commit()
    journal.store.close()
    journal.wait_until(lambda: not files.thread.is_alive())
    assert files.in_place == [True]


def test_what_could_not_be_written_in_place_can_still_be_read(
    journal: OpenJournal, files: WatchedFiles
) -> None:
    files.failing = True
    position = journal.store.append(0, b"second", holders=1)
    journal.store.commit()
    assert journal.store.failed
    assert journal.store.read([position]) == [b"second"]


def test_after_a_write_in_place_that_failed_the_log_is_not_marked_as_closed(
    journal: OpenJournal, files: WatchedFiles, open_journal: OpenJournalFactory
) -> None:
    files.failing = True
    journal.store.append(0, b"second", holders=1)
    with pytest.raises(JournalFailed):
        journal.store.close()
    again = open_journal()
    assert b"second" not in again.payloads
    assert not again.report.clean


def test_a_write_in_place_that_finds_no_space_is_made_in_the_reserve(
    open_journal: OpenJournalFactory, files: WatchedFiles
) -> None:
    journal = begun_in_place(
        open_journal(pace=Pace(math.inf), files=files, reserve_bytes=4000), files
    )
    told = journal.times_durable
    files.full = True
    assert commit(journal, b"second")
    assert files.in_place == [True, True]
    assert journal.store.full
    # Whoever hands in messages has to hear at once that there is no space for them.
    assert journal.times_durable == told + 1
    assert commit(journal, b"third")
    journal.store.close()
    assert open_journal().payloads[-2:] == [b"second", b"third"]


def test_a_write_in_place_that_finds_no_space_and_no_reserve_ends_the_journal(
    journal: OpenJournal, files: WatchedFiles
) -> None:
    files.full = True
    assert not commit(journal, b"second")
    assert journal.wait_failure().args[0] == errno.ENOSPC


def test_what_was_written_in_place_is_there_after_a_restart(
    journal: OpenJournal, open_journal: OpenJournalFactory
) -> None:
    payloads = [b"%d" % number for number in range(20)]
    for payload in payloads:
        assert commit(journal, payload)
    journal.store.close()
    again = open_journal()
    assert [payload for payload in again.payloads if payload][1:] == payloads
    assert again.report.clean


def test_what_was_written_in_place_can_be_read(journal: OpenJournal) -> None:
    assert commit(journal, b"second")
    assert journal.store.read([journal.store.end - 1]) == [b"second"]
