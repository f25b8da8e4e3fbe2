"""What basic.*, channel.* and access.* ask of the broker.

Each function takes the channel and the method and returns the answer, None if the method has
none; a refusal is raised.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from warrener.exchange.arguments import consumer_priority
from warrener.exchange.consumer import Consumer
from warrener.exchange.errors import NotAllowed, NotSupported, PreconditionFailed
from warrener.exchange.filters.arguments import filter_from
from warrener.exchange.server.handlers_topology import readable_queue
from warrener.protocol import methods as m
from warrener.protocol.codec import Method
from warrener.protocol.properties import DIRECT_REPLY_TO

if TYPE_CHECKING:
    from warrener.exchange.queues.queue import Queue
    from warrener.exchange.server.channel import ServerChannel


def channel_open(channel: ServerChannel, method: m.ChannelOpen) -> Method:
    channel.connection.broker.connections.require_channel(channel.connection.user)
    channel.connection.broker.activity.channels_opened += 1
    channel.tell("channel.created")
    return m.ChannelOpenOk()


def channel_close(channel: ServerChannel, method: m.ChannelClose) -> None:
    channel.end()
    # Not returned: the answer follows what the end of the channel had to say, such as confirms.
    channel.send(m.ChannelCloseOk())


def channel_close_ok(channel: ServerChannel, method: m.ChannelCloseOk) -> None:
    channel.is_closed()


def channel_flow(channel: ServerChannel, method: m.ChannelFlow) -> Method:
    if not method.active:
        raise NotSupported("active=false")
    return m.ChannelFlowOk(active=True)


def access_request(channel: ServerChannel, method: m.AccessRequest) -> Method:
    # Out of the specification since 0-9-1; old clients ask for a ticket and pass it along.
    return m.AccessRequestOk(1)


def basic_qos(channel: ServerChannel, method: m.BasicQos) -> Method:
    if method.prefetch_size:
        raise NotSupported("prefetch_size != 0")
    # Kombu means the whole channel, as the specification has it, and RabbitMQ each new consumer.
    shared = method.global_ or channel.connection.shares_prefetch
    channel.core.set_prefetch(method.prefetch_count, shared)
    return m.BasicQosOk()


def basic_consume(channel: ServerChannel, method: m.BasicConsume) -> Method:
    require_room(channel)
    consumer = Consumer(
        channel.core,
        reply_queue(channel, method)
        if method.queue == DIRECT_REPLY_TO
        else readable_queue(channel, method.queue),
        method.consumer_tag or f"amq.ctag-{secrets.token_urlsafe(16)}",
        no_ack=method.no_ack,
        exclusive=method.exclusive,
        prefetch=channel.core.consumer_prefetch,
        priority=consumer_priority(method.arguments),
        filter=filter_from(method.arguments),
        arguments=method.arguments,
    )
    channel.core.consume(consumer)
    return m.BasicConsumeOk(consumer.tag)


def require_room(channel: ServerChannel) -> None:
    """Raises: NotAllowed if the channel has as many consumers as may be; PreconditionFailed if
    there is no memory for one more."""
    channel.connection.broker.memory.require("a consumer")
    limit = channel.connection.config.consumer_max
    if limit and len(channel.core.consumers) >= limit:
        raise NotAllowed(f"reached maximum ({limit}) of consumers per channel")


def reply_queue(channel: ServerChannel, method: m.BasicConsume) -> Queue:
    """The queue behind the name for direct replies, made for this channel.

    Raises: PreconditionFailed if there is one, or if the consumer wants to acknowledge.
    """
    if not method.no_ack:
        raise PreconditionFailed("reply consumer cannot acknowledge")
    if channel.reply_queue is not None:
        raise PreconditionFailed("reply consumer already set")
    queue = channel.connection.vhost.add_reply_queue(channel.connection)
    channel.reply_queue = queue.name
    return queue


def basic_cancel(channel: ServerChannel, method: m.BasicCancel) -> Method:
    consumer = channel.core.cancel(method.consumer_tag)
    if consumer is not None:
        if consumer.queue.name == channel.reply_queue:
            channel.reply_queue = None
        channel.connection.vhost.consumer_left(consumer.queue)
    return m.BasicCancelOk(method.consumer_tag)


def basic_cancel_ok(channel: ServerChannel, method: m.BasicCancelOk) -> None:
    """A client's answer to a cancel of ours: the consumer is gone already."""


def basic_get(channel: ServerChannel, method: m.BasicGet) -> Method | None:
    queue = readable_queue(channel, method.queue)
    return None if channel.core.get(queue, method.no_ack) else m.BasicGetEmpty()


def basic_ack(channel: ServerChannel, method: m.BasicAck) -> None:
    channel.acknowledge([method.delivery_tag], method.multiple)


def basic_nack(channel: ServerChannel, method: m.BasicNack) -> None:
    # As in RabbitMQ from 4.3 on: who sends a nack does not say that the message has failed.
    channel.reject(method.delivery_tag, method.multiple, method.requeue, failed=False)


def basic_reject(channel: ServerChannel, method: m.BasicReject) -> None:
    channel.reject(method.delivery_tag, False, method.requeue, failed=True)


def basic_recover(channel: ServerChannel, method: m.BasicRecover) -> Method:
    if not method.requeue:
        raise NotSupported("requeue=false")
    channel.core.recover()
    return m.BasicRecoverOk()


def basic_recover_async(channel: ServerChannel, method: m.BasicRecoverAsync) -> None:
    if not method.requeue:
        raise NotSupported("requeue=false")
    channel.core.recover()
