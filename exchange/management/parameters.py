"""Parameters: global ones, which are kept, and those of components, of which there are none.

RabbitMQ's plugins (shovel, federation) keep what they do as parameters of a virtual host. Here is
no such component; the limits of virtual hosts are listed in their place, as RabbitMQ does it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from warrener.exchange.access.limits import limit_fields
from warrener.exchange.management.call import Call, answer, done, made
from warrener.exchange.management.fields import check_value
from warrener.exchange.management.node import NODE
from warrener.exchange.management.users import shown_limits
from warrener.exchange.management.values import plain
from warrener.exchange.policy import Policy
from warrener.exchange.vhost import VirtualHost
from warrener.protocol.http.errors import BadRequest, TargetNotFound
from warrener.protocol.http.response import Response

LIMITS = "vhost-limits"
OPERATOR_POLICY = "operator_policy"
CLUSTER_NAME = "cluster_name"


def cluster_name(call: Call) -> str:
    return str(call.broker.parameters.get(CLUSTER_NAME, NODE))


def get_cluster_name(call: Call) -> Response:
    return answer({"name": cluster_name(call)})


def put_cluster_name(call: Call) -> Response:
    call.broker.parameters.set(CLUSTER_NAME, call.fields.text("name"))
    return done()


def limit_parameters(vhosts: list[VirtualHost]) -> list[dict[str, Any]]:
    """The limits of virtual hosts as parameters, the form in which definitions have them."""
    return [
        {
            "component": LIMITS,
            "vhost": vhost.name,
            "name": "limits",
            "value": shown_limits(vhost.limits),
        }
        for vhost in vhosts
        if limit_fields(vhost.limits)
    ]


def operator_parameters(policies: Iterable[Policy]) -> list[dict[str, Any]]:
    """Operator policies as parameters, likewise."""
    return [
        {
            "component": OPERATOR_POLICY,
            "vhost": policy.vhost,
            "name": policy.name,
            "value": {
                "pattern": policy.pattern,
                "apply-to": policy.apply_to,
                "definition": plain(policy.definition),
                "priority": policy.priority,
            },
        }
        for policy in policies
    ]


def list_parameters(call: Call) -> Response:
    vhosts = [call.vhost] if "vhost" in call.path else call.visible_vhosts
    wanted = call.path.get("component", LIMITS)
    return answer(limit_parameters(vhosts) if wanted == LIMITS else [])


def get_parameter(call: Call) -> Response:
    for parameter in limit_parameters([call.vhost]):
        if (parameter["component"], parameter["name"]) == (
            call.path["component"],
            call.path["name"],
        ):
            return answer(parameter)
    raise TargetNotFound("Not Found")


def put_parameter(call: Call) -> Response:
    call.fields.any("value")
    raise BadRequest(f"component {call.path['component']} not found")


def delete_parameter(call: Call) -> Response:
    raise TargetNotFound("Not Found")


def list_global_parameters(call: Call) -> Response:
    return answer([{"name": name, "value": value} for name, value in call.broker.parameters])


def get_global_parameter(call: Call) -> Response:
    name = _known(call)
    return answer({"name": name, "value": call.broker.parameters.get(name)})


def put_global_parameter(call: Call) -> Response:
    name, value = call.path["name"], call.fields.any("value")
    check_value(value)
    is_new = name not in call.broker.parameters
    call.broker.parameters.set(name, value)
    return made(is_new)


def delete_global_parameter(call: Call) -> Response:
    call.broker.parameters.clear(_known(call))
    return done()


def _known(call: Call) -> str:
    """Raises: TargetNotFound."""
    name = call.path["name"]
    if name not in call.broker.parameters:
        raise TargetNotFound("Not Found")
    return name
