"""Definitions: all that lasts, as one document.

The form is that of RabbitMQ's definitions.json, with users, virtual hosts, permissions, limits (as
parameters), global parameters, policies, queues, exchanges and bindings; or of one virtual host
alone, and then it can be taken into any other. `warrener.exchange.management.imports` reads them.
"""

from __future__ import annotations

import re
from typing import Any

from warrener.exchange.management import bindings, exchanges, policies, queues, users
from warrener.exchange.management.call import JSON, Call
from warrener.exchange.management.listing import in_slices
from warrener.exchange.management.node import PRODUCT, RABBITMQ_VERSION, VERSION
from warrener.exchange.management.parameters import (
    limit_parameters,
    operator_parameters,
)
from warrener.exchange.management.permissions import LISTING as PERMISSIONS
from warrener.exchange.management.permissions import TOPIC_LISTING as TOPIC_PERMISSIONS
from warrener.exchange.management.values import encode_in_parts
from warrener.exchange.vhost import VirtualHost
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
