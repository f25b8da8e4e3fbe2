"""What a user may do is asked on every path; the texts are RabbitMQ 3.10.8's.

Ann is connected to the virtual host v, in which there are: the queue q, the topic exchanges x and
y, the headers exchange h, and the internal exchange i. Each test says what she may do.
"""

import pytest

from tests.exchange.server.inbox import Content
from tests.exchange.server.wire import ALL_CAPABILITIES, Client, Wire, publication
from warrener.exchange.access.limits import UserLimits, VirtualHostLimits
from warrener.protocol import methods as m
from warrener.protocol.codec import Method
from warrener.protocol.frames import PROTOCOL_HEADER
from warrener.protocol.properties import encode_properties

ANN = b"\0ann\0secret"


class World:
    """A broker with one user of limited means."""

    def __init__(self, **options: object) -> None:
        self.wire = Wire(**options)
        broker = self.broker = self.wire.broker
        broker.users.add("ann", "secret")
        vhost = broker.add_vhost("v")
        for name, kind in (("x", "topic"), ("y", "topic"), ("h", "headers")):
            vhost.declare_exchange(name, kind)
        vhost.declare_exchange("i", "topic", internal=True)
        vhost.declare_queue("q", None)
        self.may()

    def may(self, configure: str = "", write: str = "", read: str = "") -> None:
        self.broker.permissions.set("ann", "v", configure, write, read)

    def may_topics(self, write: str, read: str, exchange: str = "x") -> None:
        self.broker.permissions.set_topic("ann", "v", exchange, write, read)

    def ann(self) -> Client:
        return self.wire.login(response=ANN, virtual_host="v")

    def ready(self, queue: str = "q") -> int:
        return len(self.broker.vhosts["v"].queues[queue].ready)


@pytest.fixture
def world() -> World:
    return World()


def refused(code: int, text: str, method: type[Method]) -> m.ChannelClose:
    return m.ChannelClose(code, text, method.class_id, method.method_id)


def denied(kind: str, name: str, method: type[Method]) -> m.ChannelClose:
    return refused(
        403,
        f"ACCESS_REFUSED - access to {kind} '{name}' in vhost 'v' refused for user 'ann'",
        method,
    )


def topic_denied(routing_key: str, method: type[Method]) -> m.ChannelClose:
    return denied("topic", f"{routing_key}' in exchange 'x", method)


# Methods

QUEUE, EXCHANGE = "queue", "exchange"
TAKES: list[tuple[Method, list[tuple[str, str, str]]]] = [
    (m.ExchangeDeclare(exchange="new", type="direct"), [("configure", EXCHANGE, "new")]),
    (m.ExchangeDeclare(exchange="x", type="topic"), [("configure", EXCHANGE, "x")]),
    (
        m.ExchangeDeclare(exchange="new", type="direct", arguments={"alternate-exchange": "other"}),
        [("configure", EXCHANGE, "new"), ("read", EXCHANGE, "new"), ("write", EXCHANGE, "other")],
    ),
    (m.ExchangeDelete(exchange="x"), [("configure", EXCHANGE, "x")]),
    (m.ExchangeDelete(exchange="nowhere"), [("configure", EXCHANGE, "nowhere")]),
    (
        m.ExchangeBind(destination="y", source="x", routing_key="k"),
        [("write", EXCHANGE, "y"), ("read", EXCHANGE, "x")],
    ),
    (
        m.ExchangeUnbind(destination="y", source="x", routing_key="k"),
        [("write", EXCHANGE, "y"), ("read", EXCHANGE, "x")],
    ),
    (
        m.ExchangeUnbind(destination="nowhere", source="none", routing_key="k"),
        [("write", EXCHANGE, "nowhere"), ("read", EXCHANGE, "none")],
    ),
    (m.QueueDeclare(queue="new"), [("configure", QUEUE, "new")]),
    (m.QueueDeclare(queue="q"), [("configure", QUEUE, "q")]),
    (
        m.QueueDeclare(queue="new", arguments={"x-dead-letter-exchange": "other"}),
        [("configure", QUEUE, "new"), ("read", QUEUE, "new"), ("write", EXCHANGE, "other")],
    ),
    (
        m.QueueDeclare(queue="new", arguments={"x-dead-letter-exchange": ""}),
        [("configure", QUEUE, "new"), ("read", QUEUE, "new"), ("write", EXCHANGE, "amq.default")],
    ),
    (
        m.QueueBind(queue="q", exchange="x", routing_key="k"),
        [("write", QUEUE, "q"), ("read", EXCHANGE, "x")],
    ),
    (
        m.QueueUnbind(queue="q", exchange="x", routing_key="k"),
        [("write", QUEUE, "q"), ("read", EXCHANGE, "x")],
    ),
    (
        m.QueueUnbind(queue="nowhere", exchange="none", routing_key="k"),
        [("write", QUEUE, "nowhere"), ("read", EXCHANGE, "none")],
    ),
    (m.QueuePurge(queue="q"), [("read", QUEUE, "q")]),
    (m.QueueDelete(queue="q"), [("configure", QUEUE, "q")]),
    (m.QueueDelete(queue="nowhere"), [("configure", QUEUE, "nowhere")]),
    (m.BasicConsume(queue="q"), [("read", QUEUE, "q")]),
    (m.BasicGet(queue="q"), [("read", QUEUE, "q")]),
]


@pytest.mark.parametrize(("method", "takes"), TAKES, ids=repr)
def test_a_method_takes_these_rights_and_no_others(method, takes):
    for missing, (_, kind, name) in enumerate(takes):
        world = World()
        held = takes[:missing] + takes[missing + 1 :]
        world.may(**expressions(held))
        answer = world.ann().channel().call(method)
        assert answer == denied(kind, name, type(method))
    world = World()
    world.may(**expressions(takes))
    answer = world.ann().channel().call(method)
    assert not isinstance(answer, m.ChannelClose)


def expressions(rights):
    """Permissions for exactly these names."""
    found = {}
    for what, _, name in rights:
        found[what] = "|".join(filter(None, (found.get(what), f"^{name}$")))
    return found


@pytest.mark.parametrize(
    "method",
    [
        m.ExchangeDeclare(exchange="x", type="topic", passive=True),
        m.QueueDeclare(queue="q", passive=True),
        m.BasicQos(prefetch_count=1),
        m.ConfirmSelect(),
        m.TxSelect(),
        m.AccessRequest(),
    ],
    ids=repr,
)
def test_to_look_takes_no_right(world, method):
    assert not isinstance(world.ann().channel().call(method), m.ChannelClose)


@pytest.mark.parametrize(
    ("method", "name"),
    [
        (m.BasicGet(queue="nowhere"), "nowhere"),
        (m.BasicConsume(queue="nowhere"), "nowhere"),
        (m.QueuePurge(queue="nowhere"), "nowhere"),
        (m.QueueBind(queue="nowhere", exchange="none"), "nowhere"),
    ],
    ids=repr,
)
def test_who_has_no_right_does_not_learn_what_is_there(world, method, name):
    assert world.ann().channel().call(method) == denied(QUEUE, name, type(method))


def test_a_redeclaration_is_not_asked_for_what_it_takes_to_lead_messages_on(world):
    arguments = {"x-dead-letter-exchange": "x"}
    world.broker.vhosts["v"].declare_queue("new", None, arguments=arguments)
    world.broker.vhosts["v"].declare_exchange("e", "direct", arguments={"alternate-exchange": "x"})
    world.may(configure="^new$|^e$")
    channel = world.ann().channel()
    assert channel.queue("new", arguments=arguments) == "new"
    declared = m.ExchangeDeclare(exchange="e", type="direct", arguments={"alternate-exchange": "x"})
    assert channel.call(declared) == m.ExchangeDeclareOk()


def test_a_name_that_is_made_up_must_be_allowed_as_well(world):
    world.may(configure="^mine")
    answer = world.ann().channel().call(m.QueueDeclare())
    assert answer.reply_code == 403
    assert answer.reply_text.startswith("ACCESS_REFUSED - access to queue 'amq.gen-")
    world.may(configure="^amq\\.gen-")
    assert world.ann().channel().queue("").startswith("amq.gen-")


def test_the_queue_declared_last_is_meant_by_the_empty_name(world):
    world.may(configure="^new$", read="^q$")
    channel = world.ann().channel()
    channel.queue("new")
    assert channel.call(m.BasicGet()) == denied(QUEUE, "new", m.BasicGet)


def test_a_reply_consumer_takes_no_right(world):
    channel = world.ann().channel()
    channel.consume("amq.rabbitmq.reply-to", no_ack=True)


@pytest.mark.parametrize(
    "method",
    [m.ExchangeDeclare(exchange="", type="direct"), m.ExchangeDelete(exchange="")],
    ids=repr,
)
def test_the_default_exchange_is_nobodys_to_change(world, method):
    assert world.ann().channel().call(method) == refused(
        403, "ACCESS_REFUSED - operation not permitted on the default exchange", type(method)
    )


@pytest.mark.parametrize(
    ("method", "kind", "name"),
    [
        (m.QueueBind(queue="q", exchange=""), EXCHANGE, "amq.default"),
        (m.ExchangeBind(destination="x", source=""), EXCHANGE, "amq.default"),
        (m.ExchangeBind(destination="", source="x"), EXCHANGE, "amq.default"),
    ],
    ids=repr,
)
def test_to_bind_the_default_exchange_rights_are_missing_first(world, method, kind, name):
    world.may(write="^q$|^x$", read="^x$")
    assert world.ann().channel().call(method) == denied(kind, name, type(method))
    world.may(".*", ".*", ".*")
    assert world.ann().channel().call(method) == refused(
        403, "ACCESS_REFUSED - operation not permitted on the default exchange", type(method)
    )


# Topics


@pytest.mark.parametrize(
    "method",
    [
        m.QueueBind(queue="q", exchange="x", routing_key="k"),
        m.QueueUnbind(queue="q", exchange="x", routing_key="k"),
        m.ExchangeBind(destination="y", source="x", routing_key="k"),
        m.ExchangeUnbind(destination="y", source="x", routing_key="k"),
    ],
    ids=repr,
)
def test_a_binding_to_a_topic_exchange_takes_its_routing_key(world, method):
    world.may(".*", ".*", ".*")
    world.may_topics(write="", read="^{vhost}\\.{username}$")
    assert world.ann().channel().call(method) == topic_denied("k", type(method))
    world.may_topics(write="", read="^k$")
    assert not isinstance(world.ann().channel().call(method), m.ChannelClose)


def test_a_publish_to_a_topic_exchange_takes_its_routing_key(world):
    world.may(".*", ".*", ".*")
    world.may_topics(write="^{username}\\.", read="")
    channel = world.ann().channel()
    world.broker.vhosts["v"].bind("x", world.broker.vhosts["v"].queues["q"], "#")
    channel.publish("x", "ann.k", b"1")
    channel.publish("x", "", b"2")
    assert world.ready() == 1
    assert channel.received() == [topic_denied("", m.BasicPublish)]


@pytest.mark.parametrize("header", ["CC", "BCC"])
def test_each_further_routing_key_of_a_publish_must_be_allowed(world, header):
    world.may(".*", ".*", ".*")
    world.may_topics(write="^ann\\.", read="")
    world.broker.vhosts["v"].bind("x", world.broker.vhosts["v"].queues["q"], "#")
    channel = world.ann().channel()
    channel.publish("x", "ann.k", b"1", properties=encode_properties(headers={header: ["ann.l"]}))
    assert world.ready() == 1
    channel.publish("x", "ann.k", b"2", properties=encode_properties(headers={header: ["bob.k"]}))
    assert world.ready() == 1
    assert channel.received() == [topic_denied("bob.k", m.BasicPublish)]


# Publishing


@pytest.mark.parametrize(
    ("exchange", "named"), [("x", "x"), ("nowhere", "nowhere"), ("", "amq.default"), ("i", "i")]
)
def test_a_publish_takes_the_right_to_write_to_the_exchange(world, exchange, named):
    world.may(".*", "^other$", ".*")
    channel = world.ann().channel()
    channel.publish(exchange, "q", b"1")
    assert channel.received() == [denied(EXCHANGE, named, m.BasicPublish)]
    assert world.ready() == 0


@pytest.mark.parametrize(
    ("exchange", "code", "text"),
    [
        ("nowhere", 404, "NOT_FOUND - no exchange 'nowhere' in vhost 'v'"),
        ("i", 403, "ACCESS_REFUSED - cannot publish to internal exchange 'i' in vhost 'v'"),
    ],
)
def test_with_the_right_to_write_other_reasons_come_to_light(world, exchange, code, text):
    world.may(write=".*")
    world.may_topics(write="^$", read="", exchange="i")
    channel = world.ann().channel()
    channel.publish(exchange, "k", b"1")
    assert channel.received() == [refused(code, text, m.BasicPublish)]


KINDS_OF_PUBLISHERS = {
    "of a remembered route": ("x", {}),
    "looked at one by one": ("h", {}),
    "of a fanout bound on": ("amq.fanout", {}),
    "of the default exchange": ("", {}),
    "that asks more of the broker": ("x", {"properties": encode_properties(expiration="60000")}),
    "that gives its name": ("x", {"properties": encode_properties(user_id="ann")}),
}


@pytest.mark.parametrize(
    ("exchange", "options"), KINDS_OF_PUBLISHERS.values(), ids=KINDS_OF_PUBLISHERS
)
@pytest.mark.parametrize("confirming", [True, False])
def test_a_right_that_is_taken_away_stops_a_publisher_in_full_run(
    world, exchange, options, confirming
):
    world.may(write=".*")
    vhost = world.broker.vhosts["v"]
    for source in ("x", "h", "amq.fanout"):
        vhost.bind(source, vhost.queues["q"], "q", {"x-match": "all"} if source == "h" else {})
    channel = world.ann().channel()
    if confirming:
        channel.call(m.ConfirmSelect())
    for _ in range(3):
        channel.publish(exchange, "q", *(b"%d" % n for n in range(5)), **options)
    assert world.ready() == 15
    channel.received()
    world.may(write="^other$")
    channel.publish(exchange, "q", *(b"%d" % n for n in range(5)), **options)
    assert world.ready() == 15
    named = exchange or "amq.default"
    assert channel.received() == [denied(EXCHANGE, named, m.BasicPublish)]


@pytest.mark.parametrize(
    ("exchange", "options"), KINDS_OF_PUBLISHERS.values(), ids=KINDS_OF_PUBLISHERS
)
def test_other_changes_do_not(world, exchange, options):
    world.may(write=".*")
    channel = world.ann().channel()
    channel.publish(exchange, "q", b"1", b"2", **options)
    world.may(write="^x$|^h$|^amq")
    world.broker.permissions.clear("guest", "/")
    channel.publish(exchange, "q", b"1", b"2", **options)
    assert channel.received() == []


def test_a_topic_permission_stops_a_publisher_in_full_run(world):
    world.may(write=".*")
    channel = world.ann().channel()
    channel.publish("x", "k", b"1", b"2")
    world.may_topics(write="^l$", read="")
    channel.publish("x", "k", b"3")
    assert channel.received() == [topic_denied("k", m.BasicPublish)]


def test_a_right_is_asked_for_once_and_not_for_each_message(world, monkeypatch):
    world.may(write=".*")
    client = world.ann()
    channel = client.channel()
    asked = []
    rights = client.connection.rights
    monkeypatch.setattr(
        type(rights), "require_write", lambda self, kind, name: asked.append((kind, name))
    )
    for exchange in ("x", "h"):
        for _ in range(3):
            channel.publish(exchange, "k", b"1", b"2", b"3")
    assert asked == [(EXCHANGE, "x"), (EXCHANGE, "h")]


def test_a_transaction_without_the_right_does_nothing(world):
    world.may(write="amq.default|x")
    channel = world.ann().channel()
    channel.call(m.TxSelect())
    channel.publish("", "q", b"1")
    channel.publish("x", "k", b"2")
    world.may(write="amq.default")
    assert channel.call(m.TxCommit()) == denied(EXCHANGE, "x", m.TxCommit)
    assert world.ready() == 0


def test_a_consumer_stays_when_its_right_is_taken_away(world):
    world.may(write=".*", read=".*")
    channel = world.ann().channel()
    channel.consume("q", no_ack=True)
    world.may(write=".*")
    channel.publish("", "q", b"1")
    assert channel.bodies() == [b"1"]


# The name that a message bears


def stranger(name: str) -> m.ChannelClose:
    return refused(
        406,
        f"PRECONDITION_FAILED - user_id property set to '{name}' but authenticated user was 'ann'",
        m.BasicPublish,
    )


@pytest.mark.parametrize("name", ["bob", "", "Ann"])
def test_a_message_may_not_bear_the_name_of_another(world, name):
    world.may(write=".*")
    channel = world.ann().channel()
    channel.publish("", "q", b"1", properties=encode_properties(user_id=name))
    assert channel.received() == [stranger(name)]
    assert world.ready() == 0


def test_messages_of_ones_own_name_pass_and_keep_it(world):
    world.may(write=".*", read=".*")
    channel = world.ann().channel()
    properties = encode_properties(user_id="ann", delivery_mode=2)
    channel.publish("", "q", b"1", b"2", properties=properties)
    channel.publish("", "q", b"3", properties=properties)
    channel.consume("q", no_ack=True)
    assert [(item.body, item.properties) for item in channel.received()] == [
        (body, properties) for body in (b"1", b"2", b"3")
    ]


def test_in_a_run_the_messages_before_a_strange_name_count(world):
    world.may(write=".*")
    client = world.ann()
    channel = client.channel()
    names = ["ann", None, "ann", "bob", "ann", None]
    client.send_bytes(
        b"".join(
            publication(1, "", "q", b"x", encode_properties(user_id=name) if name else b"\0\0")
            for name in names
        )
    )
    assert channel.received() == [stranger("bob")]
    assert world.ready() == 3


def test_a_strange_name_is_refused_again_and_again(world):
    world.may(write=".*")
    client = world.ann()
    for number in (1, 2, 3):
        channel = client.channel(number)
        channel.publish("", "q", b"1", properties=encode_properties(user_id="ann"))
        channel.publish("", "q", b"2", properties=encode_properties(user_id="bob"))
        assert channel.received() == [stranger("bob")]
    assert world.ready() == 3


def test_one_who_was_checked_is_no_way_past_the_check_for_a_large_message(world):
    world.may(write=".*")
    channel = world.ann().channel()
    channel.publish("", "q", b"1", properties=encode_properties(user_id="ann"))
    channel.publish("", "q", bytes(300_000), properties=encode_properties(user_id="bob"))
    assert channel.received() == [stranger("bob")]


def test_a_name_of_ones_own_does_not_hide_an_expiration(world):
    world.may(write=".*")
    channel = world.ann().channel()
    properties = encode_properties(user_id="ann", expiration="soon")
    channel.publish("", "q", b"1", properties=encode_properties(user_id="ann"))
    channel.publish("", "q", b"2", properties=properties)
    ((number, close),) = channel.client.received()
    assert (number, close.reply_code) == (1, 406)
    assert world.ready() == 1


def test_the_name_is_looked_at_after_the_exchange(world):
    world.may(write="x")
    for exchange, expected in (
        ("y", denied(EXCHANGE, "y", m.BasicPublish)),
        ("x", stranger("bob")),
    ):
        channel = world.ann().channel()
        channel.publish(exchange, "k", b"1", properties=encode_properties(user_id="bob"))
        assert channel.received() == [expected]


def test_a_strange_name_ends_a_transaction(world):
    world.may(write=".*")
    channel = world.ann().channel()
    channel.call(m.TxSelect())
    channel.publish("", "q", b"1")
    channel.publish("", "q", b"2", properties=encode_properties(user_id="bob"))
    assert channel.received() == [stranger("bob")]
    assert world.ready() == 0


def test_an_impersonator_may_give_any_name(world):
    world.may(write=".*")
    world.broker.users.set_tags("ann", ["impersonator"])
    client = world.ann()
    world.broker.users.set_tags("ann", [])
    channel = client.channel()
    for name in ("bob", "cat"):
        channel.publish("", "q", b"1", b"2", properties=encode_properties(user_id=name))
    assert channel.received() == []
    assert world.ready() == 4


# Virtual hosts and limits


def closed_at_opening(world: World, virtual_host: str = "v", response: bytes = ANN) -> str:
    """What a client is told that cannot open a virtual host."""
    client = world.wire.connect()
    client.send_bytes(PROTOCOL_HEADER)
    properties = {"capabilities": dict(ALL_CAPABILITIES)}
    client.send(0, m.ConnectionStartOk(properties, "PLAIN", response, "en_US"))
    client.send(0, m.ConnectionTuneOk(0, 0, 0), m.ConnectionOpen(virtual_host))
    *_, close = client.received(0)
    assert isinstance(close, m.ConnectionClose)
    assert close.reply_code == 530
    assert (close.failing_class_id, close.failing_method_id) == (10, 40)
    client.send(0, m.ConnectionCloseOk())
    assert client.closed
    return close.reply_text


def test_a_virtual_host_that_is_not_there_cannot_be_opened(world):
    assert closed_at_opening(world, "w") == "NOT_ALLOWED - vhost w not found"


def test_a_virtual_host_cannot_be_opened_without_a_permission(world):
    text = "NOT_ALLOWED - access to vhost '/' refused for user 'ann'"
    assert closed_at_opening(world, "/") == text


def test_a_limit_of_connections_closes_those_beyond(world):
    world.broker.set_vhost_limits("v", VirtualHostLimits(max_connections=1))
    first = world.ann()
    assert closed_at_opening(world) == (
        "NOT_ALLOWED - access to vhost 'v' refused for user 'ann': connection limit (1) is reached"
    )
    first.vanish()
    world.ann()
    world.broker.set_vhost_limits("v", VirtualHostLimits())
    world.broker.users.set_limits("ann", UserLimits(max_connections=1))
    assert closed_at_opening(world) == (
        "NOT_ALLOWED - connection refused for user 'ann': user connection limit (1) is reached"
    )


@pytest.mark.parametrize(
    "end",
    [
        lambda client: client.vanish(),
        lambda client: client.send(0, m.ConnectionClose(200, "bye")),
        lambda client: client.send(1, m.BasicGet(queue="q")),
    ],
)
def test_however_a_connection_ends_it_is_counted_out(world, end):
    client = world.ann()
    assert len(world.broker.connections) == 1
    end(client)
    assert len(world.broker.connections) == 0


def test_a_limit_of_channels_is_for_all_connections_of_a_user(world):
    world.broker.users.set_limits("ann", UserLimits(max_channels=2))
    first, second = world.ann(), world.ann()
    first.channel(1).close()
    first.channel(1)
    first.channel(2)
    second.send(1, m.ChannelOpen())
    (close,) = second.received(0)
    assert (close.reply_code, close.reply_text) == (
        530,
        "NOT_ALLOWED - number of channels opened for user 'ann' has reached the maximum allowed "
        "user limit of (2)",
    )


def test_a_limit_of_queues_closes_the_channel(world):
    world.may(".*", ".*", ".*")
    world.broker.set_vhost_limits("v", VirtualHostLimits(max_queues=1))
    channel = world.ann().channel()
    assert channel.queue("q") == "q"
    assert channel.call(m.QueueDeclare(queue="new")) == refused(
        406,
        "PRECONDITION_FAILED - cannot declare queue 'new': queue limit in vhost 'v' (1) is reached",
        m.QueueDeclare,
    )


def test_a_limit_of_consumers_closes_the_connection():
    world = World(consumer_max=2)
    world.may(read=".*")
    client = world.ann()
    channel = client.channel(1)
    channel.consume("q", "a")
    channel.consume("q", "b")
    client.channel(2).consume("q", "c")
    channel.call(m.BasicCancel("a"))
    channel.consume("q", "a")
    channel.send(m.BasicConsume(queue="q", consumer_tag="d"))
    (close,) = client.received(0)
    assert (close.reply_code, close.reply_text) == (
        530,
        "NOT_ALLOWED - reached maximum (2) of consumers per channel",
    )


def test_clients_of_a_deleted_virtual_host_are_told_and_leave_nothing_behind(world):
    world.may(".*", ".*", ".*")
    client, other = world.ann(), world.wire.login()
    channel = client.channel()
    channel.queue("mine", exclusive=True)
    channel.consume("q")
    channel.publish("", "q", b"1", b"2")
    client.received()
    world.broker.delete_vhost("v")
    world.wire.end_pass()
    assert client.received() == [
        (0, m.ConnectionClose(320, "CONNECTION_FORCED - vhost 'v' is down", 0, 0))
    ]
    channel.publish("", "q", b"3")
    client.send(0, m.ConnectionCloseOk())
    assert client.closed
    assert other.channel().queue("q") == "q"
    assert len(world.broker.connections) == 1


def test_clients_of_a_deleted_user_are_told(world):
    client, other = world.ann(), world.wire.login()
    world.broker.users.delete("ann")
    world.wire.end_pass()
    assert client.received() == [
        (0, m.ConnectionClose(320, "CONNECTION_FORCED - user 'ann' is deleted", 0, 0))
    ]
    world.wire.advance(5)
    assert not client.closed
    world.wire.advance(6)
    assert client.closed
    assert not other.closed


def test_a_client_that_has_said_nothing_for_long_has_its_time_to_answer_too(world):
    client = world.ann()
    world.wire.advance(1000)
    world.broker.users.delete("ann")
    world.wire.advance(1)
    assert not client.closed


def test_virtual_hosts_do_not_see_each_other(world):
    world.broker.permissions.set("guest", "v", ".*", ".*", ".*")
    here, there = world.wire.login().channel(), world.wire.login(virtual_host="v").channel()
    here.queue("q")
    here.publish("", "q", b"here")
    there.publish("", "q", b"there")
    for channel, body in ((here, b"here"), (there, b"there")):
        answer = channel.call(m.BasicGet(queue="q", no_ack=True))
        assert isinstance(answer, Content)
        assert answer.body == body
