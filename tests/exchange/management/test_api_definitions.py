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


QUEUE = {"name": "good", "vhost": "/"}
POLICY = {"name": "p", "pattern": "a", "definition": {"max-length": 2}}
BINDING = {"source": "amq.direct", "destination": "good", "destination_type": "queue"}
NOT_TAKEN: list[tuple[str, Any, str]] = [
    ("queues", {"vhost": "/"}, ""),
    ("queues", "q", ""),
    ("queues", QUEUE | {"arguments": {"x-max-length": "x"}}, ".arguments['x-max-length']"),
    ("queues", QUEUE | {"arguments": {"x-queue-type": "stream"}}, ".arguments['x-queue-type']"),
    ("queues", QUEUE | {"durable": False, "type": "quorum"}, ".arguments"),
    ("queues", QUEUE | {"vhost": "nowhere"}, ""),
    ("users", {"name": "x", "password_hash": "!", "tags": ""}, ".password_hash"),
    ("bindings", BINDING | {"destination_type": "z"}, ".destination_type"),
    ("bindings", BINDING | {"destination": "nothing"}, ""),
    ("bindings", BINDING | {"source": "", "routing_key": "other"}, ".source"),
    ("parameters", {"component": "vhost-limits", "vhost": "/", "value": {"x": 1}}, ".value.x"),
    ("parameters", {"component": "policy", "vhost": "/", "value": {}}, ".component"),
    ("parameters", {"component": "shovel", "name": "s", "value": {}}, ".component"),
    ("global_parameters", {"name": "x", "value": 1 << 90}, ".value"),
    ("permissions", {"user": "guest"}, ""),
    ("permissions", {"user": "nobody", "configure": "", "write": "", "read": ""}, ""),
    ("exchanges", {"name": "x", "type": "x-unknown"}, ".type"),
    ("exchanges", {"name": "amq.rabbitmq.log", "type": "topic"}, ".name"),
    ("policies", POLICY | {"definition": {"shard-mode": 2}}, ".definition['shard-mode']"),
    ("policies", POLICY | {"pattern": "("}, ".pattern"),
    ("policies", POLICY | {"priority": "5"}, ".priority"),
    ("policies", POLICY | {"apply-to": ""}, ""),
]


@pytest.mark.parametrize(("kind", "item", "path"), NOT_TAKEN)
async def test_what_cannot_be_taken_is_named_with_its_place_and_the_rest_is_taken(kind, item, path):
    document = {kind: [item]}
    document["queues"] = [*document.get("queues", []), {"name": "after", "vhost": "/"}]
    async with managed() as broker:
        answer = await broker.api.post("/api/definitions", document)
        assert answer.status == 200
        assert [each["path"] for each in answer.document["left_out"]] == [f"$.{kind}[0]{path}"]
        assert [each["name"] for each in await broker.api.get("/api/queues")] == ["after"]


@pytest.mark.parametrize(("kind", "item", "path"), NOT_TAKEN)
async def test_where_nothing_may_be_left_out_each_of_these_is_refused(kind, item, path):
    document = {"vhosts": [{"name": "shop"}], kind: [item]}
    async with managed() as broker:
        answer = await broker.api.post("/api/definitions?strict=true", document)
        assert answer.status == 400
        assert [each["path"] for each in answer.document["left_out"]] == [f"$.{kind}[0]{path}"]
        assert [each["name"] for each in await broker.api.get("/api/vhosts")] == ["/"]


async def test_a_user_whose_hash_is_of_no_use_is_taken_and_cannot_log_in():
    user = {"name": "ann", "password_hash": "cGxhY2Vob2xkZXI=", "tags": "management"}
    async with managed() as broker:
        assert (await broker.api.post("/api/definitions", {"users": [user]})).status == 200
        assert (await broker.api.get("/api/users/ann"))["password_hash"] == ""
        await broker.api.put("/api/users/ann", {"password": "secret", "tags": "management"})
        assert (await broker.api.post("/api/definitions", {"users": [user]})).status == 200
        await broker.api.as_("ann:secret").get("/api/whoami")


@pytest.mark.parametrize("algorithm", ["rabbit_password_hashing_md5", None])
async def test_users_of_before_3_6_log_in_with_their_password(algorithm):
    user = {"name": "ann", "password_hash": "kI3GChNpte2FApYFXScl+0dIluk=", "tags": "management"}
    user |= {"hashing_algorithm": algorithm} if algorithm else {}
    async with managed() as broker:
        document = {"rabbit_version": "3.5.7", "users": [user]}
        assert (await broker.api.post("/api/definitions", document)).status == 204
        assert (await broker.api.as_("ann:test13").ask("GET", "/api/whoami")).status == 401
        await broker.api.as_("ann:test12").get("/api/whoami")


async def test_where_nothing_may_be_left_out_nothing_is_done():
    document = {"vhosts": [{"name": "shop"}], "queues": [{"name": "q", "vhost": "shop"}, {}]}
    async with managed() as broker:
        answer = await broker.api.post("/api/definitions?strict=true", document)
        assert (answer.status, len(answer.document["left_out"])) == (400, 1)
        assert "nothing was done: 1 would have to be left out" in answer.document["reason"]
        assert [each["name"] for each in await broker.api.get("/api/vhosts")] == ["/"]


async def test_what_a_strict_import_has_done_before_a_refusal_is_taken_back():
    limit = {
        "component": "vhost-limits",
        "vhost": "shop",
        "name": "limits",
        "value": {"max-queues": 1},
    }
    document = {
        "vhosts": [{"name": "shop"}],
        "users": [{"name": "guest", "tags": "administrator", "password_hash": ""}],
        "parameters": [limit],
        "queues": [{"name": name, "vhost": "shop"} for name in "ab"],
    }  # fmt: skip
    async with managed() as broker:
        before = await broker.api.get("/api/definitions")
        answer = await broker.api.post("/api/definitions?strict=true", document)
        assert answer.status == 400
        assert "all was taken back: 1 would have to be left out" in answer.document["reason"]
        assert await broker.api.get("/api/definitions") == before
        assert (await broker.api.post("/api/definitions", document)).status == 200


async def test_what_is_there_otherwise_stays_and_is_named():
    document = {
        "queues": [{"name": "q", "vhost": "/", "arguments": {"x-max-length": 5}}],
        "bindings": [{"source": "amq.topic", "vhost": "/", "destination": "q", "routing_key": "a",
                      "arguments": {"x-filter-tags": "new"}}],
    }  # fmt: skip
    async with managed() as broker:
        await broker.api.put("/api/queues/%2F/q", {"durable": True})
        old = {"routing_key": "a", "arguments": {"x-filter-tags": "old"}}
        await broker.api.post("/api/bindings/%2F/e/amq.topic/q/q", old)
        answer = await broker.api.post("/api/definitions", document)
        (left_out,) = answer.document["left_out"]
        assert left_out["message"].startswith("queue 'q' in '/' is left out: it is there already")
        assert (await broker.api.get("/api/queues/%2F/q"))["arguments"] == {}
        found = await broker.api.get("/api/bindings/%2F/e/amq.topic/q/q")
        assert sorted(each["arguments"]["x-filter-tags"] for each in found) == ["new", "old"]


@pytest.mark.parametrize(
    "document", [b"nothing", [], b"[" * 100_000, b'{"queues": [NaN]}', b"\xff"]
)
async def test_what_is_no_document_is_refused(document):
    async with managed() as broker:
        answer = await broker.api.post("/api/definitions", document)
        assert answer.status == 400
        assert answer.document["reason"].startswith("not_json: ")


async def test_nothing_at_all_is_taken():
    async with managed() as broker:
        assert (await broker.api.post("/api/definitions")).status == 204


async def test_who_makes_a_virtual_host_may_use_it_unless_the_document_says_otherwise():
    own = {"user": "guest", "vhost": "b", "configure": "", "write": "", "read": "^x"}
    document = {"vhosts": [{"name": "a"}, {"name": "b"}], "permissions": [own]}
    async with managed() as broker:
        assert (await broker.api.post("/api/definitions", document)).status == 204
        (given,) = await broker.api.get("/api/vhosts/a/permissions")
        assert given == {"user": "guest", "vhost": "a", **EVERYTHING}
        assert await broker.api.get("/api/vhosts/b/permissions") == [own]
        assert (await broker.api.get("/api/aliveness-test/a"))["status"] == "ok"


async def test_each_thing_left_out_is_a_line_of_the_log(caplog):
    bad = [{"name": f"a\nb{number}", "durable": 5} for number in range(3)]
    async with managed() as broker:
        assert (await broker.api.post("/api/definitions", {"queues": bad})).status == 200
    lines = [each.getMessage() for each in caplog.records if "left out: " in each.getMessage()]
    assert len(lines) == 3
    assert lines[1] == (
        "definitions: queue 'a\\nb1' in '/' is left out: 'durable' is the number 5, not true or "
        "false ($.queues[1].durable, line 1, column 75)"
    )


async def test_what_is_of_the_whole_broker_is_not_taken_into_one_virtual_host():
    document = {"users": [{"name": "ann", "tags": ""}], "queues": [{"name": "q"}]}
    async with managed() as broker:
        answer = await broker.api.post("/api/definitions/%2F", document)
        assert [each["path"] for each in answer.document["left_out"]] == ["$.users"]
        assert [each["name"] for each in await broker.api.get("/api/queues")] == ["q"]
        assert (await broker.api.post("/api/definitions/nowhere", document)).status == 404


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
