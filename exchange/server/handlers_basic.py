"""What basic.*, confirm.*, channel.* and access.* ask of the broker.

Each function takes the channel and the method and returns the answer, None if the method has
none; a refusal is raised.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from warrener.exchange.arguments import consumer_priority
from warrener.exchange.consumer import Consumer
from warrener.exchange.errors import NotSupported
from warrener.exchange.filters.arguments import filter_from
from warrener.exchange.server.handlers_topology import find_queue
from warrener.protocol import methods as m
from warrener.protocol.codec import Method

if TYPE_CHECKING:
    from warrener.exchange.server.channel import ServerChannel


def channel_open(channel: ServerChannel, method: m.ChannelOpen) -> Method:
    return m.ChannelOpenOk()


def channel_close(channel: ServerChannel, method: m.ChannelClose) -> Method:
    channel.end()
    return m.ChannelCloseOk()


def channel_close_ok(channel: ServerChannel, method: m.ChannelCloseOk) -> None:
    """The client has seen that its channel is closed."""


def channel_flow(channel: ServerChannel, method: m.ChannelFlow) -> Method:
    if not method.active:
        raise NotSupported("active=false")
    return m.ChannelFlowOk(active=True)


def access_request(channel: ServerChannel, method: m.AccessRequest) -> Method:
    # Out of the specification since 0-9-1; old clients ask for a ticket and pass it along.
    return m.AccessRequestOk(1)


def confirm_select(channel: ServerChannel, method: m.ConfirmSelect) -> Method:
    channel.confirming = True
    return m.ConfirmSelectOk()


def basic_qos(channel: ServerChannel, method: m.BasicQos) -> Method:
    if method.prefetch_size:
        raise NotSupported("prefetch_size != 0")
    channel.core.set_prefetch(method.prefetch_count, shared=method.global_)
    return m.BasicQosOk()


def basic_consume(channel: ServerChannel, method: m.BasicConsume) -> Method:
    consumer = Consumer(
        channel.core,
        find_queue(channel, method.queue),
        method.consumer_tag or f"amq.ctag-{secrets.token_urlsafe(16)}",
        no_ack=method.no_ack,
        exclusive=method.exclusive,
        prefetch=channel.core.consumer_prefetch,
        priority=consumer_priority(method.arguments),
        filter=filter_from(method.arguments),
        arguments=method.arguments,
    )
    consumer.encoded = {}
    channel.core.consume(consumer)
    return m.BasicConsumeOk(consumer.tag)


def basic_cancel(channel: ServerChannel, method: m.BasicCancel) -> Method:
    consumer = channel.core.cancel(method.consumer_tag)
    if consumer is not None:
        channel.connection.vhost.consumer_left(consumer.queue)
    return m.BasicCancelOk(method.consumer_tag)


def basic_cancel_ok(channel: ServerChannel, method: m.BasicCancelOk) -> None:
    """A client's answer to a cancel of ours, which asks for none."""


def basic_get(channel: ServerChannel, method: m.BasicGet) -> Method | None:
    queue = find_queue(channel, method.queue)
    return None if channel.core.get(queue, method.no_ack) else m.BasicGetEmpty()


def basic_ack(channel: ServerChannel, method: m.BasicAck) -> None:
    channel.core.acknowledge([method.delivery_tag], method.multiple)


def basic_nack(channel: ServerChannel, method: m.BasicNack) -> None:
    channel.core.reject(method.delivery_tag, method.multiple, method.requeue)


def basic_reject(channel: ServerChannel, method: m.BasicReject) -> None:
    channel.core.reject(method.delivery_tag, False, method.requeue)


def basic_recover(channel: ServerChannel, method: m.BasicRecover) -> Method:
    if not method.requeue:
        raise NotSupported("requeue=false")
    channel.core.recover()
    return m.BasicRecoverOk()


def basic_recover_async(channel: ServerChannel, method: m.BasicRecoverAsync) -> None:
    if not method.requeue:
        raise NotSupported("requeue=false")
    channel.core.recover()
