"""Which function answers which method on a channel.

A method that only a broker sends is answered with 503.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from warrener.exchange.server import handlers_basic as basic
from warrener.exchange.server import handlers_topology as topology
from warrener.exchange.server import handlers_tx as tx
from warrener.protocol import methods as m
from warrener.protocol.codec import Method
from warrener.protocol.errors import CommandInvalid

Handler = Callable[[Any, Any], Method | None]

HANDLERS: dict[type[Method], Handler] = {
    m.ChannelOpen: basic.channel_open,
    m.ChannelClose: basic.channel_close,
    m.ChannelCloseOk: basic.channel_close_ok,
    m.ChannelFlow: basic.channel_flow,
    m.AccessRequest: basic.access_request,
    m.ExchangeDeclare: topology.exchange_declare,
    m.ExchangeDelete: topology.exchange_delete,
    m.ExchangeBind: topology.exchange_bind,
    m.ExchangeUnbind: topology.exchange_unbind,
    m.QueueDeclare: topology.queue_declare,
    m.QueueBind: topology.queue_bind,
    m.QueueUnbind: topology.queue_unbind,
    m.QueuePurge: topology.queue_purge,
    m.QueueDelete: topology.queue_delete,
    m.BasicQos: basic.basic_qos,
    m.BasicConsume: basic.basic_consume,
    m.BasicCancel: basic.basic_cancel,
    m.BasicCancelOk: basic.basic_cancel_ok,
    m.BasicGet: basic.basic_get,
    m.BasicAck: basic.basic_ack,
    m.BasicNack: basic.basic_nack,
    m.BasicReject: basic.basic_reject,
    m.BasicRecover: basic.basic_recover,
    m.BasicRecoverAsync: basic.basic_recover_async,
    m.ConfirmSelect: tx.confirm_select,
    m.TxSelect: tx.tx_select,
    m.TxCommit: tx.tx_commit,
    m.TxRollback: tx.tx_rollback,
}


def without_line_ends(method: Method) -> Method:
    """The method, with names of exchanges and queues that came from a file with their line ends.

    RabbitMQ takes carriage returns and line feeds out of names, wherever they stand.
    """
    changed = {
        name: re.sub("[\r\n]", "", text)
        for name in ("exchange", "queue", "source", "destination")
        if "\n" in (text := getattr(method, name, "")) or "\r" in text
    }
    return replace(method, **changed) if changed else method  # type: ignore[type-var]


def handler_for(method: Method) -> Handler:
    """Raises: CommandInvalid for a method without a handler."""
    handler = HANDLERS.get(type(method))
    if handler is None:
        raise CommandInvalid(
            f"{method.name} is sent by a broker only", method.class_id, method.method_id
        )
    return handler
