"""A disk with so much space and no more."""

import errno
import os
from collections.abc import Sequence

from tests.storage.unsynced_files import UnsyncedFiles
from warrener.storage.files import Handle
from warrener.storage.store import Bytes


class SmallDisk(UnsyncedFiles):
    """What is written beyond `capacity` bytes does not fit; removing files makes room again.

    Every file that is written to through this object counts with its size.
    """

    __slots__ = ("_sizes", "capacity")

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._sizes: dict[int, int] = {}
        """By inode, for files are known by handle here and by path there."""

    def free_bytes(self, directory: str) -> int:
        return max(0, self.capacity - sum(self._sizes.values()))

    def write(self, handle: Handle, pieces: Sequence[Bytes], offset: int) -> None:
        data = b"".join(pieces)
        inode = os.fstat(handle).st_ino
        size = self._sizes.get(inode, os.fstat(handle).st_size)
        room = max(0, size + self.free_bytes("") - offset)
        super().write(handle, [data[:room]], offset)
        self._sizes[inode] = os.fstat(handle).st_size
        if len(data) > room:
            raise OSError(errno.ENOSPC, "no space left on this small disk")

    def allocate(self, path: str, size: int) -> None:
        if not os.path.exists(path) and size > self.free_bytes(""):
            raise OSError(errno.ENOSPC, "no space left on this small disk")
        super().allocate(path, size)
        self._sizes[os.stat(path).st_ino] = size

    def unlink(self, path: str) -> None:
        self._sizes.pop(os.stat(path).st_ino, None)
        super().unlink(path)
