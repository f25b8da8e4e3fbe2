"""A broker that forgets, one that does not, and clients of them."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.exchange.core_client import Client
from tests.exchange.durable_broker import DurableBroker
from tests.interop.running_broker import RunningBroker
from warrener.exchange import broker as broker_module
from warrener.exchange.access import passwords
from warrener.exchange.broker import Broker
from warrener.exchange.queues import backlog, ready
from warrener.exchange.server.codec import CODEC
from warrener.storage.null import NullStore


@pytest.fixture(autouse=True, scope="module")
def quick_passwords() -> Iterator[None]:
    """Password hashes that cost nothing, the guest's too: most tests only want to get in."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "SCRYPT_N", 2)
        guest = replace(broker_module.GUEST, password_hash=passwords.hash_password("guest"))
        patch.setattr(broker_module, "GUEST", guest)
        yield


@pytest.fixture(scope="session")
def running_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBroker]:
    """A broker in a process of its own, for programs that block."""
    broker = RunningBroker(tmp_path_factory.mktemp("running"))
    broker.start()
    yield broker
    assert broker.stop() == 0, broker.log


@pytest.fixture
def broker() -> Broker:
    return Broker(NullStore(), CODEC)


@pytest.fixture
def client(broker: Broker) -> Client:
    return Client(broker)


@pytest.fixture
def other(broker: Broker) -> Client:
    """A second connection."""
    return Client(broker)


@pytest.fixture
def durable(tmp_path: Path) -> Iterator[DurableBroker]:
    durable = DurableBroker(tmp_path / "data")
    yield durable
    durable.close()


@pytest.fixture
def small_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three messages at the head of a queue, and chunks of two behind them."""
    monkeypatch.setattr(ready, "WINDOW_MESSAGES", 3)
    monkeypatch.setattr(backlog, "CHUNK_MESSAGES", 2)
