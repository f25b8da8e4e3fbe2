"""Which passes go to the store together, and when."""

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.exchange.core_client import Client
from tests.exchange.server.served import served
from warrener.exchange.broker import Broker
from warrener.exchange.durability.records import Kind
from warrener.exchange.server.codec import CODEC
from warrener.exchange.server.commits import ALONE, LINGER_S, MANY_RECORDS, Commits
from warrener.protocol import methods as m
from warrener.protocol.properties import encode_properties
from warrener.storage.errors import JournalFailed
from warrener.storage.null import NullStore

PERSISTENT = encode_properties(delivery_mode=2)


class CountingStore(NullStore):
    """Remembers how many records there were in each commit, until it is broken."""

    __slots__ = ("broken", "commits")

    def __init__(self) -> None:
        super().__init__()
        self.broken = False
        self.commits: list[int] = []

    @property
    def failed(self) -> bool:
        return self.broken

    def commit(self) -> None:
        if self.broken:
            raise JournalFailed("the journal has stopped: the disk is gone")
        if self.end > self.durable:
            self.commits.append(self.end - self.durable)
        super().commit()


class Publisher:
    """One whose every publish is a record."""

    def __init__(self, passes: "Passes", source: str) -> None:
        self.published = 1
        self.written = passes.store.end
        self._passes = passes
        self._source = source

    def confirm(self, number: int) -> None:
        self._passes.confirmed.append(self._source)

    def give_up(self, number: int) -> None:
        self._passes.refused.append(self._source)


class Passes:
    """A broker, and passes that leave something to be committed."""

    def __init__(self) -> None:
        self.store = CountingStore()
        self.client = Client(Broker(self.store, CODEC))
        self.committed = 0
        self.commits = Commits(self.client.broker, self._note)
        self.confirmed: list[str] = []
        self.refused: list[str] = []
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

    def publish(self, source: str, ended: bool = True) -> None:
        """A pass that leaves a record, and a publisher who waits for it."""
        broker = self.client.broker
        broker.ledger.write(Kind.USER_SET, {})
        broker.confirms.note(Publisher(self, source))
        if ended:
            self.commits.end_pass(source)
            broker.answer()

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


async def test_neither_does_a_commit_that_somebody_else_has_made(passes: Passes):
    for _ in range(ALONE + 1):
        passes.declare("a")
        passes.client.get("q", no_ack=True)
        passes.client.broker.commit()
        passes.acknowledge("b")
    passes.store.commits.clear()
    passes.declare("a")
    assert len(passes.store.commits) == 1


async def test_what_came_before_a_commit_of_somebody_else_is_not_waited_for(passes: Passes):
    passes.declare("a", MANY_RECORDS - 1)
    passes.client.broker.commit()
    passes.store.commits.clear()
    passes.declare("b")
    assert passes.store.commits == []
    await wait_all_tasks_blocked()
    assert passes.store.commits == [1]


async def test_acknowledgements_go_with_the_next_records(passes: Passes, mock_clock: MockClock):
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


async def test_acknowledgements_do_not_wait_longer_because_more_come(
    passes: Passes, mock_clock: MockClock
):
    passes.acknowledge("b")
    for _ in range(4):
        await wait_all_tasks_blocked()
        mock_clock.jump(LINGER_S / 4)
        passes.acknowledge("b")
    await wait_all_tasks_blocked()
    assert passes.store.commits == [1]


# With a clock that stands still: whoever waits for a confirm waits for no time to pass.


async def test_a_publisher_is_told_in_the_next_turn(passes: Passes, mock_clock: MockClock):
    for source in "ab":
        passes.publish(source)
    await wait_all_tasks_blocked()
    assert passes.confirmed == ["a", "b"]


async def test_one_who_publishes_while_acknowledgements_wait_is_told_in_the_next_turn(
    passes: Passes, mock_clock: MockClock
):
    passes.acknowledge("c")
    await wait_all_tasks_blocked()
    passes.publish("a")
    passes.acknowledge("c")
    await wait_all_tasks_blocked()
    assert passes.confirmed == ["a"]


async def test_the_only_one_who_publishes_is_told_at_once(passes: Passes, mock_clock: MockClock):
    for _ in range(3 * ALONE):
        passes.acknowledge("c")
        passes.publish("a")
        await wait_all_tasks_blocked()
    passes.confirmed.clear()
    passes.acknowledge("c")
    passes.publish("a")
    assert passes.confirmed == ["a"]


async def test_one_who_comes_after_many_records_is_told_in_the_next_turn(
    passes: Passes, mock_clock: MockClock
):
    passes.acknowledge("c")
    passes.declare("b", MANY_RECORDS)
    passes.publish("a")
    await wait_all_tasks_blocked()
    assert passes.confirmed == ["a"]


async def test_one_whose_pass_somebody_else_commits_is_told_at_its_end(
    passes: Passes, mock_clock: MockClock
):
    passes.publish("a", ended=False)
    passes.client.broker.commit()
    assert passes.confirmed == ["a"]
    passes.commits.end_pass("a")
    await wait_all_tasks_blocked()
    passes.publish("a")
    await wait_all_tasks_blocked()
    assert passes.confirmed == ["a", "a"]


async def test_publishers_are_refused_in_the_next_turn_if_the_store_fails_meanwhile(
    passes: Passes, mock_clock: MockClock
):
    passes.publish("a")
    passes.store.broken = True
    await wait_all_tasks_blocked()
    assert (passes.confirmed, passes.refused) == ([], ["a"])
    passes.publish("b")
    assert passes.refused == ["a", "b"]


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
