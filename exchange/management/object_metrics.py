"""Metrics of single things: queues, channels, connections, exchanges, in RabbitMQ's families.

A family is a group of metrics over one kind of thing. `/metrics/detailed?family=...` asks for some
of them, `/metrics/per-object` shows all, and `/metrics` the sum of each metric over all things.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from warrener.exchange.footprint import of_messages
from warrener.exchange.management.connections import open_sessions
from warrener.exchange.management.exchanges import ExchangeIn, exchanges_in
from warrener.exchange.management.open_channels import ChannelIn, channel_name, channels_of
from warrener.exchange.management.prometheus import COUNTER, GAUGE, Number, labels
from warrener.exchange.management.queues import COUNTED, QueueIn, messages, queues_in
from warrener.exchange.management.standstill import head_timestamp
from warrener.exchange.server.server import Server
from warrener.exchange.server.session import Session
from warrener.exchange.statistics.counts import (
    ACK,
    CONFIRM,
    DELIVER,
    DELIVER_NO_ACK,
    DROP_UNROUTABLE,
    GET,
    GET_EMPTY,
    GET_NO_ACK,
    PUBLISH,
    REDELIVER,
    RETURN_UNROUTABLE,
)
from warrener.exchange.vhost import VirtualHost


@dataclass(frozen=True, slots=True)
class ObjectMetric:
    """A number that each thing of a kind has; `name` without the prefix of its endpoint."""

    name: str
    kind: str
    meaning: str
    value: Callable[[Any], Number | None]
    """None where a thing has no such number, and so no sample."""
    summed: bool = True
    """Whether the sum over all things says anything."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of thing: which there are in some virtual hosts, and what tells them apart."""

    things: Callable[[Server, list[VirtualHost]], Iterable[Any]]
    labels: Callable[[Any], str]
    prefix: str = ""
    """What the names of its metrics begin with, if that is not the prefix of the endpoint."""


def _of_queue(each: QueueIn) -> str:
    return labels(vhost=each.vhost.name, queue=each.queue.name)


def _of_published(each: QueueIn) -> str:
    """RabbitMQ counts what each channel publishes to each queue through each exchange."""
    vhost = each.vhost.name
    return labels(queue_vhost=vhost, queue=each.queue.name, exchange_vhost=vhost)


def _of_exchange(each: ExchangeIn) -> str:
    return labels(vhost=each.vhost.name, exchange=each.exchange.name)


def _of_exchange_type(each: ExchangeIn) -> str:
    exchange = each.exchange
    return labels(vhost=each.vhost.name, exchange=exchange.name, type=exchange.type)


def _of_channel(each: ChannelIn) -> str:
    return labels(channel=channel_name(each), vhost=each.session.connection.vhost.name)


def _of_connection(session: Session) -> str:
    """RabbitMQ calls a connection `channel` here, too."""
    name = session.traffic.name
    return labels(channel=name, connection=name, vhost=session.connection.vhost.name)


QUEUES = Kind(lambda server, vhosts: queues_in(vhosts), _of_queue)
PUBLISHED = Kind(QUEUES.things, _of_published)
CLUSTER_PREFIX = "rabbitmq_cluster_"
TYPED_EXCHANGES = Kind(
    lambda server, vhosts: (each for each in exchanges_in(vhosts) if each.exchange.name),
    _of_exchange_type,
    CLUSTER_PREFIX,
)
VHOSTS = Kind(lambda server, vhosts: vhosts, lambda vhost: labels(vhost=vhost.name), CLUSTER_PREFIX)
EXCHANGES = Kind(lambda server, vhosts: exchanges_in(vhosts), _of_exchange)
CHANNELS = Kind(
    lambda server, vhosts: (
        each for each in channels_of(server) if each.session.connection.vhost in vhosts
    ),
    _of_channel,
)
CONNECTIONS = Kind(
    lambda server, vhosts: (
        session for session in open_sessions(server) if session.connection.vhost in vhosts
    ),
    _of_connection,
)


def _gauge(name: str, meaning: str, value: Callable[[Any], Number]) -> ObjectMetric:
    return ObjectMetric(name, GAUGE, meaning, value)


def _column(name: str, column: str, meaning: str, summed: bool = True) -> ObjectMetric:
    return ObjectMetric(name, GAUGE, meaning, COUNTED[column], summed)


def _of_queue_count(name: str, place: int, meaning: str) -> ObjectMetric:
    return ObjectMetric(name, COUNTER, meaning, lambda each: each.queue.counts[place])


def _of_channel_count(name: str, place: int, meaning: str) -> ObjectMetric:
    return ObjectMetric(name, COUNTER, meaning, lambda each: each.channel.core.counts[place])


_CONSUMERS = _gauge("queue_consumers", "Consumers", lambda each: len(each.queue.consumers))

FAMILIES: Mapping[str, tuple[Kind, tuple[ObjectMetric, ...]]] = {
    "queue_coarse_metrics": (
        QUEUES,
        (
            _gauge(
                "queue_messages_ready", "Messages that wait", lambda each: len(each.queue.ready)
            ),
            _gauge(
                "queue_messages_unacked",
                "Messages delivered and not acknowledged yet",
                lambda each: each.queue.unacked,
            ),
            _gauge("queue_messages", "Messages, ready or not", lambda each: messages(each.queue)),
        ),
    ),
    "queue_consumer_count": (
        QUEUES,
        (_CONSUMERS,),
    ),
    "queue_metrics": (
        QUEUES,
        (
            _CONSUMERS,
            _column(
                "queue_consumer_capacity",
                "consumer_capacity",
                "The part of the consumers that would take another message now",
                summed=False,
            ),
            _column(
                "queue_consumer_utilisation",
                "consumer_utilisation",
                "The same as the capacity",
                summed=False,
            ),
            _gauge(
                "queue_process_memory_bytes",
                "About what its messages take in memory",
                lambda each: of_messages(each.queue),
            ),
            _column("queue_messages_ram", "messages_ram", "Messages in memory"),
            _column("queue_messages_ready_ram", "messages_ready_ram", "Ready ones in memory"),
            _column(
                "queue_messages_unacked_ram",
                "messages_unacknowledged_ram",
                "Unacknowledged ones, which are in memory",
            ),
            _column("queue_messages_ram_bytes", "message_bytes_ram", "Size of those in memory"),
            _column(
                "queue_messages_persistent",
                "messages_persistent",
                "Messages of a durable queue",
            ),
            _column(
                "queue_messages_persistent_bytes",
                "message_bytes_persistent",
                "Size of the messages of a durable queue",
            ),
            _column("queue_messages_bytes", "message_bytes", "Size of all messages"),
            _column("queue_messages_ready_bytes", "message_bytes_ready", "Size of ready ones"),
            _column(
                "queue_messages_unacked_bytes",
                "message_bytes_unacknowledged",
                "Size of unacknowledged ones",
            ),
            _column("queue_messages_paged_out", "messages_paged_out", "Messages only on disk"),
            _column(
                "queue_messages_paged_out_bytes",
                "message_bytes_paged_out",
                "Size of messages only on disk",
            ),
            ObjectMetric(
                "queue_head_message_timestamp",
                GAUGE,
                "Timestamp of the first message, if it has one",
                lambda each: head_timestamp(each.queue),
                summed=False,
            ),
            ObjectMetric("queue_disk_reads_total", COUNTER, "Not counted", lambda each: 0),
            ObjectMetric("queue_disk_writes_total", COUNTER, "Not counted", lambda each: 0),
        ),
    ),
    "queue_delivery_metrics": (
        QUEUES,
        (
            _of_queue_count("queue_get_total", GET_NO_ACK, "Got, not to be acknowledged"),
            _of_queue_count("queue_get_ack_total", GET, "Got, to be acknowledged"),
            _of_queue_count(
                "queue_messages_delivered_total",
                DELIVER_NO_ACK,
                "Delivered to consumers, not to be acknowledged",
            ),
            _of_queue_count(
                "queue_messages_delivered_ack_total",
                DELIVER,
                "Delivered to consumers, to be acknowledged",
            ),
            _of_queue_count(
                "queue_messages_redelivered_total", REDELIVER, "Delivered as redelivered"
            ),
            _of_queue_count("queue_messages_acked_total", ACK, "Acknowledged"),
            _of_queue_count("queue_get_empty_total", GET_EMPTY, "Gets that found nothing"),
        ),
    ),
    "channel_queue_exchange_metrics": (
        PUBLISHED,
        (
            _of_queue_count(
                "queue_messages_published_total", PUBLISH, "Messages that came into the queue"
            ),
        ),
    ),
    "connection_coarse_metrics": (
        CONNECTIONS,
        (
            ObjectMetric(
                "connection_incoming_bytes_total",
                COUNTER,
                "Bytes received",
                lambda session: session.traffic.received_bytes,
            ),
            ObjectMetric(
                "connection_outgoing_bytes_total",
                COUNTER,
                "Bytes sent",
                lambda session: session.traffic.sent_bytes,
            ),
        ),
    ),
    "connection_metrics": (
        CONNECTIONS,
        (
            ObjectMetric(
                "connection_incoming_packets_total",
                COUNTER,
                "Reads from the socket",
                lambda session: session.traffic.reads,
            ),
            ObjectMetric(
                "connection_outgoing_packets_total",
                COUNTER,
                "Writes to the socket",
                lambda session: session.traffic.writes,
            ),
            _gauge(
                "connection_pending_packets",
                "Pieces that wait to be written to the socket",
                lambda session: len(session.connection.output.pieces),
            ),
            _gauge(
                "connection_channels",
                "Channels on the connection",
                lambda session: session.connection.channel_count,
            ),
        ),
    ),
    "channel_metrics": (
        CHANNELS,
        (
            _gauge("channel_consumers", "Consumers", lambda each: len(each.channel.core.consumers)),
            _gauge(
                "channel_messages_unacked",
                "Deliveries not acknowledged yet",
                lambda each: len(each.channel.core.unacked),
            ),
            _gauge(
                "channel_messages_unconfirmed",
                "Publishes not answered yet",
                lambda each: each.channel.unconfirmed,
            ),
            _gauge(
                "channel_messages_uncommitted",
                "Publishes in an open transaction",
                lambda each: each.channel.uncommitted[0],
            ),
            _gauge(
                "channel_acks_uncommitted",
                "Acknowledgements in an open transaction",
                lambda each: each.channel.uncommitted[1],
            ),
            ObjectMetric(
                "consumer_prefetch",
                GAUGE,
                "Limit of unacknowledged deliveries for each new consumer",
                lambda each: each.channel.core.consumer_prefetch,
                summed=False,
            ),
            ObjectMetric(
                "channel_prefetch",
                GAUGE,
                "Limit of unacknowledged deliveries for all consumers together",
                lambda each: each.channel.core.prefetch,
                summed=False,
            ),
        ),
    ),
    "channel_exchange_metrics": (
        CHANNELS,
        (
            _of_channel_count("channel_messages_published_total", PUBLISH, "Published"),
            _of_channel_count("channel_messages_confirmed_total", CONFIRM, "Confirmed"),
            _of_channel_count(
                "channel_messages_unroutable_returned_total",
                RETURN_UNROUTABLE,
                "Returned as they went to no queue",
            ),
            _of_channel_count(
                "channel_messages_unroutable_dropped_total",
                DROP_UNROUTABLE,
                "Dropped as they went to no queue",
            ),
        ),
    ),
    "channel_queue_metrics": (
        CHANNELS,
        (
            _of_channel_count("channel_get_total", GET_NO_ACK, "Got, not to be acknowledged"),
            _of_channel_count("channel_get_ack_total", GET, "Got, to be acknowledged"),
            _of_channel_count(
                "channel_messages_delivered_total",
                DELIVER_NO_ACK,
                "Delivered to consumers, not to be acknowledged",
            ),
            _of_channel_count(
                "channel_messages_delivered_ack_total",
                DELIVER,
                "Delivered to consumers, to be acknowledged",
            ),
            _of_channel_count(
                "channel_messages_redelivered_total", REDELIVER, "Delivered as redelivered"
            ),
            _of_channel_count("channel_messages_acked_total", ACK, "Acknowledged"),
            _of_channel_count("channel_get_empty_total", GET_EMPTY, "Gets that found nothing"),
        ),
    ),
    "exchange_metrics": (
        EXCHANGES,
        (
            ObjectMetric(
                "exchange_messages_published_in_total",
                COUNTER,
                "Messages that clients published to the exchange",
                lambda each: each.exchange.published_in,
            ),
            ObjectMetric(
                "exchange_messages_published_out_total",
                COUNTER,
                "How often one of them went to a queue",
                lambda each: each.exchange.published_out,
            ),
        ),
    ),
}
DETAILED: Mapping[str, tuple[Kind, tuple[ObjectMetric, ...]]] = {
    **FAMILIES,
    "exchange_bindings": (
        TYPED_EXCHANGES,
        (
            _gauge(
                "exchange_bindings",
                "Bindings that begin there",
                lambda each: len(each.exchange.bindings),
            ),
        ),
    ),
    "exchange_names": (
        TYPED_EXCHANGES,
        (_gauge("exchange_name", "Exchanges that there are", lambda each: 1),),
    ),
    "vhost_status": (
        VHOSTS,
        (_gauge("vhost_status", "Virtual hosts, which all run", lambda each: 1),),
    ),
}
"""With those that are shown to who asks for them only."""
