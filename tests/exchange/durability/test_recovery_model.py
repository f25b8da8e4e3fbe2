"""Any history with restarts and kills leaves the unsettled messages in order, and the topology.

The model knows what must survive at the end of each pass. A kill loses the pass under way; what
it may lose of passes that are not durable yet is in test_recovery.py, for it depends on the time.
"""

from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.exchange.core_client import Client
from tests.exchange.durable_broker import DurableBroker, Topology, lasting_topology
from tests.exchange.messages import make_message
from warrener.exchange.binding import Binding
from warrener.exchange.durability.definitions import lasts
from warrener.exchange.types import Exchange
from warrener.exchange.vhost import VirtualHost

Messages = dict[str, list[int]]
"""By queue: the numbers of its persistent messages that are not settled, in order."""

QUEUES = {
    "a": {"durable": True},
    "b": {"durable": True, "arguments": {"x": 1}},
    "auto": {"durable": True, "auto_delete": True},
    "transient": {},
    "mine": {"durable": True, "exclusive": True},
}
EXCHANGES = ["amq.topic", "amq.fanout", "e", "f", "g"]
KEYS = ["", "k", "k.l"]
PATTERNS = ["", "k", "k.*", "#"]

queues = st.sampled_from(sorted(QUEUES))
own_exchanges = st.sampled_from(["e", "f", "g"])


class Histories(RuleBasedStateMachine):
    """One broker and one client of it; messages have their numbers as bodies."""

    folder: Path
    folders = 0

    @initialize()
    def begin(self) -> None:
        Histories.folders += 1
        self.durable = DurableBroker(self.folder / str(Histories.folders))
        self.published = 0
        self.sizes: list[int] = []
        self.lines: dict[str, dict[int, bool]] = {}
        """By queue: its messages that are not settled, and whether they are persistent."""
        self.held: dict[int, tuple[str, int]] = {}
        """By tag: queue and number of each delivery that is owed an answer."""
        self.end_pass()

    # Topology

    @rule(name=queues)
    def declare_queue(self, name: str) -> None:
        self.client.declare(name, **QUEUES[name])
        self.lines.setdefault(name, {})

    @precondition(lambda self: self.lines)
    @rule(data=st.data())
    def delete_queue(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.lines)))
        self.vhost.delete_queue(name, self.client)
        del self.lines[name]
        # Their answers are still allowed, but concern no queue any more.
        self.held = {
            tag: ("" if queue == name else queue, number)
            for tag, (queue, number) in self.held.items()
        }

    @rule(
        name=own_exchanges,
        kind=st.sampled_from(["fanout", "topic", "direct"]),
        durable=st.booleans(),
        auto_delete=st.booleans(),
    )
    def declare_exchange(self, name: str, kind: str, durable: bool, auto_delete: bool) -> None:
        if name not in self.vhost.exchanges:
            self.vhost.declare_exchange(name, kind, durable=durable, auto_delete=auto_delete)

    @rule(name=own_exchanges)
    def delete_exchange(self, name: str) -> None:
        self.vhost.delete_exchange(name)

    @rule(data=st.data(), key=st.sampled_from(PATTERNS), value=st.sampled_from([None, 1, True]))
    def bind(self, data: st.DataObject, key: str, value: object) -> None:
        places = [*self.vhost.queues.values(), *self.bindable()]
        source = data.draw(st.sampled_from(self.bindable())).name
        destination = data.draw(st.sampled_from(places))
        self.vhost.bind(source, destination, key, {} if value is None else {"x": value})

    @rule(data=st.data())
    def unbind(self, data: st.DataObject) -> None:
        bindings = [b for exchange in self.bindable() for b in exchange.bindings.values()]
        if bindings:
            binding: Binding = data.draw(st.sampled_from(bindings))
            source, arguments = binding.source.name, dict(binding.arguments)
            self.vhost.unbind(source, binding.destination, binding.routing_key, arguments)

    # Messages

    @rule(
        exchange=st.sampled_from(["", *EXCHANGES]),
        key=st.sampled_from(KEYS) | queues,
        persistent=st.sampled_from([True, True, False]),
        padding=st.integers(0, 300),
    )
    def publish(self, exchange: str, key: str, persistent: bool, padding: int) -> None:
        if exchange in self.vhost.exchanges:
            body = b"%05d" % self.published + bytes(padding)
            self.sizes.append(len(make_message(body).content))
            for name in self.client.publish(exchange, key, body, persistent=persistent):
                self.lines[name][self.published] = persistent
            self.published += 1
            self.end_pass()

    @precondition(lambda self: any(self.lines.values()))
    @rule(data=st.data(), no_ack=st.booleans())
    def get(self, data: st.DataObject, no_ack: bool) -> None:
        name = data.draw(st.sampled_from([name for name, line in self.lines.items() if line]))
        waiting = self.waiting(name)
        assert self.client.channel.get(self.vhost.queues[name], no_ack) == bool(waiting)
        if waiting:
            delivery = self.client.outlet.delivered.pop()
            assert int(delivery.body[:5]) == waiting[0]
            self.held[delivery.tag] = (name, waiting[0])
            if no_ack:
                self.settle(delivery.tag)

    @precondition(lambda self: self.held)
    @rule(data=st.data(), way=st.sampled_from(["ack", "drop", "requeue"]), multiple=st.booleans())
    def answer(self, data: st.DataObject, way: str, multiple: bool) -> None:
        tag = data.draw(st.sampled_from(sorted(self.held)))
        if way == "ack":
            self.client.ack(tag, multiple=multiple)
        else:
            self.client.reject(tag, multiple=multiple, requeue=way == "requeue")
        for each in [t for t in self.held if t <= tag] if multiple else [tag]:
            if way == "requeue":
                del self.held[each]
            else:
                self.settle(each)

    @precondition(lambda self: self.lines)
    @rule(data=st.data())
    def purge(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.lines)))
        waiting = self.waiting(name)
        assert self.vhost.queues[name].purge() == len(waiting)
        for number in waiting:
            del self.lines[name][number]

    # The store

    @rule()
    def end_pass(self) -> None:
        self.durable.broker.end_pass()
        self.last_pass = self.durable.store.end
        self.kept = self.lasting()

    @rule()
    def rewrite(self) -> None:
        self.vhost.rewrite_definitions()

    @rule()
    def trim(self) -> None:
        self.durable.store.trim()

    @rule()
    def compact(self) -> None:
        """Rewrite whatever is worth it, and wait for that."""
        self.end_pass()
        self.durable.wait_durable()
        self.durable.trim()

    @rule(look=st.booleans())
    def restart(self, look: bool) -> None:
        self.end_pass()
        self.durable.restart()
        self.check_restored(look)

    @rule(look=st.booleans())
    def kill(self, look: bool) -> None:
        self.durable.wait_durable(self.last_pass)
        self.durable.kill()
        self.check_restored(look)

    # The model

    @property
    def client(self) -> Client:
        return self.durable.client

    @property
    def vhost(self) -> VirtualHost:
        return self.durable.client.vhost

    def bindable(self) -> list[Exchange]:
        return [self.vhost.exchanges[name] for name in EXCHANGES if name in self.vhost.exchanges]

    def waiting(self, name: str) -> list[int]:
        held = {number for queue, number in self.held.values() if queue == name}
        return sorted(self.lines[name].keys() - held)

    def settle(self, tag: int) -> None:
        name, number = self.held.pop(tag)
        if name:
            del self.lines[name][number]

    def lasting(self) -> tuple[Topology, Messages]:
        messages = {
            name: sorted(number for number, persistent in line.items() if persistent)
            for name, line in self.lines.items()
            if lasts(self.vhost.queues[name])
        }
        return lasting_topology(self.durable.broker), messages

    def check_restored(self, look: bool) -> None:
        topology, messages = self.kept
        assert lasting_topology(self.durable.broker) == topology
        self.held = {}
        self.lines = {name: dict.fromkeys(numbers, True) for name, numbers in messages.items()}
        assert self.durable.restored.messages == sum(map(len, messages.values()))
        for name, numbers in messages.items():
            ready = self.vhost.queues[name].ready
            assert len(ready) == len(numbers)
            assert ready.bytes == sum(self.sizes[number] for number in numbers)
            if look:
                self.look(name, numbers)
        self.end_pass()

    def look(self, name: str, numbers: list[int]) -> None:
        """Take everything out of a queue, and put it back."""
        while self.client.channel.get(self.vhost.queues[name], no_ack=False):
            pass
        delivered, self.client.outlet.delivered = self.client.outlet.delivered, []
        assert [int(delivery.body[:5]) for delivery in delivered] == numbers
        assert all(delivery.redelivered for delivery in delivered)
        self.client.channel.recover()

    def teardown(self) -> None:
        for _ in range(2):
            self.restart(look=True)
        self.durable.close()


@pytest.mark.usefixtures("small_window")
def test_any_history_leaves_what_was_not_settled(tmp_path: Path) -> None:
    Histories.folder = tmp_path
    run_state_machine_as_test(
        Histories, settings=settings(max_examples=60, stateful_step_count=40, deadline=None)
    )
