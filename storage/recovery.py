"""From the bytes of a log to its records, and to what was wrong with them. Pure: no I/O here.

`elements()` of scan.py finds the valid records and marks of one segment. `Replay` puts the
segments together and answers the one difficult question. Bytes that should
hold records and do not are either *damage* (they were on disk once: report them, serve what is
behind them) or the *torn tail* (the crash interrupted the write; what is behind them was not on
disk for certain either, and may refer to what was lost: cut everything). A mark settles it: it
says up to which position the log was on disk when the mark was made, and a segment's header says
so of all positions before it, for a file is begun after its predecessor has been synced. Bytes
in front of such a position were on disk, so they are damage. Bytes behind all such positions
belong to writes that nobody ever was told of, and the log is cut at the end of the last commit
before them.

What an index describes was on disk when the index was written, so it is believed without looking;
of such a segment only the records are read whose payloads are needed, and what the index does not
reach. Records are given out as soon as their commit is known to be whole and nothing before them
is in doubt, so no more than a commit's worth of them is held back unless there is damage.
"""

from array import array
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from warrener.storage.errors import DamagedRecord
from warrener.storage.index import (
    MARK_ENTRIES,
    Entry,
    Index,
    body_sizes,
    entry_bytes,
    is_mark,
    read_entries,
    run_entry,
)
from warrener.storage.record import CLOSE, HEADER_BYTES, MARK_BYTES, Element
from warrener.storage.scan import elements, filled_bytes
from warrener.storage.segment import HEADER_BYTES as SEGMENT_HEADER_BYTES
from warrener.storage.segment import Segment
from warrener.storage.store import Damage, Meaning, Position, Run

# Records that are read at once when an index says that all of them is needed.
READ_RECORDS = 1024


class Source(Protocol):
    """Where the bytes come from."""

    def load(self, segment: Segment, start: int = 0) -> bytes:
        """A segment's file from an offset on; zeros stand in for what the disk has lost."""

    def index(self, segment: Segment) -> Index | None:
        """What the segment's index says, if there is one that fits."""

    def read(self, segment: Segment, length: int, offset: int) -> bytes: ...


class Place(NamedTuple):
    """A point between two elements of the log."""

    position: Position
    segment: Segment
    offset: int
    # how many bytes of the segment's index entries describe what is before it; None if unknown
    entries: int | None


class Gap(NamedTuple):
    """Bytes between two elements that are neither, or positions that no element has."""

    segment: Segment
    offset: int
    end: int
    position: Position
    # of the first element behind it
    next_position: Position

    def damage(self) -> Damage:
        lost = self.next_position - self.position
        what = (
            f"records {self.position} to {self.next_position - 1} lost"
            if lost
            else "no record lost"
        )
        if lost and self.segment.generation:
            what = f"records lost, if any, are between {self.position} and {self.next_position - 1}"
        return Damage(self.segment.name, self.offset, self.end - self.offset, what)


class Found(NamedTuple):
    """A valid record whose commit is not known to be whole yet."""

    run: Run
    segment: Segment
    end: int

    @property
    def position(self) -> Position:
        return self.run.positions[0]


class Replay:
    """One pass over a log: iterate it for the records, then read what it has found.

    It fills in what the segments it is given know of their records. `complete` says that they are
    not a log but known to have been on disk.
    """

    def __init__(
        self,
        segments: Sequence[Segment],
        source: Source,
        meaning: Meaning,
        complete: bool = False,
    ) -> None:
        self.segments = list(segments)
        self.damaged: list[Damage] = []
        self.records = 0
        self.bytes = 0
        self.clean = True
        # segments that were read as a whole, and could do with an index
        self.scanned: list[Segment] = []
        # where the log ends: everything behind it is to be cut off
        self.cut: Place | None = None
        # valid records that are cut off because of bytes before them that are not valid
        self.doubtful = 0
        # what is before this position was on disk, said the last mark
        self.synced: Position = 0
        self._source = source
        self._meaning = meaning
        self._complete = complete
        self._expected: Position = 0
        self._proved: Position = 0
        self._gaps: list[Gap] = []
        self._held: list[Found] = []
        # the last entry of the index being made, and where it begins; None behind a mark
        self._entry: tuple[Entry | None, int] = (None, 0)

    @property
    def end(self) -> Position:
        """The position of the next record."""
        return self.cut.position if self.cut else 1

    def __iter__(self) -> Iterator[Run]:
        for number, segment in enumerate(self.segments, 1):
            self._enter(segment)
            ceiling = self.segments[number].first if number < len(self.segments) else None
            index = self._source.index(segment)
            if index is not None:
                yield from self._believe(segment, index)
            if index is None or self._expected != ceiling:
                yield from self._scan(segment, ceiling, index is not None)
            if self._complete or segment.generation:
                yield from self._close(segment)
            if index is not None and not self._held:
                # It is in the file. If the log is cut, then not before here.
                segment.entries = segment.entries if ceiling is None else bytearray()
        yield from self._finish()

    def _enter(self, segment: Segment) -> None:
        self._expected = segment.first
        self._proved = max(self._proved, segment.first)
        self.clean = False
        self._settle_gaps()
        if not self._held and not self._gaps:
            self.cut = Place(segment.first, segment, segment.size, 0)

    # With an index

    def _believe(self, segment: Segment, index: Index) -> Iterator[Run]:
        """Take over what an index says; all of it was on disk, and ends with a commit or full."""
        segment.offsets, segment.positions = index.offsets, index.positions
        segment.entries = index.entries
        self._expected = index.after
        self._proved = max(self._proved, index.after)
        self._settle_gaps()
        self.records += segment.count
        self.bytes += segment.size - SEGMENT_HEADER_BYTES
        described = Described(segment, self._source, self.damaged)
        self.bytes -= described.marks * MARK_BYTES
        self.clean = described.closed
        if described.marks:
            yield from (found.run for found in self._held)
            yield from described.committed()
            self._held = []
            position, offset = described.place
            self.cut = Place(position, segment, offset, described.committed_bytes)
            self.synced = max(self.synced, position)
        self._held += [Found(run, segment, end) for run, end in described.rest()]

    # Without

    def _scan(self, segment: Segment, ceiling: Position | None, rest: bool) -> Iterator[Run]:
        """Look at every byte of a segment, or at those behind what its index described."""
        start = segment.size if rest else 0
        data = self._source.load(segment, start)
        self._entry = None, 0
        damaged = len(self._gaps)
        offset = 0 if rest else segment.size
        highest = segment.after if segment.generation else ceiling
        holes = bool(segment.generation)
        for element in elements(data, segment.salt, self._expected, highest, offset, holes):
            found = element._replace(offset=element.offset + start, end=element.end + start)
            self._note_gap(segment, found.offset, found.position)
            self._expected = found.next_position
            self.clean = found.kind == CLOSE
            if found.is_record:
                self._add(segment, found, element.payload(data))
            else:
                segment.offsets[-1] = found.end
                segment.entries += MARK_ENTRIES[found.kind]
                self._entry = None, 0
                self.synced = max(self.synced, element.synced(data))
                self._proved = max(self._proved, self.synced)
                yield from self._commit(segment, found)
        self._note_tail(segment, start + filled_bytes(data), ceiling)
        segment.indexable = segment.indexable and len(self._gaps) == damaged
        if not rest:
            self.scanned.append(segment)

    def _add(self, segment: Segment, element: Element, payload: bytes) -> None:
        segment.add(element.position, element.offset, element.end)
        self.records += 1
        self.bytes += HEADER_BYTES + len(payload)
        kind = element.kind
        length = self._head_bytes(kind, payload)
        head = payload if length is None else payload[:length]
        self._list(segment, kind, None if length is None else head)
        run = Run(kind, (element.position,), head, (len(payload) - len(head),))
        self._held.append(Found(run, segment, element.end))

    def _list(self, segment: Segment, kind: int, head: bytes | None) -> None:
        """Note the record in the index: with the one before it, if both begin alike."""
        entry, at = self._entry
        if head is not None and entry is not None and entry[1:] == (kind, head):
            entry = Entry(entry.records + 1, kind, head)
            del segment.entries[at:]
        else:
            entry, at = Entry(1, kind, head), len(segment.entries)
        segment.entries += run_entry(*entry)
        self._entry = entry, at

    def _head_bytes(self, kind: int, payload: bytes) -> int | None:
        last = self._held[-1].run if self._held else None
        if last and last.kind == kind and last.sizes[0] and payload.startswith(last.head):
            return len(last.head)
        return self._meaning.head_bytes(kind, payload)

    def _commit(self, segment: Segment, mark: Element) -> Iterator[Run]:
        self._settle_gaps()
        if not self._gaps:
            yield from _joined(self._held)
            self._held = []
            self.cut = Place(mark.position, segment, mark.end, len(segment.entries))

    def _close(self, segment: Segment) -> Iterator[Run]:
        """All that is in the file counts: it was on disk before the file got its name."""
        self._proved = max(self._proved, segment.after)
        self._settle_gaps()
        yield from _joined(self._held)
        self._held = []
        self.cut = Place(self._expected, segment, segment.size, len(segment.entries))

    def _note_gap(self, segment: Segment, offset: int, position: Position) -> None:
        skips = position > self._expected and not segment.generation
        if offset > segment.size or skips:
            segment.indexable = False
            self._gaps.append(Gap(segment, segment.size, offset, self._expected, position))

    def _note_tail(self, segment: Segment, filled: int, ceiling: Position | None) -> None:
        """What is behind the last element of a segment; in the last segment it is torn."""
        filled = max(filled, segment.size)
        if segment.generation:
            self._expected = max(self._expected, segment.after)
        if ceiling is None:
            self.clean = self.clean and filled == segment.size
        elif filled > segment.size or ceiling > self._expected:
            self._gaps.append(Gap(segment, segment.size, filled, self._expected, ceiling))

    def _settle_gaps(self) -> None:
        """What lies before a position that was on disk is damage; the rest remains open."""
        self.damaged += [gap.damage() for gap in self._gaps if gap.next_position <= self._proved]
        self._gaps = [gap for gap in self._gaps if gap.next_position > self._proved]

    def _finish(self) -> Iterator[Run]:
        """Cut behind the last whole commit, but never what a mark knows to have been on disk."""
        safe = [each for each in self._held if each.position < self.synced]
        if safe:
            last = safe[-1]
            self.cut = Place(last.run.positions[-1] + 1, last.segment, last.end, None)
            yield from _joined(safe)
        torn = self._held[len(safe) :]
        if self._gaps:
            self.doubtful = sum(each.position >= self._gaps[0].position for each in torn)
        self.records -= sum(len(each.run.positions) for each in torn)
        self.bytes -= sum(
            len(each.run.positions) * (HEADER_BYTES + len(each.run.head)) + sum(each.run.sizes)
            for each in torn
        )
        self.clean = self.clean and not torn and not self._gaps


class Described:
    """The runs that an index lists, with the payloads that are needed."""

    def __init__(self, segment: Segment, source: Source, damaged: list[Damage]) -> None:
        self._segment = segment
        self._source = source
        self._damaged = damaged
        self._entries = list(read_entries(segment.entries))
        # how far the runs given out so far reach
        self._index = 0
        marks = [number for number, entry in enumerate(self._entries, 1) if is_mark(entry[1])]
        self.marks = len(marks)
        self._last_mark = marks[-1] if marks else 0
        self.closed = bool(self._entries) and self._entries[-1].kind == CLOSE
        wanted = any(entry.head is None for entry in self._entries)
        self._payloads = self._read_payloads() if wanted else iter(())

    @property
    def committed_bytes(self) -> int:
        """How many bytes of the index are about what the last mark has behind it."""
        rest = self._entries[self._last_mark :]
        return len(self._segment.entries) - sum(map(entry_bytes, rest))

    @property
    def place(self) -> tuple[Position, int]:
        """Position and offset up to which runs have been given out."""
        index = self._index
        return (self._segment.position(index - 1) + 1 if index else self._segment.first), (
            self._segment.offsets[index]
        )

    def committed(self) -> Iterator[Run]:
        """What has a mark behind it."""
        return self._runs(0, self._last_mark)

    def rest(self) -> Iterator[tuple[Run, int]]:
        """What has none, after all that has; and where it ends."""
        for number in range(self._last_mark, len(self._entries)):
            for run in self._runs(number, number + 1):
                end = self._segment.index(run.positions[-1]) + 1
                yield run, self._segment.offsets[end]

    def _runs(self, start: int, stop: int) -> Iterator[Run]:
        segment = self._segment
        offsets, positions, first = segment.offsets, segment.positions, segment.first
        begin = self._index
        for number in range(start, stop):
            count, kind, head = self._entries[number]
            if not count:
                continue
            end = self._index = begin + count
            if head is None:
                yield from self._whole(kind, begin, end)
            else:
                where: Sequence[int] = range(first + begin, first + end)
                if positions is not None:
                    where = positions[begin:end]
                sizes = body_sizes(offsets, begin, count, len(head), self._marks_behind(number))
                yield Run(kind, where, head, sizes)
            begin = end

    def _whole(self, kind: int, begin: int, end: int) -> Iterator[Run]:
        for index in range(begin, end):
            payload = next(self._payloads)
            if payload is not None:
                yield Run(kind, (self._segment.position(index),), payload, (0,))

    def _marks_behind(self, number: int) -> int:
        """How many marks stand between an entry and the next run."""
        marks = 0
        entries = self._entries
        while number + 1 + marks < len(entries) and not entries[number + 1 + marks].records:
            marks += 1
        return marks

    def _read_payloads(self) -> Iterator[bytes | None]:
        """Of the records that are needed as a whole; None for one that is damaged."""
        wanted: list[Position] = []
        index = 0
        for count, _, head in self._entries:
            if head is None:
                wanted += [self._segment.position(each) for each in range(index, index + count)]
                if len(wanted) >= READ_RECORDS:
                    yield from self._read(wanted)
                    wanted = []
            index += count
        yield from self._read(wanted)

    def _read(self, positions: Sequence[Position]) -> list[bytes | None]:
        segment = self._segment
        try:
            return [
                *segment.read(
                    positions, lambda length, offset: self._source.read(segment, length, offset)
                )
            ]
        except DamagedRecord as damage:
            if len(positions) == 1:
                index = segment.index(positions[0])
                length = segment.offsets[index + 1] - segment.offsets[index]
                lost = f"records {positions[0]} to {positions[0]} lost"
                self._damaged.append(Damage(segment.name, damage.offset, length, lost))
                return [None]
            half = len(positions) // 2
            return [*self._read(positions[:half]), *self._read(positions[half:])]


def _joined(found: Sequence[Found]) -> Iterator[Run]:
    """Neighbours with the same head as one run."""
    start = 0
    while start < len(found):
        first = found[start].run
        stop = start + 1
        if first.sizes[0]:
            while stop < len(found):
                run = found[stop].run
                if run.kind != first.kind or run.head != first.head or not run.sizes[0]:
                    break
                stop += 1
        if stop == start + 1:
            yield first
        else:
            runs = [each.run for each in found[start:stop]]
            positions = array("Q", [position for run in runs for position in run.positions])
            sizes = array("I", [size for run in runs for size in run.sizes])
            yield Run(first.kind, positions, first.head, sizes)
        start = stop
