"""One broker per directory: an advisory lock that ends with the process that holds it.

The lock is on the directory itself, which nobody deletes by mistake, and on the file `lock` in it,
which names the process that holds it. flock() belongs to the open file, not to the process, so two
journals inside one process exclude each other as well, and a killed process leaves no lock.
"""

import errno
import fcntl
import os

from warrener.storage.errors import DirectoryInUse

# What flock() of a directory says on file systems that lock only files open for writing (NFS).
_NO_DIRECTORY_LOCKS = frozenset((errno.EBADF, errno.EINVAL, errno.ENOLCK, errno.EOPNOTSUPP))


class DirectoryLock:
    """Taken by construction, given back by release(). Raises: DirectoryInUse, OSError."""

    __slots__ = ("_handles",)

    def __init__(self, directory: str) -> None:
        path = os.path.join(directory, "lock")
        folder = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
        self._handles = [folder]
        try:
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._handles.append(file)
            try:
                _lock_directory(folder)
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                number = os.pread(file, 32, 0).decode("ascii", "replace").strip()
                holder = f"process {number}" if number else "another process"
                raise DirectoryInUse(
                    f"{directory} is in use by {holder}: "
                    "stop that broker, or give this one a directory of its own"
                ) from None
            os.ftruncate(file, 0)
            os.pwrite(file, f"{os.getpid()}\n".encode("ascii"), 0)
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Unlock; the file stays, since unlinking it would race with the next process."""
        while self._handles:
            os.close(self._handles.pop())


def _lock_directory(handle: int) -> None:
    """Raises: BlockingIOError if another process has the lock."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in _NO_DIRECTORY_LOCKS:
            raise
