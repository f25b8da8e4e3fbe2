"""One broker for the whole run, and for each test connections and names of its own.

`broker_url` is the broker under test: ours in a process of its own, or, when WARRENER_TEST_URL is
set, whatever listens there. The same tests run against RabbitMQ that way:

    WARRENER_TEST_URL=amqp://guest:guest@127.0.0.1:5672/ python -m pytest tests/interop

When a test fails, the end of our broker's log is printed with it.
"""

import os
import re
import secrets
from collections.abc import Callable, Iterator

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel

from tests.interop.running_broker import RunningBroker
from tests.patience import limit

running_broker_key = pytest.StashKey[RunningBroker]()

SECONDS_PER_TEST_MAX = 60

Connect = Callable[..., pika.BlockingConnection]
Fresh = Callable[[str], str]


@pytest.fixture(autouse=True)
def no_endless_wait(request: pytest.FixtureRequest) -> Iterator[None]:
    """A blocking client waits for ever for an answer that does not come; a test must not."""
    with limit(f"the end of {request.node.name}", SECONDS_PER_TEST_MAX):
        yield


@pytest.fixture(scope="session")
def broker_url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    given = os.environ.get("WARRENER_TEST_URL")
    if given:
        yield given
        return
    broker = RunningBroker(tmp_path_factory.mktemp("interop"))
    request.config.stash[running_broker_key] = broker
    broker.start()
    yield broker.url
    assert broker.stop() == 0, broker.log


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report = yield
    broker = item.config.stash.get(running_broker_key, None)
    if report.failed and broker is not None:
        report.sections.append(("end of the broker's log", broker.log))
    return report


@pytest.fixture
def fresh(broker_url: str, request: pytest.FixtureRequest) -> Iterator[Fresh]:
    """Makes names nobody else uses; queues and exchanges of these names go away with the test."""
    stem = re.sub(r"\W+", "-", request.node.name)[:120]
    made: list[str] = []

    def fresh(what: str) -> str:
        made.append(f"{stem}.{what}.{secrets.token_hex(4)}")
        return made[-1]

    yield fresh
    with pika.BlockingConnection(pika.URLParameters(broker_url)) as connection:
        channel = connection.channel()
        for name in made:
            channel.queue_delete(name)
            channel.exchange_delete(name)


@pytest.fixture
def connect(broker_url: str, fresh: Fresh) -> Iterator[Connect]:
    """Opens connections; keyword arguments overwrite what the URL says."""
    opened: list[pika.BlockingConnection] = []

    def connect(**overrides: object) -> pika.BlockingConnection:
        parameters = pika.URLParameters(broker_url)
        for name, value in overrides.items():
            setattr(parameters, name, value)
        opened.append(pika.BlockingConnection(parameters))
        return opened[-1]

    yield connect
    for connection in opened:
        if connection.is_open:
            connection.close()


@pytest.fixture
def connection(connect: Connect) -> pika.BlockingConnection:
    return connect()


@pytest.fixture
def channel(connection: pika.BlockingConnection) -> BlockingChannel:
    return connection.channel()


@pytest.fixture
def queue(channel: BlockingChannel, fresh: Fresh) -> str:
    """An empty durable queue; the default exchange reaches it under its name."""
    name = fresh("queue")
    channel.queue_declare(name, durable=True)
    return name
