"""One byte of a small journal is wrong, or its end is missing: the broker starts all the same.

Nothing may be missing but what the damaged record said: a message, or a declaration. Messages of a
queue whose declaration is lost are kept.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.exchange.server.crash_wire import Life, Lines, begin_again
from tests.storage.crash_files import CrashFiles, Disk
from tests.storage.crash_journal import Record, records_of
from warrener.exchange.broker import Broker
from warrener.exchange.durability.records import Kind
from warrener.exchange.durability.recovery import restore
from warrener.exchange.server.codec import CODEC
from warrener.protocol import methods as m
from warrener.storage.journal import Journal
from warrener.storage.record import Element
from warrener.storage.scan import elements
from warrener.storage.segment import decode_header
from warrener.storage.store import RecoveryReport

SMALL = 900
"""Bytes of a segment: the journal has three."""
USERS = {Kind.USER_SET, Kind.PERMISSION_SET}


class Before(NamedTuple):
    """A disk with a journal that was closed in order, and what a broker finds on it."""

    folder: Path
    disk: Disk
    lines: Lines
    flips: "list[Flip]"


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Before:
    folder = tmp_path_factory.mktemp("life")
    life = Life(folder, CrashFiles(), segment_bytes=SMALL)
    life.call(m.ExchangeDeclare(exchange="e", type="fanout", durable=True))
    for queue in ("a", "b"):
        life.declare(queue)
        life.call(m.QueueBind(queue=queue, exchange="e"))
    life.publish(["a", "b"], b"1", b"2", exchange="e")
    life.publish(["a"], b"3")
    life.settle("a")
    life.declare("c")
    life.delete("c")
    life.publish(["b"], b"4", b"5")
    life.call(m.QueueUnbind(queue="b", exchange="e"))
    life.settle("b")
    life.publish(["a"], b"6")
    life.be_told()
    life.end()
    disk = least(life.files)
    return Before(folder, disk, life.lines, list(flips(disk, folder)))


def changed(disk: Disk, path: str, data: bytes) -> Disk:
    return Disk({**disk.files, path: data}, disk.directories)


class Flip(NamedTuple):
    """A disk on which one byte is turned over, and what was there."""

    disk: Disk
    kind: int | None
    """Of the record or mark that was hit; None for a header."""
    payload: bytes


def flips(disk: Disk, folder: Path) -> Iterator[Flip]:
    """Every byte up to the last record's end, as far as it leads to other records."""
    known = set()
    for path, data in disk.files.items():
        for offset in range(len(data.rstrip(b"\0"))):
            flipped = bytearray(data)
            flipped[offset] ^= 0x41
            damaged = changed(disk, path, bytes(flipped))
            records, report = recovered(damaged, folder)
            assert report.cut_bytes or any(
                Path(path).name == each.file and each.offset <= offset < each.offset + each.length
                for each in report.damaged
            )
            if records not in known:
                known.add(records)
                element = hit(data, offset)
                payload = element.payload(data) if element else b""
                yield Flip(damaged, element.kind if element else None, payload)


def recovered(disk: Disk, folder: Path) -> tuple[tuple[Record, ...], RecoveryReport]:
    """The records of a journal, and its report."""
    store = open_store(disk, folder)
    records = tuple(records_of(store))
    store.close()
    return records, store.report


def open_store(disk: Disk, folder: Path) -> Journal:
    return Journal(
        folder,
        files=CrashFiles(disk),
        on_durable=lambda: None,
        on_failure=lambda failure: None,
        segment_bytes=SMALL,
    )


def hit(data: bytes, offset: int) -> Element | None:
    """The record or mark at an offset; None in the header."""
    segment = decode_header(data)
    assert segment is not None
    found = elements(data, segment.salt, segment.first)
    return next((each for each in found if each.offset <= offset < each.end), None)


def counted(lines: Lines) -> Counter[bytes]:
    return Counter(body for bodies in lines.values() for body in bodies)


def expect(lines: Lines, now: Lines, kind: int | None, payload: bytes) -> None:
    """What may have changed if this record is gone."""
    lost, more = counted(lines) - counted(now), counted(now) - counted(lines)
    if kind == Kind.MESSAGE:
        assert all(payload.endswith(body + b"\xce") for body in lost)
        assert not more
    elif kind == Kind.SETTLED:
        assert not lost
        assert len(more) <= 1
    elif kind == Kind.QUEUE_DECLARED:
        assert not lost
        assert not more
        assert len(now.keys() - lines.keys()) <= 1
    elif kind == Kind.QUEUE_DELETED:
        assert now in (lines, {**lines, "c": []})
    else:
        assert now == lines


def test_a_flipped_byte_costs_what_its_record_said_and_no_other_message(
    before: Before,
) -> None:
    kinds = set()
    for flip in before.flips:
        if flip.kind in USERS:
            continue  # nobody can log in: see below
        again = begin_again(before.folder, flip.disk, segment_bytes=SMALL)
        expect(before.lines, again.lines, flip.kind, flip.payload)
        kinds.add(flip.kind)
        kept = again.lines
        again.end()
        # and it stays like that
        once_more = begin_again(before.folder, least(again.files), segment_bytes=SMALL)
        assert once_more.lines == kept
        once_more.end()
    assert kinds >= {Kind.MESSAGE, Kind.SETTLED, Kind.EXCHANGE_DECLARED, Kind.BOUND, Kind.VHOST_SET}
    assert kinds >= {Kind.QUEUE_DECLARED, Kind.QUEUE_DELETED, Kind.UNBOUND}


def test_a_flipped_byte_in_what_is_known_of_users_lets_nobody_in(
    before: Before,
) -> None:
    found = [flip for flip in before.flips if flip.kind in USERS]
    assert {flip.kind for flip in found} == USERS
    for flip in found:
        store = open_store(flip.disk, before.folder)
        broker = Broker(store, CODEC)
        assert restore(broker, store.recover()).queues == 2
        assert [*broker.permissions] == []
        store.close()


def test_a_new_queue_never_gets_the_messages_of_one_whose_declaration_is_lost(
    before: Before,
) -> None:
    for flip in before.flips:
        if flip.kind == Kind.QUEUE_DECLARED:
            again = begin_again(before.folder, flip.disk, segment_bytes=SMALL)
            again.declare("new")
            again.publish(["new"], b"new")
            again.end()
            once_more = begin_again(before.folder, least(again.files), segment_bytes=SMALL)
            assert once_more.lines["new"] == [b"new"]
            once_more.end()


def least(files: CrashFiles) -> Disk:
    *_, disk = files.lasting()
    return disk


def test_whatever_is_missing_at_the_end_the_broker_starts_with_what_was_before(
    before: Before,
) -> None:
    disk, lines = before.disk, before.lines
    *_, (path, data) = sorted(disk.files.items())
    fewest = sum(counted(lines).values())
    for length in range(len(data.rstrip(b"\0")), -1, -1):
        again = begin_again(before.folder, changed(disk, path, data[:length]), segment_bytes=SMALL)
        assert set(counted(again.lines)) <= set(counted(lines)) | {b"1"}
        fewest = min(fewest, sum(counted(again.lines).values()))
        again.end()
    assert fewest > 0
