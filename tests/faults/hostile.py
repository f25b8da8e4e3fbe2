"""What a client with bad intentions sends: methods, tables, messages, from a random generator.

Half of it makes sense, so that much happens; the other half is as wrong as the wire allows: every
tag of a table with the values at its limits, texts that are numbers or none, names that are no
UTF-8, tables as deep as they may be, histories and counts that only a broker would write. Tables
are made byte by byte, as an encoder of ours would refuse some of them.

Names are of a small stock, so that things meet: exchanges that are bound in rings, queues that
dead-letter to each other, alternates, consumers of one queue with many filters.
"""

import struct
from collections.abc import Sequence
from random import Random
from typing import Any

from warrener.protocol import methods as m
from warrener.protocol.codec import Method
from warrener.protocol.frames import METHOD, content_frames, frame

QUEUES = [f"q{number}" for number in range(8)]
EXCHANGES = [f"e{number}" for number in range(8)]
STANDARD = ["amq.fanout", "amq.topic", "amq.headers", "amq.direct", "amq.rabbitmq.trace"]
STRANGE = ["", "amq.rabbitmq.reply-to", "amq.delayed.e3", "warrener.quarantine", "x" * 255, "nope"]
KEYS = ["", "a", "a.b", "#", "a.#", "*.b", "1", "5", "4294967295", "é" * 100, *QUEUES[:4]]
TAGS = ["", "t1", "t2", "t3"]
TYPES = [
    "direct",
    "fanout",
    "topic",
    "headers",
    "x-consistent-hash",
    "x-modulus-hash",
    "x-random",
    "x-local-random",
    "x-recent-history",
    "x-message-deduplication",
    "x-delayed-message",
]
HEADERS = ["a", "b", "c", "g", "TAGS", "JMSXGroupID", "JMSXGroupSeq", "x-deduplication-header", "h"]
FOR_BROKER = [
    "x-delay",
    "x-opt-delivery-time",
    "x-qpid-not-valid-before",
    "CC",
    "BCC",
    "x-death",
    "x-delivery-count",
    "x-acquired-count",
    "x-first-death-queue",
    "x-last-death-reason",
    "x-cache-ttl",
    "x-recent-history-no-store",
    "x-quarantine-error",
    "x-match",
]
NUMBERS = ["0", "5", "-1", "+3", "1e999", "9" * 20, "9" * 400, "9" * 5000, "NaN", "0x10", " 7", "٣"]
SELECTORS = [
    "a > 3",
    "a = 1 OR b LIKE '%x_y%'",
    "-a < 0 AND b + 1 > c * 2",
    "a BETWEEN b AND c",
    "a IN (1, 2.5, 'x', TRUE)",
    "g IS NULL",
    "NOT (a = b)",
    "a % b = 0",
    "JMSRedelivered",
    "JMSTimestamp > 5 AND JMSExpiration < 100",
    "UTC() > a",
    "p.correlation_id = h",
    "a CONTAINS 'x' OR b STARTSWITH '1'",
    "TAGS IN ('A', 'B')",
    "(" * 60 + "a > 1" + ")" * 60,
    "a = " + "9" * 2000,
    "nonsense (",
    "",
]
SELECTORS += [f"convert_string_expressions: {text}" for text in SELECTORS[:10]]

QUEUE_ARGUMENTS: dict[str, list[Any]] = {
    "x-message-ttl": [0, 1, 50, 1000],
    "x-expires": [1, 100, 3000],
    "x-max-length": [0, 1, 5, 100],
    "x-max-length-bytes": [0, 10, 1000],
    "x-overflow": ["drop-head", "reject-publish", "reject-publish-dlx"],
    "x-dead-letter-exchange": ["", *EXCHANGES[:4], "amq.topic", "nope"],
    "x-dead-letter-routing-key": [*QUEUES[:4], "a", "x" * 255],
    "x-dead-letter-strategy": ["at-least-once", "at-most-once"],
    "x-max-priority": [0, 1, 10, 255],
    "x-delivery-limit": [0, 1, 3, -1],
    "x-single-active-consumer": [True],
    "x-delayed-retry-type": ["all", "failed", "returned"],
    "x-delayed-retry-min": [1, 20],
    "x-delayed-retry-max": [50, 2000],
    "x-delayed-retry-multiplier": [1, 2, 1000],
    "qpid.group_header_key": ["g", "", True],
    "qpid.shared_msg_group": [1, "1"],
    "x-queue-type": ["quorum", "classic"],
    "x-message-deduplication": [True],
    "x-cache-size": [1, 5, 1000],
    "x-cache-ttl": [1, 1000],
    "x-deduplication-header": ["g"],
    "x-consumer-timeout": [1, 500, 10_000],
    "x-cache-persistence": ["memory", "disk"],
}
DEPTH_MAX = 30
NO_TEXT = b"\xc3\x28\xff\xed\xa0\x80"
"""Bytes that are no UTF-8, among them half a character of two."""
FIXED = {
    b"t": (1, ["00", "01", "7f"]),
    b"b": (1, ["00", "80", "7f", "ff"]),
    b"B": (1, ["00", "ff"]),
    b"s": (2, ["0000", "8000", "7fff"]),
    b"u": (2, ["0001", "ffff"]),
    b"I": (4, ["00000005", "80000000", "7fffffff", "ffffffff"]),
    b"i": (4, ["00000001", "ffffffff"]),
    b"l": (8, ["0000000000000003", "8000000000000000", "7fffffffffffffff"]),
    b"L": (8, ["0000000000000002", "ffffffffffffffff"]),
    b"f": (4, ["3f800000", "7f800000", "ff800000", "7fc00000", "00000001"]),
    b"d": (8, ["3ff0000000000000", "7ff0000000000000", "7ff8000000000000", "7fefffffffffffff"]),
    b"D": (5, ["0200000064", "ff00000001", "ff80000000", "00ffffffff"]),
    b"T": (8, ["0000000000000005", "ffffffffffffffff", "8000000000000000"]),
    b"V": (0, [""]),
}


class Hostile:
    """Everything that is sent in one run, by its random generator."""

    def __init__(self, random: Random) -> None:
        self.random = random

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def pick(self, choices: Any) -> Any:
        return self.random.choice(choices)

    # Names

    def queue(self) -> str:
        return self.pick(QUEUES) if self.chance(0.93) else self.pick(STRANGE)

    def exchange(self) -> str:
        if self.chance(0.75):
            return self.pick(EXCHANGES)
        return self.pick(STANDARD) if self.chance(0.7) else self.pick(STRANGE)

    def key(self) -> str:
        return self.pick(KEYS) if self.chance(0.97) else "x" * self.random.randrange(256)

    # Tables, as bytes

    def value(self, depth: int = 3) -> bytes:
        """A value with its tag."""
        kind = self.random.randrange(10)
        if kind < 4:
            tag = self.pick(list(FIXED))
            return tag + bytes.fromhex(self.pick(FIXED[tag][1]))
        if kind < 7 or depth <= 0:
            return self.text_value()
        if kind == 7:
            return b"x" + long_string(self.random.randbytes(self.random.randrange(9)))
        items = [self.value(depth - 1) for _ in range(self.random.randrange(4))]
        if kind == 8:
            return b"A" + long_string(b"".join(items))
        return b"F" + long_string(b"".join(self.name() + item for item in items))

    def number(self) -> bytes:
        tag = self.pick([b"l", b"l", b"L", b"T", b"I", b"i", b"d", b"D"])
        return tag + bytes.fromhex(self.pick(FIXED[tag][1]))

    def text_value(self) -> bytes:
        text = self.pick([*NUMBERS, *KEYS, "A", "x", "it's", "\0\r\n\x1b[31m", "🥕", "rejected"])
        data = text.encode()
        return b"S" + long_string(b"\xff\xfe" + data if self.chance(0.03) else data)

    def deep(self) -> bytes:
        """A value that is as deep as may be, or a bit deeper."""
        value = self.value(0)
        for _ in range(self.random.randrange(DEPTH_MAX - 4, DEPTH_MAX + 3)):
            value = (
                b"A" + long_string(value)
                if self.chance(0.5)
                else b"F" + long_string(short_string(b"k") + value)
            )
        return value

    def name(self) -> bytes:
        return short_string(self.pick(["a", "b", "queue", "count", "reason", ""]).encode())

    def good(self, value: Any) -> bytes:
        """The value of an argument that is understood, with one of the tags that it may have."""
        if isinstance(value, bool):
            return b"t" + bytes([value])
        if isinstance(value, int):
            tag, layout = self.pick([(b"I", ">i"), (b"l", ">q")])
            return tag + struct.pack(layout, value)
        return b"S" + long_string(value.encode())

    def table(self, good: dict[str, list[Any]], sizes: list[int], sound: float = 0.9) -> bytes:
        """A table of arguments that are mostly right."""
        names = self.random.sample(sorted(good), min(self.pick(sizes), len(good)))
        entries = [
            short_string(name.encode())
            + (self.good(self.pick(good[name])) if self.chance(sound) else self.value())
            for name in names
        ]
        if self.chance(0.05):
            entries.append(self.name() + (self.value() if self.chance(0.9) else self.deep()))
        return long_string(b"".join(entries))

    # Methods

    def declare_queue(self) -> bytes:
        method = m.QueueDeclare(
            queue=self.queue(),
            passive=self.chance(0.05),
            durable=self.chance(0.6),
            exclusive=self.chance(0.1),
            auto_delete=self.chance(0.15),
            no_wait=self.chance(0.1),
        )
        return with_table(method, self.table(QUEUE_ARGUMENTS, [0, 0, 1, 2, 3, 5], 0.95))

    def declare_exchange(self) -> bytes:
        kind = self.pick(TYPES)
        good: dict[str, list[Any]] = {}
        if kind == "x-delayed-message":
            good["x-delayed-type"] = ["fanout", "topic", "headers", "x-random", "x-recent-history"]
        if kind == "x-message-deduplication" or self.chance(0.1):
            good |= {"x-cache-size": [1, 10, 1000], "x-message-deduplication": [True]}
        if self.chance(0.25):
            good["alternate-exchange"] = EXCHANGES
        if self.chance(0.1):
            good |= {"hash-header": ["g", "h"], "x-recent-history-length": [1, 5]}
        method = m.ExchangeDeclare(
            exchange=self.exchange(),
            type=kind if self.chance(0.99) else self.key(),
            durable=self.chance(0.6),
            auto_delete=self.chance(0.2),
            internal=self.chance(0.05),
            no_wait=self.chance(0.1),
        )
        return with_table(method, self.table(good, [len(good)], 0.97))

    def bind(self) -> bytes:
        if self.chance(0.75):
            method: Method = m.QueueBind(
                queue=self.queue(),
                exchange=self.exchange(),
                routing_key=self.key(),
            )
        else:
            method = m.ExchangeBind(
                destination=self.exchange(),
                source=self.exchange(),
                routing_key=self.key(),
            )
        return with_table(method, self.filters(0.4))

    def unbind(self) -> bytes:
        if self.chance(0.5):
            return encode(
                m.QueueUnbind(queue=self.queue(), exchange=self.exchange(), routing_key=self.key())
            )
        return encode(m.ExchangeUnbind(destination=self.exchange(), source=self.exchange()))

    def filters(self, often: float) -> bytes:
        good: dict[str, list[Any]] = {}
        if self.chance(often):
            good["x-filter-jms-selector"] = SELECTORS
        if self.chance(0.1):
            good["x-filter-tags"] = ["A || B", "*", "", "||"]
        if self.chance(0.2):
            good["x-match"] = ["any", "all", "any-with-x", "all-with-x"]
        if self.chance(0.2):
            good |= {"a": [1, "1", True], "x-death": ["x"]}
        return self.table(good, [len(good)], 0.97)

    def consume(self) -> bytes:
        method = m.BasicConsume(
            queue=self.queue(),
            consumer_tag=self.pick(TAGS),
            no_ack=self.chance(0.3),
            exclusive=self.chance(0.03),
            no_wait=self.chance(0.1),
        )
        if self.chance(0.5):
            return with_table(method, self.filters(1))
        return with_table(method, self.table({"x-priority": [0, 5, -3]}, [0, 1]))

    def settle(self, tags: Sequence[int] = ()) -> bytes:
        """An answer to a delivery, mostly to one of those with `tags`."""
        tag = self.pick(tags) if tags and self.chance(0.95) else self.pick([0, 1, 3, 2**64 - 1])
        multiple, requeue = self.chance(0.2), self.chance(0.5)
        return encode(
            self.pick(
                [
                    m.BasicAck(tag, multiple),
                    m.BasicNack(tag, multiple, requeue),
                    m.BasicReject(tag, requeue),
                ]
            )
        )

    def other(self) -> bytes:
        return encode(
            self.pick(
                [
                    m.BasicQos(0, self.pick([0, 1, 3, 100]), self.chance(0.3)),
                    m.BasicRecover(True),
                    m.BasicCancel(self.pick(TAGS)),
                    m.ConfirmSelect(),
                    m.TxSelect(),
                    m.TxCommit(),
                    m.TxCommit(),
                    m.TxRollback(),
                    m.ChannelFlow(True),
                    m.QueuePurge(queue=self.queue()),
                    m.QueueDelete(queue=self.queue(), if_unused=self.chance(0.7)),
                    m.ExchangeDelete(exchange=self.pick(EXCHANGES), if_unused=self.chance(0.7)),
                    m.ChannelClose(200, "", 0, 0),
                ]
            )
        )

    def method(self, tags: Sequence[int] = ()) -> bytes:
        """The payload of one method frame; `tags` are those of deliveries to be answered."""
        if tags and self.chance(0.4):
            return self.settle(tags)
        if self.chance(0.2):
            return encode(m.BasicGet(queue=self.queue(), no_ack=self.chance(0.3)))
        makers = (
            [self.declare_queue] * 2
            + [self.declare_exchange]
            + [self.bind] * 4
            + [self.unbind, self.other, self.other, self.settle]
            + [self.consume] * 4
        )
        payload: bytes = self.pick(makers)()
        return payload

    def beginning(self) -> list[bytes]:
        """Methods with which there is something of each name."""
        payloads = []
        for name in QUEUES:
            method = m.QueueDeclare(queue=name, durable=self.chance(0.8))
            payloads.append(with_table(method, self.table(QUEUE_ARGUMENTS, [0, 1, 2, 3, 4], 1)))
        for name in EXCHANGES:
            kind = self.pick(TYPES)
            good: dict[str, list[Any]] = {"alternate-exchange": EXCHANGES}
            if kind == "x-delayed-message":
                good["x-delayed-type"] = ["fanout", "topic", "headers"]
            if kind == "x-message-deduplication":
                good["x-cache-size"] = [1, 10, 1000]
            exchange = m.ExchangeDeclare(exchange=name, type=kind, durable=self.chance(0.8))
            payloads.append(with_table(exchange, self.table(good, [len(good)], 1)))
        return payloads + [self.bind() for _ in range(20)]

    def policy(self) -> tuple[str, dict[str, Any]]:
        """A pattern, and a definition that may apply to queues, to exchanges or to both."""
        keys = [
            name.removeprefix("x-")
            for name in QUEUE_ARGUMENTS
            if name.startswith(("x-message-ttl", "x-max-length", "x-expires", "x-dead", "x-del"))
        ]
        names = [*self.random.sample(keys, self.pick([1, 1, 2, 3])), "alternate-exchange"]
        if self.chance(0.7):
            names.pop()
        choices = {"alternate-exchange": EXCHANGES}
        definition = {
            name: self.pick(choices.get(name) or QUEUE_ARGUMENTS[f"x-{name}"]) for name in names
        }
        return self.pick(["^q", "^q[1-4]$", "^e", "^[^v]", "^(q1|q2|warrener)", "^amq"]), definition

    # Messages

    def publish(self, channel: int) -> bytes:
        method = m.BasicPublish(
            exchange=self.exchange() if self.chance(0.7) else "",
            routing_key=self.key() if self.chance(0.6) else self.pick(QUEUES),
            mandatory=self.chance(0.2),
        )
        payload = method.encode()
        if self.chance(0.05):
            # The routing key comes last but for a byte of flags.
            payload = m.BasicPublish(exchange=self.exchange()).encode()
            payload = payload[:-2] + short_string(NO_TEXT) + payload[-1:]
        body = self.pick([b"", b"x" * 10, b"y" * 3000])
        content = content_frames(self.properties(), body, channel, 131072)
        return (frame(METHOD, channel, payload) + content) * self.pick([1, 1, 1, 1, 5])

    def properties(self) -> bytes:
        """Flags and property list of a message."""
        fields: list[tuple[int, bytes]] = []

        def add(bit: int, probability: float, value: bytes) -> None:
            if self.chance(probability):
                fields.append((bit, value))

        text = short_string(self.pick([b"x", b"", b"5", "ä".encode() * 9, NO_TEXT]))
        add(15, 0.1, text)
        add(13, 0.75, self.headers())
        add(12, 0.6, bytes([self.pick([1, 2, 2, 2, 0, 255])]))
        add(11, 0.3, bytes([self.pick([0, 1, 5, 255])]))
        add(10, 0.1, text)
        add(9, 0.1, short_string(self.pick(["amq.rabbitmq.reply-to", "q1"]).encode()))
        expirations = ["0", "1", "50", "5000", "x", "-1", "", "9" * 255, "٣"]
        add(8, 0.2, short_string(self.pick(expirations).encode()))
        add(7, 0.1, short_string(b"m"))
        add(6, 0.2, struct.pack(">Q", self.pick([0, 5, 2**63, 2**64 - 1])))
        add(5, 0.1, text)
        add(4, 0.05, short_string(self.pick(["guest", "other"]).encode()))
        flags = sum(1 << bit for bit, _ in fields)
        return flags.to_bytes(2, "big") + b"".join(value for _, value in fields)

    def headers(self) -> bytes:
        entries = [
            short_string(name.encode()) + self.value()
            for name in self.random.sample(HEADERS, self.pick([0, 1, 2, 4]))
        ]
        if self.chance(0.4):
            entries.append(self.for_broker())
        if self.chance(0.03):
            entries.append(short_string(b"deep") + self.deep())
        if self.chance(0.05):
            entries.append(short_string(NO_TEXT) + self.value())
        if self.chance(0.05):
            entries += entries[:1]
        return long_string(b"".join(entries))

    def for_broker(self) -> bytes:
        name = "x-death" if self.chance(0.3) else self.pick(FOR_BROKER)
        head = short_string(name.encode())
        if self.chance(0.3):
            return head + (self.value() if self.chance(0.5) else self.number())
        if name == "x-death":
            deaths = [b"F" + self.death() for _ in range(self.random.randrange(4))]
            return head + b"A" + long_string(b"".join(deaths))
        if name in ("CC", "BCC"):
            keys = [b"S" + long_string(self.key().encode()) for _ in range(3)]
            return head + b"A" + long_string(b"".join(keys))
        return head + self.good(self.pick([0, 1, 20, 500, "20", 2**31 - 1]))

    def death(self) -> bytes:
        entries = []
        for name in ("count", "queue", "reason", "time", "exchange", "routing-keys"):
            if self.chance(0.7):
                value = self.number() if name in ("count", "time") else self.value()
                if name == "queue" and self.chance(0.7):
                    value = b"S" + long_string(self.pick(QUEUES).encode())
                if name == "reason" and self.chance(0.7):
                    value = b"S" + long_string(self.pick([b"rejected", b"expired", b"maxlen"]))
                if self.chance(0.02):
                    value = self.deep()
                entries.append(short_string(name.encode()) + value)
        return long_string(b"".join(entries))


def short_string(data: bytes) -> bytes:
    return bytes([len(data)]) + data


def long_string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def encode(method: Method) -> bytes:
    return method.encode()


def with_table(method: Method, table: bytes) -> bytes:
    """The payload of a method that ends with its arguments, which are `table`."""
    return method.encode()[:-4] + table
