import errno
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from warrener.storage.files import PIECES_MAX, DiskFiles, Handle
from warrener.storage.store import Bytes


@pytest.fixture
def handle(tmp_path: Path) -> Iterator[Handle]:
    files = DiskFiles()
    opened = files.create(str(tmp_path / "file"))
    yield opened
    files.close(opened)


Write = Callable[[Handle, Sequence[Bytes], int], None]
BOTH_WRITES = pytest.mark.parametrize("write", [DiskFiles().write, DiskFiles().write_through])


@BOTH_WRITES
@pytest.mark.parametrize("count", [1, 3, PIECES_MAX, PIECES_MAX + 1, 3 * PIECES_MAX])
def test_all_pieces_are_written_one_behind_the_other(
    handle: Handle, write: Write, count: int
) -> None:
    pieces = [b"%d," % number for number in range(count)]
    write(handle, pieces, 5)
    whole = bytes(5) + b"".join(pieces)
    assert DiskFiles().read(handle, 100_000, 0) == whole
    assert DiskFiles().size(handle) == len(whole)


@BOTH_WRITES
def test_a_system_that_takes_less_than_it_is_given_is_given_the_rest(
    handle: Handle, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stingy(handle: Handle, pieces: Sequence[Bytes], offset: int, flags: int = 0) -> int:
        return os.pwrite(handle, b"".join(pieces)[:3], offset)

    monkeypatch.setattr(os, "pwritev", stingy)
    write(handle, [b"ab", b"", bytearray(b"cdefg"), memoryview(b"hi")], 0)
    assert DiskFiles().read(handle, 100, 0) == b"abcdefghi"


def test_a_read_that_comes_in_pieces_is_put_together(
    handle: Handle, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = DiskFiles()
    files.write(handle, [b"abcdefghi"], 0)
    pread = os.pread
    monkeypatch.setattr(os, "pread", lambda handle, length, at: pread(handle, min(length, 2), at))
    assert files.read(handle, 5, 1) == b"bcdef"
    assert files.read(handle, 100, 1) == b"bcdefghi"


def test_a_file_that_is_there_is_not_created_again(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="exists") as caught:
        DiskFiles().create(str(tmp_path / "file"))
    assert caught.value.errno == errno.EEXIST
