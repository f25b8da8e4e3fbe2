import subprocess
import sys

import pytest

from tests.exchange.management.managed import managed
from warrener.exchange.server.node_name import node_name, set_node_name


def test_a_node_is_named_after_the_product_and_the_host() -> None:
    assert node_name().startswith("warrener@")


@pytest.mark.parametrize("name", ["", "rabbit", "@host", "rabbit@", "a b@host", "rabbit@ho\nst"])
def test_a_name_of_another_form_is_refused(name: str) -> None:
    before = node_name()
    with pytest.raises(ValueError, match="node_name must be of the form NAME@HOST"):
        set_node_name(name)
    assert node_name() == before


def test_serve_refuses_a_name_of_another_form_in_one_line() -> None:
    command = [sys.executable, "-m", "warrener", "serve", "--memory", "--node-name", "rabbit"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ended.returncode != 0
    assert ended.stderr == "warrener: node_name must be of the form NAME@HOST, not 'rabbit'\n"


async def test_a_check_that_asks_for_the_node_by_its_name_finds_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("warrener.exchange.server.node_name._name", "rabbit@shop")
    async with managed() as broker:
        assert (await broker.api.get("/api/nodes/rabbit@shop"))["name"] == "rabbit@shop"
        assert (await broker.api.get("/api/overview"))["node"] == "rabbit@shop"
