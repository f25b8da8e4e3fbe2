"""The management API under TLS, and behind a proxy that says for whom it speaks."""

import socket
import ssl
import struct
from contextlib import suppress
from pathlib import Path

import pytest
import trio
import trustme

from tests.exchange.management.managed import managed
from warrener.exchange.server.tls import Certificates


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def certificates(authority: trustme.CA, tmp_path: Path) -> Certificates:
    path = tmp_path / "certificate.pem"
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(path))
    return Certificates(str(path), "", "", "none")


@pytest.fixture
def trust(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


async def test_what_is_asked_under_tls_is_answered(certificates, trust):
    async with managed(certificates=certificates) as broker:
        broker.api.tls = trust
        assert (await broker.api.put("/api/queues/%2F/q")).status == 201
        assert [queue["name"] for queue in await broker.api.get("/api/queues")] == ["q"]
        (context,) = (await broker.api.get("/api/overview"))["contexts"]
        assert context["port"] == str(broker.api.port)
        check = await broker.api.ask("GET", "/api/health/checks/protocol-listener/https")
        assert check.status == 200


async def test_a_long_answer_and_a_long_body_come_through(certificates, trust):
    async with managed(certificates=certificates) as broker:
        broker.api.tls = trust
        await broker.api.put("/api/queues/%2F/q")
        payload = "x" * 5_000_000
        message = {"properties": {}, "routing_key": "q", "payload": payload}
        answer = await broker.api.post(
            "/api/exchanges/%2F/amq.default/publish", {**message, "payload_encoding": "string"}
        )
        assert answer.status == 200
        asked = {"count": 1, "ackmode": "ack_requeue_true", "encoding": "auto"}
        (found,) = (await broker.api.post("/api/queues/%2F/q/get", asked)).document
        assert found["payload"] == payload


async def test_who_speaks_no_tls_is_turned_away_and_others_are_not(certificates, trust):
    async with managed(certificates=certificates) as broker:
        stream = await broker.api.connect()
        await stream.send_all(b"GET / HTTP/1.1\r\n\r\n")
        with trio.fail_after(5):
            with suppress(trio.BrokenResourceError):
                while await stream.receive_some(1000):
                    pass
        broker.api.tls = trust
        assert (await broker.api.ask("GET", "/api/whoami")).status == 200
        await stream.aclose()


HELLO = bytes.fromhex("160301002f0100002b0303") + bytes(32) + bytes.fromhex("000004130100ff0100")


@pytest.mark.parametrize(
    "said",
    [b"", b"\x16", b"\x16\x03\x01\xff\xff" + b"x" * 100, HELLO[:20], HELLO, HELLO[::-1],
     b"\x80\x2e\x01\x03\x01", b"\x15\x03\x01\0\x02\x02\x28", b"AMQP\0\0\x09\x01", b"\0" * 70_000],
)  # fmt: skip
async def test_whoever_breaks_off_at_the_entrance_harms_nobody(certificates, trust, said):
    async with managed(certificates=certificates) as broker:
        stream = await broker.api.connect()
        with suppress(trio.BrokenResourceError):
            await stream.send_all(said)
        stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await stream.aclose()
        broker.api.tls = trust
        assert (await broker.api.ask("GET", "/api/whoami")).status == 200
        await broker.amqp.until(lambda: broker.http.connections == 0)


async def test_whoever_stays_at_the_entrance_makes_room(certificates, trust):
    async with managed(certificates=certificates, http_connections_max=1) as broker:
        silent = await broker.api.connect()
        broker.api.tls = trust
        assert (await broker.api.ask("GET", "/api/whoami")).status == 200
        with trio.fail_after(5), suppress(trio.BrokenResourceError):
            assert await silent.receive_some(1) == b""
        await silent.aclose()


async def test_behind_a_proxy_the_address_in_its_header_counts():
    async with managed(proxy_protocol=True) as broker:
        broker.api.first = b"PROXY TCP4 192.0.2.7 192.0.2.8 40000 15672\r\n"
        assert (await broker.api.ask("GET", "/api/whoami")).status == 401
        broker.api.first = b"PROXY TCP4 127.0.0.1 127.0.0.1 40000 15672\r\n"
        assert (await broker.api.ask("GET", "/api/whoami")).status == 200


async def test_without_the_header_that_is_expected_nobody_comes_in():
    async with managed(proxy_protocol=True, handshake_timeout_s=1) as broker:
        stream = await broker.api.connect()
        await stream.send_all(b"GET /api/whoami HTTP/1.1\r\nhost: localhost\r\n\r\n")
        with trio.fail_after(5):
            with suppress(trio.BrokenResourceError):
                assert await stream.receive_some(1000) == b""
        await stream.aclose()
