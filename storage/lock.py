"""One broker per directory: an advisory lock that ends with the process that holds it.

flock() belongs to the open file, not to the process, so two journals inside one process exclude
each other as well, and nothing stale is left behind by a kill.
"""

import fcntl
import os

from warrener.storage.errors import DirectoryInUse


class DirectoryLock:
    """Taken by construction, given back by release()."""

    __slots__ = ("_handle",)

    def __init__(self, directory: str) -> None:
        path = os.path.join(directory, "lock")
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._handle, 32, 0).decode("ascii", "replace").strip()
            self.release()
            raise DirectoryInUse(
                f"{directory} is in use by process {holder or '?'}: "
                "stop that broker, or give this one a directory of its own"
            ) from None
        os.ftruncate(self._handle, 0)
        os.pwrite(self._handle, f"{os.getpid()}\n".encode("ascii"), 0)

    def release(self) -> None:
        """Let the next one in; the file stays, since unlinking it would race with a newcomer."""
        os.close(self._handle)
