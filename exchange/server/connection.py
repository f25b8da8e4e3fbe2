"""One AMQP connection, without I/O.

Bytes go in by `receive`, bytes to be written stand in `output`, time comes in by `tick`; the
session does the rest. `finished` says that the output is the last, and `dropped` that the
client is gone and the socket should simply be closed.

A connection is the sink of its reader (warrener.protocol.reader). Methods on channel 0 are
handled here by the table of states; those of other channels go to their `ServerChannel`. What
goes wrong is told to the client where it happened: a refusal closes the channel, a mistake in
the conversation closes the connection, and bytes that are no AMQP end it at once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from warrener.exchange.access.users import IMPERSONATOR, Login, User, Verdict
from warrener.exchange.broker import Broker
from warrener.exchange.config import Config
from warrener.exchange.errors import Refused
from warrener.exchange.message import Message
from warrener.exchange.queues.waitlist import Waitlist
from warrener.exchange.server.channel import ServerChannel
from warrener.exchange.server.deferral import Deferral
from warrener.exchange.server.gathering import Gathering
from warrener.exchange.server.greeting import (
    HANDSHAKE_FRAME_MAX_BYTES,
    REFUSED_LOGIN_DELAY_S,
    answer_to_strangers,
    begin_login,
    first_frame,
    has_capability,
    negotiated,
    refused_login,
    shares_prefetch,
    speaks_amqp,
    start,
    tune,
)
from warrener.exchange.server.handlers import handler_for, without_line_ends
from warrener.exchange.server.limits import refuse_size, refuse_unfinished
from warrener.exchange.server.liveness import Liveness
from warrener.exchange.server.output import Output
from warrener.exchange.server.publication import Publication
from warrener.exchange.server.reading import read_bytes
from warrener.protocol import methods as m
from warrener.protocol.codec import Method
from warrener.protocol.errors import (
    ChannelError,
    CommandInvalid,
    InternalError,
    NotAllowed,
    ProtocolError,
    UnexpectedFrame,
    reply_text,
)
from warrener.protocol.frames import (
    FRAME_HEAD_BYTES,
    HEARTBEAT_FRAME,
    METHOD,
    PROTOCOL_HEADER,
    frame,
)
from warrener.protocol.methods import decode_method
from warrener.protocol.reader import Reader
from warrener.protocol.state import (
    ChannelState,
    ConnectionState,
    next_channel_state,
    next_connection_state,
)

if TYPE_CHECKING:
    from warrener.exchange.access.permissions import Rights
    from warrener.exchange.route import Route
    from warrener.exchange.vhost import VirtualHost

logger = logging.getLogger("warrener.connection")

LEAVING_S = 0.2
"""Time a client that has closed the connection has to close the socket as well."""
PUBLICATIONS_MAX = 4096
"""Publish methods remembered for a connection; a publisher with more routing keys than this
pays for finding its routes anew now and then, and no memory grows without end."""
CONNECTION_FORCED = 320


class Connection:
    """The state of one client's connection.

    `on_pending` is called when there is output after there was none.
    """

    def __init__(
        self,
        broker: Broker,
        config: Config,
        *,
        name: str,
        from_loopback: bool,
        certified_name: str = "",
        now: float,
        on_pending: Callable[[Connection], None],
    ) -> None:
        self.broker = broker
        self.config = config
        self.name = name
        self.state = ConnectionState.HEADER
        self.finished = False
        self.dropped = False
        self.failure: Exception | None = None
        """What a step for this client has raised in the work for others: it is to be closed."""
        self._on_pending = on_pending
        self.output = Output(lambda: on_pending(self))
        self.waitlist = Waitlist(lambda: self.room() > 0)
        """Consumers of any channel that wait for room in the output."""
        self.channels: dict[int, ServerChannel] = {}
        self.publications: dict[bytes, Any] = {}
        self.frame_max = config.frame_max_bytes
        self.client_properties: dict[str, Any] = {}
        self.user = ""
        self.may_impersonate = False
        """Whether its messages may bear the name of another user."""
        self.login: Login | None = None
        """A login that has to be checked; nothing more is read until `finish_login`."""
        self.vhost: VirtualHost
        self.rights: Rights
        """Where the client is, and what it may do there, once it has opened the connection."""
        self.notifies_cancel = False
        self.shares_prefetch = False
        """Whether this client means the whole channel by a prefetch that is not global."""
        self.last_sent = now
        self.liveness = Liveness(now, now + config.handshake_timeout_s)
        self._excluded = frozenset() if from_loopback else config.loopback_names
        self._certified_name = certified_name
        body_max, unfinished_max = config.message_max_bytes, config.unfinished_max_bytes
        frame_max = HANDSHAKE_FRAME_MAX_BYTES
        self._reader = Reader(self, Message, frame_max, body_max, unfinished_max)
        self._early = b""
        """Bytes of a client that is not known yet."""
        self.mechanism = ""
        self.channel_max = config.channel_max
        self.target: Route | None = None
        """What this client published along last, if it ever published into a queue."""
        self._gathering = Gathering()
        self.blocked = False
        self.deferral = Deferral(self, self._reader)

    # Bytes and time

    def receive(self, data: bytes, now: float) -> None:
        """Take in bytes that were read at `now`, seconds on any monotonic clock."""
        self.liveness.heard_at = now
        if self.finished:
            return
        if self.deferral.active:
            data = self.deferral.sort(data)
        elif self.state is not ConnectionState.OPEN:
            data = self._greet(data)
        if data:
            self._feed(data)

    def tick(self, now: float) -> None:
        """Do what is due: heartbeats, and giving up on a client that is late."""
        liveness = self.liveness
        liveness.now = now
        if self.state is not ConnectionState.OPEN:
            self.dropped = self.dropped or liveness.is_late
        elif liveness.is_silent and not (self.blocked or self.deferral.full):
            logger.warning("%s: no heartbeat for %d s", self.name, 2 * liveness.heartbeat_s)
            self.dropped = True
        elif liveness.owes_heartbeat(self.last_sent):
            self.output.write(HEARTBEAT_FRAME)

    def lost(self) -> None:
        """The socket is gone."""
        self._end(failed=True)
        self.state = ConnectionState.CLOSED
        self.finished = True

    def read_size(self) -> int:
        """How many bytes to read at once."""
        if not self.user:
            return HANDSHAKE_FRAME_MAX_BYTES
        target = self.target if self._gathering.is_known else None
        return read_bytes(self._reader.missing, target)

    def room(self) -> int:
        """Bytes of deliveries this connection still takes."""
        return 0 if self.failure else self.config.output_mark_bytes - self.output.size

    def drained(self) -> None:
        """The output has been written after it had not all been taken: deliver again."""
        if self.deferral.holds and not self.deferral.needed:
            self.receive(b"", self.liveness.heard_at)
        self.waitlist.wake()

    # What the broker tells the client

    def note_target(self, route: Route) -> None:
        """The client has published along `route`."""
        self.target = route

    def block(self, reason: str) -> None:
        """Have the publishes of a client wait, and tell it so."""
        if not self.blocked and self.state is ConnectionState.OPEN:
            self.blocked = self.deferral.blocked = True
            if has_capability(self.client_properties, "connection.blocked"):
                self._send(m.ConnectionBlocked(reason))

    def unblock(self) -> None:
        self.deferral.blocked = False
        if self.blocked:
            self.blocked = False
            if has_capability(self.client_properties, "connection.blocked"):
                self._send(m.ConnectionUnblocked())

    @property
    def channel_count(self) -> int:
        return sum(channel.is_open for channel in self.channels.values())

    def force_close(self, text: str) -> None:
        """The broker takes away what this connection stands on."""
        self.close(CONNECTION_FORCED, text, self.liveness.latest)

    def close(self, code: int, text: str, now: float) -> None:
        """End the connection from our side, in order. Its deliveries have not failed by that."""
        if self.state is ConnectionState.OPEN:
            self._send_close(code, text, 0, 0, failed=False)
            self.liveness.deadline = now + self.config.handshake_timeout_s
        else:
            self._finish()

    def fail(self, error: ProtocolError | Refused, class_id: int = 0, method_id: int = 0) -> None:
        """End the connection because of a mistake of the client's."""
        logger.warning("%s: %s %s", self.name, error.name, error.text)
        if self.state in (ConnectionState.CLOSING, ConnectionState.CLOSED):
            return
        if isinstance(error, ProtocolError) and error.class_id:
            class_id, method_id = error.class_id, error.method_id
        failed = not isinstance(error, InternalError)
        self._send_close(error.code, error.text, class_id, method_id, failed)
        self.liveness.deadline = self.liveness.heard_at + self.config.handshake_timeout_s

    def break_off(self, error: Exception) -> None:
        """A step for this client has raised `error` amid the work for others: `fail` later."""
        if self.failure is None:
            self.failure = error
            self._on_pending(self)

    # What the reader tells us

    def method(self, number: int, payload: bytes) -> None:
        try:
            if number == 0:
                self._receive(decode_method(payload))
            elif self._listens():
                # What was published before in this pass counts for what is asked now.
                self.broker.hand_out()
                self._gathering.end()
                self._receive_on(number, decode_method(payload))
                self.deferral.pause()
        except (ProtocolError, Refused) as error:
            self.fail(
                error, int.from_bytes(payload[:2], "big"), int.from_bytes(payload[2:4], "big")
            )

    def acknowledge(self, number: int, tags: list[int], multiple: bool) -> None:
        channel = self.channels.get(number)
        if channel is None or channel.state is not ChannelState.OPEN:
            self.method(number, m.BasicAck(tags[0], multiple).encode())
            return
        try:
            channel.acknowledge(tags, multiple)
        except Refused as refusal:
            channel.fail(refusal, m.BasicAck.class_id, m.BasicAck.method_id)
        self.deferral.pause_if_exhausted()

    def publication(self, number: int, method_frame: bytes) -> Publication | None:
        try:
            if not self._listens():
                return None
            method = decode_method(method_frame[FRAME_HEAD_BYTES:-1])
            assert isinstance(method, m.BasicPublish), "the reader looks at the method's number"
            channel = self._channel(number)
            if next_channel_state(channel.state, number, method) is None:
                return None
            publication = channel.publication(method)
        except (ProtocolError, Refused) as error:
            self.fail(error, m.BasicPublish.class_id, m.BasicPublish.method_id)
            return None
        if len(self.publications) >= PUBLICATIONS_MAX:
            self.publications.clear()
        self.publications[method_frame] = publication
        return publication

    def gather(self, publication: Publication, first: bool) -> bool:
        return self._gathering.join(publication, first)

    def publish(self, publication: Publication, messages: list[Message], size: int) -> None:
        if publication.heavy or self.deferral.runs:
            self.deferral.publish(publication, messages)
        else:
            publication.channel.publish(publication, messages, size)

    def refuse_size(self, number: int, size: int) -> bool:
        return refuse_size(self.channels[number], size)

    def refuse_unfinished(self, number: int) -> None:
        refuse_unfinished(self.channels[number])

    def unexpected_content(self, number: int) -> None:
        if self.state in (ConnectionState.CLOSING, ConnectionState.CLOSED):
            return
        channel = self.channels.get(number)
        if channel is None or channel.state is not ChannelState.CLOSING:
            raise UnexpectedFrame(f"content on channel {number} without a publish")

    # Channels

    def handle(self, channel: ServerChannel, method: Method) -> Method | None:
        return handler_for(method)(channel, without_line_ends(method))

    def forget_publications(self, channel: ServerChannel) -> None:
        """What `channel` published along is no longer true, nor will its content be complete."""
        self._reader.abandon(channel.number)
        for key in [k for k, p in self.publications.items() if p.channel is channel]:
            del self.publications[key]

    def _receive_on(self, number: int, method: Method) -> None:
        if method.class_id == m.ConnectionStart.class_id:
            raise CommandInvalid(
                f"{method.name} on channel {number}", method.class_id, method.method_id
            )
        channel = self._channel(number)
        channel.receive(method)
        if channel.state is ChannelState.CLOSED:
            self.channels.pop(number, None)
        elif self.state is ConnectionState.OPEN:
            self.channels[number] = channel

    def _channel(self, number: int) -> ServerChannel:
        if number > self.channel_max:
            raise NotAllowed(f"channel {number} is beyond channel_max {self.channel_max}")
        return self.channels.get(number) or ServerChannel(self, number)

    def _listens(self) -> bool:
        """Whether methods on channels count now. Raises: ChannelError before the opening."""
        if self.state is ConnectionState.OPEN:
            return True
        if self.state in (ConnectionState.CLOSING, ConnectionState.CLOSED):
            return False
        raise ChannelError("method on a channel before the connection is open")

    # Channel 0

    def _greet(self, data: bytes) -> bytes:
        """Take in what comes before the login is over; returns what comes behind it."""
        self._early += data
        if self.state is ConnectionState.HEADER:
            self._read_header()
        while self.state is ConnectionState.START and (frame := first_frame(self._early)):
            self._early = self._early[len(frame) :]
            self._feed(frame)
        if self.login or self.state in (ConnectionState.HEADER, ConnectionState.START):
            return b""
        behind, self._early = self._early, b""
        return behind

    def _read_header(self) -> None:
        understood = speaks_amqp(self._early)
        if understood:
            self._early = self._early[len(PROTOCOL_HEADER) :]
            self.state = ConnectionState.START
            self._send(start(self.config, certified=bool(self._certified_name)))
        elif understood is False:
            logger.warning("%s: not AMQP 0-9-1: %r", self.name, self._early[:8])
            self.output.write(answer_to_strangers(self._early))
            self._finish()

    def _feed(self, data: bytes) -> None:
        try:
            self._reader.feed(data)
        except ProtocolError as error:
            self.fail(error)
            self._finish()

    def _receive(self, method: Method) -> None:
        following = next_connection_state(self.state, method)
        if following is not None:
            self.state = following
            _OWN_METHODS[type(method)](self, method)

    def _start_ok(self, method: m.ConnectionStartOk) -> None:
        self.client_properties = method.client_properties
        self.notifies_cancel = has_capability(self.client_properties, "consumer_cancel_notify")
        self.shares_prefetch = shares_prefetch(self.client_properties, self.config)
        self.mechanism = method.mechanism
        login = begin_login(self.broker.users, method, self._certified_name, self._excluded)
        if login.user is not None:
            self._welcome(login.user)
        else:
            self.login = login

    def finish_login(self, verdict: Verdict, now: float) -> None:
        """The login has been checked: answer it, and go on with what came behind it."""
        self.liveness.heard_at = now
        login, self.login = self.login, None
        if self.finished or login is None:
            return
        user = self.broker.users.finish(login, verdict)
        if user is None:
            self._refuse_login(login.name)
        else:
            self._welcome(user)
        self.receive(b"", now)

    def _welcome(self, user: User) -> None:
        self.user = user.name
        self.may_impersonate = IMPERSONATOR in user.tags
        self.broker.activity.logins["amqp091", True] += 1
        self._send(tune(self.config))

    def _refuse_login(self, name: str) -> None:
        logger.warning("%s: login of %r refused", self.name, name)
        self.broker.activity.logins["amqp091", False] += 1
        if has_capability(self.client_properties, "authentication_failure_close"):
            self.fail(refused_login(self.mechanism))
            return
        self.state = ConnectionState.CLOSING
        self.liveness.deadline = self.liveness.heard_at + REFUSED_LOGIN_DELAY_S

    def _tune_ok(self, method: m.ConnectionTuneOk) -> None:
        self.frame_max, self.channel_max = negotiated(method, self.config)
        self._reader.frame_max = self.frame_max
        self.liveness.heartbeat_s = method.heartbeat

    def _open(self, method: m.ConnectionOpen) -> None:
        self.vhost, self.rights = self.broker.connections.open(self, self.user, method.virtual_host)
        self._send(m.ConnectionOpenOk())
        logger.info("%s: user '%s' opened vhost '%s'", self.name, self.user, self.vhost.name)

    def _close(self, method: m.ConnectionClose) -> None:
        # The client closes the socket: one that says close twice at once wants both answered.
        self._end(failed=True)
        self._send(m.ConnectionCloseOk())
        self.liveness.deadline = self.liveness.heard_at + LEAVING_S

    # The end

    def _send(self, method: Method) -> None:
        self.output.write(frame(METHOD, 0, method.encode()))

    def _send_close(
        self, code: int, text: str, class_id: int, method_id: int, failed: bool
    ) -> None:
        self._end(failed)
        self.state = ConnectionState.CLOSING
        self._send(m.ConnectionClose(code, reply_text(code, text), class_id, method_id))

    def _end(self, failed: bool) -> None:
        """Give back everything this connection holds; `failed` as in `Channel.close`."""
        self.deferral.end()
        channels, self.channels = self.channels, {}
        for channel in channels.values():
            try:
                channel.end(failed)
            except Exception as error:
                # The other channels have to give back theirs nevertheless.
                self.vhost.note_failure("channel", f"{self.name} ({channel.number})", error)
            channel.state = ChannelState.CLOSING
        if self.broker.connections.leave(self):
            self.vhost.connection_left(self)

    def _finish(self) -> None:
        self.state = ConnectionState.CLOSED
        self.finished = True


_OWN_METHODS: dict[type[Method], Callable[[Connection, Any], None]] = {
    m.ConnectionStartOk: Connection._start_ok,
    m.ConnectionTuneOk: Connection._tune_ok,
    m.ConnectionOpen: Connection._open,
    m.ConnectionClose: Connection._close,
    m.ConnectionCloseOk: lambda connection, method: connection._finish(),
    m.ConnectionUpdateSecret: lambda connection, _: connection._send(m.ConnectionUpdateSecretOk()),
}
