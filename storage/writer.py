"""The thread that brings batches to disk.

The broker's thread puts batches into a queue and goes on. This one takes everything that is in
the queue, writes it with one system call, syncs once, says so, and looks again: whatever was
committed in the meantime is the next write (group commit). Nothing else ever writes to the
segments it has not finished, so there is no lock; the two threads share a `SimpleQueue` and a few
numbers that only this thread changes.

There is one exception. Two hand-overs between threads take longer than a good disk takes to sync,
so while syncs have been short (pace.py), and this thread has done all it was ever given, the
broker's thread writes a small batch itself: `write_in_place`. It needs no lock either, for until
that thread gives this one more to do, this one waits. Only this thread changes the number of things
it has done, and only after all that they change; so who reads it late only hands over once more.

What `durable` means is the operator's choice:

    always          on disk: nobody is told of a record before fdatasync has returned
    interval:MS     given to the operating system, on disk at most MS milliseconds later
    never           given to the operating system, which takes about half a minute

A full segment is always synced before the next file is begun, whatever the mode: recovery takes
a segment's header as proof that everything before it was on disk.

Files are not preallocated; instead, a small write that passes the end of the file takes 1 MiB
of zeros with it, which the following writes fill without changing the file's size. Measured with
tests/bench/bench_files.py (ext4, Linux 6.18, virtual disk, 2 cores shared with other work), write
and fdatasync in microseconds, p50/p99 (mean):

                                4 KiB batches       1 MiB batches
    file grows                  265/396 (274)       1018/1377 (973)
    posix_fallocate             232/334 (236)       611/910 (624)
    zeros beforehand            174/265 (177)       436/647 (452), and as much for the zeros
    1 MiB of zeros at a time    165/473 (175)       1507/9953 (3791)

fallocate leaves extents that every write has to convert, which is an entry in the file system's
own journal each time; zeros are real blocks. A large write gains nothing from having been written
twice, so from 256 KiB on it brings no zeros. On a copy-on-write file system zeros gain nothing.

The thread needs the interpreter twice per write, and a main thread that never waits gives it away
only every sys.getswitchinterval(), 5 ms by default: one commit beside such a thread takes 10.6 ms
(p50), and 0.6 ms with an interval of 0.1 ms (tests/bench/bench_journal.py, last table). The
setting belongs to the process, so it is not made here: whoever runs a broker should make it.

A write or sync that fails ends the thread: nothing is retried, `durable` stays where it is.
The one exception is a write that finds no space: it is made once more, whole, in the space of
the reserve (reserve.py), and `full` says so.
"""

import contextlib
import errno
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import NamedTuple, TypeAlias

from warrener.storage.directory import Directory
from warrener.storage.files import Files, Handle
from warrener.storage.pace import Pace
from warrener.storage.record import CLOSE, encode_mark
from warrener.storage.reserve import Reserve
from warrener.storage.segment import HEADER_BYTES, Segment
from warrener.storage.store import Bytes, Position

ZEROS = bytes(1024 * 1024)
# A write as large as this brings no zeros with it.
LARGE_WRITE_BYTES = 256 * 1024
# A batch larger than this is not written in place: whoever commits so much has more to do, which
# can be done while the disk works.
IN_PLACE_BYTES = 4 * 1024

_INTERVAL = re.compile(r"interval:([1-9][0-9]*)")


@dataclass(frozen=True, slots=True)
class SyncMode:
    """When a record counts as durable, and when it is synced."""

    before_durable: bool
    interval_s: float | None = None

    @classmethod
    def parse(cls, text: str) -> "SyncMode":
        """From `always`, `interval:MS` or `never`."""
        if text in ("always", "never"):
            return cls(text == "always")
        if match := _INTERVAL.fullmatch(text):
            return cls(False, int(match[1]) / 1000)
        raise ValueError(f"sync is always, interval:MILLISECONDS or never, not {text!r}")


class Part(NamedTuple):
    """Records of a batch that belong to one segment, three pieces each, and perhaps a mark."""

    segment: Segment
    # position of the first record
    first: Position
    # where in the file they start and end
    offset: int
    end: int
    pieces: list[Bytes]


class Batch(NamedTuple):
    """What was appended between two commits."""

    parts: list[Part]
    # the position behind the last record
    end: Position


class Close(NamedTuple):
    """The last thing to do; after a failure, nothing but to end."""

    segment: Segment
    end: Position


@dataclass(frozen=True, slots=True)
class Restock:
    """Set a reserve aside again, if there is space for it."""


@dataclass(frozen=True, slots=True)
class Sync:
    """Make sure that what has been written is on disk."""


Item: TypeAlias = Batch | Restock | Sync | Close
OnWritten: TypeAlias = Callable[[float, int, int], None]
"""Told of each write: the seconds it took, with the sync if the mode has one; commits; bytes."""


class Writer:
    """Owns the open segment file, and the only thread that writes."""

    def __init__(
        self,
        directory: Directory,
        files: Files,
        mode: SyncMode,
        segment_bytes: int,
        reserve: Reserve,
        pace: Pace,
        on_durable: Callable[[], None],
        on_failure: Callable[[BaseException], None],
        on_written: OnWritten,
    ) -> None:
        self._directory = directory
        self._reserve = reserve
        self._files = files
        self._pace = pace
        self._mode = mode
        self._segment_bytes = segment_bytes
        self._on_durable = on_durable
        self._on_failure = on_failure
        self._on_written = on_written
        # every position below: is in the file; is on disk; is durable in the sense of the mode
        self.written: Position = 1
        self.synced: Position = 1
        self.durable: Position = 1
        self.failure: BaseException | None = None
        # whether the disk has no space but what is in the reserve, or not even that
        self.full = False
        self._queue: SimpleQueue[Item] = SimpleQueue()
        # what the thread was given to do and what it has done; the first thing is its beginning
        self._given = 1
        self._done = 0
        self._thread = threading.Thread(target=self._run, name="warrener-journal", daemon=True)
        self._segment: Segment | None = None
        self._handle: Handle = -1
        # how far the file of the segment is filled, with records or zeros
        self._filled = 0
        self._sync_due: float | None = None

    @property
    def settled(self) -> Position:
        """Every position below is on disk: what ends older records counts from then on."""
        return self.synced

    def sync_soon(self) -> None:
        """Something waits for `settled`; where nothing else syncs, this does."""
        if not self._mode.before_durable and self._mode.interval_s is None:
            self.put(Sync())

    def start(self, end: Position, segment: Segment | None) -> None:
        """Begin at a position, in a segment that exists already or (None) in a new one."""
        self.written = self.synced = self.durable = end
        if segment:
            self._segment, self._handle = segment, self._directory.open(segment)
            self._filled = segment.size
        self._thread.start()

    def put(self, item: Item) -> None:
        self._given += 1
        self._queue.put(item)

    def write_in_place(self, batch: Batch) -> bool:
        """Write a batch at once, in the caller's thread, if that is likely to be short.

        Returns whether it was tried. The batch is durable then, or the journal has failed;
        `on_durable` is called only if the disk has turned out to be full.
        """
        if not (self._pace.quick and self._done == self._given and self._fits(batch.parts)):
            return False
        full = self.full
        try:
            self._pace.note(self._write([batch]))
        except BaseException as failure:
            self.fail(failure)
        if self.full is not full:
            self._on_durable()
        return True

    def _fits(self, parts: list[Part]) -> bool:
        """Whether this is a small write to where there is space on the disk already."""
        first, last = parts[0], parts[-1]
        return (
            self._mode.before_durable
            and first.segment is last.segment is self._segment
            and last.end <= self._filled
            and last.end - first.offset <= IN_PLACE_BYTES
        )

    def join(self) -> None:
        self._thread.join()

    def fail(self, failure: BaseException) -> None:
        """It is not known what is on disk: nothing is to be written any more."""
        if self.failure is None:
            self.failure = failure
            self._on_failure(failure)

    # Everything below runs in the thread; what _write() needs, also in place of it.

    def _run(self) -> None:
        try:
            self._restock()
            self._done += 1
            while self._serve(items := self._take()):
                # the last thing to happen, for from then on the other thread may write
                self._done += len(items)
        except BaseException as failure:
            self.fail(failure)
        finally:
            if self._segment:
                with contextlib.suppress(OSError):
                    self._files.close(self._handle)

    def _take(self) -> list[Item]:
        """All that is waiting; if nothing is, the next thing, or nothing when a sync is due."""
        patience = None
        if self._sync_due is not None:
            patience = max(0.0, self._sync_due - time.monotonic())
        try:
            items = [self._queue.get(timeout=patience)]
        except Empty:
            return []
        while not self._queue.empty():
            items.append(self._queue.get())
        return items

    def _serve(self, items: list[Item]) -> bool:
        """Do what was asked for, and a sync if one is due; False once there is no more to do."""
        batches = [item for item in items if isinstance(item, Batch)]
        if batches:
            self._write_waiting(batches)
        for item in items:
            if isinstance(item, Sync):
                self._sync_all()
            elif isinstance(item, Restock):
                self._restock()
            elif isinstance(item, Close):
                if self.failure is None:
                    self._finish(item)
                return False
        if self._sync_due is not None and time.monotonic() >= self._sync_due:
            self._sync_all()
        return True

    def _sync_all(self) -> None:
        if self.synced < self.written:
            self._sync()
        # What waits for it may go on: giving space back.
        self._on_durable()

    def _write_waiting(self, batches: list[Batch]) -> None:
        """Write what has come meanwhile, and see whether it could have been written in place."""
        small = self._fits([part for batch in batches for part in batch.parts])
        seconds = self._write(batches)
        if small:
            self._pace.note_in_thread(seconds)
        self._on_durable()

    def _write(self, batches: list[Batch]) -> float:
        """Write and sync as the mode has it; returns the seconds it took."""
        began = time.monotonic()
        *full, last = _joined([part for batch in batches for part in batch.parts])
        for part in full:
            self._write_part(part, through=False)
        self._write_part(last, through=self._mode.before_durable)
        self._require_link()
        self.written = batches[-1].end
        if self._mode.before_durable:
            self.synced = self.written
        elif self._sync_due is None and self._mode.interval_s is not None:
            self._sync_due = time.monotonic() + self._mode.interval_s
        self.durable = self.written
        size = sum([part.end - part.offset for part in (*full, last)])
        seconds = time.monotonic() - began
        self._on_written(seconds, len(batches), size)
        return seconds

    def _write_part(self, part: Part, through: bool) -> None:
        if part.segment is not self._segment:
            assert part.offset == HEADER_BYTES
            self._leave()
        if self._reserve.fall_back(lambda: self._try_part(part, through)):
            self.full = True

    def _try_part(self, part: Part, through: bool) -> None:
        """Write a part where it belongs; may be done again if there was no space for it."""
        _, _, offset, end, pieces = part
        if part.segment is not self._segment:
            self._begin(part.segment)
        if offset == HEADER_BYTES:
            # By itself and first: no torn write can then look like a file that has lost its header.
            self._files.write_through(self._handle, [part.segment.header], 0)
            self._directory.sync()
        zeros = self._zeros(end - offset, end) if end > self._filled else b""
        write = self._files.write_through if through else self._files.write
        write(self._handle, [*pieces, zeros] if zeros else pieces, offset)
        self._filled = max(self._filled, end + len(zeros))

    def _require_link(self) -> None:
        """Raises: FileNotFoundError if the file was deleted: what it holds would not be found
        again, so it must not be confirmed.
        """
        if not self._files.is_linked(self._handle):
            assert self._segment, "something has just been written to it"
            raise FileNotFoundError(errno.ENOENT, "a file was deleted", self._segment.name)

    def _leave(self) -> None:
        """Have done with the full segment, synced and with an index."""
        if self._segment:
            self._files.datasync(self._handle)
            self._files.close(self._handle)
            self._directory.write_index(self._segment)
            self._segment = None

    def _begin(self, segment: Segment) -> None:
        """Create the file of the next segment."""
        self._handle = self._directory.create(segment)
        self._segment = segment
        self._filled = HEADER_BYTES

    def _zeros(self, length: int, end: int) -> memoryview:
        """What to write behind a write that passes the end of the file."""
        room = max(0, self._segment_bytes - end)
        spare = length < LARGE_WRITE_BYTES and not self._reserve.missing
        return memoryview(ZEROS)[: room if spare else 0]

    def _restock(self) -> None:
        self._reserve.take()
        self.full = self._reserve.missing

    def _sync(self) -> None:
        self._files.datasync(self._handle)
        self.synced = self.written
        self._sync_due = None

    def _finish(self, close: Close) -> None:
        """The mark is written when everything before it is on disk, for that is what it says."""
        if self._segment:
            self._sync()
        mark = encode_mark(CLOSE, close.end, close.end, close.segment.salt)
        offset = close.segment.size
        part = Part(close.segment, close.end, offset, offset + len(mark), [mark])
        self._write_part(part, through=True)
        close.segment.add_mark(CLOSE)
        self._directory.write_index(close.segment)


def _joined(parts: list[Part]) -> list[Part]:
    """Neighbours in the same segment as one part."""
    joined = [parts[0]]
    for part in parts[1:]:
        last = joined[-1]
        if part.segment is last.segment:
            assert part.offset == last.end
            joined[-1] = last._replace(end=part.end, pieces=last.pieces + part.pieces)
        else:
            joined.append(part)
    return joined
