"""Which passes go to the store together, and when."""

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.exchange.core_client import Client
from tests.exchange.server.served import served
from warrener.exchange.broker import Broker
from warrener.exchange.server.codec import CODEC
from warrener.exchange.server.commits import ALONE, LINGER_S, MANY_RECORDS, Commits
from warrener.protocol import methods as m
from warrener.protocol.properties import encode_properties
from warrener.storage.null import NullStore

PERSISTENT = encode_properties(delivery_mode=2)


class CountingStore(NullStore):
    """Remembers how many records there were in each commit."""

    __slots__ = ("commits",)

    def __init__(self) -> None:
        super().__init__()
        self.commits: list[int] = []

    def commit(self) -> None:
        if self.end > self.durable:
            self.commits.append(self.end - self.durable)
        super().commit()


class Passes:
    """A broker, and passes that leave something to be committed."""

    def __init__(self) -> None:
        self.store = CountingStore()
        self.client = Client(Broker(self.store, CODEC))
        self.committed = 0
        self.commits = Commits(self.client.broker, self._note)
        self._names = 0
        self.client.declare("q", durable=True)
        self.client.publish("", "q", *[b"%d" % n for n in range(10)], persistent=True)
        self.store.commits.clear()

    def declare(self, source: str, count: int = 1) -> None:
        """A pass that leaves records."""
        for _ in range(count):
            self._names += 1
            self.client.declare(f"q{self._names}", durable=True)
        self.commits.end_pass(source)

    def acknowledge(self, source: str) -> None:
        """A pass that leaves an acknowledgement."""
        self.client.get("q", no_ack=True)
        self.commits.end_pass(source)

    def _note(self) -> None:
        self.committed += 1


@pytest.fixture
def passes(nursery: trio.Nursery) -> Passes:
    passes = Passes()
    nursery.start_soon(passes.commits.run)
    return passes


async def test_what_several_connections_leave_in_one_turn_is_one_commit(passes: Passes):
    for source in "abc":
        passes.declare(source)
    assert passes.store.commits == []
    await wait_all_tasks_blocked()
    assert passes.store.commits == [3]
    assert passes.committed == 1


async def test_the_next_turn_is_another_commit(passes: Passes):
    for source in "ab":
        passes.declare(source)
        await wait_all_tasks_blocked()
    assert passes.store.commits == [1, 1]


async def test_many_records_are_committed_with_their_pass(passes: Passes):
    passes.declare("a")
    passes.declare("b", MANY_RECORDS)
    assert passes.store.commits == [1 + MANY_RECORDS]


async def test_the_only_connection_with_records_commits_with_its_passes(passes: Passes):
    for _ in range(ALONE):
        passes.declare("a")
        await wait_all_tasks_blocked()
    passes.store.commits.clear()
    passes.declare("a")
    assert passes.store.commits == [1]


async def test_it_waits_for_others_again_as_soon_as_there_is_one(passes: Passes):
    for _ in range(ALONE + 1):
        passes.declare("a")
    passes.declare("b")
    await wait_all_tasks_blocked()
    passes.store.commits.clear()
    passes.declare("a")
    assert passes.store.commits == []


async def test_acknowledgements_do_not_make_a_connection_another_one(passes: Passes):
    for _ in range(ALONE + 1):
        passes.declare("a")
        passes.acknowledge("b")
    passes.store.commits.clear()
    passes.declare("a")
    assert len(passes.store.commits) == 1


async def test_acknowledgements_go_with_the_next_records(passes: Passes):
    passes.acknowledge("b")
    await wait_all_tasks_blocked()
    passes.acknowledge("b")
    await wait_all_tasks_blocked()
    assert passes.store.commits == []
    passes.declare("a")
    await wait_all_tasks_blocked()
    assert passes.store.commits == [2]


async def test_acknowledgements_alone_wait_for_a_while_only(passes: Passes, mock_clock: MockClock):
    passes.acknowledge("b")
    await wait_all_tasks_blocked()
    mock_clock.jump(LINGER_S)
    await wait_all_tasks_blocked()
    assert passes.store.commits == [1]


async def test_what_the_last_clients_leave_is_committed_before_the_server_ends():
    store = CountingStore()
    async with served(store) as broker:
        client = await broker.login()
        await client.declare("q", durable=True)
        await client.publish("q", b"1", properties=PERSISTENT)
        await client.call(1, m.BasicGet(queue="q", no_ack=True))
        await broker.server.shut_down("broker shutdown")
        await broker.until(lambda: not broker.server.broker.ledger.unwritten)
    assert store.durable == store.end
