"""A queue: messages that wait, consumers that take them.

A message is in one of three states: *ready* (waiting, `Ready` keeps the order), *unacked* (with
a consumer, its channel keeps the delivery) or gone. Every move between them is a method here:

    enqueue   -> ready                       take, pump   ready -> unacked
    settle    unacked -> gone                requeue      unacked -> ready, at its old place
    purge     ready -> gone                  reject       unacked -> gone, or a dead letter
    due       ready -> gone, or a dead letter, when its time is over

Whatever may be many of these at once is done in the turns that the pump gives, as far as the budget
of the pass goes: what channels give back (`returning.py`), what is over its time, what is too much
(`limits.py`), and handing out.

Handing out is done in runs, not message by message: `pump` has consumers asked how many they
take, and that many are removed from the head at once and dealt out in turn.

A queue whose messages leave simply in order keeps them in a `Ready`. One whose consumers have
filters, or whose messages have priorities, deadlines or counted deliveries, keeps them in a
`Selection`, which can do all that and costs more; it changes from one to the other by itself. Both
are asked the same, and each hands out in its own way.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from warrener.exchange.budget import ADMITTED, EXPIRY, SETTLED
from warrener.exchange.durability.records import Return
from warrener.exchange.policy import UNGOVERNED, Applied, queue_groups
from warrener.exchange.queues.consumers import Consumers
from warrener.exchange.queues.discard import Discard
from warrener.exchange.queues.expiry import time_to_live
from warrener.exchange.queues.limits import drop_excess
from warrener.exchange.queues.options import PLAIN, QueueOptions, queue_options
from warrener.exchange.queues.public_name import public_name
from warrener.exchange.queues.ready import Ready, Taken
from warrener.exchange.queues.reasons import EXPIRED, REJECTED
from warrener.exchange.queues.returning import Outcome, Returning, apply, total_cost
from warrener.exchange.queues.selection import Selection
from warrener.exchange.queues.suspension import Suspendable
from warrener.exchange.queues.unrouted import Unrouted, bury, unsettle
from warrener.exchange.statistics.counts import PUBLISH, QueueStatistics, no_counts

if TYPE_CHECKING:
    from warrener.exchange.budget import Budget
    from warrener.exchange.consumer import Consumer, Delivery
    from warrener.exchange.deduplication import Memory
    from warrener.exchange.message import Message, Properties
    from warrener.exchange.queues.host import Host
    from warrener.exchange.queues.waitlist import Waitlist
    from warrener.exchange.statistics.sample import Sample


class Queue(Suspendable):
    """One queue of a virtual host.

    `number` names it in the ledger and is 0 for a queue that does not outlive the broker.
    `owner` is the connection an exclusive queue belongs to.
    """

    declared: ClassVar[bool] = True
    """Whether clients have asked for it; if not, the broker has it for itself."""
    addressable: ClassVar[bool] = True
    """Whether the default exchange leads to it."""
    memory: Memory | None = None
    """What it knows messages by, if it deduplicates."""

    __slots__ = (
        "_pump",
        "arguments",
        "auto_delete",
        "budget",
        "consumers",
        "counts",
        "deleted",
        "durable",
        "last_used_ms",
        "ledger",
        "name",
        "number",
        "options",
        "owner",
        "ready",
        "returning",
        "sample",
        "settled",
        "too_long",
        "unacked",
        "unacked_bytes",
        "unrouted",
    )

    def __init__(
        self,
        name: str,
        host: Host,
        *,
        durable: bool = False,
        auto_delete: bool = False,
        owner: object | None = None,
        arguments: Mapping[str, Any] | None = None,
        options: QueueOptions = PLAIN,
        number: int = 0,
    ) -> None:
        self.name = name
        self.durable = durable
        self.auto_delete = auto_delete
        self.owner = owner
        self.arguments = dict(arguments or {})
        self.options = options
        self.applied = UNGOVERNED
        self.number = number
        self.ready: Ready | Selection = Ready(host.ledger.load_some if number else None)
        self.consumers = Consumers(
            options.single_active, self.arguments.get("x-queue-type") == "quorum"
        )
        self.unacked = 0
        self.unacked_bytes = 0
        self.unrouted: Unrouted | None = None
        self.returning = Returning(self)
        """Deliveries that are to be gone through."""
        self.waiting = False
        self.settled: list[int] = []
        """Positions settled since the ledger last wrote them down."""
        self.deleted = self.too_long = False
        self.suspended = ""
        self.counts = no_counts()
        self.sample: Sample | None = None
        """Belongs to whoever samples the counts."""
        self.next_due: int | None = None
        self.last_used_ms = host.ledger.now_ms
        self._host = host
        self.ledger = host.ledger
        self._pump = host.pump
        self.budget = host.budget
        if options.indexed:
            self.select()
        self._plan()

    def __repr__(self) -> str:
        return f"<Queue {self.name!r} ready={len(self.ready)} unacked={self.unacked}>"

    @property
    def exclusive(self) -> bool:
        return self.owner is not None

    # Policies

    @property
    def groups(self) -> Collection[str]:
        return queue_groups(self.arguments)

    def govern(self, applied: Applied) -> None:
        self.applied = applied
        before, self.options = self.options, queue_options(self.arguments, applied.definition)
        if self.options == before:
            return
        if self.options.expires_ms != before.expires_ms:
            self.last_used_ms = self.ledger.now_ms
        if self.options.indexed:
            self.select()
        self.ready.go_by(self.options)
        self._pump.wake_later(self)
        self._plan()
        self.wake()

    # Messages in

    def enqueue(self, messages: Sequence[Message], size: int, expiring: bool = False) -> None:
        """Add messages with `size` bytes of content in total at the end.

        `expiring` says that some of them may have an expiration of their own.
        """
        if expiring:
            self.select()
        self.ready.extend(messages, size)
        self.counts[PUBLISH] += len(messages)
        if (self.consumers or self.options.limited) and not self.waiting:
            self._pump.wake(self)
        if self.options is not PLAIN or expiring:
            self._plan()

    def restore(
        self,
        positions: Sequence[int],
        size: int,
        expiring: bool,
        returns: Mapping[int, Return] | None = None,
    ) -> None:
        """After a restart: the messages at `positions`, `size` bytes together, wait here.

        `returns` is, by position, what is known of those that had come back.
        """
        if (expiring or returns) and not self.suspended:
            self.select()
        self.ready.restore(positions, size, returns or {})
        self._plan()
        self.wake()

    def restore_suspended(self, positions: Sequence[int], size: int, error: Exception) -> None:
        """The same if `restore` has raised `error`: they wait here, and nobody looks at them."""
        self.suspend(error)
        self._simplify()
        self.ready.restore(positions, size, {})

    # Messages out

    def pump(self) -> None:
        """Use this queue's turn: go through what comes back, let go what is over its time or too
        much, and hand out until nothing is left or no consumer takes more."""
        try:
            if not self.suspended:
                self._use_turn(self.budget)
        except Exception as error:
            self.suspend(error)

    def _use_turn(self, budget: Budget) -> None:
        if self.returning:
            self.returning.go_on(budget)
        if self.ready.examine():
            self._pump.wake_later(self)
            self._plan()
        if self.ready.next_deadline is None or self._is_rid_of_late():
            if not self.returning.puts_back:
                self.ready.hand_out(self.consumers, budget)
            if self.ready.outlived:
                self._simplify()
        if self.options.limited:
            self.too_long = drop_excess(self, budget)
        more_to_hand_out = budget.exhausted and len(self.ready) and self.consumers
        if self.too_long or self.returning or more_to_hand_out:
            self._take_another_turn()

    def _take_another_turn(self) -> None:
        if not self.waiting:
            self._pump.wake(self)

    def _is_rid_of_late(self) -> bool:
        """Have messages leave that should have left before this pass; whether that was all.

        If they are too many for now, none of the others is handed out until all are gone.
        """
        if not self._is_late():
            return True
        self.let_go(self.ledger.now_ms - 1)
        if self._is_late():
            self._take_another_turn()
            return False
        self._plan()
        return True

    def take(self, consumer: Consumer) -> Taken | None:
        """Take the first message that may be had for `consumer`, which has room for exactly one.
        Raises: PreconditionFailed if the queue is suspended."""
        self.require_running()
        self.last_used_ms = self.ledger.now_ms
        self._is_rid_of_late()
        self._admit(self.ledger.now_ms)
        taken = self.ready.take_for(consumer, self.budget)
        if taken is None or not taken.messages:
            return None
        consumer.deliver(*taken)
        return taken

    def handed_out(self, messages: Sequence[Message]) -> None:
        """Count messages that are now with a consumer that will acknowledge them."""
        self.unacked += len(messages)
        self.unacked_bytes += sum([len(message.content) for message in messages])

    def handed_over(self, messages: Sequence[Message], sequences: Sequence[int]) -> None:
        """Messages went to a consumer that does not acknowledge: they are done with."""
        self.ready.settled(sequences)
        self.forget(messages)

    def take_back(
        self, outcome: Outcome, deliveries: Sequence[Delivery], whole: bool = False
    ) -> None:
        """A channel has let go of deliveries; they are gone through now or in turns.

        `whole` says that they have to be gone through now, because all of it is one transaction.
        """
        if whole or (
            not self.returning and self.budget.affords(total_cost(self, outcome, deliveries))
        ):
            apply(self, outcome, deliveries)
        else:
            self.returning.add(outcome, deliveries)
            self._take_another_turn()

    def settle(self, deliveries: Sequence[Delivery]) -> list[Message]:
        """Delivered messages are done with; returns them."""
        self.budget.spend(SETTLED * len(deliveries))
        messages = [delivery.message for delivery in deliveries]
        self.unacked -= len(messages)
        self.unacked_bytes -= sum([len(message.content) for message in messages])
        if self.ready.remembers:
            self.ready.settled([delivery.sequence for delivery in deliveries])
        self.forget(messages)
        return messages

    def reject(self, deliveries: Sequence[Delivery], reason: str = REJECTED) -> None:
        """Delivered messages are not wanted: they are dead letters, or gone."""
        # First it is gone: the dead letter may come back here, where nothing like it is to be then.
        messages = self.settle(deliveries)
        if self.deleted:
            return
        kept: Iterable[Message] = messages
        try:
            kept = self.bury(messages, reason)
        finally:
            unsettle(self, kept)

    def out_no_more(self, delivery: Delivery) -> Message:
        """A message that was delivered comes back; it is not settled."""
        self.unacked -= 1
        self.unacked_bytes -= len(delivery.message.content)
        return delivery.message

    def put_back(self) -> None:
        """Messages have been put back."""
        if self.ready.unfinished:
            self._pump.wake_later(self)
        self._plan()
        self.wake()

    def withdraw(self, sequence: int) -> Message | None:
        """Take out a message that waits, for good; None if it waits no more."""
        taken = self.select().pick(sequence)
        if taken is None or not taken.messages:
            return None
        self.handed_over(taken.messages, taken.sequences)
        return taken.messages[0]

    def purge(self) -> int:
        """Drop every ready message; returns how many there were."""
        unrouted = () if self.unrouted is None else (self.unrouted,)
        count = 0
        for place in (self.ready, *unrouted):
            count += len(place)
            Discard(self, self._pump, place.give_up_all()).pump()
        return count

    def finish(self) -> None:
        """The broker ends: see `Returning.finish`."""
        self.returning.finish()

    def delete(self) -> int:
        """End this queue: its ready messages go; returns how many there were."""
        self.deleted = True
        return self.purge()

    # Time

    def due(self, now: int) -> None:
        """Give up the messages whose time is over, hand out those whose time has come, and give
        up the queue itself if nobody uses it."""
        if self.deleted or self.suspended:
            return
        if self.waiting:
            # A message whose time is over now may still be had by who takes it at once.
            self._use_turn(self.budget)
        self.let_go(now)
        self._admit(now)
        expires = self.options.expires_ms
        if expires is not None and not self.consumers and now >= self.last_used_ms + expires:
            self._host.expire_queue(self)
            return
        self._plan()
        self.wake()

    def _admit(self, now: int) -> None:
        """Put messages in line whose time has come, as far as the turn goes."""
        self.budget.spend(ADMITTED * self.ready.admit(now, self.budget.steps(ADMITTED)))

    def deadline(self, properties: Properties, published: int) -> int | None:
        """When a message that came in at `published` is to leave, in ms since 1970."""
        ttl = time_to_live(properties, self.options.message_ttl_ms)
        return None if ttl is None else published + ttl

    def time_is_over(self, messages: Sequence[Message]) -> None:
        """The deadline of messages has come, and they are no longer ready."""
        kept = set(self.bury(messages, EXPIRED))
        self.forget([message for message in messages if message not in kept])

    def let_go(self, now: int) -> None:
        """Have messages whose time is over at `now` leave, as far as the turn goes."""
        budget, ready = self.budget, self.ready
        while not budget.exhausted and ready.next_deadline is not None:
            if ready.next_deadline > now:
                return
            expired = ready.expire(now, 1 if self.buries else budget.steps(EXPIRY), budget)
            if expired.messages:
                self.time_is_over(expired.messages)
                ready.settled(expired.sequences)

    def _is_late(self) -> bool:
        """Whether messages wait that should have left before this pass."""
        deadline = self.ready.next_deadline
        return deadline is not None and deadline < self.ledger.now_ms

    def _plan(self) -> None:
        """Say when something is to be done next."""
        due = self.ready.next_due
        if due is not None:
            self._host.deadlines.schedule(due, self)
        if self.options.expires_ms is not None and not self.consumers:
            self._host.deadlines.schedule(self.last_used_ms + self.options.expires_ms, self)

    # Consumers

    def add_consumer(self, consumer: Consumer) -> None:
        """Raises: AccessRefused if one of the two wants the queue for itself."""
        self.consumers.add(consumer)
        if consumer.filter is not None:
            self.select()
        self.ready.join(consumer)
        self._host.tell("consumer.created", queue=public_name(self.name), consumer_tag=consumer.tag)
        self.wake()

    def remove_consumer(self, consumer: Consumer) -> None:
        self.consumers.remove(consumer)
        self._host.tell("consumer.deleted", queue=public_name(self.name), consumer_tag=consumer.tag)
        self.last_used_ms = self.ledger.now_ms
        self.ready.leave(consumer)
        if self.ready.outlived:
            self._simplify()
        self._plan()
        self.wake()

    def wake(self) -> None:
        """Something changed that may let a waiting message go."""
        if (self.consumers or self.options.limited) and not self.waiting and len(self.ready):
            self._pump.wake(self)

    def look_again(self) -> None:
        if self.options.indexed:
            self.select()
        self._pump.wake_later(self)
        self._plan()

    def pump_along(self, waitlist: Waitlist) -> None:
        """Have a waitlist of consumers pumped in this pass."""
        self._pump.wake(waitlist)

    def pump_later(self, waitlist: Waitlist) -> None:
        """Have a waitlist of consumers pumped again in the next pass."""
        self._pump.wake_later(waitlist)

    def statistics(self) -> QueueStatistics:
        return QueueStatistics(
            name=self.name,
            messages_ready=len(self.ready),
            messages_unacked=self.unacked,
            bytes_ready=self.ready.bytes,
            bytes_unacked=self.unacked_bytes,
            consumers=len(self.consumers),
            messages_delayed=self.ready.delayed,
        )

    # Giving up messages

    @property
    def buries(self) -> bool:
        """Whether messages that are given up become dead letters, or go elsewhere."""
        return self.options.dead_letter_exchange is not None

    def bury(self, messages: Sequence[Message], reason: str) -> Sequence[Message]:
        """Make dead letters of messages, if the queue has somewhere to send them; returns those
        that wait because they go nowhere."""
        return bury(self, self._host, messages, reason)

    def forget(self, messages: Iterable[Message]) -> None:
        """This queue no longer needs the messages that the ledger keeps for it."""
        if self.number:
            for message in messages:
                if message.position:
                    self.ledger.settle(self, message.position)

    # Order

    def select(self) -> Selection:
        """Have the waiting messages in an order from which they can be selected."""
        if not isinstance(self.ready, Selection):
            self.ready = Selection(
                self.ledger,
                self.options,
                bool(self.number),
                self.deadline,
                self.wake,
                self.ready,
            )
        return self.ready

    def _simplify(self) -> None:
        """Go back to the plain order."""
        load = self.ledger.load_some if self.number else None
        self.ready = Ready(load, self.ready.next_sequence)
