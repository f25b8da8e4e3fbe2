"""One HTTP connection under trio: requests in, one after the other, and their responses out.

Whoever says nothing, or says it too slowly, or does not read what he is told, is given up after a
while. A connection is closed so that its last words arrive: sending is ended first, and what the
client still had to say is read for a moment and thrown away.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING

import trio

from warrener.exchange.management.call import STRANGER
from warrener.protocol.http.connection import ServerConnection
from warrener.protocol.http.errors import HttpError, TooSlow
from warrener.protocol.http.request import Request
from warrener.protocol.http.response import Response

if TYPE_CHECKING:
    from warrener.exchange.management.application import Application, Peer
    from warrener.exchange.management.seats import Seat

logger = logging.getLogger("warrener.http")

READ_BYTES = 8 * 1024
"""A body may come in chunks of a byte, each of which takes h11 as long as a kilobyte: what is read
at once is what is looked at at once, and nobody is to wait for that."""
SKIPPED_BYTES = 64 * 1024
"""Of a request that was refused, to keep its connection."""
LINGER_S = 2
LINGER_BYTES = 1 << 20
Lost = (trio.BrokenResourceError, trio.ClosedResourceError)


class HttpSession:
    """A client's stream, and what is asked through it."""

    def __init__(
        self,
        application: Application,
        stream: trio.abc.HalfCloseableStream,
        peer: Peer,
        seat: Seat,
        *,
        idle_s: float,
        request_s: float,
    ) -> None:
        self._application = application
        self._stream = stream
        self._peer = peer
        self._seat = seat
        self._idle_s = idle_s
        self._request_s = request_s
        self._wire = ServerConnection()
        self._scope = trio.CancelScope()
        self._ending = False
        self._waiting = True
        """Whether nobody would miss anything if the connection was closed now."""

    async def run(self) -> None:
        """Serve the client until one side has had enough; closes the stream."""
        try:
            with self._scope, suppress(*Lost):
                while await self._serve():
                    pass
                await self._linger()
        finally:
            await trio.aclose_forcefully(self._stream)

    def end(self) -> None:
        """Take no further request, and let the one that is under way come to its end."""
        self._ending = True
        if self._waiting:
            self._scope.cancel()

    async def _serve(self) -> bool:
        """Answer one request; returns whether there may be another."""
        try:
            request = await self._receive_head()
            if request is None:
                return False
            response = await self._answer(request)
        except HttpError as error:
            self._seat.rest()
            response = self._application.refuse(error)
            await self._skip_body()
        await self._send(response)
        return not self._wire.is_over and not self._ending

    async def _receive_head(self) -> Request | None:
        """The next request; None if none comes. Raises: HttpError."""
        self._waiting = True
        self._seat.rest()
        with trio.move_on_after(self._idle_s) as idle:
            while (request := self._wire.next_request()) is None:
                if self._wire.is_over:
                    return None
                data = await self._stream.receive_some(READ_BYTES)
                if self._waiting and data:
                    self._waiting = False
                    idle.deadline = trio.current_time() + self._request_s
                self._wire.receive(bytes(data))
            self._waiting = False
            self._seat.work()
            return request
        if self._waiting:
            return None
        raise TooSlow("the request does not come to its end")

    async def _answer(self, request: Request) -> Response:
        """Find out who asks before his body is waited for. Raises: HttpError."""
        call = await self._application.begin(request, self._peer)
        if call.user is STRANGER:
            # Whatever he is given, he might never read it.
            self._seat.rest()
        else:
            self._seat.is_known = True
        body = await self._receive_body(self._application.body_bytes_max(call))
        return await self._application.answer(call, body)

    async def _receive_body(self, bytes_max: int) -> bytes:
        """Raises: HttpError."""
        with trio.move_on_after(self._request_s):
            if proceed := self._wire.proceed():
                await self._stream.send_all(proceed)
            while (body := self._wire.next_body(bytes_max)) is None:
                self._wire.receive(bytes(await self._stream.receive_some(READ_BYTES)))
            return body
        raise TooSlow("the body of the request does not come to its end")

    async def _skip_body(self) -> None:
        """Of a request that was refused: pass by a body that is there already."""
        with suppress(HttpError):
            self._wire.next_body(SKIPPED_BYTES)

    async def _send(self, response: Response) -> None:
        if response.parts is None:
            await self._write(self._wire.respond(response))
            return
        await self._write(self._wire.start(response))
        if self._wire.is_head_asked:
            await self._write(self._wire.finish())
            return
        self._waiting = response.endless
        if isinstance(response.parts, AsyncGenerator):
            async with aclosing(response.parts) as parts:
                async for part in parts:
                    await self._write(self._wire.part(part))
        else:
            for part in response.parts:
                await self._write(self._wire.part(part))
        await self._write(self._wire.finish())

    async def _write(self, data: bytes) -> None:
        with trio.move_on_after(self._request_s):
            await self._stream.send_all(data)
            return
        raise trio.BrokenResourceError("the client does not read what it is told")

    async def _linger(self) -> None:
        self._waiting = True
        with trio.move_on_after(LINGER_S):
            await self._stream.send_eof()
            left = LINGER_BYTES
            while left > 0 and (data := await self._stream.receive_some(READ_BYTES)):
                left -= len(data)
