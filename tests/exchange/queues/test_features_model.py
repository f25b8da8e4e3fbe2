"""Any history of durable queues with all they can do, with restarts and crashes in between.

A message is in exactly one place at all times: in the queue it was published to, or in the one
that takes its dead letters, or gone. After a crash the state is that of the end of some pass, no
older than what was on disk. Deadlines, priorities and how often a message has failed count on after
a restart. The clock is moved by hand.
"""

from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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

from tests.exchange.core_client import Client
from tests.exchange.durable_broker import DurableBroker
from tests.exchange.messages import body_of
from tests.exchange.outlet import Delivered
from tests.exchange.queues.stored import stored_positions
from warrener.exchange.filters.filter import compile_filter
from warrener.exchange.queues import selection, waiting
from warrener.exchange.queues.queue import Queue

BEGIN_MS = 1_000_000
LENGTH_MAX = 3
TTL_MS = 20
DEATHS: dict[str, str | None] = {
    "timed": "dead",
    "ranked": "dead",
    "short": "dead",
    "counted": "dead",
    "first": "timed",
    "plain": None,
    "dead": None,
}
"""By queue: the one that takes its dead letters."""
ARGUMENTS: dict[str, dict[str, Any]] = {
    "timed": {"x-message-ttl": TTL_MS},
    "ranked": {"x-max-priority": 2},
    "short": {"x-max-length": LENGTH_MAX},
    "counted": {"x-delivery-limit": 1},
}
PUBLISHED_TO = [name for name in DEATHS if name != "dead"]


@dataclass
class Place:
    """Where a message is, and what it has been through."""

    queue: str
    arrival: int
    priority: int
    deadline: int | None
    deaths: list[tuple[str, str]] = field(default_factory=list)
    """Queues and reasons, the latest first."""
    failures: int = 0
    """How often it came back to this queue."""


State = dict[int, Place]
"""The messages that are anywhere, by their numbers."""


class Histories(RuleBasedStateMachine):
    """All queues of DEATHS, one client; persistent messages with their numbers as bodies."""

    folder: Path
    folders = 0

    @initialize()
    def begin(self) -> None:
        Histories.folders += 1
        self.durable = DurableBroker(self.folder / str(Histories.folders))
        self.now = BEGIN_MS
        self.durable.broker.ledger.set_time(self.now)
        for name, target in DEATHS.items():
            arguments = dict(ARGUMENTS.get(name, {}))
            if target is not None:
                arguments |= {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": target}
            self.client.declare(name, durable=True, arguments=arguments)
        self.published = self.arrivals = self.tags = 0
        self.state: State = {}
        self.out: dict[int, int] = {}
        """By tag, the numbers of messages that are with the client."""
        self.odd_only: dict[str, bool] = {}
        """By consumer, whether it wants odd numbers only."""
        self.passes: list[State] = []
        """The states after the passes that may not be on disk, and the last one that is."""
        self.settle_pass()
        self.wait_for_disk()

    # What may happen

    @rule(
        queue=st.sampled_from(PUBLISHED_TO),
        priority=st.integers(0, 3),
        ttl=st.sampled_from([None, None, 0, 5, 30]),
        count=st.integers(1, 5),
    )
    def publish(self, queue: str, priority: int, ttl: int | None, count: int) -> None:
        more = {} if ttl is None or queue == "short" else {"expiration": str(ttl)}
        numbers = range(self.published, self.published + count)
        self.published += count
        for number in numbers:
            self.put(number, queue, priority, int(more["expiration"]) if more else None)
            self.client.publish(
                "",
                queue,
                b"%05d" % number,
                persistent=True,
                priority=priority,
                headers={"odd": number % 2},
                **more,
            )
            self.settle_pass()

    @rule(queue=st.sampled_from(list(DEATHS)), no_ack=st.booleans())
    def get(self, queue: str, no_ack: bool) -> None:
        ready = self.ready(queue)
        found = self.client.channel.get(self.queue(queue), no_ack)
        assert found == bool(ready)
        if found:
            (delivery,) = self.client.outlet.delivered
            self.client.outlet.delivered.clear()
            number = int(delivery.body)
            assert number in ready if queue == "dead" else number == ready[0]
            self.take_in(delivery, no_ack)

    @precondition(lambda self: len(self.client.channel.consumers) < 3)
    @rule(
        queue=st.sampled_from(PUBLISHED_TO),
        odd_only=st.booleans(),
        prefetch=st.integers(0, 2),
        no_ack=st.booleans(),
    )
    def consume(self, queue: str, odd_only: bool, prefetch: int, no_ack: bool) -> None:
        self.tags += 1
        tag = f"c{self.tags}"
        self.odd_only[tag] = odd_only
        filter = compile_filter("odd = 1") if odd_only else None
        self.client.consume(queue, tag, prefetch=prefetch, no_ack=no_ack, filter=filter)

    @rule()
    def cancel(self) -> None:
        for tag in list(self.client.channel.consumers):
            self.client.channel.cancel(tag)

    @precondition(lambda self: self.out)
    @rule(data=st.data(), way=st.sampled_from(["ack", "reject", "requeue"]), multiple=st.booleans())
    def answer(self, data: st.DataObject, way: str, multiple: bool) -> None:
        last = data.draw(st.sampled_from(sorted(self.out)))
        tags = [tag for tag in sorted(self.out) if tag <= last] if multiple else [last]
        if way == "ack":
            self.client.ack(last, multiple=multiple)
        else:
            self.client.reject(last, multiple=multiple, requeue=way == "requeue")
        for number in [self.out.pop(tag) for tag in tags]:
            if way == "ack":
                del self.state[number]
            elif way == "reject":
                self.die(number, "rejected")
            else:
                self.come_back(number)

    @rule(queue=st.sampled_from(list(DEATHS)))
    def purge(self, queue: str) -> None:
        ready = self.ready(queue)
        assert self.queue(queue).purge() == len(ready)
        for number in ready:
            del self.state[number]

    @rule(ms=st.sampled_from([1, 5, 15, 30]))
    def pass_time(self, ms: int) -> None:
        self.now += ms
        self.durable.broker.ledger.set_time(self.now)

    # The disk, and ends of the broker

    @rule()
    def stop_disk(self) -> None:
        """From now on nothing gets to the disk, until it is waited for."""
        self.wait_for_disk()
        self.durable.files.gate.clear()

    @rule()
    def wait_for_disk(self) -> None:
        self.durable.files.gate.set()
        self.durable.wait_durable()
        self.passes = self.passes[-1:]

    @rule(down_ms=st.sampled_from([0, 10, 40]))
    def restart(self, down_ms: int) -> None:
        self.wait_for_disk()
        self.end(down_ms)
        self.durable.restart()
        self.begin_again()

    @rule(down_ms=st.sampled_from([0, 10, 40]))
    def crash(self, down_ms: int) -> None:
        """What is on disk is the state after one of the passes that may be there."""
        if self.durable.files.gate.is_set():
            # Else it would be a matter of luck which passes are, and the history no use as a test.
            self.wait_for_disk()
        self.end(down_ms)
        self.durable.kill()
        failures = self.failures()
        found = {
            number: (name, failures.get(number, 0))
            for name in DEATHS
            for number in self.stored(name)
        }
        possible = [
            state
            for state in self.passes
            if {n: (place.queue, place.failures) for n, place in state.items()} == found
        ]
        assert possible, found
        self.state = deepcopy(possible[-1])
        self.begin_again()

    def end(self, down_ms: int) -> None:
        self.now += down_ms
        self.durable.now_ms = self.now

    def begin_again(self) -> None:
        self.out.clear()
        self.settle_pass()
        self.wait_for_disk()

    # What must hold

    @invariant()
    def each_message_is_in_its_place(self) -> None:
        self.settle_pass()
        for name in DEATHS:
            assert sorted(self.stored(name)) == sorted(self.ready(name)), name
        counts = self.durable.broker.statistics()
        assert counts.messages_unacked == len(self.out)
        assert counts.messages_ready == len(self.state) - len(self.out)

    @invariant()
    def the_dead_tell_how_they_died(self) -> None:
        for name in ("timed", "dead"):
            for message in self.durable.broker.ledger.load(
                stored_positions(self.queue(name).ready)
            ):
                deaths = (message.properties.headers or {}).get("x-death", [])
                found = [(death["queue"], death["reason"]) for death in deaths]
                assert found == self.state[int(body_of(message))].deaths

    # The model

    @property
    def client(self) -> Client:
        return self.durable.client

    def queue(self, name: str) -> Queue:
        return self.client.vhost.queues[name]

    def ready(self, name: str) -> list[int]:
        """Numbers of the messages that wait in a queue, in order."""
        out = set(self.out.values())
        numbers = [n for n, place in self.state.items() if place.queue == name and n not in out]
        return sorted(numbers, key=self.rank)

    def rank(self, number: int) -> tuple[int, int]:
        place = self.state[number]
        return (-min(place.priority, 2) if place.queue == "ranked" else 0, place.arrival)

    def stored(self, name: str) -> list[int]:
        """Numbers of the messages that wait in a queue, as the store has them."""
        positions = stored_positions(self.queue(name).ready)
        assert len(positions) == len(self.queue(name).ready)
        return [int(body_of(message)) for message in self.durable.broker.ledger.load(positions)]

    def failures(self) -> dict[int, int]:
        """How often the messages that wait in `counted` have failed, as the queue remembers it."""
        ready = self.queue("counted").ready
        assert isinstance(ready, selection.Selection)
        cards = [*ready.waiting.standing.items(), *ready.waiting.aside.items()]
        return {
            int(body_of(message)): ready.notes.failures(place >> 1)
            for place, message in ready.waiting.read(cards).items()
        }

    def put(self, number: int, queue: str, priority: int, ttl: int | None) -> None:
        times = [time for time in (ttl, TTL_MS if queue == "timed" else None) if time is not None]
        deadline = self.now + min(times) if times else None
        self.arrivals += 1
        self.state[number] = Place(queue, self.arrivals, priority, deadline)

    def die(self, number: int, reason: str) -> None:
        place = self.state.pop(number)
        target = DEATHS[place.queue]
        if target is not None:
            self.put(number, target, place.priority, None)
            self.state[number].deaths = [(place.queue, reason), *place.deaths]

    def come_back(self, number: int) -> None:
        place = self.state[number]
        if place.queue == "counted":
            place.failures += 1
            if place.failures > 1:
                self.die(number, "delivery_limit")

    def take_in(self, delivery: Delivered, no_ack: bool) -> None:
        number = int(delivery.body)
        assert number not in self.out.values()
        assert (self.state[number].deadline or self.now) >= self.now, "too late"
        if no_ack:
            del self.state[number]
        else:
            self.out[delivery.tag] = number

    def settle_pass(self) -> None:
        """Passes until no work is left; follow what they do."""
        self.expire(self.now - 1)
        broker = self.durable.broker
        broker.end_pass()
        while broker.pump.unfinished or (broker.deadlines.next or self.now + 1) <= self.now:
            broker.end_pass()
        delivered, self.client.outlet.delivered = self.client.outlet.delivered, []
        for delivery in delivered:
            assert not self.odd_only[delivery.consumer] or int(delivery.body) % 2
            consumer = self.client.channel.consumers[delivery.consumer]
            if int(delivery.body) not in self.ready(consumer.queue.name):
                # It was handed out where it came to by dying in this pass.
                self.give_up()
            assert int(delivery.body) in self.ready(consumer.queue.name)
            self.take_in(delivery, consumer.no_ack)
        self.give_up()
        self.passes.append(deepcopy(self.state))

    def give_up(self) -> None:
        excess = len(self.ready("short")) - LENGTH_MAX
        for number in self.ready("short")[: max(0, excess)]:
            self.die(number, "maxlen")
        self.expire(self.now)

    def expire(self, now: int) -> None:
        for name in DEATHS:
            for number in self.ready(name):
                deadline = self.state[number].deadline
                if deadline is not None and deadline <= now:
                    self.die(number, "expired")

    def teardown(self) -> None:
        self.restart(0)
        self.each_message_is_in_its_place()
        self.durable.close()


@pytest.fixture
def little_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "WINDOW_BYTES", 400)
    monkeypatch.setattr(selection, "CHUNK_MESSAGES", 2)


@pytest.mark.usefixtures("small_window", "little_at_once")
def test_any_history_leaves_each_message_in_one_place(tmp_path: Path) -> None:
    Histories.folder = tmp_path
    run_state_machine_as_test(
        Histories, settings=settings(max_examples=80, stateful_step_count=40, deadline=None)
    )
