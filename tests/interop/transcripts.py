"""Short conversations with a broker, written down as they went: RabbitMQ's behaviour as an oracle.

    python tests/interop/transcripts.py HOST PORT > tests/interop/transcripts_rabbitmq.txt

What: each function of `TRANSCRIPTS` talks to a broker as guest and notes what it was told: replies,
error codes with their texts and whether channel or connection was closed, deliveries, headers. The
same conversations with two brokers give two texts to compare. test_transcripts.py does that: what
RabbitMQ 3.10.8 said is in transcripts_rabbitmq.txt, and known_differences.md names what ours says
otherwise.

How: names are the same in every run, so what a conversation makes is deleted before and after it.
Nothing that differs from run to run is noted: no time, no generated name; nor what only later
versions of RabbitMQ have, which is `x-last-death-*`.
"""

import sys
from collections.abc import Callable
from typing import Any

import pika
import pika.exceptions
from pika import BasicProperties
from pika.adapters.blocking_connection import BlockingChannel

SETTLE_SECONDS = 0.2
"""Long enough for everything that is to come from a broker that answers at once."""


class Conversation:
    """Connections of one transcript, and the lines it notes."""

    def __init__(self, host: str, port: int) -> None:
        self._parameters = pika.ConnectionParameters(host, port)
        self._connections: list[pika.BlockingConnection] = []
        self.lines: list[str] = []

    def __enter__(self) -> "Conversation":
        self._clear()
        return self

    def __exit__(self, *_: object) -> None:
        for connection in self._connections:
            if connection.is_open:
                connection.close()
        self._clear()

    def channel(self) -> BlockingChannel:
        """A channel on a connection of its own."""
        self._connections.append(pika.BlockingConnection(self._parameters))
        return self._connections[-1].channel()

    def note(self, what: str, said: object = "ok") -> None:
        self.lines.append(f"{what} -> {said}")

    def ask(self, what: str, request: Callable[[], Any]) -> None:
        """Note the answer to a request, or how it was refused."""
        try:
            answer = request()
        except pika.exceptions.ChannelClosedByBroker as error:
            self.note(what, f"channel closed {error.reply_code} {error.reply_text}")
        except pika.exceptions.ConnectionClosedByBroker as error:
            self.note(what, f"connection closed {error.reply_code} {error.reply_text}")
        except pika.exceptions.DuplicateConsumerTag:
            self.note(what, "refused by the client")
        else:
            self.note(what, describe(answer))

    def _clear(self) -> None:
        with pika.BlockingConnection(self._parameters) as connection:
            channel = connection.channel()
            for name in NAMES:
                channel.queue_delete(name)
                channel.exchange_delete(name)


NAMES = tuple(f"oracle.{letter}" for letter in "abcd")
A, B, C, D = NAMES


def describe(answer: Any) -> object:
    """A reply by the fields in which brokers could differ."""
    method = getattr(answer, "method", None)
    counts = ("message_count", "consumer_count")
    known = {name: getattr(method, name) for name in counts if hasattr(method, name)}
    return " ".join(f"{name}={value}" for name, value in known.items()) or "ok"


def get(channel: BlockingChannel, queue: str, *, auto_ack: bool = True) -> object:
    method, properties, body = channel.basic_get(queue, auto_ack=auto_ack)
    if method is None:
        return "empty"
    marks = " redelivered" if method.redelivered else ""
    headers = f" {clean(properties.headers)}" if properties.headers else ""
    return f"{body.decode()}{marks} left={method.message_count}{headers}"


def clean(value: object) -> object:
    """Headers in one order and without times."""
    if isinstance(value, dict):
        kept = (key for key in sorted(value) if key != "time" and "x-last-death" not in key)
        return {key: clean(value[key]) for key in kept}
    return [clean(item) for item in value] if isinstance(value, list) else value


def settle(channel: BlockingChannel) -> None:
    channel.connection.sleep(SETTLE_SECONDS)
    # One that does not answer at once is waited for.
    channel.exchange_declare("amq.direct", passive=True)


def consume(channel: BlockingChannel, queue: str, log: list[str], **options: Any) -> str:
    """Log what is delivered as `tag body`; nothing is acknowledged."""
    return channel.basic_consume(
        queue,
        lambda _, method, __, body: log.append(f"{method.consumer_tag} {body.decode()}"),
        **options,
    )


def errors_of_what_is_absent(talk: Conversation) -> None:
    requests: dict[str, Callable[[BlockingChannel], Any]] = {
        "declare a queue passively": lambda c: c.queue_declare(A, passive=True),
        "declare an exchange passively": lambda c: c.exchange_declare(A, passive=True),
        "get": lambda c: c.basic_get(A),
        "consume": lambda c: c.basic_consume(A, print),
        "purge": lambda c: c.queue_purge(A),
        "bind": lambda c: c.queue_bind(A, "amq.direct", "key"),
        "bind to an absent exchange": lambda c: (c.queue_declare(B), c.queue_bind(B, A, "key"))[1],
        "unbind": lambda c: c.queue_unbind(A, "amq.direct", "key"),
        "bind exchanges": lambda c: c.exchange_bind(A, "amq.direct"),
        "unbind exchanges": lambda c: c.exchange_unbind(A, "amq.direct"),
        "delete a queue": lambda c: c.queue_delete(A),
        "delete an exchange": lambda c: c.exchange_delete(A),
        "cancel": lambda c: c.basic_cancel("nobody"),
        "publish": lambda c: (c.basic_publish(A, "", b""), c.queue_declare(B))[1],
    }
    for what, request in requests.items():
        channel = talk.channel()
        talk.ask(what, lambda request=request, channel=channel: request(channel))


def errors_of_misuse(talk: Conversation) -> None:
    requests: dict[str, Callable[[BlockingChannel], Any]] = {
        "acknowledge an unknown tag": lambda c: (c.basic_ack(7), c.queue_declare(B))[1],
        "reject an unknown tag": lambda c: (c.basic_reject(7), c.queue_declare(B))[1],
        "declare a reserved queue": lambda c: c.queue_declare("amq.oracle"),
        "declare a reserved exchange": lambda c: c.exchange_declare("amq.oracle"),
        "delete a predeclared exchange": lambda c: c.exchange_delete("amq.direct"),
        "bind to the default exchange": lambda c: (c.queue_declare(B), c.queue_bind(B, "", "k"))[1],
        "declare the default exchange": lambda c: c.exchange_declare(""),
        "delete the default exchange": lambda c: c.exchange_delete(""),
        "commit without select": lambda c: c.tx_commit(),
        "roll back without select": lambda c: c.tx_rollback(),
        "select after confirm": lambda c: (c.confirm_delivery(), c.tx_select())[1],
        "recover without requeue": lambda c: c.basic_recover(requeue=False),
        "prefetch by size": lambda c: c.basic_qos(prefetch_size=10),
        "publish with a bad expiration": lambda c: (
            c.basic_publish("", B, b"", BasicProperties(expiration="soon")),
            c.queue_declare(B),
        )[1],
        "publish as somebody else": lambda c: (
            c.basic_publish("", B, b"", BasicProperties(user_id="somebody")),
            c.queue_declare(B),
        )[1],
        "publish with a CC that is no list": lambda c: (
            c.basic_publish("", B, b"", BasicProperties(headers={"CC": "text"})),
            c.queue_declare(B),
        )[1],
        "a negative time to live": lambda c: c.queue_declare(A, arguments={"x-message-ttl": -1}),
        "a length that is a text": lambda c: c.queue_declare(A, arguments={"x-max-length": "5"}),
        "an overflow nobody knows": lambda c: c.queue_declare(A, arguments={"x-overflow": "up"}),
        "no expiry at all": lambda c: c.queue_declare(A, arguments={"x-expires": 0}),
        "too many priorities": lambda c: c.queue_declare(A, arguments={"x-max-priority": 256}),
        "a queue type nobody knows": lambda c: c.queue_declare(A, arguments={"x-queue-type": "t"}),
        "a dead letter key alone": lambda c: c.queue_declare(
            A, arguments={"x-dead-letter-routing-key": "k"}
        ),
        "a bad x-match": lambda c: (
            c.queue_declare(B),
            c.queue_bind(B, "amq.headers", arguments={"x-match": "some"}),
        )[1],
    }
    for what, request in requests.items():
        channel = talk.channel()
        talk.ask(what, lambda request=request, channel=channel: request(channel))


def declaring_again(talk: Conversation) -> None:
    first = talk.channel()
    first.queue_declare(A, arguments={"x-max-length": 5, "x-dead-letter-exchange": "amq.fanout"})
    first.exchange_declare(B, "direct")
    length = {"x-max-length": 5}
    same = {**length, "x-dead-letter-exchange": "amq.fanout"}
    variants: dict[str, dict[str, Any]] = {
        "the same": {"arguments": same},
        "one argument less": {"arguments": length},
        "another value": {"arguments": {**same, "x-max-length": 6}},
        "another type of value": {"arguments": {**same, "x-max-length": "5"}},
        "an argument more": {"arguments": {**same, "x-message-ttl": 1000}},
        "an argument nobody knows": {"arguments": {**same, "x-oracle": 1}},
        "durable": {"arguments": same, "durable": True},
        "auto-delete": {"arguments": same, "auto_delete": True},
        "exclusive": {"arguments": same, "exclusive": True},
    }
    for what, options in variants.items():
        channel = talk.channel()
        talk.ask(f"queue, {what}", lambda c=channel, o=options: c.queue_declare(A, **o))
    others: dict[str, dict[str, Any]] = {
        "the same": {},
        "another type": {"exchange_type": "topic"},
        "durable": {"durable": True},
        "internal": {"internal": True},
        "an alternate": {"arguments": {"alternate-exchange": "amq.fanout"}},
    }
    for what, options in others.items():
        channel = talk.channel()
        talk.ask(f"exchange, {what}", lambda c=channel, o=options: c.exchange_declare(B, **o))


def counts_and_gets(talk: Conversation) -> None:
    channel = talk.channel()
    talk.ask("declare", lambda: channel.queue_declare(A))
    for body in (b"1", b"2", b"3"):
        channel.basic_publish("", A, body)
    settle(channel)
    talk.ask("declare passively", lambda: channel.queue_declare(A, passive=True))
    talk.note("get and hold", get(channel, A, auto_ack=False))
    talk.ask("what is held is not counted", lambda: channel.queue_declare(A, passive=True))
    channel.basic_nack(1)
    talk.note("get again", get(channel, A))
    talk.ask("purge", lambda: channel.queue_purge(A))
    talk.note("get from an empty queue", get(channel, A))
    talk.ask("delete", lambda: channel.queue_delete(A))
    talk.ask("delete once more", lambda: channel.queue_delete(A))


def returns_come_before_confirms(talk: Conversation) -> None:
    # BlockingChannel folds the two into one exception; the channel below it does not.
    channel_of_caller = talk.channel()
    channel = channel_of_caller._impl
    seen: list[str] = []
    channel.add_on_return_callback(
        lambda _, method, __, ___: seen.append(f"{method.reply_code} {method.reply_text}")
    )
    channel.confirm_delivery(lambda frame: seen.append(frame.method.NAME))
    channel.basic_publish("amq.direct", "oracle.nowhere", b"", mandatory=True)
    while not any("Basic" in line for line in seen):
        channel_of_caller.connection.sleep(SETTLE_SECONDS)
    talk.note("told", seen)


def dead_letters(talk: Conversation) -> None:
    channel = talk.channel()
    channel.queue_declare(B)
    to_b = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": B}
    for reason, more in (("expired", {"x-message-ttl": 20}), ("maxlen", {"x-max-length": 1})):
        channel.queue_declare(A, arguments={**to_b, **more})
        for body in (b"1", b"2"):
            channel.basic_publish("", A, body, BasicProperties(headers={"kept": 1}))
        settle(channel)
        talk.note(reason, get(channel, B))
        channel.queue_delete(A)
        channel.queue_purge(B)
    channel.queue_declare(A, arguments=to_b)
    channel.basic_publish("", A, b"1", BasicProperties(headers={"CC": [C]}, expiration="60000"))
    settle(channel)
    reject(channel, A)
    settle(channel)
    talk.note("rejected, with a copy elsewhere", get(channel, B))
    channel.queue_delete(A)
    channel.queue_declare(A, arguments={**to_b, "x-message-ttl": 20})
    channel.queue_declare(C, arguments={**to_b, "x-dead-letter-routing-key": A})
    channel.basic_publish("", C, b"1")
    settle(channel)
    reject(channel, C)
    settle(channel)
    talk.note("rejected, then expired", get(channel, B))


def reject(channel: BlockingChannel, queue: str) -> None:
    method, _, _ = channel.basic_get(queue)
    assert method is not None, queue
    channel.basic_reject(method.delivery_tag, requeue=False)


def exclusive_queues(talk: Conversation) -> None:
    talk.channel().queue_declare(A, exclusive=True)
    requests: dict[str, Callable[[BlockingChannel], Any]] = {
        "declare": lambda c: c.queue_declare(A),
        "declare passively": lambda c: c.queue_declare(A, passive=True),
        "get": lambda c: c.basic_get(A),
        "consume": lambda c: c.basic_consume(A, print),
        "bind": lambda c: c.queue_bind(A, "amq.direct", "key"),
        "unbind": lambda c: c.queue_unbind(A, "amq.direct", "key"),
        "purge": lambda c: c.queue_purge(A),
        "delete": lambda c: c.queue_delete(A),
    }
    for what, request in requests.items():
        channel = talk.channel()
        talk.ask(what, lambda request=request, channel=channel: request(channel))


def consumers_in_conflict(talk: Conversation) -> None:
    channel, other = talk.channel(), talk.channel()
    channel.queue_declare(A)
    channel.basic_consume(A, print, exclusive=True, consumer_tag="first")
    talk.ask("beside an exclusive consumer", lambda: other.basic_consume(A, print))
    channel.basic_cancel("first")
    channel.basic_consume(A, print, consumer_tag="second")
    other = talk.channel()
    talk.ask("exclusively beside a consumer", lambda: other.basic_consume(A, print, exclusive=True))
    other = talk.channel()
    talk.ask("delete if unused", lambda: other.queue_delete(A, if_unused=True))
    channel.basic_cancel("second")
    channel.basic_publish("", A, b"1")
    settle(channel)
    other = talk.channel()
    talk.ask("delete if empty", lambda: other.queue_delete(A, if_empty=True))


def cancels(talk: Conversation) -> None:
    channel, other = talk.channel(), talk.channel()
    told: list[str] = []
    channel.add_on_cancel_callback(lambda frame: told.append(frame.method.consumer_tag))
    channel.queue_declare(A)
    channel.basic_consume(A, print, consumer_tag="mine")
    other.queue_delete(A)
    settle(channel)
    talk.note("told when the queue is deleted", told)


def what_comes_back(talk: Conversation) -> None:
    channel = talk.channel()
    log: list[str] = []
    channel.queue_declare(A)
    for body in (b"1", b"2", b"3"):
        channel.basic_publish("", A, body)
    tag = consume(channel, A, log, consumer_tag="c")
    settle(channel)
    channel.basic_recover(requeue=True)
    settle(channel)
    talk.note("recover gives out again", log)
    channel.basic_cancel(tag)
    channel.basic_nack(0, multiple=True)
    settle(channel)
    talk.note("first after a nack of all", get(channel, A))
    talk.note("second", get(channel, A))


def prefetch(talk: Conversation) -> None:
    for whole_channel in (False, True):
        channel = talk.channel()
        channel.queue_declare(A)
        for number in range(6):
            channel.basic_publish("", A, b"%d" % number)
        settle(channel)
        log: list[str] = []
        channel.basic_qos(prefetch_count=2, global_qos=whole_channel)
        consume(channel, A, log, consumer_tag="x")
        consume(channel, A, log, consumer_tag="y")
        settle(channel)
        talk.note("whole channel" if whole_channel else "each consumer", sorted(log))
        channel.queue_delete(A)


def priorities(talk: Conversation) -> None:
    channel = talk.channel()
    channel.queue_declare(A, arguments={"x-max-priority": 5})
    for priority in (0, 9, 3, 5, None):
        channel.basic_publish("", A, b"%a" % priority, BasicProperties(priority=priority))
    settle(channel)
    talk.note("messages", [get(channel, A) for _ in range(5)])
    log: list[str] = []
    channel.basic_qos(prefetch_count=2)
    consume(channel, A, log, consumer_tag="low", arguments={"x-priority": -1})
    consume(channel, A, log, consumer_tag="high", arguments={"x-priority": 1})
    for number in range(3):
        channel.basic_publish("", A, b"%d" % number)
    settle(channel)
    talk.note("consumers", log)


def headers_exchange(talk: Conversation) -> None:
    channel = talk.channel()
    channel.queue_declare(A)
    cases: tuple[tuple[dict[str, Any], dict[str, Any]], ...] = (
        ({}, {}),
        ({}, {"a": 1}),
        ({"x-match": "any"}, {"a": 1}),
        ({"x-match": "all", "a": 1, "b": 2}, {"a": 1}),
        ({"x-match": "all", "a": 1, "b": 2}, {"a": 1, "b": 2, "c": 3}),
        ({"x-match": "any", "a": 1, "b": 2}, {"b": 2}),
        ({"a": None}, {"a": "anything"}),
        ({"a": None}, {"b": 1}),
        ({"a": 1}, {"a": "1"}),
        ({"a": 1}, {"a": 2**40}),
        ({"a": True}, {"a": 1}),
        ({"x-a": 1}, {}),
        ({"x-match": "all-with-x", "x-a": 1}, {"x-a": 2}),
        ({"x-match": "any-with-x", "x-a": 1, "b": 1}, {"x-a": 1}),
        ({"a": [1, 2]}, {"a": [1, 2]}),
        ({"a": {"b": 1}}, {"a": {"b": 1}}),
    )
    for binding, headers in cases:
        channel.queue_bind(A, "amq.headers", arguments=binding)
        channel.basic_publish("amq.headers", "", b"", BasicProperties(headers=headers))
        found = channel.queue_purge(A).method.message_count
        talk.note(f"{binding} and {headers}", bool(found))
        channel.queue_unbind(A, "amq.headers", arguments=binding)


def alternates_and_copies(talk: Conversation) -> None:
    channel = talk.channel()
    channel.exchange_declare(A, arguments={"alternate-exchange": B})
    channel.exchange_declare(B, "fanout", arguments={"alternate-exchange": A})
    channel.queue_declare(C)
    channel.basic_publish(A, "nowhere", b"")
    talk.ask("a circle of alternates", lambda: channel.queue_declare(C))
    channel.queue_bind(C, B)
    channel.basic_publish(A, "nowhere", b"found")
    settle(channel)
    talk.note("through the alternate", get(channel, C))
    channel.queue_declare(D)
    copies = BasicProperties(headers={"CC": [D, C], "BCC": [D]})
    channel.basic_publish("", C, b"copied", copies)
    settle(channel)
    talk.note("to the key", get(channel, C))
    talk.note("to the copy", get(channel, D))
    talk.note("no more", (get(channel, C), get(channel, D)))


TRANSCRIPTS: tuple[Callable[[Conversation], None], ...] = (
    errors_of_what_is_absent,
    errors_of_misuse,
    declaring_again,
    counts_and_gets,
    returns_come_before_confirms,
    dead_letters,
    exclusive_queues,
    consumers_in_conflict,
    cancels,
    what_comes_back,
    prefetch,
    priorities,
    headers_exchange,
    alternates_and_copies,
)


def transcript(talk: Callable[[Conversation], None], host: str, port: int) -> list[str]:
    with Conversation(host, port) as conversation:
        talk(conversation)
    return [f"{talk.__name__}: {line}" for line in conversation.lines]


def main() -> None:
    host, port = sys.argv[1], int(sys.argv[2])
    for talk in TRANSCRIPTS:
        print(*transcript(talk, host, port), sep="\n", flush=True)


if __name__ == "__main__":
    main()
