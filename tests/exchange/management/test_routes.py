"""The table of routes is the one that the documentation has."""

import re
from pathlib import Path

from tests.exchange.management.managed import managed
from warrener.exchange.management.routes import ENDPOINTS

PAGE = Path(__file__).parents[3] / "docs" / "management.md"
ROW = re.compile(r"(?m)^\| ([A-Z]+) \| `([^`]+)` \| (\w+) \| (.+) \|$")


def test_the_page_has_every_endpoint_as_it_is():
    rows = ROW.findall(PAGE.read_text("utf-8"))
    assert rows == [(e.method, e.pattern, e.access.value, e.meaning) for e in ENDPOINTS]


async def test_programs_are_told_the_same():
    async with managed() as broker:
        document = await broker.api.get("/api/openapi.json")
    described = {
        (method.upper(), path): operation
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }
    assert described.keys() == {(e.method, e.pattern) for e in ENDPOINTS}
    operation = described["DELETE", "/api/queues/{vhost}/{name}"]
    assert [each["name"] for each in operation["parameters"]] == ["vhost", "name"]
    assert operation["security"] == [{"login": []}]
    assert "security" not in described["GET", "/api/auth"]


def test_no_endpoint_is_there_twice():
    places = [(e.method, re.sub(r"\{\w+\}", "{}", e.pattern)) for e in ENDPOINTS]
    assert len(places) == len(set(places))


def test_few_endpoints_take_long_bodies():
    assert [endpoint.pattern for endpoint in ENDPOINTS if endpoint.long_body] == [
        "/api/definitions",
        "/api/definitions/{vhost}",
        "/api/exchanges/{vhost}/{name}/publish",
        "/api/x/topology/plan",
        "/api/x/topology/apply",
    ]


async def test_whoever_looks_for_rabbitmqadmin_is_told_where_it_is():
    async with managed() as broker:
        answer = await broker.api.as_(None).ask("GET", "/cli/rabbitmqadmin")
        same = await broker.api.get("/api/all-configuration")
        assert same == await broker.api.get("/api/definitions")
    assert (answer.status, answer.document["error"]) == (404, "Object Not Found")
    assert "releases" in answer.document["reason"]
