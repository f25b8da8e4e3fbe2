"""The file operations the journal is built on, behind one small object.

Everything the journal does to a disk goes through a `Files`, so a test can put another one in its
place: record the writes and replay every state that a power cut may leave, fail a sync, fill the
disk. `DiskFiles` is the real one.
"""

import contextlib
import errno
import fcntl
import os
import sys
from collections.abc import Iterator, Sequence
from typing import Protocol, TypeAlias

from warrener.storage.store import Bytes

Handle: TypeAlias = int

# What one pwritev takes at most; POSIX promises 16, Linux and macOS give 1024.
PIECES_MAX = os.sysconf("SC_IOV_MAX")


# What a read reports when the disk cannot give the bytes back, or the file is gone. Any other
# error (too many open files) says nothing about the bytes.
MEDIA_ERRORS = frozenset((errno.EIO, errno.ENODATA, errno.EBADMSG, errno.ENOENT))


# What opening a file reports when the process or the machine is out of descriptors or memory.
OUT_OF_DESCRIPTORS = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOMEM))


class NoDescriptor(OSError):
    """A file could not be opened for now. Nothing was changed, so the call can be repeated."""


class Files(Protocol):
    """All a journal does with a file system; any of it may raise OSError.

    Whatever has to open a file or directory first raises NoDescriptor if that cannot be done now.
    """

    def make_directory(self, path: str) -> None:
        """Make a directory, durably, unless it is there."""

    def names(self, directory: str) -> list[str]:
        """What is in a directory, in any order."""

    def create(self, path: str) -> Handle:
        """A new empty file, open for reading and writing; durable after sync_directory()."""

    def open(self, path: str) -> Handle: ...

    def close(self, handle: Handle) -> None: ...

    def size(self, handle: Handle) -> int: ...

    def read(self, handle: Handle, length: int, offset: int) -> bytes:
        """Fewer bytes than `length` only at the end of the file."""

    def write(self, handle: Handle, pieces: Sequence[Bytes], offset: int) -> None:
        """All pieces, one behind the other; not durable before datasync()."""

    def write_through(self, handle: Handle, pieces: Sequence[Bytes], offset: int) -> None:
        """The same, and durable on return. Makes nothing durable that was written before."""

    def datasync(self, handle: Handle) -> None:
        """Make what was written to this file durable."""

    def truncate(self, handle: Handle, length: int) -> None:
        """Cut a file, durably."""

    def is_linked(self, handle: Handle) -> bool:
        """Whether the file still has a name: without one, a restart cannot find it."""

    def sync_directory(self, path: str) -> None:
        """Make creations, renames and removals in a directory durable."""

    def rename(self, path: str, new_path: str) -> None: ...

    def unlink(self, path: str) -> None: ...

    def allocate(self, path: str, size: int) -> None:
        """Make a file of this size whose space is its own, durably; one that is there serves."""

    def free_bytes(self, directory: str) -> int:
        """What may still be written to the disk that a directory is on."""


class DiskFiles:
    """The operating system's files."""

    __slots__ = ()

    def make_directory(self, path: str) -> None:
        if not os.path.isdir(path):
            parent = os.path.dirname(os.path.abspath(path))
            self.make_directory(parent)
            os.mkdir(path, 0o700)
            self.sync_directory(parent)

    def names(self, directory: str) -> list[str]:
        with _opening():
            return os.listdir(directory)

    def create(self, path: str) -> Handle:
        # messages are nobody else's business
        return _open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)

    def open(self, path: str) -> Handle:
        return _open(path, os.O_RDWR)

    def close(self, handle: Handle) -> None:
        os.close(handle)

    def size(self, handle: Handle) -> int:
        return os.fstat(handle).st_size

    def read(self, handle: Handle, length: int, offset: int) -> bytes:
        data = os.pread(handle, length, offset)
        if len(data) == length:
            return data
        pieces = [data]
        while data and (length := length - len(data)) > 0:
            offset += len(data)
            data = os.pread(handle, length, offset)
            pieces.append(data)
        return b"".join(pieces)

    def write(self, handle: Handle, pieces: Sequence[Bytes], offset: int) -> None:
        for first in range(0, len(pieces), PIECES_MAX):
            offset = _write_some(handle, pieces[first : first + PIECES_MAX], offset)

    if sys.platform == "linux":

        def write_through(self, handle: Handle, pieces: Sequence[Bytes], offset: int) -> None:
            # One system call instead of two: the thread has to get the interpreter back only
            # once, which halves the time of a sync beside a busy main thread
            # (tests/bench/bench_files.py).
            if len(pieces) > PIECES_MAX:
                self.write(handle, pieces, offset)
                self.datasync(handle)
                return
            written = os.pwritev(handle, pieces, offset, os.RWF_DSYNC)
            if written < sum(map(len, pieces)):
                self.write(handle, _behind(pieces, written), offset + written)
                self.datasync(handle)

        def datasync(self, handle: Handle) -> None:
            os.fdatasync(handle)

    else:

        def write_through(self, handle: Handle, pieces: Sequence[Bytes], offset: int) -> None:
            self.write(handle, pieces, offset)
            self.datasync(handle)

        def datasync(self, handle: Handle) -> None:
            # macOS: its fsync stops at the drive's cache
            if hasattr(fcntl, "F_FULLFSYNC"):
                fcntl.fcntl(handle, fcntl.F_FULLFSYNC)
            else:
                os.fsync(handle)

    def truncate(self, handle: Handle, length: int) -> None:
        os.ftruncate(handle, length)
        os.fsync(handle)

    def is_linked(self, handle: Handle) -> bool:
        return os.fstat(handle).st_nlink > 0

    def sync_directory(self, path: str) -> None:
        handle = _open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def rename(self, path: str, new_path: str) -> None:
        os.rename(path, new_path)

    def unlink(self, path: str) -> None:
        os.unlink(path)

    def allocate(self, path: str, size: int) -> None:
        handle = _open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(handle, 0, size)
            else:
                _write_some(handle, [bytes(size)], 0)
            os.fsync(handle)
        finally:
            os.close(handle)

    def free_bytes(self, directory: str) -> int:
        disk = os.statvfs(directory)
        return disk.f_bavail * disk.f_frsize


@contextlib.contextmanager
def _opening() -> Iterator[None]:
    """Name the errors that say nothing about the file. Raises: NoDescriptor."""
    try:
        yield
    except OSError as error:
        if error.errno not in OUT_OF_DESCRIPTORS:
            raise
        raise NoDescriptor(error.errno, error.strerror, error.filename) from error


def _open(path: str, flags: int, mode: int = 0o777) -> Handle:
    """Raises: NoDescriptor, OSError."""
    with _opening():
        return os.open(path, flags | os.O_CLOEXEC, mode)


def _write_some(handle: Handle, pieces: Sequence[Bytes], offset: int) -> int:
    """Write at most PIECES_MAX pieces completely; returns the offset behind them."""
    # Not joined first: pwritev lets other threads run while it copies 64 KiB bodies, a join does
    # not (3 against 112 microseconds with the lock held), and for small pieces they are level.
    written = os.pwritev(handle, pieces, offset)
    if written == sum(map(len, pieces)):
        return offset + written
    return _write_some(handle, _behind(pieces, written), offset + written)


def _behind(pieces: Sequence[Bytes], written: int) -> Sequence[Bytes]:
    """What is left after the first `written` bytes; the system may take less than it was given."""
    for index, piece in enumerate(pieces):
        if written < len(piece):
            return [memoryview(piece)[written:], *pieces[index + 1 :]]
        written -= len(piece)
    return ()
