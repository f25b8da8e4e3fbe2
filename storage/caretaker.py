"""The thread that looks after files to which nothing is added any more.

It removes segments and rewrites them (compaction.py), one thing after the other, in the order in
which it is told: a file is gone, durably, before anything is done that relies on it. It is not the
thread that syncs, for confirms must not wait for it, and not the broker's.
"""

import logging
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import NamedTuple, TypeAlias

from warrener.storage.compaction import Abandoned, Compaction, Rewriting
from warrener.storage.directory import Directory
from warrener.storage.files import Files
from warrener.storage.store import Meaning

logger = logging.getLogger("warrener.journal")


class Removal(NamedTuple):
    """Segments to delete, in this order."""

    names: list[str]


class Replaced(NamedTuple):
    """A segment whose records are in another one; it is kept if some could not be read."""

    name: str
    damaged: bool


Item: TypeAlias = Removal | Replaced | Rewriting | None


class Caretaker:
    """Owns the segments that are full.

    Args:
        directory: of its own, for it has open files.
        on_done: called in the thread when it has done something.
        on_failure: called there when it is not known what is on disk.
    """

    def __init__(
        self,
        directory: Directory,
        files: Files,
        meaning: Meaning,
        on_done: Callable[[], None],
        on_failure: Callable[[BaseException], None],
    ) -> None:
        self._directory = directory
        self._files = files
        self._meaning = meaning
        self._on_done = on_done
        self._on_failure = on_failure
        self._queue: SimpleQueue[Item] = SimpleQueue()
        self._ending = False
        # each changed by one thread only
        self._asked = 0
        self._served = 0
        self._thread = threading.Thread(target=self._run, name="warrener-caretaker", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def put(self, item: Item) -> None:
        self._asked += 1
        self._queue.put(item)

    @property
    def idle(self) -> bool:
        """Whether everything it was asked for is done."""
        return self._asked == self._served

    def end(self) -> None:
        """Do what is to be removed, give up what is being rewritten; returns when that is done."""
        self._ending = True
        self._queue.put(None)
        if self._thread.is_alive():
            self._thread.join()

    # Everything below runs in the thread.

    def _run(self) -> None:
        try:
            while (item := self._queue.get()) is not None:
                self._serve(item)
                self._served += 1
                self._on_done()
        except BaseException as failure:
            self._on_failure(failure)
        finally:
            self._directory.close_readers()

    def _serve(self, item: Removal | Replaced | Rewriting) -> None:
        if isinstance(item, Removal):
            for name in item.names:
                self._directory.remove(name)
        elif isinstance(item, Replaced):
            self._put_away(item)
        else:
            self._rewrite(item)

    def _put_away(self, replaced: Replaced) -> None:
        if replaced.damaged:
            place = self._directory.quarantine(replaced.name)
            logger.error("%s is damaged; moved to %s", replaced.name, place)
        else:
            self._directory.remove(replaced.name)

    def _rewrite(self, rewriting: Rewriting) -> None:
        compaction = Compaction(
            rewriting, self._directory, self._files, self._meaning, lambda: self._ending
        )
        try:
            pays = compaction.prepare()
        except Abandoned:
            return
        except OSError as error:
            logger.warning("segments are not rewritten for now: %s", error)
            pays = False
        finally:
            self._directory.close_readers()
        if pays:
            rewriting.result = compaction.put_in_place()
        rewriting.done = True
