"""What every virtual host has before anybody has declared anything."""

from __future__ import annotations

from collections.abc import Mapping

from warrener.exchange.queues.queue import Queue
from warrener.exchange.types import TYPES, DefaultExchange, Exchange

TRACE_EXCHANGE = "amq.rabbitmq.trace"
"""Where copies of messages go while a virtual host is traced; nobody else publishes there."""
PREDECLARED = {
    "amq.direct": "direct",
    "amq.fanout": "fanout",
    "amq.topic": "topic",
    "amq.headers": "headers",
    "amq.match": "headers",
    TRACE_EXCHANGE: "topic",
}


def predeclared_exchanges(queues: Mapping[str, Queue]) -> dict[str, Exchange]:
    """The exchanges of a new virtual host in which these queues are."""
    exchanges: dict[str, Exchange] = {"": DefaultExchange(queues)}
    for name, kind in PREDECLARED.items():
        internal = name == TRACE_EXCHANGE
        exchanges[name] = TYPES[kind](name, durable=True, internal=internal)
    return exchanges
