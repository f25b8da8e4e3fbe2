"""Commands that speak AMQP to a real broker."""

import argparse
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.child import child
from tests.exchange.commands.command import PATIENCE_S, Shell
from tests.patience import limit
from warrener.exchange.commands import sub

pytestmark = pytest.mark.slow

WARRENER = (sys.executable, "-m", "warrener")


def test_lines_of_standard_input_are_messages(shell: Shell, queue: str) -> None:
    shell("pub", "-k", queue, input=b"one\ntwo\r\nthree")
    assert shell("sub", queue, "--limit", "3") == "one\ntwo\nthree\n"
    assert shell("sub", queue, "--idle-timeout", "0.1") == ""


def test_files_are_messages(shell: Shell, queue: str, tmp_path: Path) -> None:
    path = tmp_path / "body"
    path.write_bytes(b"a\nb\0\xff")
    shell("pub", "-k", queue, "--file", str(path), "--count", "2", "-P", "content_type=x/y")
    document = json.loads(shell("sub", queue, "--limit", "1", "--json"))
    assert document["body_base64"] == "YQpiAP8="
    assert document["properties"] == {"content_type": "x/y", "delivery_mode": 2}


def test_all_of_standard_input_may_be_one_message(shell: Shell, queue: str) -> None:
    shell("pub", "-k", queue, "--whole", input=b"a\nb\n")
    assert shell("sub", queue, "-n", "1", "--format", "raw") == "a\nb\n"


def test_a_filter_takes_what_it_matches(shell: Shell, queue: str) -> None:
    shell("pub", "-k", queue, "-H", "n=1", "one")
    shell("pub", "-k", queue, "-H", "n=2", "--tags", "even", "two")
    assert shell("sub", queue, "-n", "1", "--sql", "n > 1") == "two\n"
    assert shell("sub", queue, "--idle-timeout", "0.1", "--tags", "even") == ""


def test_messages_that_are_kept_go_back(shell: Shell, queue: str) -> None:
    shell("pub", "-k", queue, "one")
    assert shell("sub", queue, "--ack", "keep", "--idle-timeout", "1") == "one\n"
    assert shell("sub", queue, "--ack", "none", "--idle-timeout", "1", "-f", "%r %s") == "1 one"


def test_no_more_is_taken_than_the_limit(shell: Shell, queue: str) -> None:
    shell("pub", "-k", queue, "--count", "100", "x")
    shell("sub", queue, "--limit", "3")
    assert shell("list", "queues", "-q", "--name", queue, "--columns", "messages") == "97\n"


@pytest.mark.parametrize(
    ("line", "prefetch"),
    [
        ("", 200),
        ("--limit 3", 3),
        ("--limit 500", 200),
        ("--prefetch 0", 0),
        ("--prefetch 0 --limit 3", 3),
        ("--ack keep", 0),
        ("--ack keep --limit 3", 3),
        ("--ack keep --limit 70000", 0),
        ("--ack keep --prefetch 5", 5),
    ],
)
def test_no_more_is_asked_for_than_is_printed(line: str, prefetch: int) -> None:
    parser = argparse.ArgumentParser()
    sub.describe(parser)
    assert sub.prefetch_of(parser.parse_args(["q", *line.split()])) == prefetch


def test_what_reaches_no_queue_is_told(shell: Shell, queue: str) -> None:
    ran = shell.run("pub", "-k", f"{queue}.no", "lost")
    assert ran.status == 1
    assert "1 of 1 messages went to no queue" in ran.errors


def test_what_is_refused_in_part_is_told(shell: Shell, queue: str) -> None:
    name = f"{queue}.small"
    shell("declare", "queue", name, "-a", "x-max-length=1", "-a", "x-overflow=reject-publish")
    ran = shell.run("pub", "-k", name, "one", "two", "three", "--json")
    assert ran.status == 3
    assert json.loads(ran.output) == {"published": 3, "unroutable": 0, "refused": 2}
    shell("delete", "queue", name)


def test_what_passes_an_exchange_is_seen(shell: Shell, queue: str) -> None:
    command = (*WARRENER, "tap", "amq.topic:order.*", "-n", "2", "-f", "%k=%s\n")
    surroundings = os.environ | shell.variables
    with (
        child(*command, stdout=subprocess.PIPE, env=surroundings) as tap,
        limit("what passes to be printed", PATIENCE_S),
    ):
        while shell.run("pub", "-e", "amq.topic", "-k", "order.new", "hello").status:
            assert tap.poll() is None
        shell("pub", "-e", "amq.topic", "-k", "order.old", "bye")
        output, _ = tap.communicate(timeout=PATIENCE_S)
    assert output == b"order.new=hello\norder.old=bye\n"


def test_a_reader_that_goes_away_loses_nothing(shell: Shell, queue: str) -> None:
    shell("pub", "-k", queue, "--count", "20000", "x" * 100)
    pipeline = f"{sys.executable} -m warrener sub {queue} | head -1"
    piped = subprocess.run(
        pipeline, shell=True, capture_output=True, env=os.environ | shell.variables, timeout=60
    )
    assert (piped.stdout, piped.stderr) == (b"x" * 100 + b"\n", b"")
    left = int(shell("list", "queues", "-q", "--name", queue, "--columns", "messages"))
    assert left > 15000


def test_an_interrupt_ends_it_quietly(shell: Shell, queue: str) -> None:
    shell("pub", "-k", queue, "one")
    waiting = ("list", "queues", "-q", "--name", queue, "--columns", "messages")
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with (
        child(*WARRENER, "sub", queue, **pipes, env=os.environ | shell.variables) as ended,
        limit("a message to be printed and acknowledged, and the end", PATIENCE_S),
    ):
        assert ended.stdout.readline() == b"one\n"
        while int(shell(*waiting)):
            assert ended.poll() is None
        ended.send_signal(signal.SIGINT)
        assert ended.communicate(timeout=PATIENCE_S) == (b"", b"")
    assert ended.returncode == 130


def test_a_bench_says_how_fast_and_loses_nothing(shell: Shell) -> None:
    (row,) = json.loads(shell("bench", "--seconds", "0.3", "--json"))
    assert row["published_per_s"] > 0
    assert row["delivered_per_s"] > 0
    assert row["never_delivered"] == 0


@pytest.mark.parametrize(
    ("arguments", "status", "complaint"),
    [
        (("sub", "no such queue"), 1, "404 NOT_FOUND"),
        (("sub", "q", "--sql", "a ="), 1, "404 NOT_FOUND"),
        (("sub", "q", "--ack", "none", "--limit", "1"), 2, "--ack after"),
        (("tap", "no such exchange"), 1, "404 NOT_FOUND"),
        (("tap", ":key"), 2, "default exchange cannot be tapped"),
        (("pub", "-k", "q", "-H", "novalue", "x"), 2, "name=value"),
        (("pub", "-k", "q", "-P", "nonsense=1", "x"), 2, "a property is spelled"),
        (("pub", "-k", "q", "-P", "priority=300", "x"), 2, "cannot be sent"),
        (("pub", "-k", "q", "-F", "/no/such/file"), 1, "cannot read /no/such/file"),
        (("pub", "-k", "x" * 300, "x"), 2, "300 bytes do not fit a short string"),
        (("pub", "-k", "q", "--rate", "nan", "x"), 2, "above 0"),
        (("sub", "x" * 300), 2, "300 bytes do not fit a short string"),
        (("tap", "amq.topic:" + "x" * 300), 2, "300 bytes do not fit a short string"),
        (("bench", "--size", "-1"), 2, "--size has to be between"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_line(
    shell: Shell, arguments: tuple[str, ...], status: int, complaint: str
) -> None:
    ran = shell.run(*arguments)
    assert (ran.status, ran.output) == (status, "")
    assert complaint in ran.errors
