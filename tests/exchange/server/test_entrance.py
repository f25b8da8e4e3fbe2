"""What the log says when nobody can be let in. Proxies and TLS have tests of their own."""

import errno
import logging
import socket
from collections.abc import Iterator

import pytest
import trio
import trio.testing

from warrener.exchange.server.entrance import AcceptTrouble, TurnedAway, enter
from warrener.protocol.proxy import SIGNATURE

TOO_MANY = OSError(errno.EMFILE, "Too many open files")
NO_MEMORY = OSError(errno.ENOMEM, "Cannot allocate memory")


def test_trouble_that_goes_on_is_told_once_and_so_is_its_end(caplog):
    caplog.set_level(logging.INFO)
    trouble = AcceptTrouble(logging.getLogger("entrance"))
    trouble.over()
    for error in (TOO_MANY, TOO_MANY, TOO_MANY):
        trouble.met(error)
    trouble.over()
    trouble.over()
    assert caplog.messages == [
        "cannot accept connections: Too many open files: raise the limit (ulimit -n)",
        "connections are accepted again",
    ]


def test_trouble_of_another_kind_and_trouble_that_comes_back_are_told(caplog):
    trouble = AcceptTrouble(logging.getLogger("entrance"))
    trouble.met(TOO_MANY)
    trouble.met(NO_MEMORY)
    trouble.over()
    trouble.met(NO_MEMORY)
    assert len(caplog.messages) == 4


# PROXY headers

V1 = b"PROXY TCP4 192.0.2.7 192.0.2.1 49152 5672\r\n"
V2_WITH_LONG_FIELDS = (
    SIGNATURE
    + b"\x21\x11"
    + (0xFFFF).to_bytes(2, "big")
    + bytes((192, 0, 2, 7, 192, 0, 2, 1))
    + (49152).to_bytes(2, "big")
    + (5672).to_bytes(2, "big")
).ljust(16 + 0xFFFF, b"x")


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """The end of a client and the accepted one."""
    client, accepted = socket.socketpair()
    accepted.setblocking(False)
    with client, accepted:
        yield client, accepted


@pytest.mark.parametrize("header", [V1, V2_WITH_LONG_FIELDS], ids=["version 1", "version 2"])
async def test_a_proxy_header_is_consumed_and_not_a_byte_more(pair, header):
    client, accepted = pair
    client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    client.sendall(header + b"AMQP")
    guest = await enter(accepted, None, proxied=True, patience_s=5)
    assert guest.address == ("192.0.2.7", 49152)
    assert accepted.recv(100) == b"AMQP"


async def test_a_proxy_header_may_arrive_byte_by_byte(pair):
    client, accepted = pair
    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:

            async def send() -> None:
                for octet in V1 + b"AMQP":
                    client.send(bytes((octet,)))
                    await trio.testing.wait_all_tasks_blocked()

            nursery.start_soon(send)
            guest = await enter(accepted, None, proxied=True, patience_s=5)
    assert guest.address == ("192.0.2.7", 49152)
    assert accepted.recv(100) == b"AMQP"


async def test_what_was_received_of_an_unfinished_header_is_not_read_again(pair):
    client, accepted = pair
    client.send(V2_WITH_LONG_FIELDS[:1000])
    with trio.move_on_after(0.05):
        await enter(accepted.dup(), None, proxied=True, patience_s=5)
    with pytest.raises(BlockingIOError):
        accepted.recv(1, socket.MSG_PEEK)


async def test_a_client_without_a_proxy_header_is_rejected(pair):
    client, accepted = pair
    client.send(b"AMQP\0\0\x09\x01")
    with pytest.raises(TurnedAway, match="no PROXY header"):
        await enter(accepted, None, proxied=True, patience_s=5)
