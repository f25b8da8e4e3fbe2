"""Targets: cut raw, decoded once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warrener.protocol.http.errors import BadRequest
from warrener.protocol.http.target import encode_segment, parse_target


@pytest.mark.parametrize(
    ("raw", "segments"),
    [
        (b"/", ()),
        (b"/api", ("api",)),
        (b"/api/", ("api",)),
        (b"/api/queues/%2F", ("api", "queues", "/")),
        (b"/api/queues/%2f/a%2Fb%20c", ("api", "queues", "/", "a/b c")),
        (b"/a%252Fb", ("a%2Fb",)),
        (b"/a+b", ("a+b",)),
        (b"/a//b", ("a", "", "b")),
        (b"/%C3%BC", ("ü",)),
        (b"/100%", ("100%",)),
        (b"http://host:1/a/b?c", ("a", "b")),
        (b"*", ()),
    ],
)
def test_a_path_is_cut_and_then_decoded(raw: bytes, segments: tuple[str, ...]):
    assert parse_target(raw).segments == segments


@pytest.mark.parametrize(
    ("raw", "query"),
    [
        (b"/a", {}),
        (b"/a?", {}),
        (b"/a?b=c&d=e", {"b": "c", "d": "e"}),
        (b"/a?b=c+d%2B", {"b": "c d+"}),
        (b"/a?b", {"b": ""}),
        (b"/a?b=1&b=2", {"b": "2"}),
        (b"/a?b=c?d", {"b": "c?d"}),
    ],
)
def test_a_query_is_read(raw: bytes, query: dict[str, str]):
    assert dict(parse_target(raw).query) == query


@pytest.mark.parametrize("raw", [b"/%ff", b"/\xff", b"a", b"/a?b=%ff", b"/a?" + b"b&" * 200])
def test_what_means_nothing_is_refused(raw: bytes):
    with pytest.raises(BadRequest):
        parse_target(raw)


@given(st.text(min_size=1))
def test_every_name_can_be_a_segment(name: str):
    try:
        name.encode()
    except UnicodeEncodeError:
        return
    target = parse_target(f"/x/{encode_segment(name)}/y".encode())
    assert target.segments == ("x", name, "y")


def test_more_parameters_than_anybody_needs_are_refused():
    assert len(parse_target(b"/?" + b"a=1&" * 99 + b"a=1").every("a")) == 100
    with pytest.raises(BadRequest):
        parse_target(b"/?" + b"a=1&" * 100 + b"a=1")


def test_a_target_may_name_whom_it_is_for():
    assert parse_target(b"http://host:1/a").authority == "host:1"
    assert parse_target(b"HTTPS://me@host?a").authority == "me@host"
    assert parse_target(b"//host/a").authority == ""
