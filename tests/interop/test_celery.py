"""Celery with a worker of its own: tasks, results, retries, times, remote control, events.

The worker is a real one (`python -m celery worker`, a pool of processes, results by `rpc://`), and
the tests are its caller. Workers of other kinds are in test_celery_workers.py.
"""

import time
from collections import defaultdict
from collections.abc import Iterator

import pika
import pytest
from celery import Celery, chain, group
from celery.exceptions import TaskRevokedError

from tests.interop.celery_caller import RESULT_SECONDS_MAX, calling, result_of
from tests.interop.celery_worker import CeleryWorker
from tests.interop.conftest import Fresh

pytestmark = pytest.mark.slow

LATER_S = 5
"""Long enough for everything that is to happen before a task's time has come."""
REPLY_SECONDS = 2


@pytest.fixture(scope="module")
def queue_name(broker_url: str) -> Iterator[str]:
    name = f"celery-{time.time_ns()}"
    yield name
    with pika.BlockingConnection(pika.URLParameters(broker_url)) as connection:
        connection.channel().queue_delete(name)


@pytest.fixture(scope="module")
def worker(broker_url: str, queue_name: str) -> Iterator[CeleryWorker]:
    with CeleryWorker(broker_url, queue_name) as worker:
        yield worker


@pytest.fixture(autouse=True)
def log_of_a_failure(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "worker" in request.fixturenames:
        print(request.getfixturevalue("worker").log)


@pytest.fixture
def celery(broker_url: str, queue_name: str, worker: CeleryWorker) -> Iterator[Celery]:
    """A caller of the worker."""
    with calling(broker_url, queue_name) as caller:
        yield caller


def test_a_task_returns_its_result(celery: Celery):
    assert result_of(celery.send_task("add", (2, 3))) == 5


def test_an_exception_of_a_task_reaches_its_caller(celery: Celery):
    with pytest.raises(ValueError, match="out of order"):
        result_of(celery.send_task("fail", ("out of order",)))


def test_hundreds_of_tasks_each_have_their_own_result(celery: Celery):
    results = [celery.send_task("add", (number, number)) for number in range(300)]
    assert [result_of(result) for result in results] == [2 * number for number in range(300)]


def test_a_task_is_retried_until_it_succeeds(celery: Celery):
    assert result_of(celery.send_task("fail_until", (3,))) == 3


def test_a_group_collects_its_results_in_order(celery: Celery):
    tasks = group([celery.signature("add", (number, 1)) for number in range(20)], app=celery)
    assert result_of(tasks.apply_async()) == list(range(1, 21))


def test_a_chain_passes_each_result_on(celery: Celery):
    steps = [celery.signature("add", (1, 2))]
    steps += [celery.signature("add", (10,)) for _ in range(3)]
    assert result_of(chain(*steps, app=celery).apply_async()) == 33


def test_tasks_for_later_do_not_hold_up_those_for_now(celery: Celery, worker: CeleryWorker):
    # The worker fetches two messages at a time, and asks for one more for each that must wait.
    start = time.time()
    later = [celery.send_task("now", countdown=LATER_S) for _ in range(40)]
    first = celery.send_task("now")
    inspect = celery.control.inspect([worker.name], timeout=0.2)
    while not first.ready() and time.time() < start + LATER_S:
        # A message that Celery reads together with the answer to basic.qos is looked at only when
        # something else comes, such as this.
        inspect.ping()
    for result in later:
        assert result_of(result) >= start + LATER_S
    assert result_of(first) < start + LATER_S


def test_a_worker_answers_a_ping(celery: Celery, worker: CeleryWorker):
    inspect = celery.control.inspect([worker.name], timeout=REPLY_SECONDS)
    assert inspect.ping() == {worker.name: {"ok": "pong"}}


def test_a_worker_tells_what_it_consumes(celery: Celery, worker: CeleryWorker, queue_name: str):
    inspect = celery.control.inspect([worker.name], timeout=REPLY_SECONDS)
    (queue,) = inspect.active_queues()[worker.name]
    assert queue_name == queue["name"]


def test_a_task_that_is_revoked_in_time_is_not_run(celery: Celery, worker: CeleryWorker):
    result = celery.send_task("now", countdown=2)
    celery.control.revoke(result.id, destination=[worker.name], reply=True, timeout=REPLY_SECONDS)
    with pytest.raises(TaskRevokedError):
        result_of(result)


def test_a_running_task_is_terminated(celery: Celery, worker: CeleryWorker):
    result = celery.send_task("sleep", (60,))
    inspect = celery.control.inspect([worker.name], timeout=REPLY_SECONDS)
    while result.id not in [task["id"] for task in inspect.active()[worker.name]]:
        pass
    celery.control.revoke(result.id, terminate=True, destination=[worker.name])
    with pytest.raises(TaskRevokedError):
        result_of(result)


def test_a_worker_is_told_to_consume_from_another_queue(
    celery: Celery, worker: CeleryWorker, fresh: Fresh
):
    other = fresh("queue")
    result = celery.send_task("add", (1, 1), queue=other)
    options = {"destination": [worker.name], "reply": True, "timeout": REPLY_SECONDS}
    assert celery.control.add_consumer(other, **options)
    assert result_of(result) == 2
    assert celery.control.cancel_consumer(other, **options)


def test_the_life_of_a_task_is_told_in_events(celery: Celery, worker: CeleryWorker):
    told: dict[object, list[object]] = defaultdict(list)
    handlers = {"*": lambda event: told[event.get("uuid")].append(event["type"])}
    with celery.connection_for_read() as connection:
        receiver = celery.events.Receiver(connection, handlers=handlers)
        with receiver.consumer_context() as (consuming, _, _):
            result = celery.send_task("add", (2, 2))
            while "task-succeeded" not in told[result.id]:
                consuming.drain_events(timeout=RESULT_SECONDS_MAX)
    assert told[result.id] == ["task-received", "task-started", "task-succeeded"]
