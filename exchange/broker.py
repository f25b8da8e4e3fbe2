"""The broker: virtual hosts, users, and the pass that moves messages through them.

The broker does no I/O and knows no time of its own. A shell feeds it: whatever came in one
read (or one tick of the clock) is one *pass*; within it the shell calls virtual hosts and
channels, and closes it with `end_pass`, which hands out what can be handed out, has the ledger
write what must last, and answers the publishers whose messages are safe.
"""

from __future__ import annotations

from dataclasses import dataclass

from warrener.exchange.confirms import Confirms
from warrener.exchange.deadlines import Deadlines
from warrener.exchange.ledger import Codec, Ledger, Store
from warrener.exchange.pump import Pump
from warrener.exchange.queue import QueueStatistics
from warrener.exchange.users import Users
from warrener.exchange.vhost import VirtualHost

MESSAGE_OVERHEAD_BYTES = 250
"""What a message in memory takes beside its content, measured on CPython 3.11."""

TIDY_RECORDS = 200_000
"""Records written between two attempts to give space back: at 1 KiB each, three segments."""


@dataclass(frozen=True, slots=True)
class BrokerStatistics:
    """Counts of the whole broker at one moment."""

    queues: tuple[QueueStatistics, ...]
    messages_ready: int
    messages_unacked: int
    memory_bytes: int


class Broker:
    """All virtual hosts on one store."""

    def __init__(self, store: Store, codec: Codec) -> None:
        self.ledger = Ledger(store, codec)
        self.pump = Pump()
        self.deadlines = Deadlines()
        self.confirms = Confirms()
        self.users = Users()
        self._tidied_at = 0
        self.last_number = 0
        """The highest number a queue ever had."""
        self.vhosts = {
            "/": VirtualHost("/", self.ledger, self.pump, self.deadlines, self._next_number)
        }

    def hand_out(self) -> None:
        """Hand out what can be handed out, and let go what is over its time or length."""
        self.pump.run()
        self.deadlines.run(self.ledger.now_ms)
        self.pump.run()

    def end_pass(self) -> None:
        """Close a pass: hand out, write, confirm."""
        self.hand_out()
        self.ledger.commit()
        self.confirms.end_pass(self.ledger.durable)

    def settle_confirms(self) -> None:
        """The store has put more on disk: answer the publishers who waited for it."""
        self.confirms.settle(self.ledger.durable)

    def tidy(self) -> None:
        """Have the store give back the space of records that are no longer needed.

        It can drop only what lies before the oldest living record, so the topology, which
        lives long, is written anew now and then.
        """
        if self.ledger.end - self._tidied_at < TIDY_RECORDS:
            return
        for vhost in self.vhosts.values():
            vhost.rewrite_definitions()
        self._tidied_at = self.ledger.end
        self.ledger.trim()

    def memory_bytes(self) -> int:
        """An estimate of what the messages held in memory take."""
        return sum(
            queue.ready.memory_bytes
            + queue.unacked_bytes
            + MESSAGE_OVERHEAD_BYTES * (queue.ready.messages_in_memory + queue.unacked)
            for vhost in self.vhosts.values()
            for queue in vhost.queues.values()
        )

    def statistics(self) -> BrokerStatistics:
        queues = tuple(
            queue.statistics() for vhost in self.vhosts.values() for queue in vhost.queues.values()
        )
        return BrokerStatistics(
            queues=queues,
            messages_ready=sum(queue.messages_ready for queue in queues),
            messages_unacked=sum(queue.messages_unacked for queue in queues),
            memory_bytes=self.memory_bytes(),
        )

    def _next_number(self) -> int:
        self.last_number += 1
        return self.last_number
