"""Transactions: what a channel publishes and settles between `tx.select` and `tx.commit`."""

import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.exchange.server.inbox import Content
from tests.exchange.server.wire import Channel, Client, HeldStore, Wire
from tests.storage.unsynced_files import UnsyncedFiles
from warrener.exchange.broker import Broker
from warrener.exchange.budget import ENQUEUED
from warrener.exchange.durability.recovery import restore
from warrener.exchange.server import transaction
from warrener.exchange.server.codec import CODEC
from warrener.protocol import methods as m
from warrener.protocol.codec import Method
from warrener.protocol.properties import encode_properties
from warrener.storage.journal import Journal
from warrener.storage.record import MARK_BYTES

PERSISTENT = encode_properties(delivery_mode=2)
PATIENCE_S = 20


@pytest.fixture
def channel(client: Client) -> Channel:
    """A channel with transactions and the queue `q`."""
    return begun(client)


def begun(client: Client, number: int = 1) -> Channel:
    channel = client.channel(number)
    channel.queue("q")
    assert channel.call(m.TxSelect()) == m.TxSelectOk()
    return channel


def commit(channel: Channel) -> None:
    assert channel.call(m.TxCommit()) == m.TxCommitOk()


def rollback(channel: Channel) -> None:
    assert channel.call(m.TxRollback()) == m.TxRollbackOk()


def get(channel: Channel, queue: str = "q") -> int:
    """Take a message; returns its tag."""
    content = channel.call(m.BasicGet(queue=queue))
    assert isinstance(content, Content)
    assert isinstance(content.method, m.BasicGetOk)
    return content.method.delivery_tag


def assert_refused(channel: Channel, code: int, method: type[Method], text: str = "") -> None:
    """The channel is closed because of this method, and can be opened anew."""
    (close,) = channel.received()
    assert isinstance(close, m.ChannelClose)
    assert (close.reply_code, close.failing_class_id, close.failing_method_id) == (
        code,
        method.class_id,
        method.method_id,
    )
    assert text in close.reply_text
    channel.send(m.ChannelCloseOk())
    channel.client.channel(channel.number)


# Publishes


def test_nothing_is_published_before_the_commit(channel, other):
    channel.publish("", "q", b"1", b"2")
    assert other.ready("q") == 0
    commit(channel)
    assert other.ready("q") == 2


def test_messages_come_in_the_order_of_their_publishing(channel, other):
    channel.queue("r")
    for body in (b"1", b"2", b"3"):
        channel.publish("", "q", body)
        channel.publish("", "r", body)
        channel.publish("amq.fanout", "", body)
    commit(channel)
    for queue in ("q", "r"):
        other.consume(queue, f"c {queue}", no_ack=True)
        assert other.bodies() == [b"1", b"2", b"3"]


def test_a_rollback_forgets_what_was_published(channel, other):
    channel.publish("", "q", b"1")
    rollback(channel)
    channel.publish("", "q", b"2")
    commit(channel)
    other.consume("q")
    assert other.bodies() == [b"2"]


def test_after_a_commit_the_next_transaction_begins(channel, other):
    channel.publish("", "q", b"1")
    commit(channel)
    channel.publish("", "q", b"2")
    rollback(channel)
    commit(channel)
    assert other.ready("q") == 1


def test_to_select_twice_is_to_go_on(channel, other):
    channel.publish("", "q", b"1")
    assert channel.call(m.TxSelect()) == m.TxSelectOk()
    commit(channel)
    assert other.ready("q") == 1


def test_a_transaction_belongs_to_its_channel(client, channel, other):
    second = begun(client, 2)
    channel.publish("", "q", b"1")
    second.publish("", "q", b"2")
    commit(second)
    other.consume("q")
    assert other.bodies() == [b"2"]


def test_a_channel_that_closes_gives_up_its_transaction(channel, other):
    channel.publish("", "q", b"1")
    channel.close()
    assert other.ready("q") == 0


def test_a_client_that_vanishes_gives_up_its_transaction(channel, client, other):
    channel.publish("", "q", b"1")
    client.vanish()
    assert other.ready("q") == 0


def test_what_comes_to_no_queue_is_returned_with_the_commit(channel):
    channel.publish("", "nowhere", b"1", mandatory=True)
    assert channel.received() == []
    channel.send(m.TxCommit())
    returned, answer = channel.received()
    assert returned.method == m.BasicReturn(312, "NO_ROUTE", "", "nowhere")
    assert answer == m.TxCommitOk()


def test_copies_and_direct_replies_are_part_of_it(channel, other):
    channel.queue("copy")
    channel.consume("amq.rabbitmq.reply-to", no_ack=True)
    properties = encode_properties(
        headers={"CC": ["copy"], "BCC": ["q"]}, reply_to="amq.rabbitmq.reply-to"
    )
    channel.publish("", "nowhere", b"1", properties=properties)
    commit(channel)
    for queue in ("q", "copy"):
        content = other.call(m.BasicGet(queue=queue, no_ack=True))
        assert isinstance(content, Content)
        assert b"BCC" not in content.properties
        assert b"amq.rabbitmq.reply-to." in content.properties


def test_an_expiration_counts_from_the_commit(wire, channel, other):
    channel.publish("", "q", b"1", properties=encode_properties(expiration="1000"))
    wire.advance(5)
    commit(channel)
    wire.advance(0.9)
    assert other.ready("q") == 1
    wire.advance(0.1)
    assert other.ready("q") == 0


def test_a_message_goes_where_its_exchange_leads_at_the_commit(channel, other):
    channel.publish("amq.fanout", "", b"1")
    channel.call(m.QueueBind(queue="q", exchange="amq.fanout"))
    commit(channel)
    assert other.ready("q") == 1


# Settlements


def three_taken(channel: Channel, other: Channel) -> list[int]:
    other.publish("", "q", b"1", b"2", b"3")
    return [get(channel) for _ in range(3)]


def left_when_closed(channel: Channel, other: Channel) -> list[bytes]:
    """What waits when the channel has given back what is not settled."""
    channel.close()
    other.consume("q", no_ack=True)
    return other.bodies()


def test_an_acknowledgement_counts_from_the_commit(channel, other):
    one, two, _ = three_taken(channel, other)
    channel.send(m.BasicAck(one))
    commit(channel)
    channel.send(m.BasicAck(two))
    assert left_when_closed(channel, other) == [b"2", b"3"]


def test_several_may_be_acknowledged_at_once(channel, other):
    _, two, _ = three_taken(channel, other)
    channel.send(m.BasicAck(two, multiple=True))
    commit(channel)
    assert left_when_closed(channel, other) == [b"3"]


def test_all_may_be_acknowledged_at_once(channel, other):
    three_taken(channel, other)
    channel.send(m.BasicAck(0, multiple=True))
    commit(channel)
    assert left_when_closed(channel, other) == []


def test_a_rejection_counts_from_the_commit(channel, other):
    arguments = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "q"}
    channel.queue("mortal", arguments=arguments)
    other.publish("", "mortal", b"1", b"2")
    channel.send(m.BasicReject(get(channel, "mortal"), requeue=False))
    channel.send(m.BasicNack(get(channel, "mortal"), requeue=True))
    assert (other.ready("q"), other.ready("mortal")) == (0, 0)
    commit(channel)
    assert (other.ready("q"), other.ready("mortal")) == (1, 1)


def test_after_a_rollback_deliveries_are_to_be_settled_as_before(channel, other):
    one, two, three = three_taken(channel, other)
    channel.send(m.BasicAck(two), m.BasicNack(three), m.BasicAck(one))
    rollback(channel)
    channel.send(m.BasicAck(two, multiple=True))
    commit(channel)
    assert left_when_closed(channel, other) == [b"3"]


def test_a_delivery_cannot_be_settled_twice_in_a_transaction(channel, other):
    one, *_ = three_taken(channel, other)
    channel.send(m.BasicAck(one), m.BasicNack(one))
    assert_refused(channel, 406, m.BasicNack, "unknown delivery tag 1")
    assert other.ready("q") == 3


def test_several_at_once_are_those_that_are_not_settled_yet(channel, other):
    one, two, three = three_taken(channel, other)
    channel.send(m.BasicNack(two), m.BasicAck(three, multiple=True))
    commit(channel)
    assert left_when_closed(channel, other) == [b"2"]
    assert one < two


def test_an_unknown_delivery_is_refused_at_once_and_nothing_happens(channel, other):
    channel.publish("", "q", b"1")
    channel.send(m.BasicAck(99))
    assert_refused(channel, 406, m.BasicAck)
    assert other.ready("q") == 0


def test_acknowledgements_of_one_read_are_noted_one_by_one(channel, other):
    tags = three_taken(channel, other)
    channel.send(*(m.BasicAck(tag) for tag in tags))
    rollback(channel)
    channel.send(*(m.BasicAck(tag) for tag in [*tags, 99]))
    assert_refused(channel, 406, m.BasicAck)
    assert other.ready("q") == 3


def test_recover_gives_back_what_is_not_settled_in_the_transaction(channel, other):
    one, *_ = three_taken(channel, other)
    channel.send(m.BasicAck(one))
    assert channel.call(m.BasicRecover(requeue=True)) == m.BasicRecoverOk()
    assert other.ready("q") == 2
    commit(channel)
    assert left_when_closed(channel, other) == [b"2", b"3"]


def test_what_is_settled_in_a_transaction_counts_for_the_limit_until_the_commit(channel, other):
    other.publish("", "q", b"1", b"2", b"3")
    channel.call(m.BasicQos(prefetch_count=1))
    channel.consume("q")
    assert channel.bodies() == [b"1"]
    channel.send(m.BasicAck(1))
    assert channel.received() == []
    channel.send(m.TxCommit())
    delivery, answer = sorted(channel.received(), key=lambda item: isinstance(item, m.TxCommitOk))
    assert (delivery.body, answer) == (b"2", m.TxCommitOk())


def test_an_acknowledgement_of_a_queue_that_is_gone_does_no_harm(channel, other):
    one, two, _ = three_taken(channel, other)
    channel.send(m.BasicAck(one), m.BasicNack(two))
    other.call(m.QueueDelete(queue="q"))
    commit(channel)


def test_publishes_and_settlements_go_together(channel, other):
    other.publish("", "q", b"question")
    tag = get(channel)
    channel.publish("", "q", b"answer")
    channel.send(m.BasicAck(tag))
    rollback(channel)
    channel.publish("", "q", b"better answer")
    channel.send(m.BasicAck(tag))
    commit(channel)
    assert left_when_closed(channel, other) == [b"better answer"]


# Refusals: all or nothing


@pytest.mark.parametrize(
    ("exchange", "properties", "code"),
    [
        ("nowhere", encode_properties(), 404),
        ("", encode_properties(expiration="soon"), 406),
        ("", encode_properties(headers={"CC": "q"}), 406),
        ("", encode_properties(reply_to="amq.rabbitmq.reply-to"), 406),
        ("", encode_properties(user_id="someone else"), 406),
    ],
    ids=["no exchange", "expiration", "copies", "reply", "user"],
)
def test_what_cannot_be_published_is_refused_at_once_and_nothing_happens(
    channel, other, exchange, properties, code
):
    (tag, *_) = three_taken(channel, other)
    channel.send(m.BasicAck(tag))
    channel.publish("", "q", b"right")
    channel.publish(exchange, "q", b"wrong", properties=properties)
    assert_refused(channel, code, m.BasicPublish)
    assert other.ready("q") == 3


def test_an_exchange_that_is_gone_by_the_commit_makes_all_of_it_fail(channel, other):
    other.call(m.ExchangeDeclare(exchange="x", type="fanout"))
    channel.publish("", "q", b"1")
    channel.publish("x", "", b"2")
    other.call(m.ExchangeDelete(exchange="x"))
    channel.send(m.TxCommit())
    assert_refused(channel, 404, m.TxCommit, "no exchange 'x'")
    assert other.ready("q") == 0


@pytest.mark.parametrize("overflow", ["reject-publish", "reject-publish-dlx"])
def test_a_queue_that_would_refuse_a_part_makes_all_of_it_fail(channel, other, overflow):
    arguments = {"x-max-length": 2, "x-overflow": overflow, "x-dead-letter-exchange": "amq.fanout"}
    other.queue("small", arguments=arguments)
    other.publish("", "small", b"1")
    taken = three_taken(channel, other)
    channel.send(m.BasicAck(taken[0]))
    channel.publish("", "q", b"also")
    channel.publish("", "small", b"2", b"3")
    channel.send(m.TxCommit())
    assert_refused(channel, 406, m.TxCommit, "queue 'small' is too full")
    assert (other.ready("small"), other.ready("q")) == (1, 3)


def test_a_queue_with_room_for_all_takes_all(channel, other):
    other.queue("small", arguments={"x-max-length": 2, "x-overflow": "reject-publish"})
    channel.publish("", "small", b"1", b"2")
    commit(channel)
    assert other.ready("small") == 2


def test_after_a_refusal_a_channel_of_that_number_has_no_transaction(channel, other):
    channel.publish("nowhere", "", b"1")
    assert_refused(channel, 404, m.BasicPublish)
    channel.publish("", "q", b"2")
    assert other.ready("q") == 1


# Modes of a channel


@pytest.mark.parametrize("method", [m.TxCommit(), m.TxRollback()], ids=lambda method: method.name)
def test_what_did_not_begin_cannot_end(other, method):
    other.send(method)
    assert_refused(other, 406, type(method), "channel is not transactional")


@pytest.mark.parametrize(
    ("first", "second"), [(m.TxSelect(), m.ConfirmSelect()), (m.ConfirmSelect(), m.TxSelect())]
)
def test_a_channel_has_transactions_or_confirms(other, first, second):
    other.call(first)
    other.send(second)
    assert_refused(other, 406, type(second), "cannot switch from")


# The disk


def test_a_commit_is_answered_when_all_of_it_is_on_disk():
    store = HeldStore()
    channel = begun(Wire(store).login())
    wire = channel.client.wire
    channel.queue("lasting", durable=True)
    channel.publish("", "lasting", b"1", properties=PERSISTENT)
    channel.send(m.TxCommit())
    wire.end_pass()
    assert channel.received() == []
    store.sync()
    wire.stored()
    assert channel.received() == [m.TxCommitOk()]


def test_commits_are_answered_one_by_one_and_in_their_order():
    store = HeldStore()
    channel = begun(Wire(store).login())
    channel.queue("lasting", durable=True)
    for _ in range(2):
        channel.publish("", "lasting", b"1", properties=PERSISTENT)
        channel.send(m.TxCommit())
    channel.send(m.TxCommit(), m.TxCommit())
    store.sync()
    channel.client.wire.stored()
    assert channel.received() == [m.TxCommitOk()] * 4


def test_a_commit_on_a_channel_that_has_closed_is_not_answered():
    store = HeldStore()
    channel = begun(Wire(store).login())
    channel.queue("lasting", durable=True)
    channel.publish("", "lasting", b"1", properties=PERSISTENT)
    channel.send(m.TxCommit())
    channel.close()
    store.sync()
    channel.client.wire.stored()
    assert channel.received() == []


def open_journal(folder: Path, on_durable: Callable[[], object] = bool) -> Journal:
    def failed(error: BaseException) -> None:
        raise error

    return Journal(folder, on_durable=on_durable, on_failure=failed, files=UnsyncedFiles())


def lengths(folder: Path) -> dict[str, int]:
    """By queue, how many messages a broker finds that starts in this folder."""
    journal = open_journal(folder)
    broker = Broker(journal, CODEC)
    restore(broker, journal.recover())
    found = {queue.name: len(queue.ready) for queue in broker.vhosts["/"].queues.values()}
    journal.close()
    return found


def test_after_a_crash_a_transaction_is_there_as_a_whole_or_not_at_all(tmp_path: Path):
    folder = tmp_path / "data"
    on_disk = threading.Semaphore(0)
    journal = open_journal(folder, on_disk.release)
    list(journal.recover())
    channel = begun(Wire(journal).login())
    for name in ("from", "to", "copy"):
        channel.queue(name, durable=True)
    channel.publish("", "from", b"1", b"2", properties=PERSISTENT)
    commit_and_wait(channel, on_disk)
    (segment,) = folder.glob("*.segment")
    before = written(segment)
    tags = [get(channel, "from") for _ in range(2)]
    for queue in ("to", "copy"):
        channel.publish("", queue, b"1", b"2", properties=PERSISTENT)
    channel.send(*(m.BasicAck(tag) for tag in tags))
    commit_and_wait(channel, on_disk)
    after = written(segment)
    journal.close()
    outcomes = set()
    for end in range(before, after + 1, 7):
        torn = tmp_path / str(end)
        torn.mkdir()
        shutil.copy(segment, torn)
        (copy,) = torn.glob("*.segment")
        copy.write_bytes(copy.read_bytes()[:end])
        outcomes.add(tuple(sorted(lengths(torn).items())))
    assert outcomes == {
        (("copy", 0), ("from", 2), ("to", 0)),
        (("copy", 2), ("from", 0), ("to", 2)),
    }


def commit_and_wait(channel: Channel, on_disk: threading.Semaphore) -> None:
    """Commit, and have the journal's thread write it."""
    channel.send(m.TxCommit())
    while not channel.received():
        assert on_disk.acquire(timeout=PATIENCE_S)
        channel.client.wire.stored()


def written(segment: Path) -> int:
    """Where the records in a segment end, which is larger than they are.

    They end with the mark of a commit, and that may end with zeros.
    """
    return len(segment.read_bytes().rstrip(b"\0")) + MARK_BYTES


def test_a_duplicate_needs_no_room_in_a_full_queue(channel, other):
    arguments = {"x-message-deduplication": True, "x-max-length": 1, "x-overflow": "reject-publish"}
    other.queue("once", arguments=arguments)
    properties = encode_properties(headers={"x-deduplication-header": "x"})
    other.publish("", "once", b"1", properties=properties)
    channel.publish("", "once", b"2", properties=properties)
    channel.publish("", "q", b"3")
    commit(channel)
    assert (other.ready("once"), other.ready("q")) == (1, 1)


def test_a_transaction_that_is_too_large_for_one_commit_is_refused(channel, other, monkeypatch):
    one_publish = transaction.NOTED_PUBLISH + ENQUEUED
    monkeypatch.setattr(transaction, "TRANSACTION_UNITS_MAX", 3 * one_publish)
    for _ in range(4):
        channel.publish("", "q", b"x")
    assert_refused(channel, 406, m.BasicPublish, "the transaction is too large")
    assert isinstance(other.call(m.BasicGet(queue="q")), m.BasicGetEmpty)
