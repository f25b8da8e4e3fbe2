"""Bindings: which binding leads where, in one virtual host.

An exchange knows the bindings that begin at it, as its type needs them to find a way. Here is the
other end: by destination the bindings that lead there. Whatever is bound or unbound goes through
here, so both ends agree, and the ledger, the router and those who listen hear of it.

An exchange that goes with its last binding is reported to `unused`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from warrener.exchange.binding import Binding, Destination
from warrener.exchange.queues.queue import Queue

if TYPE_CHECKING:
    from warrener.exchange.durability.definitions import Definitions
    from warrener.exchange.router import Router
    from warrener.exchange.types import Exchange


class Bindings:
    """All bindings of one virtual host."""

    __slots__ = ("_abandoned", "_definitions", "_inbound", "_router", "_tell", "_unused")

    def __init__(
        self,
        definitions: Definitions,
        router: Router,
        tell: Callable[..., None],
        unused: Callable[[Exchange], None],
    ) -> None:
        self._definitions = definitions
        self._router = router
        self._tell = tell
        self._unused = unused
        self._inbound: dict[Destination, dict[Binding, None]] = {}
        """By destination the bindings that lead there, in the order in which they came."""
        self._abandoned: list[Exchange] = []
        """Exchanges that go because they have lost their last binding, until all are gone."""

    def to(self, destination: Destination) -> Sequence[Binding]:
        """The bindings that lead to a queue or an exchange."""
        return tuple(self._inbound.get(destination, ()))

    def count_to(self, destination: Destination) -> int:
        return len(self._inbound.get(destination, ()))

    def add(self, binding: Binding) -> bool:
        """Bind; returns False if it was bound already."""
        if not self._connect(binding):
            return False
        self._definitions.add(binding)
        return True

    def restore(self, binding: Binding, position: int) -> None:
        """After a restart: bind as the record at `position` says."""
        self._connect(binding)
        self._definitions.restored(binding, position)

    def remove(self, binding: Binding) -> None:
        """Remove the binding that is the same; one that is not there is gone already."""
        there = binding.source.bindings.get(binding.identity)
        if there is not None:
            del self._inbound[there.destination][there]
            self._disconnect(there)

    def remove_all_to(self, destination: Destination) -> None:
        """A queue or an exchange goes, and what leads there with it."""
        for binding in self._inbound.pop(destination, {}):
            self._disconnect(binding)

    def remove_all_from(self, source: Exchange) -> None:
        """An exchange goes, and what leads away from it."""
        for binding in list(source.bindings.values()):
            del self._inbound[binding.destination][binding]
            self._take_off(binding)

    def _connect(self, binding: Binding) -> bool:
        if not binding.source.bind(binding):
            return False
        self._inbound.setdefault(binding.destination, {})[binding] = None
        self._router.generation += 1
        self._tell("binding.created", **_ends(binding))
        return True

    def _disconnect(self, binding: Binding) -> None:
        """Take a binding off its source, which may go with its last one."""
        self._take_off(binding)
        source = binding.source
        if source.auto_delete and not source.bindings:
            self._abandon(source)

    def _abandon(self, source: Exchange) -> None:
        """Have an exchange go that has lost its last binding.

        Another may lose its last one by that, in a chain as long as clients make it: so they go one
        after the other, and not one within the other.
        """
        self._abandoned.append(source)
        if len(self._abandoned) > 1:
            return
        try:
            for each in self._abandoned:
                self._unused(each)
        finally:
            self._abandoned.clear()

    def _take_off(self, binding: Binding) -> None:
        removed = binding.source.unbind(binding)
        assert removed is binding, "a binding is known to both of its ends"
        self._definitions.remove(binding)
        self._router.generation += 1
        self._tell("binding.deleted", **_ends(binding))


def _ends(binding: Binding) -> dict[str, str]:
    """A binding in words."""
    return {
        "source": binding.source.name,
        "destination": binding.destination.name,
        "destination_type": "queue" if isinstance(binding.destination, Queue) else "exchange",
        "routing_key": binding.routing_key,
    }
