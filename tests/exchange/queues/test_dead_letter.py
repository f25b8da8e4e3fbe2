"""Dead letters: the account of its deaths that a message takes along."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.exchange.core_client import Client
from tests.exchange.messages import body_of, make_message
from warrener.exchange.broker import Broker
from warrener.exchange.message import Envelope, Message
from warrener.exchange.queues.dead_letter import (
    DELIVERY_LIMIT,
    EXPIRED,
    MAXLEN,
    REJECTED,
    dead_letter,
    goes_round,
)
from warrener.exchange.queues.queue import Queue
from warrener.exchange.server.codec import CODEC
from warrener.protocol.properties import Properties
from warrener.protocol.tables import TABLE_ITEMS_MAX, ByteArray, Timestamp
from warrener.storage.null import NullStore

NOW_MS = 1_700_000_000_999
NOW = Timestamp(1_700_000_000)
REASONS = [REJECTED, EXPIRED, MAXLEN, DELIVERY_LIMIT]


@pytest.fixture
def queue(client: Client) -> Queue:
    return declare(client, "q")


def declare(client: Client, name: str, **arguments: str) -> Queue:
    arguments = {f"x-{key.replace('_', '-')}": value for key, value in arguments.items()}
    (queue,) = client.declare(name, arguments={"x-dead-letter-exchange": "dlx"} | arguments)
    return queue


def letter(message: Message, queue: Queue, reason: str = REJECTED, now: int = NOW_MS) -> Message:
    return dead_letter(CODEC, queue, message, reason, now)


def headers(message: Message) -> dict[str, Any]:
    return dict(message.properties.headers or {})


def published(exchange: str = "e", routing_key: str = "k", **properties: Any) -> Message:
    properties = {"message_id": "m"} | properties
    return make_message(b"body", envelope=Envelope(exchange, routing_key), **properties)


# The account


def test_deaths_are_counted_in_64_bits_as_clients_in_java_cast_them(queue: Queue) -> None:
    message = letter(letter(letter(published(), queue), queue), queue, EXPIRED)
    for count in (b"\x01", b"\x02"):
        assert b"\x05countl\x00\x00\x00\x00\x00\x00\x00" + count in message.content


@pytest.mark.parametrize("reason", REASONS)
def test_the_first_death_is_told_in_full(queue: Queue, reason: str) -> None:
    assert headers(letter(published(), queue, reason)) == {
        "x-death": [
            {
                "count": 1,
                "reason": reason,
                "queue": "q",
                "time": NOW,
                "exchange": "e",
                "routing-keys": ["k"],
            }
        ],
        "x-first-death-exchange": "e",
        "x-first-death-queue": "q",
        "x-first-death-reason": reason,
        "x-last-death-exchange": "e",
        "x-last-death-queue": "q",
        "x-last-death-reason": reason,
    }


def test_a_second_death_of_the_kind_is_counted_and_keeps_the_time_of_the_first(
    queue: Queue,
) -> None:
    first = letter(published(), queue)
    again = letter(first, queue, now=NOW_MS + 60_000)
    (death,) = headers(again)["x-death"]
    assert (death["count"], death["time"], death["exchange"]) == (2, NOW, "e")
    assert headers(letter(again, queue))["x-death"][0]["count"] == 3


def test_the_latest_death_comes_first(client: Client) -> None:
    one, two = declare(client, "one"), declare(client, "two")
    message = letter(letter(published(), one), two, EXPIRED)
    assert [(d["queue"], d["reason"]) for d in headers(message)["x-death"]] == [
        ("two", EXPIRED),
        ("one", REJECTED),
    ]
    message = letter(message, one)
    assert [(d["queue"], d["count"]) for d in headers(message)["x-death"]] == [
        ("one", 2),
        ("two", 1),
    ]


def test_another_reason_is_another_death(queue: Queue) -> None:
    message = published()
    for reason in REASONS:
        message = letter(message, queue, reason)
    assert [d["reason"] for d in headers(message)["x-death"]] == REASONS[::-1]
    assert {d["count"] for d in headers(message)["x-death"]} == {1}


def test_the_first_death_stays_the_first_and_the_last_moves_on(client: Client) -> None:
    one, two = declare(client, "one"), declare(client, "two")
    found = headers(letter(letter(published(), one, MAXLEN), two, EXPIRED))
    assert [found[f"x-first-death-{what}"] for what in ("queue", "reason", "exchange")] == [
        "one",
        MAXLEN,
        "e",
    ]
    assert [found[f"x-last-death-{what}"] for what in ("queue", "reason", "exchange")] == [
        "two",
        EXPIRED,
        "dlx",
    ]


def test_copies_are_among_the_routing_keys(queue: Queue) -> None:
    (death,) = headers(letter(published(headers={"CC": ["c1", "c2"]}), queue))["x-death"]
    assert death["routing-keys"] == ["k", "c1", "c2"]


def test_the_expiration_goes_and_is_told(queue: Queue) -> None:
    message = letter(published(expiration="60000"), queue)
    assert message.properties.expiration is None
    assert headers(message)["x-death"][0]["original-expiration"] == "60000"
    again = letter(message, queue)
    assert headers(again)["x-death"][0]["original-expiration"] == "60000"


def test_without_an_expiration_none_is_told(queue: Queue) -> None:
    assert "original-expiration" not in headers(letter(published(), queue))["x-death"][0]


def test_how_often_it_came_back_is_a_matter_of_the_queue_it_leaves(queue: Queue) -> None:
    message = published(headers={"x-delivery-count": 3, "mine": 1})
    found = headers(letter(message, queue, DELIVERY_LIMIT))
    assert "x-delivery-count" not in found
    assert found["mine"] == 1


# Where it goes


def test_it_goes_to_the_dead_letter_exchange_by_its_own_routing_key(queue: Queue) -> None:
    message = letter(published(headers={"CC": ["c"]}), queue)
    assert (message.envelope.exchange, message.envelope.routing_key) == ("dlx", "k")
    assert message.copies() == ["c"]


def test_the_queue_may_name_another_routing_key_and_then_copies_do_not_count(
    client: Client,
) -> None:
    queue = declare(client, "q", dead_letter_routing_key="dead")
    message = letter(published(headers={"CC": ["c"], "mine": 1}), queue)
    assert (message.envelope.exchange, message.envelope.routing_key) == ("dlx", "dead")
    assert message.copies() == []
    assert headers(message)["mine"] == 1
    assert headers(message)["x-death"][0]["routing-keys"] == ["k", "c"]


# What stays


def test_body_and_properties_stay_what_they_were(queue: Queue) -> None:
    message = published(
        persistent=True,
        priority=7,
        content_type="text/plain",
        correlation_id="c",
        reply_to="r",
        timestamp=5,
        type="t",
        app_id="a",
        headers={"mine": "value"},
    )
    before = Properties(CODEC.decode_content(message.content)[0].raw).fields()
    after = Properties(CODEC.decode_content(letter(message, queue).content)[0].raw).fields()
    assert {**after, "headers": None} == {**before, "headers": None}
    assert body_of(letter(message, queue)) == b"body"


def test_the_message_itself_is_not_changed(queue: Queue) -> None:
    message = published(expiration="5", headers={"CC": ["c"]})
    content = message.content
    letter(message, queue)
    assert message.content == content
    assert message.properties.headers == {"CC": ["c"]}


def test_it_is_not_in_the_store_until_it_is_published(queue: Queue) -> None:
    message = published(persistent=True)
    message.position = 17
    assert letter(message, queue).position == 0
    assert letter(message, queue).properties.persistent


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 63) - 1)
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(max_size=5).map(ByteArray),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.text(max_size=8).map("my-{}".format), values, max_size=4))
def test_headers_of_any_kind_are_handed_on(mine: dict[str, Any]) -> None:
    queue = declare(Client(Broker(NullStore(), CODEC)), "q")
    found = headers(letter(published(headers=mine), queue))
    assert {name: value for name, value in found.items() if name in mine} == mine


@pytest.mark.parametrize(
    "junk",
    [
        "junk",
        17,
        {"queue": "q"},
        [],
        [1, "two", None],
        [{}],
        [{"queue": "q"}],
        [{"queue": "q", "reason": "rejected", "count": "many"}],
        [{"queue": "q", "reason": "rejected", "count": None}],
        [{"queue": "q", "reason": "rejected", "count": 2**63 - 1}],
        [{"queue": "q", "reason": "rejected", "count": -1}],
        [{"queue": 5, "reason": ["rejected"], "count": 1}],
    ],
)
def test_an_account_that_a_client_made_up_does_no_harm(queue: Queue, junk: object) -> None:
    message = letter(published(headers={"x-death": junk}), queue)
    death = headers(message)["x-death"][0]
    assert (death["queue"], death["reason"]) == ("q", "rejected")
    assert death["count"] in (1, 2)
    assert not goes_round(headers(message), queue)


@pytest.mark.parametrize(
    "large",
    [
        {"items": [None] * (TABLE_ITEMS_MAX - 1)},
        {"CC": ["k" * 10] * 8000},
        {"text": "x" * 131_000},
        {"small numbers": [1] * 16_000, "text": "x" * 60_000},
    ],
    ids=lambda headers: "+".join(headers),
)
def test_headers_that_leave_no_room_for_the_account_are_given_up_for_it(
    queue: Queue, large: dict[str, Any]
) -> None:
    message = letter(published(headers=large, expiration="5", content_type="t"), queue, EXPIRED)
    again = letter(message, queue, EXPIRED)
    assert body_of(again) == b"body"
    assert again.properties.content_type == "t"
    assert headers(again)["x-death"][0]["queue"] == "q"
    assert goes_round(headers(again), queue)


# Going round


def deaths(*pairs: tuple[str, str]) -> dict[str, Any]:
    return {"x-death": [{"queue": queue, "reason": reason} for queue, reason in pairs]}


@pytest.mark.parametrize("found", [None, {}, {"x-death": "junk"}, deaths(("other", EXPIRED))])
def test_who_never_died_here_does_not_go_round(queue: Queue, found: dict[str, Any] | None) -> None:
    assert not goes_round(found, queue)


@pytest.mark.parametrize("reason", [EXPIRED, MAXLEN, DELIVERY_LIMIT])
def test_who_comes_back_with_no_consumer_having_rejected_it_goes_round(
    queue: Queue, reason: str
) -> None:
    assert goes_round(deaths(("q", reason)), queue)
    assert goes_round(deaths(("other", EXPIRED), ("q", reason)), queue)


def test_a_rejection_on_the_way_breaks_the_round(queue: Queue) -> None:
    assert not goes_round(deaths(("q", REJECTED)), queue)
    assert not goes_round(deaths(("other", REJECTED), ("q", EXPIRED)), queue)


def test_a_rejection_before_the_way_does_not(queue: Queue) -> None:
    assert goes_round(deaths(("q", EXPIRED), ("other", REJECTED)), queue)
    assert goes_round(deaths(("other", EXPIRED), ("q", EXPIRED), ("q", REJECTED)), queue)
