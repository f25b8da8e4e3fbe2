"""The journal on a real disk, in a temporary folder: restarts, damage, trimming."""

import errno
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from zlib import crc32

import pytest

from warrener.storage.errors import DamagedRecord, UnknownPosition, UnknownVersion
from warrener.storage.files import DiskFiles, Files, Handle
from warrener.storage.journal import Journal
from warrener.storage.record import encode
from warrener.storage.segment import HEADER_BYTES

# A journal without zeros behind its records, so that every byte of the file counts.
SMALL = 400


def written(path: Path) -> bytes:
    """A segment's bytes up to the end of its last mark, whose number ends with seven zeros."""
    return path.read_bytes().rstrip(b"\0") + bytes(7)


def without_index(journal: object) -> None:
    for path in journal.directory.glob("*.index"):
        path.unlink()


def killed(journal: object, target: Path) -> Path:
    """What another process would find if this one were killed now."""
    return Path(shutil.copytree(journal.directory, target))


def test_what_was_committed_is_there_after_an_orderly_close(open_journal: Callable) -> None:
    journal = open_journal()
    journal.commit(b"one", b"two")
    journal.store.close()
    again = open_journal()
    assert again.records == [(1, 0, b"one"), (2, 0, b"two")]
    assert again.report.clean
    assert (again.report.segments, again.report.records, again.report.cut_bytes) == (1, 2, 0)
    assert again.store.end == again.store.durable == 3


def test_what_was_committed_is_there_after_a_kill(open_journal: Callable, tmp_path: Path) -> None:
    journal = open_journal()
    journal.commit(b"one", b"two")
    again = open_journal(killed(journal, tmp_path / "killed"))
    assert again.payloads == [b"one", b"two"]
    assert not again.report.clean
    assert (again.report.cut_bytes, again.report.damaged) == (0, ())


def test_a_record_has_the_bytes_that_encode_makes(open_journal: Callable) -> None:
    journal = open_journal()
    journal.store.append(200, b"head", memoryview(b"body"))
    journal.store.commit()
    journal.wait_durable()
    data = journal.segment_files[0].read_bytes()
    salt = int.from_bytes(data[12:16], "little")
    assert data[HEADER_BYTES:].startswith(encode(200, 1, b"headbody", salt))


def test_positions_go_on_after_a_restart(open_journal: Callable) -> None:
    journal = open_journal()
    journal.commit(b"one")
    journal.store.close()
    again = open_journal()
    assert again.commit(b"two") == [2]
    again.store.close()
    assert open_journal().payloads == [b"one", b"two"]


def test_recovered_records_can_be_read(open_journal: Callable) -> None:
    journal = open_journal()
    journal.commit(*(b"%d" % number for number in range(1, 100)))
    journal.store.close()
    again = open_journal()
    assert again.store.read([50, 51, 99, 1]) == [b"50", b"51", b"99", b"1"]


def test_large_bodies_survive(open_journal: Callable) -> None:
    bodies = [bytes([number]) * 5_000_000 for number in range(3)]
    journal = open_journal()
    journal.commit(*bodies)
    assert journal.store.read([1, 2, 3]) == bodies
    journal.store.close()
    assert open_journal().payloads == bodies


def test_more_records_than_one_system_call_takes_survive(open_journal: Callable) -> None:
    payloads = [b"%d" % number for number in range(5000)]
    journal = open_journal()
    journal.commit(*payloads)
    journal.store.close()
    assert open_journal().payloads == payloads


def test_a_full_segment_is_followed_by_another(open_journal: Callable) -> None:
    journal = open_journal(segment_bytes=SMALL)
    for number in range(30):
        journal.commit(b"payload %d" % number)
    names = [path.name for path in journal.segment_files]
    assert len(names) > 3
    assert names[0] == "00000000000000000001.segment"
    assert journal.store.read([1, 30, 15]) == [b"payload 0", b"payload 29", b"payload 14"]
    journal.store.close()
    again = open_journal(segment_bytes=SMALL)
    assert again.payloads == [b"payload %d" % number for number in range(30)]
    assert again.report.segments == len(names)


def test_one_commit_may_fill_several_segments(open_journal: Callable) -> None:
    payloads = [b"payload %d" % number for number in range(50)]
    journal = open_journal(segment_bytes=SMALL)
    journal.commit(*payloads)
    assert len(journal.segment_files) > 3
    assert journal.store.read(range(1, 51)) == payloads
    journal.store.close()
    assert open_journal(segment_bytes=SMALL).payloads == payloads


def test_uncommitted_records_are_written_by_close(open_journal: Callable) -> None:
    journal = open_journal()
    journal.store.append(0, b"one")
    journal.store.close()
    assert open_journal().payloads == [b"one"]


def test_many_segments_are_read_with_few_open_files(open_journal: Callable) -> None:
    journal = open_journal(segment_bytes=100)
    journal.commit(*(b"%0100d" % number for number in range(100)))
    assert len(journal.segment_files) == 101
    for position in (*range(1, 101), *range(100, 0, -1)):
        assert journal.store.read([position]) == [b"%0100d" % (position - 1)]
    assert len(list(Path("/proc/self/fd").iterdir())) < 80


@pytest.mark.parametrize("kind", [-1, 256])
def test_a_kind_that_would_pass_for_a_mark_is_refused(open_journal: Callable, kind: int) -> None:
    journal = open_journal()
    with pytest.raises(struct.error):
        journal.store.append(kind, b"x")
    assert journal.commit(b"one") == [1]


def test_a_body_that_is_not_bytes_leaves_no_trace(open_journal: Callable) -> None:
    journal = open_journal()
    with pytest.raises(TypeError):
        journal.store.append(0, b"head", "text")
    journal.commit(b"one")
    assert journal.store.read([1]) == [b"one"]


# Torn tails

# payloads, and where the mark behind them ends
COMMITS = [(132, b"one", b"two"), (181, b"three"), (251, b"four", b"five")]


def test_a_log_cut_at_any_byte_keeps_the_commits_before(
    open_journal: Callable, tmp_path: Path, unsynced_files: Files
) -> None:
    journal = open_journal(segment_bytes=SMALL)
    for _, *payloads in COMMITS:
        journal.commit(*payloads)
    [path] = journal.segment_files
    data = written(path)
    for length in range(len(data) + 1):
        directory = tmp_path / str(length)
        directory.mkdir()
        (directory / path.name).write_bytes(data[:length])
        torn = open_journal(directory, segment_bytes=SMALL, files=unsynced_files)
        survived = torn.payloads
        commits = [commit for end, *commit in COMMITS if end <= length]
        assert survived == [payload for commit in commits for payload in commit]
        torn.commit(b"after")
        torn.store.close()
        again = open_journal(directory, segment_bytes=SMALL, files=unsynced_files)
        assert again.payloads == [*survived, b"after"]
        assert again.report.clean
        again.store.close()


def test_a_torn_tail_is_cut_before_the_first_append(open_journal: Callable) -> None:
    journal = open_journal()
    journal.commit(b"one")
    journal.store.close()
    [path] = journal.segment_files
    whole = written(path)
    path.write_bytes(whole + b"half a record that the power cut has left" + bytes(5000))
    again = open_journal()
    assert again.report.cut_bytes == 41
    assert path.stat().st_size < len(whole) + 41
    assert not again.report.clean
    assert again.report.damaged == ()


def test_zeros_behind_the_last_record_are_no_torn_tail(open_journal: Callable) -> None:
    journal = open_journal()
    journal.commit(b"one")
    journal.store.close()
    [path] = journal.segment_files
    assert path.stat().st_size > 1_000_000
    again = open_journal()
    assert (again.report.cut_bytes, again.report.clean) == (0, True)


def test_records_written_after_a_crash_survive_the_next_crash(
    open_journal: Callable, tmp_path: Path
) -> None:
    journal = open_journal()
    journal.commit(b"one")
    first = killed(journal, tmp_path / "first crash")
    again = open_journal(first)
    again.commit(b"two")
    second = killed(again, tmp_path / "second crash")
    assert open_journal(second).payloads == [b"one", b"two"]


def test_valid_records_behind_a_torn_one_are_set_aside(
    open_journal: Callable, tmp_path: Path
) -> None:
    journal = open_journal()
    journal.commit(b"one")
    journal.commit(b"torn", b"valid")
    directory = killed(journal, tmp_path / "killed")
    path = directory / journal.segment_files[0].name
    path.write_bytes(path.read_bytes().replace(b"torn", b"t\0\0n"))
    again = open_journal(directory)
    assert again.payloads == [b"one"]
    [damage] = again.report.damaged
    assert "1 records in it are valid" in damage.explanation
    [kept] = (directory / "quarantine").iterdir()
    assert b"valid" in kept.read_bytes()


def test_half_a_commit_is_cut_together_with_the_file_it_reached_into(
    open_journal: Callable, tmp_path: Path
) -> None:
    journal = open_journal(segment_bytes=SMALL)
    journal.commit(b"one")
    journal.commit(*(b"%0100d" % number for number in range(8)))
    directory = killed(journal, tmp_path / "killed")
    *_, last = sorted(directory.glob("*.segment"))
    last.write_bytes(last.read_bytes()[:HEADER_BYTES])
    again = open_journal(directory, segment_bytes=SMALL)
    assert again.payloads == [b"one"]
    assert len(list((directory / "quarantine").iterdir())) == 2
    again.commit(b"after")
    again.store.close()
    assert open_journal(directory, segment_bytes=SMALL).payloads == [b"one", b"after"]


# Damage


def test_any_flipped_byte_loses_at_most_the_record_it_is_in(
    open_journal: Callable, tmp_path: Path, unsynced_files: Files
) -> None:
    payloads = [b"one", b"two", b"three", b"four"]
    journal = open_journal(segment_bytes=SMALL)
    journal.commit(*payloads[:2])
    journal.commit(*payloads[2:])
    journal.store.close()
    [path] = journal.segment_files
    data = written(path)
    for offset in range(len(data)):
        directory = tmp_path / str(offset)
        directory.mkdir()
        flipped = bytearray(data)
        flipped[offset] ^= 0xFF
        (directory / path.name).write_bytes(flipped)
        damaged = open_journal(directory, segment_bytes=SMALL, files=unsynced_files)
        lost = [payload for payload in payloads if payload not in damaged.payloads]
        assert damaged.payloads == [payload for payload in payloads if payload not in lost]
        assert len(lost) <= 1
        assert damaged.report.damaged or damaged.report.cut_bytes
        damaged.commit(b"after")
        damaged.store.close()
        again = open_journal(directory, segment_bytes=SMALL, files=unsynced_files)
        assert again.payloads == [*damaged.payloads, b"after"]
        again.store.close()


def damage(path: Path, payload: bytes) -> None:
    data = path.read_bytes()
    assert payload in data
    path.write_bytes(data.replace(payload, payload[:-1] + b"\xff"))


def test_a_damaged_record_is_reported_with_file_and_offset(open_journal: Callable) -> None:
    journal = open_journal()
    journal.commit(b"one", b"two", b"three")
    journal.store.close()
    [path] = journal.segment_files
    damage(path, b"two")
    again = open_journal()
    assert again.payloads == [b"one", b"three"]
    [found] = again.report.damaged
    assert (found.file, found.offset, found.length) == (path.name, HEADER_BYTES + 21, 21)


def test_a_record_lost_before_the_start_is_damaged_and_its_neighbours_are_not(
    open_journal: Callable,
) -> None:
    journal = open_journal()
    journal.commit(b"one", b"two", b"three")
    journal.store.close()
    damage(journal.segment_files[0], b"two")
    without_index(journal)
    store = open_journal().store
    assert store.read([1, 3]) == [b"one", b"three"]
    with pytest.raises(DamagedRecord) as caught:
        store.read([1, 2, 3])
    assert caught.value.position == 2
    with pytest.raises(UnknownPosition):
        store.hold(2, 1)


def test_damage_that_happens_while_the_journal_is_open_is_noticed_on_reading(
    open_journal: Callable,
) -> None:
    journal = open_journal()
    journal.commit(b"one", b"two", b"three")
    [path] = journal.segment_files
    with path.open("r+b") as file:
        file.seek(HEADER_BYTES + 21 + 18)
        file.write(b"TWO")
    assert journal.store.read([1, 3]) == [b"one", b"three"]
    with pytest.raises(DamagedRecord, match=r"record 2 is damaged: 0+1\.segment, offset 85"):
        journal.store.read([2])


def test_a_file_cut_while_the_journal_is_open_is_noticed_on_reading(
    open_journal: Callable,
) -> None:
    journal = open_journal()
    journal.commit(b"one", b"two")
    with journal.segment_files[0].open("r+b") as file:
        file.truncate(HEADER_BYTES + 25)
    assert journal.store.read([1]) == [b"one"]
    with pytest.raises(DamagedRecord):
        journal.store.read([2])


def test_records_of_a_missing_segment_are_damaged(open_journal: Callable) -> None:
    journal = open_journal(segment_bytes=SMALL)
    for number in range(30):
        journal.commit(b"payload %d" % number)
    journal.store.close()
    _, second, third, *_ = journal.segment_files
    second.unlink()
    again = open_journal(segment_bytes=SMALL)
    assert len(again.report.damaged) == 1
    with pytest.raises(DamagedRecord):
        again.store.read([int(second.name[:20])])
    with pytest.raises(DamagedRecord):
        again.store.read([int(third.name[:20]) - 1])
    assert again.store.read([30]) == [b"payload 29"]


class UnreadableFiles(DiskFiles):
    """A disk that has lost the second page of every file."""

    def __init__(self, error: int) -> None:
        self.error = error

    def read(self, handle: Handle, length: int, offset: int) -> bytes:
        if offset < 8192 and offset + length > 4096:
            raise OSError(self.error, "lost")
        return super().read(handle, length, offset)


def test_a_page_that_the_disk_cannot_read_costs_the_records_in_it(open_journal: Callable) -> None:
    journal = open_journal()
    journal.commit(*(b"%0500d" % number for number in range(40)))
    journal.store.close()
    without_index(journal)
    again = open_journal(files=UnreadableFiles(errno.EIO))
    lost = set(range(1, 41)) - {position for position, _, _ in again.records}
    assert lost == set(range(8, 17))
    [found] = again.report.damaged
    assert found.explanation == "records 8 to 16 lost"


def test_an_error_that_says_nothing_about_the_disk_stops_recovery(open_journal: Callable) -> None:
    journal = open_journal()
    journal.commit(b"%05000d" % 1)
    journal.store.close()
    with pytest.raises(OSError, match="lost"):
        open_journal(files=UnreadableFiles(errno.EMFILE))


# Files that are no segments


def test_a_zero_length_segment_file_is_ignored_and_reported(open_journal: Callable) -> None:
    journal = open_journal()
    journal.commit(b"one")
    journal.store.close()
    (journal.directory / "00000000000000000002.segment").touch()
    again = open_journal()
    assert again.payloads == [b"one"]
    [found] = again.report.damaged
    assert found.explanation == "was created and never filled; removed"
    assert again.commit(b"two") == [2]


def test_a_segment_file_of_zeros_is_ignored_and_reported(open_journal: Callable) -> None:
    directory = open_journal().directory / "other"
    directory.mkdir()
    (directory / "00000000000000000001.segment").write_bytes(bytes(4096))
    journal = open_journal(directory)
    assert journal.records == []
    assert len(journal.report.damaged) == 1


def test_a_segment_without_a_readable_header_goes_into_quarantine(open_journal: Callable) -> None:
    journal = open_journal(segment_bytes=SMALL)
    for number in range(30):
        journal.commit(b"payload %d" % number)
    journal.store.close()
    _, second, third, *_ = journal.segment_files
    content = b"\xff" * HEADER_BYTES + second.read_bytes()[HEADER_BYTES:]
    second.write_bytes(content)
    again = open_journal(segment_bytes=SMALL)
    lost = range(int(second.name[:20]), int(third.name[:20]))
    assert [position for position, _, _ in again.records] == [
        position for position in range(1, 31) if position not in lost
    ]
    assert (journal.directory / "quarantine" / second.name).read_bytes() == content
    assert [each.file for each in again.report.damaged] == [
        second.name,
        journal.segment_files[0].name,
    ]


def test_positions_of_a_quarantined_last_segment_are_not_used_again(
    open_journal: Callable,
) -> None:
    journal = open_journal(segment_bytes=SMALL)
    for number in range(30):
        journal.commit(b"payload %d" % number)
    journal.store.close()
    last = journal.segment_files[-1]
    last.write_bytes(b"\xff" * HEADER_BYTES + last.read_bytes()[HEADER_BYTES:])
    again = open_journal(segment_bytes=SMALL)
    assert again.records[-1][0] < 30
    [position] = again.commit(b"after")
    assert position > 30
    again.store.close()
    assert open_journal(segment_bytes=SMALL).records[-1] == (position, 0, b"after")


def test_two_quarantined_files_of_one_name_are_both_kept(open_journal: Callable) -> None:
    for content in (b"first", b"second"):
        journal = open_journal()
        journal.store.close()
        for path in journal.segment_files:
            path.unlink()
        (journal.directory / "00000000000000000001.segment").write_bytes(content)
        open_journal().store.close()
    kept = {path.read_bytes() for path in (journal.directory / "quarantine").iterdir()}
    assert kept == {b"first", b"second"}


def test_a_later_format_is_refused_and_left_alone(open_journal: Callable) -> None:
    journal = open_journal()
    journal.commit(b"one")
    journal.store.close()
    [path] = journal.segment_files
    header = bytearray(path.read_bytes()[:24])
    header[8] = 3
    copy = bytes(header) + crc32(header).to_bytes(4, "little") + bytes(4)
    path.write_bytes(2 * copy + b"whatever version 3 means by it")
    before = path.read_bytes()
    store = Journal(journal.directory, on_durable=list, on_failure=print)
    with pytest.raises(UnknownVersion, match="segment format 3"):
        list(store.recover())
    store.close()
    assert path.read_bytes() == before


def test_other_files_in_the_directory_are_left_alone(open_journal: Callable) -> None:
    journal = open_journal()
    (journal.directory / "notes.txt").write_text("mine")
    journal.store.close()
    assert open_journal().report.damaged == ()
    assert (journal.directory / "notes.txt").read_text() == "mine"


# Trimming


def filled(open_journal: Callable, holders: int) -> object:
    journal = open_journal(segment_bytes=SMALL)
    for number in range(30):
        journal.commit(b"payload %d" % number, holders=holders)
    return journal


def test_trim_removes_what_nobody_holds(open_journal: Callable) -> None:
    journal = filled(open_journal, holders=0)
    journal.trim()
    journal.store.close()
    assert len(journal.segment_files) == 1


def test_a_segment_that_somebody_else_has_removed_is_no_failure(open_journal: Callable) -> None:
    journal = filled(open_journal, holders=1)
    journal.segment_files[0].unlink()
    journal.store.release_all(range(1, 31))
    assert journal.store.trim() > 0
    journal.store.close()
    assert journal.failures == []


def test_trim_keeps_what_is_held(open_journal: Callable) -> None:
    journal = filled(open_journal, holders=1)
    assert journal.store.trim() == 0
    assert journal.store.read(range(1, 31)) == [b"payload %d" % number for number in range(30)]


def test_one_held_record_keeps_its_segment(open_journal: Callable) -> None:
    journal = filled(open_journal, holders=2)
    count = len(journal.segment_files)
    for position in range(1, 31):
        journal.store.release(position, 1 if position == 15 else 2)
    removed = journal.store.trim()
    assert 0 < removed < count - 1
    assert journal.store.read([15]) == [b"payload 14"]
    with pytest.raises(UnknownPosition):
        journal.store.read([1])
    journal.store.release(15)
    journal.trim()
    assert journal.store.segments == 1
    journal.store.close()
    assert open_journal(segment_bytes=SMALL).records[-1][2] == b"payload 29"


def test_trim_waits_until_what_released_the_records_is_durable(open_journal: Callable) -> None:
    journal = filled(open_journal, holders=1)
    for position in range(1, 31):
        journal.store.release(position)
    journal.store.append(1, b"all of them went elsewhere", holders=1)
    assert journal.store.trim() == 0
    journal.store.commit()
    journal.wait_durable()
    assert journal.store.trim() > 0


def test_recovered_records_keep_their_segment_only_if_held(open_journal: Callable) -> None:
    journal = filled(open_journal, holders=1)
    journal.store.close()
    again = open_journal(segment_bytes=SMALL)
    again.store.hold(15, 1)
    assert again.store.trim() > 0
    assert again.store.trim() == 0
    assert again.store.read([15]) == [b"payload 14"]


def test_a_log_that_begins_late_is_recovered(open_journal: Callable) -> None:
    journal = filled(open_journal, holders=0)
    journal.store.trim()
    end = journal.store.end
    journal.store.close()
    again = open_journal(segment_bytes=SMALL)
    assert (again.store.end, again.report.damaged, again.report.clean) == (end, (), True)
    assert again.commit(b"next") == [end]


def test_releasing_in_the_same_pass_is_possible(open_journal: Callable) -> None:
    journal = open_journal(segment_bytes=SMALL)
    for _ in range(50):
        position = journal.store.append(0, b"delivered and acknowledged at once", holders=1)
        journal.store.release(position)
    journal.store.commit()
    journal.wait_durable()
    assert journal.store.trim() > 0


# Options


@pytest.mark.parametrize("sync", ["", "Always", "interval", "interval:0", "interval:1.5"])
def test_a_sync_mode_nobody_knows_is_refused(tmp_path: Path, sync: str) -> None:
    with pytest.raises(ValueError, match="always, interval:MILLISECONDS or never"):
        Journal(tmp_path, sync=sync, on_durable=list, on_failure=print)


@pytest.mark.parametrize("size", [0, -1, 2**31 + 1])
def test_a_segment_size_that_offsets_cannot_hold_is_refused(tmp_path: Path, size: int) -> None:
    with pytest.raises(ValueError, match="segment_bytes"):
        Journal(tmp_path, segment_bytes=size, on_durable=list, on_failure=print)


def test_the_directory_is_made_if_it_is_missing(open_journal: Callable, tmp_path: Path) -> None:
    journal = open_journal(tmp_path / "some" / "where")
    journal.commit(b"one")
    assert journal.segment_files[0].stat().st_mode & 0o777 == 0o600
    assert journal.directory.stat().st_mode & 0o777 == 0o700


# Old versions: one directory below data/ for each format that was ever released


def test_a_journal_of_version_1_can_be_read(open_journal: Callable, tmp_path: Path) -> None:
    fixture = Path(__file__).parent / "data" / "version-1"
    directory = Path(shutil.copytree(fixture, tmp_path / "version-1"))
    journal = open_journal(directory)
    assert journal.records == [
        (1, 0, b""),
        (2, 1, b"headbody"),
        (3, 255, bytes(range(64))),
        (4, 7, b"second segment"),
        (5, 8, b"last"),
    ]
    assert journal.report.clean
    assert journal.report.segments == 2
