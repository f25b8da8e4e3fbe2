"""The broker: virtual hosts, users, and the pass that moves messages through them.

The broker does no I/O and knows no time of its own. A shell feeds it: whatever came in one
read (or one tick of the clock) is one *pass*; within it the shell calls virtual hosts and
channels, and closes it with `end_pass`, which hands out what can be handed out, has the ledger
write what must last, and answers the publishers whose messages are safe.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from warrener.exchange.access.limits import VirtualHostLimits, limit_fields
from warrener.exchange.access.permissions import Permission, Permissions
from warrener.exchange.access.users import GUEST, User, Users
from warrener.exchange.budget import Budget
from warrener.exchange.confirms import Confirms
from warrener.exchange.connections import Connections
from warrener.exchange.deadlines import Deadlines
from warrener.exchange.durability.entries import Entries
from warrener.exchange.durability.ledger import Codec, Ledger, Store
from warrener.exchange.durability.records import Kind
from warrener.exchange.durability.unreadable import UnreadableRecords
from warrener.exchange.errors import NotFound, PreconditionFailed
from warrener.exchange.failures import Owner
from warrener.exchange.memory import Memory
from warrener.exchange.parameters import Parameters
from warrener.exchange.policies import Policies
from warrener.exchange.queues.pump import Pump, Pumped
from warrener.exchange.statistics.activity import Activity
from warrener.exchange.statistics.counts import QueueStatistics
from warrener.exchange.vhost import VirtualHost

REWRITTEN_MAX = 500
"""Records of topology written anew at once, some five milliseconds."""

UNLIMITED = VirtualHostLimits()


@dataclass(frozen=True, slots=True)
class BrokerStatistics:
    """Counts of the whole broker at one moment."""

    queues: tuple[QueueStatistics, ...]
    messages_ready: int
    messages_unacked: int
    memory_bytes: int


class Broker:
    """All virtual hosts on one store."""

    def __init__(self, store: Store, codec: Codec, budget: Budget | None = None) -> None:
        """`budget` is that of each pass."""
        self.activity = Activity()
        self.failures = self.activity.failures
        self.ledger = Ledger(store, codec, self.failures)
        self.unreadable = UnreadableRecords(self.ledger)
        self.budget = budget or Budget()
        self.pump = Pump(self.budget, self._note_unpumped)
        self.deadlines = Deadlines(self.budget)
        self.confirms = Confirms()
        self._segments = 1
        self._rewriting: Iterator[int] | None = None
        """What is left to be written anew, if that has been begun."""
        self.last_number = 0
        """The highest number a queue ever had."""
        self.entries = Entries(self.ledger, self.activity.events)
        self.vhosts: dict[str, VirtualHost] = {}
        self.memory = Memory(self.vhosts)
        self.parameters = Parameters(self.entries)
        self.users = Users(self.entries, self._user_deleted)
        self.permissions = Permissions(self.entries, self.users, self.vhosts)
        self.policies = Policies(self.entries, self.vhosts)
        self.connections = Connections(
            self.users, self.permissions, self.vhosts, self.activity.events
        )
        self._assume_defaults()

    def begin_pass(self, now_ms: int, shares: int = 1) -> None:
        """A pass begins at a time in ms since 1970, with a budget of its own.

        It is one of `shares` that together are to take no longer than one.
        """
        self.ledger.set_time(now_ms)
        self.budget.renew(shares)

    @property
    def unfinished(self) -> bool:
        """Whether there was more to do than passes may: a pass that begins with `resume` is
        needed, even if nothing is read."""
        return self.pump.unfinished or self.deadlines.unfinished

    def resume(self) -> None:
        """This pass is for what was too much for others."""
        self.pump.resume()
        self.deadlines.resume()

    def hand_out(self) -> None:
        """Hand out what can be handed out, and let go what is over its time or length, as far as
        the budget of the pass goes."""
        self.pump.run()
        self.deadlines.run(self.ledger.now_ms)
        self.pump.run()

    def end_pass(self) -> None:
        """Close a pass: hand out, also what was too much for others, write, confirm, or give up if
        nothing can be written. The next pass begins with it."""
        self.resume()
        self.hand_out()
        self.commit()
        self.budget.renew()

    def finish(self) -> None:
        """The broker ends: do and write what clients take for done already."""
        self.pump.finish()
        self.commit()

    def commit(self) -> None:
        """Write down what passes since the last commit have left, and answer who waited for it."""
        self.ledger.commit()
        self.answer()

    def answer(self) -> None:
        """Answer the publishers whose messages are safe, or all if nothing can be written."""
        if self.ledger.failed:
            self.confirms.fail(self.ledger.durable)
        else:
            self.confirms.end_pass(self.ledger.durable)

    def watch_disk(self, enough_bytes: int) -> bool:
        """See whether there is space for messages; returns whether that has changed.

        As long as there is none, persistent messages for durable queues are refused. There is
        space again when `enough_bytes` are free and the store has its own reserve back.
        """
        ledger = self.ledger
        if ledger.out_of_space and ledger.free_bytes() >= enough_bytes:
            ledger.restock()
        if ledger.out_of_space == ledger.full:
            return False
        ledger.full = ledger.out_of_space
        for vhost in self.vhosts.values():
            vhost.forget_routes()
        return True

    def tidy(self) -> None:
        """Have the store give back the space of records that are no longer needed.

        It can drop only what lies before the oldest living record, so the topology, which lives
        long, is written anew whenever a new segment has been begun: if there is much of it, a
        slice at each call.
        """
        if self._rewriting is None and self.ledger.segments > self._segments:
            self._rewriting = self._rewrite()
        if self._rewriting is not None:
            self._rewrite_some(self._rewriting)
        if self.ledger.segments > 1:
            self.ledger.trim()
        if self._rewriting is None:
            self._segments = self.ledger.segments

    def rewrite_definitions(self) -> None:
        """Write what lasts anew, messages aside, so that old segments of the store can go."""
        for _ in self._rewrite():
            pass

    def _rewrite(self) -> Iterator[int]:
        for vhost in list(self.vhosts.values()):
            yield from vhost.rewrite_definitions()
        self.entries.rewrite()

    def _rewrite_some(self, rewriting: Iterator[int]) -> None:
        written = 0
        for count in rewriting:
            written += count
            if written >= REWRITTEN_MAX:
                return
        self._rewriting = None

    def memory_bytes(self) -> int:
        """An estimate of what clients have made, messages above all, takes in memory."""
        return self.memory.read_all()

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

    def _note_unpumped(self, pumped: Pumped, error: Exception) -> None:
        """Something beside a queue could not use its turn."""
        owner = Owner("turn", type(pumped).__name__)
        self.failures.note(owner, error, self.ledger.now_ms)

    # Virtual hosts

    def vhost(self, name: str) -> VirtualHost:
        """Raises: NotFound."""
        try:
            return self.vhosts[name]
        except KeyError:
            raise NotFound(f"no virtual host '{name}'") from None

    def add_vhost(self, name: str, limits: VirtualHostLimits = UNLIMITED) -> VirtualHost:
        """Make a virtual host, in which nobody has a permission yet.

        Raises: PreconditionFailed if there is one of this name, or without a name.
        """
        if name in self.vhosts:
            raise PreconditionFailed(f"virtual host '{name}' already exists")
        if not name:
            raise PreconditionFailed("a virtual host needs a name")
        vhost = self._make_vhost(name)
        self._put_vhost(vhost, limits)
        return vhost

    def set_vhost_limits(self, name: str, limits: VirtualHostLimits) -> None:
        """Raises: NotFound."""
        self._put_vhost(self.vhost(name), limits)

    def set_tracing(self, name: str, on: bool) -> None:
        """Have copies of all messages of a virtual host go to its trace exchange, or no longer.

        Raises: NotFound.
        """
        vhost = self.vhost(name)
        vhost.tracing = on
        self.entries.put(Kind.VHOST_SET, name, _describe(vhost))

    def describe_vhost(self, name: str, description: str, tags: Iterable[str]) -> None:
        """Say what a virtual host is for, in words that are for people. Raises: NotFound."""
        vhost = self.vhost(name)
        vhost.description, vhost.tags = description, tuple(tags)
        self._put_vhost(vhost, vhost.limits)

    def delete_vhost(self, name: str) -> None:
        """Remove a virtual host with all that is in it; its connections are closed.

        Raises: NotFound.
        """
        vhost = self.vhost(name)
        for connection in self.connections.of_vhost(name):
            connection.force_close(f"vhost '{name}' is down")
        vhost.clear()
        self.permissions.forget(vhost=name)
        self.policies.forget(name)
        del self.vhosts[name]
        self.activity.forget(name)
        self.entries.end(Kind.VHOST_SET, name)

    def _make_vhost(self, name: str) -> VirtualHost:
        vhost = self.vhosts[name] = VirtualHost(
            name, self.ledger, self.pump, self.deadlines, self._next_number, self.activity
        )
        return vhost

    def _put_vhost(self, vhost: VirtualHost, limits: VirtualHostLimits) -> None:
        vhost.limits = limits
        self.entries.put(Kind.VHOST_SET, vhost.name, _describe(vhost))

    def _user_deleted(self, user: User) -> None:
        self.permissions.forget(user=user.name)
        for connection in self.connections.of_user(user.name):
            connection.force_close(f"user '{user.name}' is deleted")

    # What is there before anything was said

    def _assume_defaults(self) -> None:
        """The virtual host `/`, and a guest who may do everything there."""
        vhost = self._make_vhost("/")
        self.entries.assume(Kind.VHOST_SET, vhost.name, _describe(vhost))
        self.users.assume(GUEST)
        self.permissions.assume(Permission(GUEST.name, vhost.name, ".*", ".*", ".*"))

    def forget_assumed(self) -> None:
        """After a restart: the store has virtual hosts, users or permissions of its own."""
        self.entries.clear()
        self.vhosts.clear()
        self.users.forget_assumed()
        self.permissions.forget_assumed()

    def restore_vhost(self, position: int, fields: Mapping[str, Any]) -> None:
        vhost = self._make_vhost(fields["name"])
        self.entries.restored(Kind.VHOST_SET, vhost.name, fields, position)
        vhost.limits = VirtualHostLimits(**fields["limits"])
        vhost.tracing = fields.get("tracing", False)
        vhost.description = fields.get("description", "")
        vhost.tags = tuple(fields.get("tags", ()))

    def _next_number(self) -> int:
        self.last_number += 1
        return self.last_number


def _describe(vhost: VirtualHost) -> dict[str, Any]:
    fields = {
        "name": vhost.name,
        "limits": limit_fields(vhost.limits),
        "description": vhost.description,
        "tags": list(vhost.tags),
    }
    return {**fields, "tracing": True} if vhost.tracing else fields
