"""Copying forward: a few living records leave the files in which nearly everything is dead.

Neighbouring segments are rewritten into one new file that holds only the records that must stay,
byte for byte, with the positions they always had. So nothing above the files notices: no record
moves, positions are not used again, the order is the same.

A record stays if it has holders. One without holders stays if it has something to say about a
record that is still in the files: an acknowledgement must not go before the message it settles,
or that message would come back. What a record refers to is told by a function of the core
(`Meaning.refers_to`). All that lies before it is looked at in order, so by then it is known what
stays of it; what lies in older files counts as there if it is in the file, alive or not.

The new file is written under another name, synced, and renamed; it says which positions it covers.
From then on recovery takes it in place of the old ones, of which it has the higher generation;
they are removed afterwards. A crash leaves the old files, or the new one, or both, and then the
old ones do not count.

That a record had lost its holders must itself be on disk before any of this begins:
`Rewriting.decided` is the end of the log at that moment, and space.py waits for it.

This runs in a thread of its own (caretaker.py). It shares nothing with the others but segments
that no longer change, and copies of what does.
"""

import contextlib
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import compress, pairwise
from zlib import crc32

from warrener.storage.directory import Directory
from warrener.storage.errors import StorageError
from warrener.storage.files import Files
from warrener.storage.index import run_entry
from warrener.storage.record import (
    COMMIT,
    CRC_BYTES,
    HEADER,
    HEADER_BYTES,
    MARK_BYTES,
    encode_mark,
)
from warrener.storage.recovery import Replay
from warrener.storage.segment import GAP_BYTES, READ_BYTES, REWRITTEN_HEADER_BYTES, Segment
from warrener.storage.store import Bytes, Meaning, Position, Run

# A rewriting that would leave more than this share of the bytes is given up.
WORTH_SHARE = 0.75

# Records that are looked at without letting another thread have the interpreter.
STEP_RECORDS = 16 * 1024


class Abandoned(StorageError):
    """The journal is being closed: what is unfinished is done another time."""


@dataclass(slots=True)
class Source:
    """One of the segments that are rewritten."""

    segment: Segment
    # a copy: the original changes
    holders: "array[int]"
    live_bytes: int
    # found out on the way: the records that stay, by their index, and whether others are damaged
    kept: "array[int]" = field(default_factory=lambda: array("I"))
    damaged: bool = False


@dataclass(slots=True)
class Rewriting:
    """Neighbouring segments that are to become one, and what has come of it."""

    sources: list[Source]
    # all segments before them
    older: list[Segment]
    # the end of the log when the holders were counted
    decided: Position
    done: bool = False
    # None if it was not worth it, or failed
    result: Segment | None = None

    @property
    def segments(self) -> list[Segment]:
        return [source.segment for source in self.sources]


class Compaction:
    """Does one rewriting.

    Args:
        abandoned: asked between steps; if it says so, Abandoned is raised and nothing is changed.
    """

    def __init__(
        self,
        rewriting: Rewriting,
        directory: Directory,
        files: Files,
        meaning: Meaning,
        abandoned: Callable[[], bool],
    ) -> None:
        self._rewriting = rewriting
        self._directory = directory
        self._files = files
        self._meaning = meaning
        self._abandoned = abandoned
        first, last = rewriting.sources[0].segment, rewriting.sources[-1].segment
        generation = max(segment.generation for segment in rewriting.segments) + 1
        self._target = Segment(first.first, first.salt, generation, last.after)
        # the records that stay, ascending
        self._kept = array("Q")
        self._entries: list[tuple[Source, int, int, bytes | None]] = []

    def prepare(self) -> bool:
        """Write the new file, not yet under its name; False if it would not be much smaller.

        Should it fail, nothing has changed.
        """
        for source in self._rewriting.sources:
            self._choose(source)
        before = sum(segment.size for segment in self._rewriting.segments)
        after = REWRITTEN_HEADER_BYTES + self._kept_bytes() + MARK_BYTES
        if after > WORTH_SHARE * before:
            return False
        self._write()
        return True

    def put_in_place(self) -> Segment:
        """From here on the new file counts. Should it fail, nobody knows which of them do."""
        self._directory.finish_partial(self._target)
        self._directory.write_index(self._target)
        return self._target

    # Which records stay

    def _choose(self, source: Source) -> None:
        """Go through the records of a segment in order."""
        segment = source.segment
        twin = Segment(segment.first, segment.salt, segment.generation, segment.after)
        replay = Replay([twin], self._directory, self._meaning, complete=True)
        for run in replay:
            self._step()
            self._choose_of(source, run)
        found = twin.count == (segment.count if segment.generation else len(_covered(segment)))
        source.damaged = bool(replay.damaged) or not found

    def _choose_of(self, source: Source, run: Run) -> None:
        index, last = map(source.segment.index, (run.positions[0], run.positions[-1]))
        if last - index != len(run.positions) - 1 or index < 0:
            # Damage has come or gone since the segment was read last.
            for single in _singly(run):
                if source.segment.index(single.positions[0]) >= 0:
                    self._choose_of(source, single)
            return
        whole = not run.sizes[0] and len(run.positions) == 1
        refers_to = self._meaning.refers_to(run.kind, run.head)
        head = None if whole and self._meaning.head_bytes(run.kind, run.head) is None else run.head
        for start in range(0, len(run.positions), STEP_RECORDS):
            indexes: Sequence[int]
            positions = run.positions[start : start + STEP_RECORDS]
            begin = index + start
            held = source.holders[begin : begin + len(positions)]
            if self._matters(refers_to):
                indexes = range(begin, begin + len(positions))
            else:
                indexes = array("I", compress(range(begin, begin + len(positions)), held))
                positions = array("Q", compress(positions, held))
            if indexes:
                source.kept.extend(indexes)
                self._kept.extend(positions)
                self._entries.append((source, len(indexes), run.kind, head))

    def _matters(self, positions: Sequence[Position] | None) -> bool:
        """Whether any of the records that one refers to is there."""
        if positions is None:
            return bool(self._kept) or any(segment.count for segment in self._rewriting.older)
        if not positions:
            return False
        low, high = min(positions), max(positions)
        if low >= self._target.first and bisect_left(self._kept, low) == bisect_right(
            self._kept, high
        ):
            return False
        return any(map(self._is_there, positions))

    def _is_there(self, position: Position) -> bool:
        if position >= self._target.first:
            at = bisect_left(self._kept, position)
            return at < len(self._kept) and self._kept[at] == position
        older = self._rewriting.older
        at = bisect_right(older, position, key=lambda segment: segment.first) - 1
        if at < 0 or position >= older[at].after:
            return False
        segment = older[at]
        # What damage has taken out of a file that was not rewritten may be readable again.
        return not segment.generation or segment.index(position) >= 0

    def _kept_bytes(self) -> int:
        total = 0
        for source in self._rewriting.sources:
            offsets = source.segment.offsets
            for start in range(0, len(source.kept), STEP_RECORDS):
                part = source.kept[start : start + STEP_RECORDS]
                total += sum([offsets[index + 1] - offsets[index] for index in part])
        return total

    # The new file

    def _write(self) -> None:
        target = self._target
        handle = self._directory.create_partial(target)
        try:
            self._files.write(handle, [target.header], 0)
            for source in self._rewriting.sources:
                self._copy(source, handle)
            mark = encode_mark(COMMIT, target.after, target.after, target.salt)
            self._files.write(handle, [mark], target.size)
            self._files.datasync(handle)
        except BaseException:
            self._files.close(handle)
            with contextlib.suppress(OSError):
                self._directory.remove_partial(target)
            raise
        self._files.close(handle)
        self._list_entries()
        target.add_mark(COMMIT)
        self._count_holders()

    def _copy(self, source: Source, handle: int) -> None:
        """Append the records of one segment that stay; those that are damaged are left out."""
        segment, target = source.segment, self._target
        offsets = segment.offsets
        whole = array("I")
        at = 0
        while at < len(source.kept):
            self._step()
            begin = end = offsets[source.kept[at]]
            stop = at
            while stop < len(source.kept):
                start = offsets[source.kept[stop]]
                following = offsets[source.kept[stop] + 1]
                if start > end + GAP_BYTES or (stop > at and following > begin + READ_BYTES):
                    break
                end = following
                stop += 1
            data = self._directory.load_range(segment, end - begin, begin)
            pieces: list[Bytes] = []
            offset = target.size
            for index in source.kept[at:stop]:
                piece = _record(data, offsets[index] - begin, segment, index)
                if piece is None:
                    source.damaged = True
                    continue
                size = target.size
                target.add(segment.position(index), size, size + len(piece))
                whole.append(index)
                pieces.append(piece)
            self._files.write(handle, pieces, offset)
            at = stop
        if len(whole) < len(source.kept):
            source.kept = whole

    def _count_holders(self) -> None:
        """As they were in the beginning; space.py knows which have let go since."""
        target = self._target
        for source in self._rewriting.sources:
            for start in range(0, len(source.kept), STEP_RECORDS):
                part = source.kept[start : start + STEP_RECORDS]
                target.holders.extend(array("H", [source.holders[index] for index in part]))
        for start in range(0, target.count, STEP_RECORDS):
            holders = target.holders[start : start + STEP_RECORDS]
            offsets = target.offsets[start : start + STEP_RECORDS + 1]
            target.held += len(holders) - holders.count(0)
            target.live_bytes += sum(
                [
                    end - begin
                    for (begin, end), held in zip(pairwise(offsets), holders, strict=True)
                    if held
                ]
            )

    def _list_entries(self) -> None:
        """What the index says, unless damage has taken something out: then it is made later."""
        target = self._target
        target.indexable = target.count == len(self._kept)
        for _, count, kind, head in self._entries:
            target.entries += run_entry(count, kind, head)

    def _step(self) -> None:
        if self._abandoned():
            raise Abandoned("the journal is being closed")


def _covered(segment: Segment) -> range:
    return range(segment.first, segment.after)


def _singly(run: Run) -> Iterator[Run]:
    for position, size in zip(run.positions, run.sizes, strict=True):
        yield Run(run.kind, (position,), run.head, (size,))


def _record(data: bytes, at: int, segment: Segment, index: int) -> Bytes | None:
    """The bytes of a record, or None if they are not those that were written."""
    if at + HEADER_BYTES > len(data):
        return None
    crc, length, _, found = HEADER.unpack_from(data, at)
    end = at + HEADER_BYTES + length
    if found != segment.position(index) or end > len(data):
        return None
    piece = memoryview(data)[at:end]
    return piece if crc32(piece[CRC_BYTES:], segment.salt) == crc else None
