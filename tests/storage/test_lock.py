import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.patience import limit
from warrener.storage.errors import DirectoryInUse
from warrener.storage.journal import Journal
from warrener.storage.lock import DirectoryLock

HOLDER = """
import sys
from warrener.storage.lock import DirectoryLock
lock = DirectoryLock(sys.argv[1])
print("locked", flush=True)
sys.stdin.read()
"""


def test_the_second_is_told_who_has_the_directory_and_what_to_do(tmp_path: Path) -> None:
    lock = DirectoryLock(str(tmp_path))
    with pytest.raises(DirectoryInUse) as caught:
        DirectoryLock(str(tmp_path))
    assert str(caught.value) == (
        f"{tmp_path} is in use by process {os.getpid()}: "
        "stop that broker, or give this one a directory of its own"
    )
    lock.release()


def test_a_released_directory_can_be_locked_again(tmp_path: Path) -> None:
    DirectoryLock(str(tmp_path)).release()
    DirectoryLock(str(tmp_path)).release()


def test_a_killed_process_leaves_no_lock_behind(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout
        with limit("the other process to lock the directory"):
            assert holder.stdout.readline() == b"locked\n"
        with pytest.raises(DirectoryInUse, match=f"process {holder.pid}:"):
            DirectoryLock(str(tmp_path))
        holder.kill()
    DirectoryLock(str(tmp_path)).release()


def test_two_journals_cannot_open_one_directory(tmp_path: Path) -> None:
    first = Journal(tmp_path, on_durable=list, on_failure=print)
    with pytest.raises(DirectoryInUse):
        Journal(tmp_path, on_durable=list, on_failure=print)
    first.close()
    Journal(tmp_path, on_durable=list, on_failure=print).close()


def test_a_deleted_lock_file_does_not_let_a_second_broker_in(tmp_path: Path) -> None:
    first = DirectoryLock(str(tmp_path))
    (tmp_path / "lock").unlink()
    with pytest.raises(DirectoryInUse, match="is in use by another process"):
        DirectoryLock(str(tmp_path))
    first.release()
    DirectoryLock(str(tmp_path)).release()


def test_a_directory_that_is_renamed_stays_locked(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    first = DirectoryLock(str(tmp_path / "data"))
    (tmp_path / "data").rename(tmp_path / "elsewhere")
    with pytest.raises(DirectoryInUse):
        DirectoryLock(str(tmp_path / "elsewhere"))
    first.release()


def test_a_file_system_that_locks_no_directories_still_has_the_lock_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flock = fcntl.flock

    def flock_of_files_only(handle: int, operation: int) -> None:
        if os.path.isdir(f"/proc/self/fd/{handle}"):
            raise OSError(errno.EBADF, "Bad file descriptor")
        flock(handle, operation)

    monkeypatch.setattr(fcntl, "flock", flock_of_files_only)
    first = DirectoryLock(str(tmp_path))
    with pytest.raises(DirectoryInUse):
        DirectoryLock(str(tmp_path))
    first.release()
