"""Deduplication over a restart, and after a crash."""

from typing import Any

import pytest

from tests.exchange.durable_broker import DurableBroker
from warrener.exchange import broker, window
from warrener.exchange.window import Window

TYPE = "x-message-deduplication"


def publish(durable: DurableBroker, value: object, *bodies: bytes, **more: Any) -> None:
    headers = {"x-deduplication-header": value}
    more = {"persistent": True, **more}
    durable.client.publish("e", "k", *bodies, headers=headers, **more)


def restart(durable: DurableBroker, how: str) -> None:
    durable.wait_durable()
    durable.kill() if how == "kill" else durable.restart()


@pytest.fixture
def once(durable: DurableBroker) -> DurableBroker:
    """A durable exchange `e` that remembers a hundred for a second, and its queue `q`."""
    arguments = {"x-cache-size": 100, "x-cache-ttl": 1000}
    durable.client.vhost.declare_exchange("e", TYPE, durable=True, arguments=arguments)
    durable.client.declare("q", durable=True)
    durable.client.bind("e", "q")
    return durable


@pytest.mark.parametrize("how", ["restart", "kill"])
def test_what_was_seen_before_is_known_after(once: DurableBroker, how: str) -> None:
    publish(once, "x", b"1")
    publish(once, "y", b"2")
    restart(once, how)
    publish(once, "x", b"3")
    publish(once, "z", b"4")
    restart(once, how)
    publish(once, "x", b"5")
    publish(once, "z", b"6")
    assert once.client.drain("q") == [b"1", b"2", b"4"]


def test_it_is_known_for_no_longer_than_it_would_have_been(once: DurableBroker) -> None:
    publish(once, "x", b"1")
    once.now_ms = 999
    restart(once, "kill")
    publish(once, "x", b"2")
    once.client.at(1000)
    publish(once, "x", b"3")
    assert once.client.drain("q") == [b"1", b"3"]


def test_what_was_over_while_nobody_ran_is_over(once: DurableBroker) -> None:
    publish(once, "x", b"1")
    once.now_ms = 1000
    restart(once, "kill")
    publish(once, "x", b"2")
    assert once.client.drain("q") == [b"1", b"2"]


def test_a_message_and_what_is_known_of_it_last_together(once: DurableBroker) -> None:
    once.broker.end_pass()
    once.wait_durable()
    once.files.gate.clear()
    publish(once, "x", b"lost")
    once.kill()
    publish(once, "x", b"sent again")
    assert once.client.drain("q") == [b"sent again"]


def test_a_transient_message_is_forgotten_with_the_broker(once: DurableBroker) -> None:
    publish(once, "x", b"1", persistent=False)
    restart(once, "restart")
    publish(once, "x", b"2")
    assert once.client.drain("q") == [b"2"]


def test_a_window_in_memory_is_forgotten_with_the_broker(durable: DurableBroker) -> None:
    arguments = {"x-cache-size": 100, "x-cache-persistence": "memory"}
    durable.client.vhost.declare_exchange("e", TYPE, durable=True, arguments=arguments)
    durable.client.declare("q", durable=True)
    durable.client.bind("e", "q")
    publish(durable, "x", b"1")
    restart(durable, "restart")
    publish(durable, "x", b"2")
    assert durable.client.drain("q") == [b"1", b"2"]


@pytest.mark.parametrize("how", ["restart", "kill"])
def test_another_exchange_of_the_same_name_knows_nothing(once: DurableBroker, how: str) -> None:
    publish(once, "x", b"1")
    once.client.vhost.delete_exchange("e")
    arguments = {"x-cache-size": 100}
    once.client.vhost.declare_exchange("e", TYPE, durable=True, arguments=arguments)
    once.client.bind("e", "q")
    once.broker.end_pass()
    restart(once, how)
    publish(once, "x", b"2")
    assert once.client.drain("q") == [b"1", b"2"]


@pytest.mark.parametrize("how", ["restart", "kill"])
def test_the_size_counts_over_a_restart(durable: DurableBroker, how: str) -> None:
    durable.client.vhost.declare_exchange("e", TYPE, durable=True, arguments={"x-cache-size": 2})
    durable.client.declare("q", durable=True)
    durable.client.bind("e", "q")
    for value in "abc":
        publish(durable, value, value.encode())
    restart(durable, how)
    for value in "cba":
        publish(durable, value, value.upper().encode())
    assert durable.client.drain("q") == [b"a", b"b", b"c", b"A"]


def test_old_records_do_not_keep_old_segments(once: DurableBroker) -> None:
    publish(once, "first", b"1")
    for number in range(150):
        publish(once, number, b"x" * 50)
        once.client.drain("q")
    full = tidied(once)
    restart(once, "restart")
    assert once.segments < full / 2
    publish(once, 149, b"known")
    publish(once, 51, b"known")
    publish(once, "first", b"forgotten, for a hundred came after it")
    assert once.client.drain("q") == [b"forgotten, for a hundred came after it"]


@pytest.mark.parametrize("how", ["restart", "kill"])
def test_a_window_that_is_being_written_anew_is_whole(
    once: DurableBroker, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(window, "REWRITTEN_AT_ONCE", 10)
    monkeypatch.setattr(broker, "REWRITTEN_MAX", 1)
    for number in range(95):
        publish(once, number, b"old")
    once.client.drain("q")
    for number in range(95, 100):
        once.broker.tidy()
        publish(once, number, b"new")
        restart(once, how)
        once.broker.tidy()
        once.client.drain("q")
    for number in range(100):
        publish(once, number, b"known")
    assert once.client.drain("q") == []


def test_what_was_written_anew_is_written_anew_again(once: DurableBroker) -> None:
    publish(once, "x", b"1")
    for _ in range(3):
        tidied(once)
        restart(once, "kill")
    publish(once, "x", b"2")
    publish(once, "y", b"3")
    tidied(once)
    publish(once, "y", b"4")
    assert once.client.drain("q") == [b"1", b"3"]


def tidied(durable: DurableBroker) -> int:
    """Have old segments go; returns how many there were."""
    durable.broker.rewrite_definitions()
    durable.broker.end_pass()
    durable.wait_durable()
    full = durable.segments
    durable.trim()
    return full


# Queues


@pytest.mark.parametrize("how", ["restart", "kill"])
def test_a_queue_knows_what_is_in_it_after_a_restart(durable: DurableBroker, how: str) -> None:
    durable.client.declare("q", durable=True, arguments={"x-message-deduplication": True})
    durable.client.vhost.declare_exchange("e", "fanout", durable=True)
    durable.client.bind("e", "q")
    publish(durable, "gone", b"1")
    assert durable.client.drain("q") == [b"1"]
    publish(durable, "there", b"2")
    restart(durable, how)
    publish(durable, "there", b"3")
    publish(durable, "gone", b"4")
    assert durable.client.drain("q") == [b"2", b"4"]
    publish(durable, "there", b"5")
    assert durable.client.drain("q") == [b"5"]


@pytest.mark.parametrize("how", ["restart", "kill"])
def test_a_queue_with_a_window_knows_what_is_gone(durable: DurableBroker, how: str) -> None:
    arguments = {"x-message-deduplication": True, "x-cache-size": 10}
    durable.client.declare("q", durable=True, arguments=arguments)
    durable.client.vhost.declare_exchange("e", "fanout", durable=True)
    durable.client.bind("e", "q")
    publish(durable, "x", b"1")
    assert durable.client.drain("q") == [b"1"]
    restart(durable, how)
    publish(durable, "x", b"2")
    assert durable.client.drain("q") == []
    durable.client.vhost.delete_queue("q", durable.client)
    durable.client.declare("q", durable=True, arguments=arguments)
    durable.client.bind("e", "q")
    durable.broker.end_pass()
    restart(durable, how)
    publish(durable, "x", b"3")
    assert durable.client.drain("q") == [b"3"]


def test_an_exclusive_queue_has_a_window_in_memory_only(durable: DurableBroker) -> None:
    arguments = {"x-message-deduplication": True, "x-cache-size": 10}
    (queue,) = durable.client.declare("q", durable=True, exclusive=True, arguments=arguments)
    assert isinstance(queue.memory, Window)
    assert queue.memory.number == 0
