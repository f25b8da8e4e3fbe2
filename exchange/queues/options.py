"""The options of a queue, from the arguments it is declared with and the policies that apply.

One table says which key sets which option, what value it takes, who may use it and what counts if
several do. In an argument the key has `x-` in front, in the definition of a policy it has not. An
argument that is not in the table belongs to somebody else (a client library, a plugin) and is kept
but not looked at, as in RabbitMQ; a value that makes no sense is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from warrener.exchange.arguments import kind, show
from warrener.exchange.errors import PreconditionFailed
from warrener.exchange.queues.reasons import MAXLEN
from warrener.exchange.queues.retry import ALL, DISABLED, FAILED, RETURNED, Retry

TTL_MAX_MS = 315_360_000_000
"""Ten years, RabbitMQ's limit: what is longer is a mistake of units."""
PRIORITY_MAX = 255
NAME_BYTES_MAX = 255
INTEGER_MAX = (1 << 63) - 1
"""What the ledger, and every client, can write."""
QUORUM_DELIVERY_LIMIT = 20
"""What RabbitMQ 4 gives a quorum queue that says nothing, and LavinMQ one with retries."""
MULTIPLIER_MAX = 1000
GROUP_HEADER = "JMSXGroupID"
"""The header that names the group of a message, in JMS and where a queue names no other."""

DROP_HEAD = "drop-head"
REJECT_PUBLISH = "reject-publish"
REJECT_PUBLISH_DLX = "reject-publish-dlx"
QUEUE_TYPE = "x-queue-type"
CLASSIC, QUORUM = "classic", "quorum"
AT_MOST_ONCE, AT_LEAST_ONCE = "at-most-once", "at-least-once"
OVERFLOWS = (DROP_HEAD, REJECT_PUBLISH, REJECT_PUBLISH_DLX)


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
    strategy: str = AT_MOST_ONCE
    """Whether a dead letter that goes nowhere is gone."""
    max_priority: int | None = None
    delivery_limit: int | None = None
    consumer_timeout_ms: int | None = None
    single_active: bool = False
    retry_type: str | None = None
    retry_min_ms: int | None = None
    retry_max_ms: int | None = None
    retry_multiplier: int | None = None
    group_key: str | bool | None = None
    shared_group: str | int | None = None
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

    def keeps_dead_letters(self, reason: str) -> bool:
        """Whether dead letters for a reason wait if they go nowhere; what was too much does not."""
        return self.strategy == AT_LEAST_ONCE and reason != MAXLEN

    def excess(self, count: int, size: int) -> int:
        """How many of `count` waiting messages of `size` bytes are too many; by bytes, one is."""
        if self.max_length is not None and count > self.max_length:
            return count - self.max_length
        return int(self.max_bytes is not None and size > self.max_bytes and count > 0)

    @property
    def retry(self) -> Retry | None:
        """How messages that come back are held back.

        With a type it is as RabbitMQ has it: without a maximum the delay does not grow. Without
        one it is as LavinMQ has it, where a minimum is enough and nothing is the maximum.
        """
        low, multiplier = self.retry_min_ms, self.retry_multiplier
        if low is None or self.retry_type == DISABLED:
            return None
        high = self.retry_max_ms
        if high is None:
            high = TTL_MAX_MS if self.retry_type is None or multiplier is not None else low
        return Retry(self.retry_type or ALL, low, high, multiplier)

    @property
    def group_header(self) -> str | None:
        """The header that names the group of a message."""
        if self.group_key is None and not self.shared_groups:
            return None
        return (
            self.group_key if isinstance(self.group_key, str) and self.group_key else GROUP_HEADER
        )

    @property
    def shared_groups(self) -> bool:
        """Whether a group is free again as soon as nothing of it is unanswered."""
        return str(self.shared_group).lower() in ("1", "true")

    @property
    def counts(self) -> bool:
        """Whether it matters that a message comes back."""
        return self.delivery_limit is not None or self.retry_min_ms is not None

    @property
    def indexed(self) -> bool:
        """Whether messages may leave other than in the order in which they came."""
        return bool(
            self.message_ttl_ms is not None
            or self.max_priority is not None
            or self.counts
            or self.group_header is not None
            or self.holds_back
        )


PLAIN = QueueOptions()
Definition = Mapping[str, Any]
NO_DEFINITION: Definition = {}


def queue_options(
    arguments: Mapping[str, Any], definition: Definition = NO_DEFINITION, *, durable: bool = True
) -> QueueOptions:
    """The options that `arguments` set, and with them the `definition` of the policies.

    Raises: PreconditionFailed for wrong arguments, and for a quorum queue that is not durable, as
    in RabbitMQ; a definition has been checked before.
    """
    if not arguments and not definition:
        return PLAIN
    if not durable and queue_type(arguments) == QUORUM:
        raise PreconditionFailed("invalid property 'non-durable' for a quorum queue")
    settings = merge(definition, _settings(arguments))
    values = {KEYS[name].option: value for name, value in settings.items() if name in KEYS}
    values.pop(NO_OPTION, None)
    if values.get("delivery_limit", 0) < 0:
        del values["delivery_limit"]
    elif queue_type(arguments) == QUORUM or "retry_min_ms" in values:
        values.setdefault("delivery_limit", QUORUM_DELIVERY_LIMIT)
    options = QueueOptions(**values)
    return PLAIN if options == PLAIN else options


def queue_type(arguments: Mapping[str, Any]) -> str:
    """The type that a queue is declared with; without one it is a classic queue."""
    kind: str = arguments.get(QUEUE_TYPE, CLASSIC)
    return kind


def merge(weaker: Definition, stronger: Definition) -> dict[str, Any]:
    """What two sources say together. Of two limits the lower counts, else the stronger one.

    An argument is stronger than a policy, and an operator policy is stronger than a policy.
    """
    merged = {**weaker, **stronger}
    for name in weaker.keys() & stronger.keys():
        limit = KEYS[name].limit if name in KEYS else None
        if limit is not None:
            merged[name] = limit(weaker[name], stronger[name])
    return merged


def _settings(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that are ours, without their `x-`. Raises: PreconditionFailed."""
    settings = {}
    for argument, value in arguments.items():
        if argument in ARGUMENTS:
            name = ARGUMENTS[argument]
            if not KEYS[name].check(value):
                raise PreconditionFailed(f"invalid arg '{argument}': {show(value)}")
            settings[name] = value
    if "dead-letter-routing-key" in settings and "dead-letter-exchange" not in settings:
        raise PreconditionFailed(
            "invalid arg 'x-dead-letter-routing-key': there is no 'x-dead-letter-exchange'"
        )
    _check_retry(settings, "arg 'x-delayed-retry-{}'")
    return settings


def _check_retry(settings: Definition, key: str) -> None:
    """Raises: PreconditionFailed if what one source says of retries does not fit together.

    `key` is how to write one of these.
    """
    low, high = settings.get("delayed-retry-min"), settings.get("delayed-retry-max")
    if low is None and settings.get("delayed-retry-type", DISABLED) != DISABLED:
        raise PreconditionFailed(
            f"invalid {key.format('type')}: there is no 'delayed-retry-min' with it"
        )
    if low is not None and high is not None and high < low:
        raise PreconditionFailed(
            f"invalid {key.format('max')}: '{high}' is less than the minimum, '{low}'"
        )


def check_definition(definition: Definition, scope: Scope) -> None:
    """Raises: PreconditionFailed for a key that a policy of this scope cannot set, or its value."""
    allowed = {name: key.check for name, key in KEYS.items() if key.scope >= scope}
    for name, value in definition.items():
        if name not in allowed:
            raise PreconditionFailed(
                f"'{name}' is no key of {scope.title}; known are {', '.join(sorted(allowed))}"
            )
        if not allowed[name](value):
            raise PreconditionFailed(f"invalid value for policy key '{name}': {show(value)}")
    _check_retry(definition, "value for policy key 'delayed-retry-{}'")


def _number(low: int, high: int = INTEGER_MAX) -> Callable[[Any], bool]:
    return lambda value: kind(value) == "int" and low <= value <= high


def _one_of(*choices: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and value in choices


def is_name(value: Any) -> bool:
    """Whether it is a text that can be sent as the name of something, or as a routing key."""
    try:
        return isinstance(value, str) and len(value.encode()) <= NAME_BYTES_MAX
    except UnicodeEncodeError:
        return False


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


def _header(value: Any) -> bool:
    """The name of a header, or empty or true for the usual one."""
    return is_name(value) or value is True


def _one_or_zero(value: Any) -> bool:
    return isinstance(value, str | int) and str(value).lower() in ("0", "1", "false", "true")


def _names_or_number(value: Any) -> bool:
    return (isinstance(value, list) and all(map(is_name, value))) or _number(0)(value)


def lower_limit(one: int, other: int) -> int:
    """The lower of two limits, of which a negative one is none."""
    return min(one, other) if one >= 0 and other >= 0 else max(one, other)


def lower_timeout(one: int, other: int) -> int:
    """The shorter of two timeouts, of which 0 is none."""
    return min(one or other, other or one)


class Scope(IntEnum):
    """Who may use a key. Each may use the keys of those behind it, too."""

    ARGUMENT = 1
    POLICY = 2
    OPERATOR_POLICY = 3

    @property
    def title(self) -> str:
        return "an operator policy" if self is OPERATOR else "a policy"


ARGUMENT, POLICY, OPERATOR = Scope


@dataclass(frozen=True, slots=True)
class Key:
    """One row of the table."""

    option: str
    """The field of `QueueOptions` that it sets; NO_OPTION for what changes nothing here."""
    check: Callable[[Any], bool]
    scope: Scope = ARGUMENT
    limit: Callable[[Any, Any], Any] | None = None
    """Of two values that are limits, the one that counts; None if the stronger source does."""
    prefix: str = "x-"
    """What an argument has in front of it."""


NO_OPTION = ""
KEYS: dict[str, Key] = {
    "message-ttl": Key("message_ttl_ms", _number(0, TTL_MAX_MS), OPERATOR, min),
    "expires": Key("expires_ms", _number(1, TTL_MAX_MS), OPERATOR, min),
    "max-length": Key("max_length", _number(0), OPERATOR, min),
    "max-length-bytes": Key("max_bytes", _number(0), OPERATOR, min),
    "overflow": Key("overflow", _one_of(*OVERFLOWS), OPERATOR),
    "dead-letter-exchange": Key("dead_letter_exchange", is_name, POLICY),
    "dead-letter-routing-key": Key("dead_letter_routing_key", is_name, POLICY),
    "dead-letter-strategy": Key("strategy", _one_of(AT_MOST_ONCE, AT_LEAST_ONCE), POLICY),
    "delivery-limit": Key("delivery_limit", _number(-1), OPERATOR, lower_limit),
    "consumer-timeout": Key("consumer_timeout_ms", _number(0), POLICY, lower_timeout),
    "max-priority": Key("max_priority", _number(0, PRIORITY_MAX)),
    "single-active-consumer": Key("single_active", _flag),
    "delayed-retry-type": Key("retry_type", _one_of(DISABLED, ALL, FAILED, RETURNED), OPERATOR),
    "delayed-retry-min": Key("retry_min_ms", _number(1, TTL_MAX_MS), OPERATOR, min),
    "delayed-retry-max": Key("retry_max_ms", _number(1, TTL_MAX_MS), OPERATOR, min),
    "delayed-retry-multiplier": Key("retry_multiplier", _number(1, MULTIPLIER_MAX), OPERATOR, min),
    "group_header_key": Key("group_key", _header, prefix="qpid."),
    "shared_msg_group": Key("shared_group", _one_or_zero, prefix="qpid."),
    "queue-type": Key(NO_OPTION, _one_of(CLASSIC, QUORUM)),
    "queue-mode": Key(NO_OPTION, _one_of("default", "lazy"), POLICY),
    "queue-version": Key(NO_OPTION, _number(1, 2), OPERATOR),
    "quorum-initial-group-size": Key(NO_OPTION, _number(1)),
    # What says where in a cluster, or in memory, a queue is.
    "ha-mode": Key(NO_OPTION, _one_of("all", "exactly", "nodes"), POLICY),
    "ha-params": Key(NO_OPTION, _names_or_number, POLICY),
    "ha-promote-on-failure": Key(NO_OPTION, _one_of("always", "when-synced"), POLICY),
    "ha-promote-on-shutdown": Key(NO_OPTION, _one_of("always", "when-synced"), POLICY),
    "ha-sync-batch-size": Key(NO_OPTION, _number(1), POLICY),
    "ha-sync-mode": Key(NO_OPTION, _one_of("manual", "automatic"), POLICY),
    "initial-cluster-size": Key(NO_OPTION, _number(0), POLICY),
    "max-in-memory-bytes": Key(NO_OPTION, _number(0), OPERATOR, min),
    "max-in-memory-length": Key(NO_OPTION, _number(0), OPERATOR, min),
    "queue-leader-locator": Key(NO_OPTION, is_name, POLICY),
    "queue-master-locator": Key(NO_OPTION, is_name, OPERATOR),
    "target-group-size": Key(NO_OPTION, _number(1), OPERATOR, max),
    # Of exchanges.
    "alternate-exchange": Key(NO_OPTION, is_name, POLICY, prefix=""),
}
"""All keys, as a policy writes them; a new one needs no more than a line here. One that sets no
option changes nothing, and is taken so that what was written for RabbitMQ can be used."""

ARGUMENTS = {key.prefix + name: name for name, key in KEYS.items()}
"""The same keys, as arguments write them."""
