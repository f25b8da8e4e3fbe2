"""Limits: what one connection may send and hold, and what it holds now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from warrener.exchange.errors import PreconditionFailed
from warrener.exchange.footprint import (
    CHANNEL_BYTES,
    CONNECTION_BYTES,
    CONSUMER_BYTES,
    PUBLICATION_BYTES,
)
from warrener.protocol.methods import BasicPublish

if TYPE_CHECKING:
    from warrener.exchange.server.channel import ServerChannel
    from warrener.exchange.server.connection import Connection


def refuse_size(channel: ServerChannel, size: int) -> bool:
    """Close a channel on which a message is larger than may be; returns whether it is."""
    most = channel.connection.config.message_max_bytes
    if size > most:
        _refuse(channel, f"message size {size} is larger than configured max size {most}")
    return size > most


def refuse_unfinished(channel: ServerChannel) -> None:
    """Close a channel because too much has come of contents that are not complete."""
    most = channel.connection.config.unfinished_max_bytes
    _refuse(channel, f"more than unfinished_max_bytes ({most}) of contents that are not complete")


def _refuse(channel: ServerChannel, text: str) -> None:
    channel.fail(PreconditionFailed(text), BasicPublish.class_id, BasicPublish.method_id)


def connection_bytes(connection: Connection) -> int:
    """About what a connection takes in memory, without messages that are in queues."""
    channels = connection.channels.values()
    consumers = sum([len(channel.core.consumers) for channel in channels])
    noted = sum([channel.transaction.bytes for channel in channels if channel.transaction])
    return (
        CONNECTION_BYTES
        + CHANNEL_BYTES * len(channels)
        + CONSUMER_BYTES * consumers
        + PUBLICATION_BYTES * len(connection.publications)
        + connection.deferral.held_bytes
        + connection.output.size
        + noted
    )
