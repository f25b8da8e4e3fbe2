"""Each byte of a journal of several files turned over, and each of its files cut at each length.

test_journal.py does the same to a journal of one file.
"""

from pathlib import Path

import pytest

from tests.storage.crash_files import CrashFiles, Disk
from tests.storage.crash_journal import Life, Record, as_files, records_of
from warrener.storage.journal import Journal
from warrener.storage.scan import elements
from warrener.storage.segment import HEADER_BYTES, decode_header
from warrener.storage.store import Damage, RecoveryReport

SMALL = 300


@pytest.fixture
def disk(indexed: Disk) -> Disk:
    """What a journal of four segments has left, without their indexes: each is read."""
    files = {path: data for path, data in indexed.files.items() if not path.endswith(".index")}
    assert len(files) == 4
    return Disk(files, indexed.directories)


@pytest.fixture
def indexed(tmp_path: Path) -> Disk:
    """What a journal has left that was closed in order."""
    life = Life(tmp_path, CrashFiles(indexes=True), segment_bytes=SMALL)
    for number in range(10):
        life.message(b"%d" % number * 60)
        if number % 2:
            life.commit()
    life.end()
    *_, disk = life.files.lasting()
    return disk


class Found(list[Record]):
    """The records of a journal on a disk, to which one more is appended."""

    def __init__(self, disk: Disk, folder: Path) -> None:
        files = CrashFiles(disk)
        store = Journal(
            folder,
            files=as_files(files),
            on_durable=lambda: None,
            on_failure=lambda failure: None,
            segment_bytes=SMALL,
        )
        super().__init__(records_of(store))
        self.report: RecoveryReport = store.report
        assert store.append(0, b"after") > max((position for position, _, _ in self), default=0)
        store.close()
        *_, self.disk = files.lasting()


def changed(disk: Disk, path: str, data: bytes) -> Disk:
    return Disk({**disk.files, path: data}, disk.directories)


def about(damage: Damage, path: str, offset: int) -> bool:
    return damage.file == Path(path).name and 0 <= offset - damage.offset < damage.length


def ends_of_records(data: bytes) -> list[int]:
    segment = decode_header(data)
    assert segment is not None
    return [each.end for each in elements(data, segment.salt, segment.first) if each.is_record]


def test_a_flipped_byte_in_any_file_loses_the_record_it_is_in_and_is_reported(
    disk: Disk, tmp_path: Path
) -> None:
    whole = Found(disk, tmp_path)
    known = set()
    for path, data in disk.files.items():
        for offset in range(len(data.rstrip(b"\0"))):
            flipped = bytearray(data)
            flipped[offset] ^= 0xFF
            found = Found(changed(disk, path, bytes(flipped)), tmp_path)
            lost = [record for record in whole if record not in found]
            assert len(lost) <= 1
            assert found == [record for record in whole if record not in lost]
            assert found.report.cut_bytes or any(
                about(damage, path, offset) for damage in found.report.damaged
            )
            if tuple(found) not in known:
                # and it stays like that
                assert Found(found.disk, tmp_path)[:-1] == found
            known.add(tuple(found))
    assert len(known) > len(whole)


def test_a_file_cut_anywhere_loses_what_is_missing_of_it_and_is_reported(
    disk: Disk, tmp_path: Path
) -> None:
    whole = Found(disk, tmp_path)
    *_, last = sorted(disk.files)
    for path, data in disk.files.items():
        ends = ends_of_records(data)
        first = int(Path(path).stem)
        for length in range(HEADER_BYTES, ends[-1]):
            found = Found(changed(disk, path, data[:length]), tmp_path)
            gone = {first + index for index, end in enumerate(ends) if end > length}
            rest = [record for record in whole if record[0] not in gone]
            if path == last:
                # commits are whole, so more may have to go
                assert rest[: len(found)] == found
                assert len(found) >= len(rest) - 1
            else:
                assert found == rest
                assert [damage.file for damage in found.report.damaged] == [Path(path).name]
            assert Found(found.disk, tmp_path)[:-1] == found


def test_a_file_without_a_header_is_put_away_and_the_others_are_served(
    disk: Disk, tmp_path: Path
) -> None:
    whole = Found(disk, tmp_path)
    *_, last = sorted(disk.files)
    for path, data in disk.files.items():
        first = int(Path(path).stem)
        gone = set(range(first, first + len(ends_of_records(data))))
        for length in range(1, HEADER_BYTES // 2):
            found = Found(changed(disk, path, data[:length]), tmp_path)
            rest = [record for record in whole if record[0] not in gone]
            # the mark of the last commit before the last file is in it
            assert found == (rest[:-1] if path == last else rest)
            assert found.report.damaged
            kept = [each for name, each in found.disk.files.items() if "quarantine" in name]
            assert kept == [data[:length]]
            assert Found(found.disk, tmp_path)[:-1] == found


def test_a_flipped_byte_in_any_index_loses_nothing(indexed: Disk, tmp_path: Path) -> None:
    whole = Found(indexed, tmp_path)
    for path, data in indexed.files.items():
        for offset in range(len(data)) if path.endswith(".index") else ():
            flipped = bytearray(data)
            flipped[offset] ^= 0xFF
            found = Found(changed(indexed, path, bytes(flipped)), tmp_path)
            assert found == whole
            assert found.report.damaged == ()
