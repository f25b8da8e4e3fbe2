"""Arguments and policies together, held against the rules written down one by one."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from warrener.exchange.policy import Applied, Policy
from warrener.exchange.queues.options import (
    DROP_HEAD,
    OVERFLOWS,
    QUORUM_DELIVERY_LIMIT,
    QueueOptions,
    queue_options,
)

limits = st.integers(1, 9)
OPERATOR_KEYS: dict[str, st.SearchStrategy[Any]] = {
    "message-ttl": limits,
    "expires": limits,
    "max-length": limits,
    "max-length-bytes": limits,
    "delivery-limit": st.integers(-1, 3),
    "delayed-retry-min": limits,
    "delayed-retry-multiplier": limits,
    "overflow": st.sampled_from(OVERFLOWS),
}
POLICY_KEYS = OPERATOR_KEYS | {
    "dead-letter-exchange": st.sampled_from("ab"),
    "dead-letter-routing-key": st.sampled_from("xy"),
    "queue-mode": st.just("lazy"),
    "alternate-exchange": st.just("x"),
}
ARGUMENTS = POLICY_KEYS | {
    "max-priority": limits,
    "single-active-consumer": st.booleans(),
    "queue-type": st.sampled_from(["classic", "quorum"]),
}
Settings = dict[str, Any]


def some_of(keys: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Settings]:
    return st.fixed_dictionaries({}, optional=keys)


def lowest(name: str, *sources: Settings) -> Any:
    return min((source[name] for source in sources if name in source), default=None)


def first(name: str, *sources: Settings, default: Any = None) -> Any:
    return next((source[name] for source in sources if name in source), default)


def deliveries(argument: Settings, *policies: Settings) -> int | None:
    """The lowest limit that is one; told to be without one is not the same as told nothing."""
    told = [
        source["delivery-limit"] for source in (argument, *policies) if "delivery-limit" in source
    ]
    if not told:
        retries = any("delayed-retry-min" in source for source in (argument, *policies))
        limited = retries or argument.get("queue-type") == "quorum"
        return QUORUM_DELIVERY_LIMIT if limited else None
    return min((limit for limit in told if limit >= 0), default=None)


def model(argument: Settings, policy: Settings, operator: Settings) -> QueueOptions:
    every = (argument, operator, policy)
    return QueueOptions(
        message_ttl_ms=lowest("message-ttl", *every),
        expires_ms=lowest("expires", *every),
        max_length=lowest("max-length", *every),
        max_bytes=lowest("max-length-bytes", *every),
        overflow=first("overflow", *every, default=DROP_HEAD),
        dead_letter_exchange=first("dead-letter-exchange", argument, policy),
        dead_letter_routing_key=first("dead-letter-routing-key", argument, policy),
        max_priority=argument.get("max-priority"),
        delivery_limit=deliveries(*every),
        retry_min_ms=lowest("delayed-retry-min", *every),
        retry_multiplier=lowest("delayed-retry-multiplier", *every),
        single_active=argument.get("single-active-consumer", False),
    )


def policy_of(definition: Settings, *, operator: bool) -> Policy | None:
    return Policy("/", "p", ".*", definition, operator=operator) if definition else None


@given(some_of(ARGUMENTS), some_of(POLICY_KEYS), some_of(OPERATOR_KEYS))
def test_the_options_of_a_queue_are_what_the_rules_say(
    argument: Settings, policy: Settings, operator: Settings
) -> None:
    if "dead-letter-exchange" not in argument:
        argument.pop("dead-letter-routing-key", None)
    applied = Applied(policy_of(policy, operator=False), policy_of(operator, operator=True))
    arguments = {f"x-{name}": value for name, value in argument.items()}
    assert queue_options(arguments, applied.definition) == model(argument, policy, operator)
