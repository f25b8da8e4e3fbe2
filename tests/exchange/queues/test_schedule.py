"""The schedule of a delayed exchange, through what clients see of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.exchange.core_client import Client
from tests.exchange.durable_broker import DurableBroker
from warrener.exchange.broker import Broker
from warrener.exchange.errors import PreconditionFailed, ResourceLocked
from warrener.exchange.server.codec import CODEC
from warrener.storage.null import NullStore

START = 1_000_000


@pytest.fixture
def client() -> Client:
    broker = Broker(NullStore(), CODEC)
    broker.ledger.set_time(START)
    return ready_client(broker)


@pytest.fixture
def durable(tmp_path: Path) -> Iterator[DurableBroker]:
    durable = DurableBroker(tmp_path / "data")
    durable.broker.ledger.set_time(START)
    ready_client(durable.broker)
    yield durable
    durable.close()


def ready_client(broker: Broker) -> Client:
    """A client of a delayed topic exchange `later` that leads to the queue `q`."""
    client = Client(broker)
    client.vhost.declare_exchange(
        "later", "x-delayed-message", durable=True, arguments={"x-delayed-type": "topic"}
    )
    client.declare("q", durable=True)
    client.bind("later", "q", "order.*")
    return client


def at(client: Client, time: int) -> list[bytes]:
    """What is in the queue once the clock has been moved to START + `time`."""
    client.broker.ledger.set_time(START + time)
    client.broker.end_pass()
    return client.drain("q")


def test_a_message_comes_when_its_time_has_come(client: Client) -> None:
    client.publish("later", "order.eu", b"late", headers={"x-delay": 500})
    client.publish("later", "order.eu", b"soon", headers={"x-delay": 100})
    client.publish("later", "order.eu", b"now")
    assert at(client, 0) == [b"now"]
    assert at(client, 99) == []
    assert at(client, 100) == [b"soon"]
    assert at(client, 499) == []
    assert at(client, 500) == [b"late"]


def test_a_delayed_message_is_routed_by_the_bindings_of_its_time(client: Client) -> None:
    client.publish("later", "invoice.eu", b"early", headers={"x-delay": 100})
    client.bind("later", "q", "invoice.#")
    assert at(client, 100) == [b"early"]


def test_a_message_that_nobody_is_bound_for_when_its_time_comes_is_gone(client: Client) -> None:
    client.publish("later", "other", b"lost", headers={"x-delay": 100})
    assert at(client, 100) == []
    assert client.broker.statistics().messages_ready == 0


def test_clients_may_not_use_the_schedule(client: Client) -> None:
    with pytest.raises(ResourceLocked):
        client.get("amq.delayed.later")


def test_nobody_publishes_to_the_schedule_but_by_its_exchange(client: Client) -> None:
    for headers in (None, {"x-delay": 100}):
        assert client.publish("", "amq.delayed.later", b"1", headers=headers) == []
    assert client.broker.statistics().messages_ready == 0


def test_no_dead_letter_goes_to_the_schedule_but_by_its_exchange(client: Client) -> None:
    to_schedule = {
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": "amq.delayed.later",
        "x-max-length": 0,
    }
    client.declare("short", arguments=to_schedule)
    client.publish("", "short", b"1")
    assert client.broker.statistics().messages_ready == 0


def test_the_schedule_goes_with_its_exchange(client: Client) -> None:
    client.publish("later", "order.eu", b"late", headers={"x-delay": 500})
    client.vhost.delete_exchange("later")
    assert at(client, 500) == []
    assert set(client.vhost.queues) == {"q"}


@pytest.mark.parametrize("arguments", [{}, {"x-delayed-type": "no-such"}, {"x-delayed-type": 1}])
def test_a_delayed_exchange_needs_a_type_to_delay(
    client: Client, arguments: dict[str, object]
) -> None:
    with pytest.raises(PreconditionFailed, match="x-delayed-type"):
        client.vhost.declare_exchange("other", "x-delayed-message", arguments=arguments)


@pytest.mark.parametrize("killed", [False, True])
def test_deadlines_are_kept_over_a_restart(durable: DurableBroker, killed: bool) -> None:
    client = Client(durable.broker)
    client.publish("later", "order.eu", b"late", persistent=True, headers={"x-delay": 500})
    client.publish("later", "order.eu", b"gone", persistent=False, headers={"x-delay": 500})
    durable.wait_durable()
    (durable.kill if killed else durable.restart)()
    assert at(durable.client, 499) == []
    assert at(durable.client, 500) == [b"late"]
    durable.restart()
    assert at(durable.client, 1000) == []
