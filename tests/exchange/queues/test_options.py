"""The options of a queue: what an argument sets, and what is refused."""

from typing import Any

import pytest

from warrener.exchange.errors import PreconditionFailed
from warrener.exchange.queues.options import PLAIN, TTL_MAX_MS, QueueOptions, queue_options
from warrener.exchange.queues.retry import Retry


def test_a_queue_without_arguments_has_no_options() -> None:
    assert queue_options({}) is PLAIN


def test_each_argument_sets_its_option() -> None:
    arguments = {
        "x-message-ttl": 60_000,
        "x-expires": 1000,
        "x-max-length": 5,
        "x-max-length-bytes": 5000,
        "x-overflow": "reject-publish",
        "x-dead-letter-exchange": "dlx",
        "x-dead-letter-routing-key": "dead",
        "x-max-priority": 10,
        "x-delivery-limit": 3,
        "x-single-active-consumer": True,
        "x-delayed-retry-type": "failed",
        "x-delayed-retry-min": 100,
        "x-delayed-retry-max": 1000,
        "x-delayed-retry-multiplier": 2,
        "qpid.group_header_key": "group",
        "qpid.shared_msg_group": 1,
    }
    assert queue_options(arguments) == QueueOptions(
        message_ttl_ms=60_000,
        expires_ms=1000,
        max_length=5,
        max_bytes=5000,
        overflow="reject-publish",
        dead_letter_exchange="dlx",
        dead_letter_routing_key="dead",
        max_priority=10,
        delivery_limit=3,
        single_active=True,
        retry_type="failed",
        retry_min_ms=100,
        retry_max_ms=1000,
        retry_multiplier=2,
        group_key="group",
        shared_group=1,
    )


def test_an_argument_of_somebody_else_is_left_alone() -> None:
    assert queue_options({"x-of-their-own": [1]}) == PLAIN


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x-message-ttl", -1),
        ("x-message-ttl", True),
        ("x-message-ttl", "1000"),
        ("x-message-ttl", 315_360_000_001),
        ("x-expires", 0),
        ("x-max-length", -1),
        ("x-max-priority", 256),
        ("x-overflow", "drop-tail"),
        ("x-dead-letter-exchange", 1),
        ("x-dead-letter-exchange", "x" * 256),
        ("x-single-active-consumer", 1),
        ("x-delayed-retry-type", "some"),
        ("x-delayed-retry-min", 0),
        ("x-delayed-retry-min", "100"),
        ("x-delayed-retry-max", -1),
        ("x-delayed-retry-multiplier", 0),
        ("x-delayed-retry-multiplier", 1.5),
        ("qpid.group_header_key", False),
        ("qpid.group_header_key", 1),
        ("qpid.shared_msg_group", 2),
        ("qpid.shared_msg_group", None),
        ("x-queue-type", "stream"),
        ("x-queue-type", None),
        ("x-queue-type", ["classic"]),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(PreconditionFailed, match=name):
        queue_options({name: value})


def test_a_dead_letter_key_needs_an_exchange() -> None:
    with pytest.raises(PreconditionFailed, match="x-dead-letter-exchange"):
        queue_options({"x-dead-letter-routing-key": "dead"})


def test_a_quorum_queue_limits_deliveries_unless_told_otherwise() -> None:
    assert queue_options({"x-queue-type": "classic"}).delivery_limit is None
    assert queue_options({"x-queue-type": "quorum"}).delivery_limit == 20
    assert queue_options({"x-queue-type": "quorum", "x-delivery-limit": 5}).delivery_limit == 5
    assert queue_options({"x-queue-type": "quorum", "x-delivery-limit": -1}).delivery_limit is None


@pytest.mark.parametrize(
    ("argument", "policy", "both"), [(5, 9, 5), (9, 5, 5), (0, 5, 5), (5, 0, 5), (0, 0, 0)]
)
def test_of_two_consumer_timeouts_the_shorter_counts(argument: int, policy: int, both: int) -> None:
    options = queue_options({"x-consumer-timeout": argument}, {"consumer-timeout": policy})
    assert options.consumer_timeout_ms == both


@pytest.mark.parametrize(
    ("arguments", "retry"),
    [
        ({}, None),
        ({"type": "disabled"}, None),
        ({"type": "disabled", "min": 100}, None),
        ({"type": "failed", "min": 100}, Retry("failed", 100, 100)),
        ({"type": "all", "min": 100, "max": 300}, Retry("all", 100, 300)),
        ({"type": "all", "min": 100, "multiplier": 2}, Retry("all", 100, TTL_MAX_MS, 2)),
        ({"min": 100}, Retry("all", 100, TTL_MAX_MS)),
        ({"min": 100, "max": 300, "multiplier": 1}, Retry("all", 100, 300, 1)),
    ],
)
def test_retries_are_asked_for_in_the_words_of_two_brokers(
    arguments: dict[str, Any], retry: Retry | None
) -> None:
    found = queue_options({f"x-delayed-retry-{name}": v for name, v in arguments.items()})
    assert found.retry == retry


@pytest.mark.parametrize(
    ("arguments", "culprit"),
    [
        ({"type": "all"}, "type"),
        ({"min": 100, "max": 99}, "max"),
    ],
)
def test_retries_that_make_no_sense_are_refused(arguments: dict[str, Any], culprit: str) -> None:
    with pytest.raises(PreconditionFailed, match=f"'x-delayed-retry-{culprit}'"):
        queue_options({f"x-delayed-retry-{name}": v for name, v in arguments.items()})


def test_a_queue_with_retries_limits_deliveries_unless_told_otherwise() -> None:
    assert queue_options({"x-delayed-retry-min": 100}).delivery_limit == 20
    assert queue_options({"x-delayed-retry-min": 1, "x-delivery-limit": -1}).delivery_limit is None


@pytest.mark.parametrize(
    ("key", "shared", "header"),
    [
        (None, None, None),
        (None, 0, None),
        (None, 1, "JMSXGroupID"),
        ("", None, "JMSXGroupID"),
        (True, None, "JMSXGroupID"),
        ("g", "1", "g"),
        ("g", "0", "g"),
        ("g", True, "g"),
    ],
)
def test_groups_are_asked_for_in_the_words_of_qpid(
    key: Any, shared: Any, header: str | None
) -> None:
    arguments = {"qpid.group_header_key": key, "qpid.shared_msg_group": shared}
    options = queue_options({name: v for name, v in arguments.items() if v is not None})
    assert options.group_header == header
    assert options.shared_groups == (shared in (1, "1", True))
