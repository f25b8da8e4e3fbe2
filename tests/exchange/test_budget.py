"""A pass has a budget: what many messages ask for is done in several passes, and nothing is lost.

A pass here is `Broker.end_pass`, with a budget that is enough for a few steps only.
"""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.exchange.core_client import Client
from tests.exchange.durable_broker import DurableBroker
from tests.exchange.messages import body_of
from warrener.exchange.broker import Broker
from warrener.exchange.budget import (
    BYTES_REWRITTEN,
    CALLED,
    DEATH,
    ENQUEUED,
    REWRITTEN,
    ROUTED,
    Budget,
)
from warrener.exchange.queues.browsing import Look
from warrener.exchange.queues.queue import Queue
from warrener.exchange.server.codec import CODEC
from warrener.storage.null import NullStore

UNITS = 200
PASSES_MAX = 10_000
ENTRY_BYTES = 200
"""An entry of an account of deaths in a queue with a short name, at most."""
DEAD_LETTER = REWRITTEN + ROUTED + ENQUEUED + CALLED
"""One of a message that dies for the first time, with all that belongs to it, at most."""


def tight(client: Client, units: int = UNITS) -> None:
    """From now on a pass may do no more than so many units of work."""
    client.broker.budget.units = units
    client.broker.budget.renew()


def passes(client: Client, until: Callable[[], bool] | None = None) -> int:
    """Have pass after pass until there is nothing left to do; returns how many."""
    for count in range(1, PASSES_MAX):
        client.broker.end_pass()
        if until() if until else not client.broker.unfinished:
            return count
    raise AssertionError(f"work that {PASSES_MAX} passes do not finish")


def numbered(count: int) -> list[bytes]:
    return [b"%d" % number for number in range(count)]


def to(queue: str, **arguments: Any) -> dict[str, Any]:
    """Arguments of a queue whose dead letters go to another."""
    named = {f"x-{name.replace('_', '-')}": value for name, value in arguments.items()}
    return {**named, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": queue}


def test_a_step_is_done_even_if_it_costs_more_than_there_is() -> None:
    budget = Budget(10)
    assert budget.steps(100) == 1
    budget.spend(100)
    assert budget.exhausted
    assert budget.steps(1) == 1
    budget.renew()
    assert budget.steps(3) == 3


def test_a_pass_that_shares_with_others_may_do_less() -> None:
    budget = Budget(100)
    budget.renew(shares=4)
    assert budget.left == 25
    budget.renew(shares=1000)
    assert budget.left == 1


# What waits until it is its turn


def test_what_is_rejected_is_unacknowledged_until_its_dead_letter_is_made(client: Client) -> None:
    client.declare("dead")
    (queue,) = client.declare("q", arguments=to("dead"))
    client.publish("", "q", *numbered(10))
    client.consume("q")
    client.deliveries()
    tight(client)
    client.reject(0, multiple=True, requeue=False)
    dead = client.vhost.queues["dead"]
    seen = []
    while client.broker.unfinished or not seen:
        client.broker.end_pass()
        assert queue.statistics().messages_unacked + len(dead.ready) == 10
        seen.append(len(dead.ready))
    assert len(seen) > 3
    assert client.drain("dead") == numbered(10)


def test_what_is_put_back_is_not_overtaken(client: Client, other: Client) -> None:
    client.declare("q")
    client.publish("", "q", *numbered(100))
    client.consume("q", prefetch=80)
    assert len(client.received()) == 80
    tight(client, 20)
    client.channel.close()
    other.consume("q", no_ack=True)
    received = other.received()
    while client.broker.unfinished:
        received += other.received()
    assert received == numbered(100)


def test_a_limit_that_became_lower_is_kept_after_some_passes(client: Client) -> None:
    client.declare("dead")
    (queue,) = client.declare("q", arguments=to("dead"))
    client.publish("", "q", *numbered(10))
    tight(client)
    client.broker.policies.set("/", "p", "^q$", {"max-length": 2})
    client.broker.end_pass()
    assert len(queue.ready) > 2
    assert passes(client) >= 3
    assert client.drain("dead") == numbered(8)


def test_a_get_passes_over_what_is_late_and_still_there(client: Client) -> None:
    client.declare("dead")
    (queue,) = client.declare("q", arguments=to("dead", message_ttl=10))
    client.publish("", "q", *numbered(20))
    client.broker.ledger.set_time(5)
    client.publish("", "q", b"in time")
    tight(client)
    client.broker.ledger.set_time(12)
    assert client.get("q", no_ack=True) == b"in time"
    assert len(queue.ready) > 10
    passes(client)
    assert client.drain("dead") == numbered(20)


def test_what_is_late_and_was_passed_over_may_be_had_if_the_time_is_longer(client: Client) -> None:
    (queue,) = client.declare("q")
    client.broker.policies.set("/", "p", "^q$", {"message-ttl": 10})
    client.publish("", "q", *numbered(20))
    tight(client, 20)
    client.broker.ledger.set_time(20)
    assert client.get("q") is None
    left = len(queue.ready)
    assert left > 5
    client.broker.policies.set("/", "p", "^q$", {"message-ttl": 10_000})
    tight(client, 10_000)
    passes(client)
    assert len(client.drain("q")) == left


def test_a_purged_queue_is_empty_at_once_and_lets_go_in_turns(durable: DurableBroker) -> None:
    client = durable.client
    (queue,) = client.declare("q", durable=True)
    client.publish("", "q", *numbered(100), persistent=True)
    tight(client, 10)
    assert queue.purge() == 100
    assert queue.statistics().messages_ready == 0
    client.publish("", "q", b"new", persistent=True)
    assert passes(client) > 5
    durable.restart()
    assert durable.client.drain("q") == [b"new"]


def test_the_end_of_the_broker_finishes_a_purge(durable: DurableBroker) -> None:
    client = durable.client
    (queue,) = client.declare("q", durable=True)
    client.publish("", "q", *numbered(100), persistent=True)
    tight(client, 10)
    queue.purge()
    assert client.broker.unfinished or queue.waiting is False
    durable.restart()
    assert durable.client.drain("q") == []


def test_the_end_of_the_broker_settles_what_was_acknowledged(durable: DurableBroker) -> None:
    client = durable.client
    client.declare("q", durable=True)
    client.publish("", "q", *numbered(100), persistent=True)
    client.consume("q")
    client.deliveries()
    tight(client, 10)
    client.ack(50, multiple=True)
    durable.restart()
    assert durable.client.drain("q") == numbered(100)[50:]


def test_a_deleted_queue_of_many_messages_lets_go_in_turns(durable: DurableBroker) -> None:
    client = durable.client
    client.declare("q", "other", durable=True)
    client.bind("amq.fanout", "q")
    client.bind("amq.fanout", "other")
    client.publish("amq.fanout", "", *numbered(50), persistent=True)
    tight(client, 10)
    assert client.vhost.delete_queue("q", client) == 50
    assert "q" not in client.vhost.queues
    assert passes(client) > 3
    assert client.drain("other") == numbered(50)
    durable.wait_durable()


# Fairness


def test_a_queue_with_much_to_do_does_not_keep_another_waiting(client: Client) -> None:
    client.declare("dead")
    client.declare("much", "little", arguments=to("dead"))
    for name, count in (("much", 1000), ("little", 1)):
        client.publish("", name, *numbered(count))
    client.broker.budget.units = 100 * DEAD_LETTER
    client.broker.budget.renew()
    client.broker.policies.set("/", "p", "^(much|little)$", {"max-length": 0})
    client.broker.end_pass()
    assert len(client.vhost.queues["much"].ready) > 500
    assert len(client.vhost.queues["little"].ready) == 0


def test_what_is_left_of_others_is_not_done_in_the_pass_of_a_client(client: Client) -> None:
    client.declare("dead", "q")
    client.declare("storm", arguments=to("dead"))
    client.publish("", "storm", *numbered(100))
    tight(client)
    client.broker.policies.set("/", "p", "^storm$", {"max-length": 0})
    client.broker.end_pass()
    left = len(client.vhost.queues["storm"].ready)
    client.broker.begin_pass(0)
    client.consume("q")
    client.broker.hand_out()
    assert len(client.vhost.queues["storm"].ready) == left
    assert client.broker.budget.left > UNITS // 2


# Any topology


class Watched(Budget):
    """A budget that notes the most that was ever done beyond it."""

    __slots__ = ("most_beyond",)

    def __init__(self, units: int) -> None:
        super().__init__(units)
        self.most_beyond = 0

    def spend(self, units: int) -> None:
        super().spend(units)
        self.most_beyond = max(self.most_beyond, -self.left)


QUEUES = ("a", "b", "c")
SINK = "sink"
arguments = st.fixed_dictionaries(
    {},
    optional={
        "max_length": st.sampled_from([0, 1, 5]),
        "message_ttl": st.sampled_from([0, 10, 100]),
        "delivery_limit": st.integers(0, 2),
        "max_priority": st.just(3),
    },
)
acyclic = st.tuples(st.sampled_from(["b", "c", SINK]), st.sampled_from(["c", SINK]), st.just(SINK))
cyclic = st.tuples(*[st.sampled_from([*QUEUES, SINK])] * 3)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), st.sampled_from(QUEUES), st.integers(1, 12)),
        st.tuples(st.just("consume"), st.sampled_from(QUEUES), st.just(0)),
        st.tuples(st.sampled_from(["drop", "requeue", "close"]), st.just(""), st.just(0)),
        st.tuples(st.just("time"), st.just(""), st.sampled_from([5, 50])),
        st.tuples(st.just("pass"), st.just(""), st.just(0)),
    ),
    max_size=12,
)
topologies = st.tuples(arguments, arguments, arguments)


class Play:
    """A broker with three queues that dead-letter to each other, and a client."""

    def __init__(self, broker: Broker, ends: tuple[str, ...], topology: tuple[Any, ...]) -> None:
        self.broker = broker
        self.client = Client(broker)
        self.published = 0
        self.now = broker.ledger.now_ms
        self.client.declare(SINK, durable=True)
        for name, end, wanted in zip(QUEUES, ends, topology, strict=True):
            self.client.declare(name, durable=True, arguments=to(end, **wanted))

    def step(self, what: str, queue: str, number: int) -> None:
        client = self.client
        if what == "publish":
            for _ in range(number):
                client.publish("", queue, b"%d" % self.published, persistent=True)
                self.published += 1
        elif what == "consume":
            if queue not in client.channel.consumers:
                client.consume(queue, queue)
        elif what in ("drop", "requeue"):
            if client.channel.unacked:
                client.reject(0, multiple=True, requeue=what == "requeue")
        elif what == "close":
            client.channel.close()
            client = self.client = Client(self.broker)
        elif what == "time":
            self.now += number
            self.broker.ledger.set_time(self.now)
        self.broker.end_pass()

    def finish(self) -> None:
        """Until everything that can happen has happened."""
        self.client.channel.close()
        for _ in range(PASSES_MAX):
            self.now += 10
            self.broker.ledger.set_time(self.now)
            self.broker.end_pass()
            if not self.broker.unfinished and self.broker.deadlines.next is None:
                return
        raise AssertionError(f"work that {PASSES_MAX} passes do not finish")

    def contents(self) -> dict[str, Counter[bytes]]:
        """What each queue has, delivered or not."""
        return {name: bodies_in(self.client.vhost.queues[name]) for name in (*QUEUES, SINK)}

    def everywhere(self) -> Counter[bytes]:
        return sum(self.contents().values(), Counter())


def bodies_in(queue: Queue) -> Counter[bytes]:
    """The bodies of what waits in a queue, by looking at it."""
    look, bodies = Look(queue, queue.ledger), Counter[bytes]()
    while not look.over:
        bodies.update(body_of(sight.message) for sight in look.piece(1000))
    return bodies


def no_length(wanted: dict[str, int]) -> dict[str, int]:
    return {"max_length": 0} if "max_length" in wanted else {}


def held(play: Play) -> int:
    """How many messages the queues say that they have."""
    queues = [play.client.vhost.queues[name] for name in (*QUEUES, SINK)]
    counts = [queue.statistics() for queue in queues]
    return sum(each.messages_ready + each.messages_unacked for each in counts)


def begun(topology: tuple[Any, ...], ends: tuple[str, ...], units: int) -> Play:
    return Play(Broker(NullStore(), CODEC, Budget(units)), ends, topology)


@settings(max_examples=150, deadline=None)
@given(topology=topologies, ends=cyclic, steps=steps, units=st.integers(1, 300))
def test_no_pass_does_more_than_its_budget_and_one_step(
    topology: tuple[Any, ...], ends: tuple[str, ...], steps: list[Any], units: int
) -> None:
    budget = Watched(units)
    play = Play(Broker(NullStore(), CODEC, budget), ends, topology)
    for step in steps:
        play.step(*step)
    play.finish()
    # Each queue has three ways to die in, and an account is a part of the headers.
    entries = 3 * len(QUEUES)
    largest = DEAD_LETTER + entries * (DEATH + ENTRY_BYTES // BYTES_REWRITTEN)
    assert budget.most_beyond <= largest


@settings(max_examples=150, deadline=None)
@given(topology=topologies, ends=acyclic, steps=steps, units=st.integers(1, 300))
def test_every_message_is_in_one_queue_at_the_end_of_each_pass(
    topology: tuple[Any, ...], ends: tuple[str, ...], steps: list[Any], units: int
) -> None:
    play = begun(topology, ends, units)
    for step in steps:
        play.step(*step)
        assert held(play) == play.published
    play.finish()
    assert play.everywhere() == Counter(b"%d" % number for number in range(play.published))


@settings(max_examples=150, deadline=None)
@given(topology=topologies, ends=cyclic, steps=steps, units=st.integers(1, 300))
def test_after_enough_passes_everything_is_where_one_pass_would_have_put_it(
    topology: tuple[Any, ...], ends: tuple[str, ...], steps: list[Any], units: int
) -> None:
    # Of a queue that is too long some go: which ones depends on the order.
    alike = tuple(
        {k: min(v, 0) if k == "max_length" else v for k, v in q.items()} for q in topology
    )
    plays = [begun(alike, ends, units), begun(alike, ends, 1 << 30)]
    for step in steps:
        for play in plays:
            play.step(*step)
            passes(play.client)
        assert plays[0].contents() == plays[1].contents()
        assert held(plays[0]) == held(plays[1])


@settings(max_examples=25, deadline=None)
@given(topology=topologies, ends=acyclic, steps=steps, units=st.integers(1, 300))
def test_a_crash_after_any_pass_loses_nothing_and_doubles_nothing(
    topology: tuple[Any, ...], ends: tuple[str, ...], steps: list[Any], units: int
) -> None:
    with TemporaryDirectory() as folder:
        durable = DurableBroker(Path(folder) / "data")
        try:
            play = Play(durable.broker, ends, topology)
            tight(play.client, units)
            for step in steps:
                play.step(*step)
            durable.broker.commit()
            durable.wait_durable()
            durable.kill()
            play.broker, play.client = durable.broker, durable.client
            assert held(play) == play.published
            play.finish()
            assert play.everywhere() == Counter(b"%d" % n for n in range(play.published))
        finally:
            durable.close()
