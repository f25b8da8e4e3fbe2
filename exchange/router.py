"""The router: from exchange and routing key to queues, and messages along the way found.

Finding a route walks the bindings, from exchange to exchange and each exchange once; the result
is kept by whoever publishes, until `generation` is higher than the route's. Publishing along a
route writes the messages down, once for all queues, and puts them into each.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence, Set
from copy import copy
from typing import TYPE_CHECKING, NamedTuple

from warrener.exchange.binding import Destination
from warrener.exchange.budget import BYTES_REWRITTEN, DEATH, ENQUEUED, REWRITTEN, ROUTED
from warrener.exchange.delay import released_headers
from warrener.exchange.durability.records import HOLDERS_MAX
from warrener.exchange.errors import AccessRefused, NotFound, PreconditionFailed
from warrener.exchange.message import Envelope, Message, Properties
from warrener.exchange.queues.dead_letter import death_count, goes_round
from warrener.exchange.queues.letters import Letters, Way
from warrener.exchange.queues.limits import is_full, make_room, refuse
from warrener.exchange.queues.queue import Queue
from warrener.exchange.route import Route, Windows
from warrener.exchange.types import Exchange

if TYPE_CHECKING:
    from warrener.exchange.budget import Budget
    from warrener.exchange.durability.ledger import Ledger
    from warrener.exchange.window import Window

logger = logging.getLogger("warrener.router")

VARIANTS_MAX = 4096
"""Routes kept for exchanges that look at each message."""
VARIANTS_QUEUES_MAX = 1 << 20
"""The queues of these routes, 16 bytes each: messages to many queues may each take another way."""


FIXED_MAX = 64
"""Exchanges of which it is remembered that every message goes the same way."""


class Reach(NamedTuple):
    """The queues and the exchanges that a message reaches.

    `lasting` says that this depends on its routing keys alone.
    """

    queues: tuple[Queue, ...]
    passed: tuple[Exchange, ...]
    lasting: bool


class Router:
    """Routes between the exchanges of one virtual host.

    `generation` is raised by everything that may change where a message goes.
    """

    def __init__(
        self,
        vhost: str,
        exchanges: Mapping[str, Exchange],
        ledger: Ledger,
        quarantine: Callable[[str, Message, Exception], None],
        budget: Budget,
    ) -> None:
        self.generation = 0
        self._budget = budget
        self._letters = Letters(ledger.codec, self._find_way)
        self._vhost = vhost
        self._exchanges = exchanges
        self._ledger = ledger
        self._quarantine = quarantine
        self._variants: dict[Hashable, Route] = {}
        self._variants_queues = 0
        self._variants_generation = 0
        self._fixed: dict[Exchange, Reach] = {}
        """Of one generation, by the exchange at which they begin."""
        self._fixed_generation = 0

    def exchange(self, name: str) -> Exchange:
        """Raises: NotFound."""
        try:
            return self._exchanges[name]
        except KeyError:
            raise NotFound(f"no exchange '{name}' in vhost '{self._vhost}'") from None

    def route(
        self,
        exchange: str,
        routing_key: str,
        properties: Properties,
        copies: Sequence[str] = (),
    ) -> Route:
        """Find the queues for a message that goes by `routing_key` and, if any, by `copies`.

        Raises: NotFound if there is no such exchange; AccessRefused if it is internal;
        PreconditionFailed if they are more than the ledger can name.
        """
        first = self.exchange(exchange)
        if first.internal:
            raise AccessRefused(
                f"cannot publish to internal exchange '{exchange}' in vhost '{self._vhost}'"
            )
        keys = (routing_key, *copies)
        return self._find(first, Envelope(exchange, routing_key), keys, properties, refuses=True)

    def publish(
        self, route: Route, messages: Sequence[Message], size: int, expiring: bool = False
    ) -> Sequence[Message]:
        """Put messages, `size` bytes of content together, into the queues of their route.

        `expiring` says that some of them may have an expiration. Returns the messages that a
        queue was too full to take, which the other queues of the route have, and those that the
        disk was too full to keep, which no queue has. Those that were seen before are gone, and not
        among them.
        """
        if route.careful:
            return self._publish_carefully(route, messages, expiring)
        if len(route.queues) > 1:
            # To one queue goes no more than was read, and that is bounded.
            self._budget.spend(ENQUEUED * len(route.queues))
        if route.holders:
            self._ledger.write_messages(messages, route.head, route.holders, expiring)
        for queue in route.queues:
            queue.enqueue(messages, size, expiring)
        for exchange in route.observers:
            exchange.published(messages)
        return ()

    def dead_letter(
        self, queue: Queue, messages: Sequence[Message], reason: str
    ) -> Sequence[Message]:
        """Publish messages that `queue` gives up to its dead-letter exchange.

        Returns those that go to no queue, as there is no such exchange, or it leads nowhere, or
        only where a message would go round for ever.
        """
        exchange = self._exchanges.get(queue.options.dead_letter_exchange or "")
        if exchange is None:
            return messages
        nowhere = []
        for message in messages:
            try:
                if not self._dead_letter(queue, message, reason):
                    nowhere.append(message)
            except Exception as error:
                self._quarantine(queue.name, message, error)
        return nowhere

    def release(self, exchange: Exchange, messages: Sequence[Message]) -> None:
        """Route messages on that `exchange` has held back until now."""
        for message in messages:
            try:
                self._release(exchange, message)
            except Exception as error:
                self._quarantine(exchange.name, message, error)

    def publish_copy(self, copy: Message) -> None:
        """Publish a message that the broker itself has made, to an exchange that is there."""
        place = copy.envelope
        first = self._exchanges[place.exchange]
        route = self._find(first, place, (place.routing_key,), copy.properties)
        self._put_once(copy, route, (), False)

    def route_again(self, message: Message, destination: Destination) -> Route:
        """Where a message goes that was published before `destination` was bound."""
        place = message.envelope
        if isinstance(destination, Queue):
            return self._variant(place, (destination,), (), (), None, ())
        return self._find(destination, place, (place.routing_key,), message.properties)

    def publish_again(self, route: Route, messages: Sequence[Message]) -> None:
        """Put messages that were published before into the queues of another route."""
        if route.holders:
            # The store keeps them once more.
            messages = [copy(message) for message in messages]
            for message in messages:
                message.position = 0
        expiring = any(message.properties.expiration is not None for message in messages)
        self.publish(route, messages, sum([len(each.content) for each in messages]), expiring)

    def give(self, message: Message, queue: Queue) -> None:
        """Put a message into one queue, whatever led to it."""
        route = self._variant(message.envelope, (queue,), (), (), None, ())
        if route.holders:
            self._ledger.write_messages([message], route.head, route.holders)
        queue.enqueue([message], len(message.content))

    def _dead_letter(self, queue: Queue, message: Message, reason: str) -> bool:
        """Returns whether there is a queue for it."""
        now = self._ledger.now_ms
        letter, way, known = self._letters.make(queue, message, reason, now, self.generation)
        if not known:
            self._spend_rewriting(message)
            self._budget.spend(DEATH * death_count(letter))
        route, closed = way
        self._put_once(letter, route, closed, False)
        return len(closed) < len(route.queues) or bool(route.observers)

    def _find_way(self, letter: Message) -> Way:
        """Where a dead letter goes, whose exchange is there."""
        place, headers = letter.envelope, letter.properties.headers
        keys = (place.routing_key, *letter.copies())
        route = self._find(self._exchanges[place.exchange], place, keys, letter.properties)
        return Way(route, [queue for queue in route.queues if goes_round(headers, queue)])

    def _spend_rewriting(self, message: Message) -> None:
        size = self._ledger.codec.properties_bytes(message)
        self._budget.spend(REWRITTEN + size // BYTES_REWRITTEN)

    def _release(self, exchange: Exchange, message: Message) -> None:
        self._spend_rewriting(message)
        changed = released_headers(message.properties.headers or {})
        free = self._ledger.codec.rewrite(message, message.envelope, headers=changed)
        keys = (message.envelope.routing_key, *message.copies())
        route = self._find(exchange, message.envelope, keys, free.properties)
        expiring = free.properties.expiration is not None
        self._put_once(free, route, (), expiring, passed=exchange)

    # Finding

    def _find(
        self,
        first: Exchange,
        place: Envelope,
        keys: Sequence[str],
        properties: Properties,
        closed: Collection[Exchange] = (),
        *,
        refuses: bool = False,
    ) -> Route:
        """Follow the bindings from `first` on, for a message that was published to `place`.

        `closed` are exchanges that do not let it through. `refuses` says that there is a publisher
        who can be told that the durable queues are too many; without one, some are left out.
        """
        reach = self._fixed_reach(first) if not closed else None
        if reach is None:
            reach = self._follow(first, keys, properties, closed)
        queues = reach.queues
        if len(queues) > HOLDERS_MAX:
            queues = _limited(queues, place, refuses)
        observers = tuple(source for source in reach.passed if source.observes)
        if reach.lasting and len(keys) == 1:
            return Route(
                place.exchange,
                place.routing_key,
                queues,
                self.generation,
                lasting=True,
                observers=observers,
                disk_is_full=self._ledger.full,
                keys=keys,
            )
        windows = tuple((each, each.window) for each in reach.passed if each.window is not None)
        return self._variant(place, queues, observers, windows, first, keys)

    def _fixed_reach(self, first: Exchange) -> Reach | None:
        """Where every message goes from an exchange, if keys and headers do not matter there."""
        if first.matches_keys or first.reads_properties:
            return None
        if self._fixed_generation != self.generation or len(self._fixed) >= FIXED_MAX:
            self._fixed.clear()
            self._fixed_generation = self.generation
        return self._fixed.get(first)

    def _follow(
        self,
        first: Exchange,
        keys: Sequence[str],
        properties: Properties,
        closed: Collection[Exchange],
    ) -> Reach:
        """Follow the bindings from `first` on, to each exchange once."""
        queues: dict[Queue, None] = {}
        seen = [first]
        known = {first}
        lasting = fixed = True
        for source in seen:
            lasting = lasting and not source.reads_properties and source.window is None
            fixed = fixed and lasting and not source.matches_keys
            if source in closed:
                continue
            for destination in self._destinations(source, keys, properties):
                if isinstance(destination, Queue):
                    queues[destination] = None
                elif destination not in known:
                    known.add(destination)
                    seen.append(destination)
        passed = tuple(source for source in seen if source not in closed)
        reach = Reach(tuple(queues), passed, lasting)
        if fixed and not closed:
            self._fixed[first] = reach
        return reach

    def _destinations(
        self, source: Exchange, keys: Sequence[str], properties: Properties
    ) -> list[Destination]:
        now = self._ledger.now_ms
        if not source.matches_keys:
            keys = keys[:1]
        found = [b.destination for key in keys for b in source.match(key, properties, now)]
        if not found and source.alternate is not None:
            alternate = self._exchanges.get(source.alternate)
            if alternate is not None:
                found.append(alternate)
        return found

    def _variant(
        self,
        place: Envelope,
        queues: tuple[Queue, ...],
        observers: tuple[Exchange, ...],
        windows: Windows,
        start: Exchange | None,
        keys: Sequence[str],
    ) -> Route:
        """A route that depends on the message: few differ, so they are kept and shared."""
        key = (place.exchange, place.routing_key, queues, observers, windows, start, keys)
        route = self._variants.get(key)
        if route is None or route.generation != self.generation:
            self._variants_queues += len(queues)
            if self._has_stale_variants() or self._variants_queues > VARIANTS_QUEUES_MAX:
                self._variants.clear()
                self._variants_queues = len(queues)
                self._variants_generation = self.generation
            route = self._variants[key] = Route(
                place.exchange,
                place.routing_key,
                queues,
                self.generation,
                lasting=False,
                observers=observers,
                disk_is_full=self._ledger.full,
                windows=windows,
                start=start,
                keys=keys,
            )
        return route

    def _has_stale_variants(self) -> bool:
        """Whether routes are kept that nobody will use, and queues with them that are deleted."""
        return self._variants_generation != self.generation or len(self._variants) >= VARIANTS_MAX

    # Queues that may be full, and messages that may have been seen

    def _publish_carefully(
        self, route: Route, messages: Sequence[Message], expiring: bool
    ) -> Sequence[Message]:
        refused = []
        for message in messages:
            way, windows = self._sift(message, route)
            if self._ledger.full and way.holders and message.properties.persistent:
                refused.append(message)
                continue
            known = self._knowing(message, way)
            size = len(message.content)
            full = [queue for queue in way.queues if queue not in known and _is_full(queue, size)]
            self._put(message, way, known.union(full), expiring)
            if not full:
                # A publisher that is refused will try again, and must not be known by then.
                self._note(message, windows)
                continue
            refused.append(message)
            for queue in full:
                refuse(queue, [message])
        return refused

    def _knowing(self, message: Message, way: Route) -> set[Queue]:
        """The queues that have had a message like this one, after what they have to do first."""
        known = way.knowing(message.properties, self._ledger.now_ms)
        for queue in known:
            make_room(queue)
        return way.knowing(message.properties, self._ledger.now_ms) if known else known

    def _put_once(
        self,
        message: Message,
        route: Route,
        without: Sequence[Queue],
        expiring: bool,
        passed: Exchange | None = None,
    ) -> None:
        """Put one message into the queues of a route, some left out, where it is new.

        `passed` is an exchange that has let it through already.
        """
        way, windows = self._sift(message, route, passed)
        known = way.knowing(message.properties, self._ledger.now_ms)
        self._put(message, way, known.union(without), expiring)
        self._note(message, windows)

    def _sift(
        self, message: Message, route: Route, passed: Exchange | None = None
    ) -> tuple[Route, list[Window]]:
        """The way of a message past exchanges that have seen it; and who has not."""
        now = self._ledger.now_ms
        closed = {
            exchange
            for exchange, window in route.windows
            if exchange is not passed and window.knows(message.properties, now)
        }
        if closed:
            assert route.start is not None, "who has windows has been found"
            route = self._find(
                route.start, message.envelope, route.keys, message.properties, closed
            )
        return route, [window for exchange, window in route.windows if exchange is not passed]

    def _note(self, message: Message, windows: Sequence[Window]) -> None:
        for window in windows:
            window.note(message, self._ledger)

    def _put(self, message: Message, route: Route, without: Set[Queue], expiring: bool) -> None:
        """Put one message into the queues of a route, leaving some out."""
        self._budget.spend(ROUTED + ENQUEUED * len(route.queues))
        queues = tuple(queue for queue in route.queues if queue not in without)
        if without:
            route = self._variant(message.envelope, queues, route.observers, (), None, ())
        if route.holders:
            self._ledger.write_messages([message], route.head, route.holders, expiring)
        for queue in queues:
            queue.enqueue([message], len(message.content), expiring)
        for exchange in route.observers:
            exchange.published([message])


def _limited(queues: Sequence[Queue], place: Envelope, refuses: bool) -> tuple[Queue, ...]:
    """Those without the durable queues that the ledger cannot name. Raises: PreconditionFailed."""
    durable = [queue for queue in queues if queue.number]
    if len(durable) <= HOLDERS_MAX:
        return tuple(queues)
    text = f"{len(durable)} durable queues for one message to exchange '{place.exchange}'"
    if refuses:
        raise PreconditionFailed(f"{text}: at most {HOLDERS_MAX}")
    logger.error("%s: only the first %d get it", text, HOLDERS_MAX)
    without = set(durable[HOLDERS_MAX:])
    return tuple(queue for queue in queues if queue not in without)


def _is_full(queue: Queue, size: int) -> bool:
    if not queue.options.rejects or not is_full(queue, size):
        return False
    make_room(queue)
    return is_full(queue, size)
