"""The store: one totally ordered log of records, as the broker core sees it.

A record is a kind (a small number that means something to the client) and a payload. Appending
gives it a position: 1, 2, 3 ... dense, never reused once it was durable, and never changed. The
store knows neither messages nor queues; the core knows neither files nor threads. `Journal`
(journal.py) keeps the log on disk, `NullStore` (null.py) keeps it in memory.

The life of a store:

    for run in store.recover(): ...         # once, first; then store.report says what was found
    store.hold(position, holders)           # for each recovered record that is still wanted
    store.hold_all(positions)               # the same for many at once, one holder each
    position = store.append(kind, head, body, holders)      # as often as there is something
    position = store.append_run(kind, head, bodies, holders)    # the same for many at once
    store.commit()                          # now and then: what came before is a whole
    store.durable                           # moves on; every position below it is safe
    store.release(position)                 # each holder once; a record without holders is dead
    store.release_all(positions)            # the same for many at once
    store.trim()                            # now and then: gives space back
    store.close()

All of it is called from one thread. What is appended between two commits becomes durable as a
whole: after a crash either all records of a commit are there or none, and if they are there,
so are all commits before it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeAlias

Position: TypeAlias = int

Bytes: TypeAlias = bytes | bytearray | memoryview


class Run(NamedTuple):
    """Records in a row, of one kind, that begin alike."""

    kind: int
    # ascending
    positions: Sequence[Position]
    # what each payload begins with ...
    head: bytes
    # ... and how many bytes follow it, which recovery does not read
    sizes: Sequence[int]


@dataclass(frozen=True, slots=True)
class Meaning:
    """What the store is told about records: functions of a record's kind and payload."""

    head_bytes: Callable[[int, bytes], int | None]
    """How much of a payload recovery needs; None for all of it. It must follow from these bytes
    alone: no head of a kind is the beginning of another."""
    refers_to: Callable[[int, bytes], Sequence[Position] | None]
    """The records that this one says something about, or None for any before it. Once they are
    gone from the files, the record has nothing to say any more, unless it has holders."""


def _all_of_it(kind: int, payload: bytes) -> None:
    """What is not known is needed."""
    return


UNKNOWN = Meaning(_all_of_it, _all_of_it)


@dataclass(frozen=True, slots=True)
class Damage:
    """A stretch of a file that did not hold what was written there."""

    file: str
    offset: int
    length: int
    explanation: str


@dataclass(frozen=True, slots=True)
class RecoveryReport:
    """What recover() found."""

    segments: int = 0
    records: int = 0
    # of the records, with their headers
    bytes: int = 0
    # after the last whole commit: a write that the crash interrupted
    cut_bytes: int = 0
    damaged: tuple[Damage, ...] = ()
    # whether the log ended with the mark that close() writes
    clean: bool = True


class Store(Protocol):
    """What the broker core needs of a log."""

    @property
    def end(self) -> Position:
        """The position that the next append will get."""

    @property
    def durable(self) -> Position:
        """Every position below this one is on disk, in the sense of the sync mode."""

    @property
    def segments(self) -> int:
        """How many segments there are: what trim() may make fewer."""

    @property
    def failed(self) -> bool:
        """Whether a write or sync has failed: nothing is written any more."""

    @property
    def full(self) -> bool:
        """Whether the disk has no space left but what was set aside for small records.

        What is appended nevertheless takes of that space; when it is used up, the store fails.
        """

    def free_bytes(self) -> int:
        """What may still be written to the disk."""

    def restock(self) -> None:
        """There is space again: set aside anew what a full disk has taken, then not be full."""

    @property
    def report(self) -> RecoveryReport:
        """What was found on opening; meaningful once recover() is exhausted."""

    def recover(self) -> Iterator[Run]:
        """Every valid record in order. Exhaust it once before anything else is called.

        Bodies that need not be read may turn out to be damaged when they are.
        """

    def hold(self, position: Position, holders: int) -> None:
        """Say that a recovered record is alive, and how many release() calls more must come.

        Raises:
            UnknownPosition: recover() did not yield it.
        """

    def hold_all(self, positions: Sequence[Position]) -> None:
        """hold() for each of `positions`, which ascend, with one holder."""

    def append(self, kind: int, head: bytes, body: Bytes = b"", holders: int = 0) -> Position:
        """Add a record whose payload is `head + body`; no I/O happens here.

        Args:
            kind: 0 to 255.
            head, body: kept by reference, not copied: a bytearray or a memoryview (of single
                bytes) must not change any more.
            holders: how many release() calls must come until the record is dead. With 0 it is
                dead from the start: it is logged, but keeps no segment alive.

        Raises:
            JournalFailed: an earlier write or sync failed.
        """

    def append_run(
        self, kind: int, head: bytes, bodies: Sequence[Bytes], holders: int = 0
    ) -> Position:
        """Add records that begin alike, in a row; returns the position of the first.

        They come back from recover() as runs.

        Args:
            head: as long as `Meaning.head_bytes` says.
        """

    def commit(self) -> None:
        """Hand over what was appended since the last commit; waits for the disk only if that is
        known to be quick, and then it is durable.

        While a write is under way, further commits gather and go to disk with the next one.

        Raises:
            JournalFailed: an earlier write or sync failed.
        """

    def read(self, positions: Sequence[Position]) -> list[bytes]:
        """The payloads of held records, in the order asked for; committed or not.

        Neighbours in ascending order are cheap. Blocks for as long as the disk takes.

        Raises:
            DamagedRecord: the first that could not be read; ask for the others without it.
            UnknownPosition: there is no such record.
        """

    def read_available(
        self, positions: Sequence[Position], limit: int | None = None
    ) -> list[bytes | None]:
        """As `read`, with None for each record that is damaged.

        Args:
            limit: stop after so many bytes, but not before the first record.
        """

    def release(self, position: Position, count: int = 1) -> None:
        """`count` holders of a record have let go."""

    def release_all(self, positions: Sequence[Position]) -> None:
        """One holder of each of these records has let go."""

    def trim(self) -> int:
        """Give back the leading segments that hold no live record; returns how many."""

    def close(self) -> None:
        """Write and sync everything, mark the log as closed in order, let go of the directory.

        Calling it again does nothing; so does calling it after a failure, except that the
        directory is let go.

        Raises:
            JournalFailed: what was left to write could not be written.
        """
