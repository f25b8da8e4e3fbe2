"""The fields of answers: those of RabbitMQ 3.10.8 for the same topology, by name and type.

data/rabbitmq_fields.txt was read off RabbitMQ: `## target type` begins an answer, then comes a line
for each field. Fields about Erlang's memory and schedulers are not in it, nor what is below tables
that users fill. `any` stands for what was null there.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.exchange.management.managed import Managed, managed

TABLE = Path(__file__).parent / "data" / "rabbitmq_fields.txt"
KINDS = {
    bool: "flag",
    int: "number",
    float: "number",
    str: "text",
    list: "list",
    dict: "table",
    type(None): "any",
}
NOT_HERE: dict[str, set[str]] = {
    # It is left out for queues in use, as RabbitMQ does a second later.
    "queues/shop": {"[].idle_since"},
    "queues/shop/q1": {".idle_since"},
    "queues?page=1&page_size=2": {".items[].idle_since"},
}
"""Fields that Warrener's answers do not have, each with its reason."""


def answers() -> dict[str, tuple[str, list[tuple[str, str]]]]:
    """By target: the type of the answer, and path and type of each field."""
    found: dict[str, tuple[str, list[tuple[str, str]]]] = {}
    for line in TABLE.read_text().splitlines():
        *words, kind = line.split(" ")
        if words[0] == "##":
            fields: list[tuple[str, str]] = []
            found[words[1]] = (kind, fields)
        else:
            fields.append((words[0], kind))
    return found


ANSWERS = answers()


def lead(document: Any, path: str) -> Iterator[Any]:
    """What a path leads to; of a list, the first entry counts."""
    for step in path.lstrip(".").replace("[]", ".[]").split("."):
        if step == "[]":
            assert document, f"{path}: an empty list"
            document = document[0]
        elif step:
            if step not in document:
                return
            document = document[step]
    yield document


async def build(broker: Managed) -> None:
    """The topology for which RabbitMQ was asked, and a client that is connected."""
    api = broker.api
    await api.put("/api/vhosts/shop", {"description": "x", "tags": "a,b"})
    await api.put("/api/users/mgmt", {"password": "pw", "tags": "management"})
    everything = {"configure": ".*", "write": ".*", "read": ".*"}
    await api.put("/api/permissions/shop/guest", everything)
    topic = {"exchange": "amq.topic", "write": "^a", "read": ".*"}
    await api.put("/api/topic-permissions/shop/guest", topic)
    await api.put("/api/vhost-limits/shop/max-queues", {"value": 100})
    await api.put("/api/user-limits/mgmt/max-channels", {"value": 10})
    await api.put("/api/global-parameters/mine", {"value": "text"})
    policy = {"pattern": "^x", "definition": {"max-length": 10}, "priority": 1}
    await api.put("/api/policies/shop/p1", policy)
    await api.put("/api/operator-policies/shop/op1", policy | {"apply-to": "queues"})
    await api.put("/api/exchanges/shop/ex", {"type": "topic", "durable": True})
    await api.put("/api/queues/shop/q1", {"durable": True, "arguments": {"x-max-length": 100}})
    await api.post("/api/bindings/shop/e/ex/q/q1", {"routing_key": "a.#"})
    client = await broker.amqp.connect()
    await client.login(vhost="shop", properties={"connection_name": "my-name"})
    await client.consume("q1")


@pytest.mark.parametrize("target", ANSWERS)
async def test_an_answer_has_the_fields_that_rabbitmq_has(target: str):
    kind, fields = ANSWERS[target]
    async with managed() as broker:
        await build(broker)
        document = await broker.api.get(f"/api/{target}")
    assert KINDS[type(document)] == kind
    missing = []
    for path, wanted in fields:
        found = [KINDS[type(value)] for value in lead(document, path)]
        if wanted not in ("any", *found) and path not in NOT_HERE.get(target, ()):
            missing.append((path, wanted, found))
    assert missing == []
