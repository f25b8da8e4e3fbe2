"""A store that fails while the broker runs: publishers are told the truth, and nobody is upset."""

import pytest

from tests.exchange.server.wire import Channel, HeldStore, Wire
from warrener.protocol import methods as m
from warrener.protocol.properties import encode_properties
from warrener.storage.errors import JournalFailed
from warrener.storage.store import Bytes, Position

PERSISTENT = encode_properties(delivery_mode=2)


class BreakingStore(HeldStore):
    """Works until it breaks, and takes nothing from then on."""

    __slots__ = ("broken",)

    def __init__(self) -> None:
        super().__init__()
        self.broken = False

    @property
    def failed(self) -> bool:
        return self.broken

    def append(self, kind: int, head: bytes, body: Bytes = b"", holders: int = 0) -> Position:
        self._require_whole()
        return super().append(kind, head, body, holders)

    def commit(self) -> None:
        self._require_whole()

    def _require_whole(self) -> None:
        if self.broken:
            raise JournalFailed("the journal has stopped: the disk is gone")


@pytest.fixture
def wire() -> Wire:
    return Wire(BreakingStore())


@pytest.fixture
def channel(wire: Wire) -> Channel:
    """A channel that wants confirms, and a durable queue `q`."""
    channel = wire.login().channel()
    channel.queue("q", durable=True)
    assert channel.call(m.ConfirmSelect()) == m.ConfirmSelectOk()
    wire.store.sync()
    return channel


def break_down(wire: Wire) -> None:
    """The store fails; the broker notices in its next pass, and is about to end."""
    wire.store.broken = True
    wire.end_pass()


def test_what_waits_for_the_disk_is_refused(wire: Wire, channel: Channel) -> None:
    channel.publish("", "q", b"1", b"2", b"3", properties=PERSISTENT)
    assert channel.received() == []
    break_down(wire)
    assert channel.received() == [m.BasicNack(3, multiple=True, requeue=False)]


def test_what_is_on_disk_is_confirmed_all_the_same(wire: Wire, channel: Channel) -> None:
    channel.publish("", "q", b"1", properties=PERSISTENT)
    wire.store.sync()
    channel.publish("", "q", b"2", properties=PERSISTENT)
    break_down(wire)
    assert channel.received() == [m.BasicAck(1), m.BasicNack(2, multiple=False, requeue=False)]


def test_what_comes_afterwards_is_refused(wire: Wire, channel: Channel) -> None:
    break_down(wire)
    channel.publish("", "q", b"1", b"2", properties=PERSISTENT)
    channel.publish("", "q", b"3")
    channel.publish("", "nowhere", b"4")
    assert channel.received() == [
        m.BasicNack(2, multiple=True, requeue=False),
        m.BasicNack(3, multiple=False, requeue=False),
        m.BasicNack(4, multiple=False, requeue=False),
    ]


def test_each_publish_has_one_answer(wire: Wire, channel: Channel) -> None:
    channel.queue("full", arguments={"x-max-length": 1, "x-overflow": "reject-publish"})
    channel.publish("", "q", b"1", properties=PERSISTENT)
    channel.publish("", "full", b"2", b"3")
    channel.publish("", "q", b"4", properties=PERSISTENT)
    break_down(wire)
    assert channel.received() == [
        m.BasicNack(3, multiple=False, requeue=False),
        m.BasicNack(4, multiple=True, requeue=False),
    ]


def test_a_commit_is_not_answered_but_ended_with_the_connection(wire: Wire) -> None:
    client = wire.login()
    channel = client.channel()
    channel.queue("q", durable=True)
    assert channel.call(m.TxSelect()) == m.TxSelectOk()
    channel.publish("", "q", b"1", properties=PERSISTENT)
    channel.send(m.TxCommit())
    break_down(wire)
    assert channel.received() == []
    wire.shut_down("the broker's disk failed")
    [close] = client.received(0)
    assert (close.reply_code, "disk" in close.reply_text) == (320, True)


def test_a_broker_whose_store_has_failed_goes_on_until_it_ends(
    wire: Wire, channel: Channel
) -> None:
    channel.publish("", "q", b"1", b"2", properties=PERSISTENT)
    break_down(wire)
    channel.received()
    channel.queue("new", durable=True)
    channel.send(m.QueueBind(queue="new", exchange="amq.fanout"))
    channel.publish("amq.fanout", "", b"3", properties=PERSISTENT)
    channel.received()
    channel.consume("new")
    [delivery] = channel.received()
    channel.send(m.BasicAck(delivery.method.delivery_tag))
    channel.send(m.QueuePurge(queue="q"), m.QueueDelete(queue="q"), m.QueueDelete(queue="new"))
    assert channel.received() == [
        *(m.QueuePurgeOk(2), m.QueueDeleteOk(0), m.QueueDeleteOk(0)),
        m.BasicCancel("c", no_wait=True),
    ]
    wire.broker.tidy()
    wire.shut_down()


def test_a_mistake_of_our_own_is_no_failure_of_the_store(wire: Wire, channel: Channel) -> None:
    with pytest.raises(AttributeError):
        wire.broker.ledger.write_messages(["not a message"], b"", 1)  # type: ignore[list-item]
