"""A pass from publish to confirm, counts of the whole broker, and giving space back."""

import pytest

from tests.exchange.core_client import Client
from tests.exchange.durable_broker import DurableBroker
from tests.exchange.messages import make_message
from warrener.exchange import broker as broker_module
from warrener.exchange.footprint import MESSAGE_BYTES

EACH = len(make_message(b"1").content)


class ConfirmedClient(Client):
    """A client in confirm mode, as the shell keeps one: it counts, and is told."""

    published = 0
    written = 0

    def __init__(self, durable: DurableBroker) -> None:
        super().__init__(durable.broker)
        self.durable = durable
        self.answers: list[int] = []

    def confirm(self, number: int) -> None:
        if number > (self.answers or [0])[-1]:
            self.answers.append(number)

    def publish_confirmed(self, queue: str, body: bytes, persistent: bool = True) -> None:
        """Publish, ask for a confirm, and end the pass."""
        before = self.broker.ledger.end
        self.broker.confirms.note(self)
        self.published += 1
        self.written = before + 1 if persistent else self.written
        self.publish("", queue, body, persistent=persistent)
        assert self.broker.ledger.end >= self.written

    def settle(self) -> None:
        self.durable.wait_durable()
        self.broker.answer()


@pytest.fixture
def confirmed(durable: DurableBroker) -> ConfirmedClient:
    client = ConfirmedClient(durable)
    client.declare("q", durable=True)
    durable.broker.end_pass()
    durable.wait_durable()
    return client


# Confirms


def test_a_persistent_message_is_confirmed_when_it_is_on_disk(confirmed: ConfirmedClient) -> None:
    confirmed.durable.files.gate.clear()
    confirmed.publish_confirmed("q", b"1")
    confirmed.broker.answer()
    assert confirmed.answers == []
    confirmed.durable.files.gate.set()
    confirmed.settle()
    assert confirmed.answers == [1]


def test_what_waits_for_the_disk_is_handed_out_meanwhile(confirmed: ConfirmedClient) -> None:
    confirmed.durable.files.gate.clear()
    confirmed.consume("q", no_ack=True)
    confirmed.publish_confirmed("q", b"1")
    assert confirmed.received() == [b"1"]
    assert confirmed.answers == []
    confirmed.durable.files.gate.set()


def test_many_passes_are_confirmed_with_one_answer(confirmed: ConfirmedClient) -> None:
    confirmed.durable.files.gate.clear()
    for body in (b"1", b"2", b"3"):
        confirmed.publish_confirmed("q", body)
    confirmed.publish_confirmed("q", b"4", persistent=False)
    assert confirmed.answers == []
    confirmed.durable.files.gate.set()
    confirmed.settle()
    assert confirmed.answers == [4]


def test_a_transient_message_is_confirmed_at_the_end_of_its_pass(
    confirmed: ConfirmedClient,
) -> None:
    confirmed.durable.files.gate.clear()
    confirmed.publish_confirmed("q", b"1", persistent=False)
    assert confirmed.answers == [1]
    confirmed.durable.files.gate.set()


def test_whoever_is_confirmed_finds_the_message_after_a_kill(confirmed: ConfirmedClient) -> None:
    durable = confirmed.durable
    confirmed.publish_confirmed("q", b"1")
    confirmed.settle()
    assert confirmed.answers == [1]
    durable.kill()
    assert durable.client.drain("q") == [b"1"]


def test_in_memory_all_is_confirmed_at_the_end_of_the_pass(client: Client) -> None:
    client.declare("q", durable=True)
    client.publish("", "q", b"1", persistent=True)
    assert client.broker.ledger.durable == client.broker.ledger.end


# Counts


def test_statistics_add_up_the_queues(client: Client) -> None:
    client.declare("a", "b")
    client.publish("", "a", b"1", b"2", b"3")
    client.publish("", "b", b"4")
    client.get("a")
    counts = client.broker.statistics()
    assert [queue.name for queue in counts.queues] == ["a", "b"]
    assert (counts.messages_ready, counts.messages_unacked) == (3, 1)
    assert counts.memory_bytes == 4 * (EACH + MESSAGE_BYTES)


@pytest.mark.usefixtures("small_window")
def test_messages_in_the_store_alone_take_no_memory(client: Client) -> None:
    client.declare("q", durable=True)
    for _ in range(10):
        client.publish("", "q", b"1", persistent=True)
    assert client.broker.memory_bytes() == 3 * (EACH + MESSAGE_BYTES)
    client.drain("q")
    assert client.broker.memory_bytes() == 0


def test_an_empty_broker_counts_nothing(client: Client) -> None:
    counts = client.broker.statistics()
    assert (counts.queues, counts.memory_bytes) == ((), 0)


# Space


def test_space_is_given_back_while_messages_come_and_go(durable: DurableBroker) -> None:
    client = durable.client
    client.declare("q", durable=True)
    for number in range(100):
        client.publish("", "q", b"%d" % number + bytes(300), persistent=True)
        client.drain("q")
        durable.wait_durable()
        durable.broker.tidy()
        durable.broker.end_pass()
    durable.restart()
    assert durable.segments < 25
    assert durable.client.publish("", "q", b"1") == ["q"]


def test_tidying_little_writes_nothing(client: Client) -> None:
    client.declare("q", durable=True)
    before = client.broker.ledger.end
    client.broker.tidy()
    assert client.broker.ledger.end == before


def test_what_was_tidied_is_left_alone_until_another_segment_is_begun(
    durable: DurableBroker,
) -> None:
    durable.client.declare("a", "b", "c", durable=True)
    durable.client.publish("", "a", bytes(2000), bytes(2000), persistent=True)
    before = durable.broker.ledger.end
    durable.broker.tidy()
    tidied = durable.broker.ledger.end
    assert tidied > before
    durable.broker.tidy()
    assert durable.broker.ledger.end == tidied


def test_much_topology_is_written_anew_in_slices(
    durable: DurableBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker_module, "REWRITTEN_MAX", 10)
    client = durable.client
    names = [f"q{number}" for number in range(35)]
    client.declare(*names, durable=True)
    durable.broker.end_pass()
    written = []
    for _ in range(6):
        before = durable.broker.ledger.end
        durable.broker.tidy()
        written.append(durable.broker.ledger.end - before)
        if len(written) == 2:
            client.vhost.delete_queue("q34", client)
            client.declare("another", durable=True)
    entries = len(list(durable.broker.users)) + 2
    assert written == [10, 10, 10, 4 + entries, 0, 0]
    durable.broker.end_pass()
    durable.restart()
    assert set(durable.broker.vhosts["/"].queues) == {*names[:-1], "another"}
