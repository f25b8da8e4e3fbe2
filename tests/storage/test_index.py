"""The index beside a segment: what a restart takes from it, and when it does not believe it."""

import shutil
from array import array
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warrener.storage.files import DiskFiles, Files, Handle
from warrener.storage.index import (
    Entry,
    Index,
    decode_index,
    encode_index,
    read_entries,
    run_entry,
)
from warrener.storage.segment import HEADER_BYTES
from warrener.storage.store import Meaning

SMALL = 400
HEAD = b"head"
MEANING = Meaning(
    head_bytes=lambda kind, payload: len(HEAD) if kind == 1 else None,
    refers_to=lambda kind, payload: None,
)

entries = st.builds(
    Entry, st.integers(1, 2**32 - 1), st.integers(0, 255), st.none() | st.binary(max_size=300)
)


@given(entries=st.lists(entries))
def test_entries_are_read_as_they_were_written(entries: list[Entry]) -> None:
    assert list(read_entries(b"".join(run_entry(*entry) for entry in entries))) == entries


@pytest.fixture
def index() -> Index:
    written = bytearray(run_entry(2, 1, HEAD) + run_entry(1, 2, None))
    return Index(array("I", [64, 100, 130, 200]), array("Q", [7, 9, 12]), written, 13)


def encoded(index: Index) -> bytes:
    return b"".join(map(bytes, encode_index(77, 5, 1, index)))


@pytest.mark.parametrize("sparse", [True, False])
def test_an_index_is_read_as_it_was_written(index: Index, sparse: bool) -> None:
    index = index if sparse else index._replace(positions=None)
    assert decode_index(encoded(index), 77, 5, 1) == index


def test_an_index_of_another_segment_is_none(index: Index) -> None:
    data = encoded(index)
    assert decode_index(data, 78, 5, 1) is None
    assert decode_index(data, 77, 6, 1) is None
    assert decode_index(data, 77, 5, 2) is None


def test_an_index_with_any_byte_changed_or_missing_is_none(index: Index) -> None:
    data = encoded(index)
    for at in range(len(data)):
        changed = bytearray(data)
        changed[at] ^= 0x10
        assert decode_index(bytes(changed), 77, 5, 1) is None
        assert decode_index(data[:at], 77, 5, 1) is None
    assert decode_index(data + b"\0", 77, 5, 1) is None


# Restarts


class CountingFiles(DiskFiles):
    """Counts the bytes that are read from segments behind their headers."""

    def __init__(self) -> None:
        self.paths: dict[Handle, str] = {}
        self.bytes_read = 0

    def open(self, path: str) -> Handle:
        handle = super().open(path)
        self.paths[handle] = path
        return handle

    def read(self, handle: Handle, length: int, offset: int) -> bytes:
        data = super().read(handle, length, offset)
        if self.paths[handle].endswith(".segment") and offset >= HEADER_BYTES:
            self.bytes_read += len(data.rstrip(b"\0"))
        return data


def filled(open_journal: Callable, **options: object) -> object:
    """A journal of many segments with runs, single records and commits over their borders."""
    journal = open_journal(segment_bytes=SMALL, meaning=MEANING, **options)
    for number in range(20):
        journal.store.append_run(1, HEAD, [b"body %d %d" % (number, each) for each in range(4)], 1)
        journal.commit(b"single %d" % number)
    return journal


def without_index(directory: Path, target: Path) -> Path:
    shutil.copytree(directory, target, ignore=shutil.ignore_patterns("*.index"))
    return target


def positions(journal: object) -> list[tuple[int, bytes, list[int]]]:
    return [(run.kind, run.head, [*run.positions]) for run in journal.runs]


def test_with_an_index_the_same_is_recovered_as_without(
    open_journal: Callable, tmp_path: Path
) -> None:
    journal = filled(open_journal)
    journal.store.close()
    scanned = open_journal(without_index(journal.directory, tmp_path / "bare"), meaning=MEANING)
    again = open_journal(meaning=MEANING)
    assert again.records == scanned.records
    assert len(again.records) == 100
    assert sum(len(run.positions) for run in again.runs if run.head == HEAD) == 80
    assert again.report == scanned.report


def test_bodies_are_not_read(open_journal: Callable) -> None:
    journal = open_journal(segment_bytes=100_000, meaning=MEANING)
    for _ in range(30):
        journal.store.append_run(1, HEAD, [bytes([1]) * 1000] * 10, 1)
    journal.commit(b"needed as a whole")
    journal.store.close()
    files = CountingFiles()
    store = journal.store.__class__(
        journal.directory, on_durable=list, on_failure=print, files=files, meaning=MEANING
    )
    assert sum(len(run.positions) for run in store.recover()) == 301
    # the last record of each segment, to see that the index belongs to it
    assert files.bytes_read < 10_000
    store.close()


def test_an_index_is_made_again_where_it_is_missing(open_journal: Callable, tmp_path: Path) -> None:
    journal = filled(open_journal)
    journal.store.close()
    bare = without_index(journal.directory, tmp_path / "bare")
    open_journal(bare, meaning=MEANING).store.close()
    made = {path.name: path.read_bytes() for path in bare.glob("*.index")}
    written = {path.name: path.read_bytes() for path in journal.directory.glob("*.index")}
    # the last segment has got another mark
    assert made.keys() == written.keys()
    assert {n: made[n] for n in sorted(made)[:-1]} == {n: written[n] for n in sorted(made)[:-1]}


def test_with_a_damaged_index_nothing_is_lost(open_journal: Callable, tmp_path: Path) -> None:
    journal = filled(open_journal)
    journal.store.close()
    expected = open_journal(meaning=MEANING)
    expected.store.close()
    for number, path in enumerate(sorted(journal.directory.glob("*.index"))):
        data = bytearray(path.read_bytes())
        data[number % len(data)] ^= 1
        path.write_bytes(data)
    again = open_journal(meaning=MEANING)
    assert again.records == expected.records
    assert (again.report.damaged, again.report.cut_bytes) == ((), 0)


def test_what_was_appended_behind_an_index_is_read(open_journal: Callable, tmp_path: Path) -> None:
    journal = open_journal(meaning=MEANING)
    journal.store.append_run(1, HEAD, [b"one", b"two"], 1)
    journal.store.close()
    again = open_journal(meaning=MEANING)
    again.store.append_run(1, HEAD, [b"three"], 1)
    again.commit(b"four")
    killed = Path(shutil.copytree(again.directory, tmp_path / "killed"))
    assert (killed / "00000000000000000001.index").exists()
    found = open_journal(killed, meaning=MEANING)
    assert [payload for _, _, payload in found.records] == [
        b"headone",
        b"headtwo",
        b"headthree",
        b"four",
    ]


def test_half_a_commit_is_cut_from_a_segment_with_an_index(
    open_journal: Callable, tmp_path: Path
) -> None:
    journal = open_journal(segment_bytes=SMALL, meaning=MEANING)
    journal.commit(b"one")
    journal.store.append_run(1, HEAD, [b"%0100d" % number for number in range(8)], 1)
    journal.commit(b"end")
    directory = Path(shutil.copytree(journal.directory, tmp_path / "killed"))
    *_, last = sorted(directory.glob("*.segment"))
    last.write_bytes(last.read_bytes()[:HEADER_BYTES])
    again = open_journal(directory, segment_bytes=SMALL, meaning=MEANING)
    assert again.payloads == [b"one"]
    again.store.append_run(1, HEAD, [b"%0100d" % number for number in range(8)], 1)
    again.commit(b"after")
    again.store.close()
    third = open_journal(directory, segment_bytes=SMALL, meaning=MEANING)
    assert len(third.payloads) == 10
    assert third.payloads[-1] == b"after"


def test_a_truncated_segment_is_read_and_not_believed_of(open_journal: Callable) -> None:
    journal = filled(open_journal)
    journal.store.close()
    second = journal.segment_files[1]
    second.write_bytes(second.read_bytes()[:-30])
    again = open_journal(meaning=MEANING)
    assert len(again.records) == 99
    assert [each.file for each in again.report.damaged] == [second.name]
    again.store.close()
    assert len(open_journal(meaning=MEANING).report.damaged) == 1


def test_damage_to_a_body_is_found_when_it_is_read(open_journal: Callable) -> None:
    journal = filled(open_journal)
    journal.store.close()
    path = journal.segment_files[1]
    data = path.read_bytes()
    assert b"body 2 2" in data
    path.write_bytes(data.replace(b"body 2 2", b"body 2 X"))
    again = open_journal(meaning=MEANING)
    assert again.report.damaged == ()
    assert len(again.records) == 99
    assert sum(len(run.positions) for run in again.runs) == 100


def test_damage_to_what_recovery_needs_is_reported(open_journal: Callable) -> None:
    journal = filled(open_journal)
    journal.store.close()
    path = journal.segment_files[1]
    data = path.read_bytes()
    assert b"single 2" in data
    path.write_bytes(data.replace(b"single 2", b"single X"))
    again = open_journal(meaning=MEANING)
    assert len(again.records) == 99
    [found] = again.report.damaged
    assert (found.file, found.explanation) == (path.name, "records 15 to 15 lost")


def test_that_an_index_cannot_be_written_is_no_failure(
    open_journal: Callable, unsynced_files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = type(unsynced_files).create

    def refuse(self: Files, path: str) -> Handle:
        if path.endswith(".index"):
            raise OSError(28, "no space left")
        return create(self, path)

    monkeypatch.setattr(type(unsynced_files), "create", refuse, raising=False)
    journal = filled(open_journal, files=unsynced_files)
    journal.store.close()
    assert journal.failures == []
    assert list(journal.directory.glob("*.index")) == []
    monkeypatch.undo()
    assert len(open_journal(meaning=MEANING).records) == 100


def test_an_index_without_its_segment_is_removed(open_journal: Callable) -> None:
    journal = open_journal()
    journal.commit(b"one")
    journal.store.close()
    stray = journal.directory / "00000000000000000500.index"
    stray.write_bytes(b"whatever")
    open_journal().store.close()
    assert not stray.exists()
