"""The folder a journal lives in.

    00000000000000000001.segment    one file per segment, named by its first position
    00000000000000000001.index      what is in it, see index.py
    00000000000000065810.1.segment  one that compaction has rewritten
    lock                            see lock.py
    reserve                         see reserve.py
    quarantine/                     what could not be read or was cut off with care: never deleted

This module knows paths, and which handles are open for reading; what is in a segment is the
business of others.
"""

import contextlib
import os
import re
from typing import NamedTuple

from warrener.storage.errors import UnknownVersion
from warrener.storage.files import MEDIA_ERRORS, Files, Handle, NoDescriptor
from warrener.storage.index import Index, decode_index, encode_index
from warrener.storage.record import decode
from warrener.storage.segment import REWRITTEN_HEADER_BYTES, Segment, decode_header
from warrener.storage.store import Damage, Position

# Segments open for reading at a time. A process may open 1024 files by default, and sockets need
# most of them.
READERS_MAX = 32

# What a disk loses at a time.
PAGE_BYTES = 4096

_NAME = re.compile(r"(\d{20})(\.[1-9][0-9]*)?\.segment")
# a file that compaction had not finished, and an index
_LEFT_OVER = re.compile(r"\d{20}(\.[1-9][0-9]*)?\.(partial|index)")


class Unreadable(NamedTuple):
    """A segment file without a sound header, now in quarantine."""

    first: Position
    size: int


class Found(NamedTuple):
    """The segment files of a directory."""

    # in order
    segments: list[Segment]
    # those that rewritten ones have taken the place of
    superseded: list[Segment]
    # names of files without a sound header
    headless: list[str]
    damaged: list[Damage]


class Directory:
    """Files of a journal, by name."""

    __slots__ = ("_files", "_readers", "path")

    def __init__(self, path: str, files: Files) -> None:
        self.path = path
        self._files = files
        self._readers: dict[str, Handle] = {}
        files.make_directory(path)

    def segments(self) -> tuple[list[Segment], list[Unreadable], list[Damage]]:
        """Look at every header: the segments in order, and what was wrong with files.

        What compaction has rewritten takes the place of what it was made from; files that are
        left over from that are removed.

        Raises:
            UnknownVersion: before anything was changed.
        """
        found = self.look()
        damaged = found.damaged
        unreadable: list[Unreadable] = []
        for name in found.headless:
            damaged.append(self._put_away(name, unreadable))
        for segment in found.superseded:
            self.remove(segment.name)
        self._clear_up({segment.name for segment in found.segments})
        return found.segments, unreadable, damaged

    def look(self) -> Found:
        """What there is, without changing anything.

        Raises:
            UnknownVersion
        """
        names = sorted(filter(_NAME.fullmatch, self._files.names(self.path)))
        sound: list[Segment] = []
        headless: list[str] = []
        damaged: list[Damage] = []
        for name in names:
            header = self._header(name)
            segment = self._segment(name, header)
            if segment is None:
                headless.append(name)
                continue
            sound.append(segment)
            if segment.header != header[: len(segment.header)]:
                why = "one copy of the header is damaged; no record lost"
                damaged.append(Damage(name, 0, len(segment.header), why))
        segments, superseded = _in_order(sound)
        return Found(segments, superseded, headless, damaged)

    def _clear_up(self, names: set[str]) -> None:
        """Remove what is of no use: files half written, and indexes without their segments."""
        for name in sorted(filter(_LEFT_OVER.fullmatch, self._files.names(self.path))):
            if name.endswith(".partial") or name.replace(".index", ".segment") not in names:
                self._files.unlink(self._path(name))

    def index(self, segment: Segment) -> Index | None:
        """What is known of a segment without reading it, if its index fits."""
        try:
            data = self._content(index_name(segment))
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno not in MEDIA_ERRORS:
                raise
            return None
        index = decode_index(data, segment.salt, segment.first, segment.generation)
        return index if index and self._fits(index, segment) else None

    def write_index(self, segment: Segment) -> None:
        """Write down what is in a segment, all of which is on disk; lets go of its entries.

        It may fail: then there is none, and a restart takes longer.
        """
        entries, segment.entries = segment.entries, bytearray()
        if not segment.indexable:
            return
        after = segment.after if segment.generation else segment.end
        index = Index(segment.offsets, segment.positions, entries, after)
        path = self._path(index_name(segment))
        with contextlib.suppress(OSError):
            with contextlib.suppress(FileNotFoundError):
                self._files.unlink(path)
            handle = self._files.create(path)
            try:
                pieces = encode_index(segment.salt, segment.first, segment.generation, index)
                self._files.write(handle, pieces, 0)
            finally:
                self._files.close(handle)

    def remove_index(self, segment: Segment) -> None:
        """Durably, before the segment is changed where the index describes it."""
        with contextlib.suppress(FileNotFoundError):
            self._files.unlink(self._path(index_name(segment)))
            self.sync()

    def load(self, segment: Segment, start: int = 0) -> bytes:
        """A segment's file from an offset on; zeros stand in for what the disk has lost."""
        size = self._files.size(self._reader(segment.name))
        return self.load_range(segment, max(0, size - start), start)

    def read(self, segment: Segment, length: int, offset: int) -> bytes:
        return self._files.read(self._reader(segment.name), length, offset)

    def load_range(self, segment: Segment, length: int, offset: int) -> bytes:
        """Part of a segment's file; zeros stand in for what the disk has lost."""
        handle = self._reader(segment.name)
        try:
            return self._files.read(handle, length, offset)
        except OSError as error:
            if error.errno not in MEDIA_ERRORS:
                raise
            pages = range(offset, offset + length, PAGE_BYTES)
            return b"".join(
                self._page(handle, min(PAGE_BYTES, offset + length - at), at) for at in pages
            )

    def create_partial(self, segment: Segment) -> Handle:
        """A file that becomes a segment when it is finished."""
        with contextlib.suppress(FileNotFoundError):
            self._files.unlink(self._path(partial_name(segment)))
        return self._files.create(self._path(partial_name(segment)))

    def remove_partial(self, segment: Segment) -> None:
        self._files.unlink(self._path(partial_name(segment)))

    def finish_partial(self, segment: Segment) -> None:
        """Give a file, which is synced, its name; durably."""
        self._files.rename(self._path(partial_name(segment)), self._path(segment.name))
        self.sync()

    def create(self, segment: Segment) -> Handle:
        return self._files.create(self._path(segment.name))

    def open(self, segment: Segment) -> Handle:
        return self._files.open(self._path(segment.name))

    def allocate(self, name: str, size: int) -> None:
        self._files.allocate(self._path(name), size)

    def has(self, name: str) -> bool:
        return name in self._files.names(self.path)

    def free_bytes(self) -> int:
        return self._files.free_bytes(self.path)

    def remove(self, name: str) -> None:
        """Durably, so that of several removals in a row the first is never the one undone."""
        with contextlib.suppress(FileNotFoundError):
            self._files.unlink(self._path(name))
        with contextlib.suppress(FileNotFoundError):
            self._files.unlink(self._path(name.replace(".segment", ".index")))
        self.sync()

    def quarantine(self, name: str) -> str:
        """Move a file out of the log; returns where it is now."""
        place = self._quarantine_place(name)
        self._files.rename(self._path(name), self._path(place))
        self._files.sync_directory(self._path("quarantine"))
        self.sync()
        return place

    def set_aside(self, name: str, data: bytes) -> str:
        """Keep bytes that are about to be cut off; returns where they are now."""
        place = self._quarantine_place(name)
        handle = self._files.create(self._path(place))
        self._files.write_through(handle, [data], 0)
        self._files.close(handle)
        self._files.sync_directory(self._path("quarantine"))
        return place

    def sync(self) -> None:
        self._files.sync_directory(self.path)

    def close_reader(self, name: str) -> None:
        handle = self._readers.pop(name, None)
        if handle is not None:
            self._files.close(handle)

    def close_readers(self) -> None:
        for name in list(self._readers):
            self.close_reader(name)

    def _path(self, name: str) -> str:
        return os.path.join(self.path, name)

    def _header(self, name: str) -> bytes:
        handle = self._files.open(self._path(name))
        try:
            return self._files.read(handle, REWRITTEN_HEADER_BYTES, 0)
        finally:
            self._files.close(handle)

    def _content(self, name: str) -> bytes:
        handle = self._files.open(self._path(name))
        try:
            return self._files.read(handle, self._files.size(handle), 0)
        finally:
            self._files.close(handle)

    def _fits(self, index: Index, segment: Segment) -> bool:
        """Whether the last record that an index knows of is where it says."""
        if len(index.offsets) == 1:
            return True
        begin, end = index.offsets[-2], index.offsets[-1]
        try:
            data = self.read(segment, end - begin, begin)
        except OSError as error:
            if error.errno not in MEDIA_ERRORS:
                raise
            return False
        last = decode(data, 0, segment.salt)
        after = index.positions[-1] + 1 if index.positions else index.after
        return len(data) == end - begin and last is not None and last.next_position == after

    def _segment(self, name: str, header: bytes) -> Segment | None:
        try:
            segment = decode_header(header)
        except UnknownVersion as unknown:
            raise UnknownVersion(f"{self._path(name)}: {unknown}") from None
        return segment if segment and segment.name == name else None

    def _page(self, handle: Handle, length: int, offset: int) -> bytes:
        try:
            return self._files.read(handle, length, offset)
        except OSError as error:
            if error.errno not in MEDIA_ERRORS:
                raise
            return bytes(length)

    def _put_away(self, name: str, unreadable: list[Unreadable]) -> Damage:
        handle = self._files.open(self._path(name))
        size = self._files.size(handle)
        filled = self._files.read(handle, size, 0).strip(b"\0")
        self._files.close(handle)
        if not filled:
            self.remove(name)
            return Damage(name, 0, size, "was created and never filled; removed")
        unreadable.append(Unreadable(int(name[:20]), size))
        place = self.quarantine(name)
        return Damage(name, 0, size, f"has no readable header; moved to {place}")

    def _quarantine_place(self, name: str) -> str:
        """A name that is free in the quarantine."""
        self._files.make_directory(self._path("quarantine"))
        taken = self._files.names(self._path("quarantine"))
        names = (name, *(f"{name}.{count}" for count in range(1, len(taken) + 1)))
        return os.path.join("quarantine", next(each for each in names if each not in taken))

    def _reader(self, name: str) -> Handle:
        handle = self._readers.pop(name, None)
        if handle is None:
            if len(self._readers) >= READERS_MAX:
                self.close_reader(next(iter(self._readers)))
            handle = self._open_reader(name)
        # to the end: the first is the one not used for longest
        self._readers[name] = handle
        return handle

    def _open_reader(self, name: str) -> Handle:
        """Open a file, with the descriptor of another one if there is no free one."""
        try:
            return self._files.open(self._path(name))
        except NoDescriptor:
            if not self._readers:
                raise
            self.close_readers()
            return self._files.open(self._path(name))


def index_name(segment: Segment) -> str:
    return segment.name.replace(".segment", ".index")


def partial_name(segment: Segment) -> str:
    return segment.name.replace(".segment", ".partial")


def _in_order(segments: list[Segment]) -> tuple[list[Segment], list[Segment]]:
    """The segments of the log in order, and those that others have taken the place of."""
    rewritten = [segment for segment in segments if segment.generation]
    superseded = [
        old
        for old in segments
        if any(
            new.generation > old.generation and new.first <= old.first < new.after
            for new in rewritten
        )
    ]
    current = [segment for segment in segments if segment not in superseded]
    return sorted(current, key=lambda segment: segment.first), superseded
