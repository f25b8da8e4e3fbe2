"""One broker for all tests of the client, in a process of its own, since the client blocks."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.running_broker import RunningBroker
from warrener.exchange.client import Channel, Connection, connect


@pytest.fixture(scope="session")
def broker_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    broker = RunningBroker(Path(tmp_path_factory.mktemp("client")))
    broker.start()
    yield broker.url
    assert broker.stop() == 0, broker.log


@pytest.fixture
def connection(broker_url: str) -> Iterator[Connection]:
    with connect(broker_url) as connection:
        yield connection


@pytest.fixture
def channel(connection: Connection) -> Channel:
    return connection.channel()


@pytest.fixture
def queue(channel: Channel) -> str:
    """An empty queue that goes with its connection."""
    return channel.declare_queue(exclusive=True).queue
