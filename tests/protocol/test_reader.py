import struct
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warrener.protocol import methods as m
from warrener.protocol.errors import FrameError, ProtocolError, UnexpectedFrame
from warrener.protocol.frames import (
    BODY,
    HEADER,
    HEARTBEAT_FRAME,
    METHOD,
    content_frames,
    frame,
    refit,
    split_content,
)
from warrener.protocol.properties import Properties, encode_properties
from warrener.protocol.publication import Publication
from warrener.protocol.reader import Reader
from warrener.protocol.tables import encode_table

FRAME_MAX = 512
PLAIN = encode_properties()
TEXT = encode_properties(content_type="text/plain", delivery_mode=2)


class Published(NamedTuple):
    """One message, as the sink is given it."""

    channel: int
    method: bytes
    properties: bytes
    content: bytes


class Call(NamedTuple):
    """One call on the sink about anything else."""

    name: str
    channel: int
    argument: Any = None


Calls = list[Published | Call]


class Message(NamedTuple):
    envelope: bytes
    properties: Properties
    content: bytes
    channel: int


class ChannelPublication(Publication):
    __slots__ = ("channel",)

    def __init__(self, channel: int, envelope: bytes) -> None:
        super().__init__(envelope)
        self.channel = channel


class RecordingSink:
    """A broker that only writes down what it is told.

    It remembers publications unless told otherwise, loses all of them at every `forgets`th call,
    passes over what is published on a channel of `deaf`, and lets runs be gathered side by side
    if they are of different channels.
    """

    def __init__(
        self,
        *,
        remembers: bool = True,
        forgets: int = 0,
        size_max: int = 1 << 40,
        deaf: Iterable[int] = (),
    ) -> None:
        self.publications: dict[bytes, Publication] = {}
        self.calls: Calls = []
        self.runs: list[int] = []
        self.gathered: set[int] = set()
        self._remembers = remembers
        self._forgets = forgets
        self.size_max = size_max
        self._deaf = set(deaf)

    def publication(self, channel: int, method_frame: bytes) -> Publication | None:
        if channel in self._deaf:
            return None
        publication = ChannelPublication(channel, method_frame[7:-1])
        if self._remembers:
            self.publications[method_frame] = publication
        return publication

    def gather(self, publication: "ChannelPublication", first: bool) -> bool:
        if first:
            self.gathered.clear()
        elif publication.channel in self.gathered:
            return False
        self.gathered.add(publication.channel)
        return True

    def publish(self, publication: Publication, messages: list[Message], size: int) -> None:
        assert messages, "a run is never empty"
        assert size == sum(len(message.content) for message in messages)
        for message in messages:
            assert message.envelope is publication.envelope
            self._note(
                Published(
                    message.channel, message.envelope, message.properties.raw, message.content
                )
            )
        self.runs.append(len(messages))

    def acknowledge(self, channel: int, tags: list[int], multiple: bool) -> None:
        for tag in tags:
            self._note(Call("acknowledge", channel, (tag, multiple)))

    def method(self, channel: int, payload: bytes) -> None:
        self._note(Call("method", channel, payload))

    def unexpected_content(self, channel: int) -> None:
        if channel not in self._deaf:
            raise UnexpectedFrame(f"content on channel {channel}")

    def refuse_size(self, channel: int, size: int) -> bool:
        if size <= self.size_max:
            return False
        self._note(Call("refuse_size", channel, size))
        self._deaf.add(channel)
        self.publications.clear()
        return True

    def _note(self, call: Published | Call) -> None:
        self.calls.append(call)
        if self._forgets and not len(self.calls) % self._forgets:
            self.publications.clear()


def read(pieces: Iterable[bytes], sink: RecordingSink | None = None) -> RecordingSink:
    """Feed the pieces to a reader; returns its sink."""
    sink = sink or RecordingSink()
    reader = Reader(sink, Message, FRAME_MAX, sink.size_max)
    for piece in pieces:
        reader.feed(piece)
    return sink


def read_until_error(
    pieces: Iterable[bytes], sink: RecordingSink | None = None
) -> tuple[Calls, type[ProtocolError] | None]:
    """What the sink was told, and the error that ended it."""
    sink = sink or RecordingSink()
    try:
        read(pieces, sink)
    except ProtocolError as error:
        return sink.calls, type(error)
    return sink.calls, None


def byte_by_byte(stream: bytes) -> Iterator[bytes]:
    return (stream[at : at + 1] for at in range(len(stream)))


def frame_by_frame(stream: bytes) -> Iterator[bytes]:
    while stream:
        end = 8 + int.from_bytes(stream[3:7], "big")
        yield stream[:end]
        stream = stream[end:]


def cut(stream: bytes, places: Iterable[int]) -> list[bytes]:
    ends = [*sorted(places), len(stream)]
    return [stream[start:end] for start, end in zip([0, *ends], ends, strict=False)]


# What a client says, as frames and as the call that they must lead to


class Said(NamedTuple):
    frames: list[bytes]
    call: Published | Call | None


def publish(
    channel: int = 1,
    routing_key: str = "",
    body: bytes = b"",
    properties: bytes = PLAIN,
    body_frame: int = FRAME_MAX,
) -> Said:
    method = m.BasicPublish(exchange="", routing_key=routing_key).encode()
    content = content_frames(properties, body, channel, body_frame)
    frames = [frame(METHOD, channel, method), *frame_by_frame(content)]
    return Said(frames, Published(channel, method, properties, content))


def ack(channel: int = 1, tag: int = 1, multiple: bool = False) -> Said:
    method = m.BasicAck(tag, multiple)
    return Said(
        [frame(METHOD, channel, method.encode())], Call("acknowledge", channel, (tag, multiple))
    )


def say(method: Any, channel: int = 1) -> Said:
    payload = method.encode()
    return Said([frame(METHOD, channel, payload)], Call("method", channel, payload))


HEARTBEAT = Said([HEARTBEAT_FRAME], None)


def stream_of(*said: Said) -> bytes:
    return b"".join(b"".join(each.frames) for each in said)


def calls_of(*said: Said) -> Calls:
    return [each.call for each in said if each.call]


routing_keys = st.sampled_from(["", "a", "tasks"])
bodies = st.one_of(
    st.sampled_from([b"", b"x", b"y", b"hello", bytes(100)]), st.binary(max_size=1200)
)
publishes = st.builds(
    publish,
    channel=st.just(1),
    routing_key=routing_keys,
    body=bodies,
    properties=st.sampled_from([PLAIN, TEXT]),
    body_frame=st.sampled_from([FRAME_MAX, FRAME_MAX, 64, 9]),
)
others = st.one_of(
    st.builds(ack, tag=st.integers(0, 1 << 40), multiple=st.booleans()),
    st.builds(
        say,
        st.sampled_from(
            [
                m.BasicNack(3, requeue=False),
                m.QueueDeclare(queue="q"),
                m.BasicQos(),
                m.ChannelFlow(True),
            ]
        ),
    ),
    st.just(HEARTBEAT),
)
repeated_publishes = st.builds(lambda said, count: [said] * count, publishes, st.integers(1, 6))
repeated_others = st.builds(lambda said, count: [said] * count, others, st.integers(1, 3))
conversations = st.lists(st.one_of(repeated_publishes, repeated_others), max_size=6).map(
    lambda groups: [said for group in groups for said in group]
)


@st.composite
def interleaved(draw: st.DrawFn) -> tuple[bytes, Calls]:
    """Conversations on three channels, their frames mixed, and the calls in the order due."""
    waiting = {channel: _readdressed(draw(conversations), channel) for channel in (1, 2, 300)}
    stream, calls = b"", []
    while any(waiting.values()):
        channel = draw(st.sampled_from([number for number, said in waiting.items() if said]))
        for _ in range(draw(st.integers(1, 8))):
            if not waiting[channel]:
                break
            following, last, call = waiting[channel].pop(0)
            stream += following
            if last and call:
                calls.append(call)
    return stream, calls


def _readdressed(
    conversation: list[Said], channel: int
) -> list[tuple[bytes, bool, Published | Call | None]]:
    """Single frames for `channel`, the last of each with the call that it leads to."""
    singles = []
    for said in conversation:
        call = said.call
        if isinstance(call, Published):
            call = call._replace(channel=channel, content=_move(call.content, channel))
        elif call:
            call = call._replace(channel=channel)
        frames = said.frames if said is HEARTBEAT else [_move(f, channel) for f in said.frames]
        singles += [(each, each is frames[-1], call) for each in frames]
    return singles


def _move(frames: bytes, channel: int) -> bytes:
    return b"".join(
        each[:1] + channel.to_bytes(2, "big") + each[3:] for each in frame_by_frame(frames)
    )


# The same calls, however the bytes come

A_BIT_OF_EVERYTHING = (
    publish(routing_key="a", body=b"hello"),
    publish(routing_key="a", body=b"world"),
    publish(routing_key="a", body=b"!", properties=TEXT),
    ack(tag=1),
    ack(tag=2),
    HEARTBEAT,
    publish(channel=2, body=b""),
    publish(channel=2, body=b""),
    say(m.QueueDeclare(queue="tasks", durable=True)),
    publish(routing_key="a", body=bytes(70), body_frame=40),
    publish(routing_key="a", body=b"again"),
    publish(channel=2, body=b"again"),
    publish(routing_key="a", body=b"again"),
    ack(tag=9, multiple=True),
)


def in_order_by_channel(calls: Calls) -> dict[int, Calls]:
    """The calls of each channel: runs of different channels may change places."""
    found: dict[int, Calls] = {}
    for call in calls:
        found.setdefault(call.channel, []).append(call)
    return found


def methods_between(calls: Calls) -> list[int]:
    """How many messages stand before each other call: no message passes one of those."""
    return [at for at, call in enumerate(calls) if isinstance(call, Call)]


def assert_same(found: Calls, expected: Calls) -> None:
    assert in_order_by_channel(found) == in_order_by_channel(expected)
    assert methods_between(found) == methods_between(expected)


def test_a_stream_may_be_cut_anywhere():
    stream = stream_of(*A_BIT_OF_EVERYTHING)
    for offset in range(len(stream) + 1):
        found = read([stream[:offset], stream[offset:]]).calls
        assert_same(found, calls_of(*A_BIT_OF_EVERYTHING))


def test_a_stream_may_come_byte_by_byte():
    stream = stream_of(*A_BIT_OF_EVERYTHING)
    assert read(byte_by_byte(stream)).calls == calls_of(*A_BIT_OF_EVERYTHING)


@settings(deadline=None)
@given(interleaved())
def test_whole_and_frame_by_frame_and_byte_by_byte_are_the_same(conversation):
    stream, expected = conversation
    assert_same(read([stream]).calls, expected)
    assert read(frame_by_frame(stream)).calls == expected
    assert read(byte_by_byte(stream)).calls == expected


@settings(deadline=None)
@given(interleaved(), st.data())
def test_random_pieces_are_the_same(conversation, data):
    stream, expected = conversation
    places = data.draw(st.lists(st.integers(0, len(stream)), max_size=12))
    assert_same(read(cut(stream, places)).calls, expected)


@settings(deadline=None)
@given(interleaved())
def test_a_sink_that_remembers_nothing_is_told_the_same(conversation):
    stream, expected = conversation
    assert_same(read([stream], RecordingSink(remembers=False)).calls, expected)


@settings(deadline=None)
@given(interleaved(), st.integers(1, 4), st.data())
def test_a_sink_that_forgets_in_the_middle_is_told_the_same(conversation, forgets, data):
    stream, expected = conversation
    places = data.draw(st.lists(st.integers(0, len(stream)), max_size=6))
    assert_same(read(cut(stream, places), RecordingSink(forgets=forgets)).calls, expected)


@settings(deadline=None)
@given(interleaved())
def test_reading_just_what_is_missing_comes_to_the_same_end(conversation):
    stream, expected = conversation
    sink = RecordingSink()
    reader = Reader(sink, Message, FRAME_MAX)
    position = 0
    while position < len(stream):
        size = reader.missing or 7
        reader.feed(stream[position : position + size])
        position += size
    assert reader.missing == 0
    assert_same(sink.calls, expected)


@settings(deadline=None)
@given(interleaved(), st.data())
def test_what_is_missing_is_never_more_than_completes_a_message(conversation, data):
    stream, _ = conversation
    offset = data.draw(st.integers(0, len(stream)))
    sink = RecordingSink()
    reader = Reader(sink, Message, FRAME_MAX)
    reader.feed(stream[:offset])
    assert 0 <= reader.missing <= len(stream) - offset


# The three ways


def test_neighbours_of_one_shape_are_one_run():
    sink = read([stream_of(*[publish(body=b"hello")] * 50)])
    assert sink.runs == [50]


def test_neighbours_to_one_place_are_one_run_whatever_their_size():
    said = [publish(body=bytes(size)) for size in (5, 5, 0, 7, 7, 1, 5)]
    sink = read([stream_of(*said)])
    assert sink.runs == [7]
    assert sink.calls == calls_of(*said)


def test_runs_that_may_stand_side_by_side_are_gathered_over_each_other():
    one, other = publish(channel=1, body=b"1"), publish(channel=2, body=b"2")
    sink = read([stream_of(*[one, other] * 10)])
    assert len(sink.runs) < 5
    assert_same(sink.calls, calls_of(*[one, other] * 10))


def test_runs_that_may_not_are_handed_over_in_turn():
    one, other = publish(routing_key="one"), publish(routing_key="other")
    assert read([stream_of(*[one, other] * 5)]).calls == calls_of(*[one, other] * 5)


def test_a_method_between_ends_a_run():
    said = [publish(body=b"1"), say(m.QueueDelete(queue="q")), publish(body=b"2")]
    assert read([stream_of(*said)]).calls == calls_of(*said)


def test_acknowledgements_of_one_kind_are_one_call():
    class Counting(RecordingSink):
        calls_of_acknowledge = 0

        def acknowledge(self, channel: int, tags: list[int], multiple: bool) -> None:
            self.calls_of_acknowledge += 1
            super().acknowledge(channel, tags, multiple)

    said = [ack(tag=tag) for tag in (1, 2, 3)] + [ack(tag=9, multiple=True), ack(channel=2)]
    sink = Counting()
    assert read([stream_of(*said)], sink).calls == calls_of(*said)
    assert sink.calls_of_acknowledge == 3


def test_bits_of_an_ack_without_a_meaning_are_ignored():
    payload = m.BasicAck(5).encode()[:-1] + b"\xfe"
    assert read([frame(METHOD, 1, payload)]).calls == [Call("acknowledge", 1, (5, False))]


def test_properties_are_checked_once_and_shared():
    class Keeping(RecordingSink):
        properties: tuple[Properties, ...] = ()

        def publish(self, publication: Publication, messages: list[Message], size: int) -> None:
            self.properties += tuple(message.properties for message in messages)
            super().publish(publication, messages, size)

    sink = Keeping()
    read([stream_of(*[publish(body=bytes(size), properties=TEXT) for size in (1, 2, 300)])], sink)
    assert len({id(properties) for properties in sink.properties}) == 1


def test_a_body_in_several_frames_keeps_them():
    said = publish(body=bytes(1000), body_frame=108)
    (message,) = read([stream_of(said)]).calls
    assert message.content == b"".join(said.frames[1:])


# Contents that are passed over


def test_the_content_of_a_closed_channel_is_passed_over():
    stream = stream_of(publish(body=b"1"), publish(channel=2, body=b"2"), publish(body=b"3"))
    sink = RecordingSink(deaf={1})
    assert read([stream], sink).calls == calls_of(publish(channel=2, body=b"2"))


def test_a_content_that_is_abandoned_is_passed_over_as_well():
    first = publish(body=bytes(100), body_frame=20)
    sink = RecordingSink()
    reader = Reader(sink, Message, FRAME_MAX)
    reader.feed(b"".join(first.frames[:4]))
    reader.abandon(1)
    reader.feed(stream_of(say(m.ChannelCloseOk())))
    assert sink.calls == calls_of(say(m.ChannelCloseOk()))


def test_a_body_too_large_is_refused_when_it_is_announced():
    said = publish(body=bytes(600))
    method, header, *_ = said.frames
    sink = read([method + header], RecordingSink(size_max=599))
    assert sink.calls == [Call("refuse_size", 1, 600)]


def test_a_refused_body_is_passed_over():
    sink = RecordingSink(size_max=599)
    read([stream_of(publish(body=bytes(600)), publish(channel=2, body=b"2"))], sink)
    assert sink.calls == [Call("refuse_size", 1, 600), *calls_of(publish(channel=2, body=b"2"))]


@pytest.mark.parametrize("pieces", [lambda stream: [stream], byte_by_byte])
def test_a_body_that_fits_one_frame_can_be_too_large_as_well(pieces):
    sink = RecordingSink(size_max=10)
    read(pieces(stream_of(publish(body=bytes(10)), publish(body=bytes(11)))), sink)
    assert sink.calls == [*calls_of(publish(body=bytes(10))), Call("refuse_size", 1, 11)]


class ClosingSink(RecordingSink):
    """Closes a channel at the first message to `nowhere`, until the client has confirmed that."""

    reader: Reader

    def publish(self, publication: Publication, messages: list[Message], size: int) -> None:
        channel = messages[0].channel
        if channel in self._deaf:
            return
        if b"nowhere" in publication.envelope:
            self._note(Call("closed", channel))
            self._deaf.add(channel)
            self.publications.clear()
            self.reader.abandon(channel)
            return
        super().publish(publication, messages, size)

    def method(self, channel: int, payload: bytes) -> None:
        self._deaf.discard(channel)
        super().method(channel, payload)


@pytest.mark.parametrize("pieces", [lambda stream: [stream], frame_by_frame, byte_by_byte])
def test_a_content_begun_behind_the_message_that_closes_its_channel_is_passed_over(pieces):
    """The client sees the close in the middle of its content, and goes no further with it."""
    large = publish(routing_key="a", body=bytes(100), body_frame=20)
    known = publish(routing_key="a", body=b"1")
    stream = stream_of(known, publish(routing_key="nowhere"))
    stream += b"".join(large.frames[:4]) + stream_of(say(m.ChannelCloseOk()), known)
    sink = ClosingSink()
    sink.reader = Reader(sink, Message, FRAME_MAX)
    for piece in pieces(stream):
        sink.reader.feed(piece)
    assert sink.calls == [
        known.call,
        Call("closed", 1),
        *calls_of(say(m.ChannelCloseOk()), known),
    ]


def test_frames_without_bytes_do_not_make_a_content_larger():
    """Any number of them may come: what nobody needs must not be kept."""
    method, header, body = publish(body=b"hello").frames
    stream = method + header + frame(BODY, 1, b"") * 1000 + body
    ((_, _, _, content),) = read([stream]).calls
    assert content == header + body


def test_the_limit_on_frames_may_change_in_the_middle_of_a_feed():
    """As when a client sends its tune-ok and a large publish in one go."""

    class Tuning(RecordingSink):
        reader: Reader

        def method(self, channel: int, payload: bytes) -> None:
            self.reader.frame_max = FRAME_MAX
            super().method(channel, payload)

    said = [say(m.ConnectionTuneOk(), channel=0), publish(body=bytes(600), body_frame=400)]
    sink = Tuning()
    sink.reader = Reader(sink, Message, 100)
    sink.reader.feed(stream_of(*said))
    assert sink.calls == calls_of(*said)


# What is no AMQP

METHOD_FRAME, HEADER_FRAME, BODY_FRAME = publish(body=b"hello").frames


def header(
    size: int,
    properties: bytes = PLAIN,
    class_id: int = 60,
    channel: int = 1,
    weight: int = 0,
) -> bytes:
    return frame(HEADER, channel, struct.pack(">HHQ", class_id, weight, size) + properties)


def with_end(data: bytes, end: bytes) -> bytes:
    return data[:-1] + end


def nested(depth: int) -> bytes:
    """A property list with a table of tables."""
    table: dict[str, Any] = {}
    encoded = encode_table(table)
    for _ in range(depth - 1):
        encoded = struct.pack(">I", len(encoded) + 3) + b"\x01xF" + encoded
    return b"\x20\x00" + encoded


MISTAKES = {
    "garbage": (b"\x16\x03\x01\x02\x00\x01\x00\x01", FrameError),
    "unknown frame type": (frame(4, 1, b"xx"), FrameError),
    "frame type zero": (frame(0, 0, b""), FrameError),
    "frame type zero for a header": (METHOD_FRAME + b"\0" + HEADER_FRAME[1:], FrameError),
    "method frame with a wrong end": (with_end(METHOD_FRAME, b"\xcd"), FrameError),
    "heartbeat with a wrong end": (with_end(HEARTBEAT_FRAME, b"\0"), FrameError),
    "header with a wrong end": (METHOD_FRAME + with_end(HEADER_FRAME, b"\0"), FrameError),
    "body with a wrong end": (METHOD_FRAME + HEADER_FRAME + with_end(BODY_FRAME, b"x"), FrameError),
    "method frame too large": (struct.pack(">BHI", METHOD, 1, FRAME_MAX + 1), FrameError),
    "header too large": (METHOD_FRAME + struct.pack(">BHI", HEADER, 1, FRAME_MAX + 1), FrameError),
    "body frame too large": (
        METHOD_FRAME + header(10_000) + struct.pack(">BHI", BODY, 1, FRAME_MAX + 1),
        FrameError,
    ),
    "heartbeat on channel 1": (frame(8, 1, b""), UnexpectedFrame),
    "heartbeat with a payload": (frame(8, 0, b"alive"), FrameError),
    "method inside content": (METHOD_FRAME + METHOD_FRAME, UnexpectedFrame),
    "method inside body": (
        METHOD_FRAME + header(10) + BODY_FRAME + stream_of(say(m.ChannelClose())),
        UnexpectedFrame,
    ),
    "ack inside content": (METHOD_FRAME + stream_of(ack()), UnexpectedFrame),
    "second header": (METHOD_FRAME + header(10) + header(10), UnexpectedFrame),
    "second header after body": (
        METHOD_FRAME + header(10) + BODY_FRAME + header(10),
        UnexpectedFrame,
    ),
    "body longer than announced": (METHOD_FRAME + header(4) + BODY_FRAME, FrameError),
    "body longer in its second frame": (
        METHOD_FRAME + header(9) + BODY_FRAME + BODY_FRAME,
        FrameError,
    ),
    "body before header": (METHOD_FRAME + BODY_FRAME, UnexpectedFrame),
    "body where a method is due": (BODY_FRAME, UnexpectedFrame),
    "header where a method is due": (HEADER_FRAME, UnexpectedFrame),
    "header on another channel": (METHOD_FRAME + header(5, channel=2), UnexpectedFrame),
    "header of another class": (METHOD_FRAME + header(5, class_id=50), UnexpectedFrame),
    "header with a weight": (METHOD_FRAME + header(5, weight=1) + BODY_FRAME, UnexpectedFrame),
    "header with a weight, body empty": (METHOD_FRAME + header(0, weight=0x100), UnexpectedFrame),
    "header without its size": (METHOD_FRAME + frame(HEADER, 1, b"\0\x3c\0\0\0"), FrameError),
    "header without flags": (METHOD_FRAME + header(5, properties=b""), FrameError),
    "header with half a flag": (METHOD_FRAME + header(5, properties=b"\x80"), FrameError),
    "property cut off": (METHOD_FRAME + header(0, properties=b"\x80\0\xffx"), FrameError),
    "bytes behind the properties": (METHOD_FRAME + header(0, properties=b"\0\0x"), FrameError),
    "property without a meaning": (METHOD_FRAME + header(0, properties=b"\0\2"), FrameError),
    "headers nested too deep": (METHOD_FRAME + header(0, properties=nested(33)), FrameError),
    "more than 512 MiB announced": (METHOD_FRAME + header((512 << 20) + 1), FrameError),
    "more than anyone has announced": (METHOD_FRAME + header(2**64 - 1), FrameError),
}
mistakes = pytest.mark.parametrize(
    ("stream", "error"), MISTAKES.values(), ids=[name.replace(" ", "-") for name in MISTAKES]
)


@mistakes
def test_a_mistake_is_told_by_its_class(stream, error):
    with pytest.raises(error) as caught:
        read([stream])
    assert type(caught.value) is error
    assert caught.value.text


@mistakes
def test_a_mistake_is_the_same_byte_by_byte(stream, error):
    assert read_until_error(byte_by_byte(stream)) == ([], error)


@mistakes
def test_what_came_before_a_mistake_counts(stream, error):
    said = [publish(body=b"1"), publish(body=b"2"), ack(), publish(body=b"3")]
    assert read_until_error([stream_of(*said) + stream]) == (calls_of(*said), error)


@pytest.mark.parametrize("said", [publish(body=b"hello"), publish(), ack()])
def test_a_wrong_end_is_found_in_the_middle_of_a_run(said):
    stream = stream_of(said, said) + with_end(stream_of(said), b"\0") + stream_of(said)
    assert read_until_error([stream]) == (calls_of(said, said), FrameError)
    assert read_until_error(byte_by_byte(stream)) == (calls_of(said, said), FrameError)


def test_a_body_frame_after_an_empty_body_is_not_due():
    said = publish(body=b"")
    stream = stream_of(said) + BODY_FRAME
    assert read_until_error([stream]) == (calls_of(said), UnexpectedFrame)
    assert read_until_error(byte_by_byte(stream)) == (calls_of(said), UnexpectedFrame)


def test_a_frame_that_is_too_large_is_refused_by_its_head():
    with pytest.raises(FrameError, match="at most 512"):
        read([struct.pack(">BHI", BODY, 1, FRAME_MAX + 1)])


def test_a_payload_as_large_as_a_frame_is_accepted_and_cut_anew():
    """As RabbitMQ does; what is sent on keeps to what was negotiated, frame head and end too."""
    said = publish(body=bytes(FRAME_MAX), body_frame=FRAME_MAX + 8)
    (published,) = read([stream_of(said)]).calls
    (original,) = calls_of(said)
    assert published.content == refit(original.content, 1, FRAME_MAX)
    assert split_content(published.content) == (PLAIN, bytes(FRAME_MAX))


def test_headers_as_deep_as_allowed_are_accepted():
    said = publish(properties=nested(32))
    assert read([stream_of(said)]).calls == calls_of(said)


def test_a_body_frame_without_bytes_is_accepted():
    method, head, body = publish(body=b"hello").frames
    empty = frame(BODY, 1, b"")
    for stream in (method + head + empty + body, method + head + body[:-6] + body[-6:]):
        ((_, _, _, content),) = read([stream]).calls
        assert content.endswith(body)


def test_a_method_that_does_not_exist_is_the_sinks_business():
    payload = b"\x00\x63\x00\x01"
    assert read([frame(METHOD, 1, payload)]).calls == [Call("method", 1, payload)]


def test_a_method_frame_too_short_for_a_method_is_the_sinks_business():
    assert read([frame(METHOD, 1, b"\x00")]).calls == [Call("method", 1, b"\x00")]


# Whatever else may come


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_do_worse_than_a_protocol_error(stream):
    read_until_error([stream])


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A valid stream in which some bytes were changed, inserted, cut out or moved."""
    stream = bytearray(draw(interleaved())[0])
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(stream)))
        match draw(st.sampled_from(["change", "insert", "cut", "repeat"])):
            case "change":
                stream[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
            case "insert":
                stream[at:at] = draw(st.binary(min_size=1, max_size=4))
            case "cut":
                del stream[at : at + draw(st.integers(1, 8))]
            case "repeat":
                stream[at:at] = stream[at : at + draw(st.integers(1, 40))]
    return bytes(stream)


@settings(deadline=None, max_examples=200)
@given(mutated(), st.data())
def test_a_damaged_stream_ends_in_the_same_error_however_it_comes(stream, data):
    calls, error = read_until_error(byte_by_byte(stream))
    found, found_error = read_until_error([stream])
    assert found_error is error
    assert_same(found, calls)
    places = data.draw(st.lists(st.integers(0, len(stream)), max_size=6))
    found, found_error = read_until_error(cut(stream, places))
    assert found_error is error
    assert_same(found, calls)
