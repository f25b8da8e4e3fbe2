"""Files without the waiting, for tests that open a thousand journals and pull no plug."""

import os
from collections.abc import Sequence

from warrener.storage.files import DiskFiles, Handle
from warrener.storage.store import Bytes


class UnsyncedFiles(DiskFiles):
    """What is written is in the file, and the disk is not asked."""

    def write_through(self, handle: Handle, pieces: Sequence[Bytes], offset: int) -> None:
        self.write(handle, pieces, offset)

    def datasync(self, handle: Handle) -> None:
        pass

    def sync_directory(self, path: str) -> None:
        pass

    def truncate(self, handle: Handle, length: int) -> None:
        os.ftruncate(handle, length)
