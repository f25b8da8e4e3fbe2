"""Any history of a queue with filters, priorities and deadlines, against a plain list.

The clock is moved by hand. Consumers come and go, each with one of a few filters or with none;
messages have headers, priorities and times to live, or have not; limits on the work of one pass
are so small that most work takes several. What the queue gives up goes to the queue `dead`.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
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
from tests.exchange.messages import body_of, make_message
from tests.exchange.outlet import Delivered
from tests.exchange.queues.stored import stored_positions
from warrener.exchange.broker import Broker
from warrener.exchange.consumer import Consumer
from warrener.exchange.filters.filter import compile_filter
from warrener.exchange.message import Envelope
from warrener.exchange.queues import deal, places, selection, waiting
from warrener.exchange.server.codec import CODEC
from warrener.storage.errors import UnknownPosition
from warrener.storage.null import NullStore

BEGIN_MS = 1_000_000
PRIORITY_MAX = 2


@dataclass(frozen=True)
class Sent:
    """What is said of a message when it is published."""

    kind: str | None
    n: int | None
    priority: int | None
    ttl: int | None
    persistent: bool

    @property
    def headers(self) -> dict[str, Any]:
        headers = {"kind": self.kind, "TAGS": self.kind, "n": self.n}
        return {name: value for name, value in headers.items() if value is not None}


def in_range(n: int | None, low: int, high: int) -> bool:
    return n is not None and low <= n <= high


Wants = Callable[[Sent, bool], bool]
SELECTORS: dict[str, Wants] = {
    "kind = 'a'": lambda sent, _: sent.kind == "a",
    "kind IN ('a', 'b')": lambda sent, _: sent.kind in ("a", "b"),
    "kind <> 'a'": lambda sent, _: sent.kind in ("b", "c"),
    "NOT kind LIKE 'a%' AND n < 2": lambda sent, _: (
        sent.kind in ("b", "c") and in_range(sent.n, 0, 1)
    ),
    "n BETWEEN 1 AND 2": lambda sent, _: in_range(sent.n, 1, 2),
    "n >= 2 OR kind = 'c'": lambda sent, _: in_range(sent.n, 2, 9) or sent.kind == "c",
    "n IS NULL": lambda sent, _: sent.n is None,
    "JMSPriority > 3": lambda sent, _: sent.priority is None or sent.priority > 3,
    "JMSExpiration = 0": lambda sent, _: not sent.ttl,
    "JMSRedelivered = FALSE": lambda _, redelivered: not redelivered,
    "JMSRedelivered = TRUE AND kind = 'a'": lambda sent, redelivered: (
        redelivered and sent.kind == "a"
    ),
    "kind = 'nobody'": lambda *_: False,
}
TAGS: dict[str, Wants] = {
    "a || c": lambda sent, _: sent.kind in ("a", "c"),
    "b": lambda sent, _: sent.kind == "b",
}

clients = st.integers(0, 2)
sent = st.builds(
    Sent,
    kind=st.sampled_from(["a", "b", "c", None]),
    n=st.sampled_from([0, 1, 2, 3, None]),
    priority=st.sampled_from([0, 1, 2, 5, None]),
    ttl=st.sampled_from([None, None, 0, 1, 3, 7]),
    persistent=st.booleans(),
)
dead_letters = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"}
queues = st.fixed_dictionaries(
    {},
    optional={"x-message-ttl": st.sampled_from([0, 5]), "x-max-priority": st.just(PRIORITY_MAX)},
)


class Histories(RuleBasedStateMachine):
    """The queue `q`, whose messages have their numbers as bodies; three channels."""

    @initialize(arguments=queues)
    def begin(self, arguments: dict[str, int]) -> None:
        self.broker = Broker(NullStore(), CODEC)
        self.now = BEGIN_MS
        self.broker.ledger.set_time(self.now)
        self.clients = [Client(self.broker) for _ in range(3)]
        self.arguments = arguments
        (self.queue,) = self.clients[0].declare(
            "q", durable=True, arguments=arguments | dead_letters
        )
        self.clients[0].declare("dead")
        self.sent: list[Sent] = []
        self.sizes: list[int] = []
        self.deadlines: list[int | None] = []
        self.positions: dict[int, int] = {}
        """Of each persistent message there ever was, its place in the store."""
        self.waiting: set[int] = set()
        self.returned: set[int] = set()
        self.dead: Counter[tuple[int, str]] = Counter()
        self.out: list[dict[int, tuple[str, int]]] = [{}, {}, {}]
        """For each client, by tag: the consumer that has a message, and the message."""
        self.wants: dict[str, Wants] = {"": lambda *_: True}
        """By consumer."""

    # What may happen

    @rule(many=st.lists(sent, min_size=1, max_size=6))
    def publish(self, many: list[Sent]) -> None:
        vhost = self.clients[0].vhost
        for each in many:
            number = len(self.sent)
            message = make_message(
                b"%05d" % number,
                persistent=each.persistent,
                headers=each.headers,
                priority=each.priority,
                envelope=Envelope("", "q"),
                expiration=None if each.ttl is None else str(each.ttl),
            )
            route = vhost.route("", "q", message.properties)
            vhost.publish(route, [message], len(message.content), each.ttl is not None)
            self.sent.append(each)
            self.sizes.append(len(message.content))
            self.deadlines.append(self.deadline(each))
            self.waiting.add(number)
            if each.persistent:
                self.positions[number] = message.position

    @precondition(lambda self: len(self.queue.consumers) < 5)
    @rule(
        client=clients,
        chosen=st.sampled_from([None, None, *SELECTORS, *TAGS]),
        no_ack=st.sampled_from([False, False, True]),
        prefetch=st.integers(0, 3),
    )
    def consume(self, client: int, chosen: str | None, no_ack: bool, prefetch: int) -> None:
        tag = f"c{len(self.wants)}"
        self.wants[tag] = (SELECTORS | TAGS)[chosen] if chosen else self.wants[""]
        filter = None
        if chosen is not None:
            filter = compile_filter(tags=chosen) if chosen in TAGS else compile_filter(chosen)
        self.clients[client].consume("q", tag, no_ack=no_ack, prefetch=prefetch, filter=filter)

    @precondition(lambda self: self.queue.consumers)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        consumer = data.draw(st.sampled_from(list(self.queue.consumers)))
        consumer.channel.cancel(consumer.tag)

    @rule(client=clients)
    def close(self, client: int) -> None:
        self.clients[client].channel.close()
        self.come_back(client, list(self.out[client]))
        self.clients[client] = Client(self.broker)

    @rule(client=clients, no_ack=st.booleans())
    def get(self, client: int, no_ack: bool) -> None:
        found = self.clients[client].channel.get(self.queue, no_ack)
        assert found == bool(self.waiting)
        if found:
            (delivery,) = self.clients[client].outlet.delivered
            self.clients[client].outlet.delivered.clear()
            assert int(delivery.body) == min(self.waiting, key=self.rank)
            self.take_in(client, delivery, no_ack)

    @precondition(lambda self: any(self.out))
    @rule(data=st.data(), way=st.sampled_from(["ack", "drop", "requeue"]))
    def answer(self, data: st.DataObject, way: str) -> None:
        client = data.draw(st.sampled_from([n for n, out in enumerate(self.out) if out]))
        tag = data.draw(st.sampled_from(list(self.out[client])))
        if way == "requeue":
            self.clients[client].reject(tag)
            self.come_back(client, [tag])
            return
        _, number = self.out[client].pop(tag)
        if way == "ack":
            self.clients[client].ack(tag)
        else:
            self.clients[client].reject(tag, requeue=False)
            self.dead[number, "rejected"] += 1

    @rule(ms=st.integers(1, 6))
    def pass_time(self, ms: int) -> None:
        self.now += ms
        self.broker.ledger.set_time(self.now)

    @rule()
    def purge(self) -> None:
        assert self.queue.purge() == len(self.waiting)
        self.waiting.clear()

    # What must hold

    @invariant()
    def the_model_is_met(self) -> None:
        self.settle_passes()
        self.everybody_has_what_it_wants()
        self.counts_are_right()
        self.the_store_holds_what_is_not_settled()

    def settle_passes(self) -> None:
        """Passes until no work is left; follow every delivery."""
        before = sorted(self.waiting, key=self.rank)
        self.broker.end_pass()
        while self.broker.pump.unfinished or self.is_late():
            self.broker.end_pass()
        delivered: dict[str, list[int]] = {}
        for number, client in enumerate(self.clients):
            new, client.outlet.delivered = client.outlet.delivered, []
            for delivery in new:
                consumer = client.channel.consumers[delivery.consumer]
                self.take_in(number, delivery, consumer.no_ack)
                delivered.setdefault(consumer.tag, []).append(int(delivery.body))
        for number in [number for number in self.waiting if self.is_over(number)]:
            self.waiting.remove(number)
            self.dead[number, "expired"] += 1
        for tag, mine in delivered.items():
            wanted = [number for number in before if self.is_wanted(tag, number)]
            assert mine == sorted(mine, key=self.rank)
            passed = set(wanted[: wanted.index(mine[-1])]) - set(mine)
            assert not self.waiting & passed

    def everybody_has_what_it_wants(self) -> None:
        for consumer in self.queue.consumers:
            if self.takes_more(consumer):
                assert not [n for n in self.waiting if self.is_wanted(consumer.tag, n)]

    def counts_are_right(self) -> None:
        counts = self.queue.statistics()
        out = [number for each in self.out for _, number in each.values()]
        assert (counts.messages_ready, counts.messages_unacked) == (len(self.waiting), len(out))
        assert counts.bytes_ready == sum(self.sizes[number] for number in self.waiting)
        assert counts.bytes_unacked == sum(self.sizes[number] for number in out)
        ready = self.queue.ready
        assert len(self.waiting - self.positions.keys()) <= ready.messages_in_memory
        assert ready.messages_in_memory <= len(self.waiting)
        assert ready.memory_bytes <= counts.bytes_ready
        assert self.letters() == self.dead

    def the_store_holds_what_is_not_settled(self) -> None:
        waiting = sorted(self.positions[n] for n in self.waiting if n in self.positions)
        assert sorted(stored_positions(self.queue.ready)) == waiting
        held = self.waiting | {number for each in self.out for _, number in each.values()}
        for number, position in self.positions.items():
            if number in held:
                (message,) = self.broker.ledger.load([position])
                assert int(body_of(message)) == number
            else:
                with pytest.raises(UnknownPosition):
                    self.broker.ledger.load([position])

    # The model

    def deadline(self, each: Sent) -> int | None:
        limits = (each.ttl, self.arguments.get("x-message-ttl"))
        times = [limit for limit in limits if limit is not None]
        return self.now + min(times) if times else None

    def rank(self, number: int) -> tuple[int, int]:
        """By what messages stand in order."""
        if "x-max-priority" not in self.arguments:
            return (0, number)
        return (-min(self.sent[number].priority or 0, PRIORITY_MAX), number)

    def is_over(self, number: int) -> bool:
        deadline = self.deadlines[number]
        return deadline is not None and deadline <= self.now

    def is_late(self) -> bool:
        due = self.broker.deadlines.next
        return due is not None and due <= self.now

    def is_wanted(self, tag: str, number: int) -> bool:
        return self.wants[tag](self.sent[number], number in self.returned)

    def take_in(self, client: int, delivery: Delivered, no_ack: bool) -> None:
        number = int(delivery.body)
        self.waiting.remove(number)
        assert delivery.redelivered == (number in self.returned)
        assert self.is_wanted(delivery.consumer, number)
        assert (self.deadlines[number] or self.now) >= self.now, "too late"
        if not no_ack:
            self.out[client][delivery.tag] = (delivery.consumer, number)

    def come_back(self, client: int, tags: list[int]) -> None:
        numbers = {self.out[client].pop(tag)[1] for tag in tags}
        self.waiting |= numbers
        self.returned |= numbers

    def takes_more(self, consumer: Consumer) -> bool:
        client = [peer.channel for peer in self.clients].index(consumer.channel)
        held = [tag for tag, _ in self.out[client].values()].count(consumer.tag)
        return consumer.no_ack or not consumer.prefetch or held < consumer.prefetch

    def letters(self) -> Counter[tuple[int, str]]:
        """Numbers and reasons of the dead letters, which stay where they are."""
        reader = Client(self.broker)
        while reader.channel.get(self.clients[0].vhost.queues["dead"], False):
            pass
        found: Counter[tuple[int, str]] = Counter()
        for delivery in reader.channel.unacked.values():
            headers = delivery.message.properties.headers or {}
            found[int(body_of(delivery.message)), str(headers["x-last-death-reason"])] += 1
        reader.channel.close()
        return found

    def teardown(self) -> None:
        """What is left goes; then there is nothing anywhere."""
        for number in range(3):
            self.close(number)
        self.purge()
        self.the_model_is_met()
        assert (self.queue.ready.bytes, self.queue.ready.memory_bytes) == (0, 0)


@pytest.fixture
def little_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "EXAMINED_MAX", 2)
    monkeypatch.setattr(selection, "EXPIRED_MAX", 2)
    monkeypatch.setattr(deal, "DEALT_MAX", 3)
    monkeypatch.setattr(places, "STALE_MIN", 2)
    monkeypatch.setattr(waiting, "WINDOW_BYTES", 300)


@pytest.mark.usefixtures("small_window", "little_at_once")
def test_any_history_of_a_selection_is_that_of_a_plain_list() -> None:
    run_state_machine_as_test(
        Histories, settings=settings(max_examples=150, stateful_step_count=40, deadline=None)
    )
