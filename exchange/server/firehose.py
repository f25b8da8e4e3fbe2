"""The firehose: copies of all messages of a virtual host, for whoever wants to look.

While a virtual host is traced (`Broker.set_tracing`), each message that a client publishes is
copied to the exchange `amq.rabbitmq.trace` with the routing key `publish.<exchange>`, and each that
is delivered with `deliver.<queue>`. A copy has the body of the message and nothing but headers,
which say what the message was and who had it, under RabbitMQ's names. Copies are transient, and
there are none of copies.

While nobody is bound to that exchange, nothing is made. Properties that find no room in the headers
of a copy are left out, and if it still is too large, there is none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from warrener.exchange.message import Envelope, Message
from warrener.exchange.predeclared import TRACE_EXCHANGE
from warrener.exchange.queues.public_name import public_name
from warrener.exchange.server.codec import fits, rewrite
from warrener.exchange.server.node_name import node_name
from warrener.protocol.frames import content_properties
from warrener.protocol.properties import Properties, PropertyFields

if TYPE_CHECKING:
    from warrener.exchange.queues.queue import Queue
    from warrener.exchange.route import Route
    from warrener.exchange.vhost import VirtualHost

SHORT_STRING_BYTES_MAX = 255
FIRST_DEATH_EXCHANGE = "x-first-death-exchange"
_NOTHING: dict[str, Any] = dict.fromkeys(PropertyFields.__annotations__)


class TracedConnection(Protocol):
    """Who is at the other end."""

    @property
    def vhost(self) -> VirtualHost: ...
    @property
    def name(self) -> str: ...
    @property
    def user(self) -> str: ...


class Traced(Protocol):
    """A channel, or whatever stands for one: where copies say that a message came by."""

    @property
    def connection(self) -> TracedConnection: ...
    @property
    def number(self) -> int: ...


def trace_publishes(channel: Traced, route: Route, messages: Sequence[Message]) -> None:
    """Messages go along a route."""
    queues = [public_name(queue.name) for queue in route.queues]
    for message in messages:
        _trace(
            channel,
            f"publish.{message.envelope.exchange}",
            message,
            route.keys,
            {**_who(channel), "routed_queues": queues},
        )


def trace_deliveries(
    channel: Traced, queue: Queue, messages: Sequence[Message], redelivered: bool
) -> None:
    """Messages of a queue are on their way to a client."""
    for message in messages:
        if not _is_copy(message):
            _trace(
                channel,
                f"deliver.{public_name(queue.name)}",
                message,
                [message.envelope.routing_key, *message.copies()],
                {"redelivered": int(redelivered), **_who(channel)},
            )


def _is_copy(message: Message) -> bool:
    """Whether a message is a copy of the firehose, or a dead letter that was one.

    A copy of a dead letter of a copy would be a dead letter in turn, and so on for ever.
    """
    if message.envelope.exchange == TRACE_EXCHANGE:
        return True
    headers = message.properties.headers or {}
    return headers.get(FIRST_DEATH_EXCHANGE) == TRACE_EXCHANGE


def _who(channel: Traced) -> dict[str, Any]:
    connection = channel.connection
    return {
        "vhost": connection.vhost.name,
        "connection": connection.name,
        "channel": channel.number,
        "user": connection.user,
    }


def _trace(
    channel: Traced,
    routing_key: str,
    message: Message,
    keys: Sequence[str],
    more: Mapping[str, Any],
) -> None:
    vhost = channel.connection.vhost
    if not vhost.exchanges[TRACE_EXCHANGE].bindings:
        return
    headers = {
        "exchange_name": message.envelope.exchange,
        "routing_keys": list(keys),
        "properties": dict(Properties(content_properties(message.content)[0]).fields()),
        "node": node_name(),
        **more,
    }
    envelope = Envelope(TRACE_EXCHANGE, _cut(routing_key))
    copy = _copy(message, envelope, headers)
    if copy is None:
        headers["properties"] = {}
        copy = _copy(message, envelope, headers)
    if copy is not None:
        vhost.publish_copy(copy)


def _copy(message: Message, envelope: Envelope, headers: Mapping[str, Any]) -> Message | None:
    """The message with these headers and no other property; None if they are too large."""
    try:
        copy = rewrite(message, envelope, {**_NOTHING, "headers": headers})
    except ValueError:
        # In a table of a table, the headers are nested too deeply, or a time is beyond 63 bits.
        return None
    return copy if fits(copy) else None


def _cut(routing_key: str) -> str:
    """As much of a routing key as there can be: the name in it may have that length alone."""
    return routing_key.encode()[:SHORT_STRING_BYTES_MAX].decode(errors="ignore")
