"""pika, unmodified: declaring, deleting, and the rules about who may do which."""

import pika
import pika.exceptions
import pytest
from pika.adapters.blocking_connection import BlockingChannel

from tests.interop.conftest import Connect, Fresh
from tests.interop.inbox import Inbox, bodies, get_bodies
from tests.interop.refusal import channel_closed

pytestmark = pytest.mark.slow


def test_declare_tells_how_many_messages_and_consumers_a_queue_has(
    channel: BlockingChannel, connection: pika.BlockingConnection, queue: str
):
    channel.confirm_delivery()
    for _ in range(3):
        channel.basic_publish("", queue, b"waiting")
    counted = channel.queue_declare(queue, durable=True).method
    assert (queue, 3, 0) == (counted.queue, counted.message_count, counted.consumer_count)
    other = connection.channel()
    Inbox(other, queue).take(3)
    counted = channel.queue_declare(queue, passive=True).method
    # What a consumer holds is not counted: the number is that of the messages that are ready.
    assert (counted.message_count, counted.consumer_count) == (0, 1)


def test_passive_declare_finds_what_exists(channel: BlockingChannel, queue: str, fresh: Fresh):
    exchange = fresh("exchange")
    channel.exchange_declare(exchange, "topic")
    channel.exchange_declare(exchange, passive=True)
    channel.queue_declare(queue, passive=True)


def test_passive_declare_of_something_absent_is_404(
    connection: pika.BlockingConnection, fresh: Fresh
):
    with channel_closed(404, "no queue"):
        connection.channel().queue_declare(fresh("absent"), passive=True)
    with channel_closed(404, "no exchange"):
        connection.channel().exchange_declare(fresh("absent"), passive=True)


@pytest.mark.parametrize(
    ("other", "argument"),
    [
        ({"durable": False}, "durable"),
        ({"durable": True, "auto_delete": True}, "auto_delete"),
        ({"durable": True, "arguments": {"x-message-ttl": 60000}}, "x-message-ttl"),
        ({"durable": True, "arguments": {"x-max-length": 5}}, "x-max-length"),
    ],
)
def test_declaring_a_queue_again_with_other_properties_is_406(
    channel: BlockingChannel, queue: str, other: dict, argument: str
):
    with channel_closed(406, f"inequivalent arg '{argument}' for queue '{queue}'"):
        channel.queue_declare(queue, **other)


@pytest.mark.parametrize(
    ("other", "argument"),
    [
        ({"exchange_type": "fanout"}, "type"),
        ({"exchange_type": "direct", "durable": True}, "durable"),
        ({"exchange_type": "direct", "auto_delete": True}, "auto_delete"),
        ({"exchange_type": "direct", "internal": True}, "internal"),
    ],
)
def test_declaring_an_exchange_again_with_other_properties_is_406(
    channel: BlockingChannel, fresh: Fresh, other: dict, argument: str
):
    exchange = fresh("exchange")
    channel.exchange_declare(exchange, "direct")
    with channel_closed(406, f"inequivalent arg '{argument}' for exchange '{exchange}'"):
        channel.exchange_declare(exchange, **other)


def test_declaring_the_same_thing_again_changes_nothing(
    channel: BlockingChannel, queue: str, fresh: Fresh
):
    exchange = fresh("exchange")
    channel.basic_publish("", queue, b"kept")
    for _ in range(2):
        channel.queue_declare(queue, durable=True)
        channel.exchange_declare(exchange, "fanout")
        channel.queue_bind(queue, exchange)
    channel.basic_publish(exchange, "", b"once")
    assert get_bodies(channel, queue) == [b"kept", b"once"]


def test_an_unknown_exchange_type_is_refused(connection: pika.BlockingConnection, fresh: Fresh):
    # RabbitMQ 3.10 closes the connection with 503 where later versions and Warrener close the
    # channel with 406: a client must meet one of the two.
    with pytest.raises(pika.exceptions.AMQPError) as caught:
        connection.channel().exchange_declare(fresh("exchange"), "no-such-type")
    assert caught.value.args[0] in (406, 503)


def test_a_reserved_name_can_be_looked_up_but_not_made(
    connection: pika.BlockingConnection, fresh: Fresh
):
    for name in ("amq.direct", "amq.fanout", "amq.topic", "amq.headers", "amq.match"):
        connection.channel().exchange_declare(name, passive=True)
    fresh_name = "amq." + fresh("reserved")
    with channel_closed(403, "reserved prefix"):
        connection.channel().queue_declare(fresh_name)
    with channel_closed(403, "reserved prefix"):
        connection.channel().exchange_declare(fresh_name, "direct")


def test_the_default_exchange_belongs_to_the_broker(
    connection: pika.BlockingConnection, queue: str
):
    with channel_closed(403):
        connection.channel().queue_bind(queue, "", "key")
    with channel_closed(403):
        connection.channel().queue_unbind(queue, "", queue)


def test_the_broker_names_a_queue_without_a_name(channel: BlockingChannel):
    one = channel.queue_declare("", exclusive=True).method.queue
    two = channel.queue_declare("", exclusive=True).method.queue
    assert one.startswith("amq.gen-")
    assert one != two


def test_an_empty_name_means_the_queue_this_channel_declared_last(
    channel: BlockingChannel, fresh: Fresh
):
    queue, exchange = fresh("queue"), fresh("exchange")
    channel.exchange_declare(exchange, "direct")
    channel.queue_declare(queue)
    channel.queue_bind("", exchange, "key")
    channel.basic_publish(exchange, "key", b"bound")
    inbox = Inbox(channel, "", auto_ack=True)
    assert bodies(inbox.take(1)) == [b"bound"]
    channel.basic_cancel(inbox.consumer_tag)
    channel.queue_unbind("", exchange, "key")
    channel.basic_publish(exchange, "key", b"unbound")
    channel.basic_publish("", queue, b"purged")
    assert channel.queue_purge("").method.message_count == 1
    channel.queue_delete("")
    with channel_closed(404):
        channel.queue_declare(queue, passive=True)


def test_an_empty_key_with_an_empty_name_binds_under_the_name_of_the_queue(
    channel: BlockingChannel, fresh: Fresh
):
    queue, exchange = fresh("queue"), fresh("exchange")
    channel.exchange_declare(exchange, "direct")
    channel.queue_declare(queue)
    channel.queue_bind("", exchange, "")
    channel.basic_publish(exchange, queue, b"under its name")
    assert get_bodies(channel, queue) == [b"under its name"]


def test_an_empty_name_without_a_declared_queue_is_404(channel: BlockingChannel):
    with channel_closed(404):
        channel.basic_get("")


@pytest.mark.parametrize("action", ["declare", "passive", "bind", "purge", "delete", "get"])
def test_an_exclusive_queue_is_locked_for_other_connections(
    connect: Connect, channel: BlockingChannel, fresh: Fresh, action: str
):
    queue = fresh("exclusive")
    channel.queue_declare(queue, exclusive=True)
    other = connect().channel()
    actions = {
        "declare": lambda: other.queue_declare(queue, exclusive=True),
        "passive": lambda: other.queue_declare(queue, passive=True),
        "bind": lambda: other.queue_bind(queue, "amq.direct", "key"),
        "purge": lambda: other.queue_purge(queue),
        "delete": lambda: other.queue_delete(queue),
        "get": lambda: other.basic_get(queue),
    }
    with channel_closed(405, "RESOURCE_LOCKED"):
        actions[action]()
    channel.queue_delete(queue)


def test_an_exclusive_queue_ends_with_its_connection(
    connect: Connect, channel: BlockingChannel, fresh: Fresh
):
    queue = fresh("exclusive")
    owner = connect()
    owner.channel().queue_declare(queue, exclusive=True)
    owner.close()
    with channel_closed(404):
        channel.queue_declare(queue, passive=True)


def test_a_queue_in_use_is_not_deleted_if_unused_is_asked_for(
    connection: pika.BlockingConnection, queue: str
):
    consuming = connection.channel()
    inbox = Inbox(consuming, queue)
    with channel_closed(406, "in use"):
        connection.channel().queue_delete(queue, if_unused=True)
    consuming.basic_cancel(inbox.consumer_tag)
    consuming.queue_delete(queue, if_unused=True)


def test_a_queue_with_messages_is_not_deleted_if_empty_is_asked_for(
    connection: pika.BlockingConnection, queue: str
):
    publishing = connection.channel()
    publishing.basic_publish("", queue, b"in the way")
    publishing.queue_declare(queue, passive=True)
    with channel_closed(406, "not empty"):
        connection.channel().queue_delete(queue, if_empty=True)
    publishing.queue_purge(queue)
    publishing.queue_delete(queue, if_empty=True)


def test_deleting_a_queue_tells_how_many_messages_went_with_it(
    channel: BlockingChannel, queue: str
):
    for _ in range(4):
        channel.basic_publish("", queue, b"gone")
    assert channel.queue_delete(queue).method.message_count == 4


def test_deleting_what_is_not_there_succeeds(channel: BlockingChannel, fresh: Fresh):
    assert channel.queue_delete(fresh("absent")).method.message_count == 0
    channel.exchange_delete(fresh("absent"))


def test_an_exchange_with_bindings_is_not_deleted_if_unused_is_asked_for(
    connection: pika.BlockingConnection, queue: str, fresh: Fresh
):
    exchange = fresh("exchange")
    channel = connection.channel()
    channel.exchange_declare(exchange, "direct")
    channel.queue_bind(queue, exchange, "key")
    with channel_closed(406, "in use"):
        connection.channel().exchange_delete(exchange, if_unused=True)
    channel.queue_unbind(queue, exchange, "key")
    channel.exchange_delete(exchange, if_unused=True)


def test_an_auto_delete_queue_goes_with_its_last_consumer(
    connection: pika.BlockingConnection, fresh: Fresh
):
    queue, channel = fresh("auto-delete"), connection.channel()
    channel.queue_declare(queue, auto_delete=True)
    channel.queue_declare(queue, passive=True)
    first, last = Inbox(channel, queue), Inbox(channel, queue)
    channel.basic_cancel(first.consumer_tag)
    channel.queue_declare(queue, passive=True)
    channel.basic_cancel(last.consumer_tag)
    with channel_closed(404):
        channel.queue_declare(queue, passive=True)


def test_an_auto_delete_exchange_goes_with_its_last_binding(
    channel: BlockingChannel, queue: str, fresh: Fresh
):
    exchange = fresh("auto-delete")
    channel.exchange_declare(exchange, "direct", auto_delete=True)
    for key in ("one", "two"):
        channel.queue_bind(queue, exchange, key)
    channel.queue_unbind(queue, exchange, "one")
    channel.exchange_declare(exchange, passive=True)
    channel.queue_unbind(queue, exchange, "two")
    with channel_closed(404):
        channel.exchange_declare(exchange, passive=True)


def test_purge_removes_what_is_ready_and_counts_it(connection: pika.BlockingConnection, queue: str):
    channel = connection.channel()
    for number in range(5):
        channel.basic_publish("", queue, b"%d" % number)
    held, _, _ = channel.basic_get(queue)
    assert channel.queue_purge(queue).method.message_count == 4
    # Purging spares what somebody holds.
    channel.basic_nack(held.delivery_tag)
    assert get_bodies(channel, queue) == [b"0"]


def test_names_may_be_255_bytes_long(channel: BlockingChannel, fresh: Fresh):
    queue = fresh("queue").ljust(255, "q")
    exchange = fresh("exchange").ljust(255, "e")
    key = "k" * 255
    try:
        channel.queue_declare(queue)
        channel.exchange_declare(exchange, "direct")
        channel.queue_bind(queue, exchange, key)
        channel.basic_publish(exchange, key, b"long names")
        method, _, body = channel.basic_get(queue, auto_ack=True)
        assert (exchange, key, b"long names") == (method.exchange, method.routing_key, body)
    finally:
        channel.queue_delete(queue)
        channel.exchange_delete(exchange)


def test_names_may_have_any_letters(channel: BlockingChannel, fresh: Fresh):
    queue = fresh("Kaninchenzüchter-兎")
    assert queue == channel.queue_declare(queue).method.queue
    channel.basic_publish("", queue, b"arrived")
    assert get_bodies(channel, queue) == [b"arrived"]
