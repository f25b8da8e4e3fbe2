"""The server's side of a connection: bytes in, requests out; responses in, bytes out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warrener.protocol.http.connection import ServerConnection
from warrener.protocol.http.errors import (
    BadRequest,
    BodyTooLarge,
    HeadTooLarge,
    HttpError,
    MalformedRequest,
)
from warrener.protocol.http.response import Response

GET = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
OK = Response(200, body=b"yes")


def connected(data: bytes, **options: int) -> ServerConnection:
    connection = ServerConnection(**options)
    connection.receive(data)
    return connection


def ask(connection: ServerConnection) -> tuple[str, str, bytes | None]:
    request = connection.next_request()
    assert request is not None
    return request.method, request.target.raw, connection.next_body(1000)


def test_a_request_is_answered_and_the_next_one_may_come():
    connection = connected(GET)
    assert ask(connection) == ("GET", "/a", b"")
    answer = connection.respond(OK)
    assert answer == b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes"
    assert not connection.is_over
    assert connection.next_request() is None


def test_a_pipeline_is_answered_in_order():
    connection = connected(GET + GET.replace(b"/a", b"/b"))
    assert ask(connection)[1] == "/a"
    connection.respond(OK)
    assert ask(connection)[1] == "/b"


def test_a_body_in_chunks_is_put_together():
    head = b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    connection = connected(head + b"3\r\nabc\r\n")
    assert connection.next_request() is not None
    assert connection.next_body(1000) is None
    connection.receive(b"2\r\nde\r\n0\r\n\r\n")
    assert connection.next_body(1000) == b"abcde"


def test_a_client_that_waits_is_told_to_proceed():
    connection = connected(
        b"PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
    )
    assert connection.next_request() is not None
    assert connection.proceed() == b"HTTP/1.1 100 \r\n\r\n"
    assert connection.proceed() == b""
    connection.receive(b"ab")
    assert connection.next_body(1000) == b"ab"


def test_head_is_answered_with_the_head_of_the_response():
    connection = connected(GET.replace(b"GET", b"HEAD"))
    ask(connection)
    assert connection.respond(OK) == b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"
    assert not connection.is_over


def test_a_client_of_http_1_0_gets_its_body_and_the_end():
    connection = connected(b"GET /a HTTP/1.0\r\n\r\n")
    ask(connection)
    answer = connection.start(Response(200, parts=[b""])) + connection.part(b"x")
    assert b"Connection: close" in answer
    assert answer.endswith(b"\r\n\r\nx")
    connection.finish()
    assert connection.is_over


def test_a_body_in_parts_goes_out_in_chunks():
    connection = connected(GET)
    ask(connection)
    assert b"Transfer-Encoding: chunked" in connection.start(Response(200, parts=[b""]))
    assert connection.part(b"abc") == b"3\r\nabc\r\n"
    assert connection.part(b"") == b""
    assert connection.finish() == b"0\r\n\r\n"


def test_a_response_before_the_body_has_come_ends_the_connection():
    connection = connected(b"PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab")
    assert connection.next_request() is not None
    assert connection.next_body(1000) is None
    assert b"Connection: close" in connection.respond(Response(401))
    assert connection.is_over


def test_a_response_that_bears_no_body_has_no_length():
    connection = connected(GET)
    ask(connection)
    assert connection.respond(Response(204)) == b"HTTP/1.1 204 No Content\r\n\r\n"


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\x01\x02\x03\r\n\r\n",
        b"AMQP\x00\x00\x09\x01\r\n\r\n",
        b"GET /a HTTP/1.1\r\n\r\n",
        b"GET /a HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        b"GET /a HTTP/1.1\r\nHost: x\r\nContent-Length: z\r\n\r\n",
        b"GET /a HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /a HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n",
        b"GET /a HTTP/1.1\r\nHost: x\r\nX: a\rb\r\n\r\n",
        b"GET /a HTTP/1.1\r\nHost : x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    ],
)
def test_bytes_that_are_no_request_are_refused_and_end_the_connection(data: bytes):
    connection = connected(data)
    with pytest.raises(MalformedRequest):
        connection.next_request()
    assert connection.respond(Response(400)).startswith(b"HTTP/1.1 400 Bad Request")
    assert connection.is_over


POST = b"POST /a HTTP/1.1\r\nHost: x\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"


@pytest.mark.parametrize(
    "data",
    [
        POST + CHUNKED + b"Content-Length: 4\r\n\r\n0\r\n\r\n",
        POST + b"Content-Length: 0\r\n" + CHUNKED + b"\r\n0\r\n\r\n",
        POST.replace(b"1.1", b"1.0") + CHUNKED + b"\r\n0\r\n\r\n",
        POST + CHUNKED + CHUNKED + b"\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
        POST + b"Content-Length: +0\r\n\r\n",
        POST + b"Content-Length: 0, 1\r\n\r\n",
        POST + b"X: a\r\n Content-Length: 0\r\n\r\n",
        POST + b"X: a\nContent-Length: 0\r\n\r\n",
        POST.replace(b"\r", b"") + b"\n",
        POST + b"\n",
    ],
)
def test_what_a_proxy_could_read_otherwise_is_refused_with_all_behind_it(data: bytes):
    connection = connected(data + GET)
    with pytest.raises(MalformedRequest):
        connection.next_request()
    assert b"Connection: close" in connection.respond(Response(400))
    assert connection.is_over


def test_a_line_feed_in_a_body_is_no_line_of_the_head():
    connection = connected(POST + b"Content-Length: 4\r\n\r\na\n b" + GET)
    assert ask(connection)[2] == b"a\n b"
    connection.respond(OK)
    assert ask(connection)[1] == "/a"


def test_chunks_may_not_end_otherwise_than_with_their_line():
    for body in (
        b"3\r\nabcXX0\r\n\r\n",
        b"3\nabc\r\n0\r\n\r\n",
        b"-3\r\n",
        b"3 \x00\r\n",
        b"_3\r\n",
    ):
        connection = connected(POST + CHUNKED + b"\r\n" + body)
        assert connection.next_request() is not None
        with pytest.raises(MalformedRequest):
            connection.next_body(1000)


def test_a_trailer_behind_the_chunks_is_no_header():
    connection = connected(POST + CHUNKED + b"\r\n0\r\nAuthorization: Basic x\r\n\r\n" + GET)
    request = connection.next_request()
    assert request is not None
    assert connection.next_body(0) == b""
    assert request.header("authorization") == ""


def test_a_head_may_not_be_longer_than_its_limit():
    connection = connected(GET[:-2] + b"X: " + b"x" * 300, head_bytes_max=200)
    with pytest.raises(HeadTooLarge):
        connection.next_request()


def test_a_body_may_not_be_longer_than_its_limit():
    connection = connected(b"PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabcde")
    assert connection.next_request() is not None
    with pytest.raises(BodyTooLarge, match="4 bytes"):
        connection.next_body(4)
    assert b"Connection: close" in connection.respond(Response(413))


def test_a_wrong_target_is_refused_and_the_connection_goes_on():
    connection = connected(GET.replace(b"/a", b"/%ff") + GET)
    with pytest.raises(BadRequest):
        connection.next_request()
    assert connection.next_body(0) == b""
    connection.respond(Response(400))
    assert ask(connection)[1] == "/a"


def test_the_end_of_the_client_is_the_end():
    connection = connected(b"")
    assert connection.next_request() is None
    assert connection.is_over


def test_headers_that_come_twice_are_joined():
    connection = connected(GET[:-2] + b"Accept: a\r\naccept: b\r\n\r\n")
    request = connection.next_request()
    assert request is not None
    assert request.header("accept") == "a, b"
    assert request.header("nothing") == ""


@given(st.lists(st.binary(min_size=1, max_size=200), max_size=6), st.booleans())
def test_whatever_bytes_come_there_are_requests_or_refusals(pieces: list[bytes], hopeful: bool):
    connection = ServerConnection(head_bytes_max=500)
    for piece in [*[GET] * hopeful, *pieces, b""]:
        connection.receive(piece)
        try:
            while connection.next_request() is not None:
                if connection.next_body(100) is None:
                    break
                connection.respond(OK)
        except HttpError as refused:
            status = refused.status
            ends = isinstance(refused, (MalformedRequest, BodyTooLarge, HeadTooLarge))
        else:
            continue
        answer = connection.respond(Response(status))
        assert answer.startswith(f"HTTP/1.1 {status} ".encode())
        assert connection.is_over or not ends
        if connection.is_over:
            return
