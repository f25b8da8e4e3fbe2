"""What exchange.* and queue.* ask of the broker.

Each function takes the channel and the method and returns the answer; a refusal is raised.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from warrener.exchange.access.requirements import (
    require_exchange_declare,
    require_queue_declare,
    require_source,
)
from warrener.exchange.errors import NotFound
from warrener.exchange.queues.queue import Queue
from warrener.exchange.server_names import server_name
from warrener.protocol import methods as m
from warrener.protocol.codec import Method
from warrener.protocol.properties import DIRECT_REPLY_TO

if TYPE_CHECKING:
    from warrener.exchange.binding import Destination
    from warrener.exchange.server.channel import ServerChannel


def exchange_declare(channel: ServerChannel, method: m.ExchangeDeclare) -> Method:
    vhost = channel.connection.vhost
    if method.passive:
        vhost.bindable(method.exchange)
    else:
        rights = channel.connection.rights
        require_exchange_declare(rights, vhost, method.exchange, method.arguments)
        if method.exchange not in vhost.exchanges:
            channel.connection.broker.memory.require(f"exchange '{method.exchange}'")
        vhost.declare_exchange(
            method.exchange,
            method.type,
            durable=method.durable,
            auto_delete=method.auto_delete,
            internal=method.internal,
            arguments=method.arguments,
        )
    return m.ExchangeDeclareOk()


def exchange_delete(channel: ServerChannel, method: m.ExchangeDelete) -> Method:
    if method.exchange:
        channel.connection.rights.require_configure("exchange", method.exchange)
    channel.connection.vhost.delete_exchange(method.exchange, if_unused=method.if_unused)
    return m.ExchangeDeleteOk()


def exchange_bind(channel: ServerChannel, method: m.ExchangeBind) -> Method:
    vhost, rights = channel.connection.vhost, channel.connection.rights
    rights.require_write("exchange", method.destination)
    require_source(rights, vhost, method.source, method.routing_key)
    destination = vhost.bindable(method.destination)
    require_memory(channel, method.source, destination, method.routing_key, method.arguments)
    vhost.bind(
        method.source,
        destination,
        method.routing_key,
        method.arguments,
    )
    return m.ExchangeBindOk()


def exchange_unbind(channel: ServerChannel, method: m.ExchangeUnbind) -> Method:
    vhost, rights = channel.connection.vhost, channel.connection.rights
    rights.require_write("exchange", method.destination)
    require_source(rights, vhost, method.source, method.routing_key)
    if method.source in vhost.exchanges and method.destination in vhost.exchanges:
        vhost.unbind(
            method.source,
            vhost.bindable(method.destination),
            method.routing_key,
            method.arguments,
        )
    return m.ExchangeUnbindOk()


def queue_declare(channel: ServerChannel, method: m.QueueDeclare) -> Method:
    vhost = channel.connection.vhost
    if method.passive and method.queue.startswith(DIRECT_REPLY_TO):
        return answer_reply_queue(channel, method.queue)
    if method.passive:
        queue = find_queue(channel, method.queue)
        queue.last_used_ms = vhost.ledger.now_ms
    else:
        name = method.queue or server_name(method.arguments)
        require_queue_declare(channel.connection.rights, vhost, name, method.arguments)
        if name not in vhost.queues:
            channel.connection.broker.memory.require(f"queue '{name}'")
        queue = vhost.declare_queue(
            name,
            channel.connection,
            made_up=not method.queue,
            durable=method.durable,
            exclusive=method.exclusive,
            auto_delete=method.auto_delete,
            arguments=method.arguments,
        )
    channel.last_queue = queue.name
    channel.connection.broker.activity.queues_declared += 1
    return m.QueueDeclareOk(queue.name, len(queue.ready), len(queue.consumers))


def answer_reply_queue(channel: ServerChannel, name: str) -> Method:
    """Whether direct replies to `name` would arrive; the name for all always would.

    Raises: NotFound.
    """
    vhost = channel.connection.vhost
    if name != DIRECT_REPLY_TO and name not in vhost.queues:
        raise NotFound(f"no queue '{name}' in vhost '{vhost.name}'")
    return m.QueueDeclareOk(name, 0, 1)


def queue_bind(channel: ServerChannel, method: m.QueueBind) -> Method:
    name = queue_name(channel, method.queue)
    key = binding_key(method, name)
    vhost, rights = channel.connection.vhost, channel.connection.rights
    rights.require_write("queue", name)
    require_source(rights, vhost, method.exchange, key)
    queue = find_queue(channel, name)
    require_memory(channel, method.exchange, queue, key, method.arguments)
    vhost.bind(method.exchange, queue, key, method.arguments)
    return m.QueueBindOk()


def queue_unbind(channel: ServerChannel, method: m.QueueUnbind) -> Method:
    vhost, rights = channel.connection.vhost, channel.connection.rights
    name = queue_name(channel, method.queue)
    key = binding_key(method, name)
    rights.require_write("queue", name)
    require_source(rights, vhost, method.exchange, key)
    if name in vhost.queues and method.exchange in vhost.exchanges:
        queue = vhost.queue(name, channel.connection)
        vhost.unbind(method.exchange, queue, key, method.arguments)
    return m.QueueUnbindOk()


def queue_purge(channel: ServerChannel, method: m.QueuePurge) -> Method:
    return m.QueuePurgeOk(readable_queue(channel, method.queue).purge())


def queue_delete(channel: ServerChannel, method: m.QueueDelete) -> Method:
    name = queue_name(channel, method.queue)
    channel.connection.rights.require_configure("queue", name)
    count = channel.connection.vhost.delete_queue(
        name,
        channel.connection,
        if_unused=method.if_unused,
        if_empty=method.if_empty,
    )
    return m.QueueDeleteOk(count)


def require_memory(
    channel: ServerChannel,
    source: str,
    destination: Destination,
    key: str,
    arguments: Mapping[str, Any],
) -> None:
    """Raises: PreconditionFailed if a binding is new, and there is no memory for it."""
    memory = channel.connection.broker.memory
    if memory.refusal and not any(
        (there.source.name, there.routing_key, there.arguments) == (source, key, arguments)
        for there in channel.connection.vhost.bindings_to(destination)
    ):
        memory.require(f"a binding to '{destination.name}'")


# What is meant


def binding_key(method: m.QueueBind | m.QueueUnbind, queue: str) -> str:
    """The routing key a method means: with neither name nor key, the queue's name is the key."""
    return method.routing_key if method.queue or method.routing_key else queue


def queue_name(channel: ServerChannel, name: str) -> str:
    """The name a method means: the empty one stands for the queue declared last.

    Raises: NotFound if there was none.
    """
    if name or channel.last_queue:
        return name or channel.last_queue
    raise NotFound(f"no previously declared queue in vhost '{channel.connection.vhost.name}'")


def find_queue(channel: ServerChannel, name: str) -> Queue:
    """The queue a method means. Raises: NotFound; ResourceLocked."""
    return channel.connection.vhost.queue(queue_name(channel, name), channel.connection)


def readable_queue(channel: ServerChannel, name: str) -> Queue:
    """The queue a method takes messages from. Raises: AccessRefused; NotFound; ResourceLocked."""
    name = queue_name(channel, name)
    channel.connection.rights.require_read("queue", name)
    return find_queue(channel, name)
