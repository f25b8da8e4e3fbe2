"""Policies and operator policies: list, set, clear."""

from __future__ import annotations

from typing import Any

from warrener.exchange.arguments import kind, show
from warrener.exchange.errors import NotFound
from warrener.exchange.management.call import Call, done, made
from warrener.exchange.management.fields import Fields
from warrener.exchange.management.listing import Columns, Listing
from warrener.exchange.management.values import plain
from warrener.exchange.policy import ALL, Policy
from warrener.exchange.vhost import VirtualHost
from warrener.protocol.http.errors import BadRequest, TargetNotFound
from warrener.protocol.http.response import Response

COLUMNS: Columns[Policy] = {
    "vhost": lambda policy: policy.vhost,
    "name": lambda policy: policy.name,
    "pattern": lambda policy: policy.pattern,
    "apply-to": lambda policy: policy.apply_to,
    "definition": lambda policy: plain(policy.definition),
    "priority": lambda policy: policy.priority,
}
LISTING = Listing(COLUMNS)


def policies_in(call: Call, vhosts: list[VirtualHost], *, operator: bool) -> list[Policy]:
    policies = call.broker.policies
    return [policy for vhost in vhosts for policy in policies.of(vhost.name, operator=operator)]


def read_policy(fields: Fields, name: str) -> dict[str, Any]:
    """What `Policies.set` is told beside the virtual host. Raises: BadRequest."""
    definition = fields.any("definition")
    if not isinstance(definition, dict):
        raise BadRequest("not_table: definition")
    priority = fields.any("priority", 0)
    if kind(priority) != "int":
        raise BadRequest(f"not_int: priority should be a number, not {show(priority)}")
    return {
        "name": name,
        "pattern": fields.text("pattern"),
        "definition": definition,
        "priority": fields.number("priority", 0),
        "apply_to": fields.text("apply-to", ALL),
    }


async def list_policies(call: Call) -> Response:
    return await _list(call, operator=False)


async def list_operator_policies(call: Call) -> Response:
    return await _list(call, operator=True)


def get_policy(call: Call) -> Response:
    return LISTING.show(call, _wanted(call, operator=False))


def get_operator_policy(call: Call) -> Response:
    return LISTING.show(call, _wanted(call, operator=True))


def put_policy(call: Call) -> Response:
    return _put(call, operator=False)


def put_operator_policy(call: Call) -> Response:
    return _put(call, operator=True)


def delete_policy(call: Call) -> Response:
    return _delete(call, operator=False)


def delete_operator_policy(call: Call) -> Response:
    return _delete(call, operator=True)


async def _list(call: Call, *, operator: bool) -> Response:
    vhosts = [call.vhost] if "vhost" in call.path else call.visible_vhosts
    return await LISTING.respond(call, policies_in(call, vhosts, operator=operator))


def _wanted(call: Call, *, operator: bool) -> Policy:
    """Raises: TargetNotFound."""
    try:
        return call.broker.policies.get(call.path["vhost"], call.path["name"], operator=operator)
    except NotFound:
        raise TargetNotFound("Not Found") from None


def _put(call: Call, *, operator: bool) -> Response:
    wanted = read_policy(call.fields, call.path["name"])
    is_new = call.vhost.rules.get(wanted["name"], operator) is None
    call.broker.policies.set(call.path["vhost"], operator=operator, **wanted)
    return made(is_new)


def _delete(call: Call, *, operator: bool) -> Response:
    policy = _wanted(call, operator=operator)
    call.broker.policies.clear(policy.vhost, policy.name, operator=operator)
    return done()
