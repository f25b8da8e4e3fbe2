"""Celery with workers of other kinds: chords, priorities, quorum queues, and what dies meanwhile.

Each test starts workers of its own; test_celery.py has what one plain worker can show.
"""

import time
from pathlib import Path

import pytest
from celery import chord
from celery.exceptions import ChordError
from pika.adapters.blocking_connection import BlockingChannel

from tests.interop.celery_caller import calling, result_of
from tests.interop.celery_worker import CeleryWorker
from tests.interop.conftest import Fresh
from tests.interop.running_broker import RunningBroker

pytestmark = pytest.mark.slow

REPLY_SECONDS = 2
DELAY_LEVELS = 28
"""How many queues Celery makes for delays, one for each bit of the seconds to wait."""


def test_a_chord_sums_up_what_its_tasks_returned(broker_url: str, tmp_path: Path, fresh: Fresh):
    # Celery has no chords for results by rpc://, so these are files. Until all of them are there
    # a task that looks for them retries every second, which is another message for later.
    queue = fresh("queue")
    settings = {"result_backend": f"file://{tmp_path}"}
    with (
        calling(broker_url, queue, settings["result_backend"]) as celery,
        CeleryWorker(broker_url, queue, **settings),
    ):
        squares = [celery.signature("add", (number, number)) for number in range(10)]
        slow = [celery.signature("fail_until", (2,)), celery.signature("sleep", (1.5,))]
        total = chord(squares, app=celery)(celery.signature("total"))
        late = chord(slow, app=celery)(celery.signature("total"))
        assert result_of(total) == sum(2 * number for number in range(10))
        assert result_of(late) == 3.5


def test_a_chord_with_a_task_that_fails_fails(broker_url: str, tmp_path: Path, fresh: Fresh):
    queue = fresh("queue")
    settings = {"result_backend": f"file://{tmp_path}"}
    with (
        calling(broker_url, queue, settings["result_backend"]) as celery,
        CeleryWorker(broker_url, queue, **settings),
    ):
        tasks = [celery.signature("add", (1, 1)), celery.signature("fail", ("no sum",))]
        # Whichever its caller sees first: what its task raised, or that the chord had to give up.
        with pytest.raises((ValueError, ChordError), match="no sum"):
            result_of(chord(tasks, app=celery)(celery.signature("total")))


def test_the_task_of_a_worker_that_dies_is_given_to_the_next(broker_url: str, fresh: Fresh):
    queue = fresh("queue")
    with calling(broker_url, queue) as celery, CeleryWorker(broker_url, queue) as worker:
        result = celery.send_task("survive", (60,))
        inspect = celery.control.inspect([worker.name], timeout=REPLY_SECONDS)
        while not inspect.active()[worker.name]:
            pass
        worker.kill()
        worker.start()
        assert result_of(result) is True


def test_a_worker_on_several_queues_holds_as_many_tasks_as_on_one(
    broker_url: str, channel: BlockingChannel, fresh: Fresh
):
    queues = [fresh("queue") for _ in range(3)]
    settings = {"task_default_queue": queues[0], "task_acks_late": True}
    with (
        calling(broker_url, queues[0]) as celery,
        CeleryWorker(broker_url, ",".join(queues), processes=1, **settings) as worker,
    ):
        for queue in queues * 2:
            celery.send_task("sleep", (60,), queue=queue)
        inspect = celery.control.inspect([worker.name], timeout=REPLY_SECONDS)
        while not inspect.active()[worker.name]:
            pass
        assert len(inspect.active()[worker.name]) == 1
        assert inspect.reserved()[worker.name] == []
        waiting = [
            channel.queue_declare(queue, passive=True).method.message_count for queue in queues
        ]
        worker.kill()
    assert sum(waiting) == 2 * len(queues) - 1


def test_tasks_are_fetched_by_priority(broker_url: str, fresh: Fresh):
    queue = fresh("queue")
    settings = {"task_queue_max_priority": 9, "task_default_priority": 0}
    with calling(broker_url, queue, **settings) as celery:
        priorities = [1, 5, 0, 9, 5]
        results = [celery.send_task("position", priority=priority) for priority in priorities]
        with CeleryWorker(broker_url, queue, processes=1, **settings):
            positions = [result_of(result) for result in results]
    assert positions == [4, 2, 5, 1, 3]


def test_the_broker_itself_keeps_tasks_for_later(
    broker_url: str, channel: BlockingChannel, fresh: Fresh
):
    # With quorum queues Celery does not fetch ahead: tasks wait in queues of the broker, from which
    # they are dead-lettered when their time has come.
    queue = fresh("queue")
    settings = {"task_default_queue_type": "quorum", "task_default_exchange_type": "topic"}
    with (
        calling(broker_url, queue, **settings) as celery,
        CeleryWorker(broker_url, queue, **settings),
    ):
        start = time.time()
        later = celery.send_task("now", countdown=3)
        assert result_of(celery.send_task("now")) < start + 3
        assert result_of(celery.send_task("fail_until", (2, 1))) == 2
        assert result_of(later) >= start + 3
        for level in range(DELAY_LEVELS):
            delayed = channel.queue_declare(f"celery_delayed_{level}", passive=True).method
            assert delayed.message_count == 0


def test_a_worker_goes_on_after_its_broker_was_killed(
    request: pytest.FixtureRequest, tmp_path: Path
):
    broker = RunningBroker(tmp_path)
    broker.start()
    request.addfinalizer(broker.stop)
    with CeleryWorker(broker.url, "celery") as worker:
        with calling(broker.url, "celery") as celery:
            waiting = celery.send_task("add", (1, 2), queue="later")
            assert result_of(celery.send_task("add", (1, 1))) == 2
        broker.kill()
        broker.start()
        with calling(broker.url, "celery") as celery:
            assert result_of(celery.send_task("add", (2, 2))) == 4
        assert waiting
        assert "Connection to broker lost" in worker.log
