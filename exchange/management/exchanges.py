"""Exchanges: list, look at, declare, delete."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from warrener.exchange.access.requirements import require_exchange_declare
from warrener.exchange.errors import AccessRefused
from warrener.exchange.management.call import Call, done, exchange_name, made
from warrener.exchange.management.listing import Columns, Listing
from warrener.exchange.management.sampler import exchange_values
from warrener.exchange.management.spans import MESSAGES, tracks
from warrener.exchange.management.statistics import named, rates_of
from warrener.exchange.management.values import plain
from warrener.exchange.types import TYPES, Exchange
from warrener.exchange.vhost import VirtualHost
from warrener.protocol.http.response import Response

COUNTED = ("publish_in", "publish_out", "unroutable")


class ExchangeIn(NamedTuple):
    """An exchange and where it is."""

    vhost: VirtualHost
    exchange: Exchange


def exchanges_in(vhosts: Iterable[VirtualHost]) -> Iterator[ExchangeIn]:
    for vhost in vhosts:
        for _, exchange in sorted(vhost.exchanges.items()):
            yield ExchangeIn(vhost, exchange)


def exchange_stats(exchange: Exchange) -> dict[str, Any]:
    return named(COUNTED, exchange_values(exchange), rates_of(exchange.sample))


def exchange_types() -> list[dict[str, Any]]:
    """The types that can be declared, with what their modules say of themselves."""
    return [
        {
            "name": name,
            "description": (sys.modules[kind.__module__].__doc__ or "").partition("\n")[0],
            "enabled": True,
        }
        for name, kind in sorted(TYPES.items())
    ]


COLUMNS: Columns[ExchangeIn] = {
    "name": lambda each: each.exchange.name,
    "vhost": lambda each: each.vhost.name,
    "type": lambda each: each.exchange.type,
    "durable": lambda each: each.exchange.durable,
    "auto_delete": lambda each: each.exchange.auto_delete,
    "internal": lambda each: each.exchange.internal,
    "arguments": lambda each: plain(each.exchange.arguments),
    "policy": lambda each: each.exchange.policy,
    "message_stats": lambda each: exchange_stats(each.exchange),
    "user_who_performed_action": lambda each: "",
}
LISTING = Listing(
    COLUMNS,
    optional=frozenset(("policy",)),
    tracks=tuple(tracks(MESSAGES, COUNTED, within="message_stats")),
    sample=lambda each: each.exchange.sample,
)


async def list_exchanges(call: Call) -> Response:
    vhosts = [call.vhost] if "vhost" in call.path else call.visible_vhosts
    return await LISTING.respond(call, exchanges_in(vhosts))


def get_exchange(call: Call) -> Response:
    found = ExchangeIn(call.vhost, call.exchange())
    return LISTING.show(call, found, {"incoming": [], "outgoing": []})


def put_exchange(call: Call) -> Response:
    vhost, name, fields = call.vhost, exchange_name(call.path["name"]), call.fields
    arguments = fields.table("arguments")
    require_exchange_declare(call.rights, vhost, name, arguments)
    is_new = name not in vhost.exchanges
    vhost.declare_exchange(
        name,
        fields.name("type", "direct"),
        durable=fields.flag("durable", False),
        auto_delete=fields.flag("auto_delete", False),
        internal=fields.flag("internal", False),
        arguments=arguments,
    )
    return made(is_new)


def delete_exchange(call: Call) -> Response:
    exchange = call.exchange()
    if not exchange.name:
        raise AccessRefused("operation not permitted on the default exchange")
    call.rights.require_configure("exchange", exchange.name)
    if_unused = call.query.get("if-unused") == "true"
    call.vhost.delete_exchange(exchange.name, if_unused=if_unused)
    return done()
