"""The options of a queue, read from the arguments it is declared with.

One table says which argument sets which option and what value it takes. An argument that is not
in it belongs to somebody else (a client library, a plugin) and is kept but not looked at, as in
RabbitMQ; a value that makes no sense is refused, and so is what is known but not built.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from warrener.exchange.arguments import kind, show
from warrener.exchange.errors import PreconditionFailed

TTL_MAX_MS = 315_360_000_000
"""Ten years, RabbitMQ's limit: what is longer is a mistake of units."""
PRIORITY_MAX = 255
QUORUM_DELIVERY_LIMIT = 20
"""What RabbitMQ 4 gives a quorum queue that says nothing."""

DROP_HEAD = "drop-head"
REJECT_PUBLISH = "reject-publish"
REJECT_PUBLISH_DLX = "reject-publish-dlx"


@dataclass(frozen=True, slots=True)
class QueueOptions:
    """What a queue does beside keeping messages in order; None means it does not."""

    message_ttl_ms: int | None = None
    expires_ms: int | None = None
    max_length: int | None = None
    max_bytes: int | None = None
    overflow: str = DROP_HEAD
    dead_letter_exchange: str | None = None
    dead_letter_routing_key: str | None = None
    max_priority: int | None = None
    delivery_limit: int | None = None
    single_active: bool = False
    holds_back: bool = False
    """Set by no argument: messages wait for a time of their own, as in a schedule."""

    @property
    def limited(self) -> bool:
        """Whether there is a length past which something happens."""
        return self.max_length is not None or self.max_bytes is not None

    @property
    def rejects(self) -> bool:
        """Whether a full queue refuses what is published to it."""
        return self.limited and self.overflow != DROP_HEAD

    @property
    def indexed(self) -> bool:
        """Whether messages may leave other than in the order in which they came."""
        return bool(
            self.message_ttl_ms is not None
            or self.max_priority is not None
            or self.delivery_limit is not None
            or self.holds_back
        )


PLAIN = QueueOptions()


def queue_options(arguments: Mapping[str, Any]) -> QueueOptions:
    """The options that `arguments` set. Raises: PreconditionFailed."""
    if not arguments:
        return PLAIN
    values: dict[str, Any] = {}
    for name, value in arguments.items():
        if name in _NOT_BUILT:
            raise PreconditionFailed(f"argument '{name}' is not supported by this version")
        if name in _ARGUMENTS:
            option, check = _ARGUMENTS[name]
            if not check(value):
                raise PreconditionFailed(f"invalid arg '{name}': {show(value)}")
            if option:
                values[option] = value
    if values.get("delivery_limit", 0) < 0:
        del values["delivery_limit"]
    elif arguments.get("x-queue-type") == "quorum":
        values.setdefault("delivery_limit", QUORUM_DELIVERY_LIMIT)
    if "dead_letter_routing_key" in values and "dead_letter_exchange" not in values:
        raise PreconditionFailed(
            "invalid arg 'x-dead-letter-routing-key': there is no 'x-dead-letter-exchange'"
        )
    return QueueOptions(**values)


def _number(low: int, high: int | None = None) -> Callable[[Any], bool]:
    return lambda value: kind(value) == "int" and value >= low and (high is None or value <= high)


def _one_of(*choices: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and value in choices


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


_ARGUMENTS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "x-message-ttl": ("message_ttl_ms", _number(0, TTL_MAX_MS)),
    "x-expires": ("expires_ms", _number(1, TTL_MAX_MS)),
    "x-max-length": ("max_length", _number(0)),
    "x-max-length-bytes": ("max_bytes", _number(0)),
    "x-overflow": ("overflow", _one_of(DROP_HEAD, REJECT_PUBLISH, REJECT_PUBLISH_DLX)),
    "x-dead-letter-exchange": ("dead_letter_exchange", _text),
    "x-dead-letter-routing-key": ("dead_letter_routing_key", _text),
    "x-dead-letter-strategy": ("", _one_of("at-most-once", "at-least-once")),
    "x-max-priority": ("max_priority", _number(0, PRIORITY_MAX)),
    "x-delivery-limit": ("delivery_limit", _number(-1)),
    "x-single-active-consumer": ("single_active", _flag),
    "x-queue-type": ("", _one_of("classic", "quorum")),
    "x-queue-mode": ("", _one_of("default", "lazy")),
    "x-queue-version": ("", _number(1, 2)),
    "x-quorum-initial-group-size": ("", _number(1)),
}
"""By argument: the option it sets (none for what changes nothing here) and its check. Dead
letters are handed over at least once whatever the strategy says."""

_NOT_BUILT = frozenset(
    (
        "x-delayed-retry-type",
        "x-delayed-retry-min",
        "x-delayed-retry-max",
        "x-consumer-timeout",
        "qpid.group_header_key",
    )
)
