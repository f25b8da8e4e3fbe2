"""How long a message asks to be held back."""

from typing import Any

import pytest

from tests.exchange.messages import Properties
from warrener.exchange.delay import DELAY_MAX_MS, delivery_time, released_headers

NOW = 1_000_000


@pytest.mark.parametrize(
    ("headers", "time"),
    [
        (None, None),
        ({}, None),
        ({"x-delay": 500}, NOW + 500),
        ({"x-delay": "500"}, NOW + 500),
        ({"x-delay": 0}, None),
        ({"x-delay": -500}, None),
        ({"x-delay": True}, None),
        ({"x-delay": "soon"}, None),
        ({"x-delay": 1 << 40}, NOW + DELAY_MAX_MS),
        ({"x-opt-delivery-time": NOW + 7}, NOW + 7),
        ({"x-opt-delivery-time": NOW}, None),
        ({"x-qpid-not-valid-before": NOW + 7}, NOW + 7),
        ({"x-delay": 5, "x-opt-delivery-time": NOW + 7}, NOW + 5),
    ],
)
def test_the_time_a_message_is_routed(headers: dict[str, Any] | None, time: int | None) -> None:
    assert delivery_time(Properties(headers=headers), NOW) == time


def test_a_released_message_says_what_its_delay_was_and_has_none_left() -> None:
    changes = released_headers({"x-delay": 500, "x-opt-delivery-time": 5, "kept": 1})
    assert changes == {"x-delay": -500, "x-opt-delivery-time": None}
    assert delivery_time(Properties(headers={"x-delay": -500, "kept": 1}), NOW) is None


def test_the_lowest_delay_there_is_can_be_negated() -> None:
    assert released_headers({"x-delay": -(1 << 63)}) == {"x-delay": (1 << 63) - 1}
