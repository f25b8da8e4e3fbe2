"""The views: each is a table with columns, and all of them stand in one table here.

A column is a path into a document of the API and a format. So the same path says what is shown,
what is sorted by (also on the server, which then sends only the page that is seen), and what is
asked for. Columns with a `least` width are left out on narrower screens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from warrener.exchange.monitor.printing import count, percent, plain, rate, second, size, size_rate
from warrener.exchange.monitor.snapshot import Document, lead

DEPTH = "depth"
"""The column that is drawn from history."""
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

    @property
    def is_number(self) -> bool:
        return self.show is not plain

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


def client_of(row: Document) -> str:
    properties = _table(row, "client_properties")
    product, version = properties.get("product", ""), properties.get("version", "")
    return str(row.get("user_provided_name") or f"{product} {version}".strip())


def peer_of(row: Document) -> str:
    return f"{row.get('peer_host', '')}:{row.get('peer_port', '')}"


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
        *_flow("ack", "ack", least=90),
        *_flow("redel", "redeliver", 7, least=150),
        Column("cons", "consumers", 4, count),
        Column("util", "consumer_utilisation", 4, percent, least=110),
        Column("bytes", "message_bytes", 5, size, least=120),
        Column("policy", "policy", 12, least=160),
        Column("type", "type", 8, least=170),
        Column("idle since", "idle_since", 19, second, least=180),
    ),
    sort="total",
    path="/api/queues",
    fields=("durable", "auto_delete", "exclusive", "effective_policy_definition", "state"),
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
        Column("ack", "ack_required", 3),
        Column("excl", "exclusive", 4, least=110),
        Column("state", "active", 8, made=consumer_activity),
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
    ),
    sort="from",
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


def filter_rows(bindings: Any, consumers: Any) -> list[Document]:
    """The rows of the view of filters: bindings and consumers that have one."""
    rows: list[Document] = []
    for each in bindings or ():
        if isinstance(each, Mapping) and (text := filter_texts(each.get("arguments"))):
            row = {"on": "binding", "from": each.get("source"), "to": each.get("destination")}
            rows.append(
                row | {"filter": text, "key": each.get("routing_key"), "vhost": each.get("vhost")}
            )
    for each in consumers or ():
        if isinstance(each, Mapping) and (text := filter_texts(each.get("arguments"))):
            row = {"on": "consumer", "from": lead(each, "queue.name")}
            row |= {"to": each.get("consumer_tag"), "vhost": lead(each, "queue.vhost")}
            rows.append(row | {"filter": text})
    return rows
