"""Tools that look only: each answer they ask for has the fields they read, of the right kind.

data/tool_NAME.txt says for each tool what that is; it was read off their sources.
"""

import pytest

from tests.exchange.management.contract import MISSING, Asked, Field, contract, problems, shop
from tests.exchange.management.managed import managed
from warrener.exchange.management.node import node_name

TOOLS = (
    *("rabbitmqadmin", "rabtap", "rabbitmq_exporter", "datadog"),
    *("telegraf", "metricbeat", "collectd", "checkmk", "nagios"),
)
# What would be BERT if there was any.
ACCEPTED = "application/bert, application/json;q=0.1"


@pytest.mark.parametrize("tool", TOOLS)
async def test_a_tool_finds_what_it_reads(tool: str):
    lacking = []
    async with managed() as broker:
        await shop(broker)
        broker.sample(1)
        for asked in contract(tool):
            target = asked.target.replace("{node}", node_name())
            answer = await broker.api.ask("GET", target, Accept=ACCEPTED)
            assert answer.status == 200, (target, answer)
            assert answer.headers["content-type"] == "application/json"
            lacking += [(asked.target, said) for said in problems(answer.document, asked)]
    assert lacking == []


async def test_a_tool_finds_all_of_it_in_a_broker_where_nothing_happened():
    lacking = []
    async with managed() as broker:
        for tool in TOOLS:
            for asked in contract(tool):
                if "shop" not in asked.target:
                    document = await broker.api.get(asked.target.replace("{node}", node_name()))
                    lacking += [
                        (tool, asked.target, said)
                        for said in problems(document, asked)
                        if not said.endswith("nothing to look at")
                    ]
    assert lacking == []


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("u16", 65535, 65536),
        ("u32", 0, -1),
        ("integer", 1, 1.0),
        ("number", 1.5, "1.5"),
        ("number", 0, True),
        ("text?", None, 1),
        ("text?", MISSING, []),
        ("text~", MISSING, None),
    ],
)
def test_a_contract_tells_kinds_apart(kind: str, good: object, bad: object):
    field = Field.of(f".x {kind}")
    assert field.accepts(good)
    assert not field.accepts(bad)


def test_a_contract_looks_at_every_entry_of_a_list():
    asked = Asked("/", Field.of(" list"), (Field.of("[].a.b.c number"),))
    document = [{"a": {"b.c": 1}}, {"a": {}}]
    assert problems(document, asked) == ["[].a.b.c: missing, not number"]
