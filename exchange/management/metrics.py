"""Metrics for Prometheus, with RabbitMQ's names where it has one, so that its dashboards fill.

    /metrics              the whole broker; numbers of queues and the like are summed up
    /metrics/per-object   the same, with those of each queue, channel, connection and exchange
    /metrics/default      what RabbitMQ calls the first
    /metrics/detailed     the families that are asked for, perhaps of some virtual hosts only

Everything is made in slices of a few milliseconds, and what is long is sent as it is made. What
RabbitMQ has no name for begins with `warrener_`.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from operator import add
from typing import Any

from warrener.exchange.filters.failing import FAILURES
from warrener.exchange.filters.index import work_done
from warrener.exchange.management import node_metrics
from warrener.exchange.management.call import Call
from warrener.exchange.management.connections import open_sessions
from warrener.exchange.management.listing import PART_BYTES, Turn, in_slices
from warrener.exchange.management.measurements import BYTES, COMMITS, SECONDS
from warrener.exchange.management.node import PRODUCT, RABBITMQ_VERSION, VERSION, node_name
from warrener.exchange.management.object_metrics import DETAILED, FAMILIES, Kind, ObjectMetric
from warrener.exchange.management.open_channels import channels_of
from warrener.exchange.management.parameters import cluster_name
from warrener.exchange.management.prometheus import (
    CONTENT_TYPE,
    COUNTER,
    GAUGE,
    Metric,
    Number,
    histogram,
    labels,
    single,
)
from warrener.exchange.queues.reasons import DELIVERY_LIMIT, EXPIRED, MAXLEN, REJECTED
from warrener.exchange.statistics.activity import SIZE_BOUNDS
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
from warrener.protocol.http.response import Response

PREFIX = "rabbitmq_"
DETAILED_PREFIX = "rabbitmq_detailed_"
HEADERS = (CONTENT_TYPE, ("Cache-Control", "no-cache"))
SIZES = ("100.0", "1000.0", "10000.0", "100000.0", "1e+06", "1e+07", "5e+07", "1e+08")
"""Bounds as RabbitMQ writes them: its dashboard subtracts one bucket from the next by text."""
assert tuple(map(float, SIZES)) == SIZE_BOUNDS
PROTOCOL = "amqp091"
QUEUE_TYPE = "rabbit_classic_queue"
STRATEGY = "at_least_once"
_RECEIVED = (
    ("received", PUBLISH, "Messages that clients have published"),
    ("confirmed", CONFIRM, "Messages confirmed to their publishers"),
    ("unroutable_dropped", DROP_UNROUTABLE, "Messages dropped as they went to no queue"),
    ("unroutable_returned", RETURN_UNROUTABLE, "Messages returned as they went to no queue"),
)
_DELIVERED = (
    ("delivered_consume_auto_ack", DELIVER_NO_ACK, "To consumers, not to be acknowledged"),
    ("delivered_consume_manual_ack", DELIVER, "To consumers, to be acknowledged"),
    ("delivered_get_auto_ack", GET_NO_ACK, "By basic.get, not to be acknowledged"),
    ("delivered_get_manual_ack", GET, "By basic.get, to be acknowledged"),
    ("get_empty", GET_EMPTY, "Calls of basic.get that found nothing"),
    ("acknowledged", ACK, "Messages acknowledged"),
    ("redelivered", REDELIVER, "Messages delivered as redelivered"),
)
_DEAD_LETTERS = (
    ("delivery_limit", DELIVERY_LIMIT, "as they were delivered too often"),
    ("expired", EXPIRED, "as their time was over"),
    ("maxlen", MAXLEN, "as the queue was too long"),
    ("rejected", REJECTED, "as a client did not want them"),
)
_gauge = partial(single, kind=GAUGE)
_counter = partial(single, kind=COUNTER)


# Endpoints


async def get_metrics(call: Call) -> Response:
    pieces = [*_about(call, "aggregated"), *_broker_metrics(call)]
    vhosts = list(call.broker.vhosts.values())
    for kind, metrics in _by_kind(tuple(FAMILIES)):
        summed = [metric for metric in metrics if metric.summed]
        sums = await _sums(list(kind.things(call.application.server, vhosts)), summed)
        for metric, value in zip(summed, sums, strict=True):
            shown = Metric(PREFIX + metric.name, metric.kind, metric.meaning)
            pieces.append(shown.head() + shown.sample(value))
    return Response(200, HEADERS, "".join(pieces).encode())


def get_object_metrics(call: Call) -> Response:
    pieces = [*_about(call, "per-object"), *_broker_metrics(call)]
    vhosts = list(call.broker.vhosts.values())
    parts = _object_parts(call, pieces, PREFIX, tuple(FAMILIES), vhosts)
    return Response(200, HEADERS, parts=parts)


def get_detailed_metrics(call: Call) -> Response:
    """Families and virtual hosts that are not known are passed by, as by RabbitMQ."""
    wanted = call.request.target.every("family")
    names = call.request.target.every("vhost")
    vhosts = [vhost for name, vhost in call.broker.vhosts.items() if not names or name in names]
    families = tuple(name for name in DETAILED if name in wanted)
    pieces = list(_about(call, "detailed"))
    for name, family in node_metrics.FAMILIES.items():
        if name in wanted:
            pieces += family(call, DETAILED_PREFIX)
    parts = _object_parts(call, pieces, DETAILED_PREFIX, families, vhosts)
    return Response(200, HEADERS, parts=parts)


# Things


def _by_kind(families: Sequence[str]) -> Iterator[tuple[Kind, list[ObjectMetric]]]:
    """All metrics of some families, those over the same kind of thing together, each once."""
    gathered: dict[int, tuple[Kind, dict[str, ObjectMetric]]] = {}
    for name in families:
        kind, metrics = DETAILED[name]
        known = gathered.setdefault(id(kind), (kind, {}))[1]
        known.update((metric.name, metric) for metric in metrics)
    for kind, known in gathered.values():
        yield kind, list(known.values())


async def _sums(things: Sequence[Any], metrics: Sequence[ObjectMetric]) -> list[Number]:
    values = [metric.value for metric in metrics]
    sums: list[Number] = [0] * len(values)
    turn = Turn()
    for thing in things:
        if turn.is_over:
            await turn.pass_on()
        sums = list(map(add, sums, [value(thing) or 0 for value in values]))
    return sums


async def _object_parts(
    call: Call,
    pieces: list[str],
    prefix: str,
    families: Sequence[str],
    vhosts: list[VirtualHost],
) -> AsyncGenerator[bytes, None]:
    """Some text that is there already, and the metrics of single things."""
    turn = Turn()
    size = 0
    for kind, metrics in _by_kind(families):
        things = list(kind.things(call.application.server, vhosts))
        marks = await in_slices(kind.labels, things)
        for metric in metrics:
            name, value = (kind.prefix or prefix) + metric.name, metric.value
            pieces.append(Metric(name, metric.kind, metric.meaning).head())
            for thing, mark in zip(things, marks, strict=True):
                if turn.is_over:
                    await turn.pass_on()
                number = value(thing)
                if number is None:
                    continue
                pieces.append(f"{name}{mark} {number}\n")
                size += len(pieces[-1])
                if size > PART_BYTES:
                    yield "".join(pieces).encode()
                    pieces, size = [], 0
    yield "".join(pieces).encode()


# The broker


def _about(call: Call, endpoint: str) -> Iterator[str]:
    """Who is asked: all panels of the dashboards join these."""
    cluster = cluster_name(call)
    yield _gauge(
        "rabbitmq_build_info",
        meaning="Versions",
        value=1,
        rabbitmq_version=RABBITMQ_VERSION,
        prometheus_plugin_version=RABBITMQ_VERSION,
        prometheus_client_version=VERSION,
        erlang_version="0",
        product_name=PRODUCT,
        product_version=VERSION,
    )
    yield _gauge(
        "rabbitmq_identity_info",
        meaning="Node and cluster",
        value=1,
        rabbitmq_node=node_name(),
        rabbitmq_cluster=cluster,
        rabbitmq_cluster_permanent_id=f"warrener-{uuid.uuid5(uuid.NAMESPACE_DNS, cluster)}",
        rabbitmq_endpoint=endpoint,
    )


def _broker_metrics(call: Call) -> Iterator[str]:
    for family in (*node_metrics.FAMILIES.values(), node_metrics.alarms):
        yield from family(call, PREFIX)
    yield from _totals(call)
    yield from _global(call)
    yield from _ours(call)


def _totals(call: Call) -> Iterator[str]:
    totals = _Totals.of(call)
    for name, value, meaning in (
        ("connections", totals.connections, "Open connections"),
        ("channels", totals.channels, "Open channels"),
        ("consumers", totals.consumers, "Consumers"),
        ("queues", totals.queues, "Queues"),
    ):
        yield _gauge(PREFIX + name, meaning=meaning, value=value)
    yield _gauge(
        "rabbitmq_global_publishers",
        meaning="Connections that have published",
        value=totals.publishers,
        protocol=PROTOCOL,
    )
    yield _gauge(
        "rabbitmq_global_consumers",
        meaning="Consumers",
        value=totals.consumers,
        protocol=PROTOCOL,
    )


@dataclass(frozen=True, slots=True)
class _Totals:
    connections: int
    channels: int
    consumers: int
    queues: int
    publishers: int

    @classmethod
    def of(cls, call: Call) -> _Totals:
        sessions = list(open_sessions(call.application.server))
        channels = list(channels_of(call.application.server))
        return cls(
            len(sessions),
            len(channels),
            sum(len(each.channel.core.consumers) for each in channels),
            sum(vhost.declared_queues() for vhost in call.broker.vhosts.values()),
            sum(session.connection.target is not None for session in sessions),
        )


def _global(call: Call) -> Iterator[str]:
    """What all channels have counted since the start."""
    activity = call.broker.activity
    counts, confirmable = activity.total(), activity.confirmable
    for each in channels_of(call.application.server):
        counts = list(map(add, counts, each.channel.core.counts))
        confirmable += each.channel.published
    for name, place, meaning in _RECEIVED:
        yield _message_counter(name, meaning, counts[place])
    yield _message_counter("received_confirm", "Messages to be confirmed", confirmable)
    unroutable = counts[DROP_UNROUTABLE] + counts[RETURN_UNROUTABLE]
    yield _message_counter(
        "routed", "Messages that went to a queue at least", counts[PUBLISH] - unroutable
    )
    delivered = sum(counts[kind] for kind in (DELIVER, DELIVER_NO_ACK, GET, GET_NO_ACK))
    yield _message_counter("delivered", "All deliveries", delivered, queue_type=QUEUE_TYPE)
    for name, place, meaning in _DELIVERED:
        yield _message_counter(name, meaning, counts[place], queue_type=QUEUE_TYPE)
    for name, reason, meaning in _DEAD_LETTERS:
        yield _dead_letters(name, f"Dead letters {meaning}", activity.dead_letters[reason])
    yield _dead_letters(
        "confirmed", "Dead letters, which are safe", sum(activity.dead_letters.values())
    )
    yield histogram(
        "rabbitmq_message_size_bytes",
        "Size of published messages as they travel, those of a run by their mean",
        activity.sizes,
        SIZES,
    )


def _message_counter(name: str, meaning: str, value: int, **more: str) -> str:
    return _counter(
        f"rabbitmq_global_messages_{name}_total",
        meaning=meaning,
        value=value,
        protocol=PROTOCOL,
        **more,
    )


def _dead_letters(name: str, meaning: str, value: int) -> str:
    return _counter(
        f"rabbitmq_global_messages_dead_lettered_{name}_total",
        meaning=meaning,
        value=value,
        queue_type=QUEUE_TYPE,
        dead_letter_strategy=STRATEGY,
    )


def _ours(call: Call) -> Iterator[str]:
    measured, work = call.application.measurements, work_done()
    for name, meaning, value in (
        ("messages", "Messages that came to filters of bindings and consumers", work.messages),
        ("evaluations", "Filters that were evaluated for a message", work.evaluations),
        ("matches", "Bindings and consumers that a message was for by their filter", work.matches),
        ("unmatched", "Messages that no filter wanted where they came to some", work.unmatched),
    ):
        yield _counter(f"warrener_filter_{name}_total", meaning=meaning, value=value)
    for name, meaning, values, bounds in (
        ("journal_write_seconds", "Time of a write and its sync", measured.write_seconds, SECONDS),
        ("journal_write_commits", "Commits in one write", measured.write_commits, COMMITS),
        ("journal_write_bytes", "Size of a write", measured.write_bytes, BYTES),
        ("loop_lag_seconds", "How late the loop wakes", measured.loop_lag_seconds, SECONDS),
    ):
        yield histogram(f"warrener_{name}", meaning, values, bounds)
    yield _counter(
        "warrener_failures_total",
        meaning="Steps of the broker that raised an exception",
        value=call.broker.failures.total + FAILURES.total,
    )
    yield Metric("warrener_exchange_filters", GAUGE, "Bindings with a filter").head()
    for vhost in call.broker.vhosts.values():
        filters = sum(exchange.filters for exchange in vhost.exchanges.values())
        yield f"warrener_exchange_filters{labels(vhost=vhost.name)} {filters}\n"
