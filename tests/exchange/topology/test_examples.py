"""The topology files in examples/: valid, applied, exported, and what the small one does."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.exchange.core_client import Client
from warrener.exchange.broker import Broker
from warrener.exchange.topology.applying import apply
from warrener.exchange.topology.in_process import InProcess
from warrener.exchange.topology.loading import Topology
from warrener.exchange.topology.schema import json_schema
from warrener.exchange.topology.writing import SCHEMA_FILE, as_yaml

FOLDER = Path(__file__).parents[3] / "examples" / "topology"
FILES = sorted(FOLDER.glob("*.yaml"))
ENVIRONMENT = {"ORDERS_PW": "secret"}


def load(path: Path) -> Topology:
    return Topology.load(path, environment=ENVIRONMENT)


def test_there_is_a_small_one_and_a_realistic_one() -> None:
    assert [path.name for path in FILES] == ["shop.yaml", "small.yaml"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_example_is_valid_and_applied_once(path: Path, broker: Broker, tmp_path: Path) -> None:
    topology = load(path)
    assert topology.problems == ()
    plan = topology.plan(broker)
    assert not plan.is_empty
    assert apply(plan, InProcess(broker)).error == ""
    assert topology.plan(broker).is_empty
    exported = tmp_path / "exported.yaml"
    exported.write_text(as_yaml(InProcess(broker).read().state), "utf-8")
    assert load(exported).plan(broker, prune=True).is_empty


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_json_schema_takes_an_example(path: Path) -> None:
    jsonschema.validate(yaml.safe_load(path.read_text("utf-8")), json_schema())


def test_the_schema_beside_the_examples_is_that_of_today() -> None:
    assert json.loads((FOLDER / SCHEMA_FILE).read_text("utf-8")) == json_schema()


def test_the_small_one_filters(broker: Broker) -> None:
    assert load(FOLDER / "small.yaml").apply(broker).error == ""
    client = Client(broker)
    for region in ("EU", "US"):
        client.publish("orders", "order.new", region.encode(), headers={"region": region})
    assert client.drain("orders.eu") == [b"EU"]


@pytest.mark.parametrize(
    "broken",
    [
        {"version": "one"},
        {"vhosts": [{"name": "v", "queues": [{"name": "q", "durabel": True}]}]},
        {"vhosts": [{"queues": []}]},
        {"vhosts": [{"name": "v", "queues": [{"name": "q", "overflow": "drop"}]}]},
    ],
)
def test_the_json_schema_refuses_what_validate_refuses(broken: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken, json_schema())
