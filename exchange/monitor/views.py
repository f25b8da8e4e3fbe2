"""The views: each is a table with columns, and all of them stand in one table here.

A column is a path into a document of the API and a format. So the same path says what is shown,
what is sorted by (also on the server, which then sends only the page that is seen), and what is
asked for. Columns with a `least` width are left out on narrower screens.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from warrener.exchange.monitor.printing import (
    age,
    count,
    nanoseconds,
    percent,
    plain,
    rate,
    second,
    size,
    size_rate,
)
from warrener.exchange.monitor.snapshot import Document, lead, number
from warrener.exchange.monitor.standing import explained

DEPTH = "depth"
"""The column that is drawn from history."""
WIDE = 200
"""Columns of a screen that is wide."""
RATE, TOTAL = "rate", "total"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a view."""

    title: str
    path: str
    width: int
    show: Callable[[Any], str] = plain
    least: int = 0
    """The narrowest screen on which it is shown."""
    toggled: str = ""
    """Whether it is shown with rates or with totals only; empty for always."""
    made: Callable[[Document], Any] | None = None
    """What is shown instead of the value at the path."""
    flexible: bool = False
    """Whether it takes the room that is left."""
    wide: int = 0
    """Its width on a wide screen, if that is another."""
    sorted_by: str = ""
    """What the API is to sort by for it, if not by the value at the path."""

    @property
    def is_number(self) -> bool:
        return self.show is not plain

    @property
    def order(self) -> str:
        """What the API can sort by for it; nothing if that is to be done here."""
        return self.sorted_by or (self.path if self.made is None else "")

    def width_on(self, screen: int) -> int:
        return self.wide if self.wide and screen >= WIDE else self.width

    def value(self, row: Document) -> Any:
        return lead(row, self.path) if self.made is None else self.made(row)

    def text(self, row: Document) -> str:
        return self.show(self.value(row))

    def sort_key(self, row: Document) -> tuple[int, Any]:
        """Nothing comes before numbers, numbers before text."""
        value = self.value(row)
        if value is None:
            return 0, 0
        return (1, value) if isinstance(value, int | float) else (2, plain(value).lower())


@dataclass(frozen=True, slots=True)
class View:
    """One table."""

    name: str
    columns: tuple[Column, ...]
    sort: str
    """The title of the column that it is sorted by at first."""
    path: str = ""
    """Where its rows are found in the API; none for those that are kept here."""
    fields: tuple[str, ...] = ()
    """What is asked for beside what is shown."""
    is_paged: bool = False
    """Whether the API can sort it and send a part of it."""
    identity: str = "name"

    def column(self, title: str) -> Column:
        return next(each for each in self.columns if each.title == title)

    @property
    def paths(self) -> list[str]:
        """Every path that is shown or needed."""
        found = [each.path for each in self.columns if each.path != DEPTH]
        return list(dict.fromkeys((*found, *self.fields)))


def queue_flags(row: Document) -> str:
    """Durable, auto-delete and exclusive, and what its arguments or policy make of it."""
    options = {**(_table(row, "effective_policy_definition")), **_table(row, "arguments")}
    flags = [
        (row.get("durable"), "D"),
        (row.get("auto_delete"), "A"),
        (row.get("exclusive"), "E"),
        (_has(options, "message-ttl"), "T"),
        (_has(options, "dead-letter-exchange"), "L"),
        (_has(options, "max-length") or _has(options, "max-length-bytes"), "M"),
        (_has(options, "max-priority"), "P"),
        (_has(options, "single-active-consumer"), "S"),
    ]
    return "".join(letter for is_set, letter in flags if is_set)


def _table(row: Document, name: str) -> Mapping[str, Any]:
    value = row.get(name)
    return value if isinstance(value, Mapping) else {}


def _has(options: Mapping[str, Any], name: str) -> bool:
    return name in options or f"x-{name}" in options


def exchange_flags(row: Document) -> str:
    names = (("durable", "D"), ("auto_delete", "A"), ("internal", "I"))
    return "".join(letter for name, letter in names if row.get(name))


def exchange_name(row: Document) -> str:
    return str(row.get("name") or "(default)")


def filter_texts(arguments: Any) -> str:
    """The filters in the arguments of a binding or a consumer."""
    table = arguments if isinstance(arguments, Mapping) else {}
    sql, tags = table.get("x-filter-jms-selector"), table.get("x-filter-tags")
    texts = [str(sql)] if sql else []
    return "  ".join(texts + ([f"tags: {tags}"] if tags else []))


def part_of(row: Document, place: str = "") -> float | None:
    """The part of evaluations that said yes."""
    evaluations = number(row, f"{place}evaluations")
    return number(row, f"{place}matches") / evaluations if evaluations else None


def oldest(row: Document) -> float | None:
    """For how long the oldest message waits: as the broker says, or by the time that its publisher
    has given it."""
    age, since = row.get("oldest_age"), row.get("head_message_timestamp")
    if isinstance(age, int | float):
        return age
    return max(0.0, time.time() - since) if isinstance(since, int | float) else None


def client_of(row: Document) -> str:
    properties = _table(row, "client_properties")
    product, version = properties.get("product", ""), properties.get("version", "")
    return str(row.get("user_provided_name") or f"{product} {version}".strip())


def consumer_activity(row: Document) -> str:
    return str(row.get("activity_status") or ("up" if row.get("active") else ""))


def _flow(title: str, name: str, width: int = 6, least: int = 0) -> Iterator[Column]:
    """A rate, and the total that takes its place."""
    path = f"message_stats.{name}"
    yield Column(f"{title}/s", f"{path}_details.rate", width, rate, least, RATE)
    yield Column(title, path, width, count, least, TOTAL)


QUEUES = View(
    "queues",
    (
        Column("name", "name", 16, flexible=True),
        Column("vhost", "vhost", 10, least=100),
        Column("flags", "arguments", 5, made=queue_flags),
        Column("ready", "messages_ready", 6, count),
        Column("unack", "messages_unacknowledged", 6, count),
        Column("total", "messages", 6, count),
        Column("depth", DEPTH, 12, least=100),
        *_flow("in", "publish"),
        *_flow("out", "deliver_get"),
        *_flow("ack", "ack", least=130),
        *_flow("redel", "redeliver", 7, least=150),
        Column("cons", "consumers", 4, count),
        Column("oldest", "oldest_age", 6, age, least=110, made=oldest),
        Column("why", "why", 26, least=120, made=explained, wide=50),
        Column("util", "consumer_utilisation", 4, percent, least=150),
        Column("bytes", "message_bytes", 5, size, least=150),
        Column("policy", "policy", 12, least=170),
        Column("type", "type", 8, least=200),
        Column("idle since", "idle_since", 19, second, least=230),
    ),
    sort="total",
    path="/api/queues",
    fields=(
        "durable",
        "auto_delete",
        "exclusive",
        "effective_policy_definition",
        "state",
        "head_message_timestamp",
    ),
    is_paged=True,
)
CONNECTIONS = View(
    "connections",
    (
        Column("name", "name", 20, flexible=True),
        Column("user", "user", 10),
        Column("vhost", "vhost", 10, least=100),
        Column("state", "state", 9),
        Column("ch", "channels", 4, count),
        Column("in/s", "recv_oct_details.rate", 6, size_rate, toggled=RATE),
        Column("out/s", "send_oct_details.rate", 6, size_rate, toggled=RATE),
        Column("in", "recv_oct", 6, size, toggled=TOTAL),
        Column("out", "send_oct", 6, size, toggled=TOTAL),
        Column("client", "client_properties", 24, least=110, made=client_of),
        Column("tls", "ssl", 3, least=130),
        Column("login", "auth_mechanism", 9, least=140),
        Column("beat", "timeout", 5, count, least=150),
    ),
    sort="in/s",
    path="/api/connections",
    fields=("user_provided_name", "peer_host", "peer_port"),
    is_paged=True,
)
CHANNELS = View(
    "channels",
    (
        Column("name", "name", 22, flexible=True),
        Column("user", "user", 10, least=100),
        Column("vhost", "vhost", 10, least=120),
        Column("state", "state", 8),
        Column("pref", "prefetch_count", 5, count),
        Column("unack", "messages_unacknowledged", 6, count),
        Column("unconf", "messages_unconfirmed", 6, count, least=90),
        *_flow("in", "publish"),
        *_flow("out", "deliver_get"),
        *_flow("ack", "ack", least=100),
        Column("cons", "consumer_count", 4, count),
        Column("confirm", "confirm", 7, least=130),
    ),
    sort="unack",
    path="/api/channels",
    is_paged=True,
)
EXCHANGES = View(
    "exchanges",
    (
        Column("name", "name", 24, flexible=True, made=exchange_name),
        Column("vhost", "vhost", 10),
        Column("type", "type", 18),
        Column("flags", "durable", 5, made=exchange_flags),
        *_flow("in", "publish_in"),
        *_flow("routed", "publish_out", 8),
        *_flow("lost", "unroutable"),
        Column("policy", "policy", 16, least=110),
        Column("arguments", "arguments", 30, least=150),
    ),
    sort="in/s",
    path="/api/exchanges",
    fields=("auto_delete", "internal"),
    is_paged=True,
)
CONSUMERS = View(
    "consumers",
    (
        Column("tag", "consumer_tag", 18, flexible=True),
        Column("queue", "queue.name", 18),
        Column("vhost", "queue.vhost", 10, least=120),
        Column("channel", "channel_details.name", 34, least=140),
        Column("user", "channel_details.user", 10, least=100),
        Column("pref", "prefetch_count", 5, count),
        Column("unack", "messages_unacknowledged", 6, count),
        Column("ack", "ack_required", 3, least=100),
        Column("excl", "exclusive", 4, least=110),
        Column("state", "active", 8, made=consumer_activity),
        Column("match", "filter_stats", 5, percent, made=lambda row: part_of(row, "filter_stats.")),
        Column("filter", "arguments", 20, made=lambda row: filter_texts(row.get("arguments"))),
    ),
    sort="queue",
    path="/api/consumers",
    identity="consumer_tag",
)
FILTERS = View(
    "filters",
    (
        Column("filter", "filter", 26, flexible=True),
        Column("on", "on", 8),
        Column("from", "from", 18),
        Column("to", "to", 18),
        Column("key", "key", 14, least=110),
        Column("vhost", "vhost", 10, least=100),
        Column("eval/s", "evaluations_rate", 7, rate, toggled=RATE, sorted_by="evaluations"),
        Column("eval", "evaluations", 7, count, toggled=TOTAL),
        Column("pass", "matches", 4, percent, made=part_of),
        Column("cost", "cost_ns", 6, nanoseconds),
        Column("matches", "matches", 7, count, least=120),
    ),
    sort="eval/s",
    path="/api/x/filters",
    fields=("evaluations",),
    is_paged=True,
    identity="filter",
)
EVENTS = View(
    "events",
    (Column("at", "at", 8), Column("what", "what", 40, flexible=True)),
    sort="at",
    identity="what",
)
VIEWS = {
    view.name: view
    for view in (QUEUES, CONNECTIONS, CHANNELS, EXCHANGES, CONSUMERS, FILTERS, EVENTS)
}
"""In the order of their keys, 1 to 7."""
