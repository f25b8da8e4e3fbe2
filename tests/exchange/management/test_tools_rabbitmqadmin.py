"""rabbitmqadmin 2: what it sends to change something. What it reads is in test_tools_contracts.py.

Its client library fails with every status from 400 on, and has the name of a thing in the body, as
well as in the path.
"""

import base64
import hashlib
from typing import Any

import pytest

from tests.exchange.management.contract import shop
from tests.exchange.management.managed import Managed, managed
from warrener.exchange.management.node import node_name

SALT = b"salt"
HASH = base64.b64encode(SALT + hashlib.sha256(SALT + b"secret").digest()).decode()
POLICY = {
    "name": "p",
    "vhost": "shop",
    "pattern": ".*",
    "apply-to": "queues",
    "priority": 1,
    "definition": {"max-length": 3},
}
CALLS: tuple[tuple[str, str, Any], ...] = (
    ("PUT", "vhosts/v", {"name": "v", "description": "d", "tags": ["a", "b"], "tracing": False}),
    ("PUT", "vhosts/v", {"name": "v", "default_queue_type": "classic", "tracing": True}),
    ("PUT", "users/u", {"name": "u", "password_hash": HASH, "tags": "management"}),
    (
        *("PUT", "permissions/v/u"),
        {"user": "u", "vhost": "v", "configure": ".*", "read": ".*", "write": ".*"},
    ),
    (
        *("PUT", "topic-permissions/shop/clerk"),
        {"user": "clerk", "vhost": "shop", "exchange": "amq.topic", "read": "a", "write": "b"},
    ),
    ("PUT", "vhost-limits/v/max-queues", {"value": 5}),
    ("PUT", "user-limits/u/max-channels", {"value": 5}),
    (
        *("PUT", "queues/shop/q1"),
        {"name": "q1", "durable": True, "auto_delete": False, "exclusive": False, "arguments": {}},
    ),
    (
        *("PUT", "queues/shop/q2"),
        {
            "name": "q2",
            "durable": True,
            "auto_delete": False,
            "exclusive": False,
            "arguments": {"x-queue-type": "quorum"},
        },
    ),
    (
        *("PUT", "exchanges/shop/e1"),
        {"type": "topic", "durable": True, "auto_delete": False, "arguments": {}},
    ),
    ("POST", "bindings/shop/e/e1/q/q1", {"routing_key": "k", "arguments": {}}),
    ("POST", "bindings/shop/e/e1/e/amq.fanout", {"routing_key": "k", "arguments": None}),
    (
        *("POST", "exchanges/shop/e1/publish"),
        {"routing_key": "k", "payload": "hello", "payload_encoding": "string", "properties": {}},
    ),
    (
        *("POST", "queues/shop/q1/get"),
        {"count": 1, "ackmode": "ack_requeue_false", "encoding": "auto"},
    ),
    ("DELETE", "queues/shop/q1/contents", None),
    ("PUT", "policies/shop/p", POLICY),
    ("PUT", "operator-policies/shop/p", POLICY),
    ("DELETE", "policies/shop/p", None),
    ("DELETE", "operator-policies/shop/p", None),
    ("PUT", "global-parameters/g", {"name": "g", "value": {"a": 1}}),
    ("DELETE", "global-parameters/g", None),
    ("PUT", "cluster-name", {"name": "west"}),
    ("PUT", "feature-flags/quorum_queue/enable", {"name": "quorum_queue"}),
    ("POST", "rebalance/queues", {}),
    ("GET", f"nodes/{node_name()}", None),
    ("GET", "stream/connections/shop", None),
    ("GET", "stream/publishers/shop", None),
    ("GET", "stream/consumers/shop", None),
    ("GET", "shovels/shop", None),
    ("GET", "parameters/shovel/shop", None),
    ("GET", "parameters/federation-upstream", None),
    ("DELETE", "bindings/shop/e/e1/q/q1/k", None),
    ("DELETE", "queues/shop/q1", None),
    ("DELETE", "exchanges/shop/e1", None),
    ("DELETE", "vhost-limits/v/max-queues", None),
    ("DELETE", "user-limits/u/max-channels", None),
    ("DELETE", "permissions/v/u", None),
    ("DELETE", "topic-permissions/shop/clerk", None),
    ("DELETE", "connections/username/u", None),
    ("POST", "users/bulk-delete", {"users": ["u", "clerk"]}),
    ("DELETE", "vhosts/v", None),
)


async def call(broker: Managed, method: str, path: str, body: Any, **headers: str) -> Any:
    answer = await broker.api.ask(method, f"/api/{path}", body, **headers)
    assert answer.status < 300, (method, path, answer)
    return answer.document


async def test_what_it_changes_is_changed_in_one_go():
    async with managed() as broker:
        await shop(broker)
        for method, path, body in CALLS:
            await call(broker, method, path, body)


async def test_a_user_can_log_in_whose_password_came_as_a_hash():
    async with managed() as broker:
        await call(
            *(broker, "PUT", "users/u"),
            {"name": "u", "password_hash": HASH, "tags": "administrator"},
        )
        assert (await broker.api.as_("u:secret").get("/api/whoami"))["name"] == "u"


async def test_definitions_come_back_as_they_went():
    async with managed() as broker:
        await shop(broker)
        for path in ("definitions", "definitions/shop"):
            exported = await call(broker, "GET", path, None)
            await call(broker, "POST", path, exported)
            assert await call(broker, "GET", path, None) == exported


async def test_a_connection_is_closed_with_a_reason():
    async with managed() as broker:
        await shop(broker)
        (connection,) = await call(broker, "GET", "connections", None)
        name = connection["name"].replace(" ", "%20").replace(">", "%3E")
        await call(broker, "DELETE", f"connections/{name}", None, X_Reason="tests")


@pytest.mark.parametrize("path", ["queues/shop/none", "exchanges/shop/none", "users/none"])
async def test_what_is_not_there_is_a_404_which_it_may_be_told_to_take(path: str):
    async with managed() as broker:
        await shop(broker)
        assert (await broker.api.delete(f"/api/{path}")).status == 404
