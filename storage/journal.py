"""The store on disk: segments, the batch being filled, and the thread that writes.

Three places hold records, in the order of their age: the segment files; the batches in flight,
handed to the writer and not known to be in a file; the batch being filled. append() only adds
pieces to the last, and knows already where they will stand, so a record can be read from the
moment it has a position. commit() puts a mark behind the pieces and hands them over.

    append -> pieces -> commit -> writer (thread): pwritev, fdatasync -> durable, on_durable()

On a disk whose syncs are short, commit() does small ones itself, and `durable` has moved when it
returns.

The record format is in record.py, what recovery makes of it in recovery.py, the thread and the
sync modes in writer.py.
"""

import os
import secrets
import struct
import sys
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import takewhile
from operator import attrgetter
from typing import NoReturn
from zlib import crc32

from warrener.storage.caretaker import Caretaker
from warrener.storage.directory import Directory, Unreadable
from warrener.storage.errors import DamagedRecord, JournalFailed, UnknownPosition
from warrener.storage.files import DiskFiles, Files
from warrener.storage.flight import Flight
from warrener.storage.index import run_entry
from warrener.storage.lock import DirectoryLock
from warrener.storage.opening import cut_log
from warrener.storage.pace import Pace
from warrener.storage.patient_files import PatientFiles
from warrener.storage.record import (
    COMMIT,
    CRC_BYTES,
    HEADER_BYTES,
    KIND_MAX,
    encode_mark,
)
from warrener.storage.recovery import Replay
from warrener.storage.reserve import Reserve
from warrener.storage.segment import Segment
from warrener.storage.space import Space
from warrener.storage.store import (
    UNKNOWN,
    Bytes,
    Meaning,
    Position,
    RecoveryReport,
    Run,
)
from warrener.storage.writer import Batch, Close, OnWritten, Part, Restock, SyncMode, Writer

SEGMENT_BYTES = 64 * 1024 * 1024
# Offsets have four bytes, and one record may stick out beyond the end of its segment.
SEGMENT_BYTES_MAX = 2 * 1024 * 1024 * 1024

# by kind: what the index says of a record that append() adds
_WHOLE_ENTRIES = [run_entry(1, kind, None) for kind in range(KIND_MAX + 1)]

# FIELDS for a record: a kind above 255, which would pass for a mark, is refused.
_pack_fields = struct.Struct("<IBxQ").pack


class Journal:
    """A Store in a directory.

    Args:
        sync: `always`, `interval:MS` or `never`; see writer.py.
        meaning: what records say, as far as recovery and compaction need to know.
        segment_bytes: a segment that has grown to this is followed by a new one.
        reserve_bytes: space set aside for when the disk is full; see reserve.py.
        pace: of which commits commit() itself may wait for the disk; of none if not given.
        on_durable: called in another thread whenever `durable` has moved, except by commit()
            itself, or trim() has something to do. Must not raise.
        on_failure: called once, in any thread, when a write or sync has failed: the journal has
            stopped.
        on_written: called after each write, in the thread that made it, for those who want to know
            how long one takes.
        files: stands in for the file system in tests.

    Raises:
        DirectoryInUse: another process, or another Journal of this one, has the directory.
    """

    __slots__ = (
        "_caretaker",
        "_closed",
        "_directory",
        "_files",
        "_flight",
        "_lock",
        "_meaning",
        "_part_first",
        "_part_offset",
        "_parts",
        "_patient_files",
        "_pieces",
        "_released_from",
        "_reserve",
        "_salt",
        "_segment",
        "_segment_bytes",
        "_segments",
        "_space",
        "_untidy",
        "_writer",
        "end",
        "report",
    )

    def __init__(
        self,
        directory: str | os.PathLike[str],
        *,
        on_durable: Callable[[], None],
        on_failure: Callable[[BaseException], None],
        on_written: OnWritten = lambda seconds, commits, size: None,
        sync: str = "always",
        meaning: Meaning = UNKNOWN,
        segment_bytes: int = SEGMENT_BYTES,
        reserve_bytes: int = 0,
        pace: Pace | None = None,
        files: Files | None = None,
    ) -> None:
        if not 0 < segment_bytes <= SEGMENT_BYTES_MAX:
            raise ValueError(f"segment_bytes is 1 to {SEGMENT_BYTES_MAX}, not {segment_bytes}")
        self._files = files or DiskFiles()
        # for the threads: the broker's own must not wait
        patient = self._patient_files = PatientFiles(self._files)
        path = os.fspath(directory)
        self._directory = Directory(path, self._files)
        self._lock = DirectoryLock(path)
        self._reserve = Reserve(self._directory, reserve_bytes)
        self._writer = Writer(
            Directory(path, patient),
            patient,
            SyncMode.parse(sync),
            segment_bytes,
            self._reserve,
            pace or Pace(0),
            on_durable,
            on_failure,
            on_written,
        )
        self._meaning = meaning
        self._segment_bytes = segment_bytes
        self._segments: list[Segment] = []
        self._caretaker = Caretaker(
            Directory(path, patient), patient, meaning, on_durable, self._writer.fail
        )
        self._space = Space(
            self._segments, self._caretaker, segment_bytes, self._directory.close_reader
        )
        # whether there may be something to do for space at the next commit
        self._untidy = False
        self._closed = False
        # set by recover()
        self.end: Position = 0
        self.report = RecoveryReport()
        # records handed over, and perhaps not in a file yet
        self._flight = Flight()
        # what was appended since the last commit: parts for full segments, then the open one
        self._parts: list[Part] = []
        self._pieces: list[Bytes] = []
        self._part_first: Position
        self._part_offset: int
        # the one being filled, and the one that the last release() was about
        self._segment: Segment
        self._released_from: Segment
        self._salt: int

    @property
    def durable(self) -> Position:
        return self._writer.durable

    @property
    def full(self) -> bool:
        return self._writer.full

    def free_bytes(self) -> int:
        """See `Store`. Without its directory the journal has failed."""
        try:
            return self._directory.free_bytes()
        except OSError as error:
            self._writer.fail(error)
            return 0

    def restock(self) -> None:
        if self.full:
            self._writer.put(Restock())

    def append(self, kind: int, head: bytes, body: Bytes = b"", holders: int = 0) -> Position:
        # Written out rather than composed of encode() and friends: a call costs a tenth of the
        # whole (tests/bench/bench_journal.py), and the body is not copied.
        if self._writer.failure is not None:
            self._refuse()
        position = self.end
        length = len(head) + len(body)
        fields = _pack_fields(length, kind, position) + head
        crc = crc32(body, crc32(fields, self._salt))
        segment = self._segment
        size = HEADER_BYTES + length
        offsets = segment.offsets
        end = offsets[-1] + size
        segment.holders.append(holders)
        offsets.append(end)
        if holders:
            segment.held += 1
            segment.live_bytes += size
        segment.entries += _WHOLE_ENTRIES[kind]
        self._pieces += (crc.to_bytes(CRC_BYTES, "little"), fields, body)
        self.end = position + 1
        if end >= self._segment_bytes:
            self._roll()
        return position

    def append_run(
        self, kind: int, head: bytes, bodies: Sequence[Bytes], holders: int = 0
    ) -> Position:
        if self._writer.failure is not None:
            self._refuse()
        first = self.end
        done = 0
        while done < len(bodies):
            begun = self.end
            try:
                self._append_some(kind, head, bodies[done:] if done else bodies)
            finally:
                # what came before a body that is not bytes is there
                self._note_run(kind, head, self.end - begun, holders)
            done += self.end - begun
            if self._segment.size >= self._segment_bytes:
                self._roll()
        return first

    def _append_some(self, kind: int, head: bytes, bodies: Sequence[Bytes]) -> None:
        """Append until the segment is full."""
        position, salt, limit = self.end, self._salt, self._segment_bytes
        offsets, pieces, head_bytes = self._segment.offsets, self._pieces, len(head)
        end = offsets[-1]
        for body in bodies:
            length = head_bytes + len(body)
            fields = _pack_fields(length, kind, position) + head
            crc = crc32(body, crc32(fields, salt))
            pieces += (crc.to_bytes(CRC_BYTES, "little"), fields, body)
            end += HEADER_BYTES + length
            offsets.append(end)
            position += 1
            self.end = position
            if end >= limit:
                return

    def _note_run(self, kind: int, head: bytes, count: int, holders: int) -> None:
        segment = self._segment
        segment.entries += run_entry(count, kind, head)
        segment.holders.extend(array("H", (holders,)) * count)
        if holders:
            segment.held += count
            segment.live_bytes += segment.offsets[-1] - segment.offsets[-1 - count]

    def commit(self) -> None:
        assert not self._closed
        writer = self._writer
        if writer.failure is not None:
            self._refuse()
        if not self._pieces and not self._parts:
            return
        self._pieces.append(encode_mark(COMMIT, self.end, writer.synced, self._salt))
        self._segment.add_mark(COMMIT)
        self._end_part()
        batch, self._parts = Batch(self._parts, self.end), []
        self._flight.forget(writer.written)
        # also if it is going to be written here: that may fail, and reading goes on
        self._flight.add(batch.parts)
        if not writer.write_in_place(batch):
            writer.put(batch)
        if self._untidy:
            self.trim()

    def release(self, position: Position, count: int = 1) -> None:
        self._segment_of(position).release((position,), count)

    def release_all(self, positions: Sequence[Position]) -> None:
        start = 0
        while start < len(positions):
            # Holders let go of neighbours one after the other: mostly all are in one segment.
            segment = self._released_from
            if not segment.first <= positions[start] < segment.after:
                segment = self._released_from = self._segment_of(positions[start])
            part = positions[start:] if start else positions
            if min(part) < segment.first or max(part) >= segment.after:
                inside = range(segment.first, segment.after)
                part = [*takewhile(inside.__contains__, part)]
            segment.release(part)
            start += len(part)

    def hold(self, position: Position, holders: int) -> None:
        if not self._segment_of(position).hold((position,), holders):
            raise UnknownPosition(f"there is no record {position}")

    def hold_all(self, positions: Sequence[Position]) -> None:
        start = 0
        while start < len(positions):
            segment = self._segment_of(positions[start])
            stop = bisect_left(positions, segment.after, start)
            if stop == start or not segment.hold(positions[start:stop]):
                raise UnknownPosition(f"not all records from {positions[start]} on are there")
            start = stop

    def read(self, positions: Sequence[Position]) -> list[bytes]:
        return self._read(positions, None)

    def _read(self, positions: Sequence[Position], limit: int | None) -> list[bytes]:
        """All of these, or only the first if they come to more bytes than the limit."""
        payloads: list[bytes] = []
        written = self._writer.written
        total = index = 0
        while index < len(positions) and (limit is None or total < limit):
            position = positions[index]
            segment = self._segment_of(position)
            stop = index + 1
            if position >= written:
                payloads.append(self._read_unwritten(position))
            else:
                after = min(segment.after, written)
                while stop < len(positions) and segment.first <= positions[stop] < after:
                    stop += 1
                room = None if limit is None else limit - total
                payloads += self._read_written(segment, positions[index:stop], room)
            if limit is not None:
                total += sum(map(len, payloads[index:]))
            index = len(payloads)
        return payloads

    def read_available(
        self, positions: Sequence[Position], limit: int | None = None
    ) -> list[bytes | None]:
        try:
            return [*self._read(positions, limit)]
        except DamagedRecord as damaged:
            if len(positions) == 1:
                return [None]
            bad = positions.index(damaged.position)
            before = self.read_available(positions[:bad], limit)
            if limit is not None and before:
                return before
            behind = [] if limit is not None else self.read_available(positions[bad + 1 :])
            return [*before, None, *behind]

    def trim(self) -> int:
        removed = self._space.tend(self.end, self._writer.written, self._writer.settled)
        self._released_from = self._segment
        self._untidy = self._space.tidying
        if self._space.waits_for(self._writer.settled):
            self._writer.sync_soon()
        return removed

    @property
    def tidying(self) -> bool:
        """Whether segments are being removed or rewritten."""
        return self._space.tidying

    def recover(self) -> Iterator[Run]:
        assert self.end == 0, "recover() is called once"
        segments, unreadable, damaged = self._directory.segments()
        replay = Replay(segments, self._directory, self._meaning)
        yield from replay
        for segment in replay.scanned:
            self._directory.remove_index(segment)
        damaged += replay.damaged
        cut_bytes = cut_log(replay, self._directory, self._files, self._reserve, damaged)
        self.report = RecoveryReport(
            segments=len(segments),
            records=replay.records,
            bytes=replay.bytes,
            cut_bytes=cut_bytes,
            damaged=tuple(damaged),
            clean=replay.clean,
        )
        self._start(replay, unreadable)

    def close(self) -> None:
        if self._closed:
            return
        failed_before = self._writer.failure is not None
        self._patient_files.give_up()
        try:
            self._caretaker.end()
            if self.end:
                self._close_writer()
            if self.failed and not failed_before:
                self._refuse()
        finally:
            self._closed = True
            self._directory.close_readers()
            self._lock.release()

    @property
    def segments(self) -> int:
        return len(self._segments)

    @property
    def failed(self) -> bool:
        return self._writer.failure is not None

    def _refuse(self) -> NoReturn:
        failure = self._writer.failure
        raise JournalFailed(f"the journal has stopped: {failure}") from failure

    def _roll(self) -> None:
        """The segment is full: what follows goes to a new one."""
        self._end_part()
        self._segment.seal()
        self._open_segment()
        self._untidy = True

    def _open_segment(self) -> None:
        self._segment = Segment(self.end, self._salt)
        self._segments.append(self._segment)
        self._begin_part()

    def _begin_part(self) -> None:
        self._pieces = []
        self._part_first = self.end
        self._part_offset = self._segment.size

    def _end_part(self) -> None:
        self._parts.append(self._open_part())
        self._begin_part()

    def _open_part(self) -> Part:
        """What was appended last, to the segment that is being filled."""
        segment = self._segment
        return Part(segment, self._part_first, self._part_offset, segment.size, self._pieces)

    def _segment_of(self, position: Position) -> Segment:
        index = bisect_right(self._segments, position, key=attrgetter("first")) - 1
        if index < 0 or position >= self.end:
            raise UnknownPosition(f"there is no record {position}")
        return self._segments[index]

    def _read_unwritten(self, position: Position) -> bytes:
        return self._flight.read(position, (*self._parts, self._open_part()))

    def _read_written(
        self, segment: Segment, positions: Sequence[Position], limit: int | None
    ) -> list[bytes]:
        if positions[0] >= segment.after:
            # between two segments: the file that held it is gone
            raise DamagedRecord(positions[0], segment.name, segment.size)
        return segment.read(
            positions, lambda length, offset: self._directory.read(segment, length, offset), limit
        )

    def _start(self, replay: Replay, unreadable: list[Unreadable]) -> None:
        """Go on in the last segment, or in a new one if its number of records is not known."""
        self._segments += replay.segments
        for segment in self._segments:
            segment.seal()
        # Positions that an unreadable file at the end may have used are not used again.
        last_ones = (file for file in unreadable if file.first >= replay.end)
        self.end = max(
            [replay.end, *(each.first + each.size // HEADER_BYTES for each in last_ones)]
        )
        last = self._segments[-1] if self._segments else None
        self._salt = last.salt if last else secrets.randbits(32)
        goes_on = last is not None and last.positions is None and self.end == replay.end
        for segment in self._segments:
            if segment in replay.scanned and not (goes_on and segment is last):
                self._directory.write_index(segment)
        if last and goes_on:
            self._segment = last
            last.after = sys.maxsize
            self._begin_part()
        else:
            last = None
            self._open_segment()
        self._released_from = self._segment
        self._writer.start(self.end, last)
        self._caretaker.start()

    def _close_writer(self) -> None:
        """Have everything written, unless the journal has failed; then nothing writes any more."""
        if not self.failed:
            self.commit()
        self._writer.put(Close(self._segment, self.end))
        self._writer.join()
