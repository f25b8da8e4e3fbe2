"""Topology documents over HTTP: planned, applied, refused, exported."""

import json
from typing import Any

import pytest
import trio

from tests.exchange.durable_broker import DurableBroker, lasting_topology
from tests.exchange.management.managed import Answer, Managed, managed
from tests.exchange.management.test_browse import publish
from warrener.exchange.topology.applying import restore, save
from warrener.exchange.topology.desired import Source, read_topology
from warrener.exchange.topology.in_process import InProcess
from warrener.exchange.topology.planner import make_plan

PLAN = "/api/x/topology/plan"
APPLY = "/api/x/topology/apply"
SHOP = b"""
version: 1
users: [{ name: ann, password_hash: kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR }]
vhosts:
  - name: shop
    description: the shop
    permissions: [{ user: ann, configure: "", write: ".*", read: ".*" }]
    exchanges: [{ name: orders, type: topic }]
    queues:
      - name: orders.eu
        message-ttl: 1h
        bind: [{ source: orders, routing_key: "order.#", filter: { sql: "region = 'EU'" } }]
    policies: [{ name: p, pattern: ^o, definition: { max-length: 10k } }]
"""


async def send(broker: Managed, place: str, body: bytes, kind: str = "application/yaml") -> Answer:
    return await broker.api.ask("POST", place, body, Content_Type=kind)


async def applied(broker: Managed, body: bytes, query: str = "") -> dict[str, Any]:
    """What is told of a document that is carried out to its end."""
    answer = await send(broker, APPLY + query, body)
    assert answer.status == 200, answer
    return dict(answer.document)


def queues(*items: str) -> bytes:
    return f"queues: [{', '.join(items)}]".encode()


def described(steps: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    """Steps as action, kind, and name if there is one."""
    found = ((step["action"], step["after"] or step["before"]) for step in steps)
    return [(action, thing["kind"], thing.get("name", "")) for action, thing in found]


# Plans


async def test_a_plan_is_the_document_that_the_command_writes():
    async with managed() as broker:
        answer = await send(broker, PLAN, SHOP)
        desired = read_topology([Source("shop.yaml", SHOP)])
        expected = make_plan(InProcess(broker.broker).read(), desired.state, desired.management)
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    problems = answer.document.pop("problems")
    assert answer.document == {**json.loads(save(expected)), "problems": problems}
    assert save(restore(answer.body.decode())) == save(expected)


async def test_a_plan_changes_nothing():
    async with managed() as broker:
        before = await broker.api.get("/api/definitions")
        await send(broker, PLAN, SHOP)
        assert await broker.api.get("/api/definitions") == before


@pytest.mark.parametrize(
    "kind", ["application/json", "application/json; charset=utf-8", "", "text/yaml"]
)
async def test_a_document_may_be_json(kind: str):
    async with managed() as broker:
        answer = await send(broker, PLAN, b'{"queues": [{"name": "q", "max-length": "1k"}]}', kind)
        (step,) = answer.document["steps"]
        assert step["after"]["arguments"] == {"x-max-length": 1000}


async def test_what_rabbitmq_has_exported_is_a_document():
    async with managed() as broker:
        await applied(broker, SHOP)
        given = await broker.api.get("/api/definitions")
    async with managed() as broker:
        await applied(broker, json.dumps(given).encode())
        assert (await broker.api.get("/api/definitions"))["queues"] == given["queues"]


async def test_of_definitions_what_cannot_be_had_is_left_out_or_ends_it():
    body = b'{"queues": [{"name": "q"}, {"name": "s", "type": "stream"}]}'
    async with managed() as broker:
        refused = await send(broker, APPLY + "?strict=true", body)
        assert (refused.status, await broker.api.get("/api/queues")) == (400, [])
        told = await applied(broker, body)
        assert described(told["done"]) == [("create", "queue", "q")]
        (problem,) = told["problems"]
        assert (problem["code"], problem["path"]) == ("T040", "$.queues[1].type")
        assert (await send(broker, PLAN, body)).document["steps"] == []


async def test_an_empty_body_declares_nothing():
    async with managed() as broker:
        assert (await send(broker, PLAN + "?prune=true", b"")).document["steps"] == []


async def test_the_query_says_where_things_go_that_name_no_virtual_host():
    async with managed() as broker:
        body = b"vhosts: [{ name: shop }]\nqueues: [{ name: q }]"
        answer = await send(broker, PLAN + "?vhost=shop", body)
        assert answer.document["steps"][-1]["after"]["vhost"] == "shop"


async def test_warnings_come_with_the_plan():
    async with managed() as broker:
        answer = await send(broker, PLAN, b"users: [{ name: bob }]")
        (problem,) = answer.document["problems"]
        assert (answer.status, problem["code"], problem["severity"]) == (200, "T033", "warning")


# What is refused


async def test_everything_that_is_wrong_is_told_at_once_with_its_place():
    body = b"queues:\n  - { name: q, durabel: true }\n  - { name: q, message-ttl: soon }\n"
    async with managed() as broker:
        answer = await send(broker, PLAN, body)
        again = await send(broker, APPLY, body)
    assert (answer.status, answer.body) == (again.status, again.body)
    assert answer.status == 400
    assert answer.document["error"] == "bad_request"
    assert answer.document["reason"] == "the topology cannot be used: 3 errors, 0 warnings"
    assert answer.document["problems"][0] == {
        "code": "T012",
        "severity": "error",
        "message": "unknown key 'durabel'",
        "suggestion": "did you mean 'durable'?",
        "file": "body",
        "line": 2,
        "column": 16,
        "width": 7,
    }
    assert [p["code"] for p in answer.document["problems"][1:]] == ["T030", "T015"]


async def test_the_lines_of_the_document_are_not_told_again():
    async with managed() as broker:
        body = b"users: [{ name: ann, password: secret, tag: x }]"
        assert b"secret" not in (await send(broker, PLAN, body)).body
        answer = await send(broker, PLAN, queues(*["{ nam: q }"] * 1000))
        assert len(answer.document["problems"]) == 2000
        assert len(answer.body) < 1000 * len(answer.document["problems"])


async def test_the_environment_of_the_broker_is_not_read(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SECRET", "of the broker")
    body = b'users: [{ name: ann, tags: ["${SECRET}"] }, { name: bob, password: { env: SECRET } }]'
    async with managed() as broker:
        answer = await send(broker, PLAN, body)
    assert answer.status == 400
    assert "of the broker" not in answer.body.decode()
    missing = [each for each in answer.document["problems"] if each["code"] == "T020"]
    assert [each["message"] for each in missing] == ["the variable 'SECRET' is not set"] * 2
    assert {"environment is not read here" in each["suggestion"] for each in missing} == {True}


async def test_variables_come_from_the_document_itself():
    body = b'vars: { NAME: q }\nqueues: [{ name: "${NAME}-${KIND:-plain}" }]'
    async with managed() as broker:
        assert described((await applied(broker, body))["done"]) == [("create", "queue", "q-plain")]


async def test_no_file_is_read(tmp_path: Any):
    (tmp_path / "secret").write_text("of the broker")
    place = json.dumps(str(tmp_path / "secret"))
    body = f"users: [{{ name: ann, password: {{ file: {place} }} }}]".encode()
    async with managed() as broker:
        answer = await send(broker, PLAN, body)
    errors = [each for each in answer.document["problems"] if each["severity"] == "error"]
    assert (answer.status, len(errors)) == (400, 1)
    assert (errors[0]["code"], errors[0]["message"]) == ("T025", "no file can be read here")
    assert "of the broker" not in answer.body.decode()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"\xff", "T001"),
        (b"a: [", "T002"),
        (b'{"version": 1, "queues": [{"name": "\\ud800"}]}', "T002"),
        (b"!!python/object:os.system {}", "T003"),
        (b"[" * 100_000, "T003"),
        (b"&a [*a]", "T003"),
        (b"queues: [{ name: q, max-length: " + b"9" * 100_000 + b"}]", "T015"),
        (b"queues: [{ name: q, arguments: { a: " + b"[" * 20 + b"]" * 20 + b"} }]", "T014"),
        (b"version: 2", "T004"),
        (b"[1]", "T011"),
        (b"5", "T011"),
        (b'{"format": "warrener topology plan", "version": 1, "steps": []}', "T012"),
    ],
)
async def test_what_is_no_topology_is_refused(body: bytes, code: str):
    async with managed() as broker:
        answer = await send(broker, APPLY, body)
        assert answer.status == 400, answer
        assert code in {each["code"] for each in answer.document["problems"]}


@pytest.mark.parametrize(
    "query",
    ["?prun=true", "?prune=perhaps", "?prune", "?reset_passwords=true", "?allow-replace=true"],
)
async def test_a_query_that_means_nothing_is_refused(query: str):
    async with managed() as broker:
        assert (await send(broker, PLAN + query, b"")).status == 400


async def test_a_body_of_another_kind_is_refused():
    async with managed() as broker:
        answer = await send(broker, APPLY, b"--x--", "multipart/form-data; boundary=x")
        assert (answer.status, answer.document["error"]) == (415, "unsupported_media_type")


async def test_a_body_that_is_too_large_is_refused():
    async with managed(http_body_max_bytes=1000) as broker:
        assert (await send(broker, APPLY, b"#" * 1001)).status == 413


async def test_a_page_of_another_site_may_not_apply_anything():
    async with managed() as broker:
        answer = await broker.api.ask("POST", APPLY, SHOP, Sec_Fetch_Site="cross-site")
        assert answer.status == 403
        assert "shop" not in broker.broker.vhosts


# Applying


async def test_what_a_document_declares_is_there_afterwards():
    async with managed() as broker:
        told = await applied(broker, SHOP)
        assert described(told["done"]) == [
            ("create", "vhost", "shop"),
            ("create", "user", "ann"),
            ("create", "permission", ""),
            ("create", "policy", "p"),
            ("create", "exchange", "orders"),
            ("create", "queue", "orders.eu"),
            ("create", "binding", ""),
        ]
        assert (told["failed"], told["left"], told["notes"]) == (None, [], [])
        queue = await broker.api.get("/api/queues/shop/orders.eu")
        assert queue["arguments"] == {"x-message-ttl": 3600000}
        assert (queue["policy"], queue["effective_policy_definition"]) == (
            "p",
            {"max-length": 10000},
        )


async def test_applied_twice_it_does_nothing():
    async with managed() as broker:
        await applied(broker, SHOP)
        assert (await applied(broker, SHOP))["done"] == []


async def test_a_user_may_log_in_with_the_password_of_the_document():
    async with managed() as broker:
        await applied(broker, b"users: [{ name: ann, password: secret, tags: [management] }]")
        assert (await broker.api.as_("ann:secret").get("/api/whoami"))["name"] == "ann"
        told = await applied(broker, b"users: [{ name: ann, password: other, tags: [management] }]")
        assert "other" not in json.dumps(told)
        assert (await broker.api.as_("ann:other").get("/api/whoami"))["name"] == "ann"


async def test_what_nobody_declares_goes_only_if_that_is_asked_for():
    async with managed() as broker:
        await applied(broker, SHOP)
        left = b"vhosts: [{ name: shop, description: the shop }]"
        assert (await applied(broker, left))["done"] == []
        await applied(broker, left, "?prune=true")
        assert await broker.api.get("/api/queues/shop") == []
        assert "ann" in broker.broker.users


async def test_what_cannot_be_changed_is_replaced_only_if_that_is_agreed_to():
    async with managed() as broker:
        await applied(broker, queues("{ name: q, max-length: 5 }", "{ name: r }"))
        body = queues("{ name: q, max-length: 6 }", "{ name: s }")
        answer = await send(broker, APPLY, body)
        assert answer.status == 409
        assert answer.document["error"] == "conflict"
        assert answer.document["reason"] == "nothing was done: this plan needs allow-replace=true"
        assert answer.document["done"] == []
        assert described(answer.document["left"]) == [
            ("replace", "queue", "q"),
            ("create", "queue", "s"),
        ]
        assert "s" not in broker.broker.vhost("/").queues
        await applied(broker, body, "?allow-replace=true")
        queue = await broker.api.get("/api/queues/%2F/q")
        assert queue["arguments"] == {"x-max-length": 6}


async def test_messages_are_lost_only_if_that_is_agreed_to():
    async with managed() as broker:
        await applied(broker, queues("{ name: q }"))
        await publish(broker, "a", "q")
        body = queues("{ name: q, durable: false }")
        answer = await send(broker, APPLY + "?allow-replace=true", body)
        assert answer.document["reason"] == "nothing was done: this plan needs lose-messages=true"
        await applied(broker, body, "?allow-replace=true&lose-messages=true")
        assert (await broker.api.get("/api/queues/%2F/q"))["messages"] == 0


async def test_what_stands_in_the_way_ends_it_and_the_answer_says_what_was_done():
    limited = b"""
        vhosts:
          - name: shop
            limits: { max-queues: 1 }
            queues: [{ name: a }, { name: b }, { name: c }]
        """
    async with managed() as broker:
        answer = await send(broker, APPLY, limited)
        document = answer.document
        assert (answer.status, document["error"]) == (409, "conflict")
        assert document["reason"].startswith(
            "3 of 5 steps were done, then this one failed: + queue 'b' in 'shop': "
        )
        assert described(document["done"])[-1] == ("create", "queue", "a")
        assert described([document["failed"]]) == [("create", "queue", "b")]
        assert described(document["left"]) == [("create", "queue", "c")]
        told = await applied(broker, limited.replace(b"max-queues: 1", b"max-queues: 9"))
        assert [name for _, _, name in described(told["done"])] == ["", "b", "c"]


async def test_what_was_applied_is_there_after_a_restart(durable: DurableBroker):
    async with managed(durable.store) as broker:
        await applied(broker, SHOP)
        before = lasting_topology(broker.broker)
    durable.restart()
    assert lasting_topology(durable.broker) == before


async def test_a_selector_that_is_nested_deeply_is_read_in_a_thread():
    selector = "(" * 60 + "a = 1" + ")" * 60
    body = f"""
        queues: [{{ name: q, bind: [{{ source: amq.topic, filter: {{ sql: "{selector}" }} }}] }}]
        """
    async with managed() as broker:
        assert len((await applied(broker, body.encode()))["done"]) == 2


async def test_others_are_served_while_a_large_document_is_applied():
    body = queues(*(f"{{ name: q{n} }}" for n in range(3000)))
    answers = []
    async with managed() as broker:

        async def ask_until_all_is_there() -> None:
            while len(broker.broker.vhost("/").queues) < 3000:
                answers.append((await broker.api.ask("GET", "/api/whoami")).status)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask_until_all_is_there)
            told = await applied(broker, body)
    assert len(told["done"]) == 3000
    assert len(answers) > 1


async def test_documents_wait_for_each_other():
    one = queues(*(f"{{ name: q{n} }}" for n in range(500)))
    two = queues(*(f"{{ name: q{n}, durable: false }}" for n in range(500)))
    found: list[Answer] = []
    async with managed() as broker:

        async def ask(body: bytes) -> None:
            found.append(await send(broker, APPLY, body))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, one)
            nursery.start_soon(ask, two)
        assert sorted(answer.status for answer in found) == [200, 409]
        (refused,) = [answer for answer in found if answer.status == 409]
        assert refused.document["done"] == []


# Out


async def test_an_export_is_a_document_that_changes_nothing_and_makes_another_broker_the_same():
    async with managed() as broker:
        await applied(broker, SHOP)
        answer = await broker.api.ask("GET", "/api/x/topology")
        assert (answer.status, answer.headers["content-type"]) == (200, "application/yaml")
        assert (await applied(broker, answer.body, "?prune=true"))["done"] == []
        given = lasting_topology(broker.broker)
    async with managed() as broker:
        await applied(broker, answer.body)
        assert lasting_topology(broker.broker) == given


async def test_programs_are_told_what_the_endpoints_take_and_answer():
    async with managed() as broker:
        paths = (await broker.api.get("/api/openapi.json"))["paths"]
    operation = paths[APPLY]["post"]
    assert {"application/json", "application/yaml"} <= operation["requestBody"]["content"].keys()
    assert {"400", "409", "415"} <= operation["responses"].keys()
    assert "409" not in paths[PLAN]["post"]["responses"]
