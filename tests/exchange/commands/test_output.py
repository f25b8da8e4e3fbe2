"""What commands print: tables for people, lines for programs, documents for both."""

import argparse
import json

import pytest

from tests.exchange.commands.command import Shell
from tests.exchange.monitor.window import Window
from warrener.exchange.commands import CommandError
from warrener.exchange.commands.output import Output, describe_output

ROWS = [
    {"name": "orders", "durable": True, "stats": {"rate": 1.5}, "arguments": {}},
    {"name": "evil\x1b[2J\tname", "durable": False, "stats": None, "arguments": {"a": [1]}},
]
DEFAULT = ("name", "durable", "stats.rate", "arguments")


def printed(capsys: pytest.CaptureFixture[str], *line: str) -> str:
    parser = argparse.ArgumentParser()
    describe_output(parser, lists=True)
    Output(parser.parse_args(line)).rows(ROWS, DEFAULT)
    return capsys.readouterr().out


def test_programs_get_lines_with_tabs(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys) == (
        "name\tdurable\tstats.rate\targuments\n"
        "orders\ttrue\t1.5\t\n"
        'evil\\x1b[2J\\tname\tfalse\t\t{"a": [1]}\n'
    )


def test_quiet_leaves_the_names_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, "-q", "--columns", "durable") == "true\nfalse\n"


def test_documents_are_whole_or_as_wanted(capsys: pytest.CaptureFixture[str]) -> None:
    assert json.loads(printed(capsys, "--json")) == ROWS
    assert json.loads(printed(capsys, "--json", "--columns", "stats.rate, name")) == [
        {"stats.rate": 1.5, "name": "orders"},
        {"stats.rate": None, "name": "evil\x1b[2J\tname"},
    ]


def test_no_columns_are_no_choice(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CommandError, match="names no column"):
        printed(capsys, "--columns", ",")


@pytest.mark.slow
def test_people_get_a_table(shell: Shell, queue: str) -> None:
    with Window("list", "queues", "--name", queue, columns=160, **shell.variables) as window:
        assert window.wait() == 0
        assert "─" in window.text
        assert queue in window.text


@pytest.mark.slow
def test_people_are_asked_before_something_is_lost(shell: Shell, queue: str) -> None:
    with Window("delete", "queue", queue, **shell.variables) as window:
        window.until(f"delete queue {queue}? [y/N]")
        window.press("n\r")
        assert window.wait() == 1
        assert "nothing was done" in window.text
    assert queue in shell("list", "queues")
    with Window("delete", "queue", queue, **shell.variables) as window:
        window.until("[y/N]")
        window.press("y\r")
        assert window.wait() == 0
    assert queue not in shell("list", "queues")
