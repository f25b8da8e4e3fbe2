"""Any history of a broker with all that clients do, orderly ends and power cuts, against a model.

The model knows of each queue the messages that are not settled, in order, and of each message
whether it was confirmed and who holds it. After an orderly end all of that must be there again;
after a power cut what was there after some pass, and everything that was confirmed by then.
"""

from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.exchange.server.crash_wire import PERSISTENT, Life, begin_again
from tests.exchange.server.inbox import Content
from tests.exchange.server.wire import Channel
from tests.storage.crash_files import Disk
from warrener.protocol import methods as m

SEGMENT_BYTES = 3000
SECTOR_BYTES = 64
"""Small, so that a power cut tears what was written together."""
DEAD = "dead"
ARGUMENTS = {
    "a": {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": DEAD},
    "b": {},
    DEAD: {},
}
"""By queue: `a` passes on what is refused there, the others forget it."""
PREFETCH = 3
CRASHES = 2
"""Tried at each power cut; the history goes on after the last of them."""

queues = st.sampled_from(sorted(ARGUMENTS))


class Held(NamedTuple):
    """A delivery that is owed an answer; without a queue if that is gone."""

    queue: str
    body: bytes


class Histories(RuleBasedStateMachine):
    """A broker, a client that publishes, and channels that get, consume and commit."""

    folder: Path

    @initialize()
    def begin(self) -> None:
        self.number = 0
        self.start(Disk())

    # Topology

    @rule(queue=queues)
    def declare(self, queue: str) -> None:
        self.life.declare(queue, arguments=ARGUMENTS[queue])

    @precondition(lambda self: self.life.lines)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        queue = data.draw(st.sampled_from(sorted(self.life.lines)))
        for held in self.held.values():
            for tag, each in list(held.items()):
                if each.queue == queue:
                    held[tag] = Held("", each.body)
        self.consumed.discard(queue)
        self.life.delete(queue)

    # Messages in

    @precondition(lambda self: self.life.lines)
    @rule(data=st.data(), size=st.sampled_from([0, 100, 900]), count=st.integers(1, 3))
    def publish(self, data: st.DataObject, size: int, count: int) -> None:
        queue = data.draw(st.sampled_from(sorted(self.life.lines)))
        self.life.publish([queue], *(self.body(size) for _ in range(count)))

    @precondition(lambda self: self.life.lines and not self.gathering)
    @rule(data=st.data())
    def gather(self, data: st.DataObject) -> None:
        """A write is under way, and what further passes write has to wait for it."""
        self.life.files.hold()
        self.gathering = True
        queue = data.draw(st.sampled_from(sorted(self.life.lines)))
        self.life.publish([queue], self.body(0))

    @rule()
    def be_told(self) -> None:
        """Hear the confirms of everything."""
        if self.gathering:
            self.gathering = False
            self.life.files.let_go()
        self.life.be_told()

    @precondition(lambda self: self.waiting())
    @rule(data=st.data(), rolled_back=st.booleans())
    def move(self, data: st.DataObject, rolled_back: bool) -> None:
        """Settle one message and publish two, in a transaction."""
        self.be_told()
        source = data.draw(st.sampled_from(self.waiting()))
        target = data.draw(st.sampled_from(sorted(self.life.lines)))
        if not rolled_back:
            self.life.settle_and_publish(source, target, self.body(0), self.body(500))
            return
        channel = self.life.channel.client.channel(2)
        channel.call(m.TxSelect())
        channel.send(m.BasicAck(channel.call(m.BasicGet(queue=source)).method.delivery_tag))
        channel.publish("", target, self.body(0), properties=PERSISTENT)
        channel.call(m.TxRollback())
        channel.close()

    # Messages out

    @precondition(lambda self: self.waiting())
    @rule(data=st.data())
    def get(self, data: st.DataObject) -> None:
        queue = data.draw(st.sampled_from(self.waiting()))
        got = self.getter.call(m.BasicGet(queue=queue))
        assert isinstance(got, Content)
        assert got.body == self.ready(queue)[0]
        self.held[self.getter][got.method.delivery_tag] = Held(queue, got.body)

    @precondition(lambda self: self.life.lines.keys() - self.consumed)
    @rule(data=st.data())
    def consume(self, data: st.DataObject) -> None:
        queue = data.draw(st.sampled_from(sorted(self.life.lines.keys() - self.consumed)))
        self.consumed.add(queue)
        self.consumer.consume(queue, tag=queue)
        self.absorb()

    @precondition(lambda self: any(self.held.values()))
    @rule(data=st.data(), way=st.sampled_from(["ack", "drop", "requeue"]), multiple=st.booleans())
    def answer(self, data: st.DataObject, way: str, multiple: bool) -> None:
        channel = data.draw(st.sampled_from([c for c, held in self.held.items() if held]))
        held = self.held[channel]
        tag = data.draw(st.sampled_from(sorted(held)))
        tags = sorted(each for each in held if each <= tag) if multiple else [tag]
        for queue, body in [held.pop(each) for each in tags]:
            if queue and way != "requeue":
                self.life.lines[queue].remove(body)
                if way == "drop" and queue == "a" and DEAD in self.life.lines:
                    self.life.lines[DEAD].append(body)
        channel.send(
            m.BasicAck(tag, multiple)
            if way == "ack"
            else m.BasicNack(tag, multiple, requeue=way == "requeue")
        )
        self.life.note()

    @precondition(lambda self: self.life.lines)
    @rule(data=st.data())
    def purge(self, data: st.DataObject) -> None:
        queue = data.draw(st.sampled_from(sorted(self.life.lines)))
        waiting = self.ready(queue)
        lines = self.life.lines
        lines[queue] = [body for body in lines[queue] if body not in waiting]
        assert self.life.call(m.QueuePurge(queue=queue)) == m.QueuePurgeOk(len(waiting))

    # Lives

    @rule(steps=st.none() | st.integers(0, 12))
    def tidy(self, steps: int | None) -> None:
        """Of what this gives the caretaker to do it does so much at once, and the rest later."""
        self.be_told()
        if steps is not None:
            self.life.dawdle(0)
        self.life.tidy()
        if steps is not None:
            self.life.dawdle(steps)

    @rule()
    def restart(self) -> None:
        before = self.end()
        *_, disk = before.files.lasting()
        self.start(disk)
        assert self.life.start == before.states[-1]
        assert self.life.store.report.clean

    @rule(seed=st.integers(0, 2**32))
    def power_cut(self, seed: int) -> None:
        before = self.end()
        for disk, told in before.files.some_crashes(Random(seed), CRASHES):
            self.start(disk)
            assert self.life.start in before.states[told:]
            self.life.end()
        self.start(disk)

    # What is there

    @invariant()
    def absorb(self) -> None:
        """Take what the consumer was given; it comes in order but for what was given back."""
        for delivery in self.consumer.received():
            if isinstance(delivery, Content):
                queue = delivery.method.consumer_tag
                assert delivery.body in self.ready(queue)
                self.held[self.consumer][delivery.method.delivery_tag] = Held(queue, delivery.body)

    @invariant()
    def counts_are_those_of_the_model(self) -> None:
        for queue in self.life.wire.broker.statistics().queues:
            assert queue.messages_ready == len(self.ready(queue.name))
            assert queue.messages_unacked == len(self.life.lines[queue.name]) - queue.messages_ready

    def ready(self, queue: str) -> list[bytes]:
        held = {each.body for held in self.held.values() for each in held.values() if each.queue}
        return [body for body in self.life.lines[queue] if body not in held]

    def waiting(self) -> list[str]:
        """Queues without a consumer in which a message waits."""
        return [q for q in sorted(self.life.lines) if q not in self.consumed and self.ready(q)]

    def body(self, size: int) -> bytes:
        self.number += 1
        return b"%d:" % self.number + bytes(size)

    def start(self, disk: Disk) -> None:
        self.life = begin_again(
            self.folder, disk, sector_bytes=SECTOR_BYTES, segment_bytes=SEGMENT_BYTES
        )
        self.gathering = False
        self.getter: Channel = self.life.channel.client.channel(3)
        self.consumer: Channel = self.life.channel.client.channel(4)
        self.consumer.call(m.BasicQos(prefetch_count=PREFETCH))
        self.held: dict[Channel, dict[int, Held]] = {self.getter: {}, self.consumer: {}}
        self.consumed: set[str] = set()

    def end(self) -> Life:
        self.be_told()
        self.life.end()
        return self.life

    def teardown(self) -> None:
        self.restart()
        self.life.end()


@pytest.mark.usefixtures("small_window", "same_salt")
def test_any_history_leaves_what_was_confirmed_and_not_settled(tmp_path: Path) -> None:
    Histories.folder = tmp_path
    run_state_machine_as_test(
        Histories, settings=settings(max_examples=40, stateful_step_count=50, deadline=None)
    )
