"""Dramatiq, unmodified: actors whose failures wait in the delay queue and end in the dead one.

A queue `q` has two companions: `q.DQ`, from which the worker takes messages at once and holds them
until their time has come, and `q.XQ`, to which both dead-letter what fails for good. The worker
runs in threads of this process, as Dramatiq's own tests have it.
"""

import json
import threading
from collections.abc import Iterator

import dramatiq
import pytest
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from pika.adapters.blocking_connection import BlockingChannel

from tests.interop.conftest import Fresh
from tests.interop.dying_queues import count, wait_for_count
from tests.interop.inbox import Inbox
from tests.interop.refusal import channel_closed

pytestmark = pytest.mark.slow

PRIORITIES = 5
SECONDS_MAX = 15
DEAD_MESSAGE_TTL_MS = 7 * 24 * 60 * 60 * 1000


@pytest.fixture
def tasks(channel: BlockingChannel, fresh: Fresh) -> Iterator[str]:
    """The name of a queue; its two companions go away with it."""
    name = fresh("tasks")
    yield name
    for companion in ("DQ", "XQ"):
        channel.connection.channel().queue_delete(f"{name}.{companion}")


@pytest.fixture
def dramatiq_broker(broker_url: str) -> Iterator[RabbitmqBroker]:
    before = threading.excepthook
    broker = RabbitmqBroker(url=broker_url, confirm_delivery=True, max_priority=PRIORITIES)
    yield broker
    broker.close()
    threading.excepthook = before


class Log:
    """What an actor was called with, in that order."""

    def __init__(self) -> None:
        self.entries: list[object] = []
        self._grown = threading.Condition()

    def write(self, entry: object) -> None:
        with self._grown:
            self.entries.append(entry)
            self._grown.notify_all()

    def wait_for(self, number: int) -> list[object]:
        with self._grown:
            came = self._grown.wait_for(lambda: len(self.entries) >= number, SECONDS_MAX)
            assert came, f"{len(self.entries)} of {number} calls"
            return self.entries


class Working:
    """A worker with one thread while the block lasts."""

    def __init__(self, broker: RabbitmqBroker) -> None:
        self._worker = dramatiq.Worker(broker, worker_timeout=50, worker_threads=1)

    def __enter__(self) -> None:
        self._worker.start()

    def __exit__(self, *_: object) -> None:
        self._worker.stop()


def test_hundreds_of_messages_are_worked_off(
    dramatiq_broker: RabbitmqBroker, channel: BlockingChannel, tasks: str
):
    log = Log()
    actor = dramatiq.actor(log.write, broker=dramatiq_broker, queue_name=tasks)
    for number in range(200):
        actor.send(number)
    with Working(dramatiq_broker):
        assert log.wait_for(200) == list(range(200))
    assert count(channel, tasks) == 0


def test_a_failure_is_tried_again_by_way_of_the_delay_queue(
    dramatiq_broker: RabbitmqBroker, channel: BlockingChannel, tasks: str
):
    log = Log()

    @dramatiq.actor(broker=dramatiq_broker, queue_name=tasks, min_backoff=100, max_backoff=200)
    def third_time_lucky(what: str) -> None:
        log.write(what)
        if len(log.entries) < 3:
            raise ValueError("not yet")

    third_time_lucky.send("work")
    with Working(dramatiq_broker):
        assert log.wait_for(3) == ["work"] * 3
    assert [count(channel, f"{tasks}{end}") for end in ("", ".DQ", ".XQ")] == [0, 0, 0]


def test_what_fails_for_good_is_found_in_the_dead_queue(
    dramatiq_broker: RabbitmqBroker, channel: BlockingChannel, tasks: str
):
    log = Log()

    @dramatiq.actor(
        broker=dramatiq_broker, queue_name=tasks, max_retries=1, min_backoff=50, max_backoff=50
    )
    def fail(what: str) -> None:
        log.write(what)
        raise ValueError("never")

    fail.send("work")
    with Working(dramatiq_broker):
        assert log.wait_for(2) == ["work", "work"]
        wait_for_count(channel, f"{tasks}.XQ", 1)
    [dead] = Inbox(channel, f"{tasks}.XQ").take(1)
    assert json.loads(dead.body)["args"] == ["work"]
    [death] = dead.properties.headers["x-death"]
    assert (death["queue"], death["reason"], death["count"]) == (tasks, "rejected", 1)


def test_the_three_queues_are_declared_with_their_arguments(
    dramatiq_broker: RabbitmqBroker, channel: BlockingChannel, tasks: str
):
    dramatiq_broker.declare_queue(tasks, ensure=True)
    dead = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": f"{tasks}.XQ"}
    for name in (tasks, f"{tasks}.DQ"):
        arguments = {**dead, "x-max-priority": PRIORITIES}
        channel.queue_declare(name, durable=True, arguments=arguments)
    arguments = {"x-message-ttl": DEAD_MESSAGE_TTL_MS}
    channel.queue_declare(f"{tasks}.XQ", durable=True, arguments=arguments)
    with channel_closed(406, "inequivalent arg 'x-message-ttl'"):
        channel.queue_declare(f"{tasks}.XQ", durable=True, arguments={"x-message-ttl": 1})


def test_urgent_messages_overtake(dramatiq_broker: RabbitmqBroker, tasks: str):
    log = Log()
    actor = dramatiq.actor(log.write, broker=dramatiq_broker, queue_name=tasks)
    for priority in (0, 3, 5, 1, 5):
        actor.send_with_options(args=(priority,), broker_priority=priority)
    with Working(dramatiq_broker):
        assert log.wait_for(5) == [5, 5, 3, 1, 0]


def test_a_message_for_later_lets_others_pass(dramatiq_broker: RabbitmqBroker, tasks: str):
    log = Log()
    actor = dramatiq.actor(log.write, broker=dramatiq_broker, queue_name=tasks)
    with Working(dramatiq_broker):
        actor.send_with_options(args=("later",), delay=1000)
        actor.send("now")
        assert log.wait_for(2) == ["now", "later"]


def test_a_queue_that_was_deleted_is_declared_again(
    dramatiq_broker: RabbitmqBroker, channel: BlockingChannel, tasks: str
):
    # A mandatory message that comes back tells Dramatiq that the queue has gone.
    log = Log()
    actor = dramatiq.actor(log.write, broker=dramatiq_broker, queue_name=tasks)
    dramatiq_broker.declare_queue(tasks, ensure=True)
    channel.queue_delete(tasks)
    actor.send("found")
    with Working(dramatiq_broker):
        assert log.wait_for(1) == ["found"]
