"""pika, unmodified: what queues do beside keeping messages in order, transactions, replies.

All of it is RabbitMQ's; where a test says more than RabbitMQ does, it is left out there.
"""

import datetime
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pika
import pika.exceptions
import pytest
from pika import BasicProperties
from pika.adapters.blocking_connection import BlockingChannel

from tests.interop.conftest import Connect, Fresh
from tests.interop.dying_queues import Graveyard, count, wait_for_count
from tests.interop.inbox import Delivery, Inbox, bodies, get_bodies
from tests.interop.refusal import channel_closed
from tests.interop.running_broker import RunningBroker

pytestmark = pytest.mark.slow

beyond_rabbitmq = pytest.mark.skipif(
    "WARRENER_TEST_URL" in os.environ, reason="Warrener does more than others here"
)


@pytest.fixture
def dead(channel: BlockingChannel, fresh: Fresh) -> Graveyard:
    return Graveyard(channel, fresh)


def publish(channel: BlockingChannel, queue: str, *messages: bytes, **properties: Any) -> None:
    for body in messages:
        channel.basic_publish("", queue, body, BasicProperties(**properties))


def take_one(channel: BlockingChannel, queue: str) -> int:
    """Get a message that is there, or about to be; returns its delivery tag."""
    wait_for_message(channel, queue)
    method, _, _ = channel.basic_get(queue)
    return method.delivery_tag


def wait_for_message(channel: BlockingChannel, queue: str) -> None:
    while not count(channel, queue):
        channel.connection.sleep(0.01)


def deaths(letter: Delivery) -> list[tuple[str, str, int]]:
    return [(d["queue"], d["reason"], d["count"]) for d in letter.properties.headers["x-death"]]


# Time


def test_a_message_leaves_when_the_time_of_its_queue_is_over(
    channel: BlockingChannel, dead: Graveyard
):
    queue = dead.declare("queue", message_ttl=100)
    begun = time.monotonic()
    publish(channel, queue, b"1", b"2")
    assert bodies(dead.take(2)) == [b"1", b"2"]
    assert time.monotonic() - begun > 0.08
    assert count(channel, queue) == 0


def test_the_shorter_time_of_message_and_queue_counts(channel: BlockingChannel, dead: Graveyard):
    for message_ttl, expiration in ((60_000, "20"), (20, "60000")):
        queue = dead.declare("queue", message_ttl=message_ttl)
        publish(channel, queue, b"short", expiration=expiration)
        assert bodies(dead.take(1)) == [b"short"]


@beyond_rabbitmq
def test_a_message_leaves_from_the_middle_of_its_queue(channel: BlockingChannel, dead: Graveyard):
    queue = dead.declare("queue")
    publish(channel, queue, b"1")
    publish(channel, queue, b"2", expiration="50")
    publish(channel, queue, b"3", expiration="60000")
    assert bodies(dead.take(1)) == [b"2"]
    assert get_bodies(channel, queue) == [b"1", b"3"]


def test_a_message_without_time_goes_to_who_waits_or_to_nobody(
    channel: BlockingChannel, dead: Graveyard
):
    queue = dead.declare("queue", message_ttl=0)
    publish(channel, queue, b"nobody")
    assert channel.basic_get(queue) == (None, None, None)
    inbox = Inbox(channel, queue, auto_ack=True)
    publish(channel, queue, b"somebody")
    assert bodies(inbox.take(1)) == [b"somebody"]
    assert bodies(dead.take(1)) == [b"nobody"]


def test_what_is_with_a_consumer_stays_there_and_leaves_when_it_comes_back(
    channel: BlockingChannel, dead: Graveyard
):
    queue = dead.declare("queue", message_ttl=50)
    publish(channel, queue, b"1")
    tag = take_one(channel, queue)
    channel.connection.sleep(0.1)
    assert count(channel, dead.queue) == 0
    channel.basic_nack(tag)
    assert bodies(dead.take(1)) == [b"1"]


@pytest.mark.parametrize("expiration", ["soon", "-1", "", "1.5"])
def test_an_expiration_is_a_number(channel: BlockingChannel, queue: str, expiration: str):
    channel.confirm_delivery()
    with channel_closed(406, f"invalid expiration '{expiration}'"):
        publish(channel, queue, b"1", expiration=expiration)


def test_an_unused_queue_goes_and_every_use_counts(channel: BlockingChannel, fresh: Fresh):
    name = fresh("queue")
    channel.queue_declare(name, arguments={"x-expires": 200})
    for use in (
        lambda: count(channel, name),
        lambda: channel.basic_get(name),
        lambda: channel.queue_declare(name, arguments={"x-expires": 200}),
    ):
        channel.connection.sleep(0.12)
        use()
    channel.connection.sleep(0.4)
    with channel_closed(404):
        count(channel, name)


# Dead letters


def test_a_rejected_message_tells_its_story(channel: BlockingChannel, dead: Graveyard):
    queue = dead.declare("queue")
    publish(channel, queue, b"1", headers={"mine": 7}, expiration="60000", delivery_mode=2)
    channel.basic_reject(take_one(channel, queue), requeue=False)
    (letter,) = dead.take(1)
    headers = letter.properties.headers
    assert ("", dead.queue) == (letter.exchange, letter.routing_key)
    assert (letter.redelivered, letter.properties.delivery_mode) == (False, 2)
    assert letter.properties.expiration is None
    (death,) = headers["x-death"]
    now = datetime.datetime.now(death["time"].tzinfo)
    assert abs(now - death.pop("time")) < datetime.timedelta(seconds=10)
    assert death == {
        "count": 1,
        "reason": "rejected",
        "queue": queue,
        "exchange": "",
        "routing-keys": [queue],
        "original-expiration": "60000",
    }
    assert headers["mine"] == 7
    firsts = [headers[f"x-first-death-{what}"] for what in ("queue", "reason", "exchange")]
    assert firsts == [queue, "rejected", ""]


def reject(channel: BlockingChannel, queue: str) -> None:
    publish(channel, queue, b"1")
    channel.basic_nack(take_one(channel, queue), requeue=False)


def expire(channel: BlockingChannel, queue: str) -> None:
    publish(channel, queue, b"1", expiration="10")


def exceed(channel: BlockingChannel, queue: str) -> None:
    publish(channel, queue, b"1", b"2")


def return_often(channel: BlockingChannel, queue: str) -> None:
    publish(channel, queue, b"1")
    for _ in range(2):
        channel.basic_reject(take_one(channel, queue))


@pytest.mark.parametrize(
    ("reason", "arguments", "die"),
    [
        ("rejected", {}, reject),
        ("expired", {}, expire),
        ("maxlen", {"max_length": 1}, exceed),
        ("delivery_limit", {"queue_type": "quorum", "delivery_limit": 1}, return_often),
    ],
    ids=["rejected", "expired", "maxlen", "delivery_limit"],
)
def test_every_reason_is_told(
    channel: BlockingChannel,
    dead: Graveyard,
    reason: str,
    arguments: dict[str, Any],
    die: Callable[[BlockingChannel, str], None],
):
    queue = dead.declare("queue", **arguments)
    die(channel, queue)
    (letter,) = dead.take(1)
    assert letter.body == b"1"
    assert deaths(letter) == [(queue, reason, 1)]


def test_the_second_round_is_counted(channel: BlockingChannel, dead: Graveyard, fresh: Fresh):
    work = fresh("work")
    wait = dead.declare("wait", dead_letter_routing_key=work, message_ttl=20)
    there = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": wait}
    channel.queue_declare(work, durable=True, arguments=there)
    publish(channel, work, b"1")
    for _ in range(2):
        channel.basic_nack(take_one(channel, work), requeue=False)
    (letter,) = Inbox(channel, work).take(1)
    assert deaths(letter) == [(wait, "expired", 2), (work, "rejected", 2)]


def test_a_round_without_a_rejection_ends(channel: BlockingChannel, fresh: Fresh):
    one, two = fresh("one"), fresh("two")
    for name, other in ((one, two), (two, one)):
        arguments = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": other}
        channel.queue_declare(name, arguments=arguments | {"x-message-ttl": 20})
    publish(channel, one, b"1")
    channel.connection.sleep(0.2)
    assert (count(channel, one), count(channel, two)) == (0, 0)


def test_a_queue_may_be_its_own_dead_letter_queue(channel: BlockingChannel, fresh: Fresh):
    name = fresh("queue")
    arguments = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": name}
    channel.queue_declare(name, arguments=arguments)
    publish(channel, name, b"1")
    for _ in range(2):
        channel.basic_nack(take_one(channel, name), requeue=False)
    (letter,) = Inbox(channel, name).take(1)
    assert deaths(letter) == [(name, "rejected", 2)]
    assert not letter.redelivered


def test_without_its_exchange_a_dead_letter_is_gone(channel: BlockingChannel, dead: Graveyard):
    queue = dead.declare("queue", dead_letter_exchange="nowhere")
    reject(channel, queue)
    assert count(channel, queue) == 0
    assert count(channel, dead.queue) == 0


def test_copies_are_made_of_dead_letters_unless_the_queue_names_a_key(
    channel: BlockingChannel, dead: Graveyard, fresh: Fresh
):
    exchange, copied = fresh("exchange"), fresh("copied")
    channel.exchange_declare(exchange, "direct")
    channel.queue_declare(copied)
    channel.queue_bind(copied, exchange, "copy")
    plain = dead.declare("plain", dead_letter_exchange=exchange, dead_letter_routing_key=None)
    renamed = dead.declare("renamed", dead_letter_exchange=exchange)
    for queue in (plain, renamed):
        publish(channel, queue, queue.encode(), headers={"CC": ["copy"]})
        channel.basic_nack(take_one(channel, queue), requeue=False)
    (letter,) = Inbox(channel, copied, auto_ack=True).take_all()
    assert letter.body == plain.encode()
    assert letter.properties.headers["x-death"][0]["routing-keys"] == [plain, "copy"]
    assert letter.properties.headers["CC"] == ["copy"]


def test_a_deleted_queue_leaves_no_dead_letters(channel: BlockingChannel, dead: Graveyard):
    queue = dead.declare("queue")
    publish(channel, queue, b"1", b"2")
    tag = take_one(channel, queue)
    channel.queue_delete(queue)
    channel.basic_reject(tag, requeue=False)
    assert count(channel, dead.queue) == 0


# Length


def test_beyond_its_length_a_queue_drops_its_head(channel: BlockingChannel, dead: Graveyard):
    queue = dead.declare("queue", max_length=2)
    publish(channel, queue, b"1", b"2", b"3", b"4")
    assert bodies(dead.take(2)) == [b"1", b"2"]
    assert get_bodies(channel, queue) == [b"3", b"4"]


def test_beyond_its_bytes_too(channel: BlockingChannel, dead: Graveyard):
    queue = dead.declare("queue", max_length_bytes=2500)
    publish(channel, queue, *(b"%d" % number + bytes(1000) for number in range(3)))
    (letter,) = dead.take(1)
    assert letter.body[:1] == b"0"
    assert count(channel, queue) == 2


@pytest.mark.parametrize("overflow", ["reject-publish", "reject-publish-dlx"])
def test_a_full_queue_may_refuse_and_say_so(
    channel: BlockingChannel, dead: Graveyard, overflow: str
):
    queue = dead.declare("queue", max_length=2, overflow=overflow)
    channel.confirm_delivery()
    publish(channel, queue, b"1", b"2")
    with pytest.raises(pika.exceptions.NackError):
        publish(channel, queue, b"3")
    assert get_bodies(channel, queue) == [b"1", b"2"]
    publish(channel, queue, b"4")
    assert get_bodies(channel, queue) == [b"4"]
    if overflow == "reject-publish-dlx":
        (letter,) = dead.take(1)
        assert (letter.body, deaths(letter)) == (b"3", [(queue, "maxlen", 1)])
    else:
        assert count(channel, dead.queue) == 0


def test_acks_and_nacks_settle_each_message_once(
    connect: Connect, channel: BlockingChannel, dead: Graveyard
):
    queue = dead.declare("queue", max_length=3, overflow="reject-publish")
    connection = connect()
    publisher = connection.channel()._impl  # BlockingChannel would wait for each confirm
    answers: dict[int, str] = {}

    def settle(frame: pika.frame.Method) -> None:
        method = frame.method
        first = min(set(range(1, 7)) - answers.keys()) if method.multiple else method.delivery_tag
        for tag in range(first, method.delivery_tag + 1):
            answers.setdefault(tag, method.NAME)

    publisher.confirm_delivery(settle)
    for number in range(1, 7):
        properties = BasicProperties(delivery_mode=1 + number % 2)
        publisher.basic_publish("", queue, b"%d" % number, properties)
    while len(answers) < 6:
        connection.process_data_events(time_limit=0.01)
    assert answers == dict.fromkeys((1, 2, 3), "Basic.Ack") | dict.fromkeys((4, 5, 6), "Basic.Nack")
    assert get_bodies(channel, queue) == [b"1", b"2", b"3"]


# Priorities


def test_messages_of_higher_priority_come_first(channel: BlockingChannel, dead: Graveyard):
    queue = dead.declare("queue", max_priority=5)
    for number, priority in enumerate((0, 3, None, 9, 3, 5)):
        publish(channel, queue, b"%d" % number, priority=priority)
    assert get_bodies(channel, queue) == [b"3", b"5", b"1", b"4", b"0", b"2"]


def test_what_comes_back_stands_by_its_priority(channel: BlockingChannel, dead: Graveyard):
    queue = dead.declare("queue", max_priority=5)
    for number, priority in enumerate((1, 5, 1, 5)):
        publish(channel, queue, b"%d" % number, priority=priority)
    taken = [channel.basic_get(queue) for _ in range(3)]
    assert [body for _, _, body in taken] == [b"1", b"3", b"0"]
    channel.basic_nack(taken[-1][0].delivery_tag, multiple=True)
    publish(channel, queue, b"4", priority=5)
    wait_for_count(channel, queue, 5)
    assert get_bodies(channel, queue) == [b"1", b"3", b"4", b"0", b"2"]


# Deliveries


def test_a_message_that_comes_back_too_often_is_given_up(channel: BlockingChannel, dead: Graveyard):
    queue = dead.declare("queue", queue_type="quorum", delivery_limit=2)
    publish(channel, queue, b"1")
    seen = []
    for _ in range(3):
        wait_for_message(channel, queue)
        method, properties, _ = channel.basic_get(queue)
        seen.append((method.redelivered, (properties.headers or {}).get("x-delivery-count", 0)))
        channel.basic_reject(method.delivery_tag)
    assert seen == [(False, 0), (True, 1), (True, 2)]
    (letter,) = dead.take(1)
    assert deaths(letter) == [(queue, "delivery_limit", 1)]
    assert "x-delivery-count" not in letter.properties.headers


def test_one_consumer_is_active_and_another_takes_over(
    connect: Connect, channel: BlockingChannel, dead: Graveyard
):
    queue = dead.declare("queue", single_active_consumer=True)
    first_channel, second_channel = connect().channel(), connect().channel()
    first, second = Inbox(first_channel, queue), Inbox(second_channel, queue)
    publish(channel, queue, b"1", b"2")
    assert bodies(first.take(2)) == [b"1", b"2"]
    assert second.take_all() == []
    first_channel.connection.close()
    assert [(d.body, d.redelivered) for d in second.take(2)] == [(b"1", True), (b"2", True)]
    publish(channel, queue, b"3")
    assert bodies(second.take(1)) == [b"3"]


def test_consumers_of_higher_priority_come_first(
    connect: Connect, channel: BlockingChannel, queue: str
):
    other = connect().channel()
    other.basic_qos(prefetch_count=2)
    low = Inbox(channel, queue, auto_ack=True)
    high = Inbox(other, queue, arguments={"x-priority": 10})
    publish(channel, queue, b"1", b"2", b"3")
    assert bodies(high.take(2)) == [b"1", b"2"]
    assert bodies(low.take(1)) == [b"3"]


# Copies


def test_copies_are_made_openly_and_blindly(channel: BlockingChannel, fresh: Fresh):
    names = [fresh(what) for what in ("to", "copy", "blind")]
    for name in names:
        channel.queue_declare(name)
    to, copy, blind = names
    publish(channel, to, b"1", headers={"CC": [copy, to], "BCC": [blind], "mine": 1})
    for name in names:
        _, properties, body = channel.basic_get(name, auto_ack=True)
        assert (body, properties.headers) == (b"1", {"CC": [copy, to], "mine": 1})
        assert channel.basic_get(name) == (None, None, None)


def test_copies_are_a_list(channel: BlockingChannel, queue: str):
    channel.confirm_delivery()
    with channel_closed(406, "CC"):
        publish(channel, queue, b"1", headers={"CC": queue})


# Direct replies


def test_a_question_is_answered_without_a_queue(connect: Connect, queue: str):
    asking, answering = connect().channel(), connect().channel()
    replies = Inbox(asking, "amq.rabbitmq.reply-to", auto_ack=True)
    publish(asking, queue, b"question", reply_to="amq.rabbitmq.reply-to", correlation_id="7")
    (question,) = Inbox(answering, queue, auto_ack=True).take(1)
    name = question.properties.reply_to
    assert name.startswith("amq.rabbitmq.reply-to.")
    publish(answering, name, b"answer", correlation_id=question.properties.correlation_id)
    (answer,) = replies.take(1)
    assert (answer.body, answer.properties.correlation_id) == (b"answer", "7")
    assert answering.queue_declare(name, passive=True).method.consumer_count == 1
    asking.connection.close()
    with channel_closed(404):
        answering.queue_declare(name, passive=True)


def test_replies_have_rules(channel: BlockingChannel, connection: pika.BlockingConnection):
    with channel_closed(406, "reply consumer cannot acknowledge"):
        Inbox(channel, "amq.rabbitmq.reply-to")
    channel = connection.channel()
    Inbox(channel, "amq.rabbitmq.reply-to", auto_ack=True)
    with channel_closed(406, "reply consumer already set"):
        Inbox(channel, "amq.rabbitmq.reply-to", auto_ack=True)
    channel = connection.channel()
    publish(channel, "anywhere", b"1", reply_to="amq.rabbitmq.reply-to")
    with channel_closed(406, "fast reply consumer does not exist"):
        channel.queue_declare("any", passive=True)


# Transactions


def test_a_commit_publishes_and_acknowledges_together(
    connect: Connect, channel: BlockingChannel, queue: str
):
    publish(channel, queue, b"question")
    worker = connect().channel()
    worker.tx_select()
    worker.basic_ack(take_one(worker, queue))
    publish(worker, queue, b"answer", delivery_mode=2)
    assert count(channel, queue) == 0
    worker.tx_commit()
    worker.connection.close()
    assert get_bodies(channel, queue) == [b"answer"]


def test_a_rollback_leaves_everything_as_it_was(
    connect: Connect, channel: BlockingChannel, queue: str
):
    publish(channel, queue, b"question")
    worker = connect().channel()
    worker.tx_select()
    tag = take_one(worker, queue)
    worker.basic_ack(tag)
    publish(worker, queue, b"answer")
    worker.tx_rollback()
    worker.basic_nack(tag)
    worker.tx_commit()
    assert get_bodies(channel, queue) == [b"question"]


def test_a_channel_that_closes_within_a_transaction_leaves_nothing_of_it(
    connect: Connect, channel: BlockingChannel, queue: str
):
    publish(channel, queue, b"question")
    worker = connect().channel()
    worker.tx_select()
    worker.basic_ack(take_one(worker, queue))
    publish(worker, queue, b"answer")
    worker.close()
    wait_for_count(channel, queue, 1)
    assert get_bodies(channel, queue) == [b"question"]


def test_a_mistake_within_a_transaction_undoes_all_of_it(
    connect: Connect, channel: BlockingChannel, queue: str
):
    worker = connect().channel()
    worker.tx_select()
    publish(worker, queue, b"1")
    worker.basic_publish("nowhere", "", b"2")
    with channel_closed(404):
        worker.tx_commit()
    assert count(channel, queue) == 0


@beyond_rabbitmq
def test_a_transaction_that_a_queue_has_no_room_for_does_nothing(
    connect: Connect, channel: BlockingChannel, dead: Graveyard, queue: str
):
    small = dead.declare("small", max_length=1, overflow="reject-publish")
    worker = connect().channel()
    worker.tx_select()
    publish(worker, queue, b"1")
    publish(worker, small, b"2", b"3")
    with channel_closed(406):
        worker.tx_commit()
    assert (count(channel, queue), count(channel, small)) == (0, 0)


def test_without_a_transaction_there_is_nothing_to_commit(channel: BlockingChannel):
    with channel_closed(406, "channel is not transactional"):
        channel.tx_commit()


# A restart


def test_what_a_queue_knows_outlasts_the_broker(tmp_path: Path):
    broker = RunningBroker(tmp_path)
    broker.start()
    to_dead = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"}
    with pika.BlockingConnection(pika.URLParameters(broker.url)) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.queue_declare("dead", durable=True)
        for name, arguments in (
            ("timed", {"x-message-ttl": 60_000}),
            ("ranked", {"x-max-priority": 3}),
            ("unused", {"x-expires": 60_000}),
            ("short", {"x-max-length": 2}),
        ):
            channel.queue_declare(name, durable=True, arguments=arguments | to_dead)
        publish(channel, "timed", b"kept", delivery_mode=2)
        publish(channel, "timed", b"over", delivery_mode=2, expiration="1")
        publish(channel, "timed", b"over meanwhile", delivery_mode=2, expiration="600")
        for number in range(4):
            publish(channel, "ranked", b"%d" % number, delivery_mode=2, priority=number)
            publish(channel, "short", b"%d" % number, delivery_mode=2)
        wait_for_count(channel, "dead", 3)
    broker.kill()
    broker.start()
    try:
        with pika.BlockingConnection(pika.URLParameters(broker.url)) as connection:
            channel = connection.channel()
            wait_for_count(channel, "dead", 4)
            assert count(channel, "unused") == 0
            assert get_bodies(channel, "ranked") == [b"3", b"2", b"1", b"0"]
            assert get_bodies(channel, "short") == [b"2", b"3"]
            assert get_bodies(channel, "timed") == [b"kept"]
            letters = get_bodies(channel, "dead")
            assert sorted(letters) == [b"0", b"1", b"over", b"over meanwhile"]
    finally:
        assert broker.stop() == 0, broker.log
