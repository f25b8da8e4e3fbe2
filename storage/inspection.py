"""Looking into a journal without opening it for writing: nothing is changed.

`check` reads every byte of every segment, whatever their indexes say; `runs` gives out the records
as a restart would. The directory is locked meanwhile, so that no broker starts on it.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from warrener.storage.directory import Directory
from warrener.storage.files import DiskFiles, Files
from warrener.storage.index import Index
from warrener.storage.lock import DirectoryLock
from warrener.storage.recovery import Replay
from warrener.storage.scan import filled_bytes
from warrener.storage.segment import Segment
from warrener.storage.store import Damage, Meaning, Position, Run


@dataclass(frozen=True, slots=True)
class Condition:
    """What a check has found."""

    segments: int
    records: int
    bytes: int
    # what a start would cut off: a write that was interrupted
    cut_bytes: int
    damaged: tuple[Damage, ...]


@dataclass(frozen=True, slots=True)
class SegmentSize:
    """What a segment takes, and what of that is held."""

    file: str
    bytes: int
    records: int
    held: int
    live_bytes: int


class _Unindexed:
    """The files of a journal, as if there were no indexes."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def load(self, segment: Segment, start: int = 0) -> bytes:
        return self._directory.load(segment, start)

    def index(self, segment: Segment) -> Index | None:
        return None

    def read(self, segment: Segment, length: int, offset: int) -> bytes:
        return self._directory.read(segment, length, offset)


class Inspection:
    """A journal that is looked at, from `with` to its end.

    Raises:
        DirectoryInUse: a broker runs on it.
    """

    def __init__(self, path: str, meaning: Meaning, files: Files | None = None) -> None:
        self._lock = DirectoryLock(path)
        self._directory = Directory(path, files or DiskFiles())
        self._meaning = meaning
        self._segments: list[Segment] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._directory.close_readers()
        self._lock.release()

    def check(self) -> Condition:
        """Read all of it.

        Raises:
            UnknownVersion, OSError.
        """
        segments, _, headless, damaged = self._directory.look()
        damaged += [Damage(name, 0, 0, "has no readable header") for name in headless]
        replay = Replay(segments, _Unindexed(self._directory), self._meaning)
        for _ in replay:
            pass
        damaged += replay.damaged
        if replay.doubtful:
            assert replay.cut is not None, "there is a log if something is to be cut off"
            why = f"{replay.doubtful} valid records behind damaged ones at the end of the log"
            damaged.append(Damage(replay.cut.segment.name, replay.cut.offset, 0, why))
        return Condition(
            segments=len(segments),
            records=replay.records,
            bytes=replay.bytes,
            cut_bytes=self._behind(replay),
            damaged=tuple(damaged),
        )

    def runs(self) -> Iterator[Run]:
        """The records, as recovery gives them out."""
        segments = self._directory.look().segments
        replay = Replay(segments, self._directory, self._meaning)
        yield from replay
        self._segments = replay.segments
        for segment in self._segments:
            segment.seal()

    def hold(self, positions: Sequence[Position]) -> None:
        """Count records, ascending, as alive."""
        for segment in self._segments:
            start = bisect_left(positions, segment.first)
            stop = bisect_left(positions, segment.after)
            if start < stop:
                segment.hold(positions[start:stop])

    def sizes(self) -> list[SegmentSize]:
        return [
            SegmentSize(each.name, each.size, each.count, each.held, each.live_bytes)
            for each in self._segments
        ]

    def _behind(self, replay: Replay) -> int:
        """How many filled bytes are behind the end of the log."""
        if replay.cut is None:
            return 0
        last = replay.cut.segment
        behind = filled_bytes(self._directory.load(last, replay.cut.offset))
        for segment in replay.segments[replay.segments.index(last) + 1 :]:
            behind += filled_bytes(self._directory.load(segment))
        return behind
