"""The reader: bytes of a client in, calls on a sink out.

This is the hottest code of the broker, and its shape follows from that. There is no event
object per frame and no call per frame: a publish whose method, header and body frames are all
in the buffer is taken in one step, and publishes to the same place are handed to the sink as
one run, several runs side by side if they do not meet (bench S7). Three ways lead through
`feed`, from general to fast:

1.  *Frame by frame* (`_frame`, `_method`). Methods, contents in several frames, contents that
    are not complete yet. A content on its way is an `Assembly`, one for each channel.
2.  *A known publish* (`_read`). The bytes of the method frame, channel included, are the key
    under which the sink remembers what they mean; header and body are checked and cut out in
    one step (bench S7).
3.  *The same shape again* (`_repeat`). A publisher that sends many messages of one size to one
    place sends the same bytes again and again, up to where the body begins. One comparison
    with those of the message before replaces all parsing (bench S1, S9).

All three end in the same call on the sink, and nothing is taken for granted over a call out of
the loop that could have made it untrue: a shape holds only until the next different byte.
"""

import struct
from collections.abc import Callable
from typing import Any, Protocol

from warrener.protocol.assembly import Assembly
from warrener.protocol.errors import FrameError, ProtocolError, UnexpectedFrame
from warrener.protocol.frames import (
    BODY,
    FRAME_END,
    FRAME_HEAD_BYTES,
    FRAME_OVERHEAD_BYTES,
    HEADER,
    HEADER_FIXED_BYTES,
    HEADER_FRAME_FIXED_BYTES,
    HEARTBEAT,
    METHOD,
    refit,
    unpack_frame_head,
    unpack_header_frame,
)
from warrener.protocol.properties import Properties
from warrener.protocol.publication import Publication

BASIC = 60 << 16
"""Class and weight of a content header; a weight other than 0 has no meaning."""
PUBLISH = (60 << 16 | 40).to_bytes(4, "big")
ACK = (60 << 16 | 80).to_bytes(4, "big")
ACK_TAG_AT = FRAME_HEAD_BYTES + 4
ACK_BITS_AT = ACK_TAG_AT + 8
ACK_FRAME_BYTES = ACK_BITS_AT + 2
"""A basic.ack frame: the tag and one octet of bits behind class and method."""
_unpack_tag = struct.Struct(">Q").unpack_from

BODY_BYTES_MAX = 512 << 20
"""No content may announce more, as in RabbitMQ; the sink's own limit is usually far lower."""
REMEMBERED_BYTES_MAX = 2048
"""Content headers larger than this are read frame by frame and not remembered: a client must not
be able to fill the memory with what it publishes to nobody."""
KNOWN_PROPERTIES_MAX = 1024
"""Distinct property lists remembered for a connection: enough for publishers that repeat
theirs, small enough not to matter for those that put an id into each."""


class Sink(Protocol):
    """Who is told what was read."""

    publications: dict[bytes, Any]
    """Publications by their method frame."""

    def publication(self, channel: int, method_frame: bytes) -> Publication | None:
        """A basic.publish that is not remembered; None if its content is to be passed over."""

    def gather(self, publication: Any, first: bool) -> bool:
        """Whether a run may be gathered beside those under way; always, if it is the `first`.

        Runs gathered side by side are handed over one after the other, which changes the order
        between their messages. The sink agrees only if nobody can observe the difference. What it
        agreed to does not hold for a content with `special` properties: the reader hands over
        everything before such a content joins a run, and asks again.
        """

    def publish(self, publication: Any, messages: list[Any], size: int) -> None:
        """A run of complete messages, whose contents are `size` bytes together."""

    def acknowledge(self, channel: int, tags: list[int], multiple: bool) -> None:
        """One basic.ack after the other, all with the same flag."""

    def method(self, channel: int, payload: bytes) -> None:
        """Any other method."""

    def unexpected_content(self, channel: int) -> None:
        """A header or body frame without a publish. Raises: ProtocolError, unless to be ignored."""

    def refuse_size(self, channel: int, size: int) -> bool:
        """Whether a body of `size` bytes is too large; the sink then has told the client."""

    def refuse_unfinished(self, channel: int) -> None:
        """Too much has come of contents that are not complete: that of `channel` is given up."""


MakeMessage = Callable[[Any, Any, bytes, int], Any]


class Reader:
    """Cuts a connection's bytes into calls on `sink`.

    `make_message(envelope, properties, content, channel)` makes the messages that the sink is
    given. `frame_max` is the largest payload accepted; it may be changed at any time. Of a body
    larger than `body_max` the sink is asked whether to refuse it, and of contents that are not
    complete at most `unfinished_max` bytes are kept.
    """

    __slots__ = (
        "_assemblies",
        "_body_max",
        "_gathered",
        "_known",
        "_make_message",
        "_missing",
        "_parts",
        "_sink",
        "_unfinished_max",
        "frame_max",
        "paused",
        "unfinished_bytes",
    )

    def __init__(
        self,
        sink: Sink,
        make_message: MakeMessage,
        frame_max: int,
        body_max: int = BODY_BYTES_MAX,
        unfinished_max: int = 1 << 62,
    ) -> None:
        self._sink = sink
        self._body_max = body_max
        self._unfinished_max = unfinished_max
        self._make_message = make_message
        self.frame_max = frame_max
        self.unfinished_bytes = 0
        """What has come of contents that are not complete, on all channels."""
        self.paused = False
        """Set by the sink, in any call but `gather`, to have the rest kept; `take_back` gets it."""
        self._assemblies: dict[int, Assembly] = {}
        self._known: dict[bytes, Properties] = {}
        self._parts: list[bytes] = []
        """An incomplete frame or message at the end of what was fed."""
        self._missing = 0
        """Bytes that must come before it is worth looking at `_parts` again."""
        self._gathered: list[Publication] = []
        """Publications with a run under way."""

    @property
    def held_bytes(self) -> int:
        """What is kept of frames and contents that are not complete."""
        return self.unfinished_bytes + sum(map(len, self._parts))

    @property
    def missing(self) -> int:
        """How many bytes complete what was begun, as far as is known; 0 if nothing was."""
        return self._missing

    def abandon(self, channel: int) -> None:
        """Forget the content on its way on `channel`."""
        assembly = self._assemblies.pop(channel, None)
        if assembly is not None:
            self.unfinished_bytes -= assembly.size

    def take_back(self) -> bytes:
        """What was fed and not read: an incomplete frame or message, or the rest after a pause.

        It is forgotten here. It begins with the head of a frame.
        """
        parts, self._parts, self._missing = self._parts, [], 0
        return b"".join(parts)

    def give_back(self, data: bytes) -> None:
        """Keep what `take_back` has returned, perhaps with more behind it."""
        self._parts = [data]

    def feed(self, data: bytes) -> None:
        """Take in the next bytes.

        Raises: ProtocolError if they are no AMQP; the connection cannot be read further.
        """
        if self._missing:
            self._parts.append(data)
            self._missing -= len(data)
            if self._missing > 0:
                return
            data = b"".join(self._parts)
            self._parts = []
        try:
            done, self._missing = self._read(data)
        except ProtocolError:
            self._flush()
            raise
        if done < len(data):
            self._parts.append(data[done:])

    def _read(self, data: bytes) -> tuple[int, int]:
        """Read all that is complete; returns where that ends and how many bytes are missing."""
        publications = self._sink.publications
        assemblies = self._assemblies
        make_message = self._make_message
        limit = self.frame_max
        end = len(data)
        position = 0
        missing = 0
        while end - position >= FRAME_HEAD_BYTES:
            kind, channel, length = unpack_frame_head(data, position)
            stop = position + FRAME_OVERHEAD_BYTES + length
            if length > limit or kind not in _KINDS:
                # A tune-ok among the bytes just read may have raised it.
                limit = self.frame_max
                if length > limit or kind not in _KINDS:
                    raise FrameError(_explain_head(kind, length, limit))
            if stop > end:
                missing = stop - end
                break
            if data[stop - 1] != FRAME_END:
                raise FrameError(f"frame of type {kind} does not end with 0xCE")
            if kind != METHOD or channel in assemblies:
                self._flush()
                if self.paused:
                    break
                self._frame(kind, channel, data[position:stop])
                position = stop
                continue
            key = data[position:stop]
            publication: Publication | None = publications.get(key)
            if publication is None:
                self._flush()
                if self.paused:
                    break
                if key.startswith(ACK, FRAME_HEAD_BYTES) and len(key) == ACK_FRAME_BYTES:
                    position = self._acknowledgements(data, position, channel)
                    if self.paused:
                        break
                    continue
                publication = self._method(key, channel)
                if publication is None:
                    position = stop
                    if self.paused:
                        break
                    continue
            finish = stop + publication.content_size
            if finish > end or not (
                data.startswith(publication.shape, stop) and data[finish - 1] == FRAME_END
            ):
                finish = self._content(data, stop, channel, publication)
                if finish > end:
                    missing = finish - end
                    break
                if not finish:
                    if self._gathered:
                        # What is handed over now may close this very channel: look again.
                        self._flush()
                        continue
                    assemblies[channel] = Assembly(publication)
                    position = stop
                    continue
            run = publication.run
            if not run:
                self._join(publication)
            run.append(
                make_message(
                    publication.envelope, publication.properties, data[stop:finish], channel
                )
            )
            publication.run_size += finish - stop
            if data.startswith(key, finish):
                position = self._repeat(data, finish, key, publication, channel)
            else:
                position = finish
        else:
            if position < end:
                missing = FRAME_HEAD_BYTES - (end - position)
        self._flush()
        return position, missing

    def _repeat(
        self, data: bytes, position: int, key: bytes, publication: Publication, channel: int
    ) -> int:
        """Take the messages that follow in the same shape as the last one; returns their end."""
        envelope, properties = publication.envelope, publication.properties
        make_message = self._make_message
        add = publication.run.append
        shape = key + publication.shape
        skip = len(key)
        span = skip + publication.content_size
        start = position
        final = len(data) - span
        while (
            position <= final
            and data[position + span - 1] == FRAME_END
            and data.startswith(shape, position)
        ):
            content = data[position + skip : position + span]
            add(make_message(envelope, properties, content, channel))
            position += span
        publication.run_size += (position - start) // span * publication.content_size
        return position

    def _content(self, data: bytes, start: int, channel: int, publication: Publication) -> int:
        """Find the end of the content that begins at `start`, and remember its shape.

        The end is 0 if the content is not of the plain kind, one header and at most one body
        frame, or cannot be seen yet; it lies beyond the data if only bytes of body are missing.
        """
        end = len(data)
        if end - start < HEADER_FRAME_FIXED_BYTES:
            return 0
        kind, other, length, class_and_weight, size = unpack_header_frame(data, start)
        body: int = start + FRAME_OVERHEAD_BYTES + length
        limit = self.frame_max
        if (
            kind != HEADER
            or other != channel
            or class_and_weight != BASIC
            or not HEADER_FIXED_BYTES < length <= REMEMBERED_BYTES_MAX
            or size > limit - FRAME_OVERHEAD_BYTES
            or size > self._body_max
            or body > end
            or data[body - 1] != FRAME_END
        ):
            return 0
        finish: int = body
        if size:
            if body + FRAME_HEAD_BYTES > end:
                return 0
            kind, other, length = unpack_frame_head(data, body)
            if kind != BODY or other != channel or length != size:
                return 0
            finish = body + FRAME_OVERHEAD_BYTES + length
            if finish > end:
                return finish
            if data[finish - 1] != FRAME_END:
                return 0
        raw = data[start + HEADER_FRAME_FIXED_BYTES : body - 1]
        publication.properties = self._known.get(raw) or self._properties(raw)
        if publication.properties.special and not publication.special:
            # The sink may refuse it, and must have been given all that was published before it.
            self._flush()
            publication.special = True
        publication.shape = data[start : min(body + FRAME_HEAD_BYTES, finish)]
        publication.content_size = finish - start
        return finish

    def _join(self, publication: Publication) -> None:
        """Begin a run of `publication`, beside those under way or after handing them over."""
        if not self._sink.gather(publication, not self._gathered):
            self._flush()
            self._sink.gather(publication, True)
        self._gathered.append(publication)

    def _flush(self) -> None:
        """Hand the runs gathered so far to the sink."""
        if self._gathered:
            gathered, self._gathered = self._gathered, []
            for publication in gathered:
                run, publication.run = publication.run, []
                size, publication.run_size = publication.run_size, 0
                self._sink.publish(publication, run, size)

    def _acknowledgements(self, data: bytes, position: int, channel: int) -> int:
        """Take a run of basic.ack frames that are alike but for the tag; returns their end."""
        head = data[position : position + ACK_TAG_AT]
        multiple = data[position + ACK_BITS_AT] & 1
        tags = []
        final = len(data) - ACK_FRAME_BYTES
        while (
            position <= final
            and data.startswith(head, position)
            and data[position + ACK_BITS_AT] & 1 == multiple
            and data[position + ACK_FRAME_BYTES - 1] == FRAME_END
        ):
            tags.append(_unpack_tag(data, position + ACK_TAG_AT)[0])
            position += ACK_FRAME_BYTES
        self._sink.acknowledge(channel, tags, bool(multiple))
        return position

    def _method(self, frame: bytes, channel: int) -> Publication | None:
        """A method that is not remembered; returns the publication if it is a publish."""
        if frame.startswith(PUBLISH, FRAME_HEAD_BYTES):
            return self._sink.publication(channel, frame)
        self._sink.method(channel, frame[FRAME_HEAD_BYTES:-1])
        return None

    def _frame(self, kind: int, channel: int, frame: bytes) -> None:
        """A frame that is not a method, or a method where none is due."""
        if kind == HEARTBEAT:
            if channel:
                raise UnexpectedFrame(f"heartbeat on channel {channel}")
            if len(frame) > FRAME_OVERHEAD_BYTES:
                raise FrameError("heartbeat with a payload")
            return
        assembly = self._assemblies.get(channel)
        if assembly is None:
            self._sink.unexpected_content(channel)
        elif kind == METHOD:
            raise UnexpectedFrame(f"method on channel {channel} before the content was complete")
        elif kind == HEADER:
            self._begin_body(assembly, channel, frame)
        else:
            self._continue_body(assembly, channel, frame)

    def _begin_body(self, assembly: Assembly, channel: int, frame: bytes) -> None:
        if assembly.properties is not None:
            raise UnexpectedFrame(f"second content header on channel {channel}")
        if len(frame) < HEADER_FRAME_FIXED_BYTES + 1:
            raise FrameError("content header too short")
        _, _, _, class_and_weight, size = unpack_header_frame(frame, 0)
        if class_and_weight != BASIC:
            class_id, weight = divmod(class_and_weight, 1 << 16)
            raise UnexpectedFrame(
                f"content header of class {class_id} and weight {weight} after basic.publish"
            )
        if size > BODY_BYTES_MAX:
            raise FrameError(
                f"content of {size} bytes announced, at most {BODY_BYTES_MAX} possible"
            )
        if self._sink.refuse_size(channel, size):
            self.abandon(channel)
            return
        raw = frame[HEADER_FRAME_FIXED_BYTES:-1]
        assembly.properties = self._known.get(raw) or self._properties(raw)
        assembly.missing = size
        self._gather(assembly, channel, frame)

    def _continue_body(self, assembly: Assembly, channel: int, frame: bytes) -> None:
        if assembly.properties is None:
            raise UnexpectedFrame(f"content body before its header on channel {channel}")
        assembly.missing -= len(frame) - FRAME_OVERHEAD_BYTES
        if assembly.missing < 0:
            raise FrameError(f"content body longer than announced by {-assembly.missing} bytes")
        if len(frame) > FRAME_OVERHEAD_BYTES:
            # Of empty frames any number may come, and nobody needs them.
            self._gather(assembly, channel, frame)

    def _gather(self, assembly: Assembly, channel: int, frame: bytes) -> None:
        """Add a frame to a content, and hand it over if it was the last."""
        assembly.add(frame)
        self.unfinished_bytes += len(frame)
        if not assembly.missing:
            self._complete(assembly, channel)
        elif self.unfinished_bytes > self._unfinished_max:
            self.abandon(channel)
            self._sink.refuse_unfinished(channel)

    def _complete(self, assembly: Assembly, channel: int) -> None:
        self.abandon(channel)
        assert assembly.properties is not None, "a body has begun"
        content = b"".join(assembly.frames)
        if max(map(len, assembly.frames)) > self.frame_max:
            # As in RabbitMQ a payload may be as large as a frame; none is sent on like that.
            content = refit(content, channel, self.frame_max)
        publication = assembly.publication
        publication.special = publication.special or assembly.properties.special
        message = self._make_message(publication.envelope, assembly.properties, content, channel)
        self._sink.publish(publication, [message], len(content))

    def _properties(self, raw: bytes) -> Properties:
        """Check a property list that is new on this connection, and remember it."""
        properties = Properties(raw)
        properties.check()
        if len(raw) <= REMEMBERED_BYTES_MAX:
            if len(self._known) >= KNOWN_PROPERTIES_MAX:
                self._known.clear()
            self._known[raw] = properties
        return properties


_KINDS = frozenset((METHOD, HEADER, BODY, HEARTBEAT))


def _explain_head(kind: int, length: int, limit: int) -> str:
    if kind not in _KINDS:
        return f"unknown frame type {kind}"
    return f"frame of {length} bytes, at most {limit} were negotiated"
