"""A stream of trio over what the entrance lets in: a plain socket, or one under TLS.

Both kinds have the same methods and raise BlockingIOError when there is nothing to be done now
(`warrener.exchange.server.tls`), so there is one stream for the two.
"""

from __future__ import annotations

import socket
from contextlib import suppress

import trio

from warrener.exchange.server.tls import TlsSocket

READ_BYTES = 64 * 1024


class GuestStream(trio.abc.HalfCloseableStream):
    """The broker's end of a connection, for one task."""

    def __init__(self, held: socket.socket | TlsSocket) -> None:
        self._socket = held

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await trio.lowlevel.checkpoint()
        left = memoryview(data)
        while left:
            try:
                left = left[self._socket.send(left) :]
            except BlockingIOError:
                await trio.lowlevel.wait_writable(self._socket)
            except OSError as error:
                raise trio.BrokenResourceError(str(error)) from error

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.wait_writable(self._socket)

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        await trio.lowlevel.checkpoint()
        while True:
            try:
                return self._socket.recv(max_bytes or READ_BYTES)
            except BlockingIOError:
                await trio.lowlevel.wait_readable(self._socket)
            except OSError as error:
                raise trio.BrokenResourceError(str(error)) from error

    async def send_eof(self) -> None:
        await trio.lowlevel.checkpoint()
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    async def aclose(self) -> None:
        if self._socket.fileno() >= 0:
            trio.lowlevel.notify_closing(self._socket)
        self._socket.close()
        await trio.lowlevel.checkpoint()
