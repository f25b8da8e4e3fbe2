"""A journal on a disk that loses its power, and what may be found on it afterwards.

Records are messages and settlements of messages, as a broker would write them. What counts of a
log is its `live` messages: those that were appended and not settled. `Life` is a journal from its
start to its end; it knows what was live after each commit. Whatever a power cut leaves must read as
the log did after one of its commits, and not one before the last that anybody was told of. That
says it all: what was confirmed is there, nothing is that was never appended, nothing settled comes
back, the order holds, and a commit is there as a whole or not.
"""

import re
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from tests.storage.crash_files import PATIENCE_S, Crash, CrashFiles, Disk
from warrener.storage.files import Files
from warrener.storage.journal import Journal
from warrener.storage.store import Meaning

MESSAGE, SETTLED = 1, 2
Record = tuple[int, int, bytes]
"""Position, kind and payload."""

HARMLESS = "never filled|only the beginning of a commit|cut off although"
"""What recovery may say of a file after a power cut."""

Live = tuple[tuple[int, bytes], ...]
"""Positions and payloads of the messages that are not settled."""


class WatchedQueue(SimpleQueue[Any]):
    """What the writer's thread is to do; tells when all of it is done."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._asked = self._taken = self._done = 0

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        self._asked += 1
        super().put(item)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        if self.empty():
            # the thread is back for more: what it took before it has done
            with self._changed:
                self._done = self._taken
                self._changed.notify_all()
        item = super().get(block, timeout)
        self._taken += 1
        return item

    def wait_done(self) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self._done == self._asked, PATIENCE_S)


class Life:
    """A journal on a disk, from its start on; `live` are its messages by position."""

    def __init__(self, folder: Path, files: CrashFiles, **options: object) -> None:
        self.files = files
        self._changed = threading.Condition()
        self.store = Journal(
            folder,
            files=as_files(files),
            on_durable=self._durable,
            on_failure=self._failed,
            meaning=Meaning(all_of_it, refers_to),
            **options,
        )
        self._written = self.store._writer._queue = WatchedQueue()
        self.live = survivors(records_of(self.store))
        for position in self.live:
            self.store.hold(position, 1)
        self.commits: list[tuple[int, Live]] = [(self.store.end, self.now)]
        """Where each commit ended, and what was live then."""

    @property
    def now(self) -> Live:
        return tuple(self.live.items())

    def message(self, payload: bytes) -> int:
        position = self.store.append(MESSAGE, b"", payload, holders=1)
        self.live[position] = payload
        return position

    def settle(self, position: int) -> None:
        self.store.append(SETTLED, b"", b"%d" % position)
        self.store.release(position)
        del self.live[position]

    def commit(self) -> None:
        self.store.commit()
        self.commits.append((self.store.end, self.now))

    def wait_durable(self, end: int | None = None) -> None:
        """Until everything below a position is durable; without one, everything there is."""
        target = self.store.end if end is None else end
        with self._changed:
            assert self._changed.wait_for(lambda: self.store.durable >= target, PATIENCE_S)

    def wait_still(self, steps: int | None = None) -> None:
        """Until the writer has done all it can, and then the caretaker so much, or all.

        Whoever closes the caretaker's turnstile and calls this after each commit and each trim
        has histories that do not depend on the threads' speed.
        """
        if self.files.held:
            self.files.wait_held()
        else:
            self._written.wait_done()
        self.files.turnstile.pass_on(steps, lambda: self.store._caretaker.idle)

    def give_up(self) -> None:
        """As closing does in the first place: the caretaker leaves what it has not finished."""
        self.store._caretaker._ending = True
        self.wait_still()

    def possible(self, told: int) -> list[Live]:
        """What may be live after a crash before which somebody knew that all below `told` lasts."""
        last = max((i for i, (end, _) in enumerate(self.commits) if end <= told), default=0)
        return [live for _, live in self.commits[last:]]

    def end(self) -> None:
        """Close the journal in order, which a crash may precede."""
        self.store.close()
        assert self.files.opened == 0

    def _durable(self) -> None:
        self.files.tell(self.store.durable)
        with self._changed:
            self._changed.notify_all()
        self.files.turnstile.notice()

    def _failed(self, failure: BaseException) -> None:
        raise failure


def as_files(files: CrashFiles) -> Files:
    """CrashFiles as what they stand in for: here the type checker compares the two."""
    return files


def all_of_it(kind: int, payload: bytes) -> None:
    """What recovery needs to see of a record here."""
    return


def refers_to(kind: int, payload: bytes) -> Sequence[int]:
    """The message that a settlement settles."""
    return [int(payload)] if kind == SETTLED else []


def records_of(store: Journal) -> list[Record]:
    """What a journal recovers; to be asked once, first."""
    return [(position, run.kind, run.head) for run in store.recover() for position in run.positions]


def survivors(records: Iterable[Record]) -> dict[int, bytes]:
    """The messages of a log that are not settled in it."""
    live: dict[int, bytes] = {}
    last = 0
    for position, kind, payload in records:
        assert position > last, "records come in order"
        last = position
        if kind == MESSAGE:
            live[position] = payload
        else:
            live.pop(int(payload), None)
    return live


def begin_again(folder: Path, disk: Disk, **options: object) -> Life:
    """Start on what a power cut has left; it may not pass for a disk that has lost something."""
    life = Life(folder, CrashFiles(disk), **options)
    explanations = [damage.explanation for damage in life.store.report.damaged]
    assert [e for e in explanations if not re.search(HARMLESS, e)] == []
    return life


def survive(life: Life, folder: Path, crashes: Iterable[Crash], **options: object) -> list[Life]:
    """Start on each of these disks, write something more, and end; returns those lives."""
    lives = []
    for disk, told in crashes:
        again = begin_again(folder, disk, **options)
        assert again.now in life.possible(told), (told, again.now, disk)
        if again.live:
            again.settle(next(iter(again.live)))
        again.message(b"after the crash")
        again.commit()
        again.end()
        lives.append(again)
    return lives


def stay(life: Life, folder: Path, **options: object) -> None:
    """What was on disk once stays there, told or not: the log never reads as it did before."""
    states = [live for _, live in life.commits]
    reached = 0
    for disk in life.files.lasting():
        again = begin_again(folder, disk, **options)
        again.end()
        assert again.now in states[reached:], (reached, again.now)
        reached = states.index(again.now, reached)
