"""kill -9 in the middle of everything: what was confirmed is back, what is settled stays away.

A publisher and two workers write down what they know (`Account`) while the broker is killed at a
random moment, several rounds on the same data. After each restart both queues are read whole.

What may differ from round to round without being a fault: a message whose confirm was on its way,
and an acknowledgement that the broker had read but not yet written. So an acknowledgement counts as
settled only after a later publish of the same worker was confirmed: all durable state is one
ordered log, hence a confirm covers every acknowledgement before it. (RabbitMQ promises less: it
writes acknowledgements later, and a killed node may give such messages out again.)
"""

import contextlib
import logging
import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pika
import pika.exceptions
import pytest
from pika.adapters.blocking_connection import BlockingChannel

from tests.faults.account import Account
from tests.interop.inbox import Inbox
from tests.interop.running_broker import RunningBroker
from tests.patience import join, limit

pytestmark = pytest.mark.slow

ROUNDS = 5
SECONDS_MAX = 120
CONFIRMS_BEFORE_THE_KILL = (20, 2500)
WINDOW = 300
PREFETCH = 20
ACKNOWLEDGEMENTS_PER_PROOF = 25
REQUEUED_SHARE = 0.1

EXCHANGE, WORKED, KEPT, PROOFS = "kill.all", "kill.worked", "kill.kept", "kill.proofs"
PERSISTENT = pika.BasicProperties(delivery_mode=pika.DeliveryMode.Persistent)


@pytest.fixture
def broker(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Iterator[RunningBroker]:
    caplog.set_level(logging.CRITICAL, "pika")  # a lost connection is no news here

    broker = RunningBroker(tmp_path)
    broker.start()
    with limit("the end of five lives of the broker", SECONDS_MAX):
        yield broker
    print(broker.log)  # shown when the test failed
    if broker.running:
        broker.stop()


class Publisher(threading.Thread):
    """Publishes ascending numbers, many on the way at once, until the connection is lost."""

    def __init__(self, url: str, account: Account, first: int, enough: int) -> None:
        super().__init__()
        self.number = first
        self.reached = threading.Event()
        self._account = account
        self._enough = enough
        self._on_the_way: dict[int, int] = {}
        self._tag = 0
        self._connection = pika.SelectConnection(
            pika.URLParameters(url),
            on_open_callback=lambda connection: connection.channel(on_open_callback=self._begin),
            on_open_error_callback=self._leave,
            on_close_callback=self._leave,
        )

    def run(self) -> None:
        self._connection.ioloop.start()
        self._connection.ioloop.close()
        self.reached.set()

    def _begin(self, channel: pika.channel.Channel) -> None:
        self._channel = channel
        channel.confirm_delivery(self._on_confirm, callback=lambda _: self._publish())

    def _publish(self) -> None:
        while len(self._on_the_way) < WINDOW:
            self._tag += 1
            self._on_the_way[self._tag] = self.number
            self._account.publish(self.number)
            self._channel.basic_publish(EXCHANGE, "", b"%d" % self.number, PERSISTENT)
            self.number += 1

    def _on_confirm(self, frame: pika.frame.Method) -> None:
        assert isinstance(frame.method, pika.spec.Basic.Ack)
        last, multiple = frame.method.delivery_tag, frame.method.multiple
        for tag in [t for t in self._on_the_way if t <= last] if multiple else [last]:
            self._account.confirm(self._on_the_way.pop(tag))
            self._enough -= 1
        if self._enough <= 0:
            self.reached.set()
        self._publish()

    def _leave(self, *_: object) -> None:
        self._connection.ioloop.stop()


class Worker(threading.Thread):
    """Takes messages, acknowledges most, gives some back, and now and then asks for proof."""

    def __init__(self, url: str, account: Account, name: str, seed: int) -> None:
        super().__init__(name=name)
        self._url = url
        self._account = account
        self._draw = random.Random(f"{seed} {name}")
        self._unproven: list[int] = []

    def run(self) -> None:
        with contextlib.suppress(pika.exceptions.AMQPError):  # the broker is killed under it
            channel = pika.BlockingConnection(pika.URLParameters(self._url)).channel()
            channel.basic_qos(prefetch_count=PREFETCH)
            channel.confirm_delivery()
            for method, _, body in channel.consume(WORKED):
                self._account.take(int(body), self.name, method.redelivered)
                self._settle(channel, int(body), method.delivery_tag)

    def _settle(self, channel: BlockingChannel, number: int, tag: int) -> None:
        if self._draw.random() < REQUEUED_SHARE:
            self._account.give_back(number)
            channel.basic_nack(tag, requeue=True)
            return
        self._account.acknowledge(number)
        channel.basic_ack(tag)
        self._unproven.append(number)
        if len(self._unproven) == ACKNOWLEDGEMENTS_PER_PROOF:
            channel.basic_publish("", PROOFS, b"", PERSISTENT)
            self._account.settle(self._unproven)
            self._unproven.clear()


def declare(url: str) -> None:
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        channel = connection.channel()
        channel.exchange_declare(EXCHANGE, "fanout", durable=True)
        for queue in (WORKED, KEPT):
            channel.queue_declare(queue, durable=True)
            channel.queue_bind(queue, EXCHANGE)
        channel.queue_declare(PROOFS, durable=True)


def work_until_the_kill(
    broker: RunningBroker, account: Account, first: int, draw: random.Random
) -> int:
    """One life of the broker; returns the first number the next publisher may use."""
    publisher = Publisher(broker.url, account, first, draw.randrange(*CONFIRMS_BEFORE_THE_KILL))
    seed = draw.randrange(1_000_000)
    workers = [Worker(broker.url, account, name, seed) for name in ("one", "two")]
    threads = [publisher, *workers]
    for thread in threads:
        thread.start()
    assert publisher.reached.wait(SECONDS_MAX), "the publisher gets nowhere"
    broker.kill()
    for thread in threads:
        join(thread)
    return publisher.number


def everything_in(url: str, queue: str) -> list[int]:
    """The whole queue in its order; nothing is acknowledged, so it is all still there."""
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        channel = connection.channel()
        count = channel.queue_declare(queue, passive=True).method.message_count
        inbox = Inbox(channel, queue)
        return [int(delivery.body) for delivery in inbox.take(count) + inbox.take_all()]


def assert_each_once_and_in_order(numbers: list[int]) -> None:
    assert sorted(set(numbers)) == numbers


@pytest.mark.parametrize("seed", [1, 2])
def test_a_killed_broker_keeps_what_it_confirmed(broker: RunningBroker, seed: int):
    draw, account, number = random.Random(seed), Account(), 1
    declare(broker.url)
    for _ in range(ROUNDS):
        number = work_until_the_kill(broker, account, number, draw)
        assert account.faults == []
        broker.start()
        kept, worked = everything_in(broker.url, KEPT), everything_in(broker.url, WORKED)
        assert_each_once_and_in_order(kept)
        assert_each_once_and_in_order(worked)
        assert account.confirmed <= set(kept) <= account.published
        assert not account.settled & set(worked)
        # One record holds the message for both queues: it is in both, or in neither.
        assert set(kept) - account.acknowledged <= set(worked) <= set(kept)
        account.recover(set(kept), set(worked))
    assert len(account.settled) > ACKNOWLEDGEMENTS_PER_PROOF


def test_a_broker_killed_as_soon_as_it_is_up_loses_nothing(broker: RunningBroker):
    declare(broker.url)
    with pika.BlockingConnection(pika.URLParameters(broker.url)) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        for number in range(50):
            channel.basic_publish(EXCHANGE, "", b"%d" % number, PERSISTENT)
    for _ in range(4):
        broker.kill()
        broker.start()
    assert list(range(50)) == everything_in(broker.url, KEPT)
    assert list(range(50)) == everything_in(broker.url, WORKED)


def test_an_orderly_end_keeps_every_acknowledgement(broker: RunningBroker):
    declare(broker.url)
    with pika.BlockingConnection(pika.URLParameters(broker.url)) as connection:
        channel = connection.channel()
        for number in range(300):
            channel.basic_publish(EXCHANGE, "", b"%d" % number, PERSISTENT)
        taken = Inbox(channel, WORKED).take(300)
        for delivery in taken[::2]:
            channel.basic_ack(delivery.tag)
    assert broker.stop() == 0
    broker.start()
    assert list(range(1, 300, 2)) == everything_in(broker.url, WORKED)
    assert list(range(300)) == everything_in(broker.url, KEPT)
