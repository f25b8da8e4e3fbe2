"""A full disk: what was handed in finds its place, what helps against it can be written."""

import errno
from pathlib import Path

import pytest

from tests.storage.conftest import OpenJournal, OpenJournalFactory
from tests.storage.small_disk import SmallDisk
from warrener.storage.errors import JournalFailed

RESERVE = 4000
LARGE = b"x" * 1000


def fill(journal: OpenJournal) -> list[int]:
    """Append until the disk is full; returns the positions."""
    positions: list[int] = []
    while not journal.store.full:
        positions += journal.commit(LARGE)
    return positions


@pytest.fixture
def disk() -> SmallDisk:
    return SmallDisk(20_000)


def open_on(disk: SmallDisk, open_journal: OpenJournalFactory) -> OpenJournal:
    journal = open_journal(files=disk, segment_bytes=3000, reserve_bytes=RESERVE)
    journal.commit(b"first")
    return journal


def test_the_reserve_is_a_file_of_its_size(disk: SmallDisk, open_journal: OpenJournalFactory):
    journal = open_on(disk, open_journal)
    assert (journal.directory / "reserve").stat().st_size == RESERVE
    assert not journal.store.full


def test_a_write_that_finds_no_space_is_made_in_the_reserve(
    disk: SmallDisk, open_journal: OpenJournalFactory
):
    journal = open_on(disk, open_journal)
    positions = fill(journal)
    assert not journal.failures
    assert not (journal.directory / "reserve").exists()
    assert journal.store.read(positions) == [LARGE] * len(positions)


def test_small_records_are_still_written_on_a_full_disk(
    disk: SmallDisk, open_journal: OpenJournalFactory
):
    journal = open_on(disk, open_journal)
    fill(journal)
    for _ in range(20):
        journal.commit(b"settled")
    assert not journal.failures


def test_a_disk_that_fills_up_at_the_beginning_of_a_segment_loses_nothing(
    open_journal: OpenJournalFactory, tmp_path: Path
):
    for capacity in range(9000, 9400, 20):
        disk = SmallDisk(capacity)
        directory = tmp_path / str(capacity)
        journal = open_journal(directory, files=disk, segment_bytes=900, reserve_bytes=RESERVE)
        count = len(fill(journal))
        journal.store.close()
        again = open_journal(directory, files=disk, reserve_bytes=RESERVE)
        assert again.payloads == [LARGE] * count
        assert again.report.damaged == ()


def test_a_full_disk_is_known_after_a_restart_and_nothing_is_lost(
    disk: SmallDisk, open_journal: OpenJournalFactory
):
    journal = open_on(disk, open_journal)
    count = len(fill(journal))
    journal.store.close()
    disk.capacity -= disk.free_bytes("") - 100
    again = open_journal(files=disk, segment_bytes=3000, reserve_bytes=RESERVE)
    again.wait_until(lambda: again.store.full)
    assert again.payloads == [b"first"] + [LARGE] * count


def test_a_disk_that_others_have_filled_does_not_keep_the_journal_from_opening(
    disk: SmallDisk, open_journal: OpenJournalFactory
):
    journal = open_on(disk, open_journal)
    journal.store.close()
    disk.capacity -= disk.free_bytes("")
    again = open_journal(files=disk, segment_bytes=3000, reserve_bytes=RESERVE)
    assert again.payloads == [b"first"]
    fill(again)
    assert not again.failures


def test_space_that_is_given_back_makes_a_new_reserve(
    disk: SmallDisk, open_journal: OpenJournalFactory
):
    journal = open_on(disk, open_journal)
    for position in [1, *fill(journal)]:
        journal.store.release(position)
    journal.commit(b"settled")
    assert journal.store.trim()
    journal.store.restock()
    journal.wait_until(lambda: not journal.store.full)
    assert (journal.directory / "reserve").stat().st_size == RESERVE


def test_as_long_as_there_is_no_space_the_disk_stays_full(
    disk: SmallDisk, open_journal: OpenJournalFactory
):
    journal = open_on(disk, open_journal)
    fill(journal)
    journal.store.restock()
    journal.commit(b"behind it")
    assert journal.store.full


def test_a_reserve_that_is_used_up_ends_the_journal(
    disk: SmallDisk, open_journal: OpenJournalFactory
):
    journal = open_on(disk, open_journal)
    fill(journal)
    for _ in range(10):
        journal.store.append(0, LARGE)
    journal.store.commit()
    failure = journal.wait_failure()
    assert isinstance(failure, OSError)
    assert failure.errno == errno.ENOSPC
    with pytest.raises(JournalFailed):
        journal.store.append(0, LARGE)


def test_without_a_reserve_a_full_disk_is_a_failure(open_journal: OpenJournalFactory):
    journal = open_journal(files=SmallDisk(100))
    journal.store.append(0, LARGE)
    journal.store.commit()
    failure = journal.wait_failure()
    assert isinstance(failure, OSError)
    assert failure.errno == errno.ENOSPC
