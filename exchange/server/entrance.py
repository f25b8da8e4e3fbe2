"""The entrance: what a client passes before its first byte of AMQP.

A proxy in front of the broker says whom it speaks for (warrener.protocol.proxy), TLS agrees on
keys and looks at certificates. Both are there only if the operator wants them; what comes out is a
socket to read AMQP from, and who is at the other end of it as far as that is known.
"""

from __future__ import annotations

import errno
import logging
import socket
from dataclasses import dataclass

import trio

from warrener.exchange.server.tls import Certificates, TlsSocket
from warrener.protocol.proxy import NotProxied, read_proxy_header

PEEK_BYTES = 4096
"""Bytes of a PROXY header looked at in one step; most headers are far smaller."""


@dataclass(frozen=True, slots=True)
class Listener:
    """Where clients come in: with certificates they speak TLS."""

    socket: socket.socket
    certificates: Certificates | None = None


@dataclass(frozen=True, slots=True)
class Guest:
    """Somebody who has come in."""

    socket: socket.socket | TlsSocket
    address: tuple[str, int]
    certified_name: str = ""
    """Who it is by a certificate that was checked."""


class AcceptTrouble:
    """Why nobody can be let in: said when it begins and when it is over, not at every try."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._number: int | None = None

    def met(self, error: OSError) -> None:
        if error.errno == self._number:
            return
        self._number = error.errno
        advice = ": raise the limit (ulimit -n)" if error.errno == errno.EMFILE else ""
        self._logger.error("cannot accept connections: %s%s", error.strerror, advice)

    def over(self) -> None:
        if self._number is not None:
            self._number = None
            self._logger.warning("connections are accepted again")


class TurnedAway(Exception):
    """Somebody who may not come in; the text says why."""


async def enter(
    sock: socket.socket, certificates: Certificates | None, *, proxied: bool, patience_s: float
) -> Guest:
    """Let a client in that has connected; the socket of one who does not get in is closed.

    Raises: TurnedAway, OSError.
    """
    held: socket.socket | TlsSocket = sock
    try:
        with trio.move_on_after(patience_s):
            address = sock.getpeername()[:2]
            if proxied:
                address = await _source(sock) or address
            if certificates is None:
                return Guest(sock, address)
            held = tls = TlsSocket(sock, certificates.context)
            await tls.shake_hands()
            return Guest(tls, address, tls.client_name)
        raise TurnedAway("too slow at the entrance")
    except BaseException:
        held.close()
        raise


async def _source(sock: socket.socket) -> tuple[str, int] | None:
    """Read a PROXY header, and not a byte more; return the address in it. Raises: TurnedAway.

    As long as the header is incomplete, everything received so far belongs to it and can be
    consumed: each byte is received once, however slowly it comes.
    """
    received = bytearray()
    while True:
        await trio.lowlevel.wait_readable(sock)
        try:
            data = sock.recv(PEEK_BYTES, socket.MSG_PEEK)
        except BlockingIOError:
            continue
        if not data:
            raise TurnedAway("gone without a PROXY header")
        consumed = len(received)
        received += data
        try:
            header = read_proxy_header(received)
        except NotProxied as error:
            raise TurnedAway(str(error)) from None
        sock.recv((header.size if header else len(received)) - consumed)
        if header is not None:
            return header.source
