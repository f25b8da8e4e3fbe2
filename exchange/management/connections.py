"""Connections: who is connected, from where, and how to be rid of them.

Who may not see everything sees its own connections.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from warrener.exchange.management.access import is_administrator, is_monitor
from warrener.exchange.management.call import Call, done
from warrener.exchange.management.errors import NotAuthorised
from warrener.exchange.management.listing import Columns, Listing
from warrener.exchange.management.node import node_name
from warrener.exchange.management.sampler import traffic_values
from warrener.exchange.management.spans import TRAFFIC, tracks
from warrener.exchange.management.statistics import rates_of
from warrener.exchange.management.values import plain
from warrener.exchange.server.connection import Connection
from warrener.exchange.server.session import Session
from warrener.protocol.http.errors import TargetNotFound
from warrener.protocol.http.response import Response
from warrener.protocol.state import ConnectionState

if TYPE_CHECKING:
    from warrener.exchange.server.server import Server

CLOSED_BY = "Closed via management plugin"
REASON_CHARACTERS_MAX = 200


def open_sessions(server: Server) -> Iterator[Session]:
    """The sessions of those who have logged in and opened a virtual host."""
    for session in server.sessions:
        if session.connection.state is ConnectionState.OPEN:
            yield session


def state_of(connection: Connection) -> str:
    if not connection.blocked:
        return "running"
    return "blocked" if connection.target is not None else "blocking"


def provided_name(connection: Connection) -> str:
    """What the client calls itself."""
    return str(connection.client_properties.get("connection_name", ""))


def _rate(place: int) -> Any:
    return lambda session: {"rate": round(rates_of(session.traffic.sample)[place], 2)}


COLUMNS: Columns[Session] = {
    "name": lambda session: session.traffic.name,
    "user_provided_name": lambda session: provided_name(session.connection),
    "vhost": lambda session: session.connection.vhost.name,
    "user": lambda session: session.connection.user,
    "user_who_performed_action": lambda session: session.connection.user,
    "node": lambda session: node_name(),
    "state": lambda session: state_of(session.connection),
    "protocol": lambda session: "AMQP 0-9-1",
    "type": lambda session: "network",
    "connected_at": lambda session: session.traffic.connected_ms,
    "host": lambda session: session.traffic.local[0],
    "port": lambda session: session.traffic.local[1],
    "peer_host": lambda session: session.traffic.peer[0],
    "peer_port": lambda session: session.traffic.peer[1],
    "channels": lambda session: session.connection.channel_count,
    "channel_max": lambda session: session.connection.channel_max,
    "frame_max": lambda session: session.connection.frame_max,
    "timeout": lambda session: session.connection.liveness.heartbeat_s,
    "auth_mechanism": lambda session: session.connection.mechanism,
    "client_properties": lambda session: plain(session.connection.client_properties),
    "ssl": lambda session: session.traffic.tls is not None,
    "ssl_protocol": lambda session: session.traffic.tls and session.traffic.tls[0],
    "ssl_cipher": lambda session: session.traffic.tls and session.traffic.tls[1],
    "ssl_hash": lambda session: None,
    "ssl_key_exchange": lambda session: None,
    "peer_cert_subject": lambda session: None,
    "peer_cert_issuer": lambda session: None,
    "peer_cert_validity": lambda session: None,
    "recv_oct": lambda session: traffic_values(session.traffic)[0],
    "recv_oct_details": _rate(0),
    "send_oct": lambda session: traffic_values(session.traffic)[1],
    "send_oct_details": _rate(1),
    "recv_cnt": lambda session: traffic_values(session.traffic)[2],
    "send_cnt": lambda session: traffic_values(session.traffic)[3],
    "memory": lambda session: session.memory_bytes(),
    "send_pend": lambda session: len(session.connection.output.pieces),
}
LISTING = Listing(
    COLUMNS,
    tracks=tuple(tracks(TRAFFIC, ("recv_oct", "send_oct"))),
    sample=lambda session: session.traffic.sample,
)


async def list_connections(call: Call) -> Response:
    return await LISTING.respond(call, _visible(call))


async def list_connections_in(call: Call) -> Response:
    vhost = call.vhost
    there = [each for each in _visible(call) if each.connection.vhost is vhost]
    return await LISTING.respond(call, there)


async def list_connections_of(call: Call) -> Response:
    user = call.path["user"]
    own = [each for each in _visible(call) if each.connection.user == user]
    return await LISTING.respond(call, own)


def get_connection(call: Call) -> Response:
    return LISTING.show(call, wanted_connection(call))


def close_connection(call: Call) -> Response:
    session = wanted_connection(call)
    _require_own(call, session.connection)
    session.connection.force_close(_reason(call))
    return done()


def close_connections_of(call: Call) -> Response:
    for session in list(open_sessions(call.application.server)):
        if session.connection.user == call.path["user"]:
            _require_own(call, session.connection)
            session.connection.force_close(_reason(call))
    return done()


def wanted_connection(call: Call) -> Session:
    """The connection that the path names. Raises: TargetNotFound; NotAuthorised."""
    for session in open_sessions(call.application.server):
        if session.traffic.name == call.path["name"]:
            if not (is_monitor(call.user) or session.connection.user == call.user.name):
                raise NotAuthorised("User not authorised to access connection")
            return session
    raise TargetNotFound("Not Found")


def _visible(call: Call) -> Iterator[Session]:
    sees_all = is_monitor(call.user)
    for session in open_sessions(call.application.server):
        if sees_all or session.connection.user == call.user.name:
            yield session


def _require_own(call: Call, connection: Connection) -> None:
    """Raises: NotAuthorised."""
    if not (is_administrator(call.user) or connection.user == call.user.name):
        raise NotAuthorised("User not authorised to close connection")


def _reason(call: Call) -> str:
    return (call.request.header("x-reason") or CLOSED_BY)[:REASON_CHARACTERS_MAX]
