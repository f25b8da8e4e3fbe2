"""TLS and the PROXY protocol: what a client passes before its first byte of AMQP."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
import trustme

from tests.exchange.server.inbox import Content
from tests.exchange.server.served import SocketClient, served
from warrener.exchange.server.tls import CertificateError, Certificates, certified_name
from warrener.protocol import methods as m
from warrener.protocol.frames import PROTOCOL_HEADER

GUEST = b"\0guest\0guest"


class Authority:
    """Who signs the certificates of a test, and the files they are in."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._authority = trustme.CA()
        self.file = str(folder / "authority.pem")
        self._authority.cert_pem.write_to_path(self.file)

    def certificate(self, *names: str, common_name: str | None = None) -> str:
        """A file with a certificate and its key."""
        issued = self._authority.issue_cert(*names, common_name=common_name)
        path = self._folder / "certificate.pem"
        issued.private_key_and_cert_chain_pem.write_to_path(str(path))
        return str(path)

    def client(self, **names: str) -> ssl.SSLContext:
        """What a client needs that trusts this authority, with a certificate if it has a name."""
        context = ssl.create_default_context(cafile=self.file)
        if names:
            self._authority.issue_cert("client@example.org", **names).configure_cert(context)
        return context


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[Authority]:
    return Authority(tmp_path)


@pytest.fixture
def certificates(authority: Authority) -> Certificates:
    return Certificates(authority.certificate("localhost"), "", authority.file, "optional")


async def mechanisms(client: SocketClient) -> bytes:
    await client.send_bytes(PROTOCOL_HEADER)
    (start,) = await client.several(1)
    return start.mechanisms


async def is_turned_away(client: SocketClient) -> bool:
    """Whether the broker closes the socket without a word."""
    try:
        return await client.until_closed() == []
    except trio.BrokenResourceError:
        return True


async def test_messages_go_through_tls_as_through_a_plain_socket(authority, certificates):
    body = bytes(range(256)) * 4000
    async with served(certificates=certificates, small_buffers=True) as broker:
        client = await broker.connect(tls=authority.client(), small_buffer=True)
        await client.login()
        await client.declare("q")
        await client.consume("q")
        await client.publish("q", body, b"small", body)
        deliveries = await client.several(3)
        assert [delivery.body for delivery in deliveries] == [body, b"small", body]


async def test_many_messages_in_one_tls_record_are_all_read(authority, certificates):
    async with served(certificates=certificates) as broker:
        client = await broker.connect(tls=authority.client())
        await client.login()
        await client.declare("q")
        await client.deliver("q", *[b"%d" % number for number in range(2000)])
        assert broker.ready("q") == 2000


async def test_a_client_that_does_not_speak_tls_is_turned_away(certificates):
    async with served(certificates=certificates) as broker:
        client = await broker.connect()
        await client.send_bytes(PROTOCOL_HEADER)
        assert await is_turned_away(client)


async def test_a_client_that_says_nothing_is_not_waited_for(certificates):
    async with served(certificates=certificates, handshake_timeout_s=0) as broker:
        client = await broker.connect()
        assert await is_turned_away(client)


async def test_who_has_no_certificate_is_not_offered_external(authority, certificates):
    async with served(certificates=certificates) as broker:
        client = await broker.connect(tls=authority.client())
        assert await mechanisms(client) == b"PLAIN AMQPLAIN"


async def test_who_has_a_certificate_may_refer_to_it(authority, certificates):
    async with served(certificates=certificates) as broker:
        broker.broker.users.add("alice", "password")
        broker.broker.permissions.set("alice", "/", ".*", ".*", ".*")
        client = await broker.connect(tls=authority.client(common_name="alice"))
        await client.login(mechanism="EXTERNAL", response=b"")
        assert await client.call(1, m.QueueDeclare(queue="q")) == m.QueueDeclareOk("q")


async def test_a_certificate_of_somebody_unknown_is_refused(authority, certificates):
    async with served(certificates=certificates) as broker:
        client = await broker.connect(tls=authority.client(common_name="nobody"))
        await client.send_bytes(PROTOCOL_HEADER)
        await client.next()
        properties = {"capabilities": {"authentication_failure_close": True}}
        close = await client.call(0, m.ConnectionStartOk(properties, "EXTERNAL", b"", "en_US"))
        assert close.reply_code == 403


async def test_without_tls_nobody_is_who_a_certificate_says():
    async with served() as broker:
        client = await broker.connect()
        assert b"EXTERNAL" not in await mechanisms(client)
        close = await client.call(0, m.ConnectionStartOk({}, "EXTERNAL", b"guest", "en_US"))
        assert close.reply_code == 503


async def test_where_certificates_are_required_nobody_comes_in_without(authority):
    strict = Certificates(authority.certificate("localhost"), "", authority.file, "required")
    async with served(certificates=strict) as broker:
        client = await broker.connect(tls=authority.client())
        with pytest.raises(trio.BrokenResourceError):
            await mechanisms(client)


async def test_new_connections_see_a_certificate_that_was_read_again(authority, certificates):
    async with served(certificates=certificates) as broker:
        before = await broker.connect(tls=authority.client())
        await before.login()
        authority.certificate("localhost", common_name="renewed")
        certificates.reload()
        after = await broker.connect(tls=authority.client())
        await after.login()
        assert certified_name(after.stream.getpeercert()) == "renewed"
        await before.declare("q")


def test_certificates_that_cannot_be_read_again_change_nothing(authority, certificates):
    context = certificates.context
    Path(authority.certificate("localhost")).write_text("no PEM")
    with pytest.raises(CertificateError, match=r"cannot use .*certificate\.pem"):
        certificates.reload()
    assert certificates.context is context


def test_a_certificate_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(CertificateError, match=r"cannot read .*gone\.pem or its key: no such file"):
        Certificates(str(tmp_path / "gone.pem"), "", "", "none")


def test_client_certificates_need_an_authority(authority):
    with pytest.raises(CertificateError, match="authority"):
        Certificates(authority.certificate("localhost"), "", "", "required")


def test_a_certificate_without_a_common_name_goes_by_its_first_other_name():
    assert certified_name({"subjectAltName": (("DNS", "a.example"), ("DNS", "b"))}) == "a.example"
    assert certified_name({}) == ""


# PROXY


async def test_a_proxied_client_is_known_by_its_own_address():
    async with served(proxy_protocol=True) as broker:
        client = await broker.connect(first=b"PROXY TCP4 127.0.0.9 127.0.0.1 4711 5672\r\n")
        await client.login()
        (connection,) = broker.broker.connections.of_vhost("/")
        assert connection.name.startswith("127.0.0.9:4711 -> 127.0.0.1:")


async def test_guest_may_not_come_from_afar_through_a_proxy_on_this_machine():
    async with served(proxy_protocol=True) as broker:
        client = await broker.connect(first=b"PROXY TCP4 192.0.2.7 127.0.0.1 4711 5672\r\n")
        await client.send_bytes(PROTOCOL_HEADER)
        await client.next()
        properties = {"capabilities": {"authentication_failure_close": True}}
        close = await client.call(0, m.ConnectionStartOk(properties, "PLAIN", GUEST, "en_US"))
        assert close.reply_code == 403


@pytest.mark.parametrize("first", [PROTOCOL_HEADER, b"PROXY TCP4 nonsense\r\n"])
async def test_a_client_without_a_proxy_header_is_turned_away_where_one_is_expected(first):
    async with served(proxy_protocol=True) as broker:
        client = await broker.connect(first=first)
        assert await is_turned_away(client)


async def test_a_proxy_header_may_come_in_pieces(authority, certificates):
    async with served(proxy_protocol=True, certificates=certificates) as broker:
        client = await broker.connect(first=b"PROXY UNKN", tls=authority.client())
        await client.stream.transport_stream.send_all(b"OWN\r\n")
        await client.login()
        await client.declare("q")
        await client.publish("q", b"hello")
        get = await client.call(1, m.BasicGet(queue="q"))
        assert get == Content(m.BasicGetOk(1, False, "", "q", 0), b"hello")


def test_old_tls_and_renegotiation_are_off(certificates: Certificates):
    assert certificates.context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert certificates.context.options & ssl.OP_NO_RENEGOTIATION
    certificates.reload()
    assert certificates.context.options & ssl.OP_NO_RENEGOTIATION
