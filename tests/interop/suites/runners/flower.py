"""Flower, the monitor of Celery, whose page "Broker" is filled from the management API.

A real worker runs with more tasks than it can do at once, so that messages wait, and Flower is
asked for its pages as a browser would ask. What it shows must be what the API says.
"""

import json
import os
import secrets
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from tests.interop.celery_caller import calling
from tests.interop.celery_worker import CeleryWorker
from tests.interop.running_broker import free_port
from tests.interop.suites.checks import run_checks
from tests.interop.suites.trial import Trial
from tests.patience import PATIENCE_S

VERSION = "2.2.0"
SECONDS_MAX = 30
TASKS = 5
COLUMNS = ("name", "messages", "messages_unacknowledged", "messages_ready", "consumers")
"""Of the table of queues, in its order."""


class Rows(HTMLParser):
    """The cells of a page's tables, row by row."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self._in_cell = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag == "tr":
            self.rows.append([])
        if tag == "td" and self.rows:
            self.rows[-1].append("")
            self._in_cell = True

    def handle_endtag(self, tag: str) -> None:
        self._in_cell = self._in_cell and tag != "td"

    def handle_data(self, data: str) -> None:
        if self._in_cell:
            self.rows[-1][-1] += data.strip()


class Flower:
    """A Flower beside a worker that has more to do than it can."""

    def __init__(self, trial: Trial, queue: str, port: int, worker: str) -> None:
        self.trial = trial
        self.queue = queue
        self.worker = worker
        self._url = f"http://127.0.0.1:{port}"

    def page(self, path: str) -> str:
        with urllib.request.urlopen(self._url + path, timeout=SECONDS_MAX) as answer:
            return str(answer.read().decode())

    def knows_the_worker(self) -> bool:
        """Whether it has heard of it, and so will of its tasks: it does so by Celery's events."""
        workers = json.loads(self.page("/api/workers?status=true"))
        return workers.get(self.worker) is True

    def row(self) -> list[str]:
        """The queue in the table of the page; empty if it is not there."""
        found = [row for row in Rows(self.page("/broker")).rows if row and row[0] == self.queue]
        return found[0] if found else []

    def told(self) -> dict[str, Any]:
        """What the management API says of the queue."""
        broker = self.trial.broker
        vhost = urllib.parse.quote(broker.vhost, safe="")
        api = urllib.request.Request(f"{broker.http_url}/api/queues/{vhost}/{self.queue}")
        login = urllib.request.HTTPPasswordMgrWithDefaultRealm()
        login.add_password(None, broker.http_url, broker.user, broker.password)
        opener = urllib.request.build_opener(urllib.request.HTTPBasicAuthHandler(login))
        with opener.open(api, timeout=SECONDS_MAX) as answer:
            return dict(json.load(answer))


def eventually(what: Any) -> Any:
    """What a function gives, once it gives something: Flower learns of queues from the workers."""
    deadline = time.monotonic() + SECONDS_MAX
    while True:
        try:
            if found := what():
                return found
        except OSError:
            pass
        assert time.monotonic() < deadline, "Flower does not show it"
        time.sleep(0.2)


def the_page_of_the_broker_lists_the_queue_of_the_worker(flower: Flower) -> None:
    assert eventually(flower.row)


def the_numbers_of_the_queue_are_those_of_the_broker(flower: Flower) -> None:
    def same() -> bool:
        said = flower.told()
        return flower.row()[: len(COLUMNS)] == [str(said[column]) for column in COLUMNS]

    eventually(same)
    _, messages, unacknowledged, ready, consumers = map(str, flower.row()[: len(COLUMNS)])
    assert int(messages) == int(unacknowledged) + int(ready)
    assert (int(ready) > 0, int(unacknowledged) > 0, consumers) == (True, True, "1")


def lengths_of_queues_are_told_by_its_api(flower: Flower) -> None:
    def lengths() -> dict[str, int]:
        said = json.loads(flower.page("/api/queues/length"))["active_queues"]
        return {each["name"]: each["messages"] for each in said}

    assert eventually(lambda: lengths().get(flower.queue)) == flower.told()["messages"]


def the_worker_is_online_and_its_tasks_are_seen(flower: Flower) -> None:
    assert flower.knows_the_worker()
    tasks = eventually(lambda: json.loads(flower.page("/api/tasks")))
    assert {task["name"] for task in tasks.values()} == {"sleep"}


def a_worker_is_asked_for_its_queues(flower: Flower) -> None:
    def queues() -> list[str]:
        (said,) = json.loads(flower.page("/api/workers?refresh=true")).values()
        return [each["name"] for each in said.get("active_queues", [])]

    assert flower.queue in eventually(queues)


CHECKS = (
    the_page_of_the_broker_lists_the_queue_of_the_worker,
    the_numbers_of_the_queue_are_those_of_the_broker,
    lengths_of_queues_are_told_by_its_api,
    the_worker_is_online_and_its_tasks_are_seen,
    a_worker_is_asked_for_its_queues,
)


@contextmanager
def watching(trial: Trial) -> Iterator[Flower]:
    python = trial.workshop.virtualenv(f"flower=={VERSION}", "celery>=5.4,<6")
    queue = f"flower-{secrets.token_hex(4)}"
    port = free_port()
    with (
        CeleryWorker(trial.broker.url, queue, processes=1) as worker,
        calling(trial.broker.url, queue) as caller,
        running(trial, python, port),
    ):
        flower = Flower(trial, queue, port, worker.name)
        eventually(flower.knows_the_worker)
        for _ in range(TASKS):
            caller.send_task("sleep", (SECONDS_MAX * 2,))
        yield flower
        worker.kill()


@contextmanager
def running(trial: Trial, python: Path, port: int) -> Iterator[None]:
    broker = trial.broker
    user, password = urllib.parse.quote(broker.user), urllib.parse.quote(broker.password)
    api = broker.http_url.replace("://", f"://{user}:{password}@") + "/api/"
    with trial.log.open("a") as log:
        process = subprocess.Popen(
            [
                *(python, "-m", "celery", "-b", broker.url, "flower", f"--broker_api={api}"),
                *("--address=127.0.0.1", f"--port={port}"),
            ],
            env={**os.environ, "FLOWER_UNAUTHENTICATED_API": "true"},
            stdout=log,
            stderr=log,
        )
    try:
        yield
    finally:
        process.kill()
        process.wait(PATIENCE_S)


def run(trial: Trial) -> None:
    with watching(trial) as flower:
        run_checks(trial, CHECKS, flower)
