"""Publishes of one write come to the same as publishes that are handled one by one.

Two brokers get the same publishes. One reads them in large pieces, cut at any place, and may
gather and remember what it likes; the other is given one publish at a time, each in a pass of its
own. Publishers must be told the same (which publish is confirmed and which refused, what is
returned, how a channel ends), and every queue must hold the same messages in the same order.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.exchange.server.inbox import Content
from tests.exchange.server.wire import Channel, HeldStore, Wire, encode, publication
from warrener.exchange.budget import ENQUEUED, PASS_UNITS, ROUTED
from warrener.protocol import methods as m
from warrener.protocol.properties import encode_properties

CONFIRMING, PLAIN, TRANSACTION = (1, 2), 3, 4
NUMBERS = (*CONFIRMING, PLAIN, TRANSACTION)
SMALL_BUDGET = 30
"""Of a pass, in units: a few publishes use it up, so that the rest has to go on in the next one."""
PASSES_MAX = 10_000
REJECTS = {"x-overflow": "reject-publish"}
DEDUPLICATES = {"x-message-deduplication": True}

QUEUES: dict[str, dict[str, Any]] = {
    "transient": {},
    "durable": {"durable": True},
    "short": {"arguments": {"x-max-length": 2, **REJECTS}},
    "light": {"arguments": {"x-max-length-bytes": 80, **REJECTS}},
    "short durable": {"durable": True, "arguments": {"x-max-length": 2, **REJECTS}},
    "short buried": {
        "arguments": {
            "x-max-length": 1,
            "x-overflow": "reject-publish-dlx",
            "x-dead-letter-exchange": "",
            "x-dead-letter-routing-key": "graves of the refused",
        }
    },
    "dropping": {
        "arguments": {
            "x-max-length": 2,
            "x-dead-letter-exchange": "",
            "x-dead-letter-routing-key": "graves of the dropped",
        }
    },
    "dropping bytes": {"durable": True, "arguments": {"x-max-length-bytes": 80}},
    "expiring at once": {"arguments": {"x-message-ttl": 0, "x-max-length": 1, **REJECTS}},
    "expiring": {"arguments": {"x-message-ttl": 1000}},
    "unique": {"arguments": DEDUPLICATES},
    "unique lately": {"durable": True, "arguments": {**DEDUPLICATES, "x-cache-size": 2}},
    "unique and short": {"arguments": {**DEDUPLICATES, "x-max-length": 1}},
    "by priority": {"arguments": {"x-max-priority": 3, "x-max-length": 2}},
    "worked on": {"arguments": {"x-max-length": 1, **REJECTS}},
    "dropping, worked on": {"arguments": {"x-max-length": 1}},
    "graves of the refused": {},
    "graves of the dropped": {},
}
EXCHANGES: dict[str, dict[str, Any]] = {
    "direct": {"type": "direct"},
    "once": {"type": "direct", "arguments": {**DEDUPLICATES, "x-cache-size": 2}},
    "history": {"type": "x-recent-history"},
}
BINDINGS = (
    ("direct", "two", "transient"),
    ("direct", "two", "durable"),
    ("direct", "full", "transient"),
    ("direct", "full", "short"),
    ("direct", "full", "short durable"),
    ("direct", "kept a", "transient"),
    ("direct", "kept b", "durable"),
    ("once", "a", "transient"),
    ("once", "b", "durable"),
    ("once", "full", "short"),
    ("amq.topic", "#", "durable"),
    ("amq.headers", "", "expiring"),
)
PLACES = (
    *[("", name) for name in QUEUES if not name.startswith("graves")],
    ("", "nowhere"),
    *[(exchange, key) for exchange, key, _ in BINDINGS],
    ("direct", "nowhere"),
    ("nowhere", ""),
)
KINDS: tuple[dict[str, Any], ...] = (
    {},
    {},
    {},
    {"delivery_mode": 2},
    {"delivery_mode": 2},
    {"priority": 2},
    {"expiration": "1000"},
    {"expiration": "0"},
    {"expiration": "soon"},
    {"user_id": "guest"},
    {"user_id": "somebody"},
    {"reply_to": "amq.rabbitmq.reply-to"},
    {"headers": {"CC": ["short"]}},
    {"headers": {"CC": ["transient", "durable"], "BCC": ["dropping"]}, "delivery_mode": 2},
    {"headers": {"CC": "no list"}},
    {"headers": {"x-deduplication-header": 1}},
    {"headers": {"x-deduplication-header": 2}, "delivery_mode": 2},
)


@dataclass(frozen=True)
class Publish:
    """A publish with its content."""

    channel: int
    exchange: str
    routing_key: str
    kind: int
    mandatory: bool
    size: int

    def encode(self, number: int) -> bytes:
        properties = encode_properties(**KINDS[self.kind])
        return publication(
            self.channel,
            self.exchange,
            self.routing_key,
            b"%d " % number + bytes(self.size),
            properties,
            mandatory=self.mandatory,
        )


@dataclass(frozen=True)
class Settle:
    """The end of a transaction."""

    commits: bool

    channel = TRANSACTION

    def encode(self, number: int) -> bytes:
        return encode(self.channel, m.TxCommit() if self.commits else m.TxRollback())


Unit = Publish | Settle


class SmallDisk(HeldStore):
    """A slow store that can be out of space; it writes all the same, to its reserve."""

    __slots__ = ("is_full",)

    def __init__(self) -> None:
        super().__init__()
        self.is_full = False

    @property
    def full(self) -> bool:
        return self.is_full

    def free_bytes(self) -> int:
        return 0 if self.is_full else 1 << 30


@dataclass
class Told:
    """What the client of one channel was told about its publishes."""

    answers: dict[int, str] = field(default_factory=dict)
    returned: list[bytes] = field(default_factory=list)
    rest: list[Any] = field(default_factory=list)
    """Other methods; a commit that waits for the disk is answered after a later rollback."""

    @property
    def is_closed(self) -> bool:
        return any(isinstance(item, m.ChannelClose) for item in self.rest)

    def take(self, items: Sequence[Any]) -> None:
        for item in items:
            assert not self.is_closed, "nothing follows the end of a channel"
            if isinstance(item, m.BasicAck | m.BasicNack):
                self._answer(item)
            elif isinstance(item, Content):
                assert isinstance(item.method, m.BasicReturn)
                self.returned.append(item.body)
            else:
                self.rest.append(item)
        self.rest.sort(key=lambda method: method.name, reverse=True)

    def _answer(self, answer: m.BasicAck | m.BasicNack) -> None:
        tag = answer.delivery_tag
        first = 1 if answer.multiple else tag
        told = {n: answer.name for n in range(first, tag + 1) if n not in self.answers}
        assert tag in told, f"{tag} was answered before"
        self.answers.update(told)


class World:
    """A broker with all its queues, and one publisher with several channels."""

    def __init__(self, budget: int = PASS_UNITS) -> None:
        self.store = SmallDisk()
        self.wire = Wire(self.store)
        self.wire.broker.budget.units = budget
        self.administration = self.wire.login().channel()
        self._declare()
        self.consumer = self.wire.login().channel()
        self.consumer.call(m.BasicQos(prefetch_count=2))
        for queue in ("worked on", "dropping, worked on"):
            self.consumer.consume(queue, queue)
        self.publisher = self.wire.login()
        for number in NUMBERS:
            self._open(number)
        self.deliveries: dict[str, list[bytes]] = defaultdict(list)
        self._catch_up()

    def _declare(self) -> None:
        call = self.administration.call
        for name, options in QUEUES.items():
            self.administration.queue(name, **options)
        for name, options in EXCHANGES.items():
            call(m.ExchangeDeclare(exchange=name, **options))
        for key in ("kept a", "kept b"):
            call(m.ExchangeBind(destination="history", source="direct", routing_key=key))
        for exchange, key, queue in BINDINGS:
            call(m.QueueBind(queue=queue, exchange=exchange, routing_key=key))

    def _open(self, number: int) -> None:
        channel = self.publisher.channel(number)
        if number in CONFIRMING:
            channel.call(m.ConfirmSelect())
        elif number == TRANSACTION:
            channel.call(m.TxSelect())

    def _catch_up(self) -> None:
        """The disk has everything by now."""
        self.wire.broker.commit()
        self.store.sync()
        self.wire.stored()

    def turn_full(self, is_full: bool) -> None:
        self.store.is_full = is_full
        self.wire.broker.watch_disk(1)

    def write(self, pieces: Sequence[bytes]) -> dict[int, Told]:
        """Have the publisher write; returns what it is told on each channel until all is safe."""
        told = {number: Told() for number in NUMBERS}
        for piece in pieces:
            self.publisher.send_bytes(piece)
            self._finish()
            self._hear(told)
        self._catch_up()
        self._hear(told)
        for number in NUMBERS:
            if told[number].is_closed:
                self.publisher.send(number, m.ChannelCloseOk())
                self._open(number)
        assert self.publisher.received(0) == []
        return told

    def _finish(self) -> None:
        """Have passes until nothing is left that was too much for one."""
        for _ in range(PASSES_MAX):
            if self.publisher.connection.deferral.stalled:
                self.publisher.send_bytes(b"")
            elif self.wire.broker.unfinished:
                self.wire.end_pass()
            else:
                return
        raise AssertionError(f"not done after {PASSES_MAX} passes")

    def restart_numbers(self) -> None:
        """Begin with new channels, whose numbers begin at 1."""
        for number in NUMBERS:
            Channel(self.publisher, number).close()
            self._open(number)

    def _hear(self, told: dict[int, Told]) -> None:
        for number in NUMBERS:
            told[number].take(self.publisher.received(number))
        for item in self.consumer.received():
            self.deliveries[item.method.consumer_tag].append(item.body)

    def contents(self) -> dict[str, Any]:
        """Everything that waits anywhere, in its order, and what went by."""
        reader = self.wire.login().channel()
        found: dict[str, Any] = {"delivered": dict(self.deliveries)}
        reader.queue("from the history")
        reader.call(m.QueueBind(queue="from the history", exchange="history"))
        for name in (*QUEUES, "from the history"):
            found[name] = list(_all_of(reader, name))
        return found


def _all_of(channel: Channel, queue: str) -> Iterator[tuple[bytes, bytes]]:
    while isinstance(got := channel.call(m.BasicGet(queue=queue, no_ack=True)), Content):
        yield got.body, got.properties


def cut(data: bytes, places: Sequence[int]) -> list[bytes]:
    ends = sorted({place % (len(data) + 1) for place in places})
    return [data[a:b] for a, b in zip([0, *ends], [*ends, len(data)], strict=True) if a < b]


publishes = st.builds(
    lambda channel, place, kind, mandatory, size: Publish(channel, *place, kind, mandatory, size),
    st.sampled_from((1, 1, 1, 2, 3, 4)),
    st.sampled_from(PLACES),
    st.integers(0, len(KINDS) - 1),
    st.booleans(),
    st.sampled_from((0, 1, 30)),
)
units = publishes | st.builds(Settle, st.booleans())


@st.composite
def writes(draw: st.DrawFn) -> list[Unit]:
    """A write: publishes that take turns between a few places, as publishers do, or any."""
    few = draw(st.lists(units, min_size=1, max_size=4))
    return draw(st.lists(st.sampled_from(few), max_size=16) | st.lists(units, max_size=8))


steps = st.lists(
    st.tuples(writes(), st.lists(st.integers(0, 1 << 14), max_size=4)) | st.booleans(), max_size=8
)


def plain(channel: int, key: str, kind: int = 0, exchange: str = "") -> Publish:
    return Publish(channel, exchange, key, kind, False, 0)


BAD_EXPIRATION = KINDS.index({"expiration": "soon"})
COPIES = KINDS.index({"headers": {"CC": ["short"]}})
ONE, TWO = (
    KINDS.index({"headers": {"x-deduplication-header": 1}}),
    KINDS.index({"headers": {"x-deduplication-header": 2}, "delivery_mode": 2}),
)
KNOWN = [plain(1, "transient"), plain(1, "short")]
IN_TURN = [plain(1, "short"), plain(1, "transient")] * 4


@settings(deadline=None, max_examples=60)
@given(steps, st.sampled_from((PASS_UNITS, SMALL_BUDGET)))
@example([(KNOWN, []), (IN_TURN, [])], PASS_UNITS)
@example([(KNOWN, []), ([*KNOWN, plain(1, "short", BAD_EXPIRATION), *KNOWN], [])], PASS_UNITS)
@example([(KNOWN, []), ([*KNOWN, plain(1, "transient", COPIES)] * 2, [])], PASS_UNITS)
@example([([plain(1, "expiring at once")] * 2, [])], PASS_UNITS)
@example([([plain(1, "unique and short", kind) for kind in (ONE, TWO, ONE)], [])], PASS_UNITS)
@example([([plain(1, "kept a", 0, "direct"), plain(1, "kept b", 0, "direct")] * 3, [])] * 2, 1)
@example([([plain(1, "worked on")] * 8, [])], SMALL_BUDGET)
@example([([plain(1, "dropping"), plain(1, "worked on"), plain(2, "short buried")] * 4, [])], 1)
def test_one_write_is_as_good_as_one_publish_at_a_time(steps: list[Any], budget: int) -> None:
    together, alone = World(budget), World()
    number = 0
    for step in steps:
        if isinstance(step, bool):
            for world in (together, alone):
                world.turn_full(step)
            continue
        units, places = step
        frames = [unit.encode(number + at) for at, unit in enumerate(units)]
        number += len(units)
        told = together.write(cut(b"".join(frames), places))
        assert told == alone.write(frames)
        _check_numbers(told, units)
        for world in (together, alone):
            world.restart_numbers()
    assert together.contents() == alone.contents()


def _check_numbers(told: dict[int, Told], units: Sequence[Unit]) -> None:
    """Every publish that was not refused by the end of its channel has exactly one answer."""
    for number in CONFIRMING:
        published = sum(unit.channel == number for unit in units)
        answered = len(told[number].answers)
        assert set(told[number].answers) == set(range(1, answered + 1))
        closed = told[number].is_closed
        assert answered < published if closed else answered == published


def test_a_queue_whose_consumer_keeps_up_refuses_nothing_however_long_the_read() -> None:
    """The budget of a pass is used up on the way, which is nothing that a publisher may notice."""
    wire = Wire()
    publisher, consumer = wire.login(), wire.login().channel()
    channel = publisher.channel()
    channel.queue("short", arguments={"x-max-length": 1, **REJECTS})
    consumer.consume("short", no_ack=True)
    channel.call(m.ConfirmSelect())
    count = 2 * PASS_UNITS // (ROUTED + ENQUEUED)
    publisher.send_bytes(publication(1, "", "short", b"x") * count)
    wire.end_pass()
    while publisher.connection.deferral.stalled:
        publisher.send_bytes(b"")
    assert not any(isinstance(answer, m.BasicNack) for answer in channel.received())
    assert consumer.bodies() == [b"x"] * count
