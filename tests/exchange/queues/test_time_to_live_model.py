"""A time to live that comes, changes and goes while messages wait, held against a plain list."""

from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.exchange.core_client import Client
from tests.exchange.messages import body_of
from warrener.exchange.broker import Broker
from warrener.exchange.server.codec import CODEC
from warrener.storage.null import NullStore

times = st.integers(0, 9)


@dataclass
class Waiting:
    """A message, and when its time began: with the first time to live that it had."""

    number: int
    own: int | None
    begin: int | None

    def deadline(self, ttl: int | None) -> int | None:
        lives = [life for life in (self.own, ttl) if life is not None]
        return None if self.begin is None or not lives else self.begin + min(lives)


class TimeToLive(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.client = Client(Broker(NullStore(), CODEC))
        (self.queue,) = self.client.declare("q")
        self.now = 0
        self.ttl: int | None = None
        self.count = 0
        self.ready: list[Waiting] = []
        self.taken: list[Waiting] = []

    def pass_(self) -> None:
        self.client.at(self.now)
        self.ready = [
            each
            for each in self.ready
            if (deadline := each.deadline(self.ttl)) is None or deadline > self.now
        ]

    @rule(own=st.none() | times)
    def publish(self, own: int | None) -> None:
        self.count += 1
        expiring = {} if own is None else {"expiration": str(own)}
        self.client.publish("", "q", b"%d" % self.count, **expiring)
        begins = own is not None or self.ttl is not None
        self.ready.append(Waiting(self.count, own, self.now if begins else None))
        self.pass_()

    @rule(ttl=times)
    def set_ttl(self, ttl: int) -> None:
        self.client.broker.policies.set("/", "p", ".*", {"message-ttl": ttl})
        if ttl != self.ttl:
            for each in self.ready:
                each.begin = self.now if each.begin is None else each.begin
        self.ttl = ttl
        self.pass_()

    @precondition(lambda self: self.ttl is not None)
    @rule()
    def clear_ttl(self) -> None:
        self.client.broker.policies.clear("/", "p")
        self.ttl = None
        self.pass_()

    @rule()
    def get(self) -> None:
        taken = self.client.get("q")
        assert taken == (b"%d" % self.ready[0].number if self.ready else None)
        self.taken += self.ready[:1]
        del self.ready[:1]
        self.pass_()

    @precondition(lambda self: self.taken)
    @rule(requeue=st.booleans())
    def give_back(self, requeue: bool) -> None:
        tag = max(self.client.channel.unacked)
        self.client.reject(tag, requeue=requeue)
        returned = self.taken.pop()
        if requeue:
            if self.ttl is not None and returned.begin is None:
                returned.begin = self.now
            self.ready = sorted([*self.ready, returned], key=lambda each: each.number)
        self.pass_()

    @rule(ms=st.integers(1, 5))
    def wait(self, ms: int) -> None:
        self.now += ms
        self.pass_()

    @invariant()
    def what_waits_is_what_has_time_left(self) -> None:
        waiting = [each.number for each in self.ready]
        assert len(self.queue.ready) == len(waiting)
        assert len(self.client.channel.unacked) == len(self.taken)
        unacked = self.client.channel.unacked.values()
        assert sorted(int(body_of(each.message)) for each in unacked) == sorted(
            each.number for each in self.taken
        )


TestTimeToLive = TimeToLive.TestCase
TestTimeToLive.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
