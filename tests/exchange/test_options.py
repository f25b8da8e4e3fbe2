"""The options of a queue: what an argument sets, and what is refused."""

from typing import Any

import pytest

from warrener.exchange.errors import PreconditionFailed
from warrener.exchange.options import PLAIN, QueueOptions, queue_options


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
    )


@pytest.mark.parametrize("name", ["x-delayed-retry-type", "qpid.group_header_key"])
def test_an_argument_that_is_not_built_is_refused_rather_than_ignored(name: str) -> None:
    with pytest.raises(PreconditionFailed, match=f"'{name}' is not supported"):
        queue_options({name: "all"})


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
