"""What one connection may send and hold: each limit, and a client that tries to take everything."""

import random
from collections.abc import Callable

import pytest

from tests.exchange.server.wire import Channel, Client, Wire, encode, publication
from warrener.exchange.errors import PreconditionFailed
from warrener.exchange.server.limits import connection_bytes
from warrener.exchange.server.memory_watch import MemoryWatch
from warrener.protocol import methods as m
from warrener.protocol.frames import BODY, HEADER, frame

RESOURCE_ERROR = 506


def unfinished(channel: int, size: int, announced: int = 1 << 20) -> bytes:
    """A publish of which only `size` bytes of body are there."""
    header = frame(HEADER, channel, b"\0\x3c\0\0" + announced.to_bytes(8, "big") + b"\0\0")
    publish = encode(channel, m.BasicPublish(exchange="", routing_key="nowhere"))
    return publish + header + frame(BODY, channel, bytes(size))


def test_a_transaction_that_is_too_large_is_refused_and_forgotten():
    channel = Wire(transaction_max_bytes=10_000).login().channel()
    channel.queue("q")
    channel.call(m.TxSelect())
    channel.publish("", "q", *[bytes(1000)] * 10)
    (close,) = channel.received()
    assert (close.reply_code, close.reply_text) == (
        PreconditionFailed.code,
        "PRECONDITION_FAILED - transaction of more than transaction_max_bytes (10000)",
    )
    assert channel.client.channel(2).ready("q") == 0


def test_a_transaction_counts_anew_after_its_commit_and_its_rollback():
    channel = Wire(transaction_max_bytes=10_000).login().channel()
    channel.queue("q")
    channel.call(m.TxSelect())
    for end in (m.TxCommit(), m.TxRollback()) * 3:
        channel.publish("", "q", *[bytes(1000)] * 5)
        channel.call(end)
    assert channel.ready("q") == 15


def test_contents_that_are_not_complete_have_a_limit_over_all_channels():
    client = Wire(unfinished_max_bytes=250_000).login()
    channels = [client.channel(number) for number in (1, 2, 3)]
    for channel in channels:
        client.send_bytes(unfinished(channel.number, 100_000))
    first, second, third = (channel.received() for channel in channels)
    assert (first, second) == ([], [])
    assert third[0].reply_code == PreconditionFailed.code
    assert "unfinished_max_bytes" in third[0].reply_text


def test_a_content_that_is_complete_counts_no_more():
    channel = Wire(unfinished_max_bytes=250_000).login().channel()
    channel.queue("q")
    for _ in range(10):
        channel.publish("", "q", bytes(240_000))
    assert channel.ready("q") == 10


def test_a_channel_that_is_closed_gives_back_its_content():
    client = Wire(unfinished_max_bytes=250_000).login()
    for _ in range(5):
        channel = client.channel(1)
        empty = connection_bytes(client.connection)
        client.send_bytes(unfinished(1, 100_000))
        assert connection_bytes(client.connection) - empty > 100_000
        client.send_bytes(unfinished(1, 200_000))
        assert channel.client.connection.finished or channel.received()
        client = Wire(unfinished_max_bytes=250_000).login()


# A client that tries everything

MARK_BYTES = 40 << 20
CONNECTION_MAX_BYTES = 4 << 20
SLACK_BYTES = 1 << 20
"""What one write of the client below may add before it is looked at again."""


class Held:
    """A client's connection, as a session shows it to the memory."""

    def __init__(self, client: Client) -> None:
        self.client = client

    @property
    def memory_steps(self) -> int:
        return 1

    def memory_bytes(self) -> int:
        return connection_bytes(self.client.connection)


class Hostile:
    """Somebody with one login who wants all the memory."""

    def __init__(self, wire: Wire, dice: random.Random) -> None:
        self.client = wire.login()
        self.client.reads = False
        self.dice = dice
        self.number = 0

    def act(self) -> None:
        """One write, of a random kind."""
        self.dice.choice(ACTS)(self)

    def next_channel(self) -> int:
        """A channel that is open, perhaps a new one."""
        if self.number < 500:
            self.number += 1
            self.client.send(self.number, m.ChannelOpen())
        return self.dice.randint(1, self.number)

    def transaction(self) -> None:
        channel = self.next_channel()
        publish = publication(channel, "", "nowhere", bytes(self.dice.randint(0, 50_000)))
        self.client.send_bytes(encode(channel, m.TxSelect()) + publish * self.dice.randint(1, 10))

    def contents(self) -> None:
        size = self.dice.randint(1, 100_000)
        self.number += 1
        self.client.send(self.number, m.ChannelOpen())
        self.client.send_bytes(unfinished(self.number, size))

    def returns(self) -> None:
        channel = self.next_channel()
        publish = publication(channel, "", "nowhere", bytes(10_000), mandatory=True)
        self.client.send_bytes(publish * self.dice.randint(1, 20))

    def gets(self) -> None:
        channel = self.next_channel()
        rounds = [m.BasicGet(queue="large", no_ack=False), m.BasicNack(0, multiple=True)]
        self.client.send(channel, *rounds * self.dice.randint(1, 20))

    def consumers(self) -> None:
        channel = self.next_channel()
        table = {f"a{number}": "x" * 50 for number in range(self.dice.randint(0, 50))}
        self.client.send(channel, *[m.BasicConsume(queue="empty", arguments=table)] * 50)

    def keys(self) -> None:
        channel = self.next_channel()
        for _ in range(50):
            key = f"{self.dice.random()}" * 5
            self.client.send_bytes(publication(channel, "", key, b""))


ACTS: list[Callable[[Hostile], None]] = [
    Hostile.transaction,
    Hostile.contents,
    Hostile.returns,
    Hostile.gets,
    Hostile.consumers,
    Hostile.keys,
]


@pytest.mark.parametrize("seed", range(8))
def test_no_client_takes_more_than_its_share_and_nothing_of_it_is_left(seed: int):
    wire = Wire(
        memory_mark_bytes=MARK_BYTES,
        connection_memory_max_bytes=CONNECTION_MAX_BYTES,
        unread_output_max_bytes=CONNECTION_MAX_BYTES // 2,
    )
    memory = wire.broker.memory
    victim = wire.login().channel()
    for name in ("victim", "large", "empty"):
        victim.queue(name)
    victim.publish("", "large", bytes(100_000))
    memory.connections = lambda: [Held(each) for each in wire.clients if not each.closed]
    watch = MemoryWatch(memory, wire.config)
    assert alive(victim)
    memory.read_all()
    before = memory.messages, memory.made
    dice = random.Random(seed)
    hostile = Hostile(wire, dice)
    for _ in range(150):
        if hostile.client.closed or hostile.client.connection.finished:
            hostile = Hostile(wire, dice)
        hostile.act()
        assert not watch.look(wire.now)
        assert connection_bytes(hostile.client.connection) < CONNECTION_MAX_BYTES + SLACK_BYTES
        if connection_bytes(hostile.client.connection) > CONNECTION_MAX_BYTES:
            hostile.client.connection.close(RESOURCE_ERROR, "too large", wire.now)
            hostile.client.vanish()
        assert alive(victim)
    for client in wire.clients[1:]:
        if not client.closed:
            client.vanish()
    memory.read_all()
    assert (memory.messages, memory.made) == before


def alive(victim: Channel) -> bool:
    """Whether a message of somebody else comes back."""
    victim.publish("", "victim", b"mine")
    got = victim.call(m.BasicGet(queue="victim", no_ack=True))
    return got.body == b"mine"
