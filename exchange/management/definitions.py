"""Definitions: all that lasts, as one document, out of a broker and into one.

The form is that of RabbitMQ's definitions.json, with users, virtual hosts, permissions, limits (as
parameters), global parameters, policies, queues, exchanges and bindings; or of one virtual host
alone, and then it can be taken into any other.

What is read in is looked at as a whole first: a document with a mistake changes nothing. Then it is
taken in piece by piece, so that a large one holds nobody up. A queue or an exchange that is there
already stays as it is, as in RabbitMQ.
"""

from __future__ import annotations

import email.parser
import email.policy
import re
from collections.abc import Callable
from functools import partial
from typing import Any

from warrener.exchange.access.limits import UserLimits, VirtualHostLimits
from warrener.exchange.management import bindings, exchanges, policies, queues, users
from warrener.exchange.management.bodies import aside, read_json
from warrener.exchange.management.call import JSON, NOBODY, Call, done
from warrener.exchange.management.fields import Fields, check_value
from warrener.exchange.management.listing import in_passes, in_slices
from warrener.exchange.management.node import PRODUCT, RABBITMQ_VERSION, VERSION
from warrener.exchange.management.parameters import (
    LIMITS,
    OPERATOR_POLICY,
    limit_parameters,
    operator_parameters,
)
from warrener.exchange.management.permissions import LISTING as PERMISSIONS
from warrener.exchange.management.permissions import TOPIC_LISTING as TOPIC_PERMISSIONS
from warrener.exchange.management.values import encode_in_parts
from warrener.exchange.vhost import VirtualHost
from warrener.protocol.http.errors import BadRequest
from warrener.protocol.http.response import Response

QUEUE_NAMES = ("name", "vhost", "durable", "auto_delete", "arguments")
EXCHANGE_NAMES = ("name", "vhost", "type", "durable", "auto_delete", "internal", "arguments")
BINDING_NAMES = (
    "source",
    "vhost",
    "destination",
    "destination_type",
    "routing_key",
    "arguments",
)
Step = Callable[[], Any]
"""Takes one thing in."""


# Out


async def export_all(call: Call) -> Response:
    broker = call.broker
    document = {
        "rabbit_version": RABBITMQ_VERSION,
        "rabbitmq_version": RABBITMQ_VERSION,
        "product_name": PRODUCT,
        "product_version": VERSION,
        "users": [users.describe(user) for user in users.users_by_name(broker.users)],
        "vhosts": [describe_vhost(vhost) for vhost in broker.vhosts.values()],
        "permissions": [PERMISSIONS.describe(each) for each in broker.permissions],
        "topic_permissions": [
            TOPIC_PERMISSIONS.describe(each) for each in broker.permissions.topics
        ],
        "parameters": _parameters(call, list(broker.vhosts.values())),
        "global_parameters": [{"name": name, "value": value} for name, value in broker.parameters],
        "policies": _policies(call, list(broker.vhosts.values())),
        **await _topology(list(broker.vhosts.values())),
    }
    return _download(call, document)


async def export_vhost(call: Call) -> Response:
    topology = await _topology([call.vhost])
    for things in topology.values():
        for thing in things:
            del thing["vhost"]
    document = {
        "rabbit_version": RABBITMQ_VERSION,
        "rabbitmq_version": RABBITMQ_VERSION,
        "parameters": _parameters(call, [call.vhost]),
        "policies": _policies(call, [call.vhost]),
        **topology,
    }
    return _download(call, document)


async def _topology(vhosts: list[VirtualHost]) -> dict[str, list[dict[str, Any]]]:
    """What can be declared again: not what is there anyway, or belongs to a connection."""
    found = {
        "queues": await in_slices(_queue, queues.queues_in(vhosts)),
        "exchanges": await in_slices(_exchange, exchanges.exchanges_in(vhosts)),
        "bindings": await in_slices(_binding, bindings.bindings_in(vhosts)),
    }
    return {kind: [each for each in things if each] for kind, things in found.items()}


def _queue(each: queues.QueueIn) -> dict[str, Any] | None:
    return None if each.queue.exclusive else queues.LISTING.describe(each, QUEUE_NAMES)


def _exchange(each: exchanges.ExchangeIn) -> dict[str, Any] | None:
    name = each.exchange.name
    if not name or name.startswith("amq."):
        return None
    return exchanges.LISTING.describe(each, EXCHANGE_NAMES)


def _binding(each: bindings.BindingIn) -> dict[str, Any] | None:
    if not each.source or getattr(each.destination, "exclusive", False):
        return None
    return bindings.LISTING.describe(each, BINDING_NAMES)


def _policies(call: Call, vhosts: list[VirtualHost]) -> list[dict[str, Any]]:
    """Policies; operator policies are parameters, as RabbitMQ has it."""
    found = policies.policies_in(call, vhosts, operator=False)
    return [policies.LISTING.describe(policy) for policy in found]


def _parameters(call: Call, vhosts: list[VirtualHost]) -> list[dict[str, Any]]:
    return [
        *limit_parameters(vhosts),
        *operator_parameters(policies.policies_in(call, vhosts, operator=True)),
    ]


def describe_vhost(vhost: VirtualHost) -> dict[str, Any]:
    return {
        "name": vhost.name,
        "description": vhost.description,
        "tags": list(vhost.tags),
        "metadata": {"description": vhost.description, "tags": list(vhost.tags)},
    }


def _download(call: Call, document: dict[str, Any]) -> Response:
    """A document, sent in parts; a browser is told to keep it under the name it has asked for."""
    name = re.sub(r"[^\w.\- ]", "_", call.query.get("download", ""), flags=re.ASCII)
    disposition = (("Content-Disposition", f'attachment; filename="{name}"'),) if name else ()
    headers = (JSON, ("Cache-Control", "no-cache"), *disposition)
    return Response(200, headers, parts=encode_in_parts(document))


# In


async def import_all(call: Call) -> Response:
    document = await _read_document(call)
    steps = list(await _read_users(call, document))
    steps += _read_vhosts(call, document)
    steps += _read_permissions(call, document)
    steps += _read_parameters(call, document, None)
    steps += _read_policies(call, document, None)
    steps += await _read_topology(call, document, None)
    await in_passes(call, (step() for step in steps))
    return done()


async def import_vhost(call: Call) -> Response:
    document = await _read_document(call)
    steps = _read_parameters(call, document, call.vhost.name)
    steps += _read_policies(call, document, call.vhost.name)
    steps += await _read_topology(call, document, call.vhost.name)
    await in_passes(call, (step() for step in steps))
    return done()


async def _read_document(call: Call) -> Fields:
    """The document in the body, or in a form that a browser has sent. Raises: BadRequest."""
    kind = call.request.header("content-type")
    is_form = kind.startswith("multipart/form-data")
    return Fields(await aside(partial(_read_form, kind) if is_form else read_json, call.body))


def _read_form(kind: str, body: bytes) -> Any:
    """Raises: BadRequest."""
    parser = email.parser.BytesParser(policy=email.policy.HTTP)
    form = parser.parsebytes(b"Content-Type: " + kind.encode("latin-1") + b"\r\n\r\n" + body)
    for part in form.iter_parts() if form.is_multipart() else ():
        if part.get_param("name", header="content-disposition") == "file":
            payload = part.get_payload(decode=True)
            return read_json(payload if isinstance(payload, bytes) else b"")
    raise BadRequest("no file in the form")


def _each(document: Fields, name: str) -> list[Fields]:
    """The things of one kind. Raises: BadRequest."""
    things = document.any(name, None) or []
    if not isinstance(things, list):
        raise BadRequest(f"not_list: {name}")
    return [Fields(thing) for thing in things]


async def _read_users(call: Call, document: Fields) -> list[Step]:
    steps: list[Step] = []
    for fields in _each(document, "users"):
        name, tags = fields.name("name"), fields.texts("tags")
        password_hash = await users.read_hash(fields)
        limits = users.read_limits(fields.any("limits", None), UserLimits)
        steps.append(partial(users.put, call, name, password_hash, tags))
        steps.append(partial(call.broker.users.set_limits, name, limits))
    return steps


def _read_vhosts(call: Call, document: Fields) -> list[Step]:
    steps: list[Step] = []
    for fields in _each(document, "vhosts"):
        more = Fields(fields.any("metadata", None) or fields.values)
        description, tags = more.text("description", ""), more.texts("tags")
        steps.append(partial(_make_vhost, call, fields.name("name"), description, tags))
    return steps


def _make_vhost(call: Call, name: str, description: str, tags: list[str]) -> None:
    if name not in call.broker.vhosts:
        call.broker.add_vhost(name)
    call.broker.describe_vhost(name, description, tags)


def _read_permissions(call: Call, document: Fields) -> list[Step]:
    permissions = call.broker.permissions
    steps: list[Step] = []
    for fields in _each(document, "permissions"):
        names = ("user", "vhost", "configure", "write", "read")
        steps.append(partial(permissions.set, *map(fields.text, names)))
    for fields in _each(document, "topic_permissions"):
        names = ("user", "vhost", "exchange", "write", "read")
        steps.append(partial(permissions.set_topic, *map(fields.text, names)))
    return steps


def _read_parameters(call: Call, document: Fields, vhost: str | None) -> list[Step]:
    """Those of the components there are; others mean nothing here."""
    steps: list[Step] = []
    for fields in _each(document, "parameters"):
        where = vhost or fields.text("vhost", "")
        component, value = fields.text("component"), fields.any("value")
        if component == LIMITS:
            steps.append(_set_limits(call, where, value))
        elif component == OPERATOR_POLICY:
            wanted = policies.read_policy(Fields(value), fields.name("name"))
            steps.append(_set_policy(call, where, wanted, operator=True))
    for fields in _each(document, "global_parameters"):
        name, value = fields.name("name"), fields.any("value")
        check_value(value)
        steps.append(partial(call.broker.parameters.set, name, value))
    return steps


def _set_limits(call: Call, vhost: str, value: Any) -> Step:
    limits = users.read_limits(value, VirtualHostLimits)
    return partial(call.broker.set_vhost_limits, vhost, limits)


def _set_policy(call: Call, vhost: str, wanted: dict[str, Any], *, operator: bool) -> Step:
    return partial(call.broker.policies.set, vhost, operator=operator, **wanted)


def _read_policies(call: Call, document: Fields, vhost: str | None) -> list[Step]:
    steps = []
    for fields in _each(document, "policies"):
        wanted = policies.read_policy(fields, fields.name("name"))
        steps.append(_set_policy(call, vhost or fields.text("vhost"), wanted, operator=False))
    return steps


async def _read_topology(call: Call, document: Fields, vhost: str | None) -> list[Step]:
    def where(fields: Fields) -> VirtualHost:
        return call.broker.vhost(vhost if vhost is not None else fields.text("vhost"))

    steps: list[Step] = []
    for kind, read in (
        ("exchanges", _read_exchange),
        ("queues", _read_queue),
        ("bindings", _read_binding),
    ):
        steps += await in_slices(partial(read, where=where), _each(document, kind))
    return steps


Where = Callable[[Fields], VirtualHost]


def _read_exchange(fields: Fields, where: Where) -> Step:
    name, kind, arguments = fields.name("name"), fields.text("type"), fields.table("arguments")
    durable, auto_delete = fields.flag("durable", True), fields.flag("auto_delete", False)
    internal = fields.flag("internal", False)

    def declare() -> None:
        vhost = where(fields)
        if name not in vhost.exchanges:
            vhost.declare_exchange(
                name,
                kind,
                durable=durable,
                auto_delete=auto_delete,
                internal=internal,
                arguments=arguments,
            )

    return declare


def _read_queue(fields: Fields, where: Where) -> Step:
    name, arguments = fields.name("name"), fields.table("arguments")
    durable, auto_delete = fields.flag("durable", True), fields.flag("auto_delete", False)

    def declare() -> None:
        vhost = where(fields)
        if name not in vhost.queues:
            vhost.declare_queue(
                name,
                NOBODY,
                durable=durable,
                auto_delete=auto_delete,
                arguments=arguments,
                # A name that the broker had made up may come back.
                made_up=name.startswith("amq.gen-"),
            )

    return declare


def _read_binding(fields: Fields, where: Where) -> Step:
    source, destination = fields.name("source"), fields.name("destination")
    kind = fields.text("destination_type")
    if kind not in ("queue", "exchange"):
        raise BadRequest(f"unknown destination_type: {kind}")
    key, arguments = fields.name("routing_key", ""), fields.table("arguments")

    def bind() -> None:
        vhost = where(fields)
        place = vhost.queue(destination, NOBODY) if kind == "queue" else vhost.exchange(destination)
        vhost.bind(source, place, key, arguments)

    return bind
