"""Filters: those of bindings and of consumers, and what each has done.

A filter that several have in one place (bindings with one routing key of one exchange, consumers of
one queue) is evaluated once for all of them, and each of them is listed with the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from warrener.exchange.binding import Binding
from warrener.exchange.consumer import Consumer
from warrener.exchange.filters.index import FilterWork
from warrener.exchange.management.call import Call
from warrener.exchange.management.filter_work import cost_ns, work_of
from warrener.exchange.management.listing import Columns, Listing
from warrener.exchange.management.queues import queues_in
from warrener.exchange.queues.public_name import public_name
from warrener.exchange.vhost import VirtualHost
from warrener.protocol.http.response import Response


class FilterIn(NamedTuple):
    """A binding or a consumer that has a filter, and where."""

    vhost: VirtualHost
    owner: Binding | Consumer
    work: Callable[[], FilterWork]


def filters_in(vhosts: list[VirtualHost]) -> Iterator[FilterIn]:
    """All filters, those of bindings first."""
    for vhost in vhosts:
        for _, exchange in sorted(vhost.exchanges.items()):
            for binding in exchange.bindings.values() if exchange.filters else ():
                if binding.filter is not None:
                    yield FilterIn(vhost, binding, work_of(binding))
        for _, queue in queues_in((vhost,)):
            for consumer in queue.consumers:
                if consumer.filter is not None:
                    yield FilterIn(vhost, consumer, work_of(consumer))


def _text(each: FilterIn) -> str:
    filter = each.owner.filter
    assert filter is not None
    tags = None if filter.tags is None else f"tags: {filter.tags}"
    return "  ".join(text for text in (filter.sql, tags) if text)


def _place(each: FilterIn) -> Mapping[str, Any]:
    owner = each.owner
    if isinstance(owner, Binding):
        return {"from": owner.source.name, "to": owner.destination.name, "key": owner.routing_key}
    return {"from": public_name(owner.queue.name), "to": owner.tag, "key": None}


COLUMNS: Columns[FilterIn] = {
    "filter": _text,
    "selector": lambda each: each.owner.filter and each.owner.filter.sql,
    "tags": lambda each: each.owner.filter and each.owner.filter.tags,
    "vhost": lambda each: each.vhost.name,
    "on": lambda each: "binding" if isinstance(each.owner, Binding) else "consumer",
    "from": lambda each: _place(each)["from"],
    "to": lambda each: _place(each)["to"],
    "key": lambda each: _place(each)["key"],
    "evaluations": lambda each: each.work().evaluations,
    "matches": lambda each: each.work().matches,
    "errors": lambda each: each.work().errors,
    "cost_ns": lambda each: cost_ns(each.work().again),
}
LISTING = Listing(COLUMNS, name="filter", on_request=frozenset(("selector", "tags")))


async def list_filters(call: Call) -> Response:
    vhosts = [call.vhost] if "vhost" in call.path else call.visible_vhosts
    return await LISTING.respond(call, filters_in(vhosts))
