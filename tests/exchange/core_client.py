"""A client of the core: what a connection with one channel does, without a wire between."""

from collections.abc import Mapping
from typing import Any

from tests.exchange.messages import make_message, size_of
from tests.exchange.outlet import Delivered, RecordingOutlet
from warrener.exchange.broker import Broker
from warrener.exchange.channel import Channel
from warrener.exchange.consumer import Consumer
from warrener.exchange.message import Envelope
from warrener.exchange.queues.queue import Queue


class Client:
    """A connection with one channel; it owns the exclusive queues it declares."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.vhost = broker.vhosts["/"]
        self.outlet = RecordingOutlet()
        self.channel = Channel(self.outlet)

    def declare(self, *names: str, **options: Any) -> list[Queue]:
        return [self.vhost.declare_queue(name, self, **options) for name in names]

    def bind(self, exchange: str, queue: str, routing_key: str = "", **arguments: Any) -> None:
        self.vhost.bind(exchange, self.vhost.queue(queue, self), routing_key, arguments)

    def publish(
        self,
        exchange: str,
        routing_key: str,
        *bodies: bytes,
        persistent: bool = False,
        headers: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> list[str]:
        """Publish and end the pass; returns the names of the queues the messages went to."""
        envelope = Envelope(exchange, routing_key)
        messages = [
            make_message(body, persistent=persistent, headers=headers, envelope=envelope, **more)
            for body in bodies
        ]
        route = self.vhost.route(exchange, routing_key, messages[0].properties)
        self.vhost.publish(route, messages, size_of(messages), "expiration" in more)
        self.broker.end_pass()
        return [queue.name for queue in route.queues]

    def at(self, ms: int) -> None:
        """Have a pass at this time, in which nothing else happens."""
        self.broker.ledger.set_time(ms)
        self.broker.end_pass()

    def consume(self, queue: str, tag: str = "c", **options: Any) -> Consumer:
        consumer = Consumer(self.channel, self.vhost.queue(queue, self), tag, **options)
        self.channel.consume(consumer)
        return consumer

    def get(self, queue: str, no_ack: bool = False) -> bytes | None:
        """The body of one message, taken at once; None if there is none."""
        if not self.channel.get(self.vhost.queue(queue, self), no_ack):
            return None
        return self.outlet.delivered.pop().body

    def ack(self, *tags: int, multiple: bool = False) -> None:
        self.channel.acknowledge(tags, multiple)

    def reject(self, tag: int, *, multiple: bool = False, requeue: bool = True) -> None:
        self.channel.reject(tag, multiple, requeue)

    def nack(self, tag: int, *, multiple: bool = False) -> None:
        """Give messages back without saying that they have failed."""
        self.channel.reject(tag, multiple, requeue=True, failed=False)

    def deliveries(self) -> list[Delivered]:
        """End the pass; returns what was delivered since this was last asked."""
        self.broker.end_pass()
        delivered, self.outlet.delivered = self.outlet.delivered, []
        return delivered

    def received(self) -> list[bytes]:
        return [delivery.body for delivery in self.deliveries()]

    def drain(self, queue: str) -> list[bytes]:
        """Take everything that waits in a queue, for good."""
        taken = []
        while (body := self.get(queue, no_ack=True)) is not None:
            taken.append(body)
        self.broker.end_pass()
        return taken
