"""The server: listeners, sessions, the clock, and the end.

Each session reads in its own task, but all of them work on one broker, one pass at a time:
nothing waits between `begin_pass` and `end_pass`, which is why no lock is needed. `end_pass`
closes the pass in the broker and then writes to every connection that has output.
"""

from __future__ import annotations

import gc
import ipaddress
import logging
import math
import socket
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import trio

from warrener.exchange.access.users import Login, Verdict
from warrener.exchange.broker import Broker
from warrener.exchange.config import Config
from warrener.exchange.failures import Owner
from warrener.exchange.server.admission import Admission, Place
from warrener.exchange.server.alarm import DiskAlarm, MemoryAlarm
from warrener.exchange.server.commits import Commits
from warrener.exchange.server.connection import CONNECTION_FORCED, Connection
from warrener.exchange.server.descriptors import connections_possible
from warrener.exchange.server.entrance import AcceptTrouble, Guest, Listener, TurnedAway, enter
from warrener.exchange.server.liveness import Standstill
from warrener.exchange.server.logins import Logins
from warrener.exchange.server.memory_watch import MemoryWatch
from warrener.exchange.server.session import Session
from warrener.exchange.server.tls import Certificates, TlsSocket
from warrener.exchange.server.traffic import Traffic
from warrener.protocol.errors import InternalError
from warrener.protocol.state import ConnectionState

logger = logging.getLogger("warrener.server")

TICK_S = 0.5
RESOURCE_ERROR = 506
SHUTDOWN_S = 5
"""Time clients have to answer when the broker ends."""
ACCEPT_RETRY_S = 0.1
"""Pause after an accept that failed because the machine is out of something."""
GC_THRESHOLDS = (25_000, 1, 200)
"""Objects made before the garbage collector looks at the new ones, how often it does so before it
looks at the last of them again, and how often that before it looks at all: messages have no cycles,
and its look at a million waiting ones would cost more than it could ever find (bench S9). With its
own second figure of 10, one look at half a million bindings took a fifth of a second."""


class Server:
    """Serves a broker on TCP listeners."""

    def __init__(self, broker: Broker, config: Config) -> None:
        self.broker = broker
        self.config = config
        self._sessions: dict[Connection, Session] = {}
        broker.memory.connections = self._sessions.values
        self._pending: list[Connection] = []
        self._memory_watch = MemoryWatch(broker.memory, config)
        self._memory_alarm = self._memory_watch.alarm
        self._unwatched_bytes = 0
        """Read from clients since memory was last looked at."""
        self._disk_alarm = DiskAlarm(config.disk_free_mark_bytes)
        self._commits = Commits(broker, self._write_out)
        self._nursery: trio.Nursery | None = None
        self._accepting = trio.CancelScope()
        self._ending = False
        connections_max, _ = connections_possible(
            config.connections_max, config.http_connections_max
        )
        self._admission = Admission(connections_max, config.handshakes_per_address_max)
        self._logins = Logins(broker.users)
        self._now = 0.0
        self._continuing = False
        self._standstill = Standstill(TICK_S)
        self._sooner = trio.Event()
        self._planned_ms = 0.0
        """The deadline for which the task that ticks will wake up, in ms since 1970."""

    # A pass

    def begin_pass(self) -> float:
        """Take the time, once for the whole pass; returns it for deadlines."""
        self._now = time.monotonic()
        self.broker.begin_pass(int(time.time() * 1000))
        return self._now

    def end_pass(self, connection: Connection | None = None) -> None:
        """Close the pass of a connection, and write to every one that has output by now.

        Each step in here guards those that it works for against each other. What nobody has met
        there is met here: the broker goes on with the next pass.
        """
        try:
            self.broker.hand_out()
            self._commits.end_pass(connection)
            self.broker.answer()
            self._write_out()
        except Exception as error:
            self.note_failure("end of pass", error)
        if self._next_due_ms() < self._planned_ms:
            self._sooner.set()
        if self.broker.unfinished and not self._continuing:
            self._continuing = True
            self.start(self._continue)

    def _next_due_ms(self) -> float:
        """When a pass is needed for a deadline; never, if one is on its way for that already."""
        deadlines = self.broker.deadlines
        return math.inf if deadlines.next is None or deadlines.unfinished else deadlines.next

    def _write_out(self) -> None:
        while self._pending:
            pending, self._pending = self._pending, []
            for connection in pending:
                connection.last_sent = self._now
                session = self._sessions.get(connection)
                if connection.failure:
                    self.give_up(connection, connection.failure)
                if session is not None:
                    session.flush()

    def stored(self) -> None:
        """The store has put more on disk: answer the publishers who wait for that."""
        self._attempt("stored", self._watch_space)
        self._attempt("stored", self.broker.answer)
        self._attempt("stored", self._write_out)

    # What fails

    def note_failure(self, step: str, error: Exception, kind: str = "server") -> None:
        """A step has raised `error`: see `Failures`."""
        self.broker.failures.note(Owner(kind, step), error, self.broker.ledger.now_ms)

    def give_up(self, connection: Connection, error: Exception) -> None:
        """Close a connection because a step for it has raised `error`, our own mistake."""
        connection.failure = None
        self.note_failure(connection.name, error, "connection")
        try:
            connection.fail(InternalError("unexpected internal error, see the log"))
        except Exception as again:
            self.note_failure(connection.name, again, "connection")
            connection.finished = connection.dropped = True
            session = self._sessions.get(connection)
            if session is not None:
                session.drop()

    def _attempt(self, step: str, run: Callable[[], object]) -> None:
        """Run one step; if it raises, that is noted and nothing else."""
        try:
            run()
        except Exception as error:
            self.note_failure(step, error)

    async def _isolated(self, task: Callable[[], Awaitable[Any]]) -> None:
        """Run a task; if it raises, the other tasks of the server go on."""
        try:
            await task()
        except Exception as error:
            self.note_failure(getattr(task, "__qualname__", repr(task)), error, "task")

    async def check_login(self, login: Login, address: str) -> Verdict:
        """Find out whether a login from a peer's address is right. Raises: Busy; OSError."""
        return await self._logins.check(login, address)

    @property
    def alarms(self) -> list[str]:
        """What is short."""
        return [alarm.resource for alarm in (self._memory_alarm, self._disk_alarm) if alarm.on]

    async def _continue(self) -> None:
        """Run another pass for work that was too much for one, after the others had theirs."""
        await trio.lowlevel.checkpoint()
        self._continuing = False
        self.begin_pass()
        self.broker.resume()
        self.end_pass()

    # Sessions

    def start(self, task: Callable[[], Awaitable[Any]]) -> None:
        """Run a task beside the sessions."""
        assert self._nursery is not None, "sessions live only while the server serves"
        self._nursery.start_soon(self._isolated, task)

    @property
    def memory_mark_bytes(self) -> int:
        """Where the memory alarm begins."""
        return self._memory_alarm.mark_bytes

    @property
    def connections_max(self) -> int:
        """How many AMQP connections there may be, those that have not logged in included."""
        return self._admission.connections_max

    @property
    def sessions(self) -> list[Session]:
        """All sessions, whether their clients have logged in or not."""
        return list(self._sessions.values())

    def forget(self, session: Session) -> None:
        self._sessions.pop(session.connection, None)

    def _admit_or_close(self, sock: socket.socket, certificates: Certificates | None) -> None:
        """Raises: OSError if the client is gone, or the machine out of something."""
        try:
            self._admit(sock, certificates)
        except OSError:
            sock.close()
            raise
        except Exception as error:
            sock.close()
            self.note_failure("accept", error)

    def _admit(self, sock: socket.socket, certificates: Certificates | None) -> None:
        """Serve a client that has connected, or close its socket if there are too many.

        Raises: OSError if it is gone already.
        """
        address = sock.getpeername()[:2]
        place = self._admission.enter(address[0], trio.current_time())
        if place is None:
            sock.close()
            return
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.start(partial(self._serve_at, place, sock, certificates, address))

    async def _serve_at(
        self,
        place: Place,
        sock: socket.socket,
        certificates: Certificates | None,
        address: tuple[str, int],
    ) -> None:
        try:
            with place.scope:
                if certificates is None and not self.config.proxy_protocol:
                    await self._open_session(Guest(sock, address), place).run()
                else:
                    await self._serve_at_entrance(sock, certificates, place)
        finally:
            place.leave()

    async def _serve_at_entrance(
        self, sock: socket.socket, certificates: Certificates | None, place: Place
    ) -> None:
        """Serve a client that has something to pass first."""
        config = self.config
        try:
            guest = await enter(
                sock,
                certificates,
                proxied=config.proxy_protocol,
                patience_s=config.handshake_timeout_s,
            )
        except (TurnedAway, OSError) as error:
            logger.warning("a client was turned away at the entrance: %s", error)
            return
        await self._open_session(guest, place).run()

    def _open_session(self, guest: Guest, place: Place) -> Session:
        tls = guest.socket.agreement if isinstance(guest.socket, TlsSocket) else None
        local = guest.socket.getsockname()[:2]
        traffic = Traffic(guest.address, local, int(time.time() * 1000), tls)
        connection = Connection(
            self.broker,
            self.config,
            name=traffic.name,
            from_loopback=is_loopback(guest.address[0]),
            certified_name=guest.certified_name,
            now=self.begin_pass(),
            on_pending=self._note_pending,
        )
        session = Session(
            self, guest.socket, connection, traffic, partial(self._opened, place, connection)
        )
        self._sessions[connection] = session
        return session

    def _opened(self, place: Place, connection: Connection) -> None:
        """A client has logged in and opened a virtual host."""
        place.opened()
        # It is told so at the next tick.
        connection.deferral.blocked = bool(self.alarms)

    def _note_pending(self, connection: Connection) -> None:
        self._pending.append(connection)

    # The life of the server

    async def serve(
        self, listeners: list[Listener], ready: Callable[[], None] = lambda: None
    ) -> None:
        """Serve until `shut_down`, which closes the listeners.

        `ready` is called when clients are served.
        """
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            nursery.start_soon(self._tick_forever)
            nursery.start_soon(self._commits.run)
            nursery.start_soon(self._accept_all, listeners)
            ready()
        # What the end of the last sessions has left, too.
        self.broker.finish()

    async def shut_down(self, reason: str) -> None:
        """Take no new work, tell the clients, and stop serving."""
        assert self._nursery is not None, "only a server that serves can end"
        self._ending = True
        self._accepting.cancel()
        now = self.begin_pass()
        # Publishers hear what became of their messages before they hear the end.
        self.broker.end_pass()
        for connection, session in list(self._sessions.items()):
            try:
                connection.close(CONNECTION_FORCED, reason, now)
            except Exception as error:
                self.give_up(connection, error)
            if connection.finished:
                session.drop()
        self.end_pass()
        with trio.move_on_after(SHUTDOWN_S):
            while self._sessions:
                await trio.sleep(0.01)
        self._nursery.cancel_scope.cancel()

    async def _accept_all(self, listeners: list[Listener]) -> None:
        """Let clients in until the end is told."""
        with self._accepting:
            async with trio.open_nursery() as nursery:
                for listener in listeners:
                    nursery.start_soon(self._accept, listener)

    async def _accept(self, listener: Listener) -> None:
        with listener.socket as listening:
            trouble = AcceptTrouble(logger)
            while True:
                await trio.lowlevel.wait_readable(listening)
                try:
                    sock, _ = listening.accept()
                    self._admit_or_close(sock, listener.certificates)
                except (BlockingIOError, ConnectionError):
                    continue
                except OSError as error:
                    trouble.met(error)
                    await trio.sleep(ACCEPT_RETRY_S)
                else:
                    trouble.over()

    async def _tick_forever(self) -> None:
        """The one task that sleeps: until the next tick, or a deadline that comes before it."""
        next_tick = trio.current_time() + TICK_S
        while True:
            self._sooner = trio.Event()
            self._planned_ms = self._next_due_ms()
            wait_s = max(0, self._planned_ms - time.time() * 1000) / 1000
            with trio.move_on_at(min(next_tick, trio.current_time() + wait_s)):
                await self._sooner.wait()
            now = self.begin_pass()
            if trio.current_time() >= next_tick:
                self._tick(now)
                next_tick = trio.current_time() + TICK_S
            self.end_pass()

    def _tick(self, now: float) -> None:
        late = self._standstill.look(now)
        if late:
            logger.warning("the broker stood still for %.1f s", late)
        for connection, session in list(self._sessions.items()):
            try:
                if late:
                    connection.liveness.forgive(late)
                connection.tick(now)
            except Exception as error:
                self.give_up(connection, error)
            if connection.dropped:
                session.drop()
        self._attempt("resources", self._watch_resources)
        self._attempt("tidying", self.broker.tidy)

    def _watch_resources(self) -> None:
        self._watch_space()
        self._unwatched_bytes = 0
        changed: list[MemoryAlarm | DiskAlarm] = []
        if self._memory_watch.look(self._now):
            changed.append(self._memory_alarm)
        if self._disk_alarm.update(self.broker.ledger.free_bytes()):
            changed.append(self._disk_alarm)
        self._close_too_large()
        for alarm in changed:
            change = "set" if alarm.on else "cleared"
            logger.warning("%s", alarm.report())
            self.broker.activity.events.tell(f"alarm.{change}", resource=alarm.resource)
        if self.alarms:
            # At every tick, for those who have come since.
            for connection in self._sessions:
                connection.block(f"low on {' & '.join(self.alarms)}")
        elif changed:
            for connection, session in self._sessions.items():
                connection.unblock()
                session.wake()

    def received(self, size: int) -> None:
        """So many bytes were read from a client: after many, look at memory before the tick."""
        self._unwatched_bytes += size
        if self._unwatched_bytes > self._memory_watch.read_max_bytes:
            self.begin_pass()
            self._attempt("resources", self._watch_resources)
            self.end_pass()

    def _close_too_large(self) -> None:
        """Close connections that take more memory than one may."""
        most = self._memory_watch.connection_max_bytes
        for session in self._memory_watch.too_large(self._sessions.values()):
            if session.connection.state is not ConnectionState.OPEN:
                continue
            text = f"connection takes more than connection_memory_max_bytes ({most})"
            logger.warning("%s: %s", session.connection.name, text)
            session.connection.close(RESOURCE_ERROR, text, self._now)

    def _watch_space(self) -> None:
        if self.broker.watch_disk(self.config.disk_free_mark_bytes):
            if self.broker.ledger.full:
                logger.error("the disk is full: persistent messages are refused")
            else:
                logger.warning("there is space on the disk again: messages are accepted")


def is_loopback(address: str) -> bool:
    """Whether a peer's address is this machine's own."""
    try:
        parsed = ipaddress.ip_address(address.split("%")[0])
    except ValueError:
        return False
    mapped = getattr(parsed, "ipv4_mapped", None)
    return (mapped or parsed).is_loopback


def open_listeners(host: str, port: int) -> list[socket.socket]:
    """Bind and listen on every address of `host`. Raises: OSError."""
    listeners: list[socket.socket] = []
    try:
        for family, kind, protocol, _, address in socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        ):
            listeners.append(socket.socket(family, kind, protocol))
            _listen(listeners[-1], address)
    except OSError:
        for listener in listeners:
            listener.close()
        raise
    return listeners


def _listen(listener: socket.socket, address: Any) -> None:
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if listener.family == socket.AF_INET6:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    listener.bind(address)
    listener.listen(1024)
    listener.setblocking(False)
