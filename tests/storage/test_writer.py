"""The writer's thread, made to stand still or to fail by the files it is given."""

import errno
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from warrener.storage.errors import JournalFailed
from warrener.storage.files import DiskFiles, Handle
from warrener.storage.segment import HEADER_BYTES
from warrener.storage.store import Bytes

PATIENCE_S = 20
SMALL = 400


class StalledFiles(DiskFiles):
    """Each sync waits until it is let through, but for those of a file's header."""

    def __init__(self) -> None:
        self.writes = 0
        self._permits = threading.Semaphore(0)
        self._arrivals = threading.Semaphore(0)

    def wait_sync(self) -> None:
        assert self._arrivals.acquire(timeout=PATIENCE_S)

    def let_through(self, count: int = 1) -> None:
        self._permits.release(count)

    def write(self, handle: Handle, pieces: Sequence[Bytes], offset: int) -> None:
        self.writes += 1
        super().write(handle, pieces, offset)

    def write_through(self, handle: Handle, pieces: Sequence[Bytes], offset: int) -> None:
        if offset == 0:
            DiskFiles().write_through(handle, pieces, offset)
            return
        self.write(handle, pieces, offset)
        self.datasync(handle)

    def datasync(self, handle: Handle) -> None:
        self._arrivals.release()
        assert self._permits.acquire(timeout=PATIENCE_S)
        super().datasync(handle)


class FailingFiles(DiskFiles):
    """Works until it is told which operation fails, and counts its attempts."""

    def __init__(self) -> None:
        self.failing = ""
        self.attempts = 0

    def write_through(self, handle: Handle, pieces: Sequence[Bytes], offset: int) -> None:
        self.write(handle, pieces, offset)
        self.datasync(handle)

    def write(self, handle: Handle, pieces: Sequence[Bytes], offset: int) -> None:
        self._attempt("write", errno.ENOSPC)
        super().write(handle, pieces, offset)

    def datasync(self, handle: Handle) -> None:
        self._attempt("datasync", errno.EIO)
        super().datasync(handle)

    def sync_directory(self, path: str) -> None:
        self._attempt("sync_directory", errno.EIO)
        super().sync_directory(path)

    def _attempt(self, operation: str, error: int) -> None:
        if operation == self.failing:
            self.attempts += 1
            raise OSError(error, f"{operation} fails")


class RecordingFiles(DiskFiles):
    """Notes what is done to the disk, in order."""

    def __init__(self) -> None:
        self.operations: list[tuple[str, object]] = []

    def create(self, path: str) -> Handle:
        self.operations.append(("create", Path(path).name))
        return super().create(path)

    def write_through(self, handle: Handle, pieces: Sequence[Bytes], offset: int) -> None:
        self.operations.append(("write_through", offset))
        super().write_through(handle, pieces, offset)

    def write(self, handle: Handle, pieces: Sequence[Bytes], offset: int) -> None:
        self.operations.append(("write", offset))
        super().write(handle, pieces, offset)

    def datasync(self, handle: Handle) -> None:
        self.operations.append(("datasync", None))
        super().datasync(handle)

    def sync_directory(self, path: str) -> None:
        self.operations.append(("sync_directory", Path(path).name))
        super().sync_directory(path)

    def rename(self, path: str, new_path: str) -> None:
        self.operations.append(("rename", Path(path).name))
        super().rename(path, new_path)

    def unlink(self, path: str) -> None:
        self.operations.append(("unlink", Path(path).name))
        super().unlink(path)


@pytest.fixture
def stalled(open_journal: Callable) -> Iterator[StalledFiles]:
    # asks for open_journal so as to let the syncs through before that closes the journals
    files = StalledFiles()
    yield files
    files.let_through(1000)


# Group commit


def test_nothing_is_durable_while_the_sync_is_under_way(
    stalled: StalledFiles, open_journal: Callable
) -> None:
    journal = open_journal(files=stalled)
    journal.store.append(0, b"one")
    journal.store.commit()
    stalled.wait_sync()
    assert (journal.store.durable, journal.store.end) == (1, 2)
    stalled.let_through(100)
    journal.wait_durable()
    assert journal.store.durable == 2


def test_commits_during_a_sync_go_to_disk_together_with_the_next(
    stalled: StalledFiles, open_journal: Callable
) -> None:
    journal = open_journal(files=stalled)
    store = journal.store
    store.append(0, b"one")
    store.commit()
    stalled.wait_sync()
    for payload in (b"two", b"three", b"four"):
        store.append(0, payload)
        store.commit()
    store.append(0, b"not committed")
    assert (store.durable, stalled.writes) == (1, 1)
    stalled.let_through()
    stalled.wait_sync()
    assert (store.durable, stalled.writes) == (2, 2)
    stalled.let_through()
    store.commit()
    stalled.wait_sync()
    assert (store.durable, stalled.writes) == (5, 3)


def test_records_can_be_read_wherever_they_are(
    stalled: StalledFiles, open_journal: Callable
) -> None:
    journal = open_journal(files=stalled, segment_bytes=SMALL)
    store = journal.store
    payloads = [b"payload %d" % number for number in range(40)]
    for payload in payloads[:20]:
        store.append(0, payload)
    store.commit()
    stalled.wait_sync()
    for payload in payloads[20:30]:
        store.append(0, payload)
    store.commit()
    for payload in payloads[30:]:
        store.append(0, payload)
    assert store.read(range(1, 41)) == payloads
    stalled.let_through(100)
    store.commit()
    journal.wait_durable()
    assert store.read(range(1, 41)) == payloads


def test_close_waits_for_what_was_appended(stalled: StalledFiles, open_journal: Callable) -> None:
    journal = open_journal(files=stalled)
    journal.store.append(0, b"one")
    stalled.let_through(100)
    journal.store.close()
    assert journal.store.durable == 2
    assert open_journal().report.clean


# Sync modes


@pytest.mark.parametrize("sync", ["interval:60000", "never"])
def test_without_sync_always_a_record_is_durable_once_it_is_written(
    stalled: StalledFiles, open_journal: Callable, sync: str
) -> None:
    journal = open_journal(files=stalled, sync=sync)
    journal.commit(b"one")
    assert journal.store.durable == 2


def test_with_an_interval_the_sync_follows(stalled: StalledFiles, open_journal: Callable) -> None:
    journal = open_journal(files=stalled, sync="interval:1")
    journal.commit(b"one")
    stalled.wait_sync()


def test_with_an_interval_the_sync_is_not_put_off_by_further_commits(
    open_journal: Callable,
) -> None:
    files = RecordingFiles()
    journal = open_journal(files=files, sync="interval:200")
    give_up = time.monotonic() + PATIENCE_S
    while ("datasync", None) not in files.operations:
        journal.commit(b"more")
        assert time.monotonic() < give_up


def test_with_an_interval_trim_waits_for_the_sync(
    stalled: StalledFiles, open_journal: Callable
) -> None:
    journal = open_journal(files=stalled, sync="interval:60000", segment_bytes=SMALL)
    stalled.let_through(100)
    for _ in range(20):
        journal.commit(b"nobody holds this", holders=0)
    assert journal.store.trim() == 0


def test_with_never_a_full_segment_is_synced_all_the_same(open_journal: Callable) -> None:
    files = RecordingFiles()
    journal = open_journal(files=files, sync="never", segment_bytes=SMALL)
    journal.commit(*(b"payload %d" % number for number in range(20)))
    assert files.operations[1:] == [
        ("create", "00000000000000000001.segment"),
        ("write_through", 0),
        ("sync_directory", "data"),
        ("write", HEADER_BYTES),
        ("datasync", None),
        ("unlink", "00000000000000000001.index"),
        ("create", "00000000000000000001.index"),
        ("write", 0),
        ("create", "00000000000000000014.segment"),
        ("write_through", 0),
        ("sync_directory", "data"),
        ("write", HEADER_BYTES),
    ]


# What is done to the disk, and in which order


def test_a_new_file_and_its_name_are_on_disk_before_anything_in_it_counts(
    open_journal: Callable, tmp_path: Path
) -> None:
    files = RecordingFiles()
    journal = open_journal(files=files)
    journal.commit(b"one")
    assert files.operations == [
        ("sync_directory", tmp_path.name),
        ("create", "00000000000000000001.segment"),
        ("write_through", 0),
        ("sync_directory", "data"),
        ("write_through", HEADER_BYTES),
    ]


def test_a_commit_is_one_write_and_one_sync(open_journal: Callable) -> None:
    files = RecordingFiles()
    journal = open_journal(files=files)
    journal.commit(b"one")
    files.operations.clear()
    journal.commit(b"two", b"three", b"four")
    assert files.operations == [("write_through", HEADER_BYTES + 18 + 3 + 26)]


def test_everything_is_on_disk_before_the_log_is_marked_as_closed(open_journal: Callable) -> None:
    files = RecordingFiles()
    journal = open_journal(files=files, sync="never")
    journal.store.append(0, b"one")
    journal.store.close()
    assert files.operations[-6:] == [
        ("write", HEADER_BYTES),
        ("datasync", None),
        ("write_through", HEADER_BYTES + 18 + 3 + 26),
        ("unlink", "00000000000000000001.index"),
        ("create", "00000000000000000001.index"),
        ("write", 0),
    ]


def test_files_behind_the_end_go_into_quarantine_the_last_first(
    open_journal: Callable, tmp_path: Path
) -> None:
    journal = open_journal(segment_bytes=SMALL)
    journal.commit(*(b"%0100d" % number for number in range(12)))
    *_, third, last = journal.segment_files
    directory = tmp_path / "killed"
    directory.mkdir()
    for path in journal.segment_files:
        (directory / path.name).write_bytes(path.read_bytes())
    (directory / last.name).write_bytes(last.read_bytes()[:HEADER_BYTES])
    files = RecordingFiles()
    assert open_journal(directory, files=files, segment_bytes=SMALL).records == []
    renamed = [name for operation, name in files.operations if operation == "rename"]
    assert renamed[:2] == [last.name, third.name]


def test_bodies_are_let_go_once_they_are_written(open_journal: Callable) -> None:
    class Body(bytearray):
        """A body that a weak reference can watch."""

    journal = open_journal()
    body = Body(b"large")
    watched = weakref.ref(body)
    journal.store.append(0, b"", body)
    del body
    journal.commit(b"next")
    journal.commit(b"and one more")
    assert watched() is None


def test_what_took_the_place_of_a_removed_segment_is_synced_before(open_journal: Callable) -> None:
    files = RecordingFiles()
    journal = open_journal(files=files, sync="never", segment_bytes=SMALL)
    for number in range(20):
        journal.commit(b"payload %d" % number, holders=1)
    journal.store.release_all(range(1, 21))
    files.operations.clear()
    assert journal.store.trim() == 0
    journal.wait_until(lambda: journal.store.trim() > 1)
    journal.store.close()
    assert [operation for operation, _ in files.operations[:2]] == ["datasync", "unlink"]


def test_segments_are_removed_durably_one_after_the_other(open_journal: Callable) -> None:
    files = RecordingFiles()
    journal = open_journal(files=files, segment_bytes=SMALL)
    for number in range(20):
        journal.commit(b"payload %d" % number, holders=1)
    first, second = (path.name for path in journal.segment_files[:2])
    journal.store.release_all(range(1, 21))
    files.operations.clear()
    assert journal.store.trim() > 1
    journal.store.close()
    assert files.operations[:6] == [
        ("unlink", first),
        ("unlink", first.replace("segment", "index")),
        ("sync_directory", "data"),
        ("unlink", second),
        ("unlink", second.replace("segment", "index")),
        ("sync_directory", "data"),
    ]


def test_what_no_mark_vouches_for_is_written_again_on_opening(
    open_journal: Callable, tmp_path: Path
) -> None:
    journal = open_journal()
    journal.commit(b"one")
    journal.commit(b"two")
    second = HEADER_BYTES + 18 + 3 + 26
    content = journal.segment_files[0].read_bytes()
    directory = tmp_path / "killed"
    directory.mkdir()
    (directory / journal.segment_files[0].name).write_bytes(content)
    files = RecordingFiles()
    assert open_journal(directory, files=files).payloads == [b"one", b"two"]
    assert ("write_through", second) in files.operations


# Failure


@pytest.mark.parametrize("operation", ["write", "datasync"])
def test_a_failure_stops_the_journal_for_good(open_journal: Callable, operation: str) -> None:
    files = FailingFiles()
    journal = open_journal(files=files)
    journal.commit(b"one")
    files.failing = operation
    journal.store.append(0, b"two")
    journal.store.commit()
    failure = journal.wait_failure()
    files.failing = ""
    for _ in range(2):
        with pytest.raises(JournalFailed, match=f"{operation} fails") as caught:
            journal.store.append(0, b"three")
        assert caught.value.__cause__ is failure
        with pytest.raises(JournalFailed):
            journal.store.commit()
    assert (journal.store.durable, journal.store.end) == (2, 3)
    assert (len(journal.failures), files.attempts) == (1, 1)


@pytest.mark.parametrize("sync", ["always", "never"])
def test_what_is_written_to_a_deleted_file_is_not_durable(
    open_journal: Callable, sync: str
) -> None:
    journal = open_journal(sync=sync)
    journal.commit(b"one")
    (file,) = Path(journal.directory).glob("*.segment")
    file.unlink()
    journal.store.append(0, b"two")
    journal.store.commit()
    assert "a file was deleted" in str(journal.wait_failure())
    assert journal.store.durable == 2


def test_a_journal_whose_directory_is_gone_has_failed(open_journal: Callable) -> None:
    journal = open_journal()
    journal.commit(b"one")
    Path(journal.directory).rename(Path(journal.directory).with_name("renamed"))
    assert journal.store.free_bytes() == 0
    journal.wait_failure()
    with pytest.raises(JournalFailed, match="No such file or directory"):
        journal.store.append(0, b"two")


def test_a_file_whose_name_is_not_on_disk_is_a_failure(open_journal: Callable) -> None:
    files = FailingFiles()
    journal = open_journal(files=files)
    files.failing = "sync_directory"
    journal.store.append(0, b"one")
    journal.store.commit()
    journal.wait_failure()
    assert journal.store.durable == 1


def test_after_a_failure_what_was_appended_can_still_be_read(open_journal: Callable) -> None:
    files = FailingFiles()
    journal = open_journal(files=files)
    journal.commit(b"one")
    files.failing = "write"
    journal.store.append(0, b"two")
    journal.store.commit()
    journal.wait_failure()
    assert journal.store.read([1, 2]) == [b"one", b"two"]


def test_after_a_failure_close_lets_go_of_the_directory(open_journal: Callable) -> None:
    files = FailingFiles()
    journal = open_journal(files=files)
    journal.commit(b"one")
    files.failing = "datasync"
    journal.store.append(0, b"two")
    journal.store.commit()
    journal.wait_failure()
    journal.store.close()
    again = open_journal()
    assert again.payloads[:1] == [b"one"]
    assert not again.report.clean


def test_a_failure_while_closing_is_raised(open_journal: Callable) -> None:
    files = FailingFiles()
    journal = open_journal(files=files)
    journal.store.append(0, b"one")
    files.failing = "write"
    with pytest.raises(JournalFailed):
        journal.store.close()
    assert len(journal.failures) == 1
    assert open_journal().records == []


def test_an_interval_sync_that_fails_stops_the_journal(open_journal: Callable) -> None:
    files = FailingFiles()
    journal = open_journal(files=files, sync="interval:1")
    files.failing = "datasync"
    journal.store.append(0, b"one")
    journal.store.commit()
    journal.wait_failure()
    with pytest.raises(JournalFailed):
        journal.store.commit()
