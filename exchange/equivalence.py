"""Equivalence: whether what is declared a second time is declared as it is.

Arguments count if they mean something here, as with RabbitMQ: those that a queue of this type, or
an exchange of this type, goes by. Policies do not: they may have changed since.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from warrener.exchange import deduplication
from warrener.exchange.arguments import require_equivalent
from warrener.exchange.queues import options
from warrener.exchange.queues.options import QUEUE_TYPE, queue_type

if TYPE_CHECKING:
    from warrener.exchange.queues.queue import Queue
    from warrener.exchange.types import Exchange


OF_CLUSTERS = frozenset(
    (
        "x-ha-mode",
        "x-ha-params",
        "x-ha-promote-on-failure",
        "x-ha-promote-on-shutdown",
        "x-ha-sync-batch-size",
        "x-ha-sync-mode",
        "x-initial-cluster-size",
        "x-target-group-size",
    )
)
QUEUE_ARGUMENTS = (
    frozenset((*options.ARGUMENTS, *deduplication.ARGUMENTS)) - OF_CLUSTERS - {"x-consumer-timeout"}
)
"""What a queue must be declared with again. Nobody compares what RabbitMQ has for clusters, and
the consumer timeout."""
NOT_COMPARED = {
    options.CLASSIC: frozenset(
        (
            "x-dead-letter-strategy",
            "x-max-in-memory-bytes",
            "x-max-in-memory-length",
            "x-queue-leader-locator",
            "x-quorum-initial-group-size",
        )
    ),
    options.QUORUM: frozenset(("x-queue-master-locator", "x-queue-mode", "x-queue-version")),
}
"""By type of a queue: what is only compared for those of the other type."""


def require_same_exchange(
    vhost: str,
    there: Exchange,
    kind: str,
    durable: bool,
    auto_delete: bool,
    internal: bool,
    arguments: Mapping[str, Any],
) -> None:
    """Raises: PreconditionFailed naming the first difference."""
    what = f"exchange '{there.name}' in vhost '{vhost}'"
    require_equivalent(
        what,
        asked={
            "type": kind,
            "durable": durable,
            "auto_delete": auto_delete,
            "internal": internal,
        },
        current={
            "type": there.type,
            "durable": there.durable,
            "auto_delete": there.auto_delete,
            "internal": there.internal,
        },
    )
    known = there.known_arguments
    require_equivalent(what, _only(known, arguments), _only(known, there.arguments))


def _only(known: Collection[str], arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if name in known}


def _compared(kind: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that a queue of type `kind` has to be declared with again."""
    known = QUEUE_ARGUMENTS - NOT_COMPARED.get(kind, frozenset())
    return _only(known, arguments) | {QUEUE_TYPE: queue_type(arguments)}


def require_same_queue(
    vhost: str, there: Queue, durable: bool, auto_delete: bool, arguments: Mapping[str, Any]
) -> None:
    """Raises: PreconditionFailed naming the first difference."""
    what = f"queue '{there.name}' in vhost '{vhost}'"
    require_equivalent(
        what,
        asked={"durable": durable, "auto_delete": auto_delete},
        current={"durable": there.durable, "auto_delete": there.auto_delete},
    )
    kind = queue_type(there.arguments)
    require_equivalent(what, _compared(kind, arguments), _compared(kind, there.arguments))
