"""A publish is handled in several ways, from fast to general; all must come to the same.

Two worlds are told the same. In the fast one each read holds many frames, so publishes are
remembered, gathered in runs and sent along known routes. In the slow one each frame is taken
for itself, and what was remembered of publishes is forgotten before each.
"""

import tracemalloc
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
        for binding in BINDINGS:
            self.publisher.send_bytes(binding_change(m.QueueBind, binding))
            administration.received()
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

    def drain(self) -> list[bytes]:
        """What waits in queue three, which has no consumer."""
        channel = self.wire.login().channel()
        channel.queue("three", durable=True)
        channel.consume("three", no_ack=True)
        return channel.bodies()

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


BINDINGS = (
    ("one", "e", "a", {}),
    ("three", "e", "a", {}),
    ("two", "e", "b", {}),
    ("one", "amq.topic", "a.*", {}),
    ("two", "amq.topic", "#", {}),
    ("two", "amq.fanout", "", {}),
    ("three", "amq.fanout", "", {}),
    ("three", "amq.headers", "", {"size": "small"}),
)


def binding_change(kind: type[Method], binding: tuple[str, str, str, dict[str, str]]) -> bytes:
    queue, exchange, key, arguments = binding
    method = kind(queue=queue, exchange=exchange, routing_key=key, arguments=arguments)
    return encode(ADMINISTRATION, method)


CHANGES = (
    *(binding_change(m.QueueUnbind, binding) for binding in BINDINGS),
    *(binding_change(m.QueueBind, binding) for binding in BINDINGS),
    encode(ADMINISTRATION, m.QueueDelete(queue="three")),
    encode(ADMINISTRATION, m.QueueDeclare(queue="three", durable=True)),
    encode(ADMINISTRATION, m.QueuePurge(queue="three")),
    encode(ADMINISTRATION, m.ExchangeDelete(exchange="e")),
    encode(ADMINISTRATION, m.ExchangeDeclare(exchange="e", type="direct")),
    encode(ADMINISTRATION, m.BasicGet(queue="two", no_ack=True)),
)

places = st.sampled_from(
    [
        *(("", queue) for queue in (*QUEUES, "nowhere")),
        *(("e", key) for key in "abc"),
        ("amq.topic", "a.b"),
        ("amq.fanout", ""),
        ("amq.headers", ""),
        ("nowhere", "a"),
    ]
)
bodies = st.sampled_from([b"", b"x", b"hello", bytes(300), bytes(5000), bytes(10_000)])


@st.composite
def conversations(draw: st.DrawFn) -> list[bytes | int]:
    """Reads, and numbers of acknowledgements between them.

    Of all places and all changes an example has only a few, so that they meet again and again.
    """
    channels = draw(st.lists(st.sampled_from(PUBLISHING), min_size=1, max_size=2))
    publishers = draw(
        st.lists(
            st.tuples(st.sampled_from(channels), places, st.booleans()), min_size=2, max_size=4
        )
    )
    changes = draw(st.lists(st.sampled_from(CHANGES), min_size=1, max_size=2))
    contents = draw(
        st.lists(st.tuples(bodies, st.sampled_from(PROPERTIES)), min_size=1, max_size=3)
    )
    number = 0
    steps: list[bytes | int] = []
    for _ in range(draw(st.integers(1, 4))):
        data = b""
        for _ in range(draw(st.integers(1, 16))):
            if draw(st.integers(0, 30)) == 17:
                data += draw(st.sampled_from(changes))
                continue
            number += 1
            channel, (exchange, key), mandatory = draw(st.sampled_from(publishers))
            body, properties = draw(st.sampled_from(contents))
            # Numbered, so that a change of their order shows; of one length, so that they repeat.
            body = body and body + b"%03d" % number
            data += publication(
                channel, exchange, key, body, properties, frame_max=FRAME_MAX, mandatory=mandatory
            )
        steps.append(data)
        steps.append(draw(st.integers(0, 3)))
    return steps


@settings(deadline=None)
@given(conversations())
def test_the_fast_path_and_the_slow_one_come_to_the_same(steps):
    fast, slow = World(slow=False), World(slow=True)
    for step in steps:
        if isinstance(step, int):
            assert fast.acknowledge(step) == slow.acknowledge(step)
        else:
            assert fast.read(step) == slow.read(step)
        assert fast.counts() == slow.counts()
    assert fast.drain() == slow.drain()


@settings(deadline=None)
@given(conversations(), st.data())
def test_a_read_may_end_anywhere(steps, pieces):
    data = b"".join(step for step in steps if isinstance(step, bytes))
    whole, cut = World(slow=False), World(slow=False)
    places = sorted(pieces.draw(st.lists(st.integers(0, len(data)), max_size=8)))
    for start, end in zip([0, *places], [*places, len(data)], strict=True):
        cut.publisher.connection.receive(data[start:end], cut.wire.now)
    cut.wire.end_pass()
    assert whole.read(data) == cut.read(b"")
    assert whole.counts() == cut.counts()
    assert whole.drain() == cut.drain()


def test_messages_to_several_queues_in_turn_stay_in_order_in_each():
    world = World(slow=False)
    keys = ["one", "two", "one", "three", "two", "one"] * 5
    world.read(b"".join(publication(2, "", key, b"%d" % at) for at, key in enumerate(keys)))
    Channel(world.consumer, 3).consume("three", "late", no_ack=True)
    late = [item.body for item in world.consumer.received(3)]
    assert late == [b"%d" % at for at, key in enumerate(keys) if key == "three"]


def test_messages_are_not_gathered_along_routes_that_are_out_of_date():
    """By what was known of them their ways do not meet, by what is true now they do."""
    channel = Wire().login().channel()
    for queue in ("one", "two"):
        channel.queue(queue)
        channel.call(m.QueueBind(queue=queue, exchange="amq.direct", routing_key=queue))
    read = b"".join(
        publication(1, "amq.direct", key, b"%d" % at)
        for at, key in enumerate(["one", "two", "one", "two", "one"])
    )
    channel.client.send_bytes(read)
    channel.call(m.QueueBind(queue="two", exchange="amq.direct", routing_key="one"))
    channel.call(m.QueuePurge(queue="two"))
    channel.client.send_bytes(read)
    channel.consume("two", no_ack=True)
    assert channel.bodies() == [b"0", b"1", b"2", b"3", b"4"]


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


def test_what_is_remembered_of_a_publisher_is_small_even_if_its_headers_are_large():
    """It counts for no alarm, and a client that publishes to nobody can make it grow."""
    channel = Wire().login().channel()
    large = [encode_properties(headers={"pad": f"{at}" * 50_000}) for at in range(100)]
    tracemalloc.start()
    try:
        for at, properties in enumerate(large):
            channel.publish("amq.fanout", f"key {at}", b"", properties=properties)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 2_000_000
