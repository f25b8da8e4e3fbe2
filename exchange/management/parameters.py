"""Parameters: global ones, which are kept, and those of components.

RabbitMQ's plugins (shovel, federation) keep their settings as parameters of a virtual host. There
are no such components here. As in RabbitMQ, the limits of virtual hosts and the operator policies
are listed as parameters, too.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from warrener.exchange.access.limits import limit_fields
from warrener.exchange.management.call import Call, done, made
from warrener.exchange.management.fields import check_value
from warrener.exchange.management.node import node_name
from warrener.exchange.management.policies import policies_in
from warrener.exchange.management.users import shown_limits
from warrener.exchange.management.values import plain
from warrener.exchange.policy import Policy
from warrener.exchange.vhost import VirtualHost
from warrener.protocol.http.errors import BadRequest, TargetNotFound
from warrener.protocol.http.response import Response

LIMITS = "vhost-limits"
OPERATOR_POLICY = "operator_policy"
POLICY = "policy"
CLUSTER_NAME = "cluster_name"


def cluster_name(call: Call) -> str:
    return str(call.broker.parameters.get(CLUSTER_NAME, node_name()))


def get_cluster_name(call: Call) -> Response:
    return call.show({"name": cluster_name(call)})


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


def parameters_in(call: Call, vhosts: list[VirtualHost]) -> list[dict[str, Any]]:
    """All parameters of these virtual hosts."""
    operator = policies_in(call, vhosts, operator=True)
    return [*limit_parameters(vhosts), *operator_parameters(operator)]


def list_parameters(call: Call) -> Response:
    vhosts = [call.vhost] if "vhost" in call.path else call.visible_vhosts
    wanted = call.path.get("component")
    found = parameters_in(call, vhosts)
    return call.show([each for each in found if wanted in (None, each["component"])])


def get_parameter(call: Call) -> Response:
    wanted = (call.path["component"], call.path["name"])
    for parameter in parameters_in(call, [call.vhost]):
        if (parameter["component"], parameter["name"]) == wanted:
            return call.show(parameter)
    raise TargetNotFound("Not Found")


def put_parameter(call: Call) -> Response:
    call.fields.any("value")
    if call.path["component"] == POLICY:
        raise BadRequest("policies may not be set using this method")
    raise BadRequest(f"component {call.path['component']} not found")


def delete_parameter(call: Call) -> Response:
    raise TargetNotFound("Not Found")


def list_global_parameters(call: Call) -> Response:
    kept = dict(call.broker.parameters)
    # The cluster has a name even if nobody has given it one.
    shown = {CLUSTER_NAME: cluster_name(call), **kept}
    return call.show([{"name": name, "value": shown[name]} for name in sorted(shown)])


def get_global_parameter(call: Call) -> Response:
    if call.path["name"] == CLUSTER_NAME:
        return call.show({"name": CLUSTER_NAME, "value": cluster_name(call)})
    name = _known(call)
    return call.show({"name": name, "value": call.broker.parameters.get(name)})


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
