"""The whole broker under hostile clients: nothing they send ends it, stalls it, or harms others.

`World` is a broker in this process, without sockets, on a store that can be started again. Three
attackers send what `Hostile` makes up; time moves on; connections vanish; somebody looks at
everything over the management API; the broker is started again from what was committed. What must
hold, after each step:

- no step of the broker raises an exception, and none is noted as a failure or logged as an error
- no client is told 541
- the victim, a client that does what clients do, is confirmed each publish, and gets all of its
  messages in order
- a restart gives back the topology that lasts and, queue by queue, every message that was stored
  and not settled; no record is unreadable

A run follows from its seed. `make soak` does this for as long as you like.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections import Counter, deque
from collections.abc import Iterator
from random import Random
from typing import Any

from tests.exchange.durable_broker import lasting_topology
from tests.exchange.queues.stored import stored_positions
from tests.exchange.server.inbox import Content
from tests.exchange.server.wire import Client, Wire, encode
from tests.faults.hostile import Hostile
from tests.faults.kept_store import KeptStore
from tests.faults.onlooker import look_at_everything
from warrener.exchange.broker import Broker
from warrener.exchange.durability.recovery import restore
from warrener.exchange.errors import Refused
from warrener.exchange.filters.failing import FAILURES
from warrener.exchange.queues.queue import Queue
from warrener.protocol import methods as m
from warrener.protocol.frames import METHOD, frame
from warrener.protocol.properties import encode_properties

ATTACKERS = 3
CHANNELS = 3
INTERNAL_ERROR = 541
PERSISTENT = encode_properties(delivery_mode=2)
RESTART = 0.004
RENDER = 0.004
OPERATE = 0.02
VICTIM_WORKS = 0.1
STEPS_KEPT = 30
STEP_S_MAX = 5.0
"""A step that takes longer has stalled everybody else, whatever the machine is doing."""


class Failed(AssertionError):
    """Something did not hold; the text says in which run."""


class Errors(logging.Handler):
    """What is logged as an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(self.format(record))


class Attacker:
    """A connection that sends whatever it likes, and answers as a client has to."""

    def __init__(self, wire: Wire) -> None:
        self.client: Client = wire.login(frame_max=131072)
        self.opened: set[int] = set()
        self.tags: dict[int, list[int]] = {}
        """By channel, the deliveries that it may still answer."""

    @property
    def closed(self) -> bool:
        return self.client.closed

    def answer(self, closes: Counter[int]) -> bytes:
        """Note what has come; returns what has to be said to it."""
        answers = b""
        for channel, item in self.client.received():
            if isinstance(item, Content):
                tag = getattr(item.method, "delivery_tag", None)
                if tag is not None:
                    self.tags.setdefault(channel, []).append(tag)
            elif isinstance(item, m.ChannelClose):
                closes[item.reply_code] += 1
                self.tags.pop(channel, None)
                self.opened.discard(channel)
                answers += encode(channel, m.ChannelCloseOk())
            elif isinstance(item, m.ChannelCloseOk):
                self.opened.discard(channel)
            elif isinstance(item, m.ConnectionClose):
                closes[item.reply_code] += 1
                answers += encode(0, m.ConnectionCloseOk())
        return answers


class Victim:
    """A client that publishes and takes, and knows what it must be told."""

    def __init__(self) -> None:
        self.number = 0
        self.waiting: deque[bytes] = deque()

    def connect(self, wire: Wire) -> None:
        self.channel = wire.login().channel()
        self.channel.queue("victim", durable=True)
        assert self.channel.call(m.ConfirmSelect()) == m.ConfirmSelectOk()
        self.confirmed = 0

    def work(self) -> None:
        """Publish some, take some."""
        bodies = [b"%d" % (self.number + each) for each in range(3)]
        self.number += 3
        self.channel.publish("", "victim", *bodies, properties=PERSISTENT)
        self.waiting += bodies
        self.confirmed += 3
        assert self.channel.received() == [m.BasicAck(self.confirmed, True)]
        for _ in range(2 + len(self.waiting) // 10):
            got = self.channel.call(m.BasicGet(queue="victim"))
            assert isinstance(got, Content)
            assert got.body == self.waiting.popleft()
            self.channel.send(m.BasicAck(got.method.delivery_tag))


class World:
    """One run, by its seed."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.random = Random(seed)
        self.hostile = Hostile(self.random)
        self.store = KeptStore()
        self.victim = Victim()
        self.attackers: list[Attacker] = []
        self.closes: Counter[int] = Counter()
        self.methods = self.restarts = self.steps = self.documents = 0
        self.slowest_s = 0.0
        self.recent: deque[bytes] = deque(maxlen=STEPS_KEPT)
        self.errors = Errors()
        self._failures_before = FAILURES.total
        self._now = 1000.0
        self._start()
        for payload in self.hostile.beginning():
            client = self._attacker().client
            client.send_bytes(encode(1, m.ChannelOpen()) + frame(METHOD, 1, payload))
            client.vanish()

    def run(self, steps: int, until: float = float("inf")) -> None:
        """Raises: Failed."""
        logger = logging.getLogger("warrener")
        logger.addHandler(self.errors)
        try:
            for _ in range(steps):
                if time.monotonic() >= until:
                    break
                self._step_checked()
        finally:
            logger.removeHandler(self.errors)

    @property
    def broker(self) -> Broker:
        return self.wire.broker

    # A step

    def _step_checked(self) -> None:
        self.steps += 1
        began = time.monotonic()
        try:
            self._step()
            self._check()
        except Exception as error:
            sent = "\n".join(data.hex() for data in list(self.recent)[-3:])
            raise Failed(
                f"seed {self.seed}, step {self.steps}: {error!r}; sent last:\n{sent[:4000]}"
            ) from error
        took = time.monotonic() - began
        self.slowest_s = max(self.slowest_s, took)
        if took > STEP_S_MAX:
            raise Failed(f"seed {self.seed}, step {self.steps}: took {took:.1f} s")

    def _step(self) -> None:
        chance = self.hostile.chance
        if chance(RESTART):
            self._restart()
        elif chance(RENDER):
            self.documents += look_at_everything(self.wire)
        elif chance(OPERATE):
            self._operate()
        elif chance(0.05):
            self.wire.advance(self.random.choice([0.001, 0.02, 0.2, 2, 20]))
            self._now = self.wire.now
        else:
            self._attack()
        if chance(VICTIM_WORKS) and not self.store.full:
            self.victim.work()

    def _operate(self) -> None:
        """What whoever runs the broker does: policies, tracing, a disk that is full for a while."""
        broker, hostile = self.broker, self.hostile
        name = f"p{self.random.randrange(3)}"
        what = self.random.randrange(7)
        if what < 3:
            pattern, definition = hostile.policy()
            with contextlib.suppress(Refused):
                operator = hostile.chance(0.2)
                broker.policies.set("/", name, pattern, definition, operator=operator)
        elif what == 3:
            with contextlib.suppress(Refused):
                broker.policies.clear("/", name)
        elif what == 4:
            broker.set_tracing("/", not broker.vhosts["/"].tracing)
        elif what == 5:
            broker.rewrite_definitions()
        else:
            self.store.fill(not self.store.full)
            broker.watch_disk(1)
        self.wire.end_pass()

    def _attack(self) -> None:
        attacker = self._attacker()
        if self.hostile.chance(0.01):
            attacker.client.vanish()
            return
        attacker.client.reads = not self.hostile.chance(0.05)
        attacker.client.collect()
        data = attacker.answer(self.closes) + self._batch(attacker)
        self.recent.append(data)
        if data and not attacker.closed:
            attacker.client.send_bytes(data)

    def _attacker(self) -> Attacker:
        self.attackers = [each for each in self.attackers if not each.closed]
        self.wire.clients = [each for each in self.wire.clients if not each.closed]
        while len(self.attackers) < ATTACKERS:
            self.attackers.append(Attacker(self.wire))
        return self.random.choice(self.attackers)

    def _batch(self, attacker: Attacker) -> bytes:
        data = b""
        for _ in range(self.random.randrange(1, 10)):
            channel = self.random.randrange(1, CHANNELS + 1)
            if channel not in attacker.opened:
                attacker.opened.add(channel)
                mode = self.random.choice([None, None, m.ConfirmSelect(), m.TxSelect()])
                data += encode(channel, *filter(None, (m.ChannelOpen(), mode)))
            self.methods += 1
            if self.hostile.chance(0.35):
                data += self.hostile.publish(channel)
            else:
                tags = attacker.tags.get(channel, [])
                data += frame(METHOD, channel, self.hostile.method(tags))
                del tags[:-20]
        return data

    def _check(self) -> None:
        assert not self.errors.texts, self.errors.texts[0]
        noted = [*self.broker.failures, *list(FAILURES)]
        assert not self.broker.failures.total, noted
        assert FAILURES.total == self._failures_before, noted
        assert INTERNAL_ERROR not in self.closes, "541"

    # A life

    def _start(self) -> None:
        self.wire = Wire(self.store)
        self.wire.advance(self._now - self.wire.now)
        restore(self.wire.broker, self.store.recover())
        assert not list(self.broker.unreadable)
        # Before the first pass, which gives up what is over its time.
        self.found = stored_messages(self.broker)
        self.victim.connect(self.wire)
        self.attackers = []

    def _restart(self) -> None:
        self.restarts += 1
        self.store.fill(False)
        self.broker.watch_disk(1)
        self.wire.end_pass()
        if self.hostile.chance(0.5):
            self._shut_down()
        topology, stored = lasting_topology(self.broker), stored_messages(self.broker)
        self.store = self.store.again()
        self._start()
        again = lasting_topology(self.broker)
        assert again == topology, [
            (name, topology.get(name), again.get(name))
            for name in topology.keys() | again.keys()
            if topology.get(name) != again.get(name)
        ]
        assert self.found == stored, difference(stored, self.found)

    def _shut_down(self) -> None:
        """End in order: everybody is told, and gives back what it has."""
        for client in self.wire.clients:
            client.connection.close(320, "broker shutdown", self.wire.now)
        self.wire.end_pass()

    def report(self) -> dict[str, Any]:
        return {
            "steps": self.steps,
            "methods": self.methods,
            "restarts": self.restarts,
            "documents": self.documents,
            "victim": self.victim.number,
            "slowest_s": round(self.slowest_s, 3),
            "closes": dict(self.closes),
        }


def stored_messages(broker: Broker) -> dict[str, list[int]]:
    """By queue that lasts, where the messages are stored that are not settled there."""
    held: dict[str, list[int]] = {}
    for queue in broker.vhosts["/"].queues.values():
        if queue.number:
            held[queue.name] = [*stored_positions(queue.ready), *_set_aside(queue)]
    for connection in broker.connections.of_vhost("/"):
        for channel in connection.channels.values():
            deliveries = list(channel.core.unacked.values())
            if channel.transaction is not None:
                for _, aside in channel.transaction._settlements:
                    deliveries += aside.values()
            for delivery in deliveries:
                queue = delivery.consumer.queue
                if queue.number and not queue.deleted and delivery.message.position:
                    held[queue.name].append(delivery.message.position)
    return {name: sorted(positions) for name, positions in held.items()}


def _set_aside(queue: Queue) -> Iterator[int]:
    """What neither waits in a queue nor is with a channel: on its way back, or without a way."""
    returning = queue.returning
    for number, (_, deliveries) in enumerate(returning._batches):
        for delivery in deliveries[0 if number else returning._reached :]:
            if delivery.message.position:
                yield delivery.message.position
    for entry in () if queue.unrouted is None else queue.unrouted._entries:
        position = entry.message if isinstance(entry.message, int) else entry.message.position
        if position:
            yield position


def difference(before: dict[str, list[int]], after: dict[str, list[int]]) -> str:
    texts = []
    for name in sorted(before.keys() | after.keys()):
        lost = set(before.get(name, ())) - set(after.get(name, ()))
        found = set(after.get(name, ())) - set(before.get(name, ()))
        if lost or found:
            texts.append(f"{name}: lost {sorted(lost)}, found {sorted(found)}")
    return "; ".join(texts) or "the same messages, but not as often"
