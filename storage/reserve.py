"""Space set aside for the day the disk is full.

A full disk must not take away what helps against it: acknowledgements, which make old segments
unneeded, have to be written as well. So a file of real blocks lies in the directory from the
start. When a write finds no space, the file is removed and the write is tried once more; from
then on the journal says that it is `full`, its owner hands in nothing large any more, and what
was handed in before has its place. Once there is space again the file is made anew.
"""

import contextlib
import errno
from collections.abc import Callable

from warrener.storage.directory import Directory
from warrener.storage.files import NoDescriptor

FILE = "reserve"

FULL_ERRORS = frozenset((errno.ENOSPC, errno.EDQUOT))
"""What a write reports when there is no space left, for anybody or for this user."""


class Reserve:
    """The file, which is there or not; `size` 0 stands for none at all.

    One that an earlier broker has left behind serves as well.
    """

    __slots__ = ("_directory", "_size", "held")

    def __init__(self, directory: Directory, size: int) -> None:
        self._directory = directory
        self._size = size
        self.held = directory.has(FILE)

    @property
    def missing(self) -> bool:
        """Whether there should be a reserve and is none."""
        return not self.held and self._size > 0

    def take(self) -> None:
        """Set the space aside, if there is enough and a file can be opened."""
        if not self._size:
            return
        try:
            self._directory.allocate(FILE, self._size)
            self.held = True
        except NoDescriptor:
            return
        except OSError as error:
            if error.errno not in FULL_ERRORS:
                raise
            self._remove()

    def fall_back(self, write: Callable[[], None]) -> bool:
        """Write something, in the space of the reserve if there is no other.

        Returns whether the reserve had to go. `write` is called anew then, so it must write all
        that it has to write.
        """
        try:
            write()
        except OSError as error:
            if error.errno not in FULL_ERRORS or not self.held:
                raise
            self._remove()
            write()
            return True
        return False

    def _remove(self) -> None:
        self.held = False
        # Without a descriptor the removal is not synced. After a crash the file may then be there
        # again, which harms nobody.
        with contextlib.suppress(NoDescriptor):
            self._directory.remove(FILE)
