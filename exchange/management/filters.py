"""Filters: those of bindings and of consumers, and what each has done.

A filter that several have in one place (bindings with one routing key of one exchange, consumers of
one queue) is evaluated once for all of them, and each of them is listed with the same numbers.

What an evaluation takes is found by evaluating once more, for the last message that the filter has
met and when somebody asks: so those who publish pay for two numbers and no clock. It is the least
of several tries, with the headers decoded, as they are once for all filters.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from functools import partial
from typing import Any, NamedTuple

from warrener.exchange.binding import Binding
from warrener.exchange.consumer import Consumer
from warrener.exchange.filters.index import FilterWork, work_done
from warrener.exchange.management.call import Call
from warrener.exchange.management.listing import Columns, Listing
from warrener.exchange.management.queues import queues_in
from warrener.exchange.queues.selection import Selection
from warrener.exchange.vhost import VirtualHost
from warrener.protocol.http.response import Response

TRIES, EVALUATIONS = 3, 10


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


def work_of(owner: Binding | Consumer) -> Callable[[], FilterWork]:
    """What finds out what a filter has done, also when its owner has gone in between."""
    assert owner.filter is not None, "only those with a filter are listed"
    if isinstance(owner, Binding):
        return partial(owner.source.bucket(owner).work, owner.filter)
    assert isinstance(owner.queue.ready, Selection), "a consumer with a filter made it one"
    return partial(owner.queue.ready.lines.work, owner.filter)


def describe_work(work: FilterWork) -> dict[str, int | None]:
    return {
        "evaluations": work.evaluations,
        "matches": work.matches,
        "cost_ns": cost_ns(work.again),
    }


def cost_ns(again: Callable[[], object] | None) -> int | None:
    """What an evaluation takes; None if there has been none."""
    if again is None:
        return None
    best = min(_duration_ns(again) for _ in range(TRIES))
    return round(best / EVALUATIONS)


def _duration_ns(step: Callable[[], object]) -> int:
    began = time.perf_counter_ns()
    for _ in range(EVALUATIONS):
        step()
    return time.perf_counter_ns() - began


def filter_totals() -> dict[str, int]:
    """What all filters of this broker have done, also those that are gone."""
    return asdict(work_done())


def _text(each: FilterIn) -> str:
    filter = each.owner.filter
    assert filter is not None
    tags = None if filter.tags is None else f"tags: {filter.tags}"
    return "  ".join(text for text in (filter.sql, tags) if text)


def _place(each: FilterIn) -> Mapping[str, Any]:
    owner = each.owner
    if isinstance(owner, Binding):
        return {"from": owner.source.name, "to": owner.destination.name, "key": owner.routing_key}
    return {"from": owner.queue.name, "to": owner.tag, "key": None}


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
    "cost_ns": lambda each: cost_ns(each.work().again),
}
LISTING = Listing(COLUMNS, name="filter", on_request=frozenset(("selector", "tags")))


async def list_filters(call: Call) -> Response:
    vhosts = [call.vhost] if "vhost" in call.path else call.visible_vhosts
    return await LISTING.respond(call, filters_in(vhosts))
