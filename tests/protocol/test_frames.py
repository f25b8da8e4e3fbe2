import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warrener.protocol.frames import (
    BODY,
    FRAME_OVERHEAD_BYTES,
    HEADER,
    HEARTBEAT_FRAME,
    METHOD,
    PROTOCOL_HEADER,
    content_frames,
    content_properties,
    frame,
    readdress,
    refit,
    split_content,
    unpack_frame_head,
)
from warrener.protocol.properties import encode_properties

PROPERTIES = encode_properties(content_type="text/plain", delivery_mode=2)

channels = st.integers(1, 0xFFFF)
frame_sizes = st.integers(FRAME_OVERHEAD_BYTES + 1, 64)
contents = st.tuples(st.just(PROPERTIES), st.binary(max_size=300))


def frames_of(data: bytes) -> list[tuple[int, int, bytes]]:
    """Kind, channel and payload of each frame, with everything about them checked."""
    found = []
    while data:
        kind, channel, size = struct.unpack_from(">BHI", data)
        assert data[7 + size] == 0xCE
        found.append((kind, channel, data[7 : 7 + size]))
        data = data[8 + size :]
    return found


def test_a_frame_is_type_channel_size_payload_and_end():
    assert frame(METHOD, 0x0102, b"abc") == b"\x01\x01\x02\x00\x00\x00\x03abc\xce"


def test_a_heartbeat_is_eight_bytes_on_channel_zero():
    assert HEARTBEAT_FRAME == b"\x08\x00\x00\x00\x00\x00\x00\xce"


def test_the_protocol_header_says_0_9_1():
    assert PROTOCOL_HEADER == b"AMQP\x00\x00\x09\x01"


def test_the_head_of_a_frame_can_be_read_at_any_offset():
    data = b"??" + frame(BODY, 5, b"hello")
    assert unpack_frame_head(data, 2) == (BODY, 5, 5)


def test_content_is_a_header_and_its_body():
    assert frames_of(content_frames(b"\x00\x00", b"hello", 3, 4096)) == [
        (HEADER, 3, b"\x00\x3c\x00\x00\x00\x00\x00\x00\x00\x00\x00\x05\x00\x00"),
        (BODY, 3, b"hello"),
    ]


def test_content_without_a_body_is_a_header_alone():
    assert frames_of(content_frames(PROPERTIES, b"", 1, 4096)) == [
        (HEADER, 1, b"\x00\x3c" + bytes(10) + PROPERTIES)
    ]


@pytest.mark.parametrize(
    ("size", "bodies"), [(4087, [4087]), (4088, [4088]), (4089, [4088, 1]), (8177, [4088, 4088, 1])]
)
def test_a_body_is_cut_where_the_largest_frame_is_full(size, bodies):
    _, *parts = frames_of(content_frames(b"\x00\x00", bytes(size), 1, 4096))
    assert [len(payload) for _, _, payload in parts] == bodies


@settings(deadline=None)
@given(contents, channels, frame_sizes)
def test_content_can_be_taken_apart_again(content, channel, frame_max):
    assert split_content(content_frames(*content, channel, frame_max)) == content


@settings(deadline=None)
@given(contents, channels, frame_sizes)
def test_the_properties_of_a_content_can_be_read_without_its_body(content, channel, frame_max):
    framed = content_frames(*content, channel, frame_max)
    assert content_properties(framed) == (content[0], channel)


@settings(deadline=None)
@given(contents, channels, channels, frame_sizes)
def test_content_moves_to_another_channel_and_nothing_else_changes(content, one, other, frame_max):
    framed = content_frames(*content, one, frame_max)
    assert readdress(framed, other) == content_frames(*content, other, frame_max)
    assert readdress(readdress(framed, other), one) == framed


@settings(deadline=None)
@given(contents, channels, channels, frame_sizes, frame_sizes)
def test_content_is_cut_anew_for_a_client_with_smaller_frames(
    content, one, other, frame_max, smaller
):
    framed = content_frames(*content, one, frame_max)
    refitted = refit(framed, other, smaller)
    assert refitted == content_frames(*content, other, smaller)
    assert all(
        len(payload) + FRAME_OVERHEAD_BYTES <= smaller
        for kind, _, payload in frames_of(refitted)
        if kind == BODY
    )


def test_body_frames_without_bytes_are_no_part_of_the_body():
    header, body = frames_of(content_frames(PROPERTIES, b"hello", 1, 4096))
    framed = frame(*header) + frame(BODY, 1, b"") + frame(*body) + frame(BODY, 1, b"")
    assert split_content(framed) == (PROPERTIES, b"hello")
    assert refit(framed, 1, 4096) == content_frames(PROPERTIES, b"hello", 1, 4096)
