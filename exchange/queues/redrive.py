"""A redrive: messages of a queue, mostly one for dead letters, are published again and leave it.

Where to is told, or each message says it itself: its newest entry in `x-death` names the queue that
gave it up, and that is where it goes. A message goes in the same pass as its copy comes, hence in
the same commit: it may be there twice if a queue of several was too full for it, but is never lost.
So it stays where it cannot go: if nobody knows where it came from, if it would go to no queue or
come back to this one, if a queue is too full, if who asked may not publish there, or if it would
be dropped as one that was seen before.

The copy is as the message was, without the count of its deliveries; its account of deaths stays.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from warrener.exchange.errors import Refused
from warrener.exchange.message import Envelope, Message
from warrener.exchange.queues.browsing import PIECE_BYTES, Look, Sight
from warrener.exchange.queues.dead_letter import DELIVERY_COUNT
from warrener.exchange.queues.ready import Ready

if TYPE_CHECKING:
    from warrener.exchange.access.permissions import Rights
    from warrener.exchange.queues.queue import Queue
    from warrener.exchange.route import Route
    from warrener.exchange.vhost import VirtualHost

NO_ORIGIN = "no x-death tells where it came from"
NOWHERE = "it would go to no queue"
ROUND = "it would come back to this queue"
TOO_FULL = "a queue, or the disk, is too full"
KNOWN = "it would be dropped as seen before"
OTHER = "..."
KINDS_MAX = 1000
PIECE = 100
"""Messages that are looked at in one step: some milliseconds."""

K = TypeVar("K")


class Redrive:
    """What is to be moved, and how far that is.

    At most `count` messages of the first `among`; `exchange` None is for where each came from.
    """

    def __init__(
        self,
        vhost: VirtualHost,
        queue: Queue,
        rights: Rights,
        is_wanted: Callable[[Sight], bool],
        *,
        count: int,
        among: int,
        exchange: str | None = None,
        routing_key: str | None = None,
        dry_run: bool = False,
        piece: int = PIECE,
    ) -> None:
        """`piece` is how many messages are looked at in one step."""
        self.queue = queue
        self.dry_run = dry_run
        self.examined = 0
        self.moved_count = 0
        self.moved: Counter[tuple[str, str]] = Counter()
        """Messages by the exchange and the routing key to which they went."""
        self.left: Counter[str] = Counter()
        """Wanted messages that stay, by the reason."""
        self._vhost = vhost
        self._rights = rights
        self._is_wanted = is_wanted
        self.piece = piece
        self._count = count
        self._among = among
        self._exchange = exchange
        self._routing_key = routing_key
        self._look = Look(queue, vhost.ledger)
        self._in_order = False
        """Whether the next message of the piece is the one at the head of a plain queue."""

    @property
    def over(self) -> bool:
        return (
            self._look.over
            or self.examined >= self._among
            or self.moved_count >= self._count
            or self.queue.deleted
        )

    def step(self, most: int) -> int:
        """Look at a piece of the queue, and move at most so many of it; returns how many went."""
        went = size = 0
        sights = self._look.piece(min(self.piece, self._among - self.examined))
        self._in_order = bool(sights) and self._is_head(sights[0])
        for sight in sights:
            if went == most or self.moved_count >= self._count or size >= PIECE_BYTES:
                self._look.turn_back(sight.sequence)
                break
            self.examined += 1
            size += len(sight.message.content)
            if self._is_wanted(sight) and self._move(sight):
                went += 1
            else:
                self._in_order = False
        return went

    def _is_head(self, sight: Sight) -> bool:
        ready = self.queue.ready
        return isinstance(ready, Ready) and ready.waiting_from(0, 1)[0].sequence == sight.sequence

    def _move(self, sight: Sight) -> bool:
        """Returns whether it is gone."""
        place = self._destination(sight.message)
        if place is None:
            _count(self.left, NO_ORIGIN, OTHER)
            return False
        try:
            reason = self._try(sight, place)
        except Refused as refusal:
            reason = refusal.text
        if reason:
            _count(self.left, reason, OTHER)
            return False
        _count(self.moved, (place.exchange, place.routing_key), ("", OTHER))
        self.moved_count += 1
        return not self.dry_run

    def _try(self, sight: Sight, place: Envelope) -> str:
        """Publish and take out, unless this is a rehearsal; returns why not, if it does not go."""
        message, vhost = sight.message, self._vhost
        exchange = vhost.exchange(place.exchange)
        self._rights.require_write("exchange", place.exchange)
        self._rights.require_topic_write(exchange, place.routing_key)
        route = vhost.route(place.exchange, place.routing_key, message.properties)
        if not route.queues:
            return NOWHERE
        if self.queue in route.queues:
            return ROUND
        if _is_known(route, message, vhost.ledger.now_ms):
            return KNOWN
        if self.dry_run:
            return ""
        expiring = message.properties.expiration is not None
        copy = self._copy(message, place)
        if vhost.publish(route, [copy], len(copy.content), expiring):
            return TOO_FULL
        self._take_out(sight)
        return ""

    def _copy(self, message: Message, place: Envelope) -> Message:
        republished = message.envelope.republished
        envelope = Envelope(place.exchange, place.routing_key, republished=republished)
        changed = {DELIVERY_COUNT: None}
        return self._vhost.ledger.codec.rewrite(message, envelope, headers=changed)

    def _take_out(self, sight: Sight) -> None:
        """From the head of a plain queue where that will do: else the queue changes its order."""
        ready = self.queue.ready
        if self._in_order and isinstance(ready, Ready):
            taken = ready.take(1, 0)
            if list(taken.sequences) == [sight.sequence]:
                self.queue.handed_over(taken.messages, taken.sequences)
                return
            for sequence, message in zip(taken.sequences, taken.messages, strict=True):
                ready.give_back(sequence, message)
        self.queue.withdraw(sight.sequence)

    def _destination(self, message: Message) -> Envelope | None:
        if self._exchange is None:
            queue = origin(message)
            return None if queue is None else Envelope("", queue)
        key = self._routing_key
        return Envelope(self._exchange, message.envelope.routing_key if key is None else key)


def _count(counter: Counter[K], kind: K, other: K) -> None:
    """Count one of a kind; of very many kinds the later ones together."""
    counter[kind if kind in counter or len(counter) < KINDS_MAX else other] += 1


def origin(message: Message) -> str | None:
    """The queue that has given a message up last; None if the broker has not published it anew."""
    if not message.envelope.republished:
        return None
    deaths = (message.properties.headers or {}).get("x-death")
    newest = deaths[0] if isinstance(deaths, list) and deaths else None
    queue = newest.get("queue") if isinstance(newest, dict) else None
    return queue if isinstance(queue, str) else None


def _is_known(route: Route, message: Message, now: int) -> bool:
    """Whether something on the way would take the copy for one that it has had."""
    properties = message.properties
    return bool(
        any(window.knows(properties, now) for _, window in route.windows)
        or route.knowing(properties, now)
    )
