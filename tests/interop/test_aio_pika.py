"""aio-pika, unmodified: the client whose connections mend themselves."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aio_pika
import aio_pika.exceptions
import aio_pika.patterns
import pika
import pytest
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, AbstractQueue

from tests.interop.conftest import Fresh
from tests.interop.cut_wire import CutWire
from tests.interop.under_asyncio import under_asyncio

pytestmark = pytest.mark.slow


@asynccontextmanager
async def open_channel(url: str, **options: object) -> AsyncIterator[AbstractChannel]:
    connection = await aio_pika.connect(url)
    async with connection:
        yield await connection.channel(**options)


async def first(queue: AbstractQueue, count: int) -> list[AbstractIncomingMessage]:
    """The first messages of a queue, acknowledged one by one."""
    taken = []
    async with queue.iterator() as messages:
        async for message in messages:
            await message.ack()
            taken.append(message)
            if len(taken) == count:
                return taken
    raise AssertionError(f"the iterator ended after {len(taken)} of {count} messages")


@under_asyncio
async def test_an_iterator_yields_the_messages_in_order(broker_url: str, fresh: Fresh):
    async with open_channel(broker_url) as channel:
        await channel.set_qos(prefetch_count=10)
        queue = await channel.declare_queue(fresh("queue"), durable=True)
        sent = [b"%d" % number for number in range(100)]
        for body in sent:
            await channel.default_exchange.publish(aio_pika.Message(body), queue.name)
        assert sent == [message.body for message in await first(queue, 100)]
        again = await channel.declare_queue(queue.name, durable=True)
        assert again.declaration_result.message_count == 0


@under_asyncio
async def test_many_publishes_may_wait_for_their_confirms_together(broker_url: str, fresh: Fresh):
    async with open_channel(broker_url, publisher_confirms=True) as channel:
        queue = await channel.declare_queue(fresh("queue"), durable=True)
        persistent = aio_pika.DeliveryMode.PERSISTENT
        await asyncio.gather(
            *(
                channel.default_exchange.publish(
                    aio_pika.Message(b"%d" % number, delivery_mode=persistent), queue.name
                )
                for number in range(300)
            )
        )
        counted = await channel.declare_queue(queue.name, durable=True, passive=True)
        assert counted.declaration_result.message_count == 300


@under_asyncio
async def test_a_mandatory_message_without_a_queue_is_an_error(broker_url: str, fresh: Fresh):
    async with open_channel(broker_url, on_return_raises=True) as channel:
        exchange = await channel.declare_exchange(fresh("exchange"), "direct")
        with pytest.raises(aio_pika.exceptions.PublishError):
            await exchange.publish(aio_pika.Message(b"mine"), "nowhere", mandatory=True)


@under_asyncio
async def test_headers_arrive_as_they_were_sent(broker_url: str, fresh: Fresh):
    headers = {
        "text": "Kaninchen",
        "true": True,
        "small": 7,
        "negative": -70000,
        "large": 2**40,
        "ratio": 0.5,
        "bytes": bytearray(b"\x00\xff"),
        "nothing": None,
        "list": [1, "two", {"three": 3}],
        "table": {"inner": {"deep": "down"}},
    }
    async with open_channel(broker_url) as channel:
        queue = await channel.declare_queue(fresh("queue"))
        message = aio_pika.Message(
            b"", headers=headers, message_id="m-1", correlation_id="c-1", priority=3
        )
        await channel.default_exchange.publish(message, queue.name)
        [received] = await first(queue, 1)
        assert headers == received.headers
        assert (
            received.message_id,
            received.correlation_id,
            received.priority,
        ) == ("m-1", "c-1", 3)


@under_asyncio
async def test_a_headers_exchange_routes_by_them(broker_url: str, fresh: Fresh):
    async with open_channel(broker_url) as channel:
        exchange = await channel.declare_exchange(fresh("exchange"), "headers")
        queue = await channel.declare_queue(fresh("queue"))
        await queue.bind(exchange, arguments={"x-match": "all", "region": "EU", "priority": 9})
        for region, priority in [("EU", 9), ("EU", 4), ("US", 9)]:
            message = aio_pika.Message(b"", headers={"region": region, "priority": priority})
            await exchange.publish(message, "")
        [received] = await first(queue, 1)
        assert received.headers == {"region": "EU", "priority": 9}
        assert await queue.get(fail=False) is None


@under_asyncio
async def test_a_rejected_message_comes_back_marked(broker_url: str, fresh: Fresh):
    async with open_channel(broker_url) as channel:
        queue = await channel.declare_queue(fresh("queue"))
        await channel.default_exchange.publish(aio_pika.Message(b"again"), queue.name)
        message = await queue.get()
        assert not message.redelivered
        await message.reject(requeue=True)
        again = await queue.get(timeout=5)
        assert again.redelivered
        with pytest.raises(ZeroDivisionError):
            async with again.process(requeue=False):
                raise ZeroDivisionError
        assert await queue.get(fail=False) is None


@under_asyncio
async def test_a_call_is_answered_through_a_reply_queue(broker_url: str, fresh: Fresh):
    async with open_channel(broker_url) as server, open_channel(broker_url) as client:
        requests = await server.declare_queue(fresh("requests"))

        async def answer(request: AbstractIncomingMessage) -> None:
            async with request.process():
                reply = aio_pika.Message(
                    request.body.upper(), correlation_id=request.correlation_id
                )
                await server.default_exchange.publish(reply, request.reply_to)

        await requests.consume(answer)
        replies = await client.declare_queue(exclusive=True)
        for number in range(20):
            request = aio_pika.Message(
                b"hare %d" % number, correlation_id=str(number), reply_to=replies.name
            )
            await client.default_exchange.publish(request, requests.name)
        answers = await first(replies, 20)
        assert [b"HARE %d" % number for number in range(20)] == [a.body for a in answers]
        assert [str(number) for number in range(20)] == [a.correlation_id for a in answers]


@under_asyncio
async def test_the_remote_call_pattern_of_the_library_works(broker_url: str, fresh: Fresh):
    name = fresh("multiply")

    async def multiply(*, x: int, y: int) -> int:
        return x * y

    async with open_channel(broker_url) as server, open_channel(broker_url) as client:
        answering = await aio_pika.patterns.JsonRPC.create(server)
        await answering.register(name, multiply, auto_delete=True)
        calling = await aio_pika.patterns.JsonRPC.create(client)
        assert await calling.call(name, {"x": 6, "y": 7}) == 42
        await calling.close()
        await answering.close()


@under_asyncio
async def test_two_workers_share_the_work(broker_url: str, fresh: Fresh):
    name, done = fresh("tasks"), asyncio.Queue()
    async with open_channel(broker_url) as one, open_channel(broker_url) as two:
        for worker in (one, two):
            await worker.set_qos(prefetch_count=1)
            queue = await worker.declare_queue(name)

            async def work(task: AbstractIncomingMessage, worker: object = worker) -> None:
                async with task.process():
                    await done.put((worker, task.body))

            await queue.consume(work)
        for number in range(40):
            await one.default_exchange.publish(aio_pika.Message(b"%d" % number), name)
        results = [await done.get() for _ in range(40)]
    assert {b"%d" % number for number in range(40)} == {body for _, body in results}
    assert {one, two} == {worker for worker, _ in results}


@under_asyncio
async def test_a_robust_connection_mends_itself_with_its_consumers(broker_url: str, fresh: Fresh):
    target = pika.URLParameters(broker_url)
    received: asyncio.Queue[AbstractIncomingMessage] = asyncio.Queue()
    with CutWire(target.host, target.port) as wire:
        connection = await aio_pika.connect_robust(
            host="127.0.0.1", port=wire.port, reconnect_interval=0.1
        )
        async with connection:
            channel = await connection.channel()
            await channel.set_qos(prefetch_count=5)
            queue = await channel.declare_queue(fresh("queue"), durable=True)
            await queue.consume(received.put)
            await publish_elsewhere(broker_url, queue.name, b"before the cut")
            assert (await received.get()).body == b"before the cut"
            wire.cut()
            again = await received.get()
            assert (again.body, again.redelivered) == (b"before the cut", True)
            await again.ack()
            await publish_elsewhere(broker_url, queue.name, b"after the cut")
            after = await received.get()
            assert (after.body, after.redelivered) == (b"after the cut", False)
            await after.ack()


@under_asyncio
async def test_a_robust_connection_declares_its_own_queue_again(broker_url: str, fresh: Fresh):
    target = pika.URLParameters(broker_url)
    with CutWire(target.host, target.port) as wire:
        connection = await aio_pika.connect_robust(
            host="127.0.0.1", port=wire.port, reconnect_interval=0.1
        )
        async with connection:
            channel = await connection.channel()
            exchange = await channel.declare_exchange(fresh("exchange"), auto_delete=True)
            # Exclusive and auto-delete: both are gone when the connection is.
            queue = await channel.declare_queue(fresh("queue"), exclusive=True)
            await queue.bind(exchange, "key")
            mended = asyncio.Event()
            connection.reconnect_callbacks.add(lambda *_: mended.set())
            wire.cut()
            await mended.wait()
            await exchange.publish(aio_pika.Message(b"through"), "key")
            assert (await queue.get(timeout=5)).body == b"through"


async def publish_elsewhere(url: str, queue: str, body: bytes) -> None:
    """From a connection that is not the one under test, with a confirm."""
    async with open_channel(url) as channel:
        await channel.default_exchange.publish(aio_pika.Message(body), queue)
