"""Equivalence: whether what is declared a second time is declared as it is.

Arguments count, of a queue those that mean something here, as with RabbitMQ. Policies do not: they
may have changed since.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from warrener.exchange import deduplication
from warrener.exchange.arguments import require_equivalent
from warrener.exchange.queues import options

if TYPE_CHECKING:
    from warrener.exchange.queues.queue import Queue
    from warrener.exchange.types import Exchange

QUEUE_ARGUMENTS = frozenset((*options.ARGUMENTS, *deduplication.ARGUMENTS))
"""What a queue goes by: other arguments mean nothing here, and nothing depends on them."""


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
    require_equivalent(what, arguments, there.arguments)


def _known(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: value for name, value in arguments.items() if name in QUEUE_ARGUMENTS}


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
    require_equivalent(what, _known(arguments), _known(there.arguments))
