"""librabbitmq, the client for C, by its command line tools (Debian's amqp-tools).

The tools come without tests, so the checks are written here: one function each, whose name is its
id and says what must hold.
"""

import os
import secrets
import subprocess
import time
from collections.abc import Callable
from itertools import cycle

from tests.interop.suites.checks import run_checks
from tests.interop.suites.trial import Trial

PACKAGES = ("amqp-tools", "librabbitmq4", "libpopt0")
TOOL_SECONDS_MAX = 20
REFUSED = 1
NO_MESSAGE = 2
SHOW = ("--", "sh", "-c", "cat; echo")
"""What amqp-consume starts for every message: prints the body as a line."""


class Tools:
    """The tools, and queues that are gone at the end of the block."""

    def __init__(self, trial: Trial) -> None:
        self._root = trial.workshop.debian_packages(*PACKAGES)
        libraries = self._root.glob("usr/lib/*-linux-gnu")
        self._environment = {**os.environ, "LD_LIBRARY_PATH": ":".join(map(str, libraries))}
        self._log = trial.log
        self._made: list[str] = []
        self.broker = trial.broker

    def __enter__(self) -> "Tools":
        return self

    def __exit__(self, *_: object) -> None:
        for name in self._made:
            self.delete(name)

    def fresh(self) -> str:
        """A name nobody has."""
        self._made.append(f"tools-{secrets.token_hex(4)}")
        return self._made[-1]

    def queue(self) -> str:
        """A queue nobody has."""
        name = self.fresh()
        assert self.declare(name) == (0, name)
        return name

    def start(self, tool: str, *arguments: str, url: str = "") -> "subprocess.Popen[str]":
        with self._log.open("a") as log:
            log.write(f"$ {tool} {' '.join(arguments)}\n")
            log.flush()
            return subprocess.Popen(
                [self._root / "usr/bin" / tool, "-u", url or self.broker.url, *arguments],
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def run(self, tool: str, *arguments: str, say: str = "", url: str = "") -> tuple[int, str]:
        """Exit status and standard output of a tool that is told `say`."""
        return finish(self.start(tool, *arguments, url=url), say)

    def declare(self, name: str, *options: str) -> tuple[int, str]:
        status, said = self.run("amqp-declare-queue", "-q", name, *options)
        return status, said.rstrip("\n")

    def publish(self, body: str, *options: str) -> int:
        return self.run("amqp-publish", *options, "-b", body)[0]

    def get(self, name: str) -> tuple[int, str]:
        return self.run("amqp-get", "-q", name)

    def delete(self, name: str, *options: str) -> tuple[int, str]:
        status, said = self.run("amqp-delete-queue", "-q", name, *options)
        return status, said.rstrip("\n")


def finish(process: "subprocess.Popen[str]", say: str = "") -> tuple[int, str]:
    with process:
        try:
            said, _ = process.communicate(say, TOOL_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    return process.returncode, said


def publish_until_done(
    tools: Tools, exchange: str, keys: list[str], consumers: "list[subprocess.Popen[str]]"
) -> list[list[str]]:
    """Publish each key as a body, over and over, until the consumers have had enough; returns
    what each of them printed. Nothing tells when their bindings are there."""
    deadline = time.monotonic() + TOOL_SECONDS_MAX
    for key in cycle(keys):
        if all(consumer.poll() is not None for consumer in consumers):
            break
        assert time.monotonic() < deadline, "the consumers wait for messages that do not come"
        assert tools.publish(key, "-e", exchange, "-r", key) == 0
    return [finish(consumer)[1].split() for consumer in consumers]


def a_queue_is_declared_by_name(tools: Tools) -> None:
    name = tools.fresh()
    assert tools.declare(name) == (0, name)


def a_durable_queue_cannot_be_declared_again_as_transient(tools: Tools) -> None:
    name = tools.fresh()
    assert tools.declare(name, "-d") == (0, name)
    assert tools.declare(name)[0] == REFUSED


def a_queue_without_a_name_is_named_by_the_broker(tools: Tools) -> None:
    status, name = tools.declare("")
    tools.delete(name)
    assert status == 0
    assert name.startswith("amq.gen-")


def an_empty_queue_has_no_message(tools: Tools) -> None:
    assert tools.get(tools.queue()) == (NO_MESSAGE, "")


def the_default_exchange_routes_by_queue_name(tools: Tools) -> None:
    queue = tools.queue()
    assert tools.publish("hello", "-r", queue) == 0
    assert tools.get(queue) == (0, "hello")


def properties_and_headers_are_taken(tools: Tools) -> None:
    queue = tools.queue()
    properties = ("-p", "-C", "text/plain", "-E", "utf8", "-t", queue, "-H", "key: value")
    assert tools.publish("hello", "-r", queue, *properties) == 0
    assert tools.get(queue) == (0, "hello")


def a_body_of_several_frames_comes_back_whole(tools: Tools) -> None:
    queue = tools.queue()
    body = "".join(f"{number:06}," for number in range(50_000))
    assert tools.run("amqp-publish", "-r", queue, say=body)[0] == 0
    assert tools.get(queue) == (0, body)


def a_consumer_gets_messages_in_order(tools: Tools) -> None:
    queue = tools.queue()
    sent = ["one", "two", "three", "four", "five"]
    for body in sent:
        assert tools.publish(body, "-r", queue) == 0
    status, said = tools.run("amqp-consume", "-q", queue, "-c", "5", "-p", "1", *SHOW)
    assert (status, said.split()) == (0, sent)


def a_topic_exchange_tells_words_apart(tools: Tools) -> None:
    stem = tools.fresh()
    consumers = [
        tools.start("amqp-consume", "-e", "amq.topic", "-r", f"{stem}.{key}", "-c", "4", *SHOW)
        for key in ("*.x", "#")
    ]
    keys = [f"{stem}.{end}" for end in ("a.x", "b.y", "c.x")]
    word, any_words = publish_until_done(tools, "amq.topic", keys, consumers)
    assert {keys[0], keys[2]} == set(word)
    assert set(keys) == set(any_words)


def a_fanout_exchange_gives_everyone_a_copy(tools: Tools) -> None:
    key = tools.fresh()
    consumers = [
        tools.start("amqp-consume", "-e", "amq.fanout", "-r", key, "-c", "1", *SHOW)
        for _ in range(2)
    ]
    assert publish_until_done(tools, "amq.fanout", [key], consumers) == [[key], [key]]


def an_exchange_that_is_not_there_is_refused(tools: Tools) -> None:
    assert tools.publish("lost", "-e", tools.fresh(), "-r", "key") == REFUSED


def a_queue_with_messages_is_not_deleted_if_it_must_be_empty(tools: Tools) -> None:
    queue = tools.queue()
    for body in ("one", "two"):
        assert tools.publish(body, "-r", queue) == 0
    assert tools.delete(queue, "-e")[0] == REFUSED
    assert tools.delete(queue) == (0, "2")


def a_deleted_queue_is_not_found(tools: Tools) -> None:
    queue = tools.queue()
    assert tools.delete(queue) == (0, "0")
    assert tools.get(queue)[0] == REFUSED


def a_wrong_password_is_refused(tools: Tools) -> None:
    place = f"{tools.broker.host}:{tools.broker.port}"
    status, _ = tools.run("amqp-get", "-q", "any", url=f"amqp://guest:wrong@{place}")
    assert status == REFUSED


def an_unknown_virtual_host_is_refused(tools: Tools) -> None:
    broker = tools.broker
    url = f"amqp://{broker.user}:{broker.password}@{broker.host}:{broker.port}/{tools.fresh()}"
    assert tools.run("amqp-get", "-q", "any", url=url)[0] == REFUSED


CHECKS: tuple[Callable[[Tools], None], ...] = (
    a_queue_is_declared_by_name,
    a_durable_queue_cannot_be_declared_again_as_transient,
    a_queue_without_a_name_is_named_by_the_broker,
    an_empty_queue_has_no_message,
    the_default_exchange_routes_by_queue_name,
    properties_and_headers_are_taken,
    a_body_of_several_frames_comes_back_whole,
    a_consumer_gets_messages_in_order,
    a_topic_exchange_tells_words_apart,
    a_fanout_exchange_gives_everyone_a_copy,
    an_exchange_that_is_not_there_is_refused,
    a_queue_with_messages_is_not_deleted_if_it_must_be_empty,
    a_deleted_queue_is_not_found,
    a_wrong_password_is_refused,
    an_unknown_virtual_host_is_refused,
)


def run(trial: Trial) -> None:
    with Tools(trial) as tools:
        run_checks(trial, CHECKS, tools)
