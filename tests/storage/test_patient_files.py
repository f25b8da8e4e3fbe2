"""Out of file descriptors: the journal waits, and goes on where it was."""

import errno
import logging
import os
from pathlib import Path

import pytest

from tests.storage.conftest import OpenJournalFactory
from warrener.storage import patient_files
from warrener.storage.directory import Directory
from warrener.storage.errors import JournalFailed
from warrener.storage.files import DiskFiles, Handle, NoDescriptor
from warrener.storage.patient_files import PatientFiles
from warrener.storage.reserve import Reserve
from warrener.storage.segment import Segment


class ShortOfDescriptors(DiskFiles):
    """A disk of which the next `refusals` calls that open something fail."""

    __slots__ = ("number", "refusals")

    def __init__(self, number: int = errno.EMFILE) -> None:
        self.refusals = 0
        self.number = number

    def _open_something(self) -> None:
        if self.refusals:
            self.refusals -= 1
            raise NoDescriptor(self.number, os.strerror(self.number))

    def names(self, directory: str) -> list[str]:
        self._open_something()
        return super().names(directory)

    def create(self, path: str) -> Handle:
        self._open_something()
        return super().create(path)

    def open(self, path: str) -> Handle:
        self._open_something()
        return super().open(path)

    def sync_directory(self, path: str) -> None:
        self._open_something()
        super().sync_directory(path)

    def allocate(self, path: str, size: int) -> None:
        self._open_something()
        super().allocate(path, size)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patient_files, "RETRY_S", 0.001)


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOMEM])
@pytest.mark.parametrize("call", ["create", "open", "names", "sync_directory", "allocate"])
def test_the_real_files_say_that_a_file_cannot_be_opened_for_now(
    call: str, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "open", fail)
    monkeypatch.setattr(os, "listdir", fail)
    arguments = (str(tmp_path / "file"), 10) if call == "allocate" else (str(tmp_path / "file"),)
    with pytest.raises(NoDescriptor) as caught:
        getattr(DiskFiles(), call)(*arguments)
    assert caught.value.errno == number


@pytest.mark.parametrize("refusals", range(1, 6))
def test_segments_are_begun_as_soon_as_they_can_be(
    refusals: int, open_journal: OpenJournalFactory
) -> None:
    files = ShortOfDescriptors()
    journal = open_journal(files=files, segment_bytes=200)
    positions = []
    for number in range(20):
        files.refusals = refusals
        positions += journal.commit(b"%050d" % number)
    assert not journal.failures
    assert journal.store.read(positions) == [b"%050d" % number for number in range(20)]


def test_what_was_confirmed_meanwhile_is_there_after_a_restart(
    open_journal: OpenJournalFactory,
) -> None:
    files = ShortOfDescriptors()
    journal = open_journal(files=files, segment_bytes=200)
    for number in range(20):
        files.refusals = 3
        journal.commit(b"%050d" % number)
    files.refusals = 0
    journal.store.close()
    assert len(open_journal().payloads) == 20


def test_segments_that_nobody_needs_go_as_soon_as_they_can(
    open_journal: OpenJournalFactory,
) -> None:
    files = ShortOfDescriptors()
    journal = open_journal(files=files, segment_bytes=200)
    for number in range(20):
        journal.store.release_all(journal.commit(b"%050d" % number))
    files.refusals = 4
    journal.trim()
    journal.wait_until(lambda: len(journal.segment_files) <= 2)
    assert not journal.failures


def test_a_failed_sync_is_still_a_failure(open_journal: OpenJournalFactory) -> None:
    class WithoutMemory(DiskFiles):
        __slots__ = ()

        def write_through(self, *_: object) -> None:
            raise OSError(errno.ENOMEM, "Cannot allocate memory")

    journal = open_journal(files=WithoutMemory())
    journal.store.append(1, b"x")
    journal.store.commit()
    journal.wait_until(lambda: bool(journal.failures))
    with pytest.raises(JournalFailed):
        journal.store.append(1, b"y")


def test_a_journal_that_is_closed_waits_no_longer(open_journal: OpenJournalFactory) -> None:
    files = ShortOfDescriptors()
    journal = open_journal(files=files)
    files.refusals = 1 << 30
    journal.store.append(1, b"x")
    journal.store.commit()
    with pytest.raises(JournalFailed):
        journal.store.close()
    files.refusals = 0


def test_waiting_is_logged_when_it_begins_and_when_it_is_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    files = ShortOfDescriptors()
    files.refusals = 5
    PatientFiles(files).names(str(tmp_path))
    assert caplog.messages == [
        "the journal waits until a file can be opened: [Errno 24] Too many open files",
        "the journal goes on: files can be opened again",
    ]


def test_a_segment_is_read_with_the_descriptor_of_another(tmp_path: Path) -> None:
    files = ShortOfDescriptors()
    directory = Directory(str(tmp_path), files)
    first, second = Segment(1, 0), Segment(2, 0)
    for segment in (first, second):
        (tmp_path / segment.name).write_bytes(b"%d" % segment.first)
    assert directory.read(first, 1, 0) == b"1"
    files.refusals = 1
    assert directory.read(second, 1, 0) == b"2"
    directory.close_readers()
    files.refusals = 1
    with pytest.raises(NoDescriptor):
        directory.read(first, 1, 0)


def test_a_reserve_that_cannot_be_made_now_is_made_later(tmp_path: Path) -> None:
    files = ShortOfDescriptors()
    reserve = Reserve(Directory(str(tmp_path), files), 1000)
    files.refusals = 1
    reserve.take()
    assert reserve.missing
    reserve.take()
    assert not reserve.missing
