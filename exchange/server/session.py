"""One TCP connection under trio.

The whole loop is here: read what there is, let the connection take it in, have the server close
the pass, which writes to every connection that got something. A session waits in two places,
for its socket to be readable and, when a client is slower than its deliveries, in a second task
for it to be writable.

The socket is used directly and not through trio's stream: trio's own receive and send go once
through the scheduler even when there is data (docs/hot-path.md has the figures), and
deliveries are written from within the pass of another connection, where nothing may wait.
"""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import trio

from warrener.exchange.errors import Busy
from warrener.exchange.server.connection import Connection
from warrener.exchange.server.deferral import DEFERRED_READ_BYTES, Deferral
from warrener.exchange.server.limits import connection_bytes
from warrener.exchange.server.reading import is_ahead
from warrener.exchange.server.tls import TlsSocket
from warrener.exchange.server.traffic import Traffic
from warrener.protocol.state import ConnectionState

if TYPE_CHECKING:
    from warrener.exchange.server.server import Server

T = TypeVar("T")

logger = logging.getLogger("warrener.session")

LINGER_S = 5
"""Time a client has to read our last words before the socket is closed on it."""


class Session:
    """A client's socket and its connection."""

    def __init__(
        self,
        server: Server,
        sock: socket.socket | TlsSocket,
        connection: Connection,
        traffic: Traffic,
        on_open: Callable[[], None],
    ) -> None:
        """`on_open` is called once the client has logged in and opened a virtual host."""
        self._server = server
        self._sock = sock
        self.connection = connection
        self.traffic = traffic
        self._on_open = on_open
        self._is_open = False
        self._waiting: trio.CancelScope | None = None
        """Of the task that reads, while it waits for the end of a deferral."""
        self._drained: trio.Event | None = None
        """Set when the task that waits to write has written everything; None without one."""
        self._closed = False
        self._cancel = trio.CancelScope()

    async def run(self) -> None:
        """Serve the client until one side has had enough; closes the socket."""
        try:
            with self._cancel:
                await self._read()
                await self._linger()
        except OSError as error:
            logger.info("%s: %s", self.connection.name, error.strerror or error)
        finally:
            self._closed = True
            self._report_end()
            self._server.forget(self)
            self._lose()
            trio.lowlevel.notify_closing(self._sock)
            self._sock.close()

    @property
    def memory_steps(self) -> int:
        """See `Holder`."""
        return 1 + len(self.connection.channels)

    def memory_bytes(self) -> int:
        """About what this client takes, without messages that are in queues."""
        return connection_bytes(self.connection)

    def _lose(self) -> None:
        """Have the connection give back what it holds, in a pass."""
        self._server.begin_pass()
        try:
            self.connection.lost()
        except Exception as error:
            self._server.note_failure(self.connection.name, error, "connection")
        self._server.end_pass()

    def _report_end(self) -> None:
        """Say that a client which was let in has gone, and whether it said so."""
        connection = self.connection
        if connection.state is ConnectionState.OPEN and not connection.dropped:
            logger.warning("%s: gone without connection.close", connection.name)
        elif connection.user:
            logger.info("%s: closed", connection.name)

    def drop(self) -> None:
        """Close the socket without further words."""
        self._cancel.cancel()

    async def _read(self) -> None:
        """Pass after pass until the client is gone or nothing more is wanted of it."""
        connection = self.connection
        deferral, server = connection.deferral, self._server
        while not connection.finished:
            if deferral.active:
                await self._wait_beside(deferral)
            if deferral.stalled or is_ahead(connection.target):
                # It has asked for more than a pass may do; that it is not read is no silence.
                connection.liveness.heard_at = time.monotonic()
                await trio.lowlevel.checkpoint()
                continue
            size = DEFERRED_READ_BYTES if deferral.active else connection.read_size()
            try:
                data = self._sock.recv(size)
            except BlockingIOError:
                if not deferral.active:
                    await trio.lowlevel.wait_readable(self._sock)
                continue
            if not data:
                await self._take_in_rest(deferral)
                return
            self.traffic.reads += 1
            self.traffic.received_bytes += len(data)
            self._pass(connection.receive, data)
            server.received(len(data))
            if not self._is_open:
                await self._go_on_with_handshake()
            if len(data) < size and not connection.finished and not deferral.active:
                await trio.lowlevel.wait_readable(self._sock)
            else:
                await trio.lowlevel.checkpoint()

    async def _wait_beside(self, deferral: Deferral) -> None:
        """Wait for more to sort, or until what waits may go on; then have it go on."""
        while deferral.needed:
            with trio.CancelScope() as self._waiting:
                if not deferral.full:
                    await trio.lowlevel.wait_readable(self._sock)
                    return
                await trio.sleep_forever()
        self._pass(self.connection.receive, b"")

    async def _take_in_rest(self, deferral: Deferral) -> None:
        """The client says no more; what it said has to wait as before."""
        while deferral.holds and not self.connection.finished:
            while deferral.needed:
                with trio.CancelScope() as self._waiting:
                    await trio.sleep_forever()
            self._pass(self.connection.receive, b"")
            await trio.lowlevel.checkpoint()

    def wake(self) -> None:
        """What the client said and had to wait may perhaps go on."""
        if self._waiting is not None and not self.connection.deferral.needed:
            self._waiting.cancel()

    def _pass(self, step: Callable[[T, float], None], subject: T) -> None:
        """Have the connection take one step, and let everyone have what comes of it."""
        connection = self.connection
        try:
            step(subject, self._server.begin_pass())
        except Exception as error:
            # Our own mistake: the client is told, the other connections go on.
            self._server.give_up(connection, error)
            connection.finished = True
        self._server.end_pass(connection)

    async def _go_on_with_handshake(self) -> None:
        """Find out whether the client is who it says, and tell when the connection is open."""
        connection = self.connection
        if connection.login is not None:
            try:
                verdict = await self._server.check_login(connection.login, self.traffic.peer[0])
            except Busy as error:
                self._pass(self._turn_away, error)
            else:
                self._pass(connection.finish_login, verdict)
        if connection.state is ConnectionState.OPEN:
            self._is_open = True
            self._on_open()

    def _turn_away(self, error: Busy, now: float) -> None:
        """The login of the client is not checked."""
        self.connection.login = None
        self.connection.fail(error)

    async def _linger(self) -> None:
        """Let the client read the last output: closing with bytes unread would destroy it."""
        with trio.move_on_after(LINGER_S):
            if self._drained is not None:
                await self._drained.wait()
            self._sock.shutdown(socket.SHUT_WR)
            while True:
                await trio.lowlevel.wait_readable(self._sock)
                if not self._sock.recv(65536):
                    return

    # Writing

    def flush(self) -> None:
        """Write what the socket takes; leave the rest to a task that waits for it.

        The same task asks for more deliveries if there were as many as the mark allows.
        """
        if self._waiting is not None:
            self.wake()
        if self._drained is not None or self._closed:
            return
        was_full = self.connection.room() <= 0
        try:
            self._write()
        except OSError:
            self.drop()
            return
        except Exception as error:
            self._server.note_failure(self.connection.name, error, "connection")
            self.drop()
            return
        if self.connection.output.size or was_full:
            self._drained = trio.Event()
            self._server.start(self._drain)

    def _write(self) -> None:
        output = self.connection.output
        while output.size:
            pieces = output.next_pieces()
            try:
                sent = (
                    self._sock.send(pieces[0]) if len(pieces) == 1 else self._sock.sendmsg(pieces)
                )
            except BlockingIOError:
                return
            output.written(sent)
            self.traffic.writes += 1
            self.traffic.sent_bytes += sent

    def _have_more(self) -> None:
        """Let the client have more deliveries, in a pass."""
        self._server.begin_pass()
        try:
            self.connection.drained()
        except Exception as error:
            self._server.give_up(self.connection, error)
        self._server.end_pass()

    async def _drain(self) -> None:
        """Write until the client has taken everything, and meanwhile let it have more."""
        assert self._drained is not None, "flush has started this task"
        try:
            while not self._closed:
                await trio.lowlevel.wait_writable(self._sock)
                self._write()
                # That it takes what it was sent is a sign of life.
                self.connection.liveness.heard_at = time.monotonic()
                self.wake()
                if self.connection.room() > 0:
                    self._have_more()
                if not self.connection.output.size:
                    return
        except (OSError, trio.ClosedResourceError):
            self.drop()
        finally:
            self._drained.set()
            self._drained = None
