"""A broker on a wire in memory, and who is connected to it; a test module may have its own."""

import pytest

from tests.exchange.server.wire import Channel, Client, Wire


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def client(wire: Wire) -> Client:
    return wire.login()


@pytest.fixture
def channel(client: Client) -> Channel:
    return client.channel()


@pytest.fixture
def other(wire: Wire) -> Channel:
    """A channel of another connection."""
    return wire.login().channel()
