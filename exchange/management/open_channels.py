"""Open channels: those of all connections, and what they are called."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from warrener.exchange.management.connections import open_sessions
from warrener.exchange.server.channel import ServerChannel
from warrener.exchange.server.session import Session

if TYPE_CHECKING:
    from warrener.exchange.server.server import Server


class ChannelIn(NamedTuple):
    """A channel and its connection."""

    session: Session
    channel: ServerChannel


def channels_of(server: Server) -> Iterator[ChannelIn]:
    """All channels that are open."""
    for session in open_sessions(server):
        yield from channels_on(session)


def channels_on(session: Session) -> Iterator[ChannelIn]:
    """The open channels of one connection, by number."""
    for _, channel in sorted(session.connection.channels.items()):
        if channel.is_open:
            yield ChannelIn(session, channel)


def channel_name(each: ChannelIn) -> str:
    return f"{each.session.traffic.name} ({each.channel.number})"
