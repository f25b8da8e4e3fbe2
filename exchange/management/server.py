"""The HTTP server: listeners, open connections, and the end.

It shares the task and the pass of the AMQP server, on whose nursery it runs: an endpoint that
touches the broker does so within a pass (`warrener.exchange.management.application`).
"""

from __future__ import annotations

import logging
import socket

import trio

from warrener.exchange.config import Config
from warrener.exchange.management.application import Application, Peer
from warrener.exchange.management.session import HttpSession
from warrener.exchange.server.entrance import Listener

logger = logging.getLogger("warrener.http")

SHUTDOWN_S = 3
"""Time that requests under way have when the broker ends."""
ACCEPT_RETRY_S = 0.1


class HttpServer:
    """Serves an application on listeners."""

    def __init__(self, application: Application, config: Config) -> None:
        self.application = application
        self._config = config
        self._sessions: set[HttpSession] = set()
        self._accepting = trio.CancelScope()
        self._scope = trio.CancelScope()

    async def serve(
        self,
        listeners: list[Listener],
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Serve until `shut_down`, which closes the listeners."""
        with self._scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self.application.run)
                with self._accepting:
                    async with trio.open_nursery() as accepting:
                        for listener in listeners:
                            accepting.start_soon(self._accept, listener.socket, nursery)
                        task_status.started()

    async def shut_down(self) -> None:
        """Take no new requests, let those under way come to an end, and stop serving."""
        self._accepting.cancel()
        for session in self._sessions:
            session.end()
        with trio.move_on_after(SHUTDOWN_S):
            while self._sessions:
                await trio.sleep(0.01)
        self._scope.cancel()

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._sessions)

    async def _accept(self, listener: socket.socket, nursery: trio.Nursery) -> None:
        with trio.socket.from_stdlib_socket(listener) as accepting:
            while True:
                try:
                    sock, _ = await accepting.accept()
                except OSError as error:
                    logger.error("cannot accept a connection: %s", error.strerror)
                    await trio.sleep(ACCEPT_RETRY_S)
                    continue
                if len(self._sessions) >= self._config.http_connections_max:
                    sock.close()
                    continue
                nursery.start_soon(self._run, sock)

    async def _run(self, sock: trio.socket.SocketType) -> None:
        try:
            peer = Peer(*sock.getpeername()[:2])
            stream = trio.SocketStream(sock)
        except OSError:
            sock.close()
            return
        session = HttpSession(
            self.application,
            stream,
            peer,
            idle_s=self._config.http_idle_timeout_s,
            request_s=self._config.http_request_timeout_s,
        )
        self._sessions.add(session)
        try:
            await session.run()
        except Exception:
            # A mistake of our own, in this one connection: the broker goes on.
            logger.exception("%s: unexpected internal error", peer)
        finally:
            self._sessions.discard(session)
