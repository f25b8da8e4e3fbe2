"""Definitions: out of one broker and into another."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.exchange.management.managed import Managed, managed

DATA = Path(__file__).parent / "data"
EVERYTHING = {"configure": ".*", "write": ".*", "read": ".*"}


async def build(broker: Managed) -> None:
    api = broker.api
    await api.put("/api/vhosts/shop", {"description": "x", "tags": ["a"]})
    await api.put("/api/users/ann", {"password": "secret", "tags": "management"})
    await api.put("/api/permissions/shop/ann", EVERYTHING)
    topic = {"exchange": "ex", "write": "^a", "read": ".*"}
    await api.put("/api/topic-permissions/shop/ann", topic)
    await api.put("/api/vhost-limits/shop/max-queues", {"value": 10})
    await api.put("/api/user-limits/ann/max-channels", {"value": 10})
    await api.put("/api/cluster-name", {"name": "mine"})
    await api.put("/api/exchanges/shop/ex", {"type": "topic", "durable": True})
    await api.put("/api/exchanges/shop/two", {"type": "fanout", "auto_delete": True})
    await api.put("/api/queues/shop/q", {"durable": True, "arguments": {"x-max-length": 5}})
    await api.put("/api/queues/shop/short", {})
    policy = {"pattern": "^q", "definition": {"message-ttl": 1000}, "priority": 3}
    await api.put("/api/policies/shop/p", policy | {"apply-to": "queues"})
    await api.put("/api/operator-policies/shop/op", policy | {"apply-to": "queues"})
    await api.post("/api/bindings/shop/e/ex/q/q", {"routing_key": "a.#", "arguments": {"k": 1}})
    await api.post("/api/bindings/shop/e/ex/e/two", {"routing_key": "b"})


async def test_what_one_broker_gives_another_takes():
    async with managed() as broker:
        await build(broker)
        given = await broker.api.get("/api/definitions")
        assert "secret" not in str(given)
    async with managed() as broker:
        assert (await broker.api.post("/api/definitions", given)).status == 204
        assert await broker.api.get("/api/definitions") == given
        await broker.api.as_("ann:secret").get("/api/whoami")
        assert (await broker.api.post("/api/definitions", given)).status == 204


async def test_a_virtual_host_can_be_taken_along_alone():
    async with managed() as broker:
        await build(broker)
        given = await broker.api.get("/api/definitions/shop")
        assert [queue["name"] for queue in given["queues"]] == ["q", "short"]
        assert not [queue for queue in given["queues"] if "vhost" in queue]
        await broker.api.put("/api/vhosts/other")
        assert (await broker.api.post("/api/definitions/other", given)).status == 204
        taken = await broker.api.get("/api/definitions/other")
        assert [each["name"] for each in taken["policies"]] == ["p"]
        for kind in ("queues", "exchanges", "bindings"):
            assert taken[kind] == given[kind]
        assert taken["parameters"][0]["value"] == {"max-queues": 10}


async def test_what_is_there_by_itself_or_belongs_to_a_connection_is_left_out():
    async with managed() as broker:
        client = await broker.amqp.login()
        await client.declare("mine", exclusive=True)
        given = await broker.api.get("/api/definitions")
        assert (given["queues"], given["exchanges"], given["bindings"]) == ([], [], [])


async def test_a_document_with_a_mistake_changes_nothing():
    async with managed() as broker:
        document = {"queues": [{"name": "good", "vhost": "/"}, {"vhost": "/"}]}
        answer = await broker.api.post("/api/definitions", document)
        assert (answer.status, answer.document["reason"]) == (400, "key_missing: name")
        assert await broker.api.get("/api/queues") == []


@pytest.mark.parametrize(
    "document",
    [
        b"nothing",
        [],
        {"queues": 5},
        {"queues": ["q"]},
        {"users": [{"name": "x", "password_hash": "!", "tags": ""}]},
        {"bindings": [{"source": "x", "destination": "q", "destination_type": "z"}]},
        {"parameters": [{"component": "vhost-limits", "vhost": "/", "value": {"x": 1}}]},
        {"global_parameters": [{"name": "x", "value": 1 << 90}]},
        {"permissions": [{"user": "guest"}]},
    ],
)
async def test_what_is_no_document_is_refused(document):
    async with managed() as broker:
        assert (await broker.api.post("/api/definitions", document)).status == 400


async def test_what_refers_to_nothing_is_refused():
    async with managed() as broker:
        document = {"queues": [{"name": "q", "vhost": "nowhere"}]}
        assert (await broker.api.post("/api/definitions", document)).status == 404


async def test_a_browser_may_send_and_keep_a_file():
    async with managed() as broker:
        form = (
            b"--line\r\n"
            b'Content-Disposition: form-data; name="file"; filename="d.json"\r\n'
            b"Content-Type: application/json\r\n\r\n"
            b'{"queues": [{"name": "q", "vhost": "/"}]}\r\n'
            b"--line--\r\n"
        )
        kind = "multipart/form-data; boundary=line"
        answer = await broker.api.ask("POST", "/api/definitions", form, Content_Type=kind)
        assert answer.status == 204
        assert (await broker.api.get("/api/queues/%2F/q"))["durable"]
        answer = await broker.api.ask("GET", "/api/definitions?download=my%22file.json")
        assert answer.headers["content-disposition"] == 'attachment; filename="my_file.json"'
        for empty in (b"", b"--line--\r\n"):
            answer = await broker.api.ask("POST", "/api/definitions", empty, Content_Type=kind)
            assert answer.status == 400


async def test_what_rabbitmq_gave_is_taken_and_given_again():
    """data/rabbitmq_definitions.json was exported by RabbitMQ 3.10.8; without guest,
    who logs in here, and whose hash is made anew by that."""
    document = json.loads((DATA / "rabbitmq_definitions.json").read_text())
    async with managed() as broker:
        assert (await broker.api.post("/api/definitions", document)).status == 204
        given = await broker.api.get("/api/definitions")
    for kind, things in document.items():
        if isinstance(things, list):
            lost = [thing for thing in things if not any(has(each, thing) for each in given[kind])]
            assert lost == [], kind


def has(thing: dict[str, Any], wanted: dict[str, Any]) -> bool:
    return all(thing.get(name) == value for name, value in wanted.items())


async def test_a_large_topology_goes_out_and_comes_in():
    async with managed() as broker:
        queues = [{"name": f"q{n}", "vhost": "/", "durable": True} for n in range(1000)]
        bindings = [
            {"source": "amq.topic", "vhost": "/", "destination": f"q{n}",
             "destination_type": "queue", "routing_key": f"k.{n}"}
            for n in range(1000)
        ]  # fmt: skip
        document = {"queues": queues, "bindings": bindings}
        assert (await broker.api.post("/api/definitions", document)).status == 204
        given = await broker.api.get("/api/definitions")
        assert (len(given["queues"]), len(given["bindings"])) == (1000, 1000)
