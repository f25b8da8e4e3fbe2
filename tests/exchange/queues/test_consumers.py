"""Whose turn it is: any history of consumers, against plain lists."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

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
from tests.exchange.outlet import PLENTY_BYTES
from warrener.exchange.broker import Broker
from warrener.exchange.server.codec import CODEC
from warrener.storage.null import NullStore

clients = st.integers(0, 2)


@dataclass
class Seat:
    """What the model knows of a consumer."""

    tag: str
    client: int
    prefetch: int
    priority: int
    no_ack: bool
    served: bool = False
    """Whether it has got anything since it was last blocked."""
    unacked: list[int] = field(default_factory=list)
    """The numbers of its deliveries."""


class Histories(RuleBasedStateMachine):
    """One queue and three channels; what is published are numbers."""

    arguments: ClassVar[dict[str, object]] = {}

    @initialize()
    def begin(self) -> None:
        broker = Broker(NullStore(), CODEC)
        self.clients = [Client(broker) for _ in range(3)]
        (self.queue,) = self.clients[0].declare("q", durable=True, arguments=self.arguments)
        self.published = self.made = 0
        self.waiting: list[int] = []
        self.seats: list[Seat] = []
        """All consumers, the oldest first."""
        self.turns: list[Seat] = []
        """Those that take part, the next to be served first."""
        self.full: list[Seat] = []
        """Those that have as many deliveries as they may."""
        self.limits = [0, 0, 0]
        self.room = [True, True, True]
        self.tags: dict[int, int] = {}
        """The delivery tag of each number; those of one run go to one consumer after the other."""
        self.unacked: list[dict[int, Seat]] = [{}, {}, {}]
        """By client and number, also for consumers that are gone."""
        self.for_limit: list[list[Seat]] = [[], [], []]
        self.for_room: list[list[Seat]] = [[], [], []]
        self.active: Seat | None = None
        self.woken: list[tuple[list[Seat], Callable[[], bool]]] = []
        self.expected: list[list[tuple[str, bytes]]] = [[], [], []]

    # The model

    def channel_is_full(self, client: int) -> bool:
        limit = self.limits[client]
        return bool(limit) and self.count(client) >= limit

    def count(self, client: int) -> int:
        return len(self.unacked[client])

    def own_is_full(self, seat: Seat) -> bool:
        return bool(seat.prefetch) and not seat.no_ack and len(seat.unacked) >= seat.prefetch

    def takes(self, seat: Seat) -> bool:
        return not (
            self.own_is_full(seat)
            or self.channel_is_full(seat.client)
            or not self.room[seat.client]
        )

    def block(self, seat: Seat) -> None:
        self.turns.remove(seat)
        if self.own_is_full(seat):
            self.full.append(seat)
        else:
            lists = self.for_limit if self.channel_is_full(seat.client) else self.for_room
            waitlist = lists[seat.client]
            unserved = sum(not each.served for each in waitlist)
            waitlist.insert(len(waitlist) if seat.served else unserved, seat)

    def unblock(self, seat: Seat) -> None:
        seat.served = False
        self.turns.append(seat)

    def choose(self) -> Seat | None:
        """Whoever is next, after those before it were found to take none."""
        for priority in sorted({seat.priority for seat in self.turns}, reverse=True):
            for seat in [seat for seat in self.turns if seat.priority == priority]:
                if self.takes(seat):
                    return seat
                self.block(seat)
        return None

    def serve(self) -> None:
        while self.waiting and (seat := self.choose()) is not None:
            self.turns.remove(seat)
            self.turns.append(seat)
            self.deliver(seat)

    def deliver(self, seat: Seat) -> None:
        number = self.waiting.pop(0)
        seat.served = True
        self.expected[seat.client].append((seat.tag, b"%d" % number))
        if not seat.no_ack:
            seat.unacked.append(number)
            self.unacked[seat.client][number] = seat

    def wake(self, waitlist: list[Seat], has_room: Callable[[], bool]) -> None:
        if waitlist and all(each is not waitlist for each, _ in self.woken):
            self.woken.append((waitlist, has_room))

    def end_pass(self) -> None:
        """What the pump does, and what came of it."""
        woken, self.woken = self.woken, []
        for waitlist, has_room in woken:
            while waitlist and has_room():
                # Of the queue whose turn it is, the highest priority comes first.
                seat = max(waitlist, key=lambda seat: seat.priority)
                waitlist.remove(seat)
                self.unblock(seat)
                self.serve()
        self.serve()

    def settle(self, client: int, number: int) -> None:
        seat = self.unacked[client].pop(number)
        seat.unacked.remove(number)
        if seat in self.full and not self.own_is_full(seat):
            self.full.remove(seat)
            self.unblock(seat)
        self.wake_limit(client)

    def wake_limit(self, client: int) -> None:
        self.wake(self.for_limit[client], lambda: not self.channel_is_full(client))

    def join(self, seat: Seat) -> None:
        self.seats.append(seat)
        self.turns.append(seat)

    def forget(self, seat: Seat) -> None:
        self.seats.remove(seat)
        for each in (self.turns, self.full, *self.for_limit, *self.for_room):
            if seat in each:
                each.remove(seat)

    # What happens

    @rule(
        client=clients,
        prefetch=st.integers(0, 2),
        priority=st.sampled_from([0, 0, 0, 5, -5]),
        no_ack=st.sampled_from([False, False, True]),
    )
    def consume(self, client: int, prefetch: int, priority: int, no_ack: bool) -> None:
        self.made += 1
        seat = Seat(f"c{self.made}", client, prefetch, priority, no_ack)
        self.clients[client].consume(
            "q", seat.tag, prefetch=prefetch, priority=priority, no_ack=no_ack
        )
        self.join(seat)

    @precondition(lambda self: self.seats)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        seat = data.draw(st.sampled_from(self.seats))
        self.clients[seat.client].channel.cancel(seat.tag)
        self.forget(seat)

    @rule(count=st.integers(1, 7))
    def publish(self, count: int) -> None:
        numbers = list(range(self.published, self.published + count))
        self.published += count
        self.waiting += numbers
        self.clients[0].publish("", "q", *(b"%d" % number for number in numbers))
        self.end_pass()

    @rule(client=clients, data=st.data())
    def acknowledge(self, client: int, data: st.DataObject) -> None:
        for number in data.draw(st.permutations(list(self.unacked[client])))[:2]:
            self.clients[client].ack(self.tags[number])
            self.settle(client, number)

    @rule(client=clients, limit=st.integers(0, 4))
    def limit(self, client: int, limit: int) -> None:
        self.clients[client].channel.set_prefetch(limit, shared=True)
        self.limits[client] = limit
        self.wake_limit(client)

    @rule(client=clients, room=st.booleans())
    def make_room(self, client: int, room: bool) -> None:
        outlet = self.clients[client].outlet
        outlet.room_bytes = PLENTY_BYTES if room else 0
        outlet.waitlist.wake()
        self.room[client] = room
        self.wake(self.for_room[client], lambda: self.room[client])

    @invariant()
    def everybody_got_what_was_due(self) -> None:
        for client in self.clients[:1]:
            client.broker.end_pass()
        self.end_pass()
        delivered = [client.deliveries() for client in self.clients]
        self.tags |= {int(each.body): each.tag for client in delivered for each in client}
        found = [[(each.consumer, each.body) for each in client] for client in delivered]
        assert [sorted(each) for each in found] == [sorted(each) for each in self.expected]
        self.expected = [[], [], []]
        assert list(self.queue.consumers) == [
            self.clients[seat.client].channel.consumers[seat.tag] for seat in self.seats
        ]


class WithOneActive(Histories):
    """With a single active consumer: age and priority decide, not turns."""

    arguments: ClassVar[dict[str, object]] = {"x-single-active-consumer": True}
    yields = False

    def choose(self) -> Seat | None:
        active = self.active
        if active is None:
            return None
        if self.yields and self.follower().priority > active.priority:
            if active.unacked:
                return None
            active = self.active = self.follower()
        if active not in self.turns:
            return None
        if not self.takes(active):
            self.block(active)
            return None
        return active

    def follower(self) -> Seat:
        return max(self.seats, key=lambda seat: seat.priority)

    def join(self, seat: Seat) -> None:
        super().join(seat)
        self.active = self.active or seat

    def forget(self, seat: Seat) -> None:
        super().forget(seat)
        if seat is self.active:
            self.active = self.follower() if self.seats else None


class Yielding(WithOneActive):
    """In a quorum queue the active consumer makes room for one of higher priority."""

    arguments: ClassVar[dict[str, object]] = {
        "x-single-active-consumer": True,
        "x-queue-type": "quorum",
    }
    yields = True


@pytest.mark.parametrize("histories", [Histories, WithOneActive, Yielding])
def test_any_history_is_served_in_turn(histories: type[Histories]) -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        histories, settings=settings(max_examples=60, stateful_step_count=40, deadline=None)
    )
