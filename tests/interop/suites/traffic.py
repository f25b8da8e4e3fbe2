"""Traffic: a client that does, over and over, everything that a broker counts.

`with traffic(url):` runs it in a thread until the block ends. Each round publishes messages of all
sizes, some of which go nowhere, has them consumed and got in every way there is, gives some back,
and opens and closes what can be opened. Something is ready and something unacknowledged throughout.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import UnroutableError

from tests.patience import join

QUEUE = "traffic"
PERSISTENT = pika.BasicProperties(delivery_mode=2)
SIZES = (50, 500, 5_000, 50_000, 500_000, 5_000_000)
PAUSE_S = 0.2


@contextmanager
def traffic(url: str) -> Iterator[None]:
    over = threading.Event()
    failures: list[Exception] = []

    def work() -> None:
        try:
            keep_going(url, over)
        except Exception as error:
            failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        join(thread)
    if failures:
        raise failures[0]


def keep_going(url: str, over: threading.Event) -> None:
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        holder, channel, confirming = (connection.channel() for _ in range(3))
        confirming.confirm_delivery()
        channel.queue_declare(QUEUE, durable=True)
        hold_one(holder)
        channel.queue_declare(QUEUE + ".idle")
        channel.basic_publish("", QUEUE + ".idle", b"waits")
        while not over.wait(PAUSE_S):
            publish(channel, confirming)
            take(connection.channel())
            come_and_go(url)
        for name in (QUEUE, QUEUE + ".idle", QUEUE + ".held"):
            channel.queue_delete(name)


def hold_one(channel: BlockingChannel) -> None:
    """A message that stays unacknowledged, with a consumer that stays."""
    channel.queue_declare(QUEUE + ".held")
    channel.basic_publish("", QUEUE + ".held", b"held")
    channel.basic_consume(QUEUE + ".held", lambda *_: None)


def publish(channel: BlockingChannel, confirming: BlockingChannel) -> None:
    for size in SIZES:
        channel.basic_publish("", QUEUE, bytes(size), PERSISTENT)
    for _ in range(4):
        confirming.basic_publish("", QUEUE, b"confirmed", PERSISTENT)
    channel.basic_publish("", "nowhere", b"dropped")
    with suppress(UnroutableError):
        confirming.basic_publish("", "nowhere", b"returned", mandatory=True)


def take(channel: BlockingChannel) -> None:
    """In every way: with and without acknowledgement, again, and when there is nothing left."""
    for method, _, _ in channel.consume(QUEUE, inactivity_timeout=1):
        if method:
            channel.basic_reject(method.delivery_tag, requeue=True)
        break
    channel.cancel()
    for method, _, _ in channel.consume(QUEUE, inactivity_timeout=1):
        if method:
            channel.basic_ack(method.delivery_tag)
        break
    channel.cancel()
    for _ in channel.consume(QUEUE, auto_ack=True, inactivity_timeout=1):
        break
    channel.cancel()
    channel.basic_publish("", QUEUE, b"to be got")
    channel.basic_publish("", QUEUE, b"to be got, too")
    method, _, _ = channel.basic_get(QUEUE)
    if method:
        channel.basic_ack(method.delivery_tag)
    channel.basic_get(QUEUE, auto_ack=True)
    channel.queue_purge(QUEUE)
    channel.basic_get(QUEUE, auto_ack=True)
    channel.close()


def come_and_go(url: str) -> None:
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        channel = connection.channel()
        for _ in range(2):
            channel.queue_declare(QUEUE + ".brief")
        channel.queue_delete(QUEUE + ".brief")
