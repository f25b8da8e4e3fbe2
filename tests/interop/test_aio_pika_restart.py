"""aio-pika's robust connections while their broker is ended in order or killed, and started again.

What must hold: consumers go on by themselves, what was confirmed is there, and what was
acknowledged before a later publish of the same connection was confirmed does not come back.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aio_pika
import pytest
from aio_pika.abc import AbstractIncomingMessage, AbstractRobustChannel

from tests.interop.running_broker import RunningBroker
from tests.interop.under_asyncio import under_asyncio

pytestmark = pytest.mark.slow

QUEUE = "robust"
PREFETCH = 10
SECONDS_MAX = 10.0
PAUSE_S = 0.02

ENDS = {"ended in order": RunningBroker.stop, "killed": RunningBroker.kill}
in_either_way = pytest.mark.parametrize("end", ENDS.values(), ids=ENDS.keys())
End = Callable[[RunningBroker], object]


@asynccontextmanager
async def running(directory: Path) -> AsyncIterator[RunningBroker]:
    broker = RunningBroker(directory)
    await asyncio.to_thread(broker.start)
    try:
        yield broker
    finally:
        print(broker.log)  # shown when the test failed
        if broker.running:
            await asyncio.to_thread(broker.stop)


async def start_again(broker: RunningBroker, end: End) -> None:
    await asyncio.to_thread(end, broker)
    await asyncio.to_thread(broker.start)


@asynccontextmanager
async def robust_channel(broker: RunningBroker) -> AsyncIterator[AbstractRobustChannel]:
    connection = await aio_pika.connect_robust(broker.url, reconnect_interval=0.1)
    async with connection:
        channel = await connection.channel()
        await channel.set_qos(prefetch_count=PREFETCH)
        yield channel


async def publish(channel: AbstractRobustChannel, number: int) -> None:
    message = aio_pika.Message(b"%d" % number, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
    await channel.default_exchange.publish(message, QUEUE, mandatory=True)


async def until(condition: Callable[[], bool]) -> None:
    async def wait() -> None:
        while not condition():
            await asyncio.sleep(PAUSE_S)

    await asyncio.wait_for(wait(), SECONDS_MAX)


@in_either_way
@under_asyncio
async def test_a_consumer_goes_on_and_gets_nothing_back_that_it_acknowledged(
    tmp_path: Path, end: End
):
    settled: list[int] = []
    held: list[AbstractIncomingMessage] = []
    returned: list[tuple[int, bool]] = []

    async def take(message: AbstractIncomingMessage) -> None:
        number = int(message.body)
        if len(held) == PREFETCH:
            returned.append((number, bool(message.redelivered)))
            await message.ack()
        elif number < 100:
            await message.ack()
            settled.append(number)
        else:
            held.append(message)

    async with running(tmp_path) as broker, robust_channel(broker) as channel:
        queue = await channel.declare_queue(QUEUE, durable=True)
        await queue.consume(take)
        await asyncio.gather(*(publish(channel, number) for number in range(100)))
        await until(lambda: len(settled) == 100)
        for number in range(100, 120):
            await publish(channel, number)
        await until(lambda: len(held) == PREFETCH)
        await start_again(broker, end)
        await until(lambda: len(returned) == 20)
        assert [number for number, _ in returned] == list(range(100, 120))
        assert all(redelivered for _, redelivered in returned[:PREFETCH])


@in_either_way
@under_asyncio
async def test_publisher_and_consumer_lose_nothing_in_the_middle_of_their_work(
    tmp_path: Path, end: End
):
    confirmed: list[int] = []
    received: set[int] = set()
    enough = asyncio.Event()

    async def keep(message: AbstractIncomingMessage) -> None:
        received.add(int(message.body))
        await message.ack()

    async with (
        running(tmp_path) as broker,
        robust_channel(broker) as publishing,
        robust_channel(broker) as consuming,
    ):
        queue = await consuming.declare_queue(QUEUE, durable=True)
        await queue.consume(keep)

        async def publish_on() -> None:
            """Numbers, one after the other, each until it is confirmed."""
            while not enough.is_set():
                await once_more(lambda: publish(publishing, len(confirmed)))
                confirmed.append(len(confirmed))

        publisher = asyncio.create_task(publish_on())
        for target in (100, 200):
            await until(lambda target=target: len(confirmed) > target)
            await start_again(broker, end)
        await until(lambda: len(confirmed) > 300)
        enough.set()
        await publisher
        await until(lambda: received.issuperset(confirmed))
        assert await count_ready(broker) == 0


async def count_ready(broker: RunningBroker) -> int:
    """On a connection of its own, as a robust one answers with the count it got when it mended."""
    async with await aio_pika.connect(broker.url) as connection:
        channel = await connection.channel()
        queue = await channel.declare_queue(QUEUE, passive=True)
        return queue.declaration_result.message_count or 0


async def once_more(action: Callable[[], Awaitable[None]]) -> None:
    """Until it succeeds: a connection that is lost takes the confirms it owed along."""
    while True:
        try:
            return await action()
        except (aio_pika.exceptions.AMQPError, ConnectionError, RuntimeError):
            await asyncio.sleep(PAUSE_S)
