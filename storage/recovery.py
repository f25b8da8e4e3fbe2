"""From the bytes of a log to its records, and to what was wrong with them. Pure: no I/O here.

`elements()` finds the valid records and marks of one segment. Where there is none at the expected
place it looks for the next one whose checksum holds and whose position fits, so damage costs what
was damaged and nothing behind it. The end of the log is where no further element is found; file
sizes and zeros mean nothing.

`Replay` puts the segments together and answers the one difficult question. Bytes that should
hold records and do not are either *damage* (they were on disk once: report them, serve what is
behind them) or the *torn tail* (the crash interrupted the write; what is behind them was not on
disk for certain either, and may refer to what was lost: cut everything). A mark settles it: it
says up to which position the log was on disk when the mark was made, and a segment's header says
so of all positions before it, for a file is begun after its predecessor has been synced. Bytes
in front of such a position were on disk, so they are damage. Bytes behind all such positions
belong to writes that nobody ever was told of, and the log is cut at the end of the last commit
before them.

Records are given out as soon as their commit is known to be whole and nothing before them is
in doubt, so no more than a commit's worth of them is held back unless there is damage.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from warrener.storage.record import CLOSE, HEADER_BYTES, Element, decode
from warrener.storage.segment import HEADER_BYTES as SEGMENT_HEADER_BYTES
from warrener.storage.segment import LOST, Segment
from warrener.storage.store import Damage, Position, Record


class Place(NamedTuple):
    """A point between two elements of the log."""

    position: Position
    segment: Segment
    offset: int


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
        return Damage(self.segment.name, self.offset, self.end - self.offset, what)


class Found(NamedTuple):
    """A valid record whose commit is not known to be whole yet."""

    record: Record
    segment: Segment
    end: int


class Replay:
    """One pass over a log: iterate it for the records, then read what it has found.

    It fills in `offsets` and `size` of the segments it is given.
    """

    def __init__(self, segments: Sequence[Segment], load: Callable[[Segment], bytes]) -> None:
        self.segments = list(segments)
        self.damaged: list[Damage] = []
        self.records = 0
        self.bytes = 0
        self.clean = True
        # where the log ends: everything behind it is to be cut off
        self.cut: Place | None = None
        # valid records that are cut off because of bytes before them that are not valid
        self.doubtful = 0
        # what is before this position was on disk, said the last mark
        self.synced: Position = 0
        self._load = load
        self._expected: Position = 0
        self._proved: Position = 0
        self._gaps: list[Gap] = []
        self._held: list[Found] = []

    @property
    def end(self) -> Position:
        """The position of the next record."""
        return self.cut.position if self.cut else 1

    def __iter__(self) -> Iterator[Record]:
        for index, segment in enumerate(self.segments, 1):
            self._enter(segment)
            is_last = index == len(self.segments)
            yield from self._replay(segment, None if is_last else self.segments[index].first)
        yield from self._finish()

    def _enter(self, segment: Segment) -> None:
        self._expected = segment.first
        self._proved = max(self._proved, segment.first)
        self.clean = False
        self._settle_gaps()
        if not self._held and not self._gaps:
            self.cut = Place(segment.first, segment, SEGMENT_HEADER_BYTES)

    def _replay(self, segment: Segment, ceiling: Position | None) -> Iterator[Record]:
        data = self._load(segment)
        for element in elements(data, segment.salt, segment.first, ceiling):
            self._note_gap(segment, element.offset, element.position)
            segment.size = element.end
            self._expected = element.next_position
            self.clean = element.kind == CLOSE
            if element.is_record:
                self._add(segment, element, data)
            else:
                self.synced = max(self.synced, element.synced(data))
                self._proved = max(self._proved, self.synced)
                yield from self._commit(segment, element)
        self._note_tail(segment, filled_bytes(data), ceiling)

    def _add(self, segment: Segment, element: Element, data: bytes) -> None:
        segment.offsets.append(element.offset)
        record = Record(element.position, element.kind, element.payload(data))
        self._held.append(Found(record, segment, element.end))

    def _commit(self, segment: Segment, mark: Element) -> Iterator[Record]:
        self._settle_gaps()
        if not self._gaps:
            yield from self._give_out(self._held)
            self._held = []
            self.cut = Place(mark.position, segment, mark.end)

    def _give_out(self, found: list[Found]) -> Iterator[Record]:
        self.records += len(found)
        for each in found:
            self.bytes += HEADER_BYTES + len(each.record.payload)
            yield each.record

    def _note_gap(self, segment: Segment, offset: int, position: Position) -> None:
        if offset > segment.size or position > self._expected:
            self._gaps.append(Gap(segment, segment.size, offset, self._expected, position))
            segment.offsets.extend([LOST] * (position - self._expected))

    def _note_tail(self, segment: Segment, filled: int, ceiling: Position | None) -> None:
        """What is behind the last element of a segment; in the last segment it is torn."""
        filled = max(filled, segment.size)
        if ceiling is None:
            self.clean = self.clean and filled == segment.size
        elif filled > segment.size or ceiling > self._expected:
            self._gaps.append(Gap(segment, segment.size, filled, self._expected, ceiling))

    def _settle_gaps(self) -> None:
        """What lies before a position that was on disk is damage; the rest remains open."""
        self.damaged += [gap.damage() for gap in self._gaps if gap.next_position <= self._proved]
        self._gaps = [gap for gap in self._gaps if gap.next_position > self._proved]

    def _finish(self) -> Iterator[Record]:
        """Cut behind the last whole commit, but never what a mark knows to have been on disk."""
        safe = [each for each in self._held if each.record.position < self.synced]
        if safe:
            last = safe[-1]
            self.cut = Place(last.record.position + 1, last.segment, last.end)
            yield from self._give_out(safe)
        torn = self._held[len(safe) :]
        if self._gaps:
            self.doubtful = sum(each.record.position >= self._gaps[0].position for each in torn)
        self.clean = self.clean and not torn and not self._gaps


def elements(
    data: bytes, salt: int, first: Position, ceiling: Position | None = None
) -> Iterator[Element]:
    """The valid records and marks of a segment's bytes, in order, over whatever is between them.

    Args:
        first: the lowest position that fits.
        ceiling: the position with which the next segment begins.
    """
    offset = SEGMENT_HEADER_BYTES
    # no more records than this fit into the file: a position beyond is not one of ours
    room = len(data) // HEADER_BYTES + 1
    position = first
    filled = filled_bytes(data)
    while offset < filled:
        highest = position + room if ceiling is None else min(position + room, ceiling)
        element = decode(data, offset, salt)
        if element is None or element.position < position or element.next_position > highest:
            element = _search(data, offset + 1, filled, salt, position, highest)
        if element is None:
            return
        yield element
        offset, position = element.end, element.next_position


def _search(
    data: bytes, offset: int, filled: int, salt: int, lowest: Position, highest: Position
) -> Element | None:
    """The first valid element from an offset on whose position lies in a range."""
    pattern = _header_pattern(lowest, highest)
    for match in pattern.finditer(data, offset + _PATTERN_OFFSET, filled + HEADER_BYTES):
        element = decode(data, match.start() - _PATTERN_OFFSET, salt)
        if element and lowest <= element.position and element.next_position <= highest:
            return element
    return None


def filled_bytes(data: bytes) -> int:
    """How many bytes are in front of the zeros at the end."""
    return len(data.rstrip(b"\0"))


# of the high byte of a header's kind
_PATTERN_OFFSET = 9


def _header_pattern(lowest: Position, highest: Position) -> re.Pattern[bytes]:
    """What the end of a header looks like: kind below 512, then a position in the range.

    Decoding at every single offset takes a microsecond each, a minute for a segment; this
    leaves few places to decode. Positions so near to each other have few different values in
    their five high bytes; a position of 0 does not exist, which keeps stretches of zeros out.
    """
    high = range(lowest >> 24, (highest >> 24) + 1)
    endings = b"|".join(re.escape(each.to_bytes(5, "little")) for each in high)
    return re.compile(rb"(?s)[\0\1](?=(?!\0{8})...(?:" + endings + rb"))")
