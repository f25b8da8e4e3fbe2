"""A broker that forgets, one that does not, and clients of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.exchange.client import Client
from tests.exchange.durable_broker import DurableBroker
from warrener.exchange import backlog, ready
from warrener.exchange.broker import Broker
from warrener.exchange.server.codec import CODEC
from warrener.storage.null import NullStore


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
