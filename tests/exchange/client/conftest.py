"""Connections of the client to one broker, in a process of its own, since the client blocks."""

from collections.abc import Iterator

import pytest

from tests.interop.running_broker import RunningBroker
from warrener.exchange.client import Channel, Connection, connect


@pytest.fixture
def broker_url(running_broker: RunningBroker) -> str:
    return running_broker.url


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
