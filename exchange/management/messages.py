"""Messages: publish one, get some.

These do over HTTP what a client does over AMQP, with the same permissions and the same checks. A
publish to a durable queue is answered when it is on disk. Getting messages takes them out of their
queue, even if they are put back: they are marked as redelivered, and their count of deliveries
rises.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import trio

from warrener.exchange.access.users import IMPERSONATOR
from warrener.exchange.channel import Channel
from warrener.exchange.consumer import Consumer
from warrener.exchange.management.bodies import aside, read_json
from warrener.exchange.management.call import JSON, NOBODY, Call, answer, exchange_name
from warrener.exchange.management.errors import Unavailable
from warrener.exchange.management.fields import Fields, check_name, read_table
from warrener.exchange.management.listing import Turn, stream
from warrener.exchange.management.values import plain
from warrener.exchange.message import Envelope, Message
from warrener.exchange.queues.queue import Queue
from warrener.exchange.queues.waitlist import Waitlist
from warrener.exchange.server.firehose import trace_publishes
from warrener.exchange.server.preparation import prepare
from warrener.exchange.statistics.counts import DROP_UNROUTABLE, PUBLISH, no_counts
from warrener.protocol.frames import content_frames, split_content
from warrener.protocol.http.errors import BadRequest
from warrener.protocol.http.response import Response
from warrener.protocol.properties import Properties, encode_properties

FRAME_BYTES = 128 * 1024
GET_MESSAGES_MAX = 10_000
GET_BYTES_MAX = 64 << 20
"""What one answer may hold; more is left in the queue."""
ROOM_BYTES = 1 << 62
TEXTS = (
    "content_type",
    "content_encoding",
    "correlation_id",
    "reply_to",
    "expiration",
    "message_id",
    "type",
    "user_id",
    "app_id",
    "cluster_id",
)
NUMBERS = {"delivery_mode": 1 << 8, "priority": 1 << 8, "timestamp": 1 << 64}
ACK_MODES: Mapping[str, Callable[[Channel], None]] = {
    "ack_requeue_true": Channel.recover,
    "reject_requeue_true": Channel.recover,
    "ack_requeue_false": lambda channel: channel.acknowledge([0], multiple=True),
    "reject_requeue_false": lambda channel: channel.reject(0, multiple=True, requeue=False),
}


# Publishing


class Sender:
    """A user who publishes, as `prepare`, `Confirms` and the firehose know a channel."""

    reply_queue = None
    published = 1
    number = 1

    def __init__(self, call: Call) -> None:
        self.connection = self
        self.name = f"{call.peer.host}:{call.peer.port} (HTTP)"
        self.vhost = call.vhost
        self.user = call.user.name
        self.may_impersonate = IMPERSONATOR in call.user.tags
        self.written = 0
        self.safe = trio.Event()
        self.lost = False

    def confirm(self, number: int) -> None:
        self.safe.set()

    def give_up(self, number: int) -> None:
        self.lost = True
        self.safe.set()

    def break_off(self, error: Exception) -> None:
        self.give_up(0)


async def publish(call: Call) -> Response:
    fields = Fields(await aside(read_json, call.body))
    routing_key = fields.name("routing_key")
    body = read_payload(fields)
    properties = read_properties(fields.any("properties"))
    envelope = Envelope(exchange_name(call.path["name"]), routing_key)
    content = content_frames(properties.raw, body, 1, FRAME_BYTES)
    message = Message(envelope, properties, content, 1)
    sender = Sender(call)
    routed = call.within_pass(lambda: _publish(call, sender, message))
    await sender.safe.wait()
    if sender.lost:
        raise Unavailable("the store has failed")
    return answer({"routed": routed})


def _publish(call: Call, sender: Sender, original: Message) -> bool:
    """Returns whether it went to a queue. Raises: Refused."""
    vhost, rights, place = call.vhost, call.rights, original.envelope
    rights.require_write("exchange", place.exchange)
    exchange = vhost.exchange(place.exchange)
    message, copies = prepare(sender, original)
    for key in (place.routing_key, *copies):
        rights.require_topic_write(exchange, key)
    route = vhost.route(place.exchange, place.routing_key, message.properties, copies)
    if vhost.tracing:
        trace_publishes(sender, route, [message])
    end = call.broker.ledger.end
    size = len(message.content)
    expiring = message.properties.expiration is not None
    refused = vhost.publish(route, [message], size, expiring)
    if call.broker.ledger.end != end or route.careful:
        sender.written = call.broker.ledger.end
    call.broker.confirms.note(sender)
    call.broker.activity.sizes.add(size)
    _count(call, exchange, route.queues)
    if refused:
        raise BadRequest("rejected: a queue, or the disk, is too full")
    return bool(route.queues)


def _count(call: Call, exchange: Any, queues: Sequence[Queue]) -> None:
    counts = no_counts()
    counts[PUBLISH] = 1
    counts[DROP_UNROUTABLE] = not queues
    call.broker.activity.add(call.vhost.name, counts)
    exchange.published_in += 1
    exchange.published_out += len(queues)
    exchange.published_nowhere += not queues


def read_payload(fields: Fields) -> bytes:
    """Raises: BadRequest."""
    payload, encoding = fields.text("payload"), fields.text("payload_encoding")
    if encoding == "string":
        return payload.encode()
    if encoding != "base64":
        raise BadRequest(f"unsupported_encoding: {encoding}")
    try:
        return base64.b64decode(payload, validate=True)
    except (binascii.Error, ValueError):
        raise BadRequest("not_base64: payload") from None


def read_properties(values: Any) -> Properties:
    """Raises: BadRequest."""
    fields = Fields(values or {})
    found: dict[str, Any] = {}
    for name in TEXTS:
        if fields.values.get(name) is not None:
            found[name] = check_name(_text(fields, name))
    for name, limit in NUMBERS.items():
        if fields.values.get(name) is not None:
            found[name] = fields.number(name)
            if found[name] not in range(limit):
                raise BadRequest(f"out of range: {name}")
    if fields.values.get("headers"):
        found["headers"] = read_table(fields.values["headers"], "headers")
    properties = Properties(encode_properties(**found))
    properties.check()
    return properties


def _text(fields: Fields, name: str) -> str:
    """A property that is a text; RabbitMQ takes no number for one. Raises: BadRequest."""
    if not isinstance(fields.values[name], str):
        raise BadRequest(f"not_string: {name}")
    return fields.text(name)


# Getting


class Collector:
    """The outlet of a channel that keeps what it is handed."""

    def __init__(self) -> None:
        self.waitlist = Waitlist(lambda: True)
        self._latest: tuple[Message, bool] | None = None
        self.size = 0
        """Bytes of all that was delivered."""

    def take(self) -> tuple[Message, bool]:
        """What was delivered last, and whether it had been delivered before."""
        assert self._latest is not None, "what is found is delivered"
        return self._latest

    def room(self) -> int:
        return ROOM_BYTES

    def deliver(
        self, consumer: Consumer, messages: Sequence[Message], first_tag: int, redelivered: bool
    ) -> None:
        (message,) = messages
        self._latest = message, redelivered
        self.size += len(message.content)

    def cancelled(self, consumer: Consumer) -> None:
        """It has no consumers."""

    def break_off(self, error: Exception) -> None:
        raise error


class Got(NamedTuple):
    """A message, and how it was found."""

    message: Message
    redelivered: bool
    left: int
    """Messages that waited behind it."""


async def get_messages(call: Call) -> Response:
    fields = call.fields
    count, mode = fields.number("count"), read_ack_mode(fields)
    encoding = fields.text("encoding", "auto")
    truncate = max(0, fields.number("truncate", ROOM_BYTES))
    if encoding not in ("auto", "base64"):
        raise BadRequest("Unsupported encoding. Please use auto or base64.")
    wanted = GET_MESSAGES_MAX if count < 0 else min(count, GET_MESSAGES_MAX)
    collector = Collector()
    channel = Channel(collector)
    try:
        found = await _get(call, channel, collector, wanted)
        call.within_pass(lambda: mode(channel) if found else None)
    finally:
        if channel.unacked:
            # Something came between getting and settling: it all goes back.
            call.within_pass(channel.recover)
    call.broker.activity.add(call.vhost.name, channel.counts)

    def document(got: Got) -> dict[str, Any]:
        shown = describe(got.message, got.redelivered, encoding, truncate)
        return shown | {"message_count": got.left}

    return Response(200, (JSON,), parts=stream(found, document))


async def _get(call: Call, channel: Channel, collector: Collector, wanted: int) -> list[Got]:
    """Take up to `wanted` messages, some in each pass. Raises: Refused."""
    found: list[Got] = []
    turn = Turn()

    def take_some() -> bool:
        """Returns whether there may be more."""
        call.rights.require_read("queue", call.path["name"])
        queue = call.vhost.queue(call.path["name"], NOBODY)
        while len(found) < wanted and collector.size < GET_BYTES_MAX:
            if not channel.get(queue, no_ack=False):
                return False
            found.append(Got(*collector.take(), len(queue.ready)))
            if turn.is_over:
                return True
        return False

    while call.within_pass(take_some):
        await turn.pass_on()
    return found


def read_ack_mode(fields: Fields) -> Callable[[Channel], None]:
    """Raises: BadRequest."""
    mode = fields.text("ackmode")
    if mode not in ACK_MODES:
        raise BadRequest(f"ackmode must be one of {', '.join(ACK_MODES)}")
    return ACK_MODES[mode]


def describe(
    message: Message, redelivered: bool, encoding: str = "auto", truncate: int = ROOM_BYTES
) -> dict[str, Any]:
    """A message as the API shows it: as text if it is UTF-8, else in base64."""
    _, body = split_content(message.content)
    shown = body[:truncate]
    payload, kind = base64.b64encode(shown).decode(), "base64"
    if encoding == "auto":
        with suppress(UnicodeDecodeError):
            payload, kind = shown.decode(), "string"
    return {
        "payload_bytes": len(body),
        "redelivered": redelivered,
        "exchange": message.envelope.exchange,
        "routing_key": message.envelope.routing_key,
        "properties": shown_properties(message),
        "payload": payload,
        "payload_encoding": kind,
    }


def shown_properties(message: Message) -> dict[str, Any]:
    raw, _ = split_content(message.content)
    return {name: plain(value) for name, value in Properties(raw).fields().items()}
