"""A disk that can lose its power: what was done to it, and everything that may be left of that.

`CrashFiles` stands in for the file system (`storage/files.py`) and keeps all files in memory. It
notes each change and each sync in the order in which they happen, and what the world outside was
told meanwhile (`tell`). Afterwards `crashes` enumerates what a power cut at any moment may leave:

- of the writes that were not synced, any part: each sector (512 bytes) arrives or does not, with
  all that was done to it until then or less, and a file may have grown without its bytes, which
  are zeros then;
- of the creations, renames and removals whose directory was not synced, any part, except that what
  concerns one name happens in order: a file is not removed before it was created;
- a rename is one step, and lasts once both directories have been synced;
- what was synced stays, whatever happened around it. A write that is durable by itself
  (`write_through`) says nothing of the writes before it, nor of the file's name.

A cut between two changes leaves a part of what a cut just before the next sync leaves. So only the
moments before syncs, and the end, have to be looked at, which makes short histories small enough
to try everything. Long ones are sampled.

Indexes can be kept from being written: nothing depends on them, they are never synced, and with
them even a short history leaves more than can be tried.

Hold the writer's thread at its next write with `hold`, to have several commits share one. The
caretaker's thread passes a turnstile before each thing it does. With both, what happens to the disk
and in which order can be made a matter of what is done alone, whatever the threads' speed.
"""

import errno
import itertools
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

from warrener.storage.files import Handle
from warrener.storage.store import Bytes

SECTOR_BYTES = 512
PATIENCE_S = 20
CARETAKER = "warrener-caretaker"
"""The name of the thread that removes and rewrites segments."""


@dataclass(frozen=True)
class Disk:
    """Files and directories as they are found when the machine starts again."""

    files: Mapping[str, bytes] = field(default_factory=dict)
    directories: frozenset[str] = frozenset()

    def __hash__(self) -> int:
        return hash((frozenset(self.files.items()), self.directories))


class Crash(NamedTuple):
    """What one power cut leaves, and the most that anybody had been told before it."""

    disk: Disk
    told: int


# What happens to a disk. Files are known by a number, for their names may change.


class Change(NamedTuple):
    """Bytes of one sector, or, without any, the size that the file grows to."""

    file: int
    offset: int
    data: bytes


class Cut(NamedTuple):
    file: int
    size: int


class Entry(NamedTuple):
    """Names that one directory operation changes: to a file, or to none."""

    names: tuple[tuple[str, int | None], ...]

    @property
    def directories(self) -> set[str]:
        return {os.path.dirname(path) for path, _ in self.names}

    def concerns(self, other: "Entry") -> bool:
        return bool({path for path, _ in self.names} & {path for path, _ in other.names})


class Directory(NamedTuple):
    """A new directory, which lasts from the start."""

    path: str


class Sync(NamedTuple):
    """The changes of a file last, all of them or the last few."""

    file: int
    last: int | None = None


class DirectorySync(NamedTuple):
    path: str


class Told(NamedTuple):
    what: int


Step = Change | Cut | Entry | Directory | Sync | DirectorySync | Told


class Turnstile:
    """What a thread passes before each thing that it does; open unless it is told otherwise."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._steps: int | None = None
        """How often it may still be passed; None for any number."""
        self._waiting = False

    def enter(self) -> None:
        with self._changed:
            self._waiting = True
            self._changed.notify_all()
            assert self._changed.wait_for(lambda: self._steps != 0, PATIENCE_S)
            self._waiting = False
            if self._steps:
                self._steps -= 1

    def close(self) -> None:
        """From now on only `pass_on` opens it."""
        with self._changed:
            self._steps = 0

    def pass_on(self, steps: int | None, idle: Callable[[], bool]) -> None:
        """Let the thread pass so many times, or always, until it stands here or is idle."""
        with self._changed:
            self._steps = steps
            self._changed.notify_all()
            assert self._changed.wait_for(lambda: self._stands or idle(), PATIENCE_S)
            self._steps = 0

    def notice(self) -> None:
        """The thread may have become idle."""
        with self._changed:
            self._changed.notify_all()

    @property
    def _stands(self) -> bool:
        return self._waiting and self._steps == 0


class CrashFiles:
    """Files that begin as `disk` has them, and remember; together they take `space_bytes`."""

    def __init__(
        self,
        disk: Disk | None = None,
        sector_bytes: int = SECTOR_BYTES,
        space_bytes: int = sys.maxsize,
        indexes: bool = False,
    ) -> None:
        self.disk = disk or Disk()
        self.space_bytes = space_bytes
        self.steps: list[Step] = []
        self._sector_bytes = sector_bytes
        self._indexes = indexes
        self._contents = [bytearray(data) for data in self.disk.files.values()]
        self._names = {path: number for number, path in enumerate(self.disk.files)}
        self._directories = set(self.disk.directories)
        self._opened: dict[Handle, int] = {}
        self._handles = itertools.count(1000)
        self._lock = threading.RLock()
        self._door = threading.Semaphore(1)
        self._arrived = threading.Event()
        self.held = False
        """Whether writes wait for `let_go`."""
        self.turnstile = Turnstile()
        """Where the caretaker's thread passes."""

    # What a journal asks of files

    def make_directory(self, path: str) -> None:
        with self._lock:
            if path not in self._directories:
                self._directories.add(path)
                self.steps.append(Directory(path))

    def names(self, directory: str) -> list[str]:
        with self._lock:
            if directory not in self._directories:
                raise FileNotFoundError(directory)
            places = (os.path.split(path) for path in [*self._names, *self._directories])
            return [name for folder, name in places if folder == directory]

    def create(self, path: str) -> Handle:
        self._pass_the_turnstile()
        with self._lock:
            if path in self._names:
                raise FileExistsError(path)
            if path.endswith(".index") and not self._indexes:
                raise OSError(errno.EIO, "no indexes on this disk")
            assert os.path.dirname(path) in self._directories, path
            self._contents.append(bytearray())
            self._enter(Entry(((path, len(self._contents) - 1),)))
            return self.open(path)

    def open(self, path: str) -> Handle:
        with self._lock:
            handle = next(self._handles)
            self._opened[handle] = self._found(path)
            return handle

    def close(self, handle: Handle) -> None:
        with self._lock:
            del self._opened[handle]

    def size(self, handle: Handle) -> int:
        return len(self._contents[self._opened[handle]])

    def read(self, handle: Handle, length: int, offset: int) -> bytes:
        with self._lock:
            return bytes(self._contents[self._opened[handle]][offset : offset + length])

    def write(self, handle: Handle, pieces: Sequence[Bytes], offset: int) -> None:
        self._pass_the_turnstile()
        self._pass_the_door()
        with self._lock:
            self._write(self._opened[handle], b"".join(pieces), offset)

    def write_through(self, handle: Handle, pieces: Sequence[Bytes], offset: int) -> None:
        self._pass_the_turnstile()
        self._pass_the_door()
        with self._lock:
            file = self._opened[handle]
            self.steps.append(Sync(file, self._write(file, b"".join(pieces), offset)))

    def datasync(self, handle: Handle) -> None:
        self._pass_the_turnstile()
        with self._lock:
            self.steps.append(Sync(self._opened[handle]))

    def truncate(self, handle: Handle, length: int) -> None:
        self._pass_the_turnstile()
        with self._lock:
            file = self._opened[handle]
            content = self._contents[file]
            del content[length:]
            content.extend(bytes(length - len(content)))
            self.steps += (Cut(file, length), Sync(file))

    def is_linked(self, handle: Handle) -> bool:
        with self._lock:
            return self._opened[handle] in self._names.values()

    def sync_directory(self, path: str) -> None:
        self._pass_the_turnstile()
        with self._lock:
            assert path in self._directories, path
            self.steps.append(DirectorySync(path))

    def rename(self, path: str, new_path: str) -> None:
        self._pass_the_turnstile()
        with self._lock:
            self._enter(Entry(((path, None), (new_path, self._found(path)))))

    def unlink(self, path: str) -> None:
        self._pass_the_turnstile()
        with self._lock:
            self._found(path)
            self._enter(Entry(((path, None),)))

    def allocate(self, path: str, size: int) -> None:
        with self._lock:
            if path not in self._names:
                self.close(self.create(path))
            file = self._names[path]
            self._require(size - len(self._contents[file]))
            self._contents[file].extend(bytes(size - len(self._contents[file])))
            self.steps += (Change(file, size, b""), Sync(file))

    def free_bytes(self, directory: str) -> int:
        return self.space_bytes - sum(len(self._contents[file]) for file in self._names.values())

    # What a test asks

    @property
    def opened(self) -> int:
        """How many files are open."""
        return len(self._opened)

    def tell(self, what: int) -> None:
        """Note what somebody outside has been told: from here on it must hold."""
        with self._lock:
            self.steps.append(Told(what))

    def hold(self) -> None:
        """Have the writer's next write wait for `let_go`."""
        assert self._door.acquire(timeout=PATIENCE_S)
        self._arrived.clear()
        self.held = True

    def wait_held(self) -> None:
        """Until a thread stands at the door."""
        assert self._arrived.wait(PATIENCE_S)

    def let_go(self) -> None:
        self.held = False
        self._door.release()

    def crashes(self) -> Iterator[Crash]:
        """Everything that a power cut at any moment may leave, each once."""
        found: dict[Disk, int] = {}
        for platter in self._moments():
            for disk in platter.all_remains():
                found[disk] = platter.told
        yield from itertools.starmap(Crash, found.items())

    def some_crashes(self, random: Random, count: int) -> Iterator[Crash]:
        """As many of them, drawn at random; some may be alike."""
        moments = sum(isinstance(step, Sync | DirectorySync) for step in self.steps) + 1
        drawn = sorted(random.choices(range(moments), k=count))
        for moment, platter in enumerate(self._moments()):
            for _ in range(drawn.count(moment)):
                yield Crash(platter.some_remains(random), platter.told)

    def lasting(self) -> Iterator[Disk]:
        """What a power cut leaves for certain, moment by moment."""
        return (platter.sure_remains() for platter in self._moments())

    def _moments(self) -> Iterator["Platter"]:
        platter = Platter(self.disk, self._sector_bytes)
        for step in self.steps:
            if isinstance(step, Sync | DirectorySync):
                yield platter
            platter.take(step)
        yield platter

    def _found(self, path: str) -> int:
        if path not in self._names:
            raise FileNotFoundError(2, "No such file or directory", path)
        return self._names[path]

    def _enter(self, entry: Entry) -> None:
        apply_entry(self._names, entry)
        self.steps.append(entry)

    def _write(self, file: int, data: bytes, offset: int) -> int:
        """Returns the number of changes."""
        content = self._contents[file]
        size = len(content)
        self._require(offset + len(data) - size)
        changes = [Change(file, offset + len(data), b"")] if offset + len(data) > size else []
        first = offset - offset % self._sector_bytes
        for start in range(first, offset + len(data), self._sector_bytes):
            begin = max(start, offset)
            part = data[begin - offset : start + self._sector_bytes - offset]
            # zeros where nothing was are what a file that has grown holds anyway
            if begin < size or part.strip(b"\0"):
                changes.append(Change(file, begin, part))
        for change in changes:
            apply_change(content, change)
        self.steps += changes
        return len(changes)

    def _require(self, growth: int) -> None:
        if growth > 0 and growth > self.free_bytes(""):
            raise OSError(errno.ENOSPC, "No space left on device")

    def _pass_the_turnstile(self) -> None:
        if threading.current_thread().name == CARETAKER:
            self.turnstile.enter()

    def _pass_the_door(self) -> None:
        if threading.current_thread().name == CARETAKER:
            return
        if self.held:
            self._arrived.set()
        assert self._door.acquire(timeout=PATIENCE_S)
        self._door.release()


class Platter:
    """What lasts on a disk at one moment, and what may or may not."""

    def __init__(self, disk: Disk, sector_bytes: int) -> None:
        self.told = 0
        self._sector_bytes = sector_bytes
        self._lasting = dict(enumerate(disk.files.values()))
        self._names = {path: number for number, path in enumerate(disk.files)}
        self._directories = set(disk.directories)
        self._changes: list[Change | Cut] = []
        self._entries: list[tuple[Entry, set[str]]] = []
        """Directory operations, each with the directories that were not synced since."""

    def take(self, step: Step) -> None:
        if isinstance(step, Change | Cut):
            self._changes.append(step)
        elif isinstance(step, Entry):
            self._entries.append((step, step.directories))
        elif isinstance(step, Directory):
            self._directories.add(step.path)
        elif isinstance(step, Sync):
            self._sync(step)
        elif isinstance(step, DirectorySync):
            self._sync_directory(step.path)
        else:
            self.told = max(self.told, step.what)

    def all_remains(self) -> Iterator[Disk]:
        """Whatever a power cut may leave at this moment."""
        sectors = self._by_sector()
        lengths = [range(len(changes) + 1) for changes in sectors]
        for entries in self._all_entries():
            for arrived in itertools.product(*lengths):
                yield self._remains(sectors, arrived, entries)

    def sure_remains(self) -> Disk:
        """What it leaves at least: nothing of what was not synced."""
        return self._remains((), (), ())

    def some_remains(self, random: Random) -> Disk:
        """One of the things it may leave."""
        share = random.choice((0.0, 0.1, 0.5, 0.9, 1.0))
        sectors = self._by_sector()
        arrived = [sum(random.random() < share for _ in changes) for changes in sectors]
        wanted = [entry for entry, _ in self._entries if random.random() < share]
        return self._remains(sectors, arrived, self._with_those_before(wanted))

    def _by_sector(self) -> list[list[Change | Cut]]:
        """A sector that is written takes all that was done to it until then."""
        sectors: dict[tuple[int, int], list[Change | Cut]] = {}
        for change in self._changes:
            sectors.setdefault(self._sector(change), []).append(change)
        return list(sectors.values())

    def _sector(self, change: Change | Cut) -> tuple[int, int]:
        """The file and the sector; -1 for what changes the size alone."""
        if isinstance(change, Change) and change.data:
            return change.file, change.offset // self._sector_bytes
        return change.file, -1

    def _all_entries(self) -> Iterator[list[Entry]]:
        every = [entry for entry, _ in self._entries]
        for chosen in itertools.product((False, True), repeat=len(every)):
            wanted = list(itertools.compress(every, chosen))
            if len(self._with_those_before(wanted)) == len(wanted):
                yield wanted

    def _with_those_before(self, wanted: Sequence[Entry]) -> list[Entry]:
        """Directory operations, and what must have happened before: all to the same names."""
        chosen: list[Entry] = []
        for entry, _ in reversed(self._entries):
            if any(entry is each for each in wanted) or any(map(entry.concerns, chosen)):
                chosen.append(entry)
        return chosen[::-1]

    def _remains(
        self,
        sectors: Sequence[Sequence[Change | Cut]],
        arrived: Sequence[int],
        entries: Sequence[Entry],
    ) -> Disk:
        names = dict(self._names)
        for entry in entries:
            apply_entry(names, entry)
        contents = {file: bytearray(self._lasting.get(file, b"")) for file in names.values()}
        for changes, count in zip(sectors, arrived, strict=True):
            for change in changes[:count]:
                if change.file in contents:
                    apply_change(contents[change.file], change)
        files = {path: bytes(contents[file]) for path, file in names.items()}
        return Disk(files, frozenset(self._directories))

    def _sync(self, sync: Sync) -> None:
        ours = [change for change in self._changes if change.file == sync.file]
        if sync.last is not None:
            sectors = {self._sector(change) for change in ours[len(ours) - sync.last :]}
            ours = [change for change in ours if self._sector(change) in sectors]
        content = bytearray(self._lasting.get(sync.file, b""))
        for change in ours:
            apply_change(content, change)
        self._lasting[sync.file] = bytes(content)
        done = set(map(id, ours))
        self._changes = [change for change in self._changes if id(change) not in done]

    def _sync_directory(self, path: str) -> None:
        for _, missing in self._entries:
            missing.discard(path)
        done = [entry for entry, missing in self._entries if not missing]
        lasting = self._with_those_before(done)
        for entry in lasting:
            apply_entry(self._names, entry)
        self._entries = [
            pair for pair in self._entries if not any(pair[0] is each for each in lasting)
        ]


def apply_change(content: bytearray, change: Change | Cut) -> None:
    if isinstance(change, Cut):
        del content[change.size :]
        content.extend(bytes(change.size - len(content)))
        return
    end = change.offset + len(change.data)
    content.extend(bytes(max(0, end - len(content))))
    content[change.offset : end] = change.data


def apply_entry(names: dict[str, int], entry: Entry) -> None:
    for path, file in entry.names:
        if file is None:
            names.pop(path, None)
        else:
            names[path] = file
