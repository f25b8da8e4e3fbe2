"""Recovery as a function of bytes: logs are built here piece by piece, and damaged."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warrener.storage.record import CLOSE, COMMIT, MARK_BYTES, encode, encode_mark
from warrener.storage.recovery import Replay
from warrener.storage.scan import elements
from warrener.storage.segment import HEADER_BYTES, Segment, encode_header
from warrener.storage.store import UNKNOWN

SALT = 0xC0FFEE


class Log:
    """The bytes of segments, written as a journal would write them."""

    def __init__(self) -> None:
        self.end = 1
        self.files: list[bytearray] = []
        self.firsts: list[int] = []
        self.begin_segment()

    def begin_segment(self) -> None:
        self.files.append(bytearray(encode_header(self.end, SALT)))
        self.firsts.append(self.end)

    def commit(self, *payloads: bytes, synced: int | None = None) -> list[int]:
        """Records and the mark behind them; returns their offsets and that of the mark."""
        offsets = [self.record(payload) for payload in payloads]
        return [*offsets, self.mark(COMMIT, self.end if synced is None else synced)]

    def record(self, payload: bytes) -> int:
        offset = len(self.files[-1])
        self.files[-1] += encode(1, self.end, payload, SALT)
        self.end += 1
        return offset

    def mark(self, kind: int, synced: int) -> int:
        offset = len(self.files[-1])
        self.files[-1] += encode_mark(kind, self.end, synced, SALT)
        return offset

    def flip(self, offset: int, file: int = -1) -> None:
        self.files[file][offset] ^= 0x10


class Contents:
    """Segments without an index, by their first positions."""

    def __init__(self, files: dict[int, bytes | bytearray]) -> None:
        self._files = files

    def load(self, segment: Segment, start: int = 0) -> bytes:
        return bytes(self._files[segment.first][start:])

    def index(self, segment: Segment) -> None:
        return None

    def read(self, segment: Segment, length: int, offset: int) -> bytes:
        return bytes(self._files[segment.first][offset : offset + length])


class Recovered:
    """A replay that has been run to its end."""

    def __init__(self, firsts: Sequence[int], files: Sequence[bytes | bytearray]) -> None:
        self.segments = [Segment(first, SALT) for first in firsts]
        contents = Contents(dict(zip(firsts, files, strict=True)))
        self.replay = Replay(self.segments, contents, UNKNOWN)
        self.records = [
            (position, run.kind, run.head) for run in self.replay for position in run.positions
        ]

    @property
    def payloads(self) -> list[bytes]:
        return [payload for _, _, payload in self.records]

    @property
    def positions(self) -> list[int]:
        return [position for position, _, _ in self.records]

    @property
    def explanations(self) -> list[str]:
        return [damage.explanation for damage in self.replay.damaged]


def recovered(log: Log) -> Recovered:
    return Recovered(log.firsts, log.files)


def test_an_empty_log_is_clean_and_begins_with_position_one() -> None:
    result = Recovered([], [])
    assert (result.records, result.replay.end, result.replay.clean) == ([], 1, True)


def test_records_come_in_order_with_kind_and_position() -> None:
    log = Log()
    log.commit(b"one", b"two")
    log.commit(b"three")
    assert recovered(log).records == [(1, 1, b"one"), (2, 1, b"two"), (3, 1, b"three")]


def test_only_a_log_that_ends_with_a_close_mark_is_clean() -> None:
    log = Log()
    log.commit(b"one")
    assert not recovered(log).replay.clean
    log.mark(CLOSE, log.end)
    assert recovered(log).replay.clean
    log.commit(b"two")
    assert not recovered(log).replay.clean


def test_a_segment_that_was_just_begun_is_not_clean() -> None:
    assert not recovered(Log()).replay.clean


def test_zeros_behind_the_last_commit_are_the_end() -> None:
    log = Log()
    log.commit(b"one")
    end = len(log.files[0])
    log.files[0] += bytes(5000)
    result = recovered(log)
    assert result.payloads == [b"one"]
    assert (result.replay.damaged, result.replay.cut.offset) == ([], end)


def test_records_without_a_mark_behind_them_were_never_committed() -> None:
    log = Log()
    log.commit(b"one")
    end = len(log.files[0])
    log.record(b"two")
    result = recovered(log)
    assert result.payloads == [b"one"]
    assert (result.replay.cut.offset, result.replay.cut.position) == (end, 2)


def test_a_record_damaged_after_it_was_synced_is_lost_alone() -> None:
    log = Log()
    _, second, third, _ = log.commit(b"one", b"two", b"three")
    log.mark(CLOSE, log.end)
    log.flip(second + 20)
    result = recovered(log)
    assert result.records == [(1, 1, b"one"), (3, 1, b"three")]
    [damage] = result.replay.damaged
    assert (damage.file, damage.offset) == (result.segments[0].name, second)
    assert damage.length == third - second
    assert damage.explanation == "records 2 to 2 lost"
    assert result.replay.clean


def test_behind_a_lost_record_positions_and_offsets_fit_each_other() -> None:
    log = Log()
    first, second, third, _ = log.commit(b"one", b"two", b"three")
    end = log.mark(CLOSE, log.end) + MARK_BYTES
    log.flip(second)
    [segment] = recovered(log).segments
    assert list(segment.positions) == [1, 3]
    assert list(segment.offsets) == [first, third, end]
    assert not segment.indexable


def test_a_damaged_length_does_not_take_the_next_record_along() -> None:
    log = Log()
    _, second, _, _ = log.commit(b"one", b"two", b"three")
    log.mark(CLOSE, log.end)
    log.files[0][second + 4 : second + 8] = b"\xff\xff\xff\x7f"
    assert recovered(log).payloads == [b"one", b"three"]


def test_a_lost_sector_takes_the_records_in_it() -> None:
    log = Log()
    offsets = log.commit(*(b"record %d" % number for number in range(100)))
    log.mark(CLOSE, log.end)
    log.files[0][512:1024] = bytes(512)
    whole = [
        position
        for position, (start, end) in enumerate(pairwise(offsets), 1)
        if end <= 512 or start >= 1024
    ]
    assert recovered(log).positions == whole


def test_the_mark_of_a_commit_may_be_damaged_once_a_later_mark_vouches_for_it() -> None:
    log = Log()
    log.commit(b"one")
    _, mark = log.commit(b"two")
    log.commit(b"three", synced=log.end)
    log.flip(mark)
    result = recovered(log)
    assert result.payloads == [b"one", b"two", b"three"]
    assert result.explanations == ["no record lost"]


def test_what_was_on_disk_is_kept_although_its_mark_and_the_next_record_are_lost() -> None:
    log = Log()
    log.commit(b"one", synced=1)
    _, mark = log.commit(b"two", synced=2)
    three, _, _ = log.commit(b"three", b"four", synced=3)
    log.flip(mark)
    log.flip(three)
    result = recovered(log)
    assert result.payloads == [b"one", b"two"]
    assert (result.replay.cut.position, result.replay.cut.offset) == (3, mark)


def test_an_interrupted_write_is_cut_although_its_end_reached_the_disk() -> None:
    log = Log()
    log.commit(b"one")
    end = len(log.files[0])
    torn, _, _ = log.commit(b"two", b"three", synced=2)
    log.flip(torn)
    result = recovered(log)
    assert result.payloads == [b"one"]
    assert (result.replay.cut.offset, result.replay.damaged) == (end, [])


@pytest.mark.parametrize("torn_payload", [b"two", b"8 bytes.", b"a longer payload" * 9])
def test_a_crash_between_the_opening_mark_and_the_cut_changes_nothing(torn_payload: bytes) -> None:
    log = Log()
    log.commit(b"one")
    torn, _, _ = log.commit(torn_payload, b"three", synced=2)
    log.flip(torn)
    mark = encode_mark(COMMIT, 2, 2, SALT)
    log.files[0][torn : torn + len(mark)] = mark
    result = recovered(log)
    assert result.payloads == [b"one"]
    assert result.replay.cut[0:3:2] == (2, torn + len(mark))


def test_valid_records_that_are_cut_off_with_a_torn_one_are_counted() -> None:
    log = Log()
    log.commit(b"one")
    torn, _, _, _ = log.commit(b"two", b"three", b"four", synced=2)
    log.flip(torn)
    assert recovered(log).replay.doubtful == 2


def test_several_unsynced_commits_are_cut_back_to_the_first_bad_one() -> None:
    log = Log()
    log.commit(b"one", synced=1)
    log.commit(b"two", synced=1)
    torn, _ = log.commit(b"three", synced=1)
    log.commit(b"four", synced=1)
    log.flip(torn)
    result = recovered(log)
    assert result.payloads == [b"one", b"two"]
    assert result.replay.cut.offset == torn


def test_records_go_on_in_the_next_segment() -> None:
    log = Log()
    log.commit(b"one")
    log.begin_segment()
    log.commit(b"two")
    result = recovered(log)
    assert result.records == [(1, 1, b"one"), (2, 1, b"two")]
    assert result.replay.cut.segment is result.segments[1]


def test_a_commit_may_reach_over_the_end_of_a_segment() -> None:
    log = Log()
    log.record(b"one")
    log.begin_segment()
    log.commit(b"two", synced=1)
    assert recovered(log).payloads == [b"one", b"two"]


def test_half_a_commit_at_the_end_of_a_segment_is_cut_together_with_the_next_file() -> None:
    log = Log()
    log.commit(b"one", synced=1)
    end = len(log.files[0])
    log.record(b"two")
    log.begin_segment()
    log.record(b"three")
    result = recovered(log)
    assert result.payloads == [b"one"]
    assert result.replay.cut[:3] == (2, result.segments[0], end)


def test_a_truncated_segment_in_the_middle_loses_only_its_tail() -> None:
    log = Log()
    log.commit(b"one")
    two, _ = log.commit(b"two", synced=2)
    log.begin_segment()
    log.commit(b"three", synced=3)
    del log.files[0][two:]
    result = recovered(log)
    assert result.positions == [1, 3]
    assert result.explanations == ["records 2 to 2 lost"]


def test_a_missing_segment_is_reported_with_the_positions_it_held() -> None:
    log = Log()
    for payload in (b"one", b"two", b"three"):
        log.commit(payload)
        log.begin_segment()
    del log.files[1], log.firsts[1]
    result = recovered(log)
    assert result.positions == [1, 3]
    assert result.explanations == ["records 2 to 2 lost"]


def test_a_segment_does_not_reach_into_the_next() -> None:
    log = Log()
    log.commit(b"one", b"two")
    log.commit(b"stale")
    log.end = 3
    log.begin_segment()
    log.commit(b"three")
    assert recovered(log).payloads == [b"one", b"two", b"three"]


def test_damage_behind_the_last_record_of_a_full_segment_is_reported() -> None:
    log = Log()
    _, mark = log.commit(b"one")
    log.begin_segment()
    log.commit(b"two")
    log.flip(mark, file=0)
    result = recovered(log)
    assert result.positions == [1, 2]
    assert result.explanations == ["no record lost"]


def test_a_record_of_another_journal_inside_a_payload_is_not_taken_for_one_of_ours() -> None:
    forged = encode(1, 2, b"forged", SALT + 1) * 3
    log = Log()
    first, _, _ = log.commit(forged, b"two")
    log.mark(CLOSE, log.end)
    log.flip(first)
    assert recovered(log).payloads == [b"two"]


def test_a_copy_of_an_earlier_record_behind_the_end_is_not_replayed() -> None:
    log = Log()
    first, second, _ = log.commit(b"one", b"two")
    log.files[0] += log.files[0][first:second]
    result = recovered(log)
    assert result.positions == [1, 2]


def test_positions_beyond_32_bits_are_found_behind_damage() -> None:
    log = Log()
    log.end = 2**24 - 2
    log.files, log.firsts = [], []
    log.begin_segment()
    first, *_ = log.commit(b"one", b"two", b"three", b"four", bytes(100))
    log.mark(CLOSE, log.end)
    log.flip(first)
    start = 2**24 - 2
    assert recovered(log).positions == [start + 1, start + 2, start + 3, start + 4]


def test_a_log_of_zeros_behind_the_header_holds_nothing() -> None:
    log = Log()
    log.files[0] += bytes(1_000_000)
    result = recovered(log)
    assert (result.records, result.replay.damaged) == ([], [])
    assert result.replay.cut[:3] == (1, result.segments[0], HEADER_BYTES)


@pytest.mark.parametrize("unit", [512, 32])
@given(data=st.data())
def test_whatever_a_power_cut_leaves_of_an_unsynced_write_commits_are_whole(
    unit: int, data: st.DataObject
) -> None:
    log = Log()
    log.commit(b"before " * 9, b"before")
    synced = bytes(log.files[0])
    first = log.end
    for payloads in data.draw(st.lists(st.lists(st.binary(max_size=200), min_size=1), min_size=1)):
        log.commit(*payloads, synced=first)
    written = bytes(log.files[0])
    after = synced.ljust(len(written), b"\0")
    units = range(0, len(written), unit)
    reached = data.draw(st.sets(st.sampled_from(units)))
    left = b"".join((written if at in reached else after)[at : at + unit] for at in units)

    result = Recovered(log.firsts, [left])
    whole = Recovered(log.firsts, [written])
    assert result.records == whole.records[: len(result.records)]
    assert len(result.records) >= 2
    assert result.replay.damaged == []
    ends = {1, *(mark for mark in marks_of(written))}
    assert result.replay.end in ends


def marks_of(data: bytes) -> list[int]:
    return [each.position for each in elements(data, SALT, 1) if not each.is_record]
