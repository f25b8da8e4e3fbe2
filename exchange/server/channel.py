"""One channel of a connection: methods in, calls on the broker, frames out.

What a channel means (deliveries, prefetch, settling) is `warrener.exchange.channel`, which this
wraps; the order of methods is `warrener.protocol.state`. Here is the translation between them,
and the two hot ends of the path of a message: `publish` and `deliver`.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from warrener.exchange.channel import Channel
from warrener.exchange.consumer import Consumer
from warrener.exchange.errors import NotSupported, PreconditionFailed, Refused
from warrener.exchange.message import Envelope, Message, forget_decoded
from warrener.exchange.patience import Patience
from warrener.exchange.server.deliver_frame import encode_envelope, encode_head
from warrener.exchange.server.firehose import trace_deliveries, trace_publishes
from warrener.exchange.server.fitting import Closing, fit
from warrener.exchange.server.preparation import prepare
from warrener.exchange.server.publication import Publication
from warrener.exchange.server.publish_numbers import PublishNumbers
from warrener.exchange.server.transaction import Commit, Transaction
from warrener.exchange.statistics.counts import (
    CONFIRM,
    DROP_UNROUTABLE,
    PUBLISH,
    RETURN_UNROUTABLE,
)
from warrener.protocol import methods as m
from warrener.protocol.codec import Method
from warrener.protocol.errors import reply_text
from warrener.protocol.frames import METHOD, frame
from warrener.protocol.state import ChannelState, next_channel_state

if TYPE_CHECKING:
    from warrener.exchange.queues.queue import Queue
    from warrener.exchange.route import Route
    from warrener.exchange.server.connection import Connection

logger = logging.getLogger("warrener.channel")

_pack_tag = struct.Struct(">Q").pack
_NO_ROUTE = 312


class ServerChannel:
    """A channel number of a connection, open or on its way to being closed."""

    def __init__(self, connection: Connection, number: int) -> None:
        self.connection = connection
        self.number = number
        self.state = ChannelState.CLOSED
        self.waitlist = connection.waitlist
        self.core = Channel(self)
        self.patience = Patience(
            self.core,
            connection.broker.deadlines,
            connection.config.consumer_timeout_ms,
            self._lose_patience,
        )
        self.last_queue = ""
        """The queue declared last, which the empty name means from then on."""
        self._ended = False
        self._closing: Closing | None = None
        """What is going to close this channel, which is sent no more messages."""
        self.confirming = False
        self._numbers = PublishNumbers()
        self.written = 0
        self.transaction: Transaction | None = None
        self.commits: list[Commit] = []
        """Commits that have not been answered yet."""
        self._close: m.ChannelClose | None = None
        """Our close of this channel, while it waits for the answers that go before it."""
        self.reply_queue: str | None = None
        """The name of the queue for direct replies, if there is a consumer for them."""

    @property
    def is_open(self) -> bool:
        return self.state is ChannelState.OPEN

    @property
    def published(self) -> int:
        """Publishes that have a number."""
        return self._numbers.latest

    @property
    def unconfirmed(self) -> int:
        """Publishes that have not been answered yet."""
        return self._numbers.unanswered

    @property
    def uncommitted(self) -> tuple[int, int]:
        """Publishes and acknowledgements that wait for a commit."""
        return (0, 0) if self.transaction is None else self.transaction.size

    # Methods

    def receive(self, method: Method) -> None:
        """Take in one method. Raises: ProtocolError if it may not come now."""
        following = next_channel_state(self.state, self.number, method)
        if following is None:
            return
        self.state = following
        place = len(self.connection.output.pieces)
        try:
            answer = self.connection.handle(self, method)
        except Refused as refusal:
            if refusal.ends_connection:
                raise
            self.fail(refusal, method.class_id, method.method_id)
            return
        if answer is not None and not getattr(method, "no_wait", False):
            # Before what the method led to: py-amqp, waiting for delete-ok, fails at a cancel.
            self.connection.output.write(frame(METHOD, self.number, answer.encode()), place)

    def send(self, method: Method) -> None:
        self.connection.output.write(frame(METHOD, self.number, method.encode()))

    def fail(self, refusal: Refused, class_id: int, method_id: int, failed: bool = True) -> None:
        """Close this channel because of a refusal; `failed` as in `end`.

        The client is told when everything that it published or committed before is answered, which
        may have to wait for the disk: what was taken is confirmed though the channel is closed.
        """
        self.end(failed)
        self.state = ChannelState.CLOSING
        self._close = m.ChannelClose(
            refusal.code, reply_text(refusal.code, refusal.text), class_id, method_id
        )
        self.close_if_answered()

    def end(self, failed: bool = True) -> None:
        """Give back everything this channel holds, and answer what is safe by now.

        `failed` says whether its unacknowledged deliveries have failed, see `Channel.close`.
        """
        broker = self.connection.broker
        broker.confirms.answer([self, *self.commits], broker.ledger.durable)
        self._send_close()
        self.connection.forget_publications(self)
        self.patience.end()
        if self.transaction is not None:
            self.transaction.rollback()
        queues = self.core.close(failed)
        for queue in queues:
            self.connection.vhost.consumer_left(queue)
        if not self._ended:
            self._ended = True
            self.tell("channel.closed")
            broker.activity.channel_closed(
                self.connection.vhost.name, self.core.counts, self.published
            )

    def close_if_answered(self) -> None:
        """Send our close if it waits, and no longer has to."""
        if self._close is not None and not self.commits and not self.unconfirmed:
            self._send_close()

    def is_closed(self) -> None:
        """The client has answered our close, or takes the channel for closed without it."""
        self._close = None

    def _send_close(self) -> None:
        """Send our close if it waits."""
        close, self._close = self._close, None
        if close is not None:
            self.send(close)

    def tell(self, kind: str) -> None:
        """Tell those who listen what has happened to this channel."""
        connection = self.connection
        connection.vhost.tell(kind, connection=connection.name, number=self.number)

    # Publishing

    def publication(self, method: m.BasicPublish) -> Publication:
        """Prepare for publishes by this method. Raises: NotSupported."""
        if method.immediate:
            raise NotSupported("immediate=true")
        return Publication(self, Envelope(method.exchange, method.routing_key), method.mandatory)

    def publish(self, publication: Publication, messages: Sequence[Message], size: int) -> None:
        """Route a run of messages whose contents are `size` bytes together."""
        if self.state is not ChannelState.OPEN:
            return
        route = publication.route
        try:
            if self.transaction is not None:
                self.transaction.publish(publication, messages)
                return
            if publication.special and any(message.properties.special for message in messages):
                self._publish_specially(publication, messages)
                return
            if route is None or route.generation != self.connection.vhost.generation:
                if publication.permitted != self.connection.vhost.generation:
                    self.permit(publication)
                route = self.route(publication, messages[0])
                if not route.lasting:
                    self._publish_severally(publication, messages)
                    return
                publication.remember(route)
            self.publish_along(route, publication, messages, size)
        except Refused as refusal:
            self.fail(refusal, m.BasicPublish.class_id, m.BasicPublish.method_id)

    def acknowledge(self, tags: Sequence[int], multiple: bool) -> None:
        """Settle deliveries, or note it for the commit. Raises: PreconditionFailed."""
        (self.transaction or self.core).acknowledge(tags, multiple)

    def reject(self, tag: int, multiple: bool, requeue: bool, failed: bool) -> None:
        """Give deliveries back, or note it for the commit. Raises: PreconditionFailed."""
        (self.transaction or self.core).reject(tag, multiple, requeue, failed)

    def permit(self, publication: Publication, copies: Sequence[str] = ()) -> None:
        """Ask once, and again after every change, whether the client may publish there.

        Raises: AccessRefused, also for one of the further routing keys.
        """
        vhost = self.connection.vhost
        rights = self.connection.rights
        place = publication.envelope
        exchange = vhost.exchanges.get(place.exchange)
        if publication.permitted != vhost.generation:
            rights.require_write("exchange", place.exchange)
            if exchange is not None and not exchange.internal:
                rights.require_topic_write(exchange, place.routing_key)
            publication.permitted = vhost.generation
        if exchange is not None:
            for routing_key in copies:
                rights.require_topic_write(exchange, routing_key)

    def looked_at(
        self, publication: Publication, original: Message
    ) -> tuple[Message, Sequence[str]]:
        """The message as it is to be published, and the routing keys beside its own.

        Raises: Refused.
        """
        if publication.permitted != self.connection.vhost.generation:
            self.permit(publication)
        if not original.properties.special:
            return original, ()
        message, copies = prepare(self, original)
        if copies:
            self.permit(publication, copies)
        return message, copies

    def route(
        self, publication: Publication, message: Message, copies: Sequence[str] = ()
    ) -> Route:
        """Find a route. Raises: Refused."""
        envelope = publication.envelope
        return self.connection.vhost.route(
            envelope.exchange, envelope.routing_key, message.properties, copies
        )

    def _publish_specially(self, publication: Publication, messages: Sequence[Message]) -> None:
        """Publish messages of which some ask more of the broker than to be routed."""
        for original in messages:
            message, copies = self.looked_at(publication, original)
            route = self.route(publication, message, copies)
            expiring = message.properties.expiration is not None
            self.publish_along(route, publication, [message], len(message.content), expiring)

    def _publish_severally(self, publication: Publication, messages: Sequence[Message]) -> None:
        """Route each message on its own; neighbours that go the same way go together."""
        run: list[Message] = []
        way: Route | None = None
        try:
            for message in messages:
                route = self.route(publication, message)
                if route is not way:
                    self._publish_run(way, publication, run)
                    way, run = route, []
                run.append(message)
        finally:
            # If one cannot be routed, those before it have been published.
            self._publish_run(way, publication, run)

    def _publish_run(
        self, route: Route | None, publication: Publication, messages: Sequence[Message]
    ) -> None:
        if route is not None:
            size = sum([len(message.content) for message in messages])
            self.publish_along(route, publication, messages, size)

    def publish_along(
        self,
        route: Route,
        publication: Publication,
        messages: Sequence[Message],
        size: int,
        expiring: bool = False,
    ) -> None:
        """Publish a run of messages that all go the same way."""
        broker = self.connection.broker
        vhost = self.connection.vhost
        if vhost.tracing:
            trace_publishes(self, route, messages)
        end = broker.ledger.end if self.confirming else 0
        refused: Sequence[Message] = ()
        count, counts = len(messages), self.core.counts
        counts[PUBLISH] += count
        broker.activity.sizes.add(size / count, count)
        exchange = vhost.exchanges.get(publication.envelope.exchange)
        if exchange is not None:
            exchange.published_in += count
            exchange.published_out += count * len(route.queues)
        if route.queues or route.observers or route.careful:
            refused = vhost.publish(route, messages, size, expiring)
            self.connection.note_target(route)
            if messages[-1].properties.is_decoded:
                forget_decoded(messages)
        if self.confirming:
            if refused:
                self._refuse(messages, refused)
            self._numbers.latest += count
            if broker.ledger.end != end or route.careful:
                # What was seen before may not be on disk yet: whoever sends it again waits as well.
                self.written = broker.ledger.end
            broker.confirms.note(self)
        if not route.queues:
            counts[RETURN_UNROUTABLE if publication.mandatory else DROP_UNROUTABLE] += count
            if exchange is not None:
                exchange.published_nowhere += count
            at_once = self.confirming and not route.careful and not broker.ledger.failed
            if at_once or publication.mandatory:
                self._answer_unroutable(messages, publication.mandatory, at_once)

    def _refuse(self, messages: Sequence[Message], refused: Sequence[Message]) -> None:
        """Tell the publisher which messages of a run a queue was too full to take."""
        turned_away = set(refused)
        for number, message in enumerate(messages, self.published + 1):
            if message in turned_away:
                self._numbers.answer_alone(number)
                self.send(m.BasicNack(number, multiple=False, requeue=False))

    def _answer_unroutable(
        self, messages: Sequence[Message], mandatory: bool, at_once: bool
    ) -> None:
        """Return the latest publishes, which went to no queue, and confirm them one by one.

        RabbitMQ confirms them like this, and there are clients that count the answers.
        """
        for number, message in enumerate(messages, self.published - len(messages) + 1):
            if mandatory:
                self._return(message)
            if at_once:
                self._numbers.answer_alone(number)
                self.send(m.BasicAck(number, multiple=False))

    def _return(self, message: Message) -> None:
        envelope = message.envelope
        content = fit(message, self.number, self.connection.frame_max)
        self.send(m.BasicReturn(_NO_ROUTE, "NO_ROUTE", envelope.exchange, envelope.routing_key))
        self.connection.output.write(content)

    def confirm(self, number: int) -> None:
        """All publishes up to `number` are safe."""
        span = self._answer(number)
        if span:
            self.send(m.BasicAck(span[-1], multiple=len(span) > 1))
        self.close_if_answered()

    def give_up(self, number: int) -> None:
        """Those up to `number` that were not answered may be lost."""
        span = self._answer(number)
        if span:
            self.send(m.BasicNack(span[-1], multiple=len(span) > 1, requeue=False))
        self.close_if_answered()

    def committed(self, commit: Commit) -> None:
        """A commit is safe."""
        self.commits.remove(commit)
        if self._takes_answers():
            self.send(m.TxCommitOk())
        self.close_if_answered()

    def _answer(self, number: int) -> range:
        """The publishes up to `number` that are to be answered now, with one answer."""
        count, span = self._numbers.answer_up_to(number)
        self.core.counts[CONFIRM] += count
        return span if self._takes_answers() else range(0)

    def _takes_answers(self) -> bool:
        """Whether the client takes answers: until it is told of, or has asked for, the end."""
        return not self._ended or self._close is not None

    # Delivering

    def room(self) -> int:
        return self.connection.room()

    def deliver(
        self, consumer: Consumer, messages: Sequence[Message], first_tag: int, redelivered: bool
    ) -> int | None:
        """Write a run of deliveries; returns how many if not all of them can be sent."""
        if self.connection.vhost.tracing:
            trace_deliveries(self, consumer.queue, messages, redelivered)
        timeout = 0 if consumer.no_ack else self.patience.timeout_of(consumer.queue)
        if timeout:
            self.patience.delivered(timeout, first_tag, self.connection.broker.ledger.now_ms)
        if self._closing is not None:
            return 0
        if not consumer.tag:
            return self._got(consumer.queue, messages[0], first_tag, redelivered)
        connection = self.connection
        write = connection.output.pieces.append
        number = self.number
        frame_max = connection.frame_max
        heads = consumer.encoded
        envelope = None
        size = 0
        tag = first_tag
        for message in messages:
            if message.envelope is not envelope:
                envelope = message.envelope
                tail = (envelope.encoded or encode_envelope(envelope))[redelivered]
                head = heads.get(len(tail)) or encode_head(consumer, number, len(tail))
                around = len(head) + 8 + len(tail)
            content = message.content
            if message.channel != number or len(content) > frame_max:
                try:
                    content = fit(message, number, frame_max)
                except PreconditionFailed as refusal:
                    self._close_soon(refusal)
                    connection.output.count(size)
                    return tag - first_tag
            write(head)
            write(_pack_tag(tag))
            write(tail)
            write(content)
            size += around + len(content)
            tag += 1
        connection.output.count(size)
        return None

    def _lose_patience(self, timeout: int, tags: Sequence[int]) -> None:
        """Deliveries were not acknowledged in time.

        They are taken back and their consumers cancelled, if the client can be told that by
        consumer; otherwise, or for what it got without a consumer, the channel is closed.
        """
        unacked = self.core.unacked
        if self.connection.notifies_cancel and all(unacked[tag].consumer.tag for tag in tags):
            for consumer in self.core.reclaim(tags):
                logger.warning(
                    "%s: consumer '%s' of queue '%s' on channel %d has not acknowledged for %d ms",
                    *(self.connection.name, consumer.tag, consumer.queue.name, self.number),
                    timeout,
                )
                self.cancelled(consumer)
                self.connection.vhost.consumer_left(consumer.queue)
            return
        text = (
            f"delivery acknowledgement on channel {self.number} timed out. "
            f"Timeout value used: {timeout} ms. "
            "This timeout value can be configured, see consumers doc guide to learn more"
        )
        # As in RabbitMQ 4.3 it is not known that anything has failed: the consumer may be slow.
        self.fail(PreconditionFailed(text), 0, 0, failed=False)

    def cancelled(self, consumer: Consumer) -> None:
        if self.connection.notifies_cancel and self.state is ChannelState.OPEN:
            self.send(m.BasicCancel(consumer.tag, no_wait=True))

    def break_off(self, error: Exception) -> None:
        self.connection.break_off(error)

    def _got(self, queue: Queue, message: Message, tag: int, redelivered: bool) -> int | None:
        envelope = message.envelope
        try:
            content = fit(message, self.number, self.connection.frame_max)
        except PreconditionFailed as refusal:
            self._close_soon(refusal)
            return 0
        self.send(
            m.BasicGetOk(
                tag, redelivered, envelope.exchange, envelope.routing_key, len(queue.ready)
            )
        )
        self.connection.output.write(content)
        return None

    def _close_soon(self, refusal: PreconditionFailed) -> None:
        """Close this channel once whoever is handing out messages is done."""
        logger.warning("%s, channel %d: %s", self.connection.name, self.number, refusal.text)
        self._closing = Closing(partial(self._close_for, refusal), self.break_off)
        broker = self.connection.broker
        broker.deadlines.schedule(broker.ledger.now_ms, self._closing)

    def _close_for(self, refusal: PreconditionFailed) -> None:
        if self.is_open:
            self.fail(refusal, 0, 0)
