"""Logins that wait for each other: whose turn it is, and who is turned away."""

import hashlib
import threading
from collections.abc import Iterator

import pytest
import trio
import trio.testing

from tests.exchange.server.served import PATIENCE_S, served
from tests.exchange.server.wire import encode
from warrener.exchange.access import login_line
from warrener.exchange.access.users import Login
from warrener.exchange.broker import Broker
from warrener.exchange.server import logins as logins_module
from warrener.exchange.server.codec import CODEC
from warrener.exchange.server.logins import LOGINS_AT_ONCE, Logins
from warrener.protocol import methods as m
from warrener.protocol.frames import PROTOCOL_HEADER
from warrener.storage.null import NullStore

HERE, ELSEWHERE = "192.0.2.1", "192.0.2.2"


class HeldHash:
    """The library's scrypt, of which each call ends when the test says so."""

    def __init__(self) -> None:
        self.passwords: list[str] = []
        """Those that are or were checked, in the order in which that began."""
        self._go = threading.Semaphore(0)

    def __call__(self, password: bytes, **options: object) -> bytes:
        self.passwords.append(password.decode())
        assert self._go.acquire(timeout=PATIENCE_S), "the test ends every check"
        return b"what fits no hash"

    def end(self, count: int = 1) -> None:
        self._go.release(count)

    async def begun(self, count: int) -> list[str]:
        """The passwords, when so many checks have begun."""
        with trio.fail_after(PATIENCE_S):
            while len(self.passwords) < count:
                await trio.sleep(0.001)
        return self.passwords


@pytest.fixture
def held_hash(monkeypatch: pytest.MonkeyPatch) -> Iterator[HeldHash]:
    held = HeldHash()
    monkeypatch.setattr(hashlib, "scrypt", held)
    yield held
    held.end(1000)


@pytest.fixture
def logins() -> Logins:
    return Logins(Broker(NullStore(), CODEC).users)


def login(logins: Logins, name: str, password: str) -> Login:
    return logins.users.login(name, password)


async def start(
    nursery: trio.Nursery, logins: Logins, name: str, password: str, address: str
) -> None:
    """Begin a login, which is checked or waits when this returns."""
    nursery.start_soon(logins.check, login(logins, name, password), address)
    await trio.testing.wait_all_tasks_blocked()


@pytest.mark.parametrize(("name", "address"), [("u1", ELSEWHERE), ("guest", HERE)])
async def test_who_guesses_on_many_connections_does_not_keep_others_waiting(
    held_hash: HeldHash, logins: Logins, name: str, address: str
) -> None:
    async with trio.open_nursery() as nursery:
        for number in range(20):
            await start(nursery, logins, "u1", f"guess {number}", HERE)
        await held_hash.begun(LOGINS_AT_ONCE)
        await start(nursery, logins, name, "somebody else", address)
        held_hash.end(2)
        assert "somebody else" in (await held_hash.begun(4))[2:]
        held_hash.end(30)


async def test_who_leaves_while_waiting_is_not_checked(held_hash: HeldHash, logins: Logins) -> None:
    async with trio.open_nursery() as nursery:
        for password in ("one", "two"):
            await start(nursery, logins, "u", password, HERE)
        await held_hash.begun(2)
        async with trio.open_nursery() as leaving:
            await start(leaving, logins, "u", "gone", HERE)
            leaving.cancel_scope.cancel()
        await start(nursery, logins, "u", "three", HERE)
        held_hash.end(10)
    assert held_hash.passwords[2:] == ["three"]


async def test_beyond_those_that_may_wait_a_client_is_told_to_come_later(
    held_hash: HeldHash, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login_line, "WAITING_MAX", 3)
    monkeypatch.setattr(logins_module, "TURNED_AWAY_AFTER_S", 0.0)
    properties = {"capabilities": {"authentication_failure_close": True}}
    async with served() as broker:
        clients = []
        for number in range(LOGINS_AT_ONCE + 4):
            client = await broker.connect()
            await client.send_bytes(PROTOCOL_HEADER)
            await client.next()
            response = b"\0guest\0%d" % number
            await client.send_bytes(
                encode(0, m.ConnectionStartOk(properties, "PLAIN", response, "en_US"))
            )
            clients.append(client)
            await trio.testing.wait_all_tasks_blocked(0.02)
        answers = []
        _, close = await clients.pop().next()
        assert (close.reply_code, close.reply_text) == (
            320,
            "CONNECTION_FORCED - 3 logins from 127.0.0.1 wait to be checked, try again later",
        )
        held_hash.end(10)
        answers = [(await client.next())[1].reply_code for client in clients]
        assert answers == [403] * 5
