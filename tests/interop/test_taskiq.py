"""taskiq-aio-pika, unmodified: quorum queues, and delays by an exchange or by a queue of its own.

Results are not kept: the tasks write into a queue of this process, in whose event loop they run.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from pika.adapters.blocking_connection import BlockingChannel
from taskiq.api import run_receiver_task
from taskiq_aio_pika import AioPikaBroker, Exchange, Queue, QueueType

from tests.interop.conftest import Fresh
from tests.interop.dying_queues import count
from tests.interop.under_asyncio import under_asyncio

pytestmark = pytest.mark.slow

SECONDS_MAX = 10.0


def make_broker(url: str, fresh: Fresh, **options: object) -> AioPikaBroker:
    """A broker all whose names are fresh."""
    exchange = Exchange(name=fresh("exchange"))
    dead = Queue(name=fresh("dead"))
    options.setdefault("task_queues", [Queue(name=fresh("tasks"))])
    return AioPikaBroker(url, exchange=exchange, dead_letter_queue=dead, **options)


@asynccontextmanager
async def working(broker: AioPikaBroker) -> AsyncIterator[None]:
    """The broker, and a worker for it, while the block lasts."""
    broker.is_worker_process = True
    await broker.startup()
    worker = asyncio.create_task(run_receiver_task(broker))
    try:
        yield
    finally:
        worker.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await worker
        await broker.shutdown()


async def take(done: "asyncio.Queue[object]", number: int) -> list[object]:
    return [await asyncio.wait_for(done.get(), SECONDS_MAX) for _ in range(number)]


@under_asyncio
async def test_tasks_are_run_and_acknowledged(
    broker_url: str, channel: BlockingChannel, fresh: Fresh
):
    tasks = fresh("tasks")
    broker = make_broker(broker_url, fresh, task_queues=[Queue(name=tasks)])
    done: asyncio.Queue[object] = asyncio.Queue()

    @broker.task
    async def double(number: int) -> None:
        await done.put(2 * number)

    async with working(broker):
        for number in range(100):
            await double.kiq(number)
        assert sorted(await take(done, 100)) == [2 * number for number in range(100)]
    assert count(channel, tasks) == 0


@under_asyncio
async def test_a_task_goes_to_the_queue_its_label_names(
    broker_url: str, channel: BlockingChannel, fresh: Fresh
):
    one, other = Queue(name=fresh("one")), Queue(name=fresh("other"))
    broker = make_broker(broker_url, fresh, task_queues=[one, other])

    @broker.task
    async def idle() -> None:
        pass

    await broker.startup()
    for queue in (one, other, other):
        await idle.kicker().with_labels(queue_name=queue.name).kiq()
    assert [count(channel, queue.name) for queue in (one, other)] == [1, 2]
    await broker.shutdown()


@under_asyncio
async def test_urgent_tasks_overtake(broker_url: str, fresh: Fresh):
    classic = Queue(name=fresh("tasks"), type=QueueType.CLASSIC, max_priority=9)
    broker = make_broker(broker_url, fresh, task_queues=[classic], qos=1)
    done: asyncio.Queue[object] = asyncio.Queue()

    @broker.task
    async def tell(priority: int) -> None:
        await done.put(priority)

    await broker.startup()
    for priority in (1, 7, 3, 9):
        await tell.kicker().with_labels(priority=priority).kiq(priority)
    await broker.shutdown()
    async with working(broker):
        assert await take(done, 4) == [9, 7, 3, 1]


@pytest.mark.parametrize("kept_by", ["exchange", "queue"])
@under_asyncio
async def test_a_task_for_later_lets_others_pass(broker_url: str, fresh: Fresh, kept_by: str):
    if kept_by == "exchange":
        delayed = Exchange(
            name=fresh("delayed"),
            type="x-delayed-message",
            arguments={"x-delayed-type": "direct"},
        )
        options = {"delayed_message_exchange_plugin": True, "delayed_message_exchange": delayed}
    else:
        options = {"delay_queue": Queue(name=fresh("delay"))}
    broker = make_broker(broker_url, fresh, **options)
    done: asyncio.Queue[object] = asyncio.Queue()

    @broker.task
    async def tell(what: str) -> None:
        await done.put(what)

    async with working(broker):
        await tell.kicker().with_labels(delay=1.2).kiq("last")
        await tell.kicker().with_labels(delay=0.6).kiq("second")
        await tell.kiq("first")
        # RabbitMQ would keep the second behind the last one: there messages expire at the head of
        # a queue only.
        assert await take(done, 3) == ["first", "second", "last"]
