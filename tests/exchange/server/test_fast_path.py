"""A publish is handled in several ways, from fast to general; all must come to the same.

Two worlds are told the same. In the fast one each read holds many frames, so publishes are
remembered, gathered in runs and sent along known routes. In the slow one each frame is taken
for itself, and what was remembered of publishes is forgotten before each.
"""

from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.exchange.server.wire import Channel, Client, Wire, encode, frames_of, publication
from warrener.protocol import methods as m
from warrener.protocol.codec import Method
from warrener.protocol.properties import encode_properties

QUEUES = ("one", "two", "three")
PUBLISHING = (1, 2)
ADMINISTRATION = 3
"""The publisher's channel on which the topology is changed between its messages."""
FRAME_MAX = 4096

PROPERTIES = (
    encode_properties(),
    encode_properties(delivery_mode=2),
    encode_properties(headers={"size": "small"}, delivery_mode=2),
    encode_properties(headers={"size": "large"}),
)


@dataclass
class World:
    """A broker, a publisher on several channels, and a consumer of each queue."""

    slow: bool
    wire: Wire = field(default_factory=Wire)
    publisher: Client = field(init=False)
    consumer: Client = field(init=False)

    def __post_init__(self) -> None:
        self.publisher = self.wire.login(frame_max=FRAME_MAX)
        self.consumer = self.wire.login()
        for number in (*PUBLISHING, ADMINISTRATION):
            self._open(number)
        administration = Channel(self.publisher, ADMINISTRATION)
        administration.queue("one", durable=True)
        administration.queue("two")
        administration.queue("three", durable=True)
        administration.call(m.ExchangeDeclare(exchange="e", type="direct"))
        consumers = [self.consumer.channel(number) for number in (1, 2, 3)]
        consumers[0].consume("one", no_ack=True)
        consumers[1].call(m.BasicQos(prefetch_count=3))
        consumers[1].consume("two")

    def read(self, data: bytes) -> Any:
        """Have the publisher send `data`; returns everything that anybody was sent."""
        if self.slow:
            for each in frames_of(data):
                self.publisher.connection.publications.clear()
                self.publisher.connection.receive(each, self.wire.now)
            self.wire.end_pass()
        else:
            self.publisher.send_bytes(data)
        return self._heard()

    def acknowledge(self, count: int) -> Any:
        """The consumer acknowledges `count` deliveries of queue two, each for itself."""
        oldest = sorted(self._unacked)[:count]
        if oldest:
            self.consumer.send(2, *[m.BasicAck(tag) for tag in oldest])
            self._unacked.difference_update(oldest)
        return self._heard()

    def counts(self) -> Any:
        statistics = self.wire.broker.statistics()
        return statistics, self.wire.store.end, self.wire.store.durable

    _unacked: set[int] = field(default_factory=set)

    def _heard(self) -> dict[str, list[Any]]:
        heard: dict[str, list[Any]] = {}
        for number in (0, *PUBLISHING, ADMINISTRATION):
            heard[f"publisher {number}"] = self.publisher.received(number)
        for number in (0, 1, 2, 3):
            heard[f"consumer {number}"] = self.consumer.received(number)
        for item in heard["consumer 2"]:
            if not isinstance(item, Method):
                self._unacked.add(item.method.delivery_tag)
        self._reopen(heard)
        return heard

    def _reopen(self, heard: dict[str, list[Any]]) -> None:
        """Confirm that a channel was closed, and go on with a new one."""
        for number in (*PUBLISHING, ADMINISTRATION):
            if any(isinstance(item, m.ChannelClose) for item in heard[f"publisher {number}"]):
                self.publisher.send(number, m.ChannelCloseOk())
                self._open(number)

    def _open(self, number: int) -> None:
        channel = self.publisher.channel(number)
        if number == PUBLISHING[0]:
            channel.call(m.ConfirmSelect())


bodies = st.sampled_from([b"", b"x", b"hello", bytes(300), bytes(5000), bytes(10_000)])
places = st.one_of(
    st.tuples(st.just(""), st.sampled_from([*QUEUES, "nowhere"])),
    st.tuples(st.just("e"), st.sampled_from(["a", "b"])),
    st.tuples(st.just("amq.topic"), st.sampled_from(["a.b", "a.c", "b"])),
    st.tuples(st.just("amq.fanout"), st.just("")),
    st.tuples(st.just("amq.headers"), st.just("")),
    st.tuples(st.just("nowhere"), st.just("a")),
)


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    """A few messages to one place, alike or not."""
    exchange, key = draw(places)
    channel = draw(st.sampled_from(PUBLISHING))
    mandatory = draw(st.booleans())
    properties = draw(st.sampled_from(PROPERTIES))
    drawn = draw(st.lists(bodies, min_size=1, max_size=4))
    return b"".join(
        publication(
            channel, exchange, key, body, properties, frame_max=FRAME_MAX, mandatory=mandatory
        )
        for body in drawn * draw(st.integers(1, 3))
    )


@st.composite
def binding_changes(draw: st.DrawFn) -> bytes:
    queue = draw(st.sampled_from(QUEUES))
    exchange, key, arguments = draw(
        st.sampled_from(
            [
                ("e", "a", {}),
                ("e", "b", {}),
                ("amq.topic", "a.*", {}),
                ("amq.topic", "#", {}),
                ("amq.fanout", "", {}),
                ("amq.headers", "", {"size": "small"}),
            ]
        )
    )
    if draw(st.integers(0, 3)):
        bind = m.QueueBind(queue=queue, exchange=exchange, routing_key=key, arguments=arguments)
        return encode(ADMINISTRATION, bind)
    unbind = m.QueueUnbind(queue=queue, exchange=exchange, routing_key=key, arguments=arguments)
    return encode(ADMINISTRATION, unbind)


changes = st.sampled_from(
    [
        encode(ADMINISTRATION, m.QueueDelete(queue="three")),
        encode(
            ADMINISTRATION,
            m.QueueDelete(queue="three"),
            m.QueueDeclare(queue="three", durable=True),
        ),
        encode(ADMINISTRATION, m.QueuePurge(queue="one")),
        encode(ADMINISTRATION, m.ExchangeDelete(exchange="e")),
        encode(
            ADMINISTRATION,
            m.ExchangeDelete(exchange="e"),
            m.ExchangeDeclare(exchange="e", type="fanout"),
        ),
        encode(ADMINISTRATION, m.BasicGet(queue="two", no_ack=True)),
    ]
)
# A change that is refused would close the channel, and the declarations that all need come first.
ensure = encode(
    ADMINISTRATION,
    m.QueueDeclare(queue="three", durable=True),
    m.ExchangeDelete(exchange="e"),
    m.ExchangeDeclare(exchange="e", type="direct"),
)
reads = st.lists(
    st.one_of(messages(), messages(), messages(), binding_changes(), changes), max_size=8
).map(b"".join)
steps = st.lists(st.one_of(reads, reads, reads, st.integers(1, 3)), max_size=6)


@settings(deadline=None)
@given(steps)
def test_the_fast_path_and_the_slow_one_come_to_the_same(steps):
    fast, slow = World(slow=False), World(slow=True)
    for step in steps:
        if isinstance(step, int):
            assert fast.acknowledge(step) == slow.acknowledge(step)
        else:
            assert fast.read(ensure) == slow.read(ensure)
            assert fast.read(step) == slow.read(step)
        assert fast.counts() == slow.counts()


@settings(deadline=None)
@given(st.lists(messages(), max_size=10).map(b"".join), st.data())
def test_a_read_may_end_anywhere(data, pieces):
    whole, cut = World(slow=False), World(slow=False)
    places = sorted(pieces.draw(st.lists(st.integers(0, len(data)), max_size=8)))
    for start, end in zip([0, *places], [*places, len(data)], strict=True):
        cut.publisher.connection.receive(data[start:end], cut.wire.now)
    cut.wire.end_pass()
    assert whole.read(data) == cut.read(b"")
    assert whole.counts() == cut.counts()


def test_messages_to_several_queues_in_turn_stay_in_order_in_each():
    world = World(slow=False)
    keys = ["one", "two", "one", "three", "two", "one"] * 5
    world.read(b"".join(publication(2, "", key, b"%d" % at) for at, key in enumerate(keys)))
    Channel(world.consumer, 3).consume("three", "late", no_ack=True)
    late = [item.body for item in world.consumer.received(3)]
    assert late == [b"%d" % at for at, key in enumerate(keys) if key == "three"]


def test_a_route_is_forgotten_when_another_connection_changes_it():
    wire = Wire()
    publisher, other = wire.login().channel(), wire.login().channel()
    publisher.queue("one")
    publisher.queue("two")
    other.call(m.QueueBind(queue="one", exchange="amq.fanout"))
    publisher.publish("amq.fanout", "", b"1")
    other.call(m.QueueBind(queue="two", exchange="amq.fanout"))
    publisher.publish("amq.fanout", "", b"2")
    other.call(m.QueueUnbind(queue="one", exchange="amq.fanout"))
    publisher.publish("amq.fanout", "", b"3")
    other.call(m.QueueDelete(queue="two"))
    publisher.publish("amq.fanout", "", b"4")
    assert publisher.ready("one") == 2


def test_a_queue_that_is_declared_again_gets_what_is_published_then():
    channel = Wire().login().channel()
    channel.queue("q")
    channel.publish("", "q", b"1")
    channel.call(m.QueueDelete(queue="q"))
    channel.publish("", "q", b"2")
    channel.queue("q")
    channel.publish("", "q", b"3")
    assert channel.call(m.BasicGet(queue="q", no_ack=True)).body == b"3"
    assert channel.ready("q") == 0


def test_more_places_than_are_remembered_are_all_reached():
    channel = Wire().login().channel()
    channel.queue("q")
    channel.call(m.QueueBind(queue="q", exchange="amq.topic", routing_key="#"))
    for _ in range(2):
        channel.client.send_bytes(
            b"".join(publication(1, "amq.topic", f"key.{n}", b"x") for n in range(5000))
        )
    assert channel.ready("q") == 10_000
