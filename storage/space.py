"""Which segments go, and which are rewritten: the decisions, made in the broker's thread.

Segments go from the front of the log once no record in them has holders. If the front does not
move because something old is still alive, and the full segments take more than twice the bytes that
are alive, some that are mostly dead are rewritten (compaction.py), the oldest first: an
acknowledgement can go only after the message it settles.

What made a record lose its last holder (an acknowledgement, a message passed on to another queue)
may have been appended but now, and until that is on disk the record is needed. So each decision
waits until everything that was appended before it is as safe as the mode makes it.
"""

import logging
from array import array
from collections.abc import Callable
from itertools import dropwhile

from warrener.storage.caretaker import Caretaker, Removal, Replaced
from warrener.storage.compaction import Rewriting, Source
from warrener.storage.segment import Segment
from warrener.storage.store import Position

logger = logging.getLogger("warrener.journal")

# What full segments may take beyond twice what is alive, in segments. One more is open, and one is
# filled while others are rewritten.
SLACK_SHARE = 1 / 8

# Segments that are rewritten together at most.
SOURCES_MAX = 16


class Space:
    """What the segments of a log take, and how to make it less.

    Args:
        close_reader: lets go of a segment's open file, for it goes.
    """

    def __init__(
        self,
        segments: list[Segment],
        caretaker: Caretaker,
        segment_bytes: int,
        close_reader: Callable[[str], None],
    ) -> None:
        self._segments = segments
        self._caretaker = caretaker
        self._segment_bytes = segment_bytes
        self._close_reader = close_reader
        # under way, or waiting for what it relies on to be on disk
        self._rewriting: Rewriting | None = None
        self._begun = False

    @property
    def tidying(self) -> bool:
        """Whether something is under way."""
        return self._rewriting is not None or not self._caretaker.idle

    def tend(self, end: Position, written: Position, settled: Position) -> int:
        """Do what can be done now; returns how many segments have gone from the front.

        Args:
            end: of the log.
            written, settled: every position below is in a file; is as safe as the mode makes it.
        """
        self._finish()
        removed = self._trim(end, settled)
        self._rewrite(end, written, settled)
        return removed

    def waits_for(self, settled: Position) -> bool:
        """Whether more could be done if more were settled."""
        rewriting = self._rewriting
        if rewriting is not None and not self._begun:
            return rewriting.decided > settled
        since = self._segments[0].dead_since if self._segments else None
        return since is not None and since > settled

    def _trim(self, end: Position, settled: Position) -> int:
        busy = self._rewriting.segments if self._rewriting else []
        dead: list[Segment] = []
        for segment in self._segments[:-1]:
            if segment.held or segment in busy:
                break
            if segment.dead_since is None:
                segment.dead_since = end
            if segment.dead_since <= settled:
                dead.append(segment)
        if dead:
            del self._segments[: len(dead)]
            self._let_go(dead)
            self._caretaker.put(Removal([segment.name for segment in dead]))
        return len(dead)

    def _rewrite(self, end: Position, written: Position, settled: Position) -> None:
        if self._rewriting is None:
            chosen = self._choose(written)
            if not chosen:
                return
            older = self._segments[: self._segments.index(chosen[0])]
            sources = [Source(each, each.holders[:], each.live_bytes) for each in chosen]
            self._rewriting, self._begun = Rewriting(sources, older, end), False
        if not self._begun and self._rewriting.decided <= settled:
            self._begun = True
            self._caretaker.put(self._rewriting)

    def _choose(self, written: Position) -> list[Segment]:
        """The oldest neighbours whose rewriting pays, if there is too much that is dead."""
        # A full segment is on disk as a whole once something behind it has been written.
        full = [segment for segment in self._segments[:-1] if segment.after < written]
        # What is dead at the front goes as it is.
        full = [*dropwhile(lambda segment: not segment.held, full)]
        size = sum(segment.size for segment in full)
        live = sum(segment.live_bytes for segment in full)
        if size <= 2 * live + self._segment_bytes * SLACK_SHARE:
            return []
        first = next((n for n, segment in enumerate(full) if self._pays(segment)), None)
        if first is None:
            return []
        start, stop, live = first, first + 1, full[first].live_bytes
        while start > 0 and self._joins(full[start - 1], live, stop - start):
            start -= 1
            live += full[start].live_bytes
        while stop < len(full) and self._joins(full[stop], live, stop - start):
            live += full[stop].live_bytes
            stop += 1
        return full[start:stop]

    def _pays(self, segment: Segment) -> bool:
        if segment.attempted is not None and 2 * segment.live_bytes >= segment.attempted:
            return False
        return 2 * segment.live_bytes < segment.size

    def _joins(self, segment: Segment, live: int, count: int) -> bool:
        """Whether a neighbour comes along: there is room, and it is small or mostly dead."""
        small = 4 * segment.size < self._segment_bytes
        room = live + segment.live_bytes <= self._segment_bytes
        return count < SOURCES_MAX and room and (small or self._pays(segment))

    def _finish(self) -> None:
        """Put the rewritten segment in the place of the old ones, all in one step."""
        rewriting = self._rewriting
        if rewriting is None or not rewriting.done:
            return
        self._rewriting = None
        target = rewriting.result
        if target is None:
            for source in rewriting.sources:
                source.segment.attempted = source.segment.live_bytes
            return
        _take_over(target, rewriting.sources)
        target.attempted = target.live_bytes
        start = self._segments.index(rewriting.segments[0])
        self._segments[start : start + len(rewriting.sources)] = [target]
        for segment in self._segments[start + 1 :]:
            # What it refers to may be gone now.
            segment.attempted = None
        self._let_go(rewriting.segments)
        for source in rewriting.sources:
            self._caretaker.put(Replaced(source.segment.name, source.damaged))
        logger.debug(
            "rewrote %d segments of %d bytes as %s, %d bytes",
            len(rewriting.sources),
            sum(segment.size for segment in rewriting.segments),
            target.name,
            target.size,
        )

    def _let_go(self, segments: list[Segment]) -> None:
        for segment in segments:
            self._close_reader(segment.name)


def _take_over(target: Segment, sources: list[Source]) -> None:
    """The records have the holders that they have now, which may be fewer than when it began."""
    before, now = target.holders, array("H")
    for source in sources:
        now.extend(array("H", map(source.segment.holders.__getitem__, source.kept)))
    target.holders = now
    if now != before:
        offsets = target.offsets
        for index, (had, has) in enumerate(zip(before, now, strict=True)):
            if had and not has:
                target.held -= 1
                target.live_bytes -= offsets[index + 1] - offsets[index]
