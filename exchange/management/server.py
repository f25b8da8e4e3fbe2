"""The HTTP server: listeners, open connections, and the end.

Clients come in by the entrance that those of AMQP come in by: with TLS on listeners that have
certificates, behind a PROXY header if the operator says so.

It shares the task and the pass of the AMQP server, on whose nursery it runs: an endpoint that
touches the broker does so within a pass (`warrener.exchange.management.application`).
"""

from __future__ import annotations

import logging
import socket

import trio

from warrener.exchange.config import Config
from warrener.exchange.management.application import Application, Peer
from warrener.exchange.management.seats import Seat, Seats
from warrener.exchange.management.session import HttpSession
from warrener.exchange.management.stream import GuestStream
from warrener.exchange.server.descriptors import connections_possible
from warrener.exchange.server.entrance import AcceptTrouble, Guest, Listener, TurnedAway, enter
from warrener.exchange.server.server import is_loopback
from warrener.exchange.server.tls import Certificates

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
        _, seats = connections_possible(config.connections_max, config.http_connections_max)
        self._seats = Seats(seats)
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
                            accepting.start_soon(self._accept, listener, nursery)
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

    async def _accept(self, listener: Listener, nursery: trio.Nursery) -> None:
        nearby = self._is_nearby(listener)
        trouble = AcceptTrouble(logger)
        with listener.socket as accepting:
            while True:
                await trio.lowlevel.wait_readable(accepting)
                try:
                    sock, _ = accepting.accept()
                except BlockingIOError:
                    continue
                except OSError as error:
                    trouble.met(error)
                    await trio.sleep(ACCEPT_RETRY_S)
                    continue
                trouble.over()
                seat = self._seats.take()
                if seat is None:
                    sock.close()
                    continue
                nursery.start_soon(self._run, sock, seat, listener.certificates, nearby)

    async def _run(
        self, sock: socket.socket, seat: Seat, certificates: Certificates | None, nearby: bool
    ) -> None:
        try:
            with seat.scope:
                guest = await self._let_in(sock, certificates)
                peer = Peer(*guest.address, nearby)
                await self._serve(GuestStream(guest.socket), peer, seat)
        except (TurnedAway, OSError) as error:
            logger.info("a client was turned away at the entrance: %s", error)
            sock.close()
        except Exception as error:
            # A mistake of our own, at the entrance of this one connection: the API goes on.
            self.application.server.note_failure("entrance", error, "management")
            sock.close()
        finally:
            seat.leave()

    def _is_nearby(self, listener: Listener) -> bool:
        """Whether only this machine can come in there, and no proxy speaks for others."""
        address: str = listener.socket.getsockname()[0]
        return is_loopback(address) and not self._config.proxy_protocol

    async def _let_in(self, sock: socket.socket, certificates: Certificates | None) -> Guest:
        """Raises: TurnedAway, OSError."""
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return await enter(
            sock,
            certificates,
            proxied=self._config.proxy_protocol,
            patience_s=self._config.handshake_timeout_s,
        )

    async def _serve(self, stream: GuestStream, peer: Peer, seat: Seat) -> None:
        session = HttpSession(
            self.application,
            stream,
            peer,
            seat,
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
