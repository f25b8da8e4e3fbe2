"""A login that takes its time: what the connection does meanwhile, and where the work is done."""

import threading
from collections.abc import Iterator

import pytest
import trio

from tests.exchange.server.served import PATIENCE_S, Served, served
from tests.exchange.server.wire import (
    ALL_CAPABILITIES,
    PLAIN_GUEST,
    Client,
    Wire,
    encode,
    publication,
)
from warrener.exchange.access import failed_logins, passwords
from warrener.exchange.access.users import Verdict
from warrener.protocol import methods as m
from warrener.protocol.frames import PROTOCOL_HEADER


def start_ok(response: bytes = PLAIN_GUEST, **capabilities: bool) -> m.ConnectionStartOk:
    properties = {"capabilities": ALL_CAPABILITIES | capabilities}
    return m.ConnectionStartOk(properties, "PLAIN", response, "en_US")


def hear(client: Client, data: bytes) -> None:
    """What the broker gets in one read, without a session to see to its login."""
    client.connection.receive(data, client.wire.now)
    client.wire.end_pass()


def finish(client: Client, *, right: bool = True) -> list[object]:
    """The check of a login has come to an end; returns what the client is told."""
    client.connection.finish_login(Verdict(right), client.wire.now)
    client.wire.end_pass()
    return client.received()


def waiting(wire: Wire, *behind: bytes, capable: bool = True) -> Client:
    """A client whose login has to be checked, with what it sent behind it in the same read."""
    client = wire.connect()
    login = start_ok(authentication_failure_close=capable)
    hear(client, PROTOCOL_HEADER + encode(0, login) + b"".join(behind))
    ((number, started),) = client.received()
    assert (number, type(started)) == (0, m.ConnectionStart)
    assert client.connection.login is not None
    return client


REST = encode(0, m.ConnectionTuneOk(), m.ConnectionOpen("/")) + encode(1, m.ChannelOpen())


# Without I/O


def test_a_login_is_answered_when_it_has_been_checked():
    client = waiting(Wire())
    assert client.received() == []
    ((number, tune),) = finish(client)
    assert (number, type(tune)) == (0, m.ConnectionTune)
    assert client.connection.login is None


def test_what_comes_behind_a_login_is_read_when_it_has_been_checked():
    client = waiting(Wire(), REST[:-3])
    hear(client, REST[-3:])
    assert client.received() == []
    assert [item.name for _, item in finish(client)] == [
        "connection.tune",
        "connection.open-ok",
        "channel.open-ok",
    ]


def test_what_comes_behind_a_refused_login_is_not_read():
    wire = Wire()
    client = waiting(wire, REST, encode(1, m.QueueDeclare(queue="q")))
    ((number, close),) = finish(client, right=False)
    assert (number, close.reply_code) == (0, 403)
    assert wire.broker.vhosts["/"].queues == {}
    assert len(wire.broker.connections) == 0
    client.send(0, m.ConnectionCloseOk())
    assert client.closed


def test_a_client_that_cannot_be_told_is_let_go_after_a_while():
    wire = Wire()
    client = waiting(wire, REST, capable=False)
    assert finish(client, right=False) == []
    wire.advance(2)
    assert not client.closed
    wire.advance(2)
    assert client.closed


def test_bytes_that_are_no_amqp_are_found_out_behind_a_login_as_well():
    client = waiting(Wire(), REST, b"nonsense")
    *_, (number, close) = finish(client)
    assert (number, close.reply_code) == (0, 501)


def test_a_publish_may_follow_the_login_at_once():
    wire = Wire()
    body = bytes(200_000)
    client = waiting(
        wire, REST, encode(1, m.QueueDeclare(queue="q")), publication(1, "", "q", body)
    )
    finish(client)
    assert len(wire.broker.vhosts["/"].queues["q"].ready) == 1


def test_the_handshake_has_an_end_also_while_a_login_is_checked():
    wire = Wire(handshake_timeout_s=10)
    client = waiting(wire)
    wire.advance(9)
    assert not client.closed
    wire.advance(2)
    assert client.closed
    assert finish(client) == []


@pytest.mark.parametrize("right", [True, False])
def test_a_check_that_ends_after_the_broker_changes_nothing(right):
    wire = Wire()
    client = waiting(wire, REST)
    wire.shut_down()
    assert client.closed
    assert finish(client, right=right) == []
    assert len(wire.broker.connections) == 0


def test_a_login_that_is_known_is_answered_at_once():
    wire = Wire()
    wire.login()
    client = wire.connect()
    hear(client, PROTOCOL_HEADER + encode(0, start_ok()) + REST)
    assert client.connection.login is None
    assert [item.name for _, item in client.received()][-1] == "channel.open-ok"


def test_a_password_that_was_changed_during_the_check_counts():
    wire = Wire()
    client = waiting(wire, REST)
    wire.broker.users.change_password("guest", "new")
    ((_, close),) = finish(client)
    assert close.reply_code == 403


# From where


def logs_in(wire: Wire, response: bytes, *, from_loopback: bool) -> bool:
    client = wire.connect(from_loopback=from_loopback)
    client.send_bytes(PROTOCOL_HEADER)
    client.send(0, start_ok(response))
    *_, answer = client.received(0)
    return isinstance(answer, m.ConnectionTune)


@pytest.mark.parametrize(
    ("loopback_users", "expected"),
    [("guest", (False, True)), ("", (True, True)), ("root, ann ,guest", (False, False))],
)
def test_some_users_may_come_from_this_machine_only(loopback_users, expected):
    wire = Wire(loopback_users=loopback_users)
    wire.broker.users.add("ann", "secret")
    names = (PLAIN_GUEST, b"\0ann\0secret")
    for _ in range(2):
        assert tuple(logs_in(wire, name, from_loopback=False) for name in names) == expected
        assert all(logs_in(wire, name, from_loopback=True) for name in names)


def test_from_elsewhere_a_known_password_takes_as_long_as_a_wrong_one():
    wire = Wire()
    wire.login()
    for response in (PLAIN_GUEST, b"\0guest\0wrong"):
        client = wire.connect(from_loopback=False)
        hear(client, PROTOCOL_HEADER + encode(0, start_ok(response)))
        assert client.connection.login is not None
        assert wire.broker.users.again(client.connection.login) is None
        assert not client.connection.login.check().right
        *_, (_, close) = finish(client)
        assert close.reply_code == 403


# With a server


class Scrypt:
    """The library's scrypt, counted, and held up until `go` is set."""

    def __init__(self) -> None:
        self.calls = 0
        self.go = threading.Event()
        self.go.set()
        self._scrypt = passwords.hashlib.scrypt

    def __call__(self, password: bytes, **options: object) -> bytes:
        self.calls += 1
        assert self.go.wait(PATIENCE_S)
        return self._scrypt(password, **options)


@pytest.fixture
def scrypt(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scrypt]:
    held = Scrypt()
    monkeypatch.setattr(passwords.hashlib, "scrypt", held)
    yield held
    held.go.set()


async def ask_in(broker: Served, response: bytes = PLAIN_GUEST) -> m.ConnectionTune | None:
    """Log in; returns what the broker says, None if it closes the connection."""
    client = await broker.connect()
    await client.send_bytes(PROTOCOL_HEADER)
    await client.next()
    answer = await client.call(0, start_ok(response))
    return answer if isinstance(answer, m.ConnectionTune) else None


async def test_nobody_waits_while_the_login_of_another_is_checked(scrypt):
    async with served() as broker:
        known = await broker.login()
        scrypt.go.clear()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask_in, broker, b"\0guest\0wrong")
            await broker.until(lambda: scrypt.calls == 2)
            await known.declare("q")
            another = await broker.login()
            await another.declare("p")
            assert scrypt.calls == 2
            scrypt.go.set()


async def test_a_burst_of_one_users_connections_costs_a_few_checks(scrypt):
    async with served() as broker:
        scrypt.go.clear()
        answers = []

        async def ask() -> None:
            answers.append(await ask_in(broker))

        async with trio.open_nursery() as nursery:
            for _ in range(30):
                nursery.start_soon(ask)
            await broker.until(lambda: scrypt.calls == 2)
            scrypt.go.set()
        assert len(answers) == 30
        assert None not in answers
        assert scrypt.calls == 2


async def test_wrong_passwords_are_checked_two_at_a_time(scrypt):
    async with served() as broker:
        scrypt.go.clear()
        answers = []

        async def ask(number: int) -> None:
            answers.append(await ask_in(broker, b"\0guest\0%d" % number))

        async with trio.open_nursery() as nursery:
            for number in range(6):
                nursery.start_soon(ask, number)
            await broker.until(lambda: scrypt.calls == 2)
            scrypt.go.set()
        assert answers == [None] * 6
        assert scrypt.calls == 6


async def test_the_broker_ends_while_a_login_is_checked(scrypt):
    with trio.fail_after(PATIENCE_S):
        async with served() as broker:
            scrypt.go.clear()
            client = await broker.connect()
            await client.send_bytes(PROTOCOL_HEADER + encode(0, start_ok()))
            await broker.until(lambda: scrypt.calls == 1)
            await broker.server.shut_down("the end")


async def test_who_has_failed_too_often_waits_and_nobody_else_does(scrypt, monkeypatch):
    monkeypatch.setattr(failed_logins, "FREE_PER_USER", 3)
    monkeypatch.setattr(failed_logins, "DELAY_S", 3600.0)
    monkeypatch.setattr(failed_logins, "DELAY_MAX_S", 3600.0)
    async with served() as broker:
        for user in (b"guest", b"nobody"):
            for _ in range(3):
                assert await ask_in(broker, b"\0" + user + b"\0wrong") is None
        checked = scrypt.calls
        for user in (b"guest", b"nobody"):
            client = await broker.connect()
            await client.send_bytes(
                PROTOCOL_HEADER + encode(0, start_ok(b"\0" + user + b"\0wrong"))
            )
        assert await ask_in(broker, b"\0another\0wrong") is None
        assert scrypt.calls == checked + 1
