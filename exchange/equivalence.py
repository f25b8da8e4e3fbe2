"""Equivalence: whether what is declared a second time is declared as it is.

Arguments count, policies do not: they may have changed since.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from warrener.exchange.arguments import require_equivalent

if TYPE_CHECKING:
    from warrener.exchange.queue import Queue
    from warrener.exchange.types import Exchange


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
    require_equivalent(what, arguments, there.arguments)
