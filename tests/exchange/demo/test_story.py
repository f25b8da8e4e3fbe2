"""The story of the demo: with our client, with pika, and when something does not hold."""

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from tests.child import child
from tests.exchange.commands.command import PATIENCE_S, warrener
from tests.interop.running_broker import RunningBroker
from tests.patience import limit
from warrener.exchange.commands.demo import typed
from warrener.exchange.demo.bindings import (
    BINDINGS,
    FILTERED,
    FILTERED_QUEUES,
    QUEUES,
    expected_ids,
)
from warrener.exchange.demo.day import as_lines, generate
from warrener.exchange.demo.expectation import expect
from warrener.exchange.demo.own_client import OwnClient
from warrener.exchange.demo.story import Scene, Story

ROOT = Path(__file__).parents[3]


def test_the_day_is_the_one_that_the_tests_route() -> None:
    assert as_lines(generate()) == (ROOT / "examples/data/orders.jsonl").read_text("utf-8")


def test_every_queue_of_the_story_gets_some_and_those_with_filters_not_all() -> None:
    events = generate()
    assert all(expected_ids(queue, events) for queue in (*QUEUES, *FILTERED_QUEUES))
    assert all(len(expected_ids(queue, events)) < len(events) for queue in FILTERED_QUEUES)
    assert all(binding.filter for binding in FILTERED)
    assert not any(binding.filter for binding in BINDINGS)


def test_a_step_that_does_not_hold_is_told_and_is_the_last() -> None:
    def wrong(scene: Scene) -> None:
        """Two is three"""
        expect("two", 3, 2)

    def never(scene: Scene) -> None:
        """What follows"""
        raise AssertionError

    text = io.StringIO()
    story = Story(Scene(Console(file=text), OwnClient, []))
    story.go_through(wrong, never)
    assert [(each.step, each.held) for each in story.told] == [("Two is three", False)]
    assert not story.held
    assert "Step 1 failed: Two is three" in text.getvalue()
    assert "expected: 3" in text.getvalue()


@pytest.mark.slow
def test_every_step_holds_and_what_to_do_next_is_told() -> None:
    ran = warrener("demo", "--no-color")
    assert ran.status == 0, ran
    assert "Every step held." in ran.output
    assert "kill -9 after" in ran.output
    assert "warrener serve" in ran.output.partition("To go on:")[2]


@pytest.mark.slow
def test_the_very_same_steps_hold_with_pika(running_broker: RunningBroker) -> None:
    """Those that need no power over the broker, for the time that it takes."""
    told = subprocess.run(
        [sys.executable, ROOT / "examples/demo.py", "--json", "--url", running_broker.url],
        capture_output=True,
        timeout=PATIENCE_S,
    )
    document = json.loads(told.stdout)
    assert (told.returncode, document["held"]) == (0, True), document
    ours = json.loads(warrener("demo", "--json", "--url", running_broker.url).output)
    assert [each["step"] for each in ours["steps"]] == [each["step"] for each in document["steps"]]


@pytest.mark.slow
def test_a_broker_that_is_not_there_is_told_in_a_line() -> None:
    ran = warrener("demo", "--quiet", "--url", "amqp://127.0.0.1:1")
    assert (ran.status, ran.output) == (69, "")
    assert ran.errors.startswith("warrener: no broker to talk to at amqp://127.0.0.1:1")


@pytest.mark.slow
def test_a_demo_that_stays_says_where_and_ends_in_order() -> None:
    command = (sys.executable, "-m", "warrener", "demo", "--stay")
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with (
        child(*command, **pipes, text=True, env=os.environ | {"NO_COLOR": "1"}) as staying,
        limit("the demo to stay, and to end on an interrupt", 2 * PATIENCE_S),
    ):
        url = next(
            line.split("=")[1].split()[0] for line in staying.stdout if "WARRENER_URL=" in line
        )
        with_api = {"WARRENER_URL": url}
        assert warrener("sub", "demo.money", "-n", "1", **with_api).status == 0
        staying.send_signal(signal.SIGINT)
        output, errors = staying.communicate(timeout=PATIENCE_S)
    assert (staying.returncode, errors) == (0, "")
    assert "The broker ends in order" in output


def test_commands_to_go_on_with_can_be_typed_where_their_environment_is_not_active(
    monkeypatch, tmp_path
) -> None:
    installed = tmp_path / ".venv" / "bin" / "warrener"
    installed.parent.mkdir(parents=True)
    installed.touch(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "executable", str(installed.with_name("python")))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert typed() == ".venv/bin/warrener"
    monkeypatch.setenv("PATH", str(installed.parent))
    assert typed() == "warrener"
