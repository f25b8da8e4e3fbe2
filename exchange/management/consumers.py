"""Consumers: who takes messages from which queue, over which channel."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from warrener.exchange.consumer import Consumer
from warrener.exchange.management.call import Call
from warrener.exchange.management.filter_work import work_of
from warrener.exchange.management.listing import Columns, Listing
from warrener.exchange.management.node import node_name
from warrener.exchange.management.open_channels import ChannelIn, channel_name, channels_of
from warrener.exchange.management.values import plain
from warrener.exchange.queues.public_name import public_name
from warrener.exchange.queues.selection import Selection
from warrener.protocol.http.response import Response

if TYPE_CHECKING:
    from warrener.exchange.queues.queue import Queue
    from warrener.exchange.vhost import VirtualHost


class ConsumerIn(NamedTuple):
    """A consumer, where its queue is, and the channel it came by."""

    vhost: VirtualHost
    consumer: Consumer
    place: ChannelIn | None


def consumers_of(call: Call, vhost: VirtualHost, queue: Queue) -> list[ConsumerIn]:
    """The consumers of one queue."""
    if not queue.consumers:
        return []
    places = {each.channel.core: each for each in channels_of(call.application.server)}
    return [
        ConsumerIn(vhost, consumer, places.get(consumer.channel)) for consumer in queue.consumers
    ]


def consumers_in(call: Call, vhosts: list[VirtualHost]) -> Iterator[ConsumerIn]:
    """All consumers of virtual hosts, by connection and channel."""
    names = {vhost.name for vhost in vhosts}
    for place in channels_of(call.application.server):
        if place.session.connection.vhost.name in names:
            yield from consumers_on(place)


def consumers_on(place: ChannelIn) -> Iterator[ConsumerIn]:
    """The consumers of one channel."""
    vhost = place.session.connection.vhost
    for consumer in list(place.channel.core.consumers.values()):
        yield ConsumerIn(vhost, consumer, place)


def is_active(consumer: Consumer) -> bool:
    queue = consumer.queue
    return queue.consumers.active is consumer or not queue.options.single_active


def _channel_details(each: ConsumerIn) -> dict[str, Any]:
    if each.place is None:
        return {}
    traffic = each.place.session.traffic
    return {
        "name": channel_name(each.place),
        "number": each.place.channel.number,
        "connection_name": traffic.name,
        "node": node_name(),
        "peer_host": traffic.peer[0],
        "peer_port": traffic.peer[1],
        "user": each.place.session.connection.user,
    }


def _timeout(each: ConsumerIn) -> int:
    """How long it may leave a delivery unacknowledged, in ms; 0 for any time."""
    return each.place.channel.patience.timeout_of(each.consumer.queue) if each.place else 0


def _filter_stats(each: ConsumerIn) -> dict[str, int] | None:
    """What its filter has done, if it has one."""
    consumer = each.consumer
    if consumer.filter is None or not isinstance(consumer.queue.ready, Selection):
        return None
    work = work_of(consumer)()
    return {"evaluations": work.evaluations, "matches": work.matches}


COLUMNS: Columns[ConsumerIn] = {
    "consumer_tag": lambda each: each.consumer.tag,
    "queue": lambda each: {"name": public_name(each.consumer.queue.name), "vhost": each.vhost.name},
    "channel_details": _channel_details,
    "ack_required": lambda each: not each.consumer.no_ack,
    "active": lambda each: is_active(each.consumer),
    "activity_status": lambda each: "up" if is_active(each.consumer) else "waiting",
    "exclusive": lambda each: each.consumer.exclusive,
    "prefetch_count": lambda each: each.consumer.prefetch,
    "messages_unacknowledged": lambda each: each.consumer.unacked,
    "filter_stats": _filter_stats,
    "arguments": lambda each: plain(each.consumer.arguments),
    "consumer_timeout": _timeout,
    "user_who_performed_action": lambda each: (
        each.place.session.connection.user if each.place else ""
    ),
}
LISTING = Listing(COLUMNS, name="consumer_tag", on_request=frozenset(("filter_stats",)))


async def list_consumers(call: Call) -> Response:
    vhosts = [call.vhost] if "vhost" in call.path else call.visible_vhosts
    return await LISTING.respond(call, consumers_in(call, vhosts))
