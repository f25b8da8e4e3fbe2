"""Definitions: the topology of the broker as the ledger keeps it.

What lasts (a durable exchange, a durable queue that is not exclusive, a binding between two of
them) has one live record in the ledger, made when it is declared and ended by a second record
when it goes. `Definitions` knows the position of each live record; `Survivors` reads the
records after a restart and keeps those that were not ended, in whatever order that happened.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from warrener.exchange.arguments import identity
from warrener.exchange.binding import Binding
from warrener.exchange.durability.entries import ENDED_BY
from warrener.exchange.durability.ledger import Ledger
from warrener.exchange.durability.records import Kind
from warrener.exchange.queues.queue import Queue
from warrener.exchange.types import Exchange
from warrener.exchange.window import Window

if TYPE_CHECKING:
    from warrener.exchange.vhost import VirtualHost

logger = logging.getLogger("warrener.definitions")

Thing = Exchange | Queue | Binding
Fields = dict[str, Any]

ENDS = {
    Kind.EXCHANGE_DELETED: Kind.EXCHANGE_DECLARED,
    Kind.QUEUE_DELETED: Kind.QUEUE_DECLARED,
    Kind.UNBOUND: Kind.BOUND,
} | {end: begin for begin, end in ENDED_BY.items()}
"""What each kind of record ends."""


class Definitions:
    """The live records of one virtual host's topology."""

    __slots__ = ("_ledger", "_positions", "_vhost")

    def __init__(self, vhost: str, ledger: Ledger) -> None:
        self._vhost = vhost
        self._ledger = ledger
        self._positions: dict[Thing, int] = {}

    def add(self, thing: Thing) -> None:
        """Write `thing` down if it is of the kind that lasts."""
        if lasts(thing):
            begin, _ = _kinds(thing)
            self._positions[thing] = self._ledger.write(begin, describe(self._vhost, thing))

    def remove(self, thing: Thing) -> None:
        """Write down that `thing` is gone, if it ever was written."""
        position = self._positions.pop(thing, 0)
        if position:
            for window in windows((thing,)):
                window.release(self._ledger)
            _, end = _kinds(thing)
            self._ledger.write_end(end, describe(self._vhost, thing), position)

    def restored(self, thing: Thing, position: int) -> None:
        """After a restart: `thing` is what the record at `position` said, 0 if that is lost."""
        if not position:
            self.add(thing)
            return
        self._positions[thing] = position
        self._ledger.hold(position)

    def rewrite(self) -> Iterator[int]:
        """Write every live record anew, so that the segments that hold the old ones can go.

        Yields now and then how many were written since, for whoever wants to do it bit by bit:
        between two steps things may come and go.
        """
        for thing, position in list(self._positions.items()):
            if self._positions.get(thing) == position:
                begin, _ = _kinds(thing)
                again = self._ledger.write(begin, describe(self._vhost, thing), position)
                self._positions[thing] = again
                self._ledger.forget(position)
                yield 1
        for window in list(windows(self._positions)):
            yield from window.rewrite(self._ledger)


@dataclass(slots=True)
class Survivors:
    """Definitions read from the ledger and not ended so far, by kind and then by identity."""

    live: dict[Kind, dict[Hashable, tuple[int, dict[str, Any]]]] = field(
        default_factory=lambda: {kind: {} for kind in ENDS.values()}
    )
    highest_number: int = 0

    def read(self, kind: Kind, position: int, fields: dict[str, Any]) -> int:
        """Take in one record; returns the number of the queue that it ends, or 0."""
        self.highest_number = max(self.highest_number, fields.get("number", 0))
        key = identity({k: v for k, v in fields.items() if k in _KEYS})
        if kind in ENDS:
            self.live[ENDS[kind]].pop(key, None)
            return int(fields.get("number", 0))
        self.live[kind][key] = (position, fields)
        return 0

    def vhosts(self) -> set[str]:
        """The virtual hosts in which there is something."""
        kinds = (Kind.EXCHANGE_DECLARED, Kind.QUEUE_DECLARED, Kind.BOUND)
        return {
            fields["vhost"]
            for kind in kinds
            for _, fields in self.live[kind].values()
            if isinstance(fields.get("vhost"), str)
        }

    def restore(
        self, vhosts: Mapping[str, VirtualHost], unreadable: Callable[..., None]
    ) -> dict[int, Queue]:
        """Build what survived; returns the queues by their numbers.

        An exchange or a queue that cannot be built is kept as a placeholder; any other record that
        means nothing goes to `unreadable`.
        """
        queues = {}

        def restore_exchange(position: int, fields: Fields) -> None:
            vhost = vhosts[fields["vhost"]]
            try:
                vhost.restore_exchange(position, fields)
            except Exception as error:
                vhost.keep_exchange(position, fields, error)

        def restore_queue(position: int, fields: Fields) -> None:
            vhost = vhosts[fields["vhost"]]
            try:
                queue = vhost.restore_queue(position, fields)
            except Exception as error:
                queue = vhost.keep_queue(position, fields, error)
            queues[queue.number] = queue

        def restore_binding(position: int, fields: Fields) -> None:
            vhost = vhosts[fields["vhost"]]
            if _has_both_ends(vhost, fields):
                vhost.restore_binding(position, fields)
                return
            ends = fields["source"], fields["destination"], vhost.name
            logger.error("the binding from '%s' to '%s' in '%s' has lost an end", *ends)

        self.each(Kind.EXCHANGE_DECLARED, restore_exchange, unreadable)
        self.each(Kind.QUEUE_DECLARED, restore_queue, unreadable)
        self.each(Kind.BOUND, restore_binding, unreadable)
        return queues

    def each(
        self, kind: Kind, restore: Callable[[int, Fields], None], unreadable: Callable[..., None]
    ) -> None:
        """Restore each live record of a kind; one that cannot be goes to `unreadable`."""
        for position, fields in self.live[kind].values():
            try:
                restore(position, fields)
            except Exception as error:
                unreadable(kind, (position,), error, fields)


_KEYS = frozenset(
    (
        "vhost",
        "name",
        "source",
        "destination",
        "to_queue",
        "key",
        "binding",
        "user",
        "exchange",
        "operator",
    )
)


def windows(things: Iterable[Thing]) -> Iterator[Window]:
    """The windows that last, of those that have one."""
    for thing in things:
        if isinstance(thing, Binding):
            continue
        memory = thing.memory if isinstance(thing, Queue) else thing.window
        if isinstance(memory, Window) and memory.number:
            yield memory


def lasting_windows(vhosts: Iterable[VirtualHost]) -> Iterator[Window]:
    """The windows that last, of all virtual hosts."""
    for vhost in vhosts:
        yield from windows(vhost.exchanges.values())
        yield from windows(vhost.queues.values())


def _has_both_ends(vhost: VirtualHost, fields: Mapping[str, Any]) -> bool:
    """Whether what a binding binds is there: its declaration may have been damaged."""
    places: Mapping[str, Any] = vhost.queues if fields["to_queue"] else vhost.exchanges
    return fields["source"] in vhost.exchanges and fields["destination"] in places


def lasts(thing: Thing) -> bool:
    """Whether `thing` outlives the broker; a binding does if both its ends do."""
    if isinstance(thing, Queue):
        return bool(thing.number)
    if isinstance(thing, Binding):
        return lasts(thing.source) and lasts(thing.destination)
    return thing.durable


def describe(vhost: str, thing: Thing) -> dict[str, Any]:
    """The fields of the record of `thing`."""
    if isinstance(thing, Queue):
        return {
            "vhost": vhost,
            "name": thing.name,
            "number": thing.number,
            "auto_delete": thing.auto_delete,
            "arguments": thing.arguments,
        }
    if isinstance(thing, Binding):
        return {
            "vhost": vhost,
            "source": thing.source.name,
            "destination": thing.destination.name,
            "to_queue": isinstance(thing.destination, Queue),
            "key": thing.routing_key,
            "binding": dict(thing.arguments),
        }
    fields = {
        "vhost": vhost,
        "name": thing.name,
        "type": thing.type,
        "auto_delete": thing.auto_delete,
        "internal": thing.internal,
        "arguments": thing.arguments,
    }
    return {**fields, "number": thing.number} if thing.number else fields


def _kinds(thing: Thing) -> tuple[Kind, Kind]:
    if isinstance(thing, Queue):
        return Kind.QUEUE_DECLARED, Kind.QUEUE_DELETED
    if isinstance(thing, Binding):
        return Kind.BOUND, Kind.UNBOUND
    return Kind.EXCHANGE_DECLARED, Kind.EXCHANGE_DELETED
