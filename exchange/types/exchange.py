"""What all exchange types have in common.

A type is one class in one file. It says how bindings are kept (`index`, `unindex`, `bucket`),
which of them a message matches (`match`), and, if it wants more, what it asks of a declaration
(`check_arguments`) and of a binding (`check_binding`). A type that sets `observes` is shown what
passes (`published`), and may have something for a new binding (`history`). A type that keeps
messages waiting names a queue of its own (`own_queue_name`) and makes it (`make_own_queue`); the
virtual host numbers it, writes it down, and lets it go with the exchange. All else is the same for
every type and stands here or in the virtual host: equivalence, auto-delete, exchange-to-exchange,
permission.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from warrener.exchange import deduplication
from warrener.exchange.binding import Binding
from warrener.exchange.deduplication import exchange_deduplication
from warrener.exchange.footprint import of_binding
from warrener.exchange.message import Message, Properties
from warrener.exchange.policy import EXCHANGE_GROUPS, UNGOVERNED, Applied, Governed
from warrener.exchange.window import Window

if TYPE_CHECKING:
    from warrener.exchange.queues.host import Host
    from warrener.exchange.queues.queue import Queue
    from warrener.exchange.statistics.sample import Sample
    from warrener.exchange.types.bucket import Bucket

KNOWN_ARGUMENTS = frozenset(("alternate-exchange", *deduplication.ARGUMENTS))
"""The arguments that every exchange goes by, whatever its type."""


class Exchange(Governed):
    """An exchange of a virtual host.

    Subclasses set `type` and implement `index`, `unindex`, `bucket` and `match`.
    """

    type: ClassVar[str]
    matches_headers: ClassVar[bool] = False
    """Whether `match` looks at more than the routing key even without filters."""
    matches_keys: bool = True
    """Whether the routing key matters to `match`; if not, one of many is enough."""
    observes: ClassVar[bool] = False
    """Whether `published` wants to know what passes; without, a publish does not pay for it."""
    own_queue: Queue | None = None
    """Where the type keeps messages that wait, if it does; clients cannot reach it."""

    __slots__ = (
        "alternate",
        "arguments",
        "auto_delete",
        "bindings",
        "bindings_bytes",
        "deleted",
        "durable",
        "filters",
        "internal",
        "name",
        "number",
        "published_in",
        "published_nowhere",
        "published_out",
        "sample",
        "window",
    )

    def __init__(
        self,
        name: str,
        *,
        durable: bool = False,
        auto_delete: bool = False,
        internal: bool = False,
        arguments: Mapping[str, Any] | None = None,
    ) -> None:
        self.name = name
        self.durable = durable
        self.auto_delete = auto_delete
        self.internal = internal
        self.arguments = dict(arguments or {})
        self.check_arguments(self.arguments)
        deduplication = exchange_deduplication(self.routes_as, self.arguments)
        self.window = None if deduplication is None else Window(deduplication)
        """What it has seen, if it passes each message once only."""
        self.number = 0
        """Names it in the ledger if its window lasts."""
        self.bindings: dict[Hashable, Binding] = {}
        self.bindings_bytes = 0
        """About what they take in memory."""
        self.filters = 0
        """Bindings with a filter."""
        self.deleted = False
        self.published_in = 0
        """Messages that clients have published here, and how often one went to a queue."""
        self.published_out = 0
        self.published_nowhere = 0
        """Messages of those published here that went to no queue."""
        self.sample: Sample | None = None
        """Belongs to whoever samples these counts."""
        self.govern(UNGOVERNED)
        self.prepare()

    def __repr__(self) -> str:
        return f"<Exchange {self.name!r} type={self.type}>"

    @property
    def routes_as(self) -> str:
        """The type by which it routes: its own, unless it stands in front of another."""
        return self.type

    @property
    def known_arguments(self) -> frozenset[str]:
        """The arguments that it goes by, with which it has to be declared again."""
        return KNOWN_ARGUMENTS

    @property
    def own_queue_name(self) -> str | None:
        """What its own queue is called; None for a type that needs none."""
        return None

    @property
    def groups(self) -> Collection[str]:
        return EXCHANGE_GROUPS

    def govern(self, applied: Applied) -> None:
        self.applied = applied
        settings = {**applied.definition, **self.arguments}
        self.alternate: str | None = settings.get("alternate-exchange")
        """Where a message goes that goes nowhere else."""

    @property
    def reads_properties(self) -> bool:
        """Whether each message must be looked at; if not, routes can be remembered."""
        return self.matches_headers or self.filters > 0

    @classmethod
    def check_arguments(cls, arguments: Mapping[str, Any]) -> None:
        """Called before an exchange is made. Raises: PreconditionFailed."""

    def check_binding(self, binding: Binding) -> None:
        """Called before a binding is added. Raises: PreconditionFailed."""

    def prepare(self) -> None:
        """Called once, before the first binding: make what the type keeps them in."""

    def make_own_queue(self, host: Host, number: int) -> Queue:
        """Called if `own_queue_name` says so: make that queue; see `Queue` for `number`."""
        raise NotImplementedError

    def index(self, binding: Binding) -> None:
        """Called when a binding has been added: make it matchable."""
        raise NotImplementedError

    def unindex(self, binding: Binding) -> None:
        """Called when a binding has been removed."""
        raise NotImplementedError

    def bucket(self, binding: Binding) -> Bucket:
        """Where a binding is kept that has been added."""
        raise NotImplementedError

    def match(self, routing_key: str, properties: Properties, now: int) -> Iterable[Binding]:
        """The bindings that a message follows; a destination may come up more than once.

        `now` is the time of publication in ms since 1970.
        """
        raise NotImplementedError

    def published(self, messages: Sequence[Message]) -> None:
        """Called with each run of messages that passes, if the type `observes`.

        They are shared with the queues: what is kept of them must be handed on as a copy.
        """

    def history(self, binding: Binding, now: int) -> Sequence[Message]:
        """Called for each new binding: the messages from before that it gets, oldest first."""
        return ()

    @property
    def history_bytes(self) -> int:
        """What is kept of messages from before takes in memory."""
        return 0

    def end(self) -> None:
        """Called when the exchange is deleted. Routes may refer to it for a while."""
        self.deleted = True

    def remember_as(self, number: int) -> None:
        """Have the window, if there is one, last under this number."""
        if self.window is not None and self.window.deduplication.lasting:
            self.number = self.window.number = number

    def bind(self, binding: Binding) -> bool:
        """Add a binding; returns False if it was there already."""
        self.check_binding(binding)
        if binding.identity in self.bindings:
            return False
        self.index(binding)
        self.bindings[binding.identity] = binding
        self.bindings_bytes += of_binding(binding)
        self.filters += binding.filter is not None
        return True

    def unbind(self, binding: Binding) -> Binding | None:
        """Remove the binding that is identical to this one; returns it, None if there is none."""
        removed = self.bindings.pop(binding.identity, None)
        if removed is not None:
            self.unindex(removed)
            self.bindings_bytes -= of_binding(removed)
            self.filters -= removed.filter is not None
        return removed
