"""Features: which of RabbitMQ's are there, for tools that ask before they use one; and the rest
of what tools want to list, of which there is nothing here."""

from __future__ import annotations

from typing import Any

from warrener.exchange.management.call import Call, answer
from warrener.exchange.management.node import RABBITMQ_VERSION, node_name
from warrener.protocol.http.errors import TargetNotFound
from warrener.protocol.http.response import Response

LOGIN_PROTOCOLS = ("http", "amqp091")
FLAGS = {
    "quorum_queue": "Queues that are safe on disk, under the name of RabbitMQ's kind",
    "direct_exchange_routing_v2": "Routes that are found once and remembered",
    "user_limits": "Limits of connections and channels for users",
    "virtual_host_metadata": "Descriptions and tags of virtual hosts",
    "drop_unroutable_metric": "Messages that went nowhere are counted",
    "empty_basic_get_metric": "Gets that found nothing are counted",
}


def list_flags(call: Call) -> Response:
    return call.show([describe_flag(name) for name in FLAGS])


def describe_flag(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "desc": FLAGS[name],
        "doc_url": "",
        "state": "enabled",
        "stability": "stable",
        "provided_by": "warrener",
    }


def enable_flag(call: Call) -> Response:
    if call.path["name"] not in FLAGS:
        raise TargetNotFound("Not Found")
    return Response(204)


def nothing(call: Call) -> Response:
    """An empty list, where there is nothing of the kind."""
    return call.show([])


def rabbitmqadmin(call: Call) -> Response:
    """RabbitMQ serves this program itself, under a license of its own."""
    reason = (
        "rabbitmqadmin is not served here: download it from RabbitMQ's releases on GitHub,"
        " or use the command 'warrener'"
    )
    return answer({"error": "Object Not Found", "reason": reason}, 404)


def do_nothing(call: Call) -> Response:
    """Done, as it cannot be otherwise."""
    return Response(204)


def login_settings(call: Call) -> Response:
    """How a page is to log in: with a name and a password."""
    return call.show({"oauth_enabled": False})


def version(call: Call) -> Response:
    return call.show(RABBITMQ_VERSION)


def login_attempts(call: Call) -> Response:
    if call.path["node"] != node_name():
        raise TargetNotFound("Not Found")
    logins = call.broker.activity.logins
    return call.show(
        [
            {
                "protocol": protocol,
                "auth_attempts": logins[protocol, True] + logins[protocol, False],
                "auth_attempts_failed": logins[protocol, False],
                "auth_attempts_succeeded": logins[protocol, True],
            }
            for protocol in LOGIN_PROTOCOLS
        ]
    )
