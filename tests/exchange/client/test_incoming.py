"""What a broker sends, cut anywhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warrener.exchange.client.incoming import Arrival, Incoming
from warrener.protocol import methods as m
from warrener.protocol.errors import FrameError
from warrener.protocol.frames import HEARTBEAT_FRAME, METHOD, content_frames, frame
from warrener.protocol.properties import encode_properties

PROPERTIES = encode_properties(content_type="text/plain")
DELIVER = m.BasicDeliver("c", 1, False, "shop", "order")
DATA = b"".join(
    (
        frame(METHOD, 0, m.ConnectionUnblocked().encode()),
        HEARTBEAT_FRAME,
        frame(METHOD, 1, DELIVER.encode()),
        content_frames(PROPERTIES, b"x" * 100, 1, 4096),
        frame(METHOD, 2, DELIVER.encode()),
        content_frames(PROPERTIES, b"", 2, 4096),
        frame(METHOD, 1, DELIVER.encode()),
        content_frames(PROPERTIES, b"y" * 5000, 1, 4096),
    )
)
ARRIVALS = [
    Arrival(0, m.ConnectionUnblocked()),
    Arrival(1, DELIVER, PROPERTIES, b"x" * 100),
    Arrival(2, DELIVER, PROPERTIES, b""),
    Arrival(1, DELIVER, PROPERTIES, b"y" * 5000),
]


@given(st.lists(st.integers(0, len(DATA)), max_size=8))
def test_it_does_not_matter_where_bytes_are_cut(cuts: list[int]) -> None:
    incoming, start = Incoming(), 0
    found: list[Arrival] = []
    for end in (*sorted(cuts), len(DATA)):
        found += incoming.feed(DATA[start:end])
        start = end
    assert found == ARRIVALS


def test_contents_of_several_channels_may_be_mixed() -> None:
    first, second = (content_frames(PROPERTIES, b"z" * 10, each, 4096) for each in (1, 2))
    head = 8 + 12 + len(PROPERTIES)
    mixed = [
        frame(METHOD, 1, DELIVER.encode()),
        frame(METHOD, 2, DELIVER.encode()),
        first[:head],
        second[:head],
        second[head:],
        first[head:],
    ]
    assert [each.channel for each in Incoming().feed(b"".join(mixed))] == [2, 1]


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        frame(METHOD, 0, m.ConnectionUnblocked().encode())[:-1] + b"\0",
        content_frames(PROPERTIES, b"of nothing", 1, 4096),
    ],
)
def test_what_is_no_amqp_is_refused(data: bytes) -> None:
    with pytest.raises(FrameError):
        Incoming().feed(data)
