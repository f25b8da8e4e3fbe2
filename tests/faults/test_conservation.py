"""What was confirmed is in exactly one queue, wherever a broker with a small budget is killed.

Messages go round between queues that dead-letter, retry, deduplicate, drop, refuse, delay and
count failures. The budget of a pass is so small that rejects, expiries and limits are always under
way, and the disk is behind the passes: a kill keeps any number of whole commits after the last one
that was confirmed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import Any

import pytest

from tests.exchange.server.inbox import Content
from tests.exchange.server.wire import Wire, publication
from tests.faults.kept_store import KeptStore
from warrener.exchange.durability.recovery import restore
from warrener.exchange.quarantine import QUARANTINE
from warrener.protocol import methods as m
from warrener.protocol.properties import encode_properties

BUDGET = 60
STEPS = 150
PASSES_MAX = 10_000


def to(queue: str, **arguments: Any) -> dict[str, Any]:
    """The arguments of a queue whose dead letters go to another one."""
    more = {f"x-{name.replace('_', '-')}": value for name, value in arguments.items()}
    return {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": queue, **more}


QUEUES: dict[str, dict[str, Any]] = {
    "work": to("retry"),
    "retry": to("work", message_ttl=500),
    "parked": to("retry"),
    "counting": to("parked", queue_type="quorum", delivery_limit=2),
    "slow": to("parked", delivery_limit=3, delayed_retry_type="all", delayed_retry_min=200),
    "short": to("parked", max_length=20),
    "refusing": to("parked", max_length=30, overflow="reject-publish"),
    "unique": to("parked", message_deduplication=True),
    "by priority": to("short", max_priority=5),
    "expiring": {**to("work", message_ttl=300), "x-dead-letter-exchange": "delayed"},
}


class SlowDisk(KeptStore):
    """What is committed becomes durable when a test says so, or as far as a kill leaves it."""

    __slots__ = ("_commits",)

    def __init__(self, log: Sequence[tuple[int, bytes]] = ()) -> None:
        super().__init__(log)
        self._commits = [self.end]

    def commit(self) -> None:
        self._commits.append(self.end)

    def sync(self) -> None:
        self.durable = self.end

    def after_a_kill(self, random: Random) -> SlowDisk:
        ends = [end for end in self._commits if end >= self.durable]
        return SlowDisk(self._log[: random.choice(ends or [self.durable]) - 1])


class Lives:
    """The lives of one broker, and a client that knows what it was told."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.store = SlowDisk()
        self.published = 0
        self.confirmed: set[bytes] = set()
        self.acknowledged: set[bytes] = set()
        self.now = 1000.0
        self.start()
        for name, arguments in QUEUES.items():
            self.channel.queue(name, durable=True, arguments=arguments)
        delayed = {"x-delayed-type": "direct"}
        kind = "x-delayed-message"
        declare = m.ExchangeDeclare(exchange="delayed", type=kind, durable=True, arguments=delayed)
        self.channel.call(declare)
        for name in QUEUES:
            self.channel.call(m.QueueBind(queue=name, exchange="delayed", routing_key=name))
        self.sync()

    def start(self) -> None:
        self.wire = Wire(self.store)
        self.wire.broker.budget.units = BUDGET
        self.wire.advance(self.now - self.wire.now)
        restore(self.wire.broker, self.store.recover())
        assert not list(self.wire.broker.unreadable)
        self.connect()

    def connect(self) -> None:
        self.channel = self.wire.login().channel()
        self.channel.call(m.ConfirmSelect())
        self.held: dict[int, bytes] = {}
        self.unconfirmed: dict[int, bytes] = {}
        self.numbered = 0

    # What happens

    def step(self) -> None:
        steps = (
            [self.publish] * 6
            + [self.get] * 3
            + [self.settle] * 5
            + [self.sync] * 2
            + [self.advance, self.kill, self.vanish]
        )
        self.random.choice(steps)()
        self.hear()

    def publish(self) -> None:
        exchange, queue = self.random.choice(["", "", "delayed"]), self.random.choice([*QUEUES])
        data = b""
        for _ in range(self.random.choice([1, 3, 40])):
            self.published += 1
            self.numbered += 1
            body = self.unconfirmed[self.numbered] = b"%d" % self.published
            headers = {"x-delay": self.random.choice([0, 100, 900]), "x-deduplication-header": body}
            properties = encode_properties(delivery_mode=2, headers=headers, priority=1)
            data += publication(1, exchange, queue, body, properties)
        self.channel.client.send_bytes(data)
        for _ in range(PASSES_MAX):
            if not self.channel.client.connection.deferral.stalled:
                return
            self.channel.client.send_bytes(b"")
        raise AssertionError("the publishes are never done")

    def get(self) -> None:
        queue = self.random.choice([*QUEUES])
        for _ in range(self.random.choice([1, 10, 60])):
            self.channel.send(m.BasicGet(queue=queue))

    def settle(self) -> None:
        if not self.held:
            return
        tag, multiple = self.random.choice([*self.held]), self.random.random() < 0.4
        bodies = [
            self.held.pop(each)
            for each in list(self.held)
            if each == tag or (multiple and each < tag)
        ]
        if self.random.random() < 0.3:
            self.acknowledged.update(bodies)
            self.channel.send(m.BasicAck(tag, multiple))
        else:
            self.channel.send(m.BasicNack(tag, multiple, self.random.random() < 0.4))

    def advance(self) -> None:
        self.wire.advance(self.random.choice([0.05, 0.3, 2]))
        self.now = self.wire.now

    def sync(self) -> None:
        self.wire.broker.commit()
        self.store.sync()
        self.wire.stored()

    def vanish(self) -> None:
        self.channel.client.vanish()
        self.connect()

    def kill(self) -> None:
        self.store = self.store.after_a_kill(self.random)
        self.start()

    def hear(self) -> None:
        for item in self.channel.received():
            if isinstance(item, Content):
                self.held[item.method.delivery_tag] = item.body
            elif isinstance(item, m.BasicAck | m.BasicNack):
                first = 1 if item.multiple else item.delivery_tag
                for number in range(first, item.delivery_tag + 1):
                    body = self.unconfirmed.pop(number, b"")
                    if isinstance(item, m.BasicAck) and body:
                        self.confirmed.add(body)

    def found(self) -> Counter[bytes]:
        """What comes out of the queues in the end, until nothing is on its way any more."""
        self.channel.client.vanish()
        found: Counter[bytes] = Counter()
        for _ in range(4):
            self.wire.advance(100)
            for _ in range(PASSES_MAX):
                if not self.wire.broker.unfinished:
                    break
                self.wire.end_pass()
            channel = self.wire.login().channel()
            for queue in QUEUES:
                while isinstance(
                    got := channel.call(m.BasicGet(queue=queue, no_ack=True)), Content
                ):
                    found[got.body] += 1
        return found


@pytest.mark.parametrize("seed", range(4))
def test_what_was_confirmed_is_in_one_queue_wherever_the_broker_is_killed(seed: int) -> None:
    lives = Lives(seed)
    for _ in range(STEPS):
        lives.step()
    lives.kill()
    found = lives.found()
    assert not lives.confirmed - lives.acknowledged - set(found), "lost"
    assert not {body: count for body, count in found.items() if count > 1}, "doubled"
    assert lives.confirmed, "nothing was tried"
    assert QUARANTINE not in lives.wire.broker.vhosts["/"].queues
