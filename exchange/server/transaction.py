"""A transaction: publishes and settlements that happen together or not at all.

Until the commit they are only noted. What can be refused is refused when it is noted: a message
that asks for the impossible, a place that is not there, a delivery that is not outstanding. What
may have changed since is looked at once more before the first of them is done. The commit does
them all within one pass, so the store writes them as one: after a crash either all are there or
none is. It is answered when they are on disk.

A delivery whose settlement is noted is set aside: nobody can settle it twice, and it still counts
for the limits of its consumer and channel.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

from warrener.exchange.budget import ENQUEUED, SETTLED
from warrener.exchange.errors import PreconditionFailed
from warrener.exchange.footprint import NOTED_MESSAGE_BYTES
from warrener.exchange.queues.limits import is_full
from warrener.exchange.queues.returning import Outcome, cost, put_back_as

if TYPE_CHECKING:
    from warrener.exchange.consumer import Delivery
    from warrener.exchange.durability.ledger import Ledger
    from warrener.exchange.message import Message
    from warrener.exchange.queues.queue import Queue
    from warrener.exchange.route import Route
    from warrener.exchange.server.channel import ServerChannel
    from warrener.exchange.server.publication import Publication

TRANSACTION_UNITS_MAX = 100_000
"""Work that one commit may be, in the units of the budget of a pass: it cannot be divided. That is
100,000 acknowledgements, 14,000 publishes to one queue, or 1,000 dead letters."""
NOTED_PUBLISH = 5
"""A publish in a commit, in units, beside the queues it goes to."""
LOOKED_AT_PER_UNIT = 10
"""Outstanding deliveries that are passed over in one unit when several are set aside."""


class Settle(Protocol):
    """What is done with deliveries that were set aside."""

    def __call__(self, deliveries: list[Delivery], *, whole: bool) -> None: ...


@dataclass(slots=True)
class Noted:
    """A publish that waits for the commit."""

    publication: Publication
    message: Message
    copies: Sequence[str]
    route: Route


class Transaction:
    """What a channel wants done at the next commit; with its end the next one begins."""

    def __init__(self, channel: ServerChannel) -> None:
        self._channel = channel
        self._budget = channel.connection.broker.budget
        self._bytes_max = channel.connection.config.transaction_max_bytes
        self._begin()

    @property
    def size(self) -> tuple[int, int]:
        """How many publishes, and how many settlements of deliveries, are noted."""
        return len(self._publishes), sum(len(deliveries) for _, deliveries in self._settlements)

    def publish(self, publication: Publication, messages: Sequence[Message]) -> None:
        """Note messages. Raises: Refused if they could not be published now."""
        channel = self._channel
        for original in messages:
            message, copies = channel.looked_at(publication, original)
            route = channel.route(publication, message, copies)
            self.bytes += len(message.content) + NOTED_MESSAGE_BYTES
            if self.bytes > self._bytes_max:
                raise PreconditionFailed(
                    f"transaction of more than transaction_max_bytes ({self._bytes_max})"
                )
            message.properties.forget()
            self._publishes.append(Noted(publication, message, copies, route))
            self._count(NOTED_PUBLISH + ENQUEUED * len(route.queues))

    def acknowledge(self, tags: Sequence[int], multiple: bool) -> None:
        """See `Channel.acknowledge`. Raises: PreconditionFailed."""
        for tag in tags:
            self._note(self._channel.core.settle, Outcome.ACKNOWLEDGED, tag, multiple)

    def reject(self, tag: int, multiple: bool, requeue: bool, failed: bool) -> None:
        """See `Channel.reject`. Raises: PreconditionFailed."""
        core = self._channel.core
        if requeue:
            outcome = put_back_as(failed)
            self._note(partial(core.requeue, outcome=outcome), outcome, tag, multiple)
        else:
            self._note(core.drop, Outcome.REJECTED, tag, multiple)

    def commit(self) -> None:
        """Do it all. Raises: Refused, and then nothing is done."""
        channel = self._channel
        for noted in self._publishes:
            if noted.route.generation != channel.connection.vhost.generation:
                channel.permit(noted.publication, noted.copies)
                noted.route = channel.route(noted.publication, noted.message, noted.copies)
        require_room(self._publishes, channel.connection.broker.ledger)
        for noted in self._publishes:
            message = noted.message
            expiring = message.properties.expiration is not None
            size = len(message.content)
            channel.publish_along(noted.route, noted.publication, [message], size, expiring)
        for settle, deliveries in self._settlements:
            settle(list(deliveries.values()), whole=True)
        self._begin()

    def rollback(self) -> None:
        """Forget it all: deliveries are outstanding again."""
        for _, deliveries in self._settlements:
            self._channel.core.put_back(deliveries)
            self._budget.spend(SETTLED * len(deliveries))
        self._begin()

    def _begin(self) -> None:
        self._units = 0
        self.bytes = 0
        """About what the publishes take in memory."""
        self._publishes: list[Noted] = []
        self._settlements: list[tuple[Settle, dict[int, Delivery]]] = []
        """How, and the deliveries by their tags."""

    def _note(self, settle: Settle, outcome: Outcome, tag: int, multiple: bool) -> None:
        core = self._channel.core
        deliveries = core.set_aside(tag, multiple)
        self._settlements.append((settle, deliveries))
        looked_at = len(core.unacked) if multiple else 0
        self._budget.spend(SETTLED * (len(deliveries) + looked_at // LOOKED_AT_PER_UNIT))
        queues = Counter([delivery.consumer.queue for delivery in deliveries.values()])
        self._count(sum(cost(queue, outcome) * count for queue, count in queues.items()))

    def _count(self, units: int) -> None:
        """Count work that the commit will be. Raises: PreconditionFailed if it is too much."""
        self._units += units
        if self._units > TRANSACTION_UNITS_MAX:
            raise PreconditionFailed(
                f"the transaction is too large: what it commits at once may take "
                f"{TRANSACTION_UNITS_MAX} units of work, see 'Transactions' in docs/amqp.md"
            )


def require_room(publishes: Iterable[Noted], ledger: Ledger) -> None:
    """Raises: PreconditionFailed if the disk, or a queue that refuses what is too much, cannot
    take it all. What a queue has had already needs no room there."""
    sizes: dict[Queue, list[int]] = {}
    for noted in publishes:
        if noted.route.rejecting:
            if ledger.full and noted.route.holders and noted.message.properties.persistent:
                raise PreconditionFailed("the disk is too full for the transaction")
            known = noted.route.knowing(noted.message.properties, ledger.now_ms)
            for queue in noted.route.queues:
                if queue not in known:
                    sizes.setdefault(queue, []).append(len(noted.message.content))
    for queue, wanted in sizes.items():
        if queue.options.rejects and is_full(queue, sum(wanted), len(wanted)):
            raise PreconditionFailed(f"queue '{queue.name}' is too full for the transaction")


class Commit:
    """A commit that waits for the disk; it is answered as publishes are (see `Confirms`)."""

    published = 1

    def __init__(self, channel: ServerChannel) -> None:
        self._channel = channel

    @property
    def written(self) -> int:
        """The end of the ledger once the pass of the commit is written."""
        return self._channel.connection.broker.ledger.end

    def confirm(self, number: int) -> None:
        self._channel.committed(self)

    def give_up(self, number: int) -> None:
        """AMQP has no answer for that: the connection is about to be closed."""

    def break_off(self, error: Exception) -> None:
        self._channel.break_off(error)
