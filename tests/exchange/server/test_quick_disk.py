"""Confirms from a broker that writes small commits in its own thread: who is told, and what."""

import errno
import math
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from tests.exchange.server.served import Served, SocketClient, served
from tests.storage.unsynced_files import UnsyncedFiles
from warrener.protocol import methods as m
from warrener.protocol.properties import encode_properties
from warrener.storage.files import Handle
from warrener.storage.journal import Journal
from warrener.storage.pace import Pace
from warrener.storage.store import Bytes
from warrener.storage.writer import IN_PLACE_BYTES

PERSISTENT = encode_properties(delivery_mode=2)
SMALL, LARGE = b"small", bytes(IN_PLACE_BYTES)
ROUNDS_MAX = 1000


class Disk(UnsyncedFiles):
    """Remembers which thread wrote last, and fails at will."""

    __slots__ = ("broken", "in_place")

    def __init__(self) -> None:
        self.broken = self.in_place = False

    def write(self, handle: Handle, pieces: Sequence[Bytes], offset: int) -> None:
        self.in_place = threading.current_thread() is threading.main_thread()
        if self.broken:
            raise OSError(errno.EIO, "the disk fails")
        super().write(handle, pieces, offset)


@asynccontextmanager
async def served_from(folder: Path, disk: Disk) -> AsyncIterator[tuple[Served, list[str]]]:
    """A broker whose disk is taken to be quick, and what its journal has said of failures."""
    token = trio.lowlevel.current_trio_token()
    on_stored: list[Callable[[], None]] = []
    failures: list[str] = []
    journal = Journal(
        folder,
        on_durable=lambda: token.run_sync_soon(lambda: [tell() for tell in on_stored]),
        on_failure=lambda failure: failures.append(str(failure)),
        pace=Pace(math.inf),
        files=disk,
    )
    assert list(journal.recover()) == []
    try:
        async with served(journal) as broker:
            on_stored.append(broker.server.stored)
            yield broker, failures
            on_stored.clear()
    finally:
        journal.close()


async def publisher(broker: Served) -> SocketClient:
    client = await broker.login()
    await client.declare("q", durable=True)
    assert await client.call(1, m.ConfirmSelect()) == m.ConfirmSelectOk()
    return client


async def answer(client: SocketClient, body: bytes) -> object:
    await client.publish("q", body, properties=PERSISTENT)
    return (await client.next())[1]


async def publish_until_in_place(client: SocketClient, disk: Disk, before: int = 0) -> int:
    """Publish until a message is written by the broker's thread; its number."""
    for number in range(before + 1, before + ROUNDS_MAX):
        assert await answer(client, SMALL) == m.BasicAck(number)
        if disk.in_place:
            return number
    raise AssertionError("nothing was written in place")


async def test_each_publish_is_confirmed_whichever_thread_writes_it(tmp_path: Path) -> None:
    disk = Disk()
    async with served_from(tmp_path, disk) as (broker, _):
        client = await publisher(broker)
        number = await publish_until_in_place(client, disk)
        for _ in range(20):
            number += 1
            assert await answer(client, LARGE) == m.BasicAck(number)
            assert not disk.in_place
            number = await publish_until_in_place(client, disk, number)


async def test_a_publish_whose_write_in_place_fails_is_refused(tmp_path: Path) -> None:
    disk = Disk()
    async with served_from(tmp_path, disk) as (broker, failures):
        client = await publisher(broker)
        number = await publish_until_in_place(client, disk)
        disk.broken = True
        refused = m.BasicNack(number + 1, multiple=False, requeue=False)
        assert await answer(client, SMALL) == refused
        assert failures == ["[Errno 5] the disk fails"]
        # What is left of its life goes on in memory.
        refused = m.BasicNack(number + 2, multiple=False, requeue=False)
        assert await answer(client, SMALL) == refused
        assert broker.ready("q") == number + 2
