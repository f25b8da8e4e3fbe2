"""A virtual host: the exchanges and queues that share a name space, and how they are bound.

Everything that changes the topology goes through here, is written to the ledger if it is to
last, and raises `generation`, which makes every remembered route out of date.

`owner` is always the connection that asks: exclusive queues belong to theirs and are hidden
from all others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from warrener.exchange.access.limits import VirtualHostLimits, reached
from warrener.exchange.arguments import check_exchange_arguments
from warrener.exchange.binding import Binding, Destination
from warrener.exchange.bindings import Bindings
from warrener.exchange.budget import CALLED, UNBOUND
from warrener.exchange.durability.definitions import Definitions
from warrener.exchange.equivalence import require_same_exchange, require_same_queue
from warrener.exchange.errors import AccessRefused, NotFound, PreconditionFailed
from warrener.exchange.exclusive import ExclusiveQueues
from warrener.exchange.failures import Owner, describe
from warrener.exchange.filters.arguments import filter_from
from warrener.exchange.placeholders import QueuePlaceholder, exchange_placeholder
from warrener.exchange.policies import Rules
from warrener.exchange.predeclared import predeclared_exchanges
from warrener.exchange.quarantine import QUARANTINE, Quarantine, quarantined, require_quarantine
from warrener.exchange.queues.deduplicating_queue import make_queue
from warrener.exchange.queues.options import queue_options
from warrener.exchange.queues.queue import Queue
from warrener.exchange.queues.reply_queue import ReplyQueue
from warrener.exchange.queues.schedule import SCHEDULE_PREFIX
from warrener.exchange.refusals import locked, refuse_reserved
from warrener.exchange.replay import Replay
from warrener.exchange.route import Route
from warrener.exchange.router import Router
from warrener.exchange.server_names import server_name, token, without_prefix
from warrener.exchange.types import TYPES, Exchange

if TYPE_CHECKING:
    from warrener.exchange.deadlines import Deadlines
    from warrener.exchange.durability.ledger import Ledger
    from warrener.exchange.message import Message, Properties
    from warrener.exchange.queues.pump import Pump
    from warrener.exchange.statistics.activity import Activity


class VirtualHost:
    """Exchanges, queues and bindings under one name; `tracing` is for `Broker.set_tracing`."""

    def __init__(
        self,
        name: str,
        ledger: Ledger,
        pump: Pump,
        deadlines: Deadlines,
        next_number: Callable[[], int],
        activity: Activity,
    ) -> None:
        self.name = name
        self.limits = VirtualHostLimits()
        self.rules = Rules()
        self.description = ""
        self.tags: tuple[str, ...] = ()
        self.queues: dict[str, Queue] = {}
        self._exclusive = ExclusiveQueues()
        self.exchanges = predeclared_exchanges(self.queues)
        self.tracing = False
        self._definitions = Definitions(name, ledger)
        self._router = Router(name, self.exchanges, ledger, self.quarantine, pump.budget)
        self._bindings = Bindings(self._definitions, self._router, self.tell, self._remove_exchange)
        self.ledger = ledger
        self.pump = pump
        self.budget = pump.budget
        self.deadlines = deadlines
        self._next_number = next_number
        self._without_queue: dict[str, Exchange] = {}
        """After a restart: the exchanges whose own queue has not been restored yet, by its name."""
        self._activity = activity

    # Routing

    @property
    def generation(self) -> int:
        """Raised by everything that may change where a message goes, or whether it may."""
        return self._router.generation

    def forget_routes(self) -> None:
        """Permissions or policies have changed: what was remembered may no longer be true."""
        self._router.generation += 1

    def route(
        self,
        exchange: str,
        routing_key: str,
        properties: Properties,
        copies: Sequence[str] = (),
    ) -> Route:
        """See `Router.route`."""
        return self._router.route(exchange, routing_key, properties, copies)

    def publish(
        self, route: Route, messages: Sequence[Message], size: int, expiring: bool = False
    ) -> Sequence[Message]:
        """See `Router.publish`."""
        return self._router.publish(route, messages, size, expiring)

    def dead_letter(
        self, queue: Queue, messages: Sequence[Message], reason: str, again: bool = False
    ) -> Sequence[Message]:
        """See `Router.dead_letter`."""
        if not again:
            self._activity.dead_letters[reason] += len(messages)
        return self._router.dead_letter(queue, messages, reason)

    def tell(self, kind: str, **fields: Any) -> None:
        """Tell those who listen what has happened here."""
        self._activity.events.tell(kind, self.name, **fields)

    def note_failure(self, kind: str, name: str, error: Exception) -> None:
        """A step of something here, of a kind and with a name, has raised `error`."""
        self._activity.failures.note(Owner(kind, name, self.name), error, self.ledger.now_ms)

    def quarantine(self, source: str, message: Message, error: Exception) -> None:
        """Keep a message aside that `source`, a queue or an exchange, could not pass on.

        It waits in the queue QUARANTINE, which is made when it is needed.
        """
        self.note_failure("message of", source, error)
        queue = self.queues.get(QUARANTINE) or self._make_quarantine()
        kept = quarantined(self.ledger.codec, message, source, error, self.ledger.now_ms)
        self._router.give(kept, queue)

    def publish_copy(self, copy: Message) -> None:
        """See `Router.publish_copy`."""
        self._router.publish_copy(copy)

    # Exchanges

    def exchange(self, name: str) -> Exchange:
        """Raises: NotFound."""
        return self._router.exchange(name)

    def declare_exchange(
        self,
        name: str,
        kind: str,
        *,
        durable: bool = False,
        auto_delete: bool = False,
        internal: bool = False,
        arguments: Mapping[str, Any] | None = None,
    ) -> Exchange:
        """Make an exchange, or find that it is there as asked.

        Raises: PreconditionFailed for an unknown type, a wrong argument, or if it exists
        otherwise; AccessRefused for a reserved name.
        """
        arguments = arguments or {}
        if name == "":
            raise AccessRefused("operation not permitted on the default exchange")
        if kind not in TYPES:
            raise PreconditionFailed(f"unknown exchange type '{kind}'")
        there = self.exchanges.get(name)
        if there is not None:
            require_same_exchange(self.name, there, kind, durable, auto_delete, internal, arguments)
            return there
        refuse_reserved("exchange", name, self.name)
        check_exchange_arguments(arguments)
        exchange = self._make_exchange(name, kind, durable, auto_delete, internal, arguments)
        if exchange.own_queue_name is not None:
            number = self._next_number() if durable else 0
            self._definitions.add(self._make_own_queue(exchange, number))
        if exchange.window is not None and durable:
            exchange.remember_as(self._next_number())
        self._definitions.add(exchange)
        return exchange

    def delete_exchange(self, name: str, *, if_unused: bool = False) -> None:
        """Remove an exchange and its bindings; one that is not there is gone already.

        Raises: AccessRefused for a predeclared one; PreconditionFailed if it is in use.
        """
        if name == "":
            raise AccessRefused("operation not permitted on the default exchange")
        refuse_reserved("exchange", name, self.name)
        exchange = self.exchanges.get(name)
        if exchange is None:
            return
        if if_unused and exchange.bindings:
            raise PreconditionFailed(f"exchange '{name}' in vhost '{self.name}' in use")
        self._remove_exchange(exchange)

    # Queues

    def queue(self, name: str, owner: object) -> Queue:
        """Raises: NotFound; ResourceLocked if it is exclusive to another connection."""
        queue = self.queues.get(name)
        if queue is None:
            raise NotFound(f"no queue '{name}' in vhost '{self.name}'")
        if queue.owner is not None and queue.owner is not owner:
            raise locked(name, self.name)
        return queue

    def declare_queue(
        self,
        name: str,
        owner: object,
        *,
        durable: bool = False,
        exclusive: bool = False,
        auto_delete: bool = False,
        arguments: Mapping[str, Any] | None = None,
        made_up: bool = False,
    ) -> Queue:
        """Make a queue, or find that it is there as asked; without a name, one is made up.

        `made_up` says that the name comes from `server_name`.

        Raises: PreconditionFailed if it exists otherwise, an argument is wrong, or there are as
        many queues as may be; ResourceLocked; AccessRefused for a reserved name.
        """
        if not name:
            name, made_up = server_name(arguments or {}), True
        arguments = without_prefix(arguments or {})
        if name in self.queues:
            queue = self.queue(name, owner)
            if exclusive != queue.exclusive:
                raise locked(name, self.name)
            require_same_queue(self.name, queue, durable, auto_delete, arguments)
            queue.last_used_ms = self.ledger.now_ms
            return queue
        options = queue_options(arguments, durable=durable)
        if not made_up:
            refuse_reserved("queue", name, self.name)
        if name == QUARANTINE:
            require_quarantine(durable, exclusive, auto_delete, arguments)
        self._require_room(name)
        queue = self._make_queue(
            name,
            durable=durable,
            auto_delete=auto_delete,
            owner=owner if exclusive else None,
            arguments=arguments,
            options=options,
            number=self._next_number() if durable and not exclusive else 0,
        )
        self._definitions.add(queue)
        return queue

    def add_reply_queue(self, owner: object) -> Queue:
        """Make a queue for direct replies to one channel; it goes with its consumer."""
        return self._add_queue(ReplyQueue(token(), self, owner))

    def delete_queue(
        self, name: str, owner: object, *, if_unused: bool = False, if_empty: bool = False
    ) -> int:
        """Remove a queue and its bindings; returns how many messages it held.

        Raises: ResourceLocked; PreconditionFailed if it is in use or not empty.
        """
        if name not in self.queues:
            return 0
        queue = self.queue(name, owner)
        if if_unused and queue.consumers:
            raise PreconditionFailed(f"queue '{name}' in vhost '{self.name}' in use")
        if if_empty and (len(queue.ready) or queue.unrouted):
            raise PreconditionFailed(f"queue '{name}' in vhost '{self.name}' not empty")
        return self.remove_queue(queue)

    def remove_queue(self, queue: Queue) -> int:
        """Delete a queue whatever its state; its consumers are told."""
        self.budget.spend(CALLED + UNBOUND * self._bindings.count_to(queue))
        for consumer in list(queue.consumers):
            consumer.channel.cancel(consumer.tag)
            consumer.channel.outlet.cancelled(consumer)
        self._bindings.remove_all_to(queue)
        del self.queues[queue.name]
        self._exclusive.discard(queue)
        self.deadlines.cancel(queue)
        if queue.declared:
            self._activity.queues_deleted += 1
            self.tell("queue.deleted", name=queue.name)
        self._definitions.remove(queue)
        self._router.generation += 1
        return queue.delete()

    def release(self, exchange: Exchange, messages: Sequence[Message]) -> None:
        """See `Router.release`."""
        self._router.release(exchange, messages)

    def expire_queue(self, queue: Queue) -> None:
        """Remove a queue that nobody has used for as long as it is meant to last unused."""
        self.remove_queue(queue)

    def consumer_left(self, queue: Queue) -> None:
        """A consumer of `queue` is gone: an auto-delete queue goes with its last one."""
        if queue.auto_delete and not queue.consumers and not queue.deleted:
            self.remove_queue(queue)

    def connection_left(self, owner: object) -> None:
        """A connection is gone: its exclusive queues go with it."""
        for queue in self._exclusive.of(owner):
            try:
                self.remove_queue(queue)
            except Exception as error:
                # The others have to go nevertheless.
                queue.suspend(error)

    # Bindings

    def bind(
        self,
        source: str,
        destination: Destination,
        routing_key: str,
        arguments: Mapping[str, Any] | None = None,
    ) -> None:
        """Bind a queue or an exchange to the exchange `source`.

        Raises: NotFound; AccessRefused for the default exchange; PreconditionFailed if the
        exchange's type does not understand the arguments, or they hold no valid filter.
        """
        exchange = self.bindable(source)
        arguments = dict(arguments or {})
        binding = Binding(exchange, destination, routing_key, arguments, filter_from(arguments))
        if self._bindings.add(binding):
            Replay(self._router, self.pump, binding, self.ledger.now_ms).pump()

    def unbind(
        self,
        source: str,
        destination: Destination,
        routing_key: str,
        arguments: Mapping[str, Any] | None = None,
    ) -> None:
        """Remove the binding that is the same; one that is not there is gone already.

        Raises: NotFound; AccessRefused for the default exchange.
        """
        exchange = self.bindable(source)
        self._bindings.remove(Binding(exchange, destination, routing_key, dict(arguments or {})))

    def bindings_to(self, destination: Destination) -> Sequence[Binding]:
        """The bindings that lead to a queue or an exchange."""
        return self._bindings.to(destination)

    def bindable(self, source: str) -> Exchange:
        if source == "":
            raise AccessRefused("operation not permitted on the default exchange")
        return self.exchange(source)

    # Making and removing

    def _make_exchange(
        self,
        name: str,
        kind: str,
        durable: bool,
        auto_delete: bool,
        internal: bool,
        arguments: Mapping[str, Any],
    ) -> Exchange:
        exchange = self.exchanges[name] = TYPES[kind](
            name, durable=durable, auto_delete=auto_delete, internal=internal, arguments=arguments
        )
        exchange.govern(self.rules.applied_to(exchange))
        self._router.generation += 1
        self.tell("exchange.created", name=name, type=kind)
        return exchange

    def _remove_exchange(self, exchange: Exchange) -> None:
        if exchange.deleted:
            return
        exchange.end()
        self._bindings.remove_all_from(exchange)
        self._bindings.remove_all_to(exchange)
        if exchange.own_queue is not None:
            self.remove_queue(exchange.own_queue)
        del self.exchanges[exchange.name]
        self.tell("exchange.deleted", name=exchange.name, type=exchange.type)
        self._definitions.remove(exchange)
        self._router.generation += 1

    def _make_quarantine(self) -> Queue:
        queue = self._make_queue(QUARANTINE, durable=True, number=self._next_number())
        self._definitions.add(queue)
        return queue

    def _make_own_queue(self, exchange: Exchange, number: int) -> Queue:
        queue = exchange.make_own_queue(self, number)
        self.queues[queue.name] = queue
        return queue

    def _make_queue(self, name: str, **options: Any) -> Queue:
        if name == QUARANTINE:
            return self._add_queue(Quarantine(name, self, **options))
        return self._add_queue(make_queue(name, self, **options))

    def _add_queue(self, queue: Queue) -> Queue:
        self.queues[queue.name] = queue
        self._exclusive.add(queue)
        queue.govern(self.rules.applied_to(queue))
        if queue.declared:
            self._activity.queues_created += 1
            self.tell("queue.created", name=queue.name)
        self._router.generation += 1
        return queue

    def clear(self) -> None:
        """Remove everything, because the virtual host itself goes."""
        # Exchanges first: some have a queue of their own, which goes with them.
        for name in list(filter(None, self.exchanges)):
            # One that goes with its last binding has perhaps gone with another.
            if name in self.exchanges:
                self._remove_exchange(self.exchanges[name])
        for queue in list(self.queues.values()):
            self.remove_queue(queue)

    # Checks

    def _require_room(self, queue: str) -> None:
        limit = self.limits.max_queues
        # Mostly there is no need to count.
        if reached(limit, len(self.queues)) and reached(limit, self.declared_queues()):
            raise PreconditionFailed(
                f"cannot declare queue '{queue}': queue limit in vhost '{self.name}' "
                f"({limit}) is reached"
            )

    def declared_queues(self) -> int:
        """How many queues there are, not counting those that the broker has for itself."""
        return sum([queue.declared for queue in self.queues.values()])

    # After a restart, from the records of `Definitions`

    def restore_exchange(self, position: int, fields: Mapping[str, Any]) -> None:
        exchange = self._make_exchange(
            fields["name"],
            fields["type"],
            True,
            fields["auto_delete"],
            fields["internal"],
            fields["arguments"],
        )
        exchange.remember_as(fields.get("number", 0))
        if exchange.own_queue_name is not None:
            self._without_queue[exchange.own_queue_name] = exchange
        self._definitions.restored(exchange, position)

    def restore_queue(self, position: int, fields: Mapping[str, Any]) -> Queue:
        exchange = self._without_queue.pop(fields["name"], None)
        if exchange is not None:
            queue = self._make_own_queue(exchange, fields["number"])
        elif fields["name"].startswith(SCHEDULE_PREFIX):
            raise NotFound("the exchange that it belongs to could not be restored")
        else:
            queue = self._make_queue(
                fields["name"],
                durable=True,
                auto_delete=fields["auto_delete"],
                arguments=fields["arguments"],
                options=queue_options(fields["arguments"]),
                number=fields["number"],
            )
        self._definitions.restored(queue, position)
        return queue

    def keep_exchange(self, position: int, fields: Mapping[str, Any], error: Exception) -> None:
        """An exchange cannot be restored: see `ExchangePlaceholder`."""
        exchange = exchange_placeholder(fields, describe(error))
        self.exchanges[exchange.name] = exchange
        self._router.generation += 1
        self.note_failure("exchange", exchange.name, error)
        self._definitions.restored(exchange, position)

    def keep_queue(self, position: int, fields: Mapping[str, Any], error: Exception) -> Queue:
        """A queue cannot be restored: see `QueuePlaceholder`."""
        queue = self.queues[fields["name"]] = QueuePlaceholder(self, fields)
        self._router.generation += 1
        queue.suspend(error)
        self._definitions.restored(queue, position)
        return queue

    def restore_binding(self, position: int, fields: Mapping[str, Any]) -> None:
        places: Mapping[str, Destination] = self.queues if fields["to_queue"] else self.exchanges
        binding = Binding(
            self.exchanges[fields["source"]],
            places[fields["destination"]],
            fields["key"],
            fields["binding"],
            filter_from(fields["binding"]),
        )
        self._bindings.restore(binding, position)

    def rewrite_definitions(self) -> Iterator[int]:
        """See `Definitions.rewrite`."""
        return self._definitions.rewrite()
