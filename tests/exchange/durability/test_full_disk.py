"""A full disk, as the broker meets it: publishes are refused, everything else goes on."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.exchange.durable_broker import PATIENCE_S, DurableBroker
from tests.exchange.messages import make_message, size_of
from tests.storage.small_disk import SmallDisk
from warrener.exchange.errors import PreconditionFailed
from warrener.exchange.message import Envelope, Message
from warrener.exchange.server.transaction import Noted, require_room

LARGE = b"x" * 1000
ENOUGH = 10_000


class SmallBroker(DurableBroker):
    """A broker whose disk holds no more than thirty large messages."""

    def open(self) -> None:
        self.disk = getattr(self, "disk", None) or SmallDisk(30_000)
        self.open_journal(files=self.disk, reserve_bytes=8000)

    def publish(self, *bodies: bytes, queue: str = "q", persistent: bool = True) -> list[Message]:
        """Publish in a pass; returns the messages that were refused."""
        vhost = self.client.vhost
        messages = [
            make_message(body, persistent=persistent, envelope=Envelope("", queue))
            for body in bodies
        ]
        route = vhost.route("", queue, messages[0].properties)
        refused = vhost.publish(route, messages, size_of(messages))
        self.broker.end_pass()
        self.wait_durable()
        self.broker.watch_disk(ENOUGH)
        return list(refused)

    def wait_for_space(self) -> None:
        """Until the journal has its reserve back, and the broker knows."""
        self._wait(lambda: self.broker.ledger.free_bytes() >= ENOUGH)
        self.broker.watch_disk(ENOUGH)
        self._wait(lambda: not self.broker.ledger.out_of_space)
        assert self.broker.watch_disk(ENOUGH)

    def _wait(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline
            os.sched_yield()

    def fill(self) -> int:
        """Publish until the disk is full; returns how many messages were taken."""
        count = 0
        while not self.broker.ledger.full:
            assert self.publish(LARGE) == []
            count += 1
        return count


@pytest.fixture
def durable(tmp_path: Path) -> Iterator[SmallBroker]:
    broker = SmallBroker(tmp_path / "data")
    broker.client.declare("q", durable=True)
    broker.client.declare("transient")
    yield broker
    broker.close()


def test_persistent_messages_for_durable_queues_are_refused(durable: SmallBroker):
    durable.fill()
    before = len(durable.client.vhost.queues["q"].ready)
    (refused,) = durable.publish(LARGE)
    assert refused.position == 0
    assert len(durable.client.vhost.queues["q"].ready) == before


def test_messages_that_need_no_disk_are_taken(durable: SmallBroker):
    durable.fill()
    assert durable.publish(LARGE, queue="transient") == []
    assert durable.publish(LARGE, persistent=False) == []


def test_consumers_go_on_and_what_they_acknowledge_is_gone_for_good(durable: SmallBroker):
    count = durable.fill()
    assert len(durable.client.drain("q")) == count
    durable.wait_durable()
    durable.restart()
    assert durable.client.get("q") is None


def test_queues_can_be_deleted_for_good(durable: SmallBroker):
    durable.fill()
    durable.client.vhost.delete_queue("q", durable.client)
    durable.restart()
    assert "q" not in durable.client.vhost.queues


def test_what_was_taken_before_is_there_after_a_restart(durable: SmallBroker):
    count = durable.fill()
    durable.restart()
    assert durable.client.drain("q") == [LARGE] * count


def test_messages_are_taken_again_when_consumers_have_made_room(durable: SmallBroker):
    durable.fill()
    durable.client.drain("q")
    for _ in range(2):
        durable.broker.tidy()
        durable.broker.end_pass()
        durable.wait_durable()
    durable.wait_for_space()
    assert durable.publish(LARGE) == []


def test_a_transaction_is_refused_as_a_whole(durable: SmallBroker):
    durable.fill()
    message = make_message(LARGE, persistent=True, envelope=Envelope("", "q"))
    route = durable.client.vhost.route("", "q", message.properties)
    noted = Noted(None, message, (), route)
    with pytest.raises(PreconditionFailed, match="disk"):
        require_room([noted], durable.broker.ledger)
