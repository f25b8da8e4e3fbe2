"""The schema: what may stand in a topology file, as one table.

Validation, units, the JSON Schema and the reference in docs/topology.md (a test compares them) all
come from here. The names are RabbitMQ's, so that its definitions.json is a topology file as it is:
the lists that it has at the top, with a `vhost` in each item, may also stand inside a virtual host.
"""

from __future__ import annotations

from typing import Any

from warrener.exchange.queues.options import MULTIPLIER_MAX, PRIORITY_MAX, TTL_MAX_MS
from warrener.exchange.topology.shapes import (
    ANYTHING,
    NAME_BYTES_MAX,
    TABLE,
    Choice,
    Either,
    Expression,
    Field,
    Flag,
    ListOf,
    Record,
    Shape,
    Text,
    Whole,
    count,
    duration,
    size,
)
from warrener.exchange.types import TYPES

VERSION = 1
SCHEMA_URI = "https://json-schema.org/draft/2020-12/schema"

NAME = Text(NAME_BYTES_MAX, may_be_empty=False)
KEY = Text(NAME_BYTES_MAX)
TEXT = Text()
FLAG = Flag()
EXPRESSION = Expression()
WORDS = ListOf(TEXT, words=True)
OVERFLOW = Choice("drop-head", "reject-publish", "reject-publish-dlx")
QUEUE_TYPE = Choice("classic", "quorum")
TTL = duration(0, TTL_MAX_MS)

VHOST_KEY = Field("vhost", NAME, "virtual host, where the list is not inside one")

FILTER = Record(
    "a filter",
    Field(
        "sql", TEXT, "SQL92 selector over headers and properties", argument="x-filter-jms-selector"
    ),
    Field("tags", TEXT, "tags separated by ||", argument="x-filter-tags"),
    shared="filter",
)

DEDUPLICATION = (
    Field(
        "message-deduplication",
        FLAG,
        "recognise messages that were here before",
        argument="x-message-deduplication",
    ),
    Field("cache-size", count(1), "how many are remembered", argument="x-cache-size"),
    Field("cache-ttl", duration(1), "for how long", argument="x-cache-ttl"),
    Field("deduplication-header", TEXT, "header to go by", argument="x-deduplication-header"),
    Field(
        "cache-persistence",
        Choice("memory", "disk"),
        "whether a restart ends it",
        argument="x-cache-persistence",
    ),
)

EXCHANGE = Record(
    "an exchange",
    Field("name", NAME, "", required=True),
    VHOST_KEY,
    Field("type", Choice(*TYPES, code="T024", what="exchange type"), "", default="direct"),
    Field("durable", FLAG, "survives a restart", default=True),
    Field("auto_delete", FLAG, "goes with its last binding", default=False),
    Field("internal", FLAG, "clients cannot publish to it", default=False),
    Field("arguments", TABLE, "arguments as they are, without units"),
    Field("alternate-exchange", KEY, "gets what is not routed", argument="alternate-exchange"),
    Field("delayed-type", TEXT, "type behind the delay", argument="x-delayed-type"),
    Field("hash-header", TEXT, "header to hash in place of the key", argument="hash-header"),
    Field("hash-property", TEXT, "property to hash", argument="hash-property"),
    Field(
        "recent-history-length",
        count(1),
        "messages that a new binding is given",
        argument="x-recent-history-length",
    ),
    *DEDUPLICATION,
    shared="exchange",
)

BIND = Record(
    "a binding",
    Field("source", NAME, "exchange", required=True),
    Field("routing_key", KEY, "", default=""),
    Field("arguments", TABLE, "arguments as they are"),
    Field("filter", FILTER, "which messages it is for"),
    shared="bind",
)

DEAD_LETTER = Record(
    "a dead letter",
    Field("queue", NAME, "queue for dead letters, made if it is not declared"),
    Field("exchange", KEY, "exchange for dead letters"),
    Field("routing_key", KEY, "with this key instead of their own"),
)

QUEUE_ARGUMENTS = (
    Field("message-ttl", TTL, "how long a message may wait", argument="x-message-ttl"),
    Field("expires", duration(1, TTL_MAX_MS), "unused queues go after", argument="x-expires"),
    Field("max-length", count(), "messages that may wait", argument="x-max-length"),
    Field("max-length-bytes", size(), "their size", argument="x-max-length-bytes"),
    Field("overflow", OVERFLOW, "what happens beyond", argument="x-overflow"),
    Field(
        "dead-letter-exchange", KEY, "exchange for dead letters", argument="x-dead-letter-exchange"
    ),
    Field(
        "dead-letter-routing-key",
        KEY,
        "with this key instead of their own",
        argument="x-dead-letter-routing-key",
    ),
    Field(
        "dead-letter-strategy",
        Choice("at-most-once", "at-least-once"),
        "whether a dead letter that goes nowhere waits",
        argument="x-dead-letter-strategy",
    ),
    Field("max-priority", Whole(0, PRIORITY_MAX), "", argument="x-max-priority"),
    Field(
        "delivery-limit",
        Whole(-1),
        "returns before a message is given up",
        argument="x-delivery-limit",
    ),
    Field(
        "single-active-consumer",
        FLAG,
        "one consumer at a time",
        argument="x-single-active-consumer",
    ),
    Field(
        "consumer-timeout",
        duration(),
        "how long a consumer may take to acknowledge",
        argument="x-consumer-timeout",
    ),
    Field(
        "delayed-retry-type",
        Choice("disabled", "all", "failed", "returned"),
        "which messages are held back when they come back",
        argument="x-delayed-retry-type",
    ),
    Field(
        "delayed-retry-min",
        duration(1, TTL_MAX_MS),
        "for how long the first time",
        argument="x-delayed-retry-min",
    ),
    Field(
        "delayed-retry-max",
        duration(1, TTL_MAX_MS),
        "for how long at most",
        argument="x-delayed-retry-max",
    ),
    Field(
        "delayed-retry-multiplier",
        Whole(1, MULTIPLIER_MAX),
        "by what the time is multiplied with each failure",
        argument="x-delayed-retry-multiplier",
    ),
    Field(
        "group_header_key",
        TEXT,
        "header that names the group of a message, empty for `JMSXGroupID`",
        argument="qpid.group_header_key",
    ),
    Field(
        "shared_msg_group",
        Whole(0, 1),
        "with 1 a group is free again when nothing of it is unanswered",
        argument="qpid.shared_msg_group",
    ),
    Field("queue-mode", Choice("default", "lazy"), "without effect", argument="x-queue-mode"),
    Field("queue-version", Whole(1, 2), "without effect", argument="x-queue-version"),
    Field(
        "quorum-initial-group-size",
        Whole(1),
        "without effect",
        argument="x-quorum-initial-group-size",
    ),
)

QUEUE = Record(
    "a queue",
    Field("name", NAME, "", required=True),
    VHOST_KEY,
    Field(
        "type",
        QUEUE_TYPE,
        "quorum sets `x-queue-type`; classic is what queues are",
        default="classic",
    ),
    Field("durable", FLAG, "survives a restart", default=True),
    Field("auto_delete", FLAG, "goes with its last consumer", default=False),
    Field("arguments", TABLE, "arguments as they are, without units"),
    *QUEUE_ARGUMENTS,
    *DEDUPLICATION,
    Field("dead-letter", DEAD_LETTER, "short for exchange, key and queue of dead letters"),
    Field("retry", ListOf(duration(1, TTL_MAX_MS)), "waits between attempts; needs `dead-letter`"),
    Field("bind", ListOf(BIND), "bindings that lead here"),
    shared="queue",
)

BINDING = Record(
    "a binding",
    Field("source", NAME, "exchange", required=True),
    VHOST_KEY,
    Field("queue", NAME, "queue it leads to"),
    Field("exchange", NAME, "or exchange it leads to"),
    Field("destination", NAME, "the same in RabbitMQ's words"),
    Field("destination_type", Choice("queue", "exchange"), "", default="queue"),
    Field("routing_key", KEY, "", default=""),
    Field("arguments", TABLE, "arguments as they are"),
    Field("filter", FILTER, "which messages it is for"),
    Field("properties_key", TEXT, "RabbitMQ's own; not looked at"),
    shared="binding",
)

PERMISSION = Record(
    "a permission",
    Field("user", NAME, "", required=True),
    VHOST_KEY,
    Field("configure", EXPRESSION, "names it may declare and delete", required=True),
    Field("write", EXPRESSION, "names it may publish to", required=True),
    Field("read", EXPRESSION, "names it may consume from", required=True),
    shared="permission",
)

TOPIC_PERMISSION = Record(
    "a topic permission",
    Field("user", NAME, "", required=True),
    VHOST_KEY,
    Field("exchange", NAME, "", required=True),
    Field("write", EXPRESSION, "routing keys of publishes", required=True),
    Field("read", EXPRESSION, "routing keys of bindings", required=True),
    shared="topic-permission",
)

DEFINITION = Record(
    "a definition",
    *(Field(f.name, f.shape, f.meaning) for f in QUEUE_ARGUMENTS),
    Field("alternate-exchange", KEY, "of exchanges"),
    open_to=ANYTHING,
    shared="definition",
)

POLICY = Record(
    "a policy",
    Field("name", NAME, "", required=True),
    VHOST_KEY,
    Field("pattern", EXPRESSION, "names it applies to", required=True),
    Field(
        "apply-to",
        Choice("queues", "exchanges", "all", "classic_queues", "quorum_queues", "streams"),
        "",
        default="all",
    ),
    Field("priority", Whole(-(2**31), 2**31 - 1), "the highest one applies", default=0),
    Field("definition", DEFINITION, "arguments without `x-`", required=True),
    shared="policy",
)

VHOST_LIMITS = Record(
    "limits",
    Field("max-connections", count(-1), "connections at once"),
    Field("max-queues", count(-1), ""),
    shared="vhost-limits",
)
USER_LIMITS = Record(
    "limits",
    Field("max-connections", count(-1), "connections at once"),
    Field("max-channels", count(-1), "channels at once"),
)

PASSWORD = Record(
    "a password",
    Field("env", NAME, "environment variable that holds it"),
    Field("file", NAME, "file that holds it, relative to this one"),
    Field("hash", TEXT, "hash of it; `export` writes one"),
    Field(
        "algorithm",
        TEXT,
        "of the hash: `rabbit_password_hashing_sha256` or `_sha512`, or Warrener's",
    ),
)

USER = Record(
    "a user",
    Field("name", NAME, "", required=True),
    Field("password", Either(TEXT, PASSWORD), "the password, or where it is"),
    Field("password_hash", TEXT, "as RabbitMQ exports it"),
    Field("hashing_algorithm", TEXT, "of `password_hash`"),
    Field("tags", WORDS, "roles, as a list or with commas", default=()),
    Field("limits", USER_LIMITS, ""),
)

METADATA = Record(
    "metadata",
    Field("description", TEXT, ""),
    Field("tags", WORDS, ""),
    Field("default_queue_type", TEXT, ""),
    open_to=ANYTHING,
    shared="metadata",
)

PER_VHOST = (
    Field("permissions", ListOf(PERMISSION), ""),
    Field("topic_permissions", ListOf(TOPIC_PERMISSION), ""),
    Field("exchanges", ListOf(EXCHANGE), ""),
    Field("queues", ListOf(QUEUE), ""),
    Field("bindings", ListOf(BINDING), ""),
    Field("policies", ListOf(POLICY), ""),
    Field("operator-policies", ListOf(POLICY), "policies that clients cannot exceed"),
)

VHOST = Record(
    "a virtual host",
    Field("name", NAME, "", required=True),
    Field("description", TEXT, "", default=""),
    Field("tags", WORDS, "", default=()),
    Field("default_queue_type", TEXT, "not kept"),
    Field("metadata", METADATA, "the same as RabbitMQ exports it"),
    Field("limits", VHOST_LIMITS, ""),
    Field("tracing", FLAG, "not looked at"),
    *PER_VHOST,
)

PARAMETER = Record(
    "a parameter",
    Field("component", NAME, "", required=True),
    VHOST_KEY,
    Field("name", NAME, "", required=True),
    Field("value", ANYTHING, "", required=True),
)
GLOBAL_PARAMETER = Record(
    "a global parameter",
    Field("name", NAME, "", required=True),
    Field("value", ANYTHING, "", required=True),
)

DEFAULTS = Record(
    "defaults",
    *(
        Field(name, record.without_requirements(), f"for each {name} that says nothing else")
        for name, record in (("exchange", EXCHANGE), ("queue", QUEUE))
    ),
)

MANAGE = Record(
    "manage",
    Field(
        "prune", Choice("none", "listed-vhosts"), "what --prune may delete", default="listed-vhosts"
    ),
    Field("ignore", ListOf(EXPRESSION), "names of exchanges and queues that --prune leaves"),
)

EXPORT_KEYS: tuple[tuple[str, Shape], ...] = (
    ("rabbit_version", TEXT),
    ("rabbitmq_version", TEXT),
    ("product_name", TEXT),
    ("product_version", TEXT),
    ("rabbitmq_definition_format", TEXT),
    ("original_cluster_name", TEXT),
    ("original_vhost_name", NAME),
    ("explanation", TEXT),
    ("metadata", METADATA),
    ("description", TEXT),
    ("default_queue_type", TEXT),
    ("limits", VHOST_LIMITS),
)
"""What else stands at the top of RabbitMQ's exports; a file with one of the first five is one."""

TOPOLOGY = Record(
    "a topology",
    Field("version", Whole(), f"of this format: {VERSION}", default=VERSION),
    Field("vars", Record("vars", open_to=TEXT), "variables of this file"),
    Field("defaults", DEFAULTS, ""),
    Field("manage", MANAGE, ""),
    Field("users", ListOf(USER), ""),
    Field("vhosts", ListOf(VHOST), ""),
    *PER_VHOST,
    Field("parameters", ListOf(PARAMETER), "RabbitMQ's parameters"),
    Field("global_parameters", ListOf(GLOBAL_PARAMETER), ""),
    *(Field(name, shape, "in RabbitMQ's exports") for name, shape in EXPORT_KEYS),
)


_SHARED = (
    METADATA,
    VHOST_LIMITS,
    PERMISSION,
    TOPIC_PERMISSION,
    EXCHANGE,
    QUEUE,
    BIND,
    BINDING,
    FILTER,
    POLICY,
    DEFINITION,
)


def json_schema() -> dict[str, Any]:
    """The format as JSON Schema, for editors."""
    return {
        "$schema": SCHEMA_URI,
        "$id": "https://warrener.invalid/topology-v1.schema.json",
        "title": "Warrener topology, version 1",
        **TOPOLOGY.schema(),
        "$defs": {record.shared: record.schema_in_full() for record in _SHARED},
    }
