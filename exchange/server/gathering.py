"""Gathering: which runs of one read may be handed over side by side.

A publisher that alternates between routing keys has runs of one message. The reader therefore
gathers the messages of one read by publication and hands them over as a few long runs (bench S7).
That changes the order between messages of different runs, so runs are gathered side by side only
if the order between them cannot be observed:

- their routes are known and up to date, and meet in no queue. The order within each queue, the one
  that AMQP promises, is then the order on the wire;
- no message can be refused or returned: every route has queues, none of which may be full, the
  disk is not full, nothing deduplicates, and no property asks the broker for anything. So the
  numbers of confirms do not depend on the order, and nothing precedes an error that came after it;
- no exchange on the way keeps what passes, the virtual host is not traced, and the channel has no
  transaction, which would keep the order until a commit finds other routes.

Everything else is handed over in the order in which it came. `tests/exchange/server/
test_wire_order.py` compares both with a broker that is given one publish at a time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from warrener.exchange.queues.queue import Queue
    from warrener.exchange.route import Route
    from warrener.exchange.server.publication import Publication


class Gathering:
    """The runs that the reader of one connection has under way."""

    __slots__ = ("_alone", "_queues")

    def __init__(self) -> None:
        self._queues: set[Queue] | None = None
        """The queues of the runs under way; None if it is not known where one of them goes."""
        self._alone = False
        """Whether the run under way may have none beside it."""

    @property
    def is_known(self) -> bool:
        """Whether the routes of what was published last were known."""
        return self._queues is not None

    def end(self) -> None:
        """Something else than a publish has come."""
        self._queues = None

    def join(self, publication: Publication, first: bool) -> bool:
        """Whether a run of `publication` may be gathered; always, if it is the `first`."""
        route = publication.route
        if route is None or not route.queues or not publication.is_current:
            self._queues = None
            return first
        alone = _is_observable(publication, route)
        if first:
            self._queues, self._alone = set(route.queues), alone
            return True
        if alone or self._alone or self._queues is None:
            return False
        if not self._queues.isdisjoint(route.queues):
            return False
        self._queues.update(route.queues)
        return True


def _is_observable(publication: Publication, route: Route) -> bool:
    """Whether somebody could tell when messages along `route` were handed over."""
    channel = publication.channel
    return bool(
        publication.special
        or route.careful
        or route.observers
        or channel.transaction is not None
        or channel.connection.vhost.tracing
    )
