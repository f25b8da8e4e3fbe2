"""Quarantine: the queue of messages that the broker could not process.

When a message cannot be made a dead letter, or released from a delay, because a step of the broker
raises an exception, it is neither lost nor tried for ever: it goes to the queue QUARANTINE of its
virtual host, as it was, with headers that say where it came from and what happened:

    x-quarantine-source    the queue or the exchange that had it
    x-quarantine-error     the exception, in one line
    x-quarantine-time      when

If even these headers cannot be written, it goes there without them, and the log has the reason.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from copy import copy
from typing import TYPE_CHECKING, Any

from warrener.exchange.errors import PreconditionFailed
from warrener.exchange.failures import describe
from warrener.exchange.message import Message
from warrener.exchange.queues.queue import Queue

if TYPE_CHECKING:
    from warrener.exchange.durability.ledger import Codec

QUARANTINE = "warrener.quarantine"


class Quarantine(Queue):
    """The queue itself. No policy applies to it: a limit would drop what is to be kept."""

    __slots__ = ()

    @property
    def groups(self) -> Collection[str]:
        return ()


def quarantined(codec: Codec, message: Message, source: str, error: Exception, now: int) -> Message:
    """A copy of `message`, with an account of `error` if there is a way to add it."""
    account = {
        "x-quarantine-source": source,
        "x-quarantine-error": describe(error),
        "x-quarantine-time": codec.timestamp(now),
    }
    # It has to stay there until somebody looks at it.
    changes: dict[str, Any] = {"expiration": None}
    for rewritten in ((changes, account), (changes | {"headers": account},)):
        try:
            return codec.rewrite(message, message.envelope, *rewritten)
        except Exception:
            # Its headers are what is wrong with it: the reason to be here has been noted.
            continue
    again = copy(message)
    again.position = 0
    return again


def require_quarantine(
    durable: bool, exclusive: bool, auto_delete: bool, arguments: Mapping[str, Any]
) -> None:
    """Raises: PreconditionFailed for a declaration of the quarantine that would lose messages."""
    if not durable or exclusive or auto_delete or arguments:
        raise PreconditionFailed(
            f"queue '{QUARANTINE}' holds messages that the broker could not process: "
            "it is durable, without arguments, neither exclusive nor auto-delete"
        )
