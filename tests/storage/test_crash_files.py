"""What the disk that loses its power may do, and what it may not."""

import pytest

from tests.storage.crash_files import CrashFiles, Disk

PLACE = "/d"


def files_of(files: CrashFiles) -> set[tuple[tuple[str, bytes], ...]]:
    """Everything that may be found: paths and contents."""
    return {tuple(sorted(disk.files.items())) for disk, _ in files.crashes()}


def contents_of(files: CrashFiles, path: str) -> set[bytes | None]:
    """Everything that may be found in one file; None if the file may be missing."""
    return {disk.files.get(path) for disk, _ in files.crashes()}


def started(**contents: bytes) -> CrashFiles:
    """A disk with these files, and sectors of four bytes."""
    found = {f"{PLACE}/{name}": data for name, data in contents.items()}
    return CrashFiles(Disk(found, frozenset([PLACE])), sector_bytes=4)


def test_what_was_there_stays() -> None:
    assert files_of(started(a=b"1234")) == {(("/d/a", b"1234"),)}


def test_an_unsynced_write_arrives_sector_by_sector_or_not_at_all() -> None:
    files = started(a=b"12345678")
    files.write(files.open("/d/a"), [b"ab", b"cdef"], 1)
    assert contents_of(files, "/d/a") == {b"12345678", b"1abc5678", b"1234def8", b"1abcdef8"}


def test_a_file_may_have_grown_without_its_bytes() -> None:
    files = started(a=b"")
    files.write(files.open("/d/a"), [b"abcdef"], 0)
    assert contents_of(files, "/d/a") == {
        *(b"", b"abcd", b"abcdef"),
        *(b"\0\0\0\0ef", b"abcd\0\0", b"\0\0\0\0\0\0"),
    }


def test_a_sector_takes_what_was_done_to_it_until_then() -> None:
    files = started(a=b"1234")
    handle = files.open("/d/a")
    files.write(handle, [b"a"], 0)
    files.write(handle, [b"b"], 1)
    assert contents_of(files, "/d/a") == {b"1234", b"a234", b"ab34"}


def test_what_was_synced_stays_and_what_came_later_may_not() -> None:
    files = started(a=b"12345678")
    handle = files.open("/d/a")
    files.write(handle, [b"a"], 0)
    files.datasync(handle)
    files.tell(1)
    files.write(handle, [b"b"], 4)
    assert {disk.files["/d/a"] for disk, told in files.crashes() if told} == {
        b"a2345678",
        b"a234b678",
    }


def test_a_durable_write_says_nothing_of_those_before() -> None:
    files = started(a=b"12345678")
    handle = files.open("/d/a")
    files.write(handle, [b"a"], 0)
    files.write_through(handle, [b"b"], 4)
    files.tell(1)
    assert {disk.files["/d/a"] for disk, told in files.crashes() if told} == {
        b"1234b678",
        b"a234b678",
    }


def test_a_new_file_may_be_missing_though_its_bytes_were_synced() -> None:
    files = started()
    files.write_through(files.create("/d/a"), [b"ab"], 0)
    assert contents_of(files, "/d/a") == {None, b"", b"\0\0", b"ab"}
    files.sync_directory(PLACE)
    files.tell(1)
    assert {disk.files.get("/d/a") for disk, told in files.crashes() if told} == {b"ab"}


def test_a_new_file_whose_directory_was_synced_may_be_empty() -> None:
    files = started()
    handle = files.create("/d/a")
    files.sync_directory(PLACE)
    files.write(handle, [b"ab"], 0)
    files.tell(1)
    assert {disk.files.get("/d/a") for disk, told in files.crashes() if told} == {
        *(b"", b"\0\0", b"ab")
    }


def test_removals_happen_in_any_order() -> None:
    files = started(a=b"1", b=b"2")
    files.unlink("/d/a")
    files.unlink("/d/b")
    assert files_of(files) == {
        (),
        (("/d/a", b"1"),),
        (("/d/b", b"2"),),
        (("/d/a", b"1"), ("/d/b", b"2")),
    }


def test_what_happens_to_one_name_happens_in_order() -> None:
    files = started(a=b"1")
    files.unlink("/d/a")
    files.close(files.create("/d/a"))
    assert files_of(files) == {(("/d/a", b"1"),), (), (("/d/a", b""),)}


def test_a_rename_replaces_what_was_there_in_one_step() -> None:
    files = started(a=b"new", b=b"old")
    files.rename("/d/a", "/d/b")
    assert files_of(files) == {(("/d/a", b"new"), ("/d/b", b"old")), (("/d/b", b"new"),)}


def test_a_rename_into_place_before_its_bytes_were_synced_may_leave_nothing() -> None:
    files = started(b=b"old")
    files.write(files.create("/d/a"), [b"new"], 0)
    files.rename("/d/a", "/d/b")
    assert (("/d/b", b""),) in files_of(files)


def test_a_rename_to_another_directory_lasts_once_both_are_synced() -> None:
    files = started(a=b"1")
    files.make_directory("/q")
    files.rename("/d/a", "/q/a")
    files.sync_directory("/q")
    files.tell(1)
    files.sync_directory(PLACE)
    files.tell(2)
    assert {(told, *disk.files) for disk, told in files.crashes()} >= {(1, "/d/a"), (2, "/q/a")}
    assert (2, "/d/a") not in {(told, *disk.files) for disk, told in files.crashes()}


def test_a_cut_lasts() -> None:
    files = started(a=b"12345678")
    files.truncate(files.open("/d/a"), 3)
    files.tell(1)
    assert set(files.crashes()) == {
        (Disk({"/d/a": b"12345678"}, frozenset([PLACE])), 0),
        (Disk({"/d/a": b"123"}, frozenset([PLACE])), 1),
    }


def test_it_reads_what_was_written_whether_or_not_it_lasts() -> None:
    files = started()
    handle = files.create("/d/a")
    files.write(handle, [b"abc"], 2)
    assert (files.read(handle, 100, 1), files.size(handle)) == (b"\0abc", 5)
    files.make_directory("/d/e")
    assert sorted(files.names(PLACE)) == ["a", "e"]


def test_it_refuses_what_a_system_refuses() -> None:
    files = started(a=b"")
    for attempt in (
        lambda: files.open("/d/b"),
        lambda: files.unlink("/d/b"),
        lambda: files.rename("/d/b", "/d/c"),
        lambda: files.names("/e"),
    ):
        with pytest.raises(FileNotFoundError):
            attempt()
    with pytest.raises(FileExistsError):
        files.create("/d/a")
