"""Virtual hosts: list, make, describe, delete."""

from __future__ import annotations

from typing import Any

from warrener.exchange.management.call import Call, done, made
from warrener.exchange.management.connections import open_sessions
from warrener.exchange.management.fields import check_name
from warrener.exchange.management.listing import Columns, Listing, in_slices
from warrener.exchange.management.node import node_name
from warrener.exchange.management.open_channels import channels_of
from warrener.exchange.management.queues import READY_RATE, UNACKED_RATE, queues_in
from warrener.exchange.management.sampler import TOTAL_READY, TOTAL_TRAFFIC, traffic_values
from warrener.exchange.management.spans import (
    TRAFFIC,
    Spans,
    length_tracks,
    message_tracks,
    tracks,
)
from warrener.exchange.management.statistics import added, message_stats, rates_of, with_rate
from warrener.exchange.vhost import VirtualHost
from warrener.protocol.http.errors import BadRequest, TargetNotFound
from warrener.protocol.http.response import Response

TRACKS = (
    *message_tracks(),
    *tracks(TRAFFIC, ("recv_oct", "send_oct"), TOTAL_TRAFFIC),
    *length_tracks(TOTAL_READY),
)
SETTINGS = ("description", "tags", "default_queue_type")


def _describe(call: Call, vhost: VirtualHost) -> dict[str, Any]:
    document = {
        "name": vhost.name,
        "description": vhost.description,
        "tags": list(vhost.tags),
        "metadata": {"description": vhost.description, "tags": list(vhost.tags)},
        "default_queue_type": "classic",
        "tracing": vhost.tracing,
        "protected_from_deletion": False,
        "cluster_state": {node_name(): "running"},
    }
    document |= _statistics(call, vhost)
    application = call.application
    totals = application.sampler.totals.get(vhost.name)
    spans = Spans(call.query, application.sampler)
    spans.extend(document, TRACKS, [totals.sample] if totals else [])
    return document


def _statistics(call: Call, vhost: VirtualHost) -> dict[str, Any]:
    document: dict[str, Any] = {}
    queues = [each.queue for each in queues_in([vhost])]
    sampled = [(queue, rates_of(queue.sample)) for queue in queues]
    ready = sum(len(queue.ready) for queue, _ in sampled)
    unacked = sum(queue.unacked for queue, _ in sampled)
    ready_rate = sum(rates[READY_RATE] for _, rates in sampled)
    unacked_rate = sum(rates[UNACKED_RATE] for _, rates in sampled)
    with_rate(document, "messages", ready + unacked, ready_rate + unacked_rate)
    with_rate(document, "messages_ready", ready, ready_rate)
    with_rate(document, "messages_unacknowledged", unacked, unacked_rate)
    traffic = [
        session.traffic
        for session in open_sessions(call.application.server)
        if session.connection.vhost is vhost
    ]
    for place, name in enumerate(("recv_oct", "send_oct")):
        value = sum(traffic_values(each)[place] for each in traffic)
        with_rate(document, name, value, sum(rates_of(each.sample)[place] for each in traffic))
    counts, rates = channel_counts(call, [vhost])
    return document | {"message_stats": message_stats(counts, rates)}


def channel_counts(call: Call, vhosts: list[VirtualHost]) -> tuple[list[int], list[float]]:
    """What all channels of virtual hosts have counted, also those that are gone."""
    names = {vhost.name for vhost in vhosts}
    past = [(call.broker.activity.past(name), None) for name in names]
    living = [
        (each.channel.core.counts, each.channel.core.sample)
        for each in channels_of(call.application.server)
        if each.session.connection.vhost.name in names
    ]
    return added([*past, *living])


COLUMNS: Columns[dict[str, Any]] = {
    name: lambda document, name=name: document[name]  # type: ignore[misc]
    for name in (
        *("name", "description", "tags", "metadata", "default_queue_type", "tracing"),
        *("protected_from_deletion", "cluster_state", "messages", "messages_details"),
        *("messages_ready", "messages_ready_details", "messages_unacknowledged"),
        *("messages_unacknowledged_details", "recv_oct", "recv_oct_details", "send_oct"),
        *("send_oct_details", "message_stats"),
    )
}
LISTING = Listing(COLUMNS)


async def list_vhosts(call: Call) -> Response:
    described = await in_slices(lambda each: _describe(call, each), call.visible_vhosts)
    return await LISTING.respond(call, described)


def wanted_vhost(call: Call) -> VirtualHost:
    """The virtual host that the path names. Raises: TargetNotFound."""
    vhost = call.broker.vhosts.get(call.path["name"])
    if vhost is None:
        raise TargetNotFound("Not Found")
    return vhost


def get_vhost(call: Call) -> Response:
    return call.show(_describe(call, wanted_vhost(call)))


def put_vhost(call: Call) -> Response:
    name, fields = call.path["name"], call.fields
    description = fields.text("description", "")
    tags = tuple(fields.texts("tags"))
    kind = fields.text("default_queue_type", "classic")
    if kind not in ("classic", "undefined", "quorum"):
        raise BadRequest(f"unknown queue type: {kind}")
    tracing = fields.flag("tracing", False)
    is_new = name not in call.broker.vhosts
    if is_new:
        call.broker.add_vhost(check_name(name))
        # Whoever makes one may do everything there, as in RabbitMQ: tools go on to use it.
        call.broker.permissions.set(call.user.name, name, ".*", ".*", ".*")
    if is_new or fields.values.keys() & set(SETTINGS):
        call.broker.describe_vhost(name, description, tags)
    if "tracing" in fields.values:
        call.broker.set_tracing(name, tracing)
    return made(is_new)


def delete_vhost(call: Call) -> Response:
    call.broker.delete_vhost(wanted_vhost(call).name)
    return done()


def start_vhost(call: Call) -> Response:
    """Virtual hosts always run."""
    wanted_vhost(call)
    return done()
