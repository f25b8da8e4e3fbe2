"""The routes that RabbitMQ has not, or has on another port: metrics, and all below `/api/x/`."""

from __future__ import annotations

from warrener.exchange.management import (
    browse,
    delays,
    event_stream,
    failures,
    filters,
    metrics,
    queues,
    redrives,
    standstill,
    topology,
    unreadable,
)
from warrener.exchange.management.access import Access
from warrener.exchange.management.application import Endpoint

USER = Access.MANAGEMENT
MONITOR = Access.MONITORING
SCRAPER = Access.SCRAPER
ADMIN = Access.ADMINISTRATOR

LONG_BODY = True

QUEUE = "/api/x/queues/{vhost}/{name}"
EXCHANGE = "/api/x/exchanges/{vhost}/{name}"

_TABLE = (
    # Metrics
    ("GET", "/metrics", SCRAPER, metrics.get_metrics, "metrics of the whole broker"),
    ("GET", "/metrics/default", SCRAPER, metrics.get_metrics, "the same"),
    (
        "GET",
        "/metrics/per-object",
        SCRAPER,
        metrics.get_object_metrics,
        "and of each queue, channel, connection, exchange",
    ),
    (
        "GET",
        "/metrics/detailed",
        SCRAPER,
        metrics.get_detailed_metrics,
        "`?family=` and `?vhost=`, several of both",
    ),
    # Ours
    ("GET", f"{QUEUE}/peek", USER, browse.peek, "look at messages, and leave them"),
    ("GET", f"{QUEUE}/why", USER, standstill.get_why, "why its messages do not move"),
    ("POST", f"{QUEUE}/resume", USER, queues.resume_queue, "try again, if it is suspended"),
    ("GET", "/api/x/failures", MONITOR, failures.list_failures, "steps that have failed"),
    ("GET", "/api/x/unreadable", ADMIN, unreadable.list_records, "records without a meaning"),
    (
        "DELETE",
        "/api/x/unreadable/{position}",
        ADMIN,
        unreadable.drop_record,
        "keep one no longer",
    ),
    ("GET", "/api/x/filters", USER, filters.list_filters, "all filters, and what they have done"),
    ("GET", "/api/x/filters/{vhost}", USER, filters.list_filters, "in a virtual host"),
    ("GET", "/api/x/messages/{vhost}", USER, browse.search, "search all queues"),
    ("POST", f"{QUEUE}/redrive", USER, redrives.begin, "move messages on"),
    ("GET", "/api/x/redrives/{vhost}", USER, redrives.list_redrives, "how far that is"),
    ("GET", "/api/x/redrives/{vhost}/{id}", USER, redrives.get_redrive, "one of them"),
    ("DELETE", "/api/x/redrives/{vhost}/{id}", USER, redrives.cancel_redrive, "stop it"),
    ("GET", "/api/x/events", MONITOR, event_stream.listen, "what comes and goes, as it does"),
    ("POST", "/api/x/filters/explain", USER, browse.explain_filter, "try a filter"),
    ("GET", f"{EXCHANGE}/delayed", USER, delays.list_delayed, "messages held back"),
    (
        "DELETE",
        f"{EXCHANGE}/delayed/{{sequence}}",
        USER,
        delays.cancel_delayed,
        "it will not go",
    ),
    (
        "POST",
        f"{EXCHANGE}/delayed/{{sequence}}/expedite",
        USER,
        delays.expedite_delayed,
        "it goes now",
    ),
    ("GET", "/api/x/topology", ADMIN, topology.export, "all that lasts, as YAML"),
    (
        "POST",
        "/api/x/topology/plan",
        ADMIN,
        topology.plan,
        "what a document would change",
        topology.TAKES,
        LONG_BODY,
    ),
    (
        "POST",
        "/api/x/topology/apply",
        ADMIN,
        topology.apply,
        "have the broker be as a document says",
        topology.TAKES,
        LONG_BODY,
    ),
)

OURS = tuple(Endpoint(*row) for row in _TABLE)
