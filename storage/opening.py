"""What is done to a log before the first append: it is made to end where recovery says it ends.

A crash during any of this leaves a log that reads the same.
"""

from warrener.storage.directory import Directory
from warrener.storage.files import Files
from warrener.storage.record import COMMIT, encode_mark
from warrener.storage.recovery import Place, Replay
from warrener.storage.reserve import Reserve
from warrener.storage.scan import filled_bytes
from warrener.storage.store import Damage, Position


def cut_log(
    replay: Replay,
    directory: Directory,
    files: Files,
    reserve: Reserve,
    damaged: list[Damage],
) -> int:
    """Make the log end where the replay says; returns how many filled bytes were behind."""
    if replay.cut is None:
        return 0
    position, last, offset, entries = replay.cut
    cut_bytes = 0
    for segment in reversed(replay.segments[replay.segments.index(last) + 1 :]):
        cut_bytes += filled_bytes(directory.load(segment))
        directory.close_reader(segment.name)
        place = directory.quarantine(segment.name)
        why = f"holds only the beginning of a commit; moved to {place}"
        damaged.append(Damage(segment.name, 0, segment.size, why))
        replay.segments.remove(segment)
    tail = directory.load(last, offset)
    tail = tail[: filled_bytes(tail)]
    if replay.doubtful:
        place = directory.set_aside(last.name, tail)
        why = f"cut off although {replay.doubtful} records in it are valid; kept in {place}"
        damaged.append(Damage(last.name, offset, len(tail), why))
    if offset < last.size:
        directory.remove_index(last)
        last.cut(position, offset, entries)
    if not last.generation:
        _write_opening_mark(replay.cut, replay.synced, directory, files, reserve)
    return cut_bytes + len(tail)


def _write_opening_mark(
    cut: Place, synced: Position, directory: Directory, files: Files, reserve: Reserve
) -> None:
    """Say that the log up to here is on disk, having made it so.

    What no mark vouches for is written again: it was read from the system's cache, and if
    the last broker stopped because of a failed sync, it may be nowhere else.
    """
    position, segment, offset, _ = cut
    start = segment.offset_not_synced(synced)
    data = directory.load(segment, start)[: offset - start]
    mark = encode_mark(COMMIT, position, position, segment.salt)
    handle = directory.open(segment)
    try:
        reserve.fall_back(lambda: files.write_through(handle, [data, mark], start))
        segment.add_mark(COMMIT)
        files.truncate(handle, segment.size)
    finally:
        files.close(handle)
    directory.sync()
