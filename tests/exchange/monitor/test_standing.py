"""Why a queue stands still, of what RabbitMQ says of it."""

from typing import Any

import pytest

from warrener.exchange.monitor.standing import explained


def consumer(tag: str, prefetch: int) -> dict[str, Any]:
    return {"consumer_tag": tag, "prefetch_count": prefetch}


WAITS = {"messages_ready": 7}
TABLE: list[tuple[dict[str, Any], str]] = [
    ({}, "it is empty"),
    ({"why": "as it says\x1b"}, "as it says\\x1b"),
    (WAITS, "no consumers"),
    (WAITS | {"consumers": 2}, ""),
    (
        WAITS | {"messages_unacknowledged": 5, "consumer_details": [consumer("a", 5)]},
        "prefetch of 5 reached (its only consumer)",
    ),
    (
        WAITS | {"messages_unacknowledged": 5, "consumer_details": [consumer("a", 0)]},
        "messages are about to go out",
    ),
    (
        WAITS
        | {
            "messages_unacknowledged": 5,
            "single_active_consumer_tag": "b",
            "consumer_details": [consumer("a", 5), consumer("b", 5)],
        },
        "prefetch of 5 reached (the single active consumer), 1 more waits for it to leave",
    ),
    (
        WAITS | {"message_stats": {"deliver_get_details": {"rate": 7.0}}},
        "7/s go out; at this rate it is empty in 1 s",
    ),
]


@pytest.mark.parametrize(("row", "said"), TABLE)
def test_what_is_seen_is_said(row: dict[str, Any], said: str) -> None:
    assert explained(row) == said
