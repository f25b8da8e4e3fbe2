"""Channels: what each connection does on which number."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from warrener.exchange.management import consumers
from warrener.exchange.management.access import is_monitor
from warrener.exchange.management.call import Call
from warrener.exchange.management.connections import state_of, wanted_connection
from warrener.exchange.management.errors import NotAuthorised
from warrener.exchange.management.listing import Columns, Listing
from warrener.exchange.management.node import node_name
from warrener.exchange.management.open_channels import (
    ChannelIn,
    channel_name,
    channels_of,
    channels_on,
)
from warrener.exchange.management.spans import message_tracks
from warrener.exchange.management.statistics import message_stats, rates_of
from warrener.exchange.management.values import iso_time
from warrener.protocol.http.errors import TargetNotFound
from warrener.protocol.http.response import Response


def _connection_details(each: ChannelIn) -> dict[str, Any]:
    host, port = each.session.traffic.peer
    return {"name": each.session.traffic.name, "peer_host": host, "peer_port": port}


def _idle_since(each: ChannelIn) -> str:
    sample = each.channel.core.sample
    return iso_time(each.session.traffic.connected_ms if sample is None else sample.changed_ms)


COLUMNS: Columns[ChannelIn] = {
    "name": channel_name,
    "number": lambda each: each.channel.number,
    "vhost": lambda each: each.session.connection.vhost.name,
    "user": lambda each: each.session.connection.user,
    "user_who_performed_action": lambda each: each.session.connection.user,
    "node": lambda each: node_name(),
    "state": lambda each: state_of(each.session.connection),
    "confirm": lambda each: each.channel.confirming,
    "transactional": lambda each: each.channel.transaction is not None,
    "consumer_count": lambda each: len(each.channel.core.consumers),
    "prefetch_count": lambda each: each.channel.core.consumer_prefetch,
    "global_prefetch_count": lambda each: each.channel.core.prefetch,
    "messages_unacknowledged": lambda each: len(each.channel.core.unacked),
    "messages_unconfirmed": lambda each: each.channel.unconfirmed,
    "messages_uncommitted": lambda each: each.channel.uncommitted[0],
    "acks_uncommitted": lambda each: each.channel.uncommitted[1],
    "idle_since": _idle_since,
    "connection_details": _connection_details,
    "message_stats": lambda each: message_stats(
        each.channel.core.counts, rates_of(each.channel.core.sample)
    ),
}
LISTING = Listing(
    COLUMNS, tracks=tuple(message_tracks()), sample=lambda each: each.channel.core.sample
)


async def list_channels(call: Call) -> Response:
    return await LISTING.respond(call, _visible(call))


async def list_channels_in(call: Call) -> Response:
    vhost = call.vhost
    there = [each for each in _visible(call) if each.session.connection.vhost is vhost]
    return await LISTING.respond(call, there)


async def list_channels_on(call: Call) -> Response:
    return await LISTING.respond(call, channels_on(wanted_connection(call)))


def get_channel(call: Call) -> Response:
    for each in channels_of(call.application.server):
        if channel_name(each) == call.path["name"]:
            if not (is_monitor(call.user) or each.session.connection.user == call.user.name):
                raise NotAuthorised("User not authorised to access channel")
            return LISTING.show(call, each, _details(each))
    raise TargetNotFound("Not Found")


def _details(each: ChannelIn) -> dict[str, Any]:
    """What is told of a single channel only. Messages are not counted by pairs of a channel and a
    queue or an exchange."""
    return {
        "consumer_details": [
            consumers.LISTING.describe(consumer) for consumer in consumers.consumers_on(each)
        ],
        "deliveries": [],
        "publishes": [],
    }


def _visible(call: Call) -> Iterator[ChannelIn]:
    sees_all = is_monitor(call.user)
    for each in channels_of(call.application.server):
        if sees_all or each.session.connection.user == call.user.name:
            yield each
