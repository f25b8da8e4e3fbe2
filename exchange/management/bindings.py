"""Bindings: list them from either end, make one, look at one, remove one.

A binding has no name. In a path it goes by its *properties key*, which tools take from a list, or
from the `Location` that making it was answered with:

    ~                no routing key and no arguments
    a.%23            the routing key, encoded
    a.%23~Zm9v...    with arguments: a hash of them behind it

In a path the key is encoded once more. The bindings of the default exchange, one for each queue,
are listed like the others.
"""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote_plus, unquote_plus

from warrener.exchange.access.requirements import require_source
from warrener.exchange.binding import Binding, Destination
from warrener.exchange.errors import AccessRefused, NotFound
from warrener.exchange.filters.index import FilterWork
from warrener.exchange.management.call import NOBODY, Call, done, exchange_name
from warrener.exchange.management.filter_work import describe_work, work_of
from warrener.exchange.management.listing import Columns, Listing
from warrener.exchange.management.queues import queues_in
from warrener.exchange.management.values import plain
from warrener.exchange.queues.queue import Queue
from warrener.exchange.vhost import VirtualHost
from warrener.protocol.http.errors import TargetNotFound
from warrener.protocol.http.response import Response
from warrener.protocol.http.target import encode_segment

HASH_BYTES = 6


class BindingIn(NamedTuple):
    """A binding and where it is."""

    vhost: VirtualHost
    source: str
    destination: Destination
    routing_key: str
    arguments: Mapping[str, Any]
    work: Callable[[], FilterWork] | None = None
    """What its filter has done, if it has one."""


def bindings_in(vhosts: Iterable[VirtualHost]) -> Iterator[BindingIn]:
    """All bindings, those of the default exchange first."""
    for vhost in vhosts:
        for _, queue in queues_in((vhost,)):
            yield implicit(vhost, queue)
        for _, exchange in sorted(vhost.exchanges.items()):
            for binding in list(exchange.bindings.values()):
                yield explicit(vhost, binding)


def explicit(vhost: VirtualHost, binding: Binding) -> BindingIn:
    source, key = binding.source.name, binding.routing_key
    work = None if binding.filter is None else work_of(binding)
    return BindingIn(vhost, source, binding.destination, key, binding.arguments, work)


def implicit(vhost: VirtualHost, queue: Queue) -> BindingIn:
    return BindingIn(vhost, "", queue, queue.name, {})


def bindings_to(vhost: VirtualHost, destination: Destination) -> Iterator[BindingIn]:
    if isinstance(destination, Queue):
        yield implicit(vhost, destination)
    for binding in list(vhost.bindings_to(destination)):
        yield explicit(vhost, binding)


def bindings_from(vhost: VirtualHost, source: str) -> Iterator[BindingIn]:
    if not source:
        yield from (implicit(vhost, queue) for _, queue in queues_in((vhost,)))
        return
    for binding in list(vhost.exchange(source).bindings.values()):
        yield explicit(vhost, binding)


def properties_key(routing_key: str, arguments: Mapping[str, Any]) -> str:
    encoded = quote_plus(routing_key).replace("~", "%7E")
    if not arguments:
        return encoded or "~"
    text = json.dumps(plain(arguments), sort_keys=True).encode()
    hashed = urlsafe_b64encode(hashlib.blake2b(text, digest_size=HASH_BYTES).digest()).decode()
    return f"{encoded}~{hashed}"


def kind_of(destination: Destination) -> str:
    return "queue" if isinstance(destination, Queue) else "exchange"


COLUMNS: Columns[BindingIn] = {
    "source": lambda each: each.source,
    "vhost": lambda each: each.vhost.name,
    "destination": lambda each: each.destination.name,
    "destination_type": lambda each: kind_of(each.destination),
    "routing_key": lambda each: each.routing_key,
    "arguments": lambda each: plain(each.arguments),
    "properties_key": lambda each: properties_key(each.routing_key, each.arguments),
    "filter_stats": lambda each: each.work and describe_work(each.work()),
}
LISTING = Listing(COLUMNS, name="destination", on_request=frozenset(("filter_stats",)))


async def list_bindings(call: Call) -> Response:
    vhosts = [call.vhost] if "vhost" in call.path else call.visible_vhosts
    return await LISTING.respond(call, bindings_in(vhosts))


async def list_bindings_from(call: Call) -> Response:
    return await LISTING.respond(call, bindings_from(call.vhost, call.exchange().name))


async def list_bindings_to_exchange(call: Call) -> Response:
    return await LISTING.respond(call, bindings_to(call.vhost, call.exchange()))


async def list_bindings_to_queue(call: Call) -> Response:
    return await LISTING.respond(call, bindings_to(call.vhost, call.queue()))


# Between one source and one destination


async def list_between_queue(call: Call) -> Response:
    return await LISTING.respond(call, _between(call, "q"))


async def list_between_exchanges(call: Call) -> Response:
    return await LISTING.respond(call, _between(call, "e"))


def bind_queue(call: Call) -> Response:
    return _bind(call, "q")


def bind_exchange(call: Call) -> Response:
    return _bind(call, "e")


def get_queue_binding(call: Call) -> Response:
    return LISTING.show(call, _wanted(call, "q"))


def get_exchange_binding(call: Call) -> Response:
    return LISTING.show(call, _wanted(call, "e"))


def unbind_queue(call: Call) -> Response:
    return _unbind(call, "q")


def unbind_exchange(call: Call) -> Response:
    return _unbind(call, "e")


def _destination(call: Call, kind: str) -> Destination | None:
    vhost, name = call.vhost, call.path["destination"]
    if kind == "q":
        return vhost.queues.get(name)
    return vhost.exchanges.get(exchange_name(name))


def _between(call: Call, kind: str) -> list[BindingIn]:
    destination = _destination(call, kind)
    source = exchange_name(call.path["source"])
    if destination is None:
        return []
    return [each for each in bindings_to(call.vhost, destination) if each.source == source]


def _wanted(call: Call, kind: str) -> BindingIn:
    """The binding that the path names. Raises: TargetNotFound."""
    key = call.path["properties_key"]
    for each in _between(call, kind):
        found = properties_key(each.routing_key, each.arguments)
        # Some tools encode the key once only.
        if key == found or unquote_plus(key) == unquote_plus(found):
            return each
    raise TargetNotFound("Not Found")


def _bind(call: Call, kind: str) -> Response:
    vhost, source = call.vhost, exchange_name(call.path["source"])
    key, arguments = call.fields.name("routing_key", ""), call.fields.table("arguments")
    _require_both(call, kind, source, key)
    destination = _owned(call, kind)
    vhost.bind(source, destination, key, arguments)
    place = (destination.name, properties_key(key, arguments))
    location = "/".join(map(encode_segment, place))
    return Response(201, (("Location", location),))


def _unbind(call: Call, kind: str) -> Response:
    each = _wanted(call, kind)
    _require_both(call, kind, each.source, each.routing_key)
    call.vhost.unbind(each.source, _owned(call, kind), each.routing_key, each.arguments)
    return done()


def _require_both(call: Call, kind: str, source: str, key: str) -> None:
    """Raises: AccessRefused."""
    if not source:
        raise AccessRefused("operation not permitted on the default exchange")
    what = "queue" if kind == "q" else "exchange"
    call.rights.require_write(what, call.path["destination"])
    require_source(call.rights, call.vhost, source, key)


def _owned(call: Call, kind: str) -> Destination:
    """The destination, if it is no other connection's own. Raises: Refused."""
    vhost, name = call.vhost, call.path["destination"]
    if kind == "q":
        return vhost.queue(name, NOBODY)
    destination = vhost.exchanges.get(exchange_name(name))
    if destination is None:
        raise NotFound(f"no exchange '{name}' in vhost '{vhost.name}'")
    return vhost.bindable(destination.name)
