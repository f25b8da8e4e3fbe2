"""A channel of a client: declare, publish, consume.

What has an answer waits for it. Publishes are collected and sent with the next thing that waits, or
when there are many; `wait_for_confirms` and `flush` send them.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from warrener.exchange.client.delivery import Delivery
from warrener.exchange.client.errors import ClientError, Closed, Unreachable
from warrener.exchange.client.incoming import Arrival
from warrener.protocol import methods as m
from warrener.protocol.codec import Method
from warrener.protocol.frames import METHOD, content_frames, frame
from warrener.protocol.properties import Properties, encode_properties

if TYPE_CHECKING:
    from warrener.exchange.client.connection import Connection

R = TypeVar("R", bound=Method)

RETURNS_KEPT = 1000


class Channel:
    """Made by `Connection.channel`."""

    def __init__(self, connection: Connection, number: int) -> None:
        self._connection = connection
        self._number = number
        self._replies: deque[Arrival] = deque()
        self._deliveries: deque[Delivery] = deque()
        self._error: ClientError | None = None
        self._published = 0
        self._unconfirmed: set[int] | None = None
        """Numbers of publishes without an answer; None if none is asked for."""
        self._consumers: set[str] = set()
        self.refused = 0
        """Publishes that the broker did not take (basic.nack)."""
        self.returned: deque[Delivery] = deque(maxlen=RETURNS_KEPT)
        """Mandatory publishes that went nowhere: the last of them."""
        self.returned_count = 0

    def open(self) -> None:
        self.call(m.ChannelOpen(), m.ChannelOpenOk)

    def close(self) -> None:
        if self._error is None:
            self.call(m.ChannelClose(200, "bye"), m.ChannelCloseOk)
            self._error = Unreachable("the channel is closed")
        self._connection.forget(self._number)

    def call(self, method: Method, reply: type[R]) -> R:
        """Send a method and wait for its answer. Raises: ClientError."""
        return self._call(method, reply)[0]

    def _call(self, method: Method, *replies: type[R]) -> tuple[R, Arrival]:
        self._send(method)
        while not self._replies:
            self._raise_error()
            self._connection.receive_reply()
        arrival = self._replies.popleft()
        if not isinstance(arrival.method, replies):
            raise ClientError(f"{arrival.method.name} where {replies[0].name} was due")
        return arrival.method, arrival

    def _send(self, method: Method, content: bytes = b"") -> None:
        self._raise_error()
        self._connection.send(self._number, method, content)

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    # Topology

    def declare_queue(
        self,
        name: str = "",
        *,
        passive: bool = False,
        durable: bool = False,
        exclusive: bool = False,
        auto_delete: bool = False,
        arguments: Mapping[str, Any] | None = None,
    ) -> m.QueueDeclareOk:
        """Its name, and how many messages and consumers it has."""
        declare = m.QueueDeclare(
            queue=name,
            passive=passive,
            durable=durable,
            exclusive=exclusive,
            auto_delete=auto_delete,
            arguments=dict(arguments or {}),
        )
        return self.call(declare, m.QueueDeclareOk)

    def declare_exchange(
        self,
        name: str,
        kind: str = "direct",
        *,
        durable: bool = False,
        auto_delete: bool = False,
        arguments: Mapping[str, Any] | None = None,
    ) -> None:
        declare = m.ExchangeDeclare(
            exchange=name,
            type=kind,
            durable=durable,
            auto_delete=auto_delete,
            arguments=dict(arguments or {}),
        )
        self.call(declare, m.ExchangeDeclareOk)

    def bind_queue(
        self,
        queue: str,
        exchange: str,
        routing_key: str = "",
        arguments: Mapping[str, Any] | None = None,
    ) -> None:
        bind = m.QueueBind(
            queue=queue,
            exchange=exchange,
            routing_key=routing_key,
            arguments=dict(arguments or {}),
        )
        self.call(bind, m.QueueBindOk)

    def delete_exchange(self, name: str) -> None:
        self.call(m.ExchangeDelete(exchange=name), m.ExchangeDeleteOk)

    def purge_queue(self, name: str) -> int:
        """Returns how many messages there were."""
        return self.call(m.QueuePurge(queue=name), m.QueuePurgeOk).message_count

    def delete_queue(self, name: str) -> int:
        """Returns how many messages there were."""
        return self.call(m.QueueDelete(queue=name), m.QueueDeleteOk).message_count

    # Publishing

    def confirm(self) -> None:
        """From now on the broker answers every publish."""
        self.call(m.ConfirmSelect(), m.ConfirmSelectOk)
        self._unconfirmed = set()

    def publish(
        self,
        body: bytes,
        routing_key: str = "",
        exchange: str = "",
        *,
        mandatory: bool = False,
        **properties: Any,
    ) -> None:
        """Publish with properties by their names: content_type, headers, delivery_mode, ..."""
        try:
            encoded = encode_properties(**properties)
        except (ValueError, TypeError, KeyError) as error:
            raise ClientError(f"no such property can be sent: {error}") from error
        self.publish_raw(body, routing_key, exchange, encoded, mandatory=mandatory)

    def publish_raw(
        self,
        body: bytes,
        routing_key: str,
        exchange: str,
        properties: bytes,
        *,
        mandatory: bool = False,
    ) -> None:
        """Publish with properties that are encoded."""
        content = content_frames(properties, body, self._number, self._connection.frame_max)
        self._send(
            m.BasicPublish(exchange=exchange, routing_key=routing_key, mandatory=mandatory), content
        )
        self._note(1)

    def encoded(self, body: bytes, routing_key: str, exchange: str, properties: bytes) -> bytes:
        """A publish on this channel as bytes, for those who publish the same again and again."""
        method = m.BasicPublish(exchange=exchange, routing_key=routing_key).encode()
        content = content_frames(properties, body, self._number, self._connection.frame_max)
        return frame(METHOD, self._number, method) + content

    def publish_encoded(self, publishes: bytes, count: int) -> None:
        """Send several publishes that were encoded."""
        self._raise_error()
        self._connection.send_bytes(publishes)
        self._note(count)

    def _note(self, count: int) -> None:
        """Remember publishes whose answers are waited for."""
        first = self._published + 1
        self._published += count
        if self._unconfirmed is not None:
            self._unconfirmed.update(range(first, first + count))

    @property
    def unconfirmed(self) -> int:
        return len(self._unconfirmed or ())

    @property
    def unconfirmed_numbers(self) -> frozenset[int]:
        """Which publishes are without an answer; the first one since `confirm` is 1."""
        return frozenset(self._unconfirmed or ())

    def flush(self) -> None:
        self._connection.flush()

    def wait_for_confirms(self, left: int = 0) -> None:
        """Wait until no more than `left` publishes are without an answer. Raises: ClientError."""
        while self.unconfirmed > left:
            self._raise_error()
            self._connection.receive(None)

    # Consuming

    def prefetch(self, count: int) -> None:
        """How many deliveries may be without an acknowledgement."""
        self.call(m.BasicQos(prefetch_count=count), m.BasicQosOk)

    def consume(
        self,
        queue: str,
        *,
        no_ack: bool = False,
        exclusive: bool = False,
        arguments: Mapping[str, Any] | None = None,
    ) -> str:
        """Returns the tag of the consumer; what comes is found in `deliveries`."""
        consume = m.BasicConsume(
            queue=queue, no_ack=no_ack, exclusive=exclusive, arguments=dict(arguments or {})
        )
        tag = self.call(consume, m.BasicConsumeOk).consumer_tag
        self._consumers.add(tag)
        return tag

    def cancel(self, consumer_tag: str) -> None:
        self.call(m.BasicCancel(consumer_tag), m.BasicCancelOk)
        self._consumers.discard(consumer_tag)

    def deliveries(self, idle_s: float | None = None) -> Iterator[Delivery]:
        """Deliveries as they come, until for `idle_s` none has come, or no consumer is left.

        Raises: ClientError.
        """
        while True:
            while self._deliveries:
                yield self._deliveries.popleft()
            if not self._consumers:
                return
            if not self._wait_for_delivery(idle_s):
                return

    def _wait_for_delivery(self, idle_s: float | None) -> bool:
        """Whether one came, or the last consumer went."""
        end = None if idle_s is None else time.monotonic() + idle_s
        while not self._deliveries and self._consumers:
            self._raise_error()
            left = None if end is None else end - time.monotonic()
            if left is not None and left <= 0:
                return False
            self._connection.receive(left)
        return True

    @property
    def has_deliveries(self) -> bool:
        """Whether there are deliveries that have come and were not handed out."""
        return bool(self._deliveries)

    def get(self, queue: str, *, no_ack: bool = False) -> Delivery | None:
        """One message that waits, None if none does."""
        method, arrival = self._call(
            m.BasicGet(queue=queue, no_ack=no_ack), m.BasicGetOk, m.BasicGetEmpty
        )
        if not isinstance(method, m.BasicGetOk):
            return None
        return _delivery(arrival, method.delivery_tag, method.redelivered)

    def ack(self, delivery: Delivery, *, multiple: bool = False) -> None:
        self._send(m.BasicAck(delivery.tag, multiple))

    def reject(self, delivery: Delivery, *, requeue: bool) -> None:
        self._send(m.BasicReject(delivery.tag, requeue))

    # What comes

    def take(self, arrival: Arrival) -> None:
        """What the connection has received for this channel."""
        method = arrival.method
        if isinstance(method, m.BasicDeliver):
            self._deliveries.append(_delivery(arrival, method.delivery_tag, method.redelivered))
        elif isinstance(method, m.BasicAck | m.BasicNack):
            self._take_confirm(method)
        elif isinstance(method, m.BasicReturn):
            self.returned_count += 1
            self.returned.append(_delivery(arrival, 0, False))
        elif isinstance(method, m.BasicCancel):
            self._consumers.discard(method.consumer_tag)
        elif isinstance(method, m.ChannelClose):
            self._error = Closed(method.reply_code, method.reply_text)
            self._connection.send(self._number, m.ChannelCloseOk())
            self._connection.forget(self._number)
        else:
            self._replies.append(arrival)

    def _take_confirm(self, method: m.BasicAck | m.BasicNack) -> None:
        waiting = self._unconfirmed
        if waiting is None:
            return
        tag = method.delivery_tag
        settled = {each for each in waiting if each <= tag} if method.multiple else {tag} & waiting
        waiting -= settled
        if isinstance(method, m.BasicNack):
            self.refused += len(settled)


def _delivery(arrival: Arrival, tag: int, redelivered: bool) -> Delivery:
    method = arrival.method
    assert isinstance(method, m.BasicDeliver | m.BasicGetOk | m.BasicReturn)
    return Delivery(
        tag,
        method.exchange,
        method.routing_key,
        redelivered,
        dict(Properties(arrival.properties).fields()),
        arrival.body,
        method.consumer_tag if isinstance(method, m.BasicDeliver) else "",
        method.reply_text if isinstance(method, m.BasicReturn) else "",
    )
