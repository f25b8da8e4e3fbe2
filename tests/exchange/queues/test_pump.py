"""Handing out happens once a pass, at its end."""

import pytest

from tests.exchange.core_client import Client
from warrener.exchange.broker import Broker
from warrener.exchange.filters.filter import compile_filter
from warrener.exchange.queues import selection


def test_nothing_is_handed_out_before_the_end_of_the_pass(client: Client) -> None:
    client.declare("q")
    client.publish("", "q", b"one")
    client.consume("q")
    assert client.outlet.delivered == []
    client.broker.pump.run()
    assert [d.body for d in client.outlet.delivered] == [b"one"]


def test_a_second_run_finds_nothing_to_do(client: Client) -> None:
    client.declare("q")
    client.publish("", "q", b"one")
    client.consume("q")
    assert client.received() == [b"one"]
    client.broker.pump.run()
    assert client.received() == []


def test_a_queue_woken_many_times_is_handed_out_once(client: Client) -> None:
    (queue,) = client.declare("q")
    client.consume("q")
    for _ in range(3):
        queue.wake()
        client.publish("", "q", b"x")
    assert client.received() == [b"x"] * 3


def test_every_queue_that_was_woken_is_handed_out(client: Client) -> None:
    client.declare("a", "b", "c")
    for name in "abc":
        client.publish("", name, name.encode())
        client.consume(name, name)
    assert sorted(client.received()) == [b"a", b"b", b"c"]


def test_a_queue_that_is_deleted_while_it_waits_hands_out_nothing(client: Client) -> None:
    (queue,) = client.declare("q")
    client.publish("", "q", b"one")
    client.consume("q")
    client.vhost.remove_queue(queue)
    assert client.received() == []


def test_a_queue_without_consumers_is_not_noted(broker: Broker, client: Client) -> None:
    (queue,) = client.declare("q")
    client.publish("", "q", b"one")
    assert not queue.waiting
    client.consume("q")
    assert queue.waiting
    broker.pump.run()
    assert not queue.waiting


def test_what_is_too_much_for_one_pass_is_done_in_the_next_ones(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selection, "EXAMINED_MAX", 1)
    bodies = [b"1", b"2", b"3", b"4", b"5"]
    client.declare("q")
    client.publish("", "q", *bodies, headers={"colour": "red"})
    client.consume("q", filter=compile_filter("colour = 'red'"))
    received = client.received()
    assert len(received) < len(bodies)
    while client.broker.pump.unfinished:
        received += client.received()
    assert received == bodies
