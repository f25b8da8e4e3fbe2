"""Retry: what comes back is held back for a while, and how often it failed outlasts a restart."""

from typing import Any

import pytest

from tests.exchange.core_client import Client
from tests.exchange.durable_broker import DurableBroker
from tests.exchange.outlet import Delivered
from warrener.exchange.errors import PreconditionFailed
from warrener.exchange.filters.filter import compile_filter
from warrener.exchange.queues import selection, waiting
from warrener.exchange.queues.queue import Queue
from warrener.exchange.queues.retry import ALL, FAILED, RETURNED, Retry

BEGIN_MS = 1_000_000


def declare(client: Client, **more: Any) -> Queue:
    """The queue `q`, which holds back what has failed for 100 ms, then 200, at most 250; what it
    gives up goes to `dead`."""
    arguments = {
        "x-delayed-retry-type": "failed",
        "x-delayed-retry-min": 100,
        "x-delayed-retry-max": 250,
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": "dead",
    }
    arguments |= {name.replace("_", "-"): value for name, value in more.items()}
    client.declare("dead", durable=True)
    (queue,) = client.declare("q", durable=True, arguments=arguments)
    client.at(BEGIN_MS)
    return queue


def fail(client: Client, queue: str = "q") -> bytes | None:
    """Get a message and reject it; returns its body."""
    body = client.get(queue)
    if body is not None:
        client.reject(max(client.channel.unacked))
    return body


def failures(client: Client) -> list[int]:
    """The delivery counts of what the client has."""
    headers = [d.message.properties.headers or {} for d in client.channel.unacked.values()]
    return [each.get("x-delivery-count", 0) for each in headers]


# How long


@pytest.mark.parametrize(
    ("retry", "delays"),
    [
        (Retry(ALL, 100, 250), [100, 200, 250, 250]),
        (Retry(ALL, 100, 100), [100, 100, 100, 100]),
        (Retry(ALL, 100, 5000, multiplier=1), [100, 100, 100, 100]),
        (Retry(ALL, 100, 5000, multiplier=2), [100, 200, 400, 800]),
        (Retry(ALL, 100, 1000, multiplier=10), [100, 1000, 1000, 1000]),
    ],
)
def test_the_delay_grows_with_each_failure_up_to_its_maximum(
    retry: Retry, delays: list[int]
) -> None:
    assert [retry.delay(count, failed=True) for count in range(1, 5)] == delays


def test_what_never_failed_is_held_back_as_if_for_the_first_time() -> None:
    assert Retry(ALL, 100, 1000).delay(0, failed=False) == 100
    assert Retry(ALL, 100, 1000, multiplier=3).delay(0, failed=False) == 100


def test_a_delay_after_a_million_failures_is_found_as_quickly() -> None:
    assert Retry(ALL, 1, 86_400_000, multiplier=1000).delay(1_000_000, failed=True) == 86_400_000


@pytest.mark.parametrize(
    ("of", "failed", "returned"), [(ALL, 100, 100), (FAILED, 100, 0), (RETURNED, 0, 100)]
)
def test_the_type_says_what_is_held_back(of: str, failed: int, returned: int) -> None:
    retry = Retry(of, 100, 100)
    assert (retry.delay(1, failed=True), retry.delay(1, failed=False)) == (failed, returned)


# Out of reach, and back


def test_what_has_failed_comes_back_when_its_time_has_come(client: Client) -> None:
    declare(client)
    client.consume("q", prefetch=1)
    client.publish("", "q", b"1")
    assert client.deliveries() == [Delivered("c", 1, b"1", redelivered=False)]
    client.reject(1)
    client.at(BEGIN_MS + 99)
    assert client.deliveries() == []
    client.at(BEGIN_MS + 100)
    assert client.deliveries() == [Delivered("c", 2, b"1", redelivered=True)]
    assert failures(client) == [1]
    client.reject(2)
    client.at(BEGIN_MS + 299)
    assert client.deliveries() == []
    client.at(BEGIN_MS + 300)
    assert client.deliveries() == [Delivered("c", 3, b"1", redelivered=True)]
    assert failures(client) == [2]


def test_nobody_waits_for_a_message_that_is_held_back(client: Client) -> None:
    declare(client)
    client.publish("", "q", b"1", b"2")
    assert fail(client) == b"1"
    assert client.get("q") == b"2"
    assert client.get("q") is None
    client.consume("q")
    client.publish("", "q", b"3")
    assert client.received() == [b"3"]


def test_it_stands_at_its_old_place_again(client: Client) -> None:
    declare(client)
    client.publish("", "q", b"1", b"2", b"3")
    assert fail(client) == b"1"
    assert fail(client) == b"2"
    client.at(BEGIN_MS + 100)
    client.publish("", "q", b"4")
    assert client.drain("q") == [b"1", b"2", b"3", b"4"]


def test_a_get_finds_what_has_become_due_without_a_pass_in_between(client: Client) -> None:
    declare(client)
    client.publish("", "q", b"1")
    fail(client)
    client.broker.ledger.set_time(BEGIN_MS + 100)
    assert client.get("q") == b"1"


def test_the_broker_knows_when_to_wake_up(client: Client) -> None:
    declare(client)
    client.publish("", "q", b"1")
    fail(client)
    assert client.broker.deadlines.next == BEGIN_MS + 100


def test_many_that_come_due_together_are_put_in_line_in_slices(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selection, "ADMITTED_MAX", 2)
    declare(client)
    client.publish("", "q", *(b"%d" % n for n in range(5)))
    client.consume("q", "c")
    assert len(client.received()) == 5
    client.reject(0, multiple=True)
    for waited in ([b"0", b"1"], [b"2", b"3"], [b"4"], []):
        client.broker.ledger.set_time(BEGIN_MS + 100)
        assert client.received() == waited


def test_a_channel_that_ends_has_failed_and_a_nack_has_not(client: Client, other: Client) -> None:
    queue = declare(client)
    client.publish("", "q", b"1")
    other.get("q")
    other.nack(1)
    assert queue.statistics().messages_delayed == 0
    other.get("q")
    other.channel.close()
    assert queue.statistics().messages_delayed == 1


def test_what_is_only_returned_may_be_held_back_too_and_never_for_longer(client: Client) -> None:
    declare(client, x_delayed_retry_type="returned", x_delivery_limit=1)
    client.publish("", "q", b"1")
    for round in range(1, 5):
        assert client.get("q") == b"1"
        client.nack(round)
        client.at(BEGIN_MS + round * 100 - 1)
        assert client.get("q") is None
        client.at(BEGIN_MS + round * 100)
    assert fail(client) == b"1"
    assert client.get("q") == b"1"
    assert failures(client) == [1]


def test_a_disabled_retry_only_counts(client: Client) -> None:
    declare(client, x_delayed_retry_type="disabled")
    client.publish("", "q", b"1")
    assert fail(client) == b"1"
    assert client.get("q") == b"1"
    assert failures(client) == [1]


def test_a_policy_can_have_a_queue_retry(client: Client) -> None:
    (queue,) = client.declare("q")
    client.publish("", "q", b"1", b"2")
    client.at(BEGIN_MS)
    client.broker.policies.set("/", "retry", "^q$", {"delayed-retry-min": 100})
    assert fail(client) == b"1"
    assert queue.statistics().messages_delayed == 1
    client.broker.policies.clear("/", "retry")
    assert fail(client) == b"2"
    assert client.get("q") == b"2"
    client.at(BEGIN_MS + 100)
    assert client.get("q") == b"1"


@pytest.mark.parametrize(
    "definition",
    [{"delayed-retry-type": "all"}, {"delayed-retry-min": 2, "delayed-retry-max": 1}],
)
def test_a_policy_whose_retries_make_no_sense_is_refused(
    client: Client, definition: dict[str, Any]
) -> None:
    with pytest.raises(PreconditionFailed, match="delayed-retry"):
        client.broker.policies.set("/", "retry", "^q$", definition)


# Together with other features


def test_a_message_that_fails_too_often_is_given_up(client: Client) -> None:
    declare(client, x_delivery_limit=1)
    client.publish("", "q", b"1")
    fail(client)
    client.at(BEGIN_MS + 100)
    fail(client)
    assert client.drain("dead") == [b"1"]


def test_with_retries_a_message_may_fail_twenty_times_unless_told_otherwise(
    client: Client,
) -> None:
    declare(client, x_delayed_retry_max=100)
    client.publish("", "q", b"1")
    for round in range(21):
        client.at(BEGIN_MS + round * 100)
        assert fail(client) == b"1"
    assert client.drain("dead") == [b"1"]


def test_what_is_held_back_counts_as_ready_and_apart(client: Client) -> None:
    queue = declare(client)
    client.publish("", "q", b"1", b"2")
    fail(client)
    counts = queue.statistics()
    assert (counts.messages_ready, counts.messages_delayed, counts.messages_unacked) == (2, 1, 0)
    client.at(BEGIN_MS + 100)
    assert queue.statistics().messages_delayed == 0


def test_what_is_held_back_is_purged(client: Client) -> None:
    queue = declare(client)
    client.publish("", "q", b"1", b"2", persistent=True)
    fail(client)
    assert queue.purge() == 2
    assert queue.statistics().messages_delayed == 0
    client.at(BEGIN_MS + 100)
    assert client.get("q") is None
    assert (queue.ready.bytes, queue.ready.memory_bytes) == (0, 0)


def test_what_is_held_back_is_the_first_to_go_if_there_are_too_many(client: Client) -> None:
    declare(client, x_max_length=2)
    client.publish("", "q", b"1", b"2")
    fail(client)
    client.publish("", "q", b"3")
    assert client.drain("dead") == [b"1"]
    client.at(BEGIN_MS + 100)
    assert client.drain("q") == [b"2", b"3"]


def test_what_is_held_back_expires(client: Client) -> None:
    queue = declare(client, x_message_ttl=50)
    client.publish("", "q", b"1")
    fail(client)
    client.at(BEGIN_MS + 50)
    assert client.drain("dead") == [b"1"]
    assert (len(queue.ready), queue.statistics().messages_delayed) == (0, 0)


def test_a_consumer_with_a_filter_gets_what_it_wants_when_its_time_has_come(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "WINDOW_BYTES", 0)
    declare(client)
    client.publish("", "q", b"1", headers={"color": "red"}, persistent=True)
    client.publish("", "q", b"2", headers={"color": "blue"}, persistent=True)
    fail(client)
    fail(client)
    client.consume("q", filter=compile_filter("color = 'blue'"))
    assert client.received() == []
    client.at(BEGIN_MS + 100)
    assert client.received() == [b"2"]


def test_a_queue_that_is_deleted_takes_along_what_it_holds_back(client: Client) -> None:
    declare(client)
    client.publish("", "q", b"1")
    fail(client)
    assert client.vhost.delete_queue("q", client) == 1
    client.at(BEGIN_MS + 100)
    assert client.drain("dead") == []


# After a restart


def test_a_back_off_still_runs_after_a_restart(durable: DurableBroker) -> None:
    queue = declare(durable.client)
    durable.client.publish("", "q", b"1", b"2", persistent=True)
    assert fail(durable.client) == b"1"
    durable.now_ms = BEGIN_MS + 60
    durable.restart()
    queue = durable.client.vhost.queues["q"]
    assert (len(queue.ready), queue.statistics().messages_delayed) == (2, 1)
    assert durable.client.get("q") == b"2"
    assert durable.client.get("q") is None
    durable.client.at(BEGIN_MS + 99)
    assert durable.client.get("q") is None
    durable.client.at(BEGIN_MS + 100)
    assert durable.client.get("q") == b"1"
    assert failures(durable.client) == [0, 1]


def test_what_has_become_due_meanwhile_is_at_its_place(durable: DurableBroker) -> None:
    declare(durable.client)
    durable.client.publish("", "q", b"1", b"2", persistent=True)
    fail(durable.client)
    durable.now_ms = BEGIN_MS + 100
    durable.restart()
    assert durable.client.drain("q") == [b"1", b"2"]


def test_a_poison_message_is_still_limited_after_a_restart(durable: DurableBroker) -> None:
    declare(durable.client, x_delivery_limit=2, x_delayed_retry_type="disabled")
    durable.client.publish("", "q", b"1", persistent=True)
    for _ in range(3):
        assert fail(durable.client) == b"1"
        durable.restart()
    assert durable.client.get("q") is None
    assert durable.client.drain("dead") == [b"1"]


def test_a_count_comes_back_for_messages_beyond_the_window_as_well(
    durable: DurableBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "WINDOW_BYTES", 0)
    declare(durable.client, x_delayed_retry_type="disabled")
    durable.client.publish("", "q", b"1", b"2", persistent=True)
    for _ in range(3):
        fail(durable.client)
    durable.restart()
    queue = durable.client.vhost.queues["q"]
    assert queue.ready.messages_in_memory == 0
    assert (durable.client.get("q"), durable.client.get("q")) == (b"1", b"2")
    assert failures(durable.client) == [3, 0]
    assert queue.ready.bytes == 0


def test_a_settled_message_leaves_no_count_behind(durable: DurableBroker) -> None:
    declare(durable.client, x_delayed_retry_type="disabled")
    durable.client.publish("", "q", b"1", b"2", persistent=True)
    fail(durable.client)
    durable.client.get("q")
    durable.client.ack(2)
    durable.restart()
    assert durable.client.get("q") == b"2"
    assert failures(durable.client) == [0]


def test_the_count_of_a_queue_that_is_gone_is_nobody_elses(durable: DurableBroker) -> None:
    declare(durable.client, x_delayed_retry_type="disabled")
    durable.client.publish("", "q", b"1", persistent=True)
    fail(durable.client)
    durable.client.vhost.delete_queue("q", durable.client)
    declare(durable.client)
    durable.client.publish("", "q", b"2", persistent=True)
    durable.restart()
    assert durable.client.get("q") == b"2"
    assert failures(durable.client) == [0]


def test_after_a_crash_what_was_written_counts(durable: DurableBroker) -> None:
    declare(durable.client, x_delayed_retry_type="disabled")
    durable.client.publish("", "q", b"1", persistent=True)
    fail(durable.client)
    durable.broker.end_pass()
    durable.wait_durable()
    durable.kill()
    assert durable.client.get("q") == b"1"
    assert failures(durable.client) == [1]


def test_a_queue_that_does_not_count_writes_nothing_when_messages_come_back(
    durable: DurableBroker,
) -> None:
    durable.client.declare("q", durable=True)
    durable.client.publish("", "q", b"1", persistent=True)
    end = durable.broker.ledger.end
    fail(durable.client)
    durable.broker.end_pass()
    assert durable.broker.ledger.end == end
