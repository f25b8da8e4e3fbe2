"""FastStream, unmodified: handlers, calls by direct reply-to, and what becomes of failures."""

import asyncio

import pytest
from aio_pika.exceptions import DeliveryError
from faststream import AckPolicy
from faststream.exceptions import NackMessage, RejectMessage
from faststream.rabbit import Channel, RabbitBroker, RabbitExchange, RabbitMessage, RabbitQueue
from faststream.rabbit.schemas import ExchangeType
from pika.adapters.blocking_connection import BlockingChannel

from tests.interop.conftest import Fresh
from tests.interop.dying_queues import Graveyard, count
from tests.interop.under_asyncio import under_asyncio

pytestmark = pytest.mark.slow

SECONDS_MAX = 5.0


def make_broker(url: str, **options: object) -> RabbitBroker:
    return RabbitBroker(url, logger=None, **options)


@under_asyncio
async def test_a_call_is_answered_by_direct_reply_to(broker_url: str, fresh: Fresh):
    broker, queue = make_broker(broker_url), fresh("multiply")

    @broker.subscriber(queue)
    async def multiply(pair: list[int]) -> int:
        return pair[0] * pair[1]

    async with broker:
        await broker.start()
        calls = [broker.request([number, 2], queue, timeout=SECONDS_MAX) for number in range(50)]
        answers = [await answer.decode() for answer in await asyncio.gather(*calls)]
    assert answers == [2 * number for number in range(50)]


@under_asyncio
async def test_a_call_nobody_answers_runs_out_of_time(broker_url: str, fresh: Fresh):
    async with make_broker(broker_url) as broker:
        queue = await broker.declare_queue(RabbitQueue(fresh("silent")))
        with pytest.raises(TimeoutError):
            await broker.request("anyone?", queue.name, timeout=0.2)


@under_asyncio
async def test_what_a_handler_returns_is_published_on(broker_url: str, fresh: Fresh):
    broker, first, second = make_broker(broker_url), fresh("first"), fresh("second")
    done: asyncio.Queue[str] = asyncio.Queue()

    @broker.subscriber(first)
    @broker.publisher(second)
    async def shout(text: str) -> str:
        return text.upper()

    @broker.subscriber(second)
    async def collect(text: str) -> None:
        await done.put(text)

    async with broker:
        await broker.start()
        await broker.publish("hare", first)
        assert await asyncio.wait_for(done.get(), SECONDS_MAX) == "HARE"


@under_asyncio
async def test_a_topic_exchange_sorts_for_the_handlers(broker_url: str, fresh: Fresh):
    broker, exchange = make_broker(broker_url), RabbitExchange(fresh("log"), ExchangeType.TOPIC)
    seen: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

    @broker.subscriber(RabbitQueue(fresh("errors"), routing_key="*.error"), exchange)
    async def errors(text: str) -> None:
        await seen.put(("errors", text))

    @broker.subscriber(RabbitQueue(fresh("disk"), routing_key="disk.#"), exchange)
    async def disk(text: str) -> None:
        await seen.put(("disk", text))

    async with broker:
        await broker.start()
        for key in ("disk.error", "net.error", "disk.info"):
            await broker.publish(key, exchange=exchange, routing_key=key)
        came = sorted([await asyncio.wait_for(seen.get(), SECONDS_MAX) for _ in range(4)])
    assert came == [
        ("disk", "disk.error"),
        ("disk", "disk.info"),
        ("errors", "disk.error"),
        ("errors", "net.error"),
    ]


@under_asyncio
async def test_each_publish_waits_for_its_confirm(
    broker_url: str, channel: BlockingChannel, fresh: Fresh
):
    async with make_broker(broker_url) as broker:
        queue = await broker.declare_queue(RabbitQueue(fresh("queue"), durable=True))
        confirms = [broker.publish(number, queue.name, persist=True) for number in range(100)]
        kinds = {type(confirm).__name__ for confirm in await asyncio.gather(*confirms)}
    assert kinds == {"Ack"}
    assert count(channel, queue.name) == 100


@under_asyncio
async def test_a_publish_to_nowhere_raises_when_asked_to(broker_url: str, fresh: Fresh):
    raising = Channel(on_return_raises=True)
    async with make_broker(broker_url, default_channel=raising) as broker:
        with pytest.raises(DeliveryError):
            await broker.publish("lost", fresh("absent"))


@under_asyncio
async def test_a_handler_that_fails_rejects_into_the_dead_letters(
    broker_url: str, channel: BlockingChannel, fresh: Fresh
):
    graveyard = Graveyard(channel, fresh)
    broker, queue = make_broker(broker_url), graveyard.declare("queue")

    @broker.subscriber(RabbitQueue(queue, declare=False), ack_policy=AckPolicy.REJECT_ON_ERROR)
    async def fail(text: str) -> None:
        raise ValueError(text)

    async with broker:
        await broker.start()
        await broker.publish("broken", queue)
        [dead] = await asyncio.to_thread(graveyard.take, 1)
    assert dead.body == b"broken"
    assert dead.properties.headers["x-first-death-reason"] == "rejected"


@under_asyncio
async def test_a_handler_that_fails_gets_the_message_again(broker_url: str, fresh: Fresh):
    broker, queue = make_broker(broker_url), fresh("queue")
    redelivered: list[bool] = []
    done = asyncio.Event()

    @broker.subscriber(queue, ack_policy=AckPolicy.NACK_ON_ERROR)
    async def third_time_lucky(text: str, message: RabbitMessage) -> None:
        redelivered.append(message.raw_message.redelivered)
        if len(redelivered) < 3:
            raise ValueError(text)
        done.set()

    async with broker:
        await broker.start()
        await broker.publish("work", queue)
        await asyncio.wait_for(done.wait(), SECONDS_MAX)
    assert redelivered == [False, True, True]


@under_asyncio
async def test_a_handler_may_decide_by_exceptions(
    broker_url: str, channel: BlockingChannel, fresh: Fresh
):
    graveyard = Graveyard(channel, fresh)
    broker, queue = make_broker(broker_url), graveyard.declare("queue")
    tries: list[str] = []

    @broker.subscriber(RabbitQueue(queue, declare=False))
    async def decide(text: str) -> None:
        tries.append(text)
        if text == "again" and tries.count(text) < 2:
            raise NackMessage(requeue=True)
        if text == "never":
            raise RejectMessage(requeue=False)

    async with broker:
        await broker.start()
        await broker.publish("again", queue)
        await broker.publish("never", queue)
        [dead] = await asyncio.to_thread(graveyard.take, 1)
    assert dead.body == b"never"
    assert sorted(tries) == ["again", "again", "never"]
    assert count(channel, queue) == 0
