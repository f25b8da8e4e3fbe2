"""Copying forward: what stays, what goes, and what a crash leaves of it."""

import errno
import shutil
import struct
import threading
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path

import pytest

from tests.storage.conftest import PATIENCE_S
from warrener.storage.errors import DamagedRecord, JournalFailed
from warrener.storage.files import DiskFiles, Handle
from warrener.storage.store import Bytes, Meaning

SMALL = 1000
MESSAGE = 1
SETTLED = 2
TOPOLOGY = 3


def refers_to(kind: int, payload: bytes) -> Sequence[int] | None:
    """A message refers to nothing, a settlement to messages, topology to anything."""
    if kind == MESSAGE:
        return ()
    return struct.unpack(f"{len(payload) // 8}Q", payload) if kind == SETTLED else None


MEANING = Meaning(lambda kind, payload: 4 if kind == MESSAGE else None, refers_to)


class Line:
    """A queue, as a broker would keep it: messages and settlements in one journal."""

    def __init__(self, open_journal: Callable, **options: object) -> None:
        self.journal = open_journal(segment_bytes=SMALL, meaning=MEANING, **options)
        self.store = self.journal.store
        self.bodies: dict[int, bytes] = {}

    def publish(self, number: int = 1, size: int = 100) -> list[int]:
        first = self.store.end
        bodies = [b"%0*d" % (size, position) for position in range(first, first + number)]
        assert self.store.append_run(MESSAGE, b"head", bodies, 1) == first
        self.bodies |= {first + n: b"head" + body for n, body in enumerate(bodies)}
        self.end_pass()
        return list(range(first, first + number))

    def settle(self, *positions: int) -> None:
        self.store.release_all(positions)
        self.store.append(SETTLED, struct.pack(f"{len(positions)}Q", *positions))
        for position in positions:
            del self.bodies[position]
        self.end_pass()

    def end_pass(self) -> None:
        self.store.commit()
        self.journal.wait_durable()

    def work(self, rounds: int) -> None:
        """Messages come and go."""
        for _ in range(rounds):
            self.settle(*self.publish(3))

    def check(self) -> None:
        positions = sorted(self.bodies)
        assert self.store.read(positions) == [self.bodies[each] for each in positions]

    @property
    def bytes(self) -> int:
        return sum(path.stat().st_size for path in self.journal.segment_files)


def living(journal: object) -> dict[int, bytes]:
    """What a broker would find: messages that are not settled."""
    found = {p: payload for p, kind, payload in journal.records if kind == MESSAGE}
    for _, kind, payload in journal.records:
        for position in refers_to(kind, payload) or () if kind == SETTLED else ():
            found.pop(position, None)
    return found


def again(line: Line, open_journal: Callable, directory: Path | None = None) -> object:
    """Close it, open it, and hold what is alive."""
    if directory is None:
        line.store.close()
    journal = open_journal(directory or line.journal.directory, meaning=MEANING)
    assert living(journal) == line.bodies
    journal.store.hold_all(sorted(line.bodies))
    return journal


@pytest.fixture
def line(open_journal: Callable) -> Line:
    return Line(open_journal)


def test_one_message_that_is_never_settled_does_not_keep_the_rest(line: Line) -> None:
    line.publish()
    most = 0
    for _ in range(60):
        line.work(2)
        line.journal.trim()
        most = max(most, line.bytes)
    line.check()
    # the files that are being replaced are there for a moment longer
    assert most < 5 * SMALL
    assert line.store.segments < 5


def test_what_stays_is_found_after_a_restart(line: Line, open_journal: Callable) -> None:
    old = line.publish(2)
    line.work(40)
    line.settle(old[0])
    line.journal.trim()
    assert len(line.journal.segment_files) < 5
    journal = again(line, open_journal)
    assert journal.report.damaged == ()
    assert journal.store.read([old[1]]) == [line.bodies[old[1]]]


@pytest.mark.parametrize("indexed", [True, False])
def test_a_rewritten_segment_can_be_read_without_its_index(
    line: Line, open_journal: Callable, indexed: bool
) -> None:
    line.publish(3)
    line.work(20)
    line.journal.trim()
    line.store.close()
    assert any(".1.segment" in path.name for path in line.journal.segment_files)
    for path in [] if indexed else list(line.journal.directory.glob("*.index")):
        path.unlink()
    journal = again(line, open_journal)
    assert (journal.report.damaged, journal.report.clean) == ((), True)


def test_a_settlement_stays_as_long_as_its_message_is_in_a_file(
    line: Line, open_journal: Callable
) -> None:
    # so much of the first segments is alive that they are not rewritten
    positions = line.publish(30)
    line.settle(*positions[::10])
    line.work(40)
    line.journal.trim()
    again(line, open_journal)


def test_topology_that_may_refer_to_anything_stays_while_anything_before_it_does(
    line: Line, open_journal: Callable
) -> None:
    line.publish()
    line.store.append(TOPOLOGY, b"the end of something")
    line.work(40)
    line.journal.trim()
    journal = again(line, open_journal)
    assert [payload for _, kind, payload in journal.records if kind == TOPOLOGY] == [
        b"the end of something"
    ]


def test_positions_are_not_used_again(line: Line, open_journal: Callable) -> None:
    line.publish()
    line.work(20)
    end = line.store.end
    line.journal.trim()
    journal = again(line, open_journal)
    assert journal.store.end == end


def test_a_rewritten_segment_is_rewritten_again(line: Line, open_journal: Callable) -> None:
    old = line.publish(2)
    for _ in range(5):
        line.work(20)
        line.journal.trim()
    assert any(
        int(path.name.split(".")[1]) > 1
        for path in line.journal.segment_files
        if path.name.count(".") == 2
    )
    line.settle(*old)
    line.work(5)
    line.journal.trim()
    assert line.store.segments < 4
    again(line, open_journal)


def test_a_log_that_ends_with_a_rewritten_segment_goes_on(
    line: Line, open_journal: Callable
) -> None:
    line.publish()
    line.work(20)
    line.journal.trim()
    line.store.close()
    *_, rewritten = [p for p in line.journal.segment_files if p.name.count(".") == 2]
    for path in line.journal.segment_files:
        if path.name > rewritten.name:
            path.unlink()
    before = rewritten.read_bytes()
    journal = open_journal(meaning=MEANING)
    assert living(journal) == line.bodies
    [position] = journal.commit(b"more")
    journal.store.close()
    assert rewritten.read_bytes() == before
    assert open_journal(meaning=MEANING).records[-1] == (position, 0, b"more")


# Crashes


class CopyingFiles(DiskFiles):
    """Copies the directory before each thing that is done to a name in it."""

    def __init__(self, target: Path) -> None:
        self.copies: list[Path] = []
        self._target = target
        self._numbers = count()

    def rename(self, path: str, new_path: str) -> None:
        self._copy(path)
        super().rename(path, new_path)
        self._copy(path)

    def unlink(self, path: str) -> None:
        if path.endswith(".segment"):
            self._copy(path)
        super().unlink(path)

    def _copy(self, path: str) -> None:
        target = self._target / str(next(self._numbers))
        shutil.copytree(Path(path).parent, target)
        self.copies.append(target)


def test_a_crash_at_any_moment_loses_nothing_and_brings_nothing_back(
    open_journal: Callable, tmp_path: Path
) -> None:
    files = CopyingFiles(tmp_path)
    line = Line(open_journal, files=files)
    positions = line.publish(60)
    line.settle(*positions[2:])
    line.journal.trim()
    line.store.close()
    assert len(files.copies) > 5
    for copy in files.copies:
        journal = again(line, open_journal, copy)
        assert journal.report.damaged == ()
        assert not list(copy.glob("*.partial"))
        journal.store.close()


def test_old_files_that_come_back_do_not_count(line: Line, open_journal: Callable) -> None:
    line.publish()
    line.work(7)
    old = {path.name: path.read_bytes() for path in line.journal.segment_files}
    line.work(20)
    line.journal.trim()
    line.store.close()
    back = [name for name in old if not (line.journal.directory / name).exists()]
    assert back
    for name in back:
        (line.journal.directory / name).write_bytes(old[name])
    journal = again(line, open_journal)
    assert journal.report.damaged == ()
    assert not any((line.journal.directory / name).exists() for name in back)


def test_nothing_is_rewritten_before_the_settlement_is_on_disk(open_journal: Callable) -> None:
    line = Line(open_journal, sync="interval:60000")
    positions = line.publish(60)
    line.store.release_all(positions[1:])
    line.store.append(SETTLED, struct.pack("59Q", *positions[1:]))
    line.store.commit()
    line.journal.wait_durable()
    line.store.trim()
    assert line.store.tidying
    assert all(path.name.count(".") == 1 for path in line.journal.segment_files)


def test_a_record_released_while_its_segment_is_rewritten_is_dead(line: Line) -> None:
    old = line.publish(2)
    line.work(20)
    line.store.trim()
    assert line.store.tidying
    line.settle(*old)
    line.journal.trim()
    line.work(10)
    line.journal.trim()
    assert line.store.segments < 4


# Trouble


def damage(path: Path, payload: bytes) -> None:
    data = path.read_bytes()
    assert payload in data
    path.write_bytes(data.replace(payload, payload[:-1] + b"X"))


def test_a_damaged_record_is_left_out_and_its_file_kept(line: Line, open_journal: Callable) -> None:
    old = line.publish(3)
    first = line.journal.segment_files[0]
    line.work(3)
    damage(first, line.bodies[old[1]])
    line.work(20)
    line.journal.trim()
    assert line.store.read_available(old) == [line.bodies[old[0]], None, line.bodies[old[2]]]
    with pytest.raises(DamagedRecord):
        line.store.read([old[1]])
    line.store.release(old[1])
    line.store.close()
    assert (line.journal.directory / "quarantine" / first.name).exists()
    del line.bodies[old[1]]
    again(line, open_journal)


class RefusingFiles(DiskFiles):
    """Does not do one thing to files of one kind."""

    def __init__(self, operation: str, ending: str) -> None:
        self.operation, self.ending = operation, ending
        self.attempts = 0
        self._paths: dict[Handle, str] = {}

    def create(self, path: str) -> Handle:
        self._refuse("create", path)
        handle = super().create(path)
        self._paths[handle] = path
        return handle

    def write(self, handle: Handle, pieces: Sequence[Bytes], offset: int) -> None:
        self._refuse("write", self._paths[handle])
        super().write(handle, pieces, offset)

    def rename(self, path: str, new_path: str) -> None:
        self._refuse("rename", path)
        super().rename(path, new_path)

    def _refuse(self, operation: str, path: str) -> None:
        if operation == self.operation and path.endswith(self.ending):
            self.attempts += 1
            raise OSError(errno.ENOSPC, "no space left")


@pytest.mark.parametrize("operation", ["create", "write"])
def test_a_new_file_that_cannot_be_written_changes_nothing(
    open_journal: Callable, operation: str
) -> None:
    files = RefusingFiles(operation, ".partial")
    line = Line(open_journal, files=files)
    line.publish()
    line.work(20)
    line.journal.trim()
    assert files.attempts > 0
    assert line.journal.failures == []
    line.check()
    again(line, open_journal)
    assert not list(line.journal.directory.glob("*.partial"))


def test_a_rename_that_fails_stops_the_journal(open_journal: Callable) -> None:
    line = Line(open_journal, files=RefusingFiles("rename", ".partial"))
    line.publish()
    with pytest.raises(JournalFailed):
        line.work(1000)
    assert line.journal.wait_failure().errno == errno.ENOSPC
    assert line.store.failed
    line.store.close()


class HeldFiles(RefusingFiles):
    """Refuses to rename, but only when told to; the journal's thread waits while it is held."""

    def __init__(self) -> None:
        super().__init__("rename", ".partial")
        self.renaming, self.refuse = threading.Event(), threading.Event()
        self.writing, self.go_on = threading.Event(), threading.Event()
        self.go_on.set()
        self.writer = threading.current_thread()

    def write_through(self, handle: Handle, pieces: Sequence[Bytes], offset: int) -> None:
        self.writer = threading.current_thread()
        self.writing.set()
        assert self.go_on.wait(PATIENCE_S)
        super().write_through(handle, pieces, offset)

    def rename(self, path: str, new_path: str) -> None:
        self.renaming.set()
        assert self.refuse.wait(PATIENCE_S)
        super().rename(path, new_path)


def test_what_was_committed_before_a_rename_failed_is_written(
    open_journal: Callable,
) -> None:
    files = HeldFiles()
    line = Line(open_journal, files=files)
    line.publish()
    while not files.renaming.is_set():
        line.work(1)
    files.go_on.clear()
    files.writing.clear()
    for _ in range(2):
        line.store.append(MESSAGE, b"head", b"more", 1)
        line.store.commit()
        # the second one waits until the first is written
        assert files.writing.wait(PATIENCE_S)
    files.refuse.set()
    line.journal.wait_failure()
    files.go_on.set()
    line.journal.wait_durable()
    line.store.close()
    assert not files.writer.is_alive()
    again = open_journal(meaning=MEANING)
    assert [payload for _, _, payload in again.records[-2:]] == [b"headmore"] * 2
    assert not again.report.clean


def test_a_rewriting_under_way_is_given_up_on_close(line: Line, open_journal: Callable) -> None:
    line.publish()
    line.work(20)
    line.store.trim()
    again(line, open_journal)


# Old versions: one directory below data/ for each format that was ever released


@pytest.mark.parametrize("indexed", [True, False])
def test_a_journal_of_version_2_can_be_read(
    open_journal: Callable, tmp_path: Path, indexed: bool
) -> None:
    fixture = Path(__file__).parent / "data" / "version-2"
    directory = Path(shutil.copytree(fixture, tmp_path / "version-2"))
    for path in [] if indexed else list(directory.glob("*.index")):
        path.unlink()
    journal = open_journal(directory, meaning=MEANING)
    assert sorted(living(journal)) == [1, 2, 51, 52]
    assert living(journal)[2] == b"head" + b"%0100d" % 2
    assert [position for position, _, _ in journal.records] == [1, 2, *range(45, 53)]
    assert journal.report.clean
    assert journal.report.damaged == ()
    assert journal.report.segments == 3
