"""TLS: sockets whose bytes only the two ends can read, and the certificates they show.

`Certificates` is what the operator gave: our certificate with its key, and perhaps the authority
that signs those of clients. It can be read anew while the broker runs; connections that are open
keep what they began with. `TlsSocket` is a socket that does not block, with the few methods that a
session uses; whether there is TLS makes no other difference to it.

`ssl.SSLSocket` does the work. Two of its habits are smoothed out here: it raises errors of its own
where a plain socket raises BlockingIOError, and it hands out one record (16 KiB) at a time and
keeps the next, of which the poll knows nothing. So `recv` goes on until it has as much as was asked
for or there is no more.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Sequence
from typing import Any

import trio

JOINED_BYTES = 64 * 1024
"""Output given to TLS in one piece: four records, so that little is copied in vain."""
NOT_NOW = (ssl.SSLWantReadError, ssl.SSLWantWriteError)

CLIENT_CERTIFICATES = {
    "none": ssl.CERT_NONE,
    "optional": ssl.CERT_OPTIONAL,
    "required": ssl.CERT_REQUIRED,
}


class CertificateError(Exception):
    """Certificates that cannot be used; the text says which file and why."""


class Certificates:
    """What this broker shows to clients, and what it asks of them.

    Args:
        certificate: a PEM file with our certificate and those between it and its authority.
        key: a PEM file with its private key; empty if that is in the same file.
        authority: a PEM file with the certificates that those of clients are signed by.
        from_clients: whether clients need one: `none`, `optional` or `required`.

    Raises: CertificateError.
    """

    def __init__(self, certificate: str, key: str, authority: str, from_clients: str) -> None:
        self._certificate = certificate
        self._key = key
        self._authority = authority
        self._from_clients = CLIENT_CERTIFICATES[from_clients]
        if self._from_clients != ssl.CERT_NONE and not authority:
            raise CertificateError("client certificates need an authority to be checked against")
        self.context = self._load()

    def reload(self) -> None:
        """Read the files again, for connections made from now on. Raises: CertificateError."""
        self.context = self._load()

    def _load(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        # Under TLS 1.2 a client could have us make new keys as often as it likes.
        context.options |= ssl.OP_NO_RENEGOTIATION
        context.verify_mode = self._from_clients
        _read(self._certificate, context.load_cert_chain, self._certificate, self._key or None)
        if self._authority:
            _read(self._authority, context.load_verify_locations, self._authority)
        return context


def _read(path: str, load: Any, *arguments: Any) -> None:
    try:
        load(*arguments)
    except FileNotFoundError as error:
        raise CertificateError(f"cannot read {path} or its key: no such file") from error
    except ssl.SSLError as error:
        reason = (error.reason or "not PEM").lower().replace("_", " ")
        raise CertificateError(f"cannot use {path}: {reason}") from error
    except OSError as error:
        raise CertificateError(f"cannot read {path}: {error.strerror}") from error


class TlsSocket:
    """The broker's end of a connection under TLS."""

    def __init__(self, sock: socket.socket, context: ssl.SSLContext) -> None:
        self._tls = context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)

    def fileno(self) -> int:
        return self._tls.fileno()

    def getsockname(self) -> Any:
        return self._tls.getsockname()

    async def shake_hands(self) -> None:
        """Agree with the client on keys. Raises: OSError if there is no agreement."""
        while True:
            try:
                self._tls.do_handshake()
                return
            except ssl.SSLWantReadError:
                await trio.lowlevel.wait_readable(self._tls)
            except ssl.SSLWantWriteError:
                await trio.lowlevel.wait_writable(self._tls)

    @property
    def agreement(self) -> tuple[str, str]:
        """The protocol and the cipher that both sides have agreed on."""
        name, protocol, _ = self._tls.cipher() or ("", "", 0)
        return protocol, name

    @property
    def client_name(self) -> str:
        """Who the client is by its certificate, which was checked; empty without one."""
        return certified_name(self._tls.getpeercert() or {})

    def recv(self, size: int) -> bytes:
        """As a plain socket: fewer bytes than `size` only if there are no more by now."""
        pieces: list[bytes] = []
        missing = size
        while missing > 0:
            try:
                data = self._tls.recv(missing)
            except NOT_NOW:
                if not pieces:
                    raise BlockingIOError from None
                break
            if not data:
                break
            pieces.append(data)
            missing -= len(data)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def send(self, data: bytes | bytearray | memoryview) -> int:
        # After a refusal OpenSSL wants to be given the same bytes again, and perhaps more behind
        # them: output begins with what was not written last time, so that is what it gets.
        try:
            return self._tls.send(memoryview(data)[:JOINED_BYTES])
        except NOT_NOW:
            raise BlockingIOError from None

    def sendmsg(self, pieces: Sequence[bytes | memoryview]) -> int:
        joined = bytearray()
        for piece in pieces:
            joined += piece[: JOINED_BYTES - len(joined)]
            if len(joined) == JOINED_BYTES:
                break
        return self.send(joined)

    def shutdown(self, how: int) -> None:
        """Say goodbye, without waiting for the answer, to whoever is still there."""
        with contextlib.suppress(OSError, ValueError):
            self._tls.unwrap()
        with contextlib.suppress(OSError):
            self._tls.shutdown(how)

    def close(self) -> None:
        self._tls.close()


def certified_name(certificate: dict[str, Any]) -> str:
    """The common name in a certificate, or its first alternative name; empty if it has neither."""
    for part in certificate.get("subject", ()):
        for kind, value in part:
            if kind == "commonName":
                return str(value)
    return next((str(value) for _, value in certificate.get("subjectAltName", ())), "")
