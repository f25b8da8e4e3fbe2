"""Bytes of an event stream as events, however they are cut."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from warrener.exchange.monitor.event_reader import EVENT_BYTES_MAX, EventReader, HeardEvent

STREAM = (
    b': alive\n\nevent: queue.created\ndata: {"vhost":"/","name":"q: 1"}\n\n'
    b'data: nothing\n\ndata: [1]\n\nevent: lost\ndata: {"events": 3}\n\nevent: half'
)


@given(st.lists(st.integers(0, len(STREAM)), max_size=6).map(sorted))
def test_events_come_whole_however_they_are_cut(cuts: list[int]) -> None:
    reader = EventReader()
    places = [0, *cuts, len(STREAM)]
    pieces = [STREAM[start:stop] for start, stop in pairwise(places)]
    assert [event for piece in pieces for event in reader.feed(piece)] == [
        HeardEvent("queue.created", {"vhost": "/", "name": "q: 1"}),
        HeardEvent("lost", {"events": 3}),
    ]


def test_what_is_too_long_is_forgotten() -> None:
    reader = EventReader()
    assert list(reader.feed(b"x" * (EVENT_BYTES_MAX + 1))) == []
    (event,) = reader.feed(b"\n\nevent: a\ndata: {}\n\n")
    assert event.kind == "a"
