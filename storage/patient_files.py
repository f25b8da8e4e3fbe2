"""Files for a thread that may wait: what cannot be opened for now is opened when it can be.

A process that is out of file descriptors gets some back when connections end, so it is no reason
for a journal to stop: nothing was written or synced, and nothing is lost by trying again. Only
threads that nobody waits for use this, the writer's and the caretaker's; confirms wait meanwhile.
"""

import logging
import time
from collections.abc import Callable, Sequence
from typing import ParamSpec, TypeVar

from warrener.storage.files import Files, Handle, NoDescriptor
from warrener.storage.store import Bytes

P = ParamSpec("P")
T = TypeVar("T")

RETRY_S = 0.1

logger = logging.getLogger("warrener.journal")


class PatientFiles:
    """Another `Files`, with retries of what raises NoDescriptor.

    `give_up` makes it raise instead, so that a broker that is told to end does end.
    """

    __slots__ = ("_files", "_gives_up")

    def __init__(self, files: Files) -> None:
        self._files = files
        self._gives_up = False

    def give_up(self) -> None:
        """From now on, raise NoDescriptor and do not wait."""
        self._gives_up = True

    # May have to open something

    def make_directory(self, path: str) -> None:
        self._retry(self._files.make_directory, path)

    def names(self, directory: str) -> list[str]:
        return self._retry(self._files.names, directory)

    def create(self, path: str) -> Handle:
        return self._retry(self._files.create, path)

    def open(self, path: str) -> Handle:
        return self._retry(self._files.open, path)

    def sync_directory(self, path: str) -> None:
        self._retry(self._files.sync_directory, path)

    def allocate(self, path: str, size: int) -> None:
        self._retry(self._files.allocate, path, size)

    def _retry(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        waited = False
        while True:
            try:
                result = call(*args, **kwargs)
            except NoDescriptor as error:
                if self._gives_up:
                    raise
                if not waited:
                    waited = True
                    logger.error("the journal waits until a file can be opened: %s", error)
                time.sleep(RETRY_S)
                continue
            if waited:
                logger.warning("the journal goes on: files can be opened again")
            return result

    # Works on what is open

    def close(self, handle: Handle) -> None:
        self._files.close(handle)

    def size(self, handle: Handle) -> int:
        return self._files.size(handle)

    def read(self, handle: Handle, length: int, offset: int) -> bytes:
        return self._files.read(handle, length, offset)

    def write(self, handle: Handle, pieces: Sequence[Bytes], offset: int) -> None:
        self._files.write(handle, pieces, offset)

    def write_through(self, handle: Handle, pieces: Sequence[Bytes], offset: int) -> None:
        self._files.write_through(handle, pieces, offset)

    def datasync(self, handle: Handle) -> None:
        self._files.datasync(handle)

    def truncate(self, handle: Handle, length: int) -> None:
        self._files.truncate(handle, length)

    def is_linked(self, handle: Handle) -> bool:
        return self._files.is_linked(handle)

    def rename(self, path: str, new_path: str) -> None:
        self._files.rename(path, new_path)

    def unlink(self, path: str) -> None:
        self._files.unlink(path)

    def free_bytes(self, directory: str) -> int:
        return self._files.free_bytes(directory)
