"""What the properties of a message ask of the broker: expiration, direct replies, copies.

The name in `user_id` is a matter of test_permissions_on_the_wire.py.
"""

from typing import Any

import pytest

from tests.exchange.server.inbox import Content
from tests.exchange.server.wire import Channel, Client
from warrener.exchange.message import COPIES_MAX
from warrener.protocol import methods as m
from warrener.protocol.codec import Method
from warrener.protocol.properties import Properties, encode_properties
from warrener.protocol.tables import ByteArray

REPLY_TO = "amq.rabbitmq.reply-to"


@pytest.fixture
def channel(client: Client) -> Channel:
    """A channel with the queues `a`, `b` and `c`."""
    channel = client.channel()
    for name in "abc":
        channel.queue(name)
    return channel


def publish(
    channel: Channel, *bodies: bytes, exchange: str = "", key: str = "a", **properties: Any
):
    channel.publish(exchange, key, *bodies, properties=encode_properties(**properties))


def drain(channel: Channel, queue: str) -> list[Content]:
    taken = []
    while isinstance(item := channel.call(m.BasicGet(queue=queue, no_ack=True)), Content):
        taken.append(item)
    return taken


def bodies(channel: Channel, queue: str) -> list[bytes]:
    return [content.body for content in drain(channel, queue)]


def properties(content: Content) -> Properties:
    return Properties(content.properties)


def assert_refused(
    channel: Channel, code: int, text: str, method: type[Method] = m.BasicPublish
) -> None:
    (close,) = channel.received()
    assert isinstance(close, m.ChannelClose)
    assert (close.reply_code, close.failing_method_id) == (code, method.method_id)
    assert text in close.reply_text


# Expiration


@pytest.mark.parametrize("expiration", ["", "soon", "-1", "1.5", " 7", "9" * 15])
def test_an_expiration_that_is_no_number_closes_the_channel(channel, other, expiration):
    publish(channel, b"1", b"2", expiration=expiration)
    assert_refused(channel, 406, f"PRECONDITION_FAILED - invalid expiration '{expiration}'")
    assert bodies(other, "a") == []


def test_messages_before_the_wrong_one_are_published(channel, other):
    right, wrong = (encode_properties(expiration=text) for text in ("60000", "soon"))
    channel.publish("", "a", b"1", properties=right)
    channel.publish("", "a", b"2", properties=wrong)
    channel.publish("", "a", b"3", properties=right)
    assert_refused(channel, 406, "soon")
    assert bodies(other, "a") == [b"1"]


def test_an_expiration_travels_with_the_message(channel):
    publish(channel, b"1", expiration="60000", correlation_id="c")
    (content,) = drain(channel, "a")
    assert content.properties == encode_properties(expiration="60000", correlation_id="c")


def test_a_message_expires_though_its_neighbours_do_not(wire, channel):
    publish(channel, b"1")
    publish(channel, b"2", expiration="1000")
    publish(channel, b"3")
    wire.advance(1)
    assert bodies(channel, "a") == [b"1", b"3"]


# Copies


def test_copies_go_to_the_further_routing_keys(channel):
    publish(channel, b"1", headers={"CC": ["b"], "BCC": ["c"]})
    assert [bodies(channel, name) for name in "abc"] == [[b"1"]] * 3


def test_cc_travels_on_and_bcc_does_not(channel):
    publish(channel, b"1", headers={"CC": ["b"], "BCC": ["c"], "mine": 1}, priority=3)
    for name in "abc":
        (content,) = drain(channel, name)
        assert properties(content).fields() == {"headers": {"CC": ["b"], "mine": 1}, "priority": 3}


def test_with_only_a_blind_copy_the_headers_are_empty(channel):
    publish(channel, b"1", headers={"BCC": ["b"]})
    (content,) = drain(channel, "b")
    assert properties(content).headers == {}


def test_a_queue_gets_one_copy_only(channel):
    publish(channel, b"1", headers={"CC": ["a", "b", "b"], "BCC": ["b", "a"]})
    assert [bodies(channel, name) for name in "abc"] == [[b"1"], [b"1"], []]


def test_the_same_key_many_times_is_one_key(channel):
    publish(channel, b"1", headers={"CC": ["b"] * 5_000, "BCC": ["a", "b"] * 2_500})
    assert [bodies(channel, name) for name in "abc"] == [[b"1"], [b"1"], []]


def test_as_many_different_keys_as_may_be_are_taken_and_one_more_is_refused(channel):
    keys = [f"key-{number}" for number in range(COPIES_MAX - 1)]
    publish(channel, b"1", headers={"CC": ["b", *keys]})
    assert bodies(channel, "b") == [b"1"]
    publish(channel, b"1", headers={"CC": ["b", *keys], "BCC": ["c"]})
    assert_refused(channel, 406, "101 routing keys in the headers 'CC' and 'BCC': at most 100")


def test_no_copies_are_copies_too(channel):
    publish(channel, b"1", headers={"CC": [], "BCC": []})
    assert [bodies(channel, name) for name in "abc"] == [[b"1"], [], []]


def test_copies_go_through_the_exchange_that_was_published_to(channel):
    channel.call(m.ExchangeDeclare(exchange="t", type="topic"))
    channel.call(m.QueueBind(queue="a", exchange="t", routing_key="x.*"))
    channel.call(m.QueueBind(queue="b", exchange="t", routing_key="y.#"))
    publish(channel, b"1", exchange="t", key="none", headers={"CC": ["x.1", "y.1.2"]})
    assert [bodies(channel, name) for name in "abc"] == [[b"1"], [b"1"], []]


def test_a_copy_that_arrives_is_arrival_enough_for_mandatory(channel):
    method = encode_properties(headers={"BCC": ["b"]})
    channel.publish("", "nowhere", b"1", properties=method, mandatory=True)
    assert channel.received() == []
    assert bodies(channel, "b") == [b"1"]


def test_messages_with_copies_are_confirmed_like_others(channel):
    channel.call(m.ConfirmSelect())
    publish(channel, b"1", headers={"CC": ["b"]})
    publish(channel, b"2")
    publish(channel, b"3", headers={"CC": ["nowhere"]}, key="nowhere")
    assert channel.received() == [m.BasicAck(number, multiple=False) for number in (1, 2, 3)]


@pytest.mark.parametrize("name", ["CC", "BCC"])
@pytest.mark.parametrize("value", ["b", 5, [1], ["b", None], {"b": 1}, [ByteArray(b"b")]], ids=repr)
def test_copies_that_are_no_list_of_names_close_the_channel(channel, other, name, value):
    publish(channel, b"1", headers={name: value})
    assert_refused(channel, 406, f"unsupported type in header '{name}'")
    assert bodies(other, "a") == []


def test_a_message_among_copied_ones_is_not_copied(channel):
    publish(channel, b"1", headers={"CC": ["b"]})
    publish(channel, b"2", headers={"mine": 1})
    publish(channel, b"3", headers={"CC": ["c"]})
    assert [bodies(channel, name) for name in "abc"] == [[b"1", b"2", b"3"], [b"1"], [b"3"]]


# Direct replies


def ask(channel: Channel, body: bytes = b"question") -> None:
    publish(channel, body, reply_to=REPLY_TO, correlation_id="7")


def listen(channel: Channel) -> None:
    channel.consume(REPLY_TO, "replies", no_ack=True)


def question(channel: Channel) -> str:
    """The name that a question is to be answered to."""
    (content,) = drain(channel, "a")
    assert properties(content).correlation_id == "7"
    name = properties(content).reply_to
    assert name is not None
    return name


def test_an_answer_comes_back_to_the_channel_that_asked(channel, other):
    listen(channel)
    ask(channel)
    name = question(other)
    assert name.startswith(f"{REPLY_TO}.")
    publish(other, b"answer", key=name, correlation_id="7")
    (answer,) = channel.received()
    assert answer.method == m.BasicDeliver("replies", 1, False, "", name)
    assert (answer.body, properties(answer).correlation_id) == (b"answer", "7")


def test_each_channel_has_a_name_of_its_own(client, channel, other):
    second = client.channel(2)
    for each in (channel, second):
        listen(each)
        ask(each)
    names = [properties(content).reply_to for content in drain(other, "a")]
    assert len(set(names)) == 2
    publish(other, b"2", key=str(names[1]))
    assert (channel.bodies(), second.bodies()) == ([], [b"2"])


def test_a_name_of_ones_own_stays_what_it_is(channel):
    publish(channel, b"1", reply_to="replies.here")
    (content,) = drain(channel, "a")
    assert properties(content).reply_to == "replies.here"


def test_who_listens_to_no_replies_cannot_ask_for_them(channel, other):
    ask(channel)
    assert_refused(channel, 406, "fast reply consumer does not exist")
    assert bodies(other, "a") == []


def test_replies_cannot_be_acknowledged(channel):
    channel.send(m.BasicConsume(queue=REPLY_TO))
    assert_refused(channel, 406, "reply consumer cannot acknowledge", m.BasicConsume)


def test_a_channel_listens_to_replies_once(channel):
    listen(channel)
    channel.send(m.BasicConsume(queue=REPLY_TO, no_ack=True))
    assert_refused(channel, 406, "reply consumer already set", m.BasicConsume)


def test_after_its_cancel_one_may_listen_again_under_another_name(channel, other):
    names = []
    for _ in range(2):
        listen(channel)
        ask(channel)
        names.append(question(other))
        assert channel.call(m.BasicCancel("replies")) == m.BasicCancelOk("replies")
    assert names[0] != names[1]
    ask(channel)
    assert_refused(channel, 406, "fast reply consumer does not exist")


def answerable(channel: Channel, name: str) -> bool:
    answer = channel.call(m.QueueDeclare(queue=name, passive=True))
    if isinstance(answer, m.ChannelClose):
        assert answer.reply_code == 404
        channel.send(m.ChannelCloseOk())
        channel.client.channel(channel.number)
        return False
    return True


def test_who_answers_can_find_out_whether_it_still_matters(client, channel, other):
    listen(channel)
    ask(channel)
    name = question(other)
    assert answerable(other, name)
    assert answerable(other, REPLY_TO)
    assert not answerable(other, f"{REPLY_TO}.bogus")
    channel.close()
    assert not answerable(other, name)
    publish(other, b"late", key=name)
    assert client.received() == []


def test_an_answer_to_one_who_has_left_is_returned_if_it_is_mandatory(wire, client, channel, other):
    listen(channel)
    ask(channel)
    name = question(other)
    client.vanish()
    other.publish("", name, b"late", mandatory=True)
    (returned,) = other.received()
    assert returned.method == m.BasicReturn(312, "NO_ROUTE", "", name)


@pytest.mark.parametrize(
    "method",
    [
        m.BasicGet(queue=REPLY_TO),
        m.QueuePurge(queue=REPLY_TO),
        m.QueueBind(queue=REPLY_TO, exchange="amq.fanout"),
    ],
    ids=lambda method: method.name,
)
def test_for_anything_else_there_is_no_such_queue(channel, method):
    channel.send(method)
    assert_refused(channel, 404, "NOT_FOUND", type(method))


def test_nobody_else_consumes_the_answers(channel, other):
    listen(channel)
    ask(channel)
    name = question(other)
    other.send(m.BasicConsume(queue=name, no_ack=True))
    assert_refused(other, 405, "RESOURCE_LOCKED", m.BasicConsume)
