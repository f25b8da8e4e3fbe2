"""Dead letters: the account of its deaths that a message takes along."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.exchange.core_client import Client
from tests.exchange.messages import body_of, make_message
from tests.protocol import wire_tables
from warrener.exchange.broker import Broker
from warrener.exchange.message import Envelope, Message
from warrener.exchange.queues.dead_letter import (
    ACCOUNT_HEADERS,
    DEATHS_MAX,
    dead_letter,
    goes_round,
)
from warrener.exchange.queues.queue import Queue
from warrener.exchange.queues.reasons import DELIVERY_LIMIT, EXPIRED, MAXLEN, REJECTED
from warrener.exchange.server.codec import CODEC
from warrener.protocol.frames import content_frames, content_properties
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


def test_keys_that_no_consumer_is_told_are_kept_but_not_among_the_routing_keys(
    client: Client, queue: Queue
) -> None:
    message = published()
    message.envelope = Envelope("e", "k", ["hidden"])
    dead = letter(message, queue)
    assert dead.copies() == ["hidden"]
    assert headers(dead)["x-death"][0]["routing-keys"] == ["k"]
    keyed = declare(client, "keyed", dead_letter_routing_key="dead")
    assert letter(message, keyed).copies() == []


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


@given(wire_tables.entries, st.lists(st.sampled_from([REJECTED, EXPIRED]), min_size=1, max_size=3))
def test_what_the_broker_does_not_change_stays_as_it_was_byte_for_byte(
    entries: list[tuple[bytes, bytes]], reasons: list[str]
) -> None:
    queue = declare(Client(Broker(NullStore(), CODEC)), "q", dead_letter_routing_key="k")
    # Nobody gets a message into a queue whose header CC is no list of strings.
    entries = [(name, tagged) for name, tagged in entries if name != b"CC"]
    message = with_wire_headers(entries)
    for reason in reasons:
        message = letter(message, queue, reason)
    kept = [(name, tagged) for name, tagged in entries if name not in ACCOUNT]
    assert wire_headers(message)[4:].startswith(wire_tables.table(kept)[4:])


ACCOUNT = [name.encode() for name in (*ACCOUNT_HEADERS, "x-delivery-count")]


def with_wire_headers(entries: list[tuple[bytes, bytes]]) -> Message:
    """A message with these headers, by name and value with its tag."""
    raw = b"\x20\x00" + wire_tables.table(entries)
    return Message(Envelope("e", "k"), Properties(raw), content_frames(raw, b"", 1, 1 << 17), 1)


def wire_headers(message: Message) -> bytes:
    raw = content_properties(message.content)[0]
    assert raw[:2] == b"\x20\x00"
    return raw[2:]


@pytest.mark.parametrize(
    "claimed",
    [
        "junk",
        17,
        [],
        [1, "two", None],
        [{}],
        [{"queue": "q", "reason": "rejected", "count": "many"}],
        [{"queue": "q", "reason": "rejected", "count": Timestamp(2**64 - 1)}],
        [{"queue": "q", "reason": "expired", "count": 7}, {"queue": "p", "reason": "expired"}],
    ],
)
def test_an_account_that_a_client_has_published_is_replaced_by_the_first_death(
    queue: Queue, claimed: object
) -> None:
    names = ("x-death", "x-first-death-queue", "x-first-death-reason", "x-first-death-exchange")
    message = published(headers=dict.fromkeys(names, claimed))
    assert headers(letter(message, queue)) == headers(letter(published(), queue))


@pytest.mark.parametrize(
    "large",
    [
        {"items": [None] * (TABLE_ITEMS_MAX - 1)},
        {"CC": ["k" * 10] * 8000},
        {"text": "x" * 131_000},
    ],
    ids=lambda headers: "+".join(headers),
)
def test_headers_stay_however_large_they_are(queue: Queue, large: dict[str, Any]) -> None:
    message = letter(letter(published(headers=large), queue, EXPIRED), queue, EXPIRED)
    assert body_of(message) == b"body"
    assert headers(message).items() >= large.items()
    assert goes_round(headers(message), queue)


def test_an_account_of_many_deaths_tells_the_routing_keys_of_the_newest_only(
    client: Client,
) -> None:
    message = published(headers={"CC": ["k" * 10] * 600})
    for name in "abc":
        message = letter(message, declare(client, name))
    told = ["routing-keys" in death for death in headers(message)["x-death"]]
    assert told == [True, False, False]


def test_who_has_died_in_very_many_queues_goes_round(client: Client) -> None:
    message = published()
    for number in range(DEATHS_MAX + 1):
        message = letter(message, declare(client, f"q{number}"), EXPIRED)
    other = declare(client, "other")
    assert goes_round(headers(message), other)
    assert not goes_round(headers(letter(message, other, REJECTED)), declare(client, "another"))


# Going round


def died(client: Client, *pairs: tuple[str, str]) -> Message:
    """A message that died in these queues for these reasons, the last one first."""
    message = published()
    for name, reason in reversed(pairs):
        message = letter(message, declare(client, name), reason)
    return message


def test_who_never_died_here_does_not_go_round(client: Client, queue: Queue) -> None:
    assert not goes_round(headers(published()), queue)
    assert not goes_round(headers(died(client, ("other", EXPIRED))), queue)


@pytest.mark.parametrize("reason", [EXPIRED, MAXLEN, DELIVERY_LIMIT])
def test_who_comes_back_with_no_consumer_having_rejected_it_goes_round(
    client: Client, queue: Queue, reason: str
) -> None:
    assert goes_round(headers(died(client, ("q", reason))), queue)
    assert goes_round(headers(died(client, ("other", EXPIRED), ("q", reason))), queue)


def test_a_rejection_on_the_way_breaks_the_round(client: Client, queue: Queue) -> None:
    assert not goes_round(headers(died(client, ("q", REJECTED))), queue)
    assert not goes_round(headers(died(client, ("other", REJECTED), ("q", EXPIRED))), queue)


def test_a_rejection_before_the_way_does_not(client: Client, queue: Queue) -> None:
    assert goes_round(headers(died(client, ("q", EXPIRED), ("other", REJECTED))), queue)
    assert goes_round(
        headers(died(client, ("other", EXPIRED), ("q", EXPIRED), ("q", REJECTED))), queue
    )


def test_who_is_published_again_by_a_client_does_not_go_round(client: Client, queue: Queue) -> None:
    message = died(client, ("q", EXPIRED))
    other = declare(client, "other")
    again = letter(published(headers=message.properties.headers), other, EXPIRED)
    assert not goes_round(headers(again), queue)
    assert [death["count"] for death in headers(again)["x-death"]] == [1]


# Against a model


class Account:
    """What a message tells of its deaths: by queue and reason how many, the latest first."""

    def __init__(self) -> None:
        self.counts: list[tuple[str, str, int]] = []
        self.first = ("", "")

    def died(self, queue: str, reason: str) -> None:
        before = [count for q, r, count in self.counts if (q, r) == (queue, reason)]
        others = [death for death in self.counts if death[:2] != (queue, reason)]
        if not self.counts:
            self.first = (queue, reason)
        self.counts = [(queue, reason, sum(before) + 1), *others]

    def goes_round(self, queue: str) -> bool:
        way = []
        for name, reason, _ in self.counts:
            way.append(reason)
            if name == queue:
                return REJECTED not in way
        return False


steps = st.tuples(st.sampled_from("abc"), st.sampled_from(REASONS)) | st.just(("", "republished"))


@settings(max_examples=200, deadline=None)
@given(st.lists(steps, max_size=12))
def test_an_account_is_that_of_a_plain_model(steps: list[tuple[str, str]]) -> None:
    client = Client(Broker(NullStore(), CODEC))
    queues = {name: declare(client, name) for name in "abc"}
    message, account = published(), Account()
    for name, reason in steps:
        if not name:
            message, account = published(headers=message.properties.headers), Account()
            continue
        message = letter(message, queues[name], reason)
        account.died(name, reason)
        told = headers(message)
        assert account.counts == [(d["queue"], d["reason"], d["count"]) for d in told["x-death"]]
        assert (told["x-last-death-queue"], told["x-last-death-reason"]) == (name, reason)
        assert (told["x-first-death-queue"], told["x-first-death-reason"]) == account.first
    for name, queue in queues.items() if account.counts else ():
        assert goes_round(headers(message), queue) == account.goes_round(name)
