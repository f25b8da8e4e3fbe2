"""The folder a journal lives in.

    00000000000000000001.segment    one file per segment, named by its first position
    00000000000000065810.segment
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
from warrener.storage.files import MEDIA_ERRORS, Files, Handle
from warrener.storage.segment import HEADER_BYTES, Segment, decode_header
from warrener.storage.store import Damage, Position

# Segments open for reading at a time. A process may open 1024 files by default, and sockets need
# most of them.
READERS_MAX = 32

# What a disk loses at a time.
PAGE_BYTES = 4096

_NAME = re.compile(r"(\d{20})\.segment")


class Unreadable(NamedTuple):
    """A segment file without a sound header, now in quarantine."""

    first: Position
    size: int


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

        Raises:
            UnknownVersion: before anything was changed.
        """
        names = sorted(filter(_NAME.fullmatch, self._files.names(self.path)))
        headers = {name: self._header(name) for name in names}
        found = {name: self._segment(name, header) for name, header in headers.items()}
        unreadable: list[Unreadable] = []
        damaged: list[Damage] = []
        for name, segment in found.items():
            if segment is None:
                damaged.append(self._put_away(name, unreadable))
            elif segment.header != headers[name]:
                why = "one copy of the header is damaged; no record lost"
                damaged.append(Damage(name, 0, HEADER_BYTES, why))
        return [segment for segment in found.values() if segment], unreadable, damaged

    def load(self, segment: Segment, start: int = 0) -> bytes:
        """A segment's file from an offset on; zeros stand in for what the disk has lost."""
        handle = self._reader(segment.name)
        size = self._files.size(handle)
        try:
            return self._files.read(handle, max(0, size - start), start)
        except OSError as error:
            if error.errno not in MEDIA_ERRORS:
                raise
            pages = range(start, size, PAGE_BYTES)
            return b"".join(self._page(handle, min(PAGE_BYTES, size - at), at) for at in pages)

    def read(self, segment: Segment, length: int, offset: int) -> bytes:
        return self._files.read(self._reader(segment.name), length, offset)

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
            return self._files.read(handle, HEADER_BYTES, 0)
        finally:
            self._files.close(handle)

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
            handle = self._files.open(self._path(name))
        # to the end: the first is the one not used for longest
        self._readers[name] = handle
        return handle
