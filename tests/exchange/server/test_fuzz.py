"""Whatever one client sends, the others notice nothing of it."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.exchange.server.inbox import Content
from tests.exchange.server.wire import PLAIN_GUEST, Channel, Client, Wire, encode, publication
from warrener.protocol import methods as m
from warrener.protocol.frames import HEARTBEAT_FRAME, METHOD, PROTOCOL_HEADER, frame
from warrener.protocol.methods import METHODS
from warrener.protocol.properties import encode_properties

CLOSE_CODES = {320, 403, 404, 405, 406, 501, 502, 503, 504, 505, 530, 540}
"""The codes that docs/amqp.md lists; 541 would be a mistake of ours."""

HANDSHAKE = PROTOCOL_HEADER + encode(
    0,
    m.ConnectionStartOk({"capabilities": {}}, "PLAIN", PLAIN_GUEST, "en_US"),
    m.ConnectionTuneOk(0, 4096, 0),
    m.ConnectionOpen("/"),
)
SESSION = (
    encode(1, m.ChannelOpen()),
    encode(2, m.ChannelOpen()),
    encode(1, m.QueueDeclare(queue="fuzzed")),
    encode(1, m.QueueDeclare(queue="lasting", durable=True, arguments={"x-queue-type": "classic"})),
    encode(1, m.ExchangeDeclare(exchange="e", type="topic", durable=True)),
    encode(1, m.QueueBind(queue="fuzzed", exchange="e", routing_key="a.#")),
    encode(1, m.ExchangeBind(destination="amq.fanout", source="e", routing_key="#")),
    encode(2, m.BasicQos(prefetch_count=5), m.BasicConsume(queue="fuzzed", consumer_tag="c")),
    encode(1, m.ConfirmSelect()),
    publication(1, "", "fuzzed", b"hello") * 3,
    publication(1, "e", "a.b", bytes(5000), encode_properties(delivery_mode=2), 4096),
    publication(1, "e", "x", b"returned", mandatory=True),
    publication(1, "amq.headers", "", b"x", encode_properties(headers={"a": [1, {"b": None}]})),
    encode(2, m.BasicAck(1), m.BasicNack(2), m.BasicReject(3, requeue=False), m.BasicAck(4, True)),
    publication(1, "", "lasting", b"kept", encode_properties(delivery_mode=2)),
    encode(2, m.BasicGet(queue="lasting")),
    encode(2, m.BasicRecover(requeue=True)),
    HEARTBEAT_FRAME,
    encode(1, m.QueuePurge(queue="fuzzed")),
    encode(2, m.BasicCancel("c")),
    encode(1, m.QueueUnbind(queue="fuzzed", exchange="e", routing_key="a.#")),
    encode(1, m.ExchangeDelete(exchange="e"), m.QueueDelete(queue="fuzzed")),
    encode(1, m.ChannelClose(200, "bye")),
    encode(0, m.ConnectionClose(200, "bye")),
)

numbers = st.sampled_from([0, 1, 2, 3, 2048, 65535])
texts = st.sampled_from(["", "fuzzed", "lasting", "q", "e", "amq.topic", "ü" * 100, "a.#"])
keys = texts.filter(lambda text: text != "q")
"""Without the queue of the bystander, who would rightly get what is published to it."""
method_frames = st.builds(
    lambda channel, method: encode(channel, method()),
    numbers,
    st.sampled_from(sorted(METHODS.values(), key=lambda method: method.id)),
)
made_up_methods = st.builds(
    lambda channel, payload: frame(METHOD, channel, payload), numbers, st.binary(max_size=40)
)
publishes = st.builds(
    lambda channel, exchange, key, body, properties, mandatory: publication(
        channel, exchange, key, body, properties, 4096, mandatory=mandatory
    ),
    st.sampled_from([1, 2]),
    texts,
    keys,
    st.binary(max_size=30),
    st.one_of(st.just(encode_properties()), st.binary(max_size=20)),
    st.booleans(),
)


@st.composite
def damaged_sessions(draw: st.DrawFn) -> bytes:
    """A session of which parts are missing, come twice, stand elsewhere or are damaged."""
    parts = list(SESSION)
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(parts)))
        match draw(st.sampled_from(["drop", "twice", "move", "foreign"])):
            case "drop":
                del parts[at : at + 1]
            case "twice":
                parts[at:at] = parts[at : at + 2]
            case "move":
                parts[at:at] = [draw(st.sampled_from(SESSION))]
            case "foreign":
                parts[at:at] = [draw(st.one_of(method_frames, made_up_methods, publishes))]
    stream = bytearray(b"".join(parts))
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(stream)))
        match draw(st.sampled_from(["change", "insert", "cut"])):
            case "change":
                stream[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
            case "insert":
                stream[at:at] = draw(st.binary(min_size=1, max_size=3))
            case "cut":
                del stream[at : at + draw(st.integers(1, 5))]
    return bytes(stream)


streams = st.one_of(
    st.binary(max_size=100),
    st.binary(max_size=100).map(lambda data: PROTOCOL_HEADER + data),
    st.binary(max_size=100).map(lambda data: HANDSHAKE + data),
    st.lists(st.one_of(method_frames, made_up_methods, publishes), max_size=20).map(
        lambda frames: HANDSHAKE + encode(1, m.ChannelOpen()) + b"".join(frames)
    ),
    damaged_sessions().map(lambda session: HANDSHAKE + session),
)


class Bystander:
    """A client that publishes, consumes and acknowledges, and expects that to work."""

    def __init__(self, wire: Wire) -> None:
        self.client = wire.login()
        self.publisher = self.client.channel(1)
        self.consumer = self.client.channel(2)
        self.publisher.queue("q", exclusive=True)
        self.publisher.call(m.ConfirmSelect())
        self.consumer.consume("q")
        self.count = 0

    def work(self) -> None:
        self.count += 1
        body = b"message %d" % self.count
        self.publisher.publish("", "q", body)
        assert self.publisher.received() == [m.BasicAck(self.count)]
        assert self.consumer.received() == [
            Content(m.BasicDeliver("c", self.count, False, "", "q"), body)
        ]
        self.consumer.send(m.BasicAck(self.count))
        assert self.client.received() == []


def closes(client: Client) -> list[Any]:
    return [
        item
        for _, item in client.received()
        if isinstance(item, m.ChannelClose | m.ConnectionClose)
    ]


@settings(deadline=None, max_examples=200)
@given(streams, st.sampled_from([40, 60, 300, 10_000]))
def test_whatever_a_client_sends_the_others_go_on_undisturbed(stream, read_bytes):
    wire = Wire()
    bystander = Bystander(wire)
    client = wire.connect()
    for start in range(0, len(stream), read_bytes):
        if not client.closed:
            client.send_bytes(stream[start : start + read_bytes])
            bystander.work()
    assert {close.reply_code for close in closes(client)} <= CLOSE_CODES
    if not client.closed:
        client.vanish()
    bystander.work()
    wire.advance(1)
    assert_nothing_is_left_of(wire, bystander)


def assert_nothing_is_left_of(wire: Wire, bystander: Bystander) -> None:
    """No delivery is owed to a client that is gone, and every queue can still be used."""
    statistics = wire.broker.statistics()
    assert statistics.messages_unacked == 0
    for each in statistics.queues:
        if each.name != "q":
            channel = wire.login().channel()
            channel.send(m.BasicConsume(queue=each.name, consumer_tag="last", no_ack=True))
            answer, *deliveries = channel.received()
            assert answer == m.BasicConsumeOk("last"), answer
            assert len(deliveries) == each.messages_ready
    bystander.work()


def test_the_session_that_is_damaged_is_in_order_when_it_is_not():
    """Or else the test above would damage something that never got far."""
    wire = Wire()
    client = wire.connect()
    for part in (HANDSHAKE, *SESSION):
        client.send_bytes(part)
    names = [
        (item.method if isinstance(item, Content) else item).name for _, item in client.received()
    ]
    assert names[-1] == "connection.close-ok"
    assert "channel.close" not in names
    assert {"basic.deliver", "basic.get-ok", "basic.return", "basic.ack"} <= set(names)


@settings(deadline=None)
@given(st.lists(publishes, max_size=5), st.binary(min_size=1, max_size=12))
def test_messages_before_the_damage_count(frames, damage):
    wire = Wire()
    client = wire.login(frame_max=4096)
    for number in (1, 2):
        client.channel(number)
    Channel(client, 1).queue("q")
    client.send_bytes(publication(1, "", "q", b"before") + frame(9, 1, damage) + b"".join(frames))
    assert [close.reply_code for close in closes(client)] == [501]
    assert wire.login().channel().ready("q") == 1
