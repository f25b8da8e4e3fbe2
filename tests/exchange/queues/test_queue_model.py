"""Any history of one queue, its consumers and its channels, against plain dictionaries.

Consumers may have limits, priorities and, in some of the histories, filters: for odd or for even
messages. Each kind of history is a subclass with a queue of its own kind.
"""

from collections import Counter
from typing import Any, ClassVar

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
from tests.exchange.outlet import PLENTY_BYTES, Delivered
from tests.exchange.queues.stored import stored_positions
from warrener.exchange.broker import Broker
from warrener.exchange.consumer import Consumer
from warrener.exchange.filters.filter import compile_filter
from warrener.exchange.message import Message
from warrener.exchange.server.codec import CODEC
from warrener.storage.errors import UnknownPosition
from warrener.storage.null import NullStore


def made(number: int, persistent: bool = True) -> Message:
    return make_message(
        b"%05d" % number,
        persistent=persistent,
        headers={"odd": number % 2},
        priority=priority_of(number),
    )


def priority_of(number: int) -> int:
    return number * 7 % 3


EACH = len(made(0).content)

clients = st.integers(0, 2)


class Histories(RuleBasedStateMachine):
    """The queue `q`, whose messages have their numbers as bodies; three channels."""

    arguments: ClassVar[dict[str, Any]] = {}
    filters = False
    failures_max = 1 << 30
    """How often a message may fail."""
    length_max = 1 << 30

    def rank(self, number: int) -> tuple[int, int]:
        """By what messages stand in order."""
        return (0, number)

    @initialize()
    def begin(self) -> None:
        self.broker = Broker(NullStore(), CODEC)
        self.clients = [Client(self.broker) for _ in range(3)]
        (self.queue,) = self.clients[0].declare("q", durable=True, arguments=self.arguments)
        self.published = self.tags = 0
        self.wanted: dict[str, set[int]] = {}
        """By consumer: the remainders by two of the numbers it takes."""
        self.positions: dict[int, int] = {}
        """Of each persistent message there ever was, its place in the store."""
        self.waiting: set[int] = set()
        self.returned: set[int] = set()
        self.failures: Counter[int] = Counter()
        self.out: list[dict[int, tuple[str, int]]] = [{}, {}, {}]
        """For each client, by tag: the consumer that has a message, and the message."""

    # What may happen

    @rule(count=st.integers(1, 6), persistent=st.booleans())
    def publish(self, count: int, persistent: bool) -> None:
        numbers = range(self.published, self.published + count)
        self.published += count
        self.waiting |= set(numbers)
        messages = [made(number, persistent) for number in numbers]
        vhost = self.clients[0].vhost
        vhost.publish(vhost.route("", "q", messages[0].properties), messages, EACH * count)
        if persistent:
            self.positions |= {int(body_of(message)): message.position for message in messages}

    @precondition(lambda self: len(self.queue.consumers) < 4)
    @rule(
        client=clients,
        no_ack=st.sampled_from([False, False, True]),
        prefetch=st.integers(0, 3),
        odd=st.sampled_from([None, None, 0, 1]),
        priority=st.sampled_from([0, 0, 7]),
    )
    def consume(
        self, client: int, no_ack: bool, prefetch: int, odd: int | None, priority: int
    ) -> None:
        self.tags += 1
        tag = f"c{self.tags}"
        self.wanted[tag] = {0, 1} if odd is None or not self.filters else {odd}
        selector = None if len(self.wanted[tag]) == 2 else compile_filter(f"odd = {odd}")
        self.clients[client].consume(
            "q", tag, no_ack=no_ack, prefetch=prefetch, filter=selector, priority=priority
        )

    @precondition(lambda self: self.queue.consumers)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        consumer = data.draw(st.sampled_from(list(self.queue.consumers)))
        assert consumer.channel.cancel(consumer.tag) is consumer

    @rule(client=clients, no_ack=st.booleans())
    def get(self, client: int, no_ack: bool) -> None:
        self.settle_pass()
        found = self.clients[client].channel.get(self.queue, no_ack)
        assert found == bool(self.waiting)
        if found:
            (delivery,) = self.clients[client].outlet.delivered
            assert int(delivery.body) == min(self.waiting, key=self.rank)
            self.clients[client].outlet.delivered.clear()
            self.take_in(client, delivery, no_ack)

    @precondition(lambda self: any(self.out))
    @rule(
        data=st.data(),
        way=st.sampled_from(["ack", "drop", "nack", "reject"]),
        multiple=st.booleans(),
    )
    def answer(self, data: st.DataObject, way: str, multiple: bool) -> None:
        client = data.draw(st.sampled_from([n for n, out in enumerate(self.out) if out]))
        tag = data.draw(st.sampled_from(list(self.out[client])))
        if way == "ack":
            self.clients[client].ack(tag, multiple=multiple)
        elif way == "nack":
            self.clients[client].nack(tag, multiple=multiple)
        else:
            self.clients[client].reject(tag, multiple=multiple, requeue=way == "reject")
        tags = [each for each in self.out[client] if each <= tag] if multiple else [tag]
        self.forget(client, tags, requeue=way in ("nack", "reject"), failed=way == "reject")

    @rule(client=clients)
    def recover(self, client: int) -> None:
        self.clients[client].channel.recover()
        self.forget(client, list(self.out[client]), requeue=True, failed=False)

    @rule(client=clients)
    def close(self, client: int) -> None:
        self.clients[client].channel.close()
        self.forget(client, list(self.out[client]), requeue=True)
        self.clients[client] = Client(self.broker)

    @rule(client=clients, prefetch=st.integers(0, 4))
    def limit(self, client: int, prefetch: int) -> None:
        self.clients[client].channel.set_prefetch(prefetch, shared=True)

    @rule(client=clients, blocked=st.booleans())
    def block(self, client: int, blocked: bool) -> None:
        self.clients[client].outlet.room_bytes = 0 if blocked else PLENTY_BYTES
        self.clients[client].outlet.waitlist.wake()

    @rule()
    def purge(self) -> None:
        assert self.queue.purge() == len(self.waiting)
        self.waiting.clear()

    # What must hold

    @invariant()
    def the_model_is_met(self) -> None:
        self.settle_pass()
        self.all_is_handed_out_that_can_be()
        self.counts_are_right()
        self.the_store_holds_what_is_not_settled()

    def all_is_handed_out_that_can_be(self) -> None:
        for consumer in self.queue.consumers:
            if self.takes_more(consumer):
                assert not [number for number in self.waiting if self.wants(consumer, number)]

    def counts_are_right(self) -> None:
        out = sum(map(len, self.out))
        counts = self.queue.statistics()
        assert (counts.messages_ready, counts.messages_unacked) == (len(self.waiting), out)
        ready = self.queue.ready
        if self.failures_max > 1000:  # A message that is counted grows by its count.
            assert counts.bytes_ready == EACH * len(self.waiting)
            assert counts.bytes_unacked == EACH * out
            assert ready.memory_bytes == EACH * ready.messages_in_memory
        assert bool(counts.bytes_ready) == bool(self.waiting)
        assert bool(counts.bytes_unacked) == bool(out)
        in_memory_only = self.waiting - self.positions.keys()
        assert len(in_memory_only) <= ready.messages_in_memory <= len(self.waiting)
        for client, out_here in zip(self.clients, self.out, strict=True):
            assert list(client.channel.unacked) == list(out_here)
            assert client.channel.unacked_count == sum(bool(tag) for tag, _ in out_here.values())

    def the_store_holds_what_is_not_settled(self) -> None:
        waiting = [self.positions[n] for n in sorted(self.waiting) if n in self.positions]
        assert sorted(stored_positions(self.queue.ready)) == waiting
        out = {number for each in self.out for _, number in each.values()}
        for number, position in self.positions.items():
            if number in self.waiting or number in out:
                (message,) = self.broker.ledger.load([position])
                assert int(body_of(message)) == number
            else:
                with pytest.raises(UnknownPosition):
                    self.broker.ledger.load([position])

    # The model

    def settle_pass(self) -> None:
        """End the pass, and as many more as have work left; follow every delivery."""
        self.broker.end_pass()
        while self.broker.pump.unfinished:
            self.broker.end_pass()
        before = sorted(self.waiting, key=self.rank)
        delivered: dict[str, list[int]] = {}
        for number, client in enumerate(self.clients):
            consumers = {c.tag: c for c in self.consumers(number)}
            new, client.outlet.delivered = client.outlet.delivered, []
            for delivery in new:
                self.take_in(number, delivery, consumers[delivery.consumer].no_ack)
                delivered.setdefault(delivery.consumer, []).append(int(delivery.body))
            if any(not consumers[delivery.consumer].no_ack for delivery in new):
                self.check_limits(number)
        for consumer in self.queue.consumers:
            self.check_order(consumer, before, delivered.get(consumer.tag, []))
            self.check_priority(consumer, delivered)
        self.drop_excess()

    def drop_excess(self) -> None:
        """What is too much at the end of a pass goes, from the head."""
        excess = max(0, len(self.waiting) - self.length_max)
        self.waiting -= set(sorted(self.waiting, key=self.rank)[:excess])

    def check_order(self, consumer: Consumer, before: list[int], delivered: list[int]) -> None:
        """A consumer got what it wanted in order, and nothing it wanted was passed over."""
        wanted = [number for number in before if self.wants(consumer, number)]
        assert delivered == sorted(delivered, key=self.rank)
        if delivered:
            assert not self.waiting.intersection(wanted[: wanted.index(delivered[-1])])

    def check_priority(self, consumer: Consumer, delivered: dict[str, list[int]]) -> None:
        """What a consumer wanted, and could have taken, went to nobody of less importance."""
        if self.takes_more(consumer):
            for other in self.queue.consumers:
                if other.priority < consumer.priority:
                    theirs = delivered.get(other.tag, [])
                    assert not [number for number in theirs if self.wants(consumer, number)]

    def take_in(self, client: int, delivery: Delivered, no_ack: bool) -> None:
        number = int(delivery.body)
        self.waiting.remove(number)
        assert delivery.redelivered == (number in self.returned)
        assert not delivery.consumer or number % 2 in self.wanted[delivery.consumer]
        if not no_ack:
            self.out[client][delivery.tag] = (delivery.consumer, number)

    def forget(self, client: int, tags: list[int], requeue: bool, failed: bool = True) -> None:
        for tag in tags:
            _, number = self.out[client].pop(tag)
            self.failures[number] += requeue and failed
            if requeue and self.failures[number] <= self.failures_max:
                self.returned.add(number)
                self.waiting.add(number)

    def consumers(self, client: int) -> list[Consumer]:
        return list(self.clients[client].channel.consumers.values())

    def held(self, client: int, consumer: str | None = None) -> int:
        """Deliveries of a client's consumers that are unanswered."""
        tags = [tag for tag, _ in self.out[client].values() if tag]
        return len(tags) if consumer is None else tags.count(consumer)

    def wants(self, consumer: Consumer, number: int) -> bool:
        return number % 2 in self.wanted[consumer.tag]

    def check_limits(self, client: int) -> None:
        prefetch = self.clients[client].channel.prefetch
        assert not prefetch or self.held(client) <= prefetch
        for consumer in self.consumers(client):
            assert not consumer.prefetch or self.held(client, consumer.tag) <= consumer.prefetch

    def takes_more(self, consumer: Consumer) -> bool:
        client = [peer.channel for peer in self.clients].index(consumer.channel)
        if self.clients[client].outlet.room_bytes <= 0:
            return False
        own, shared = consumer.prefetch, consumer.channel.prefetch
        if shared and self.held(client) >= shared:
            return False
        return consumer.no_ack or not own or self.held(client, consumer.tag) < own

    def teardown(self) -> None:
        """What is left goes; then the store holds nothing."""
        for consumer in list(self.queue.consumers):
            consumer.channel.cancel(consumer.tag)
        for number in range(3):
            self.close(number)
        self.purge()
        self.the_model_is_met()
        assert self.queue.ready.memory_bytes == 0


class FilteredHistories(Histories):
    filters = True


class RankedHistories(Histories):
    arguments: ClassVar = {"x-max-priority": 2}
    filters = True

    def rank(self, number: int) -> tuple[int, int]:
        return (-priority_of(number), number)


class CountedHistories(Histories):
    arguments: ClassVar = {"x-delivery-limit": 1}
    failures_max = 1


class ShortHistories(Histories):
    arguments: ClassVar = {"x-max-length": 4}
    length_max = 4


@pytest.mark.usefixtures("small_window")
@pytest.mark.parametrize(
    "histories",
    [Histories, FilteredHistories, RankedHistories, CountedHistories, ShortHistories],
)
def test_any_history_of_a_queue_is_that_of_a_plain_list(histories: type[Histories]) -> None:
    run_state_machine_as_test(
        histories, settings=settings(max_examples=50, stateful_step_count=40, deadline=None)
    )
