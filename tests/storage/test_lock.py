import os
import subprocess
import sys
from pathlib import Path

import pytest

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
