"""A snapshot: what a broker was like at one moment, made of documents of its management API.

RabbitMQ's API is read as well as ours, and users who may not see everything are given less of it.
So every field may be missing, and what is missing is None or empty, never a failure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Document = Mapping[str, Any]

RATES = (
    ("in", "publish"),
    ("out", "deliver_get"),
    ("ack", "ack"),
    ("confirm", "confirm"),
    ("redeliver", "redeliver"),
    ("unroutable", "drop_unroutable"),
    ("returned", "return_unroutable"),
)
"""Rates of the whole broker: what the screen calls them, and what the API does."""
TOTALS = ("queues", "exchanges", "connections", "channels", "consumers")


def lead(document: Any, path: str) -> Any:
    """What stands in a document behind dots; None if nothing does."""
    for name in path.split("."):
        if not isinstance(document, Mapping):
            return None
        document = document.get(name)
    return document


def number(document: Any, path: str) -> float:
    """A number in a document, 0 if there is none."""
    value = lead(document, path)
    return value if isinstance(value, int | float) else 0


def text(document: Any, path: str) -> str:
    value = lead(document, path)
    return "" if value is None else str(value)


@dataclass(frozen=True, slots=True)
class Gauge:
    """How much is used, of how much."""

    value: float
    limit: float
    alarm: bool = False


@dataclass(frozen=True, slots=True)
class BrokerState:
    """The broker as a whole."""

    product: str
    version: str
    node: str
    uptime_s: float | None
    memory: Gauge | None
    disk: Gauge | None
    files: Gauge | None
    totals: Mapping[str, int]
    rates: Mapping[str, float]
    ready: int
    unacked: int
    filtered: float | None = None
    """Messages that came to filters of which none wanted them, if the broker counts them."""

    @property
    def alarms(self) -> tuple[str, ...]:
        gauges = {"memory": self.memory, "disk": self.disk}
        return tuple(name for name, gauge in gauges.items() if gauge and gauge.alarm)


def read_broker(overview: Any, nodes: Any) -> BrokerState:
    """The broker, from `/api/overview` and `/api/nodes`."""
    name = text(overview, "node")
    node = _own_node(name, nodes)
    return BrokerState(
        product=text(overview, "product_name") or "RabbitMQ",
        version=text(overview, "product_version") or text(overview, "rabbitmq_version"),
        node=name,
        uptime_s=number(node, "uptime") / 1000 if node else None,
        memory=_gauge(node, "mem_used", "mem_limit", "mem_alarm"),
        disk=_gauge(node, "disk_free", "disk_free_limit", "disk_free_alarm"),
        files=_gauge(node, "fd_used", "fd_total"),
        totals={each: int(number(overview, f"object_totals.{each}")) for each in TOTALS},
        rates={
            shown: number(overview, f"message_stats.{name}_details.rate") for shown, name in RATES
        },
        ready=int(number(overview, "queue_totals.messages_ready")),
        unacked=int(number(overview, "queue_totals.messages_unacknowledged")),
        filtered=lead(overview, "filter_totals.unmatched"),
    )


def _own_node(name: str, nodes: Any) -> Document | None:
    """The node that answered; with one only it is that."""
    found = [each for each in nodes or () if isinstance(each, Mapping)]
    own = [each for each in found if each.get("name") == name]
    return next(iter(own or found), None)


def _gauge(node: Document | None, value: str, limit: str, alarm: str = "") -> Gauge | None:
    if node is None or not isinstance(node.get(value), int | float):
        return None
    return Gauge(number(node, value), number(node, limit), bool(alarm and node.get(alarm)))


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that is needed for one frame."""

    broker: BrokerState
    rows: Sequence[Document] = ()
    """What the view lists."""
    total: int | None = None
    """How many there are if the rows are but some of them."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """What is known of the thing that is looked at, by name of request."""
    view: str = "queues"
    """The view that the rows are of."""
    about: Document | None = None
    """The row that the details are of."""
    blocked: int | None = None
    """Connections whose publisher has to wait, if somebody has counted them."""


def read_rows(document: Any) -> tuple[Sequence[Document], int | None]:
    """The rows of a list or of a page of it, and how many there are in all."""
    if isinstance(document, Mapping):
        rows = document.get("items")
        total = document.get("filtered_count", document.get("total_count"))
        return _rows(rows), total if isinstance(total, int) else None
    return _rows(document), None


def read_blocked(connections: Any) -> int | None:
    """How many of the connections are blocked; they are asked for while there is an alarm."""
    if connections is None:
        return None
    return sum(text(each, "state") in ("blocked", "blocking") for each in _rows(connections))


def _rows(rows: Any) -> Sequence[Document]:
    return tuple(each for each in rows or () if isinstance(each, Mapping))
