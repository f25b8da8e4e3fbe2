"""pika, unmodified: which queue a message reaches."""

import pika
import pika.exceptions
import pytest
from pika import BasicProperties
from pika.adapters.blocking_connection import BlockingChannel

from tests.interop.conftest import Connect, Fresh
from tests.interop.inbox import get_bodies
from tests.interop.refusal import channel_closed

pytestmark = pytest.mark.slow


class Routes:
    """An exchange with queues bound to it, and a way to ask which of them a message reached."""

    def __init__(self, channel: BlockingChannel, fresh: Fresh, exchange_type: str) -> None:
        self.channel = channel
        self.exchange = fresh("exchange")
        self._fresh = fresh
        self._queues: dict[str, str] = {}
        channel.exchange_declare(self.exchange, exchange_type)

    def bind(self, label: str, key: str = "", arguments: dict | None = None) -> None:
        if label not in self._queues:
            self._queues[label] = self._fresh(label)
            self.channel.queue_declare(self._queues[label])
        self.channel.queue_bind(self._queues[label], self.exchange, key, arguments)

    def unbind(self, label: str, key: str = "", arguments: dict | None = None) -> None:
        self.channel.queue_unbind(self._queues[label], self.exchange, key, arguments)

    def reached(self, key: str = "", headers: dict | None = None) -> str:
        """The labels of the queues that got the message, in alphabetical order."""
        self.channel.basic_publish(self.exchange, key, b"?", BasicProperties(headers=headers))
        counts = {
            label: len(get_bodies(self.channel, queue)) for label, queue in self._queues.items()
        }
        assert set(counts.values()) <= {0, 1}, f"a queue got a message twice: {counts}"
        return " ".join(sorted(label for label, count in counts.items() if count))


def test_the_default_exchange_reaches_each_queue_under_its_name(
    channel: BlockingChannel, fresh: Fresh
):
    one, two = fresh("one"), fresh("two")
    for queue in (one, two):
        channel.queue_declare(queue)
        channel.basic_publish("", queue, queue.encode())
    assert [one.encode()] == get_bodies(channel, one)
    assert [two.encode()] == get_bodies(channel, two)


def test_a_direct_exchange_compares_whole_keys(channel: BlockingChannel, fresh: Fresh):
    routes = Routes(channel, fresh, "direct")
    routes.bind("paid", "order.paid")
    routes.bind("both", "order.paid")
    routes.bind("both", "order.shipped")
    assert routes.reached("order.paid") == "both paid"
    assert routes.reached("order.shipped") == "both"
    assert routes.reached("order") == ""
    assert routes.reached("order.paid.late") == ""


def test_a_fanout_exchange_ignores_the_key(channel: BlockingChannel, fresh: Fresh):
    routes = Routes(channel, fresh, "fanout")
    routes.bind("a", "some key")
    routes.bind("a", "another key")
    routes.bind("b")
    assert routes.reached("anything") == "a b"


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("eu.order.paid", "all eu-any-three middle-order paid-anywhere"),
        ("eu.order", "all eu-deep middle-order"),
        ("order", "all middle-order"),
        ("eu.order.paid.late", "all middle-order"),
        ("us.order.paid", "all middle-order paid-anywhere"),
        ("paid", "all paid-anywhere"),
        ("", "all empty"),
        ("eu..paid", "all eu-any-three paid-anywhere"),
        ("eu", "all"),
    ],
)
def test_a_topic_exchange_matches_word_by_word(
    channel: BlockingChannel, fresh: Fresh, key: str, expected: str
):
    routes = Routes(channel, fresh, "topic")
    routes.bind("all", "#")
    routes.bind("eu-any-three", "eu.*.*")
    routes.bind("eu-deep", "eu.*")
    routes.bind("middle-order", "#.order.#")
    routes.bind("paid-anywhere", "#.paid")
    routes.bind("empty", "")
    assert expected == routes.reached(key)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"region": "EU", "urgent": True}, "all any"),
        ({"region": "EU"}, "any"),
        ({"region": "EU", "urgent": True, "more": 1}, "all any"),
        ({"region": "US", "urgent": False}, ""),
        ({"region": "US", "trace": "x"}, "present"),
        ({}, ""),
        (None, ""),
    ],
)
def test_a_headers_exchange_compares_the_header_table(
    channel: BlockingChannel, fresh: Fresh, headers: dict | None, expected: str
):
    routes = Routes(channel, fresh, "headers")
    routes.bind("all", arguments={"x-match": "all", "region": "EU", "urgent": True})
    routes.bind("any", arguments={"x-match": "any", "region": "EU", "urgent": True})
    routes.bind("present", arguments={"trace": None})
    assert expected == routes.reached(headers=headers)


def test_a_headers_binding_without_arguments_matches_every_message(
    channel: BlockingChannel, fresh: Fresh
):
    routes = Routes(channel, fresh, "headers")
    routes.bind("everything", arguments={})
    assert routes.reached(headers={"any": "thing"}) == "everything"
    assert routes.reached(headers=None) == "everything"


def test_a_bad_x_match_is_refused(channel: BlockingChannel, fresh: Fresh):
    routes = Routes(channel, fresh, "headers")
    with channel_closed(406, "x-match"):
        routes.bind("queue", arguments={"x-match": "some", "region": "EU"})


def test_an_unbound_queue_gets_nothing_any_more(channel: BlockingChannel, fresh: Fresh):
    routes = Routes(channel, fresh, "topic")
    routes.bind("queue", "a.*")
    routes.bind("queue", "*.b")
    assert routes.reached("a.b") == "queue"
    routes.unbind("queue", "a.*")
    assert routes.reached("a.b") == "queue"
    routes.unbind("queue", "*.b")
    assert routes.reached("a.b") == ""
    routes.unbind("queue", "*.b")


def test_messages_pass_from_exchange_to_exchange(channel: BlockingChannel, fresh: Fresh):
    entry = fresh("entry")
    channel.exchange_declare(entry, "topic")
    routes = Routes(channel, fresh, "direct")
    routes.bind("paid", "eu.order.paid")
    channel.exchange_bind(routes.exchange, entry, "eu.#")
    routes.exchange, inner = entry, routes.exchange
    assert routes.reached("eu.order.paid") == "paid"
    assert routes.reached("us.order.paid") == ""
    channel.exchange_unbind(inner, entry, "eu.#")
    assert routes.reached("eu.order.paid") == ""


def test_a_ring_of_exchanges_delivers_once(channel: BlockingChannel, fresh: Fresh):
    routes = Routes(channel, fresh, "fanout")
    other = fresh("other")
    channel.exchange_declare(other, "fanout")
    channel.exchange_bind(other, routes.exchange)
    channel.exchange_bind(routes.exchange, other)
    routes.bind("queue")
    assert routes.reached("round and round") == "queue"


def test_an_internal_exchange_takes_messages_from_exchanges_only(
    connection: pika.BlockingConnection, fresh: Fresh, queue: str
):
    channel = connection.channel()
    outer, inner = fresh("outer"), fresh("inner")
    channel.exchange_declare(outer, "fanout")
    channel.exchange_declare(inner, "fanout", internal=True)
    channel.exchange_bind(inner, outer)
    channel.queue_bind(queue, inner)
    channel.basic_publish(outer, "", b"through")
    assert get_bodies(channel, queue) == [b"through"]
    channel.basic_publish(inner, "", b"refused")
    with channel_closed(403, "internal exchange"):
        channel.queue_declare(queue, passive=True)


def test_deleting_a_queue_takes_its_bindings_along(
    channel: BlockingChannel, fresh: Fresh, queue: str
):
    routes = Routes(channel, fresh, "direct")
    channel.queue_bind(queue, routes.exchange, "key")
    channel.queue_delete(queue)
    channel.queue_declare(queue, durable=True)
    channel.basic_publish(routes.exchange, "key", b"lost")
    assert get_bodies(channel, queue) == []


def test_a_mandatory_message_without_a_queue_comes_back(channel: BlockingChannel, fresh: Fresh):
    exchange = fresh("exchange")
    channel.exchange_declare(exchange, "direct")
    channel.confirm_delivery()
    with pytest.raises(pika.exceptions.UnroutableError) as caught:
        channel.basic_publish(
            exchange, "nowhere", b"mine", BasicProperties(message_id="m-1"), mandatory=True
        )
    [returned] = caught.value.messages
    assert (returned.method.reply_code, returned.method.reply_text) == (312, "NO_ROUTE")
    assert (exchange, "nowhere") == (returned.method.exchange, returned.method.routing_key)
    assert (returned.body, returned.properties.message_id) == (b"mine", "m-1")


def test_a_message_nobody_wants_is_confirmed_all_the_same(channel: BlockingChannel, fresh: Fresh):
    exchange = fresh("exchange")
    channel.exchange_declare(exchange, "direct")
    channel.confirm_delivery()
    channel.basic_publish(exchange, "nowhere", b"dropped")


def test_a_return_comes_before_the_confirm(connect: Connect, fresh: Fresh):
    """Seen from pika's asynchronous core, which tells of each frame in the order of arrival."""
    connection = connect()
    exchange = fresh("exchange")
    connection.channel().exchange_declare(exchange, "direct")
    # BlockingChannel folds return and confirm into one exception; the channel below it does not.
    channel = connection.channel()._impl
    seen: list[str] = []
    channel.add_on_return_callback(lambda *_: seen.append("return"))
    channel.confirm_delivery(lambda frame: seen.append(frame.method.NAME))
    for _ in range(3):
        channel.basic_publish(exchange, "nowhere", b"mine", mandatory=True)
    while seen.count("return") < 3 or seen[-1] == "return":
        connection.process_data_events(time_limit=0.01)
    assert seen[0] == "return"
    assert seen[-1] == "Basic.Ack"
