"""Any history of a queue with groups, against plain lists.

Consumers of three clients come and go, some with filters, some without acknowledgements, some of
higher priority; what is rejected may be held back for a while. The rules of groups are checked on
every delivery, and what could have been handed out and was not is found by the plainest search.
"""

from dataclasses import dataclass, field
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
from tests.exchange.messages import make_message, size_of
from tests.exchange.outlet import PLENTY_BYTES, Delivered
from warrener.exchange.broker import Broker
from warrener.exchange.consumer import Consumer
from warrener.exchange.filters.filter import compile_filter
from warrener.exchange.queues import deal, places, selection, waiting
from warrener.exchange.queues.selection import Selection
from warrener.exchange.server.codec import CODEC
from warrener.storage.null import NullStore

BEGIN_MS = 1_000_000
DELAY_MS = 10
GROUPS = [None, "A", "A", "B", "C"]

clients = st.integers(0, 2)


@dataclass
class Sent:
    """A message that has not been settled."""

    number: int
    group: str | None
    last: bool
    priority: int
    not_before: int = 0

    @property
    def rank(self) -> tuple[int, int]:
        return (-self.priority, self.number)


@dataclass
class Held:
    """A group that somebody has: the consumer's tag, or the number of the client for gets."""

    holder: str | int
    owed: set[int] = field(default_factory=set)
    ending: bool = False


class Histories(RuleBasedStateMachine):
    """The queue `q`; three clients. A get is a holder by the number of its client."""

    shared = False
    ranked = False

    @initialize()
    def begin(self) -> None:
        self.broker = Broker(NullStore(), CODEC)
        self.now = BEGIN_MS
        self.broker.ledger.set_time(self.now)
        self.clients = [Client(self.broker) for _ in range(3)]
        arguments = {"qpid.group_header_key": "g", "qpid.shared_msg_group": int(self.shared)}
        arguments |= {"x-delayed-retry-min": DELAY_MS, "x-delayed-retry-multiplier": 1}
        arguments["x-delivery-limit"] = -1
        if self.ranked:
            arguments["x-max-priority"] = 2
        (self.queue,) = self.clients[0].declare("q", durable=True, arguments=arguments)
        self.published = self.tags = 0
        self.waiting: dict[int, Sent] = {}
        self.out: list[dict[int, tuple[str | int, Sent]]] = [{}, {}, {}]
        """For each client, by tag: who has a message, and the message."""
        self.held: dict[str, Held] = {}
        self.wanted: dict[str, set[int]] = {}
        """By consumer: the remainders by two of the numbers it takes."""

    # What may happen

    @rule(
        kinds=st.lists(
            st.tuples(st.sampled_from(GROUPS), st.integers(0, 2), st.integers(0, 9)),
            min_size=1,
            max_size=6,
        ),
        persistent=st.booleans(),
    )
    def publish(self, kinds: list[tuple[str | None, int, int]], persistent: bool) -> None:
        messages = []
        for group, priority, end in kinds:
            number, self.published = self.published, self.published + 1
            last = end == 0
            self.waiting[number] = Sent(number, group, last, priority if self.ranked else 0)
            # They come in one by one: one of higher priority behind it may have stood before this
            # one only for as long as that takes, but its holder was asked.
            self.review()
            headers: dict[str, Any] = {"odd": number % 2, "JMSXGroupSeq": -1 if last else 1}
            messages.append(
                make_message(
                    b"%05d" % number,
                    persistent=persistent,
                    priority=priority,
                    headers=headers if group is None else headers | {"g": group},
                )
            )
        vhost = self.clients[0].vhost
        vhost.publish(vhost.route("", "q", messages[0].properties), messages, size_of(messages))

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
        self.wanted[tag] = {0, 1} if odd is None else {odd}
        self.clients[client].consume(
            "q",
            tag,
            no_ack=no_ack,
            prefetch=prefetch,
            priority=priority,
            filter=None if odd is None else compile_filter(f"odd = {odd}"),
        )

    @precondition(lambda self: self.queue.consumers)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        consumer = data.draw(st.sampled_from(list(self.queue.consumers)))
        consumer.channel.cancel(consumer.tag)
        self.leave(consumer.tag)

    @rule(client=clients, no_ack=st.booleans())
    def get(self, client: int, no_ack: bool) -> None:
        self.settle_pass()
        found = self.clients[client].channel.get(self.queue, no_ack)
        possible = [sent for sent in self.waiting.values() if self.may_have(client, sent)]
        assert found == bool(possible)
        if found:
            (delivery,) = self.clients[client].outlet.delivered
            self.clients[client].outlet.delivered.clear()
            assert int(delivery.body) == min(possible, key=lambda sent: sent.rank).number
            self.take_in(client, client, delivery, no_ack)

    @precondition(lambda self: any(self.out))
    @rule(
        data=st.data(),
        way=st.sampled_from(["ack", "ack", "drop", "nack", "reject"]),
        multiple=st.booleans(),
    )
    def answer(self, data: st.DataObject, way: str, multiple: bool) -> None:
        client = data.draw(st.sampled_from([n for n, out in enumerate(self.out) if out]))
        tag = data.draw(st.sampled_from(list(self.out[client])))
        tags = [each for each in self.out[client] if each <= tag] if multiple else [tag]
        if way == "ack":
            self.clients[client].ack(tag, multiple=multiple)
        elif way == "nack":
            self.clients[client].nack(tag, multiple=multiple)
        else:
            self.clients[client].reject(tag, multiple=multiple, requeue=way == "reject")
        self.forget(client, tags, back=way in ("nack", "reject"))

    @rule(client=clients)
    def recover(self, client: int) -> None:
        self.clients[client].channel.recover()
        self.forget(client, list(self.out[client]), back=True)

    @rule(client=clients)
    def close(self, client: int) -> None:
        tags = list(self.clients[client].channel.consumers)
        self.clients[client].channel.close()
        for tag in tags:
            self.leave(tag)
        self.forget(client, list(self.out[client]), back=True)
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
        self.review()

    @rule(ms=st.sampled_from([1, DELAY_MS]))
    def pass_time(self, ms: int) -> None:
        self.now += ms
        self.broker.ledger.set_time(self.now)

    # What must hold

    @invariant()
    def the_model_is_met(self) -> None:
        self.settle_pass()
        for consumer in self.queue.consumers:
            if self.takes_more(consumer):
                left = [s for s in self.waiting.values() if self.may_have(consumer.tag, s)]
                assert not left, (consumer.tag, left, self.held)
        counts = self.queue.statistics()
        out = sum(map(len, self.out))
        assert (counts.messages_ready, counts.messages_unacked) == (len(self.waiting), out)
        assert counts.messages_delayed == sum(self.is_early(s) for s in self.waiting.values())
        self.holders_are_right()

    def holders_are_right(self) -> None:
        assert isinstance(self.queue.ready, Selection)
        groups = self.queue.ready.groups
        assert groups is not None
        found = {
            group: consumer.tag or [c.channel for c in self.clients].index(consumer.channel)
            for group, consumer in groups.assignments.items()
        }
        assert found == {group: held.holder for group, held in self.held.items()}
        named = {sent.group for sent in self.waiting.values() if sent.group is not None}
        assert len(groups) == len(named | self.held.keys())

    # The model

    def may_have(self, who: str | int, sent: Sent) -> bool:
        """Whether nothing but its capacity keeps a message from somebody."""
        if self.is_early(sent) or not self.wants(who, sent):
            return False
        if sent.group is None:
            return True
        held = self.held.get(sent.group)
        if held is not None and (held.holder != who or held.ending):
            return False
        return sent is self.first(sent.group)

    def first(self, group: str) -> Sent | None:
        """The message of a group that is next."""
        of_group = [sent for sent in self.waiting.values() if sent.group == group]
        return min(of_group, key=lambda sent: sent.rank, default=None)

    def is_early(self, sent: Sent) -> bool:
        return sent.not_before > self.now

    def wants(self, who: str | int, sent: Sent) -> bool:
        return isinstance(who, int) or sent.number % 2 in self.wanted[who]

    def review(self) -> None:
        """End the rights that are over."""
        for group, held in list(self.held.items()):
            first = self.first(group)
            if first is not None and not self.is_early(first) and not held.ending:
                held.ending = not self.wants(held.holder, first)
            passing = self.shared or isinstance(held.holder, int)
            if not held.owed and (passing or held.ending):
                del self.held[group]

    def leave(self, tag: str) -> None:
        for held in self.held.values():
            held.ending = held.ending or held.holder == tag
        self.review()

    def forget(self, client: int, tags: list[int], back: bool) -> None:
        for tag in tags:
            _, sent = self.out[client].pop(tag)
            if back:
                sent.not_before = self.now + DELAY_MS
                self.waiting[sent.number] = sent
            if sent.group is not None:
                self.held[sent.group].owed.remove(sent.number)
                # One after the other: in between, somebody else may have become the holder.
                self.review()

    def settle_pass(self) -> None:
        """Passes until no work is left; follow every delivery."""
        self.broker.end_pass()
        while (
            self.broker.pump.unfinished or (self.broker.deadlines.next or self.now + 1) <= self.now
        ):
            self.broker.end_pass()
        self.review()
        delivered = []
        for number, client in enumerate(self.clients):
            consumers = client.channel.consumers
            new, client.outlet.delivered = client.outlet.delivered, []
            delivered += [(number, consumers[each.consumer], each) for each in new]
        self.check_order(delivered)

    def check_order(self, delivered: list[tuple[int, Consumer, Delivered]]) -> None:
        """Whatever the order in which consumers were served, there is one that obeys the rules."""
        left = {}
        for client, consumer, delivery in delivered:
            left.setdefault(consumer, []).append((client, delivery))
        while left:
            for consumer, deliveries in left.items():
                client, delivery = deliveries[0]
                if self.may_have(consumer.tag, self.waiting[int(delivery.body)]):
                    break
            else:
                raise AssertionError(f"nobody may have {left} with {self.held}")
            self.take_in(client, consumer.tag, delivery, consumer.no_ack)
            del deliveries[0]
            if not deliveries:
                del left[consumer]

    def take_in(self, client: int, who: str | int, delivery: Delivered, no_ack: bool) -> None:
        sent = self.waiting.pop(int(delivery.body))
        assert not self.is_early(sent)
        if sent.group is not None:
            held = self.held.setdefault(sent.group, Held(who))
            assert held.holder == who
            assert not held.ending
            held.ending = sent.last
            if not no_ack:
                held.owed.add(sent.number)
        if not no_ack:
            self.out[client][delivery.tag] = (who, sent)
        self.review()

    def takes_more(self, consumer: Consumer) -> bool:
        return consumer.capacity() > 0

    def teardown(self) -> None:
        """Every message is delivered in the end."""
        for number in range(3):
            self.close(number)
        self.pass_time(DELAY_MS)
        self.the_model_is_met()
        last = self.clients[0]
        self.wanted["last"] = {0, 1}
        last.consume("q", "last", no_ack=True)
        self.the_model_is_met()
        assert not self.waiting
        assert not self.queue.ready.memory_bytes


class SharedHistories(Histories):
    shared = True


class RankedHistories(Histories):
    ranked = True


class SharedRankedHistories(Histories):
    shared = True
    ranked = True


@pytest.fixture
def little_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "EXAMINED_MAX", 2)
    monkeypatch.setattr(selection, "ADMITTED_MAX", 2)
    monkeypatch.setattr(deal, "DEALT_MAX", 3)
    monkeypatch.setattr(places, "STALE_MIN", 2)
    monkeypatch.setattr(waiting, "WINDOW_BYTES", 300)


@pytest.mark.usefixtures("little_at_once")
@pytest.mark.parametrize(
    "histories", [Histories, SharedHistories, RankedHistories, SharedRankedHistories]
)
def test_any_history_of_groups_keeps_their_rules(histories: type[Histories]) -> None:
    run_state_machine_as_test(
        histories, settings=settings(max_examples=60, stateful_step_count=40, deadline=None)
    )
