"""Retries, as they work in a broker: attempt, wait, attempt, and then the dead-letter queue."""

from tests.exchange.core_client import Client
from tests.exchange.topology.reading import valid
from warrener.exchange.broker import Broker
from warrener.exchange.topology.applying import apply
from warrener.exchange.topology.in_process import InProcess
from warrener.exchange.topology.planner import make_plan

RETRIES = """
    vhosts:
      - name: /
        exchanges: [{ name: orders, type: topic }]
        queues:
          - name: work
            bind: [{ source: orders, routing_key: "order.#" }]
            retry: [10s, 1m]
            dead-letter: { queue: work.dead }
    """


def applied(broker: Broker) -> Client:
    desired = valid(RETRIES)
    target = InProcess(broker)
    outcome = apply(make_plan(target.read(), desired.state, desired.management), target)
    assert outcome.error == ""
    return Client(broker)


def test_a_rejected_message_comes_back_after_each_wait_and_is_given_up_in_the_end(broker):
    client = applied(broker)
    client.at(1000)
    client.publish("orders", "order.new", b"message")
    tags = iter((1, 2, 3))
    for wait_ms in (10_000, 60_000):
        assert client.get("work") == b"message"
        client.reject(next(tags), requeue=False)
        now = broker.ledger.now_ms
        client.at(now + wait_ms - 1)
        assert client.get("work") is None
        client.at(now + wait_ms + 1)
    assert client.get("work") == b"message"
    client.reject(next(tags), requeue=False)
    broker.end_pass()
    assert client.drain("work.dead") == [b"message"]
    assert client.get("work") is None


def test_a_message_that_is_acknowledged_does_not_come_back(broker):
    client = applied(broker)
    client.publish("orders", "order.new", b"message")
    assert client.get("work") == b"message"
    client.ack(1)
    client.at(10**6)
    assert client.get("work") is None
    assert client.drain("work.dead") == []
