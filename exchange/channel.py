"""A channel, as the broker sees it: deliveries, acknowledgements, confirms, consumers.

The order of methods on the wire and the states open/closing are `warrener.protocol.state`; the
translation between AMQP methods and the calls here is `warrener.exchange.server.channel`.

Delivery tags count up from 1. `unacked` maps the tags that are still owed an answer to their
deliveries; a dict keeps them in the order of their tags, but for those that a rollback has put
back, until the order is needed. `_oldest` is a tag below which none is left, so that `multiple`
walks a range of numbers instead of searching.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from itertools import takewhile
from typing import Protocol

from warrener.exchange.consumer import Consumer, Delivery
from warrener.exchange.errors import NotAllowed, PreconditionFailed
from warrener.exchange.message import Message
from warrener.exchange.queues.queue import Queue
from warrener.exchange.queues.returning import Outcome, put_back_as
from warrener.exchange.queues.waitlist import Waitlist
from warrener.exchange.statistics.counts import ACK, GET_EMPTY, REDELIVER, no_counts
from warrener.exchange.statistics.sample import Sample

RECLAIMED_MAX = 65_536
"""Deliveries taken back from a client for which it is remembered that an answer may still come."""


class Outlet(Protocol):
    """Where a channel's deliveries go: the shell that writes them to a connection."""

    waitlist: Waitlist
    """Consumers that wait for room."""

    def room(self) -> int:
        """Bytes that may still be handed over before the client has taken what it was sent."""

    def deliver(
        self, consumer: Consumer, messages: Sequence[Message], first_tag: int, redelivered: bool
    ) -> int | None:
        """Send a run of messages with consecutive delivery tags.

        Returns how many were sent if the next one cannot be sent to this client, who is going to
        lose the channel for it; None if all were sent.
        """

    def cancelled(self, consumer: Consumer) -> None:
        """Tell the client that its consumer is gone, though it did not ask for that."""

    def break_off(self, error: Exception) -> None:
        """A step for this client has raised `error` amid the work for others.

        It is given up as soon as that work is done.
        """


class Channel:
    """Deliveries and consumers of one AMQP channel.

    `prefetch` limits the unacknowledged deliveries of all consumers together, 0 for any number;
    `consumer_prefetch` is the limit that consumers made from now on have for themselves.
    """

    __slots__ = (
        "_getter",
        "_in_order",
        "_next_tag",
        "_oldest",
        "_reclaimed",
        "_withheld",
        "consumer_prefetch",
        "consumers",
        "counts",
        "outlet",
        "prefetch",
        "sample",
        "unacked",
        "unacked_count",
        "waitlist",
    )

    def __init__(self, outlet: Outlet) -> None:
        self.outlet = outlet
        self.consumers: dict[str, Consumer] = {}
        self.prefetch = 0
        self.consumer_prefetch = 0
        self.unacked: dict[int, Delivery] = {}
        self.unacked_count = 0
        """Deliveries of consumers that are unacknowledged; those of `get` count for no limit."""
        self.waitlist = Waitlist(lambda: not self.is_full())
        """Consumers that wait until fewer deliveries of this channel are unacknowledged."""
        self.counts = no_counts()
        self.sample: Sample | None = None
        """Belongs to whoever samples the counts."""
        self._next_tag = 1
        self._oldest = 1
        self._in_order = True
        """Whether `unacked` is in the order of its tags."""
        self._reclaimed: OrderedDict[int, None] = OrderedDict()
        """Tags of deliveries that were taken back while the client still knew them."""
        self._withheld: list[Delivery] = []
        self._getter: Consumer | None = None
        """Stands for the client in its latest `get`, as a consumer without a tag."""

    # Deliveries

    def deliver(
        self,
        consumer: Consumer,
        messages: Sequence[Message],
        sequences: Sequence[int],
        redelivered: bool,
    ) -> None:
        """Hand a run of messages of one queue to `consumer`."""
        count, kind, queue = len(messages), consumer.counts_as, consumer.queue
        self.counts[kind] += count
        queue.counts[kind] += count
        if redelivered:
            self.counts[REDELIVER] += count
            queue.counts[REDELIVER] += count
        tag = self._next_tag
        self._next_tag = tag + count
        if not consumer.no_ack:
            self._owe(consumer, messages, sequences, tag)
        sent = None
        try:
            sent = self.outlet.deliver(consumer, messages, tag, redelivered)
        except Exception as error:
            self.outlet.break_off(error)
        if sent is not None:
            self._withhold(consumer, messages[sent:], sequences[sent:], tag + sent)
            messages, sequences = messages[:sent], sequences[:sent]
        if consumer.no_ack:
            queue.handed_over(messages, sequences)

    def _owe(
        self,
        consumer: Consumer,
        messages: Sequence[Message],
        sequences: Sequence[int],
        first_tag: int,
    ) -> None:
        """Keep deliveries that are to be acknowledged."""
        unacked = self.unacked
        for offset, message in enumerate(messages):
            unacked[first_tag + offset] = Delivery(consumer, message, sequences[offset])
        if consumer.tag:
            consumer.unacked += len(messages)
            self.unacked_count += len(messages)
        consumer.queue.handed_out(messages)

    def _withhold(
        self,
        consumer: Consumer,
        messages: Sequence[Message],
        sequences: Sequence[int],
        first_tag: int,
    ) -> None:
        """Keep deliveries that were not sent, out of reach of the client, until the end."""
        if consumer.no_ack:
            self._owe(consumer, messages, sequences, first_tag)
        tags = range(first_tag, first_tag + len(messages))
        self._withheld += [self.unacked.pop(tag) for tag in tags]

    def get(self, queue: Queue, no_ack: bool) -> bool:
        """Take one message from `queue` at once; returns whether there was one.

        It reaches the outlet as a delivery to a consumer without a tag.
        """
        getter = self._getter
        if getter is None or getter.queue is not queue or getter.no_ack != no_ack:
            getter = self._getter = Consumer(self, queue, "", no_ack=no_ack)
        found = queue.take(getter) is not None
        if not found:
            self.counts[GET_EMPTY] += 1
            queue.counts[GET_EMPTY] += 1
        return found

    def acknowledge(self, tags: Sequence[int], multiple: bool) -> None:
        """Settle deliveries one by one, or with `multiple` all up to each (all there are for 0).

        Raises: PreconditionFailed for a tag that is not outstanding; those before it count.
        """
        taken: list[Delivery] = []
        try:
            for tag in tags:
                taken += self._take_up_to(tag) if multiple else self._take_one(tag)
        finally:
            self.settle(taken)

    def reject(self, tag: int, multiple: bool, requeue: bool, failed: bool = True) -> None:
        """Give deliveries back, to be delivered again or to be dropped.

        `failed` says that something is wrong with them, see `Outcome`.
        Raises: PreconditionFailed for a tag that is not outstanding.
        """
        deliveries = self._take_up_to(tag) if multiple else self._take_one(tag)
        if requeue:
            self.requeue(deliveries, put_back_as(failed))
        else:
            self.drop(deliveries)

    def recover(self, outcome: Outcome = Outcome.REQUEUED) -> None:
        """Give back everything that is unacknowledged."""
        deliveries = list(self.outstanding().values())
        self.unacked.clear()
        self.requeue(deliveries, outcome)

    def reclaim(self, tags: Sequence[int]) -> list[Consumer]:
        """Take back outstanding deliveries; returns the consumers that end by it.

        The client may answer them before it knows: that has no effect, and is no mistake.
        """
        deliveries = [self.unacked.pop(tag) for tag in tags]
        self._reclaimed.update(dict.fromkeys(tags))
        while len(self._reclaimed) > RECLAIMED_MAX:
            self._reclaimed.popitem(last=False)
        consumers = dict.fromkeys(delivery.consumer for delivery in deliveries)
        ended = [each for each in consumers if self.consumers.get(each.tag) is each]
        for consumer in ended:
            self.cancel(consumer.tag)
        # It is not known that they have failed: the consumer may be slow.
        self.requeue(deliveries, Outcome.RELEASED)
        return ended

    # Consumers

    def consume(self, consumer: Consumer) -> None:
        """Start a consumer of this channel.

        Raises: NotAllowed if its tag is in use; AccessRefused if the queue is held exclusively.
        """
        if consumer.tag in self.consumers:
            raise NotAllowed(f"attempt to reuse consumer tag '{consumer.tag}'")
        consumer.queue.add_consumer(consumer)
        self.consumers[consumer.tag] = consumer

    def cancel(self, tag: str) -> Consumer | None:
        """Stop a consumer; its deliveries stay with the channel. None if there is none."""
        consumer = self.consumers.pop(tag, None)
        if consumer is not None:
            consumer.queue.remove_consumer(consumer)
        return consumer

    def set_prefetch(self, count: int, shared: bool) -> None:
        """Set the limit of all consumers together (`shared`) or of each one made from now on."""
        if shared:
            self.prefetch = count
            self.waitlist.wake()
        else:
            self.consumer_prefetch = count

    def is_full(self) -> bool:
        """Whether as many deliveries are unacknowledged as may be for all consumers together."""
        return bool(self.prefetch) and self.unacked_count >= self.prefetch

    def close(self, failed: bool = True) -> list[Queue]:
        """End all consumers, give back all deliveries; returns the queues that lost a consumer.

        `failed` says that the client has ended the channel, by closing it, by a mistake or by
        being gone, so that something may be wrong with what it held. If the broker ends it for a
        reason of its own, they are released.
        """
        queues = [consumer.queue for consumer in self.consumers.values()]
        for consumer in list(self.consumers.values()):
            try:
                self.cancel(consumer.tag)
            except Exception as error:
                consumer.queue.suspend(error)
        outcome = Outcome.FAILED if failed else Outcome.RELEASED
        self.recover(outcome)
        withheld, self._withheld = self._withheld, []
        self.requeue(withheld, outcome)
        return queues

    # Settling

    def outstanding(self) -> Mapping[int, Delivery]:
        """What is unacknowledged, in the order of the tags."""
        if not self._in_order:
            self.unacked = dict(sorted(self.unacked.items()))
            self._in_order = True
        return self.unacked

    def set_aside(self, tag: int, multiple: bool) -> dict[int, Delivery]:
        """Take deliveries, by their tags, out of those that can be settled.

        They count for the limits until they are put back and settled, or settled as they are.
        Raises: PreconditionFailed for a tag that is not outstanding.
        """
        if not multiple:
            return dict(zip((tag,), self._take_one(tag), strict=False))
        unacked = self.unacked
        return {each: unacked.pop(each) for each in self._tags_up_to(tag) if each in unacked}

    def put_back(self, deliveries: Mapping[int, Delivery]) -> None:
        """Undo `set_aside`, in a time that depends on these deliveries alone."""
        if deliveries:
            first = next(iter(deliveries))
            self._in_order = self._in_order and (
                not self.unacked or first > next(reversed(self.unacked))
            )
            self.unacked.update(deliveries)
            self._oldest = min(self._oldest, first)

    def settle(self, deliveries: list[Delivery], whole: bool = False) -> None:
        """Deliveries that were taken out are done with; `whole` as in `Queue.take_back`."""
        self.counts[ACK] += len(deliveries)
        for consumer, part in self._release(deliveries):
            consumer.queue.counts[ACK] += len(part)
            consumer.queue.take_back(Outcome.ACKNOWLEDGED, part, whole)
            consumer.queue.wake()

    def drop(self, deliveries: list[Delivery], whole: bool = False) -> None:
        """Deliveries that were taken out are not wanted."""
        for consumer, part in self._release(deliveries):
            consumer.queue.take_back(Outcome.REJECTED, part, whole)
            consumer.queue.wake()

    def requeue(
        self,
        deliveries: list[Delivery],
        outcome: Outcome = Outcome.FAILED,
        whole: bool = False,
    ) -> None:
        """Deliveries that were taken out go back to their queues."""
        for consumer, part in self._release(deliveries):
            consumer.queue.take_back(outcome, part, whole)

    def _take_one(self, tag: int) -> list[Delivery]:
        delivery = self.unacked.pop(tag, None)
        if delivery is None:
            if self._was_reclaimed(tag):
                return []
            raise PreconditionFailed(f"unknown delivery tag {tag}")
        if tag == self._oldest:
            self._oldest = tag + 1
        return [delivery]

    def _take_up_to(self, tag: int) -> list[Delivery]:
        unacked = self.unacked
        return [unacked.pop(each) for each in self._tags_up_to(tag) if each in unacked]

    def _tags_up_to(self, tag: int) -> Iterable[int]:
        """The tags that are to be taken, in order, and perhaps others between them.

        Raises: PreconditionFailed for a tag that is not outstanding.
        """
        unacked = self.unacked
        last = tag or self._next_tag - 1
        if tag and tag not in unacked and not self._was_reclaimed(tag):
            raise PreconditionFailed(f"unknown delivery tag {tag}")
        span = range(self._oldest, last + 1)
        self._oldest = max(self._oldest, last + 1)
        if len(span) <= 2 * len(unacked):
            return span
        # Tags settled one by one leave holes: it is shorter to walk what is there.
        return list(takewhile(lambda each: each <= last, self.outstanding()))

    def _was_reclaimed(self, tag: int) -> bool:
        """Whether an answer to this tag comes too late; it is not to come again."""
        return self._reclaimed.pop(tag, tag) is None

    def _release(self, deliveries: list[Delivery]) -> list[tuple[Consumer, list[Delivery]]]:
        """Count deliveries out; returns them by their consumers."""
        if not deliveries:
            return []
        first = deliveries[0].consumer
        by_consumer = {first: deliveries}
        if any(delivery.consumer is not first for delivery in deliveries):
            by_consumer = {}
            for delivery in deliveries:
                by_consumer.setdefault(delivery.consumer, []).append(delivery)
        for consumer, part in by_consumer.items():
            if consumer.tag:
                self.unacked_count -= len(part)
                consumer.settled(len(part))
        if self.waitlist:
            self.waitlist.wake()
        return list(by_consumer.items())
