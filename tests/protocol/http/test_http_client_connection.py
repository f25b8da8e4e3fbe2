"""A client's side of a connection, held against the server's side."""

import pytest

from warrener.protocol.http.client import BrokenResponse, ClientConnection
from warrener.protocol.http.connection import ServerConnection
from warrener.protocol.http.response import KEEP_ALIVE, Response, event


def test_a_request_arrives_and_so_does_its_answer():
    client, server = ClientConnection("host"), ServerConnection()
    for number in (1, 2):
        server.receive(client.ask("PUT", f"/{number}", {"X-Y": "z"}, b"body"))
        request = server.next_request()
        assert request is not None
        assert (request.method, request.target.segments) == ("PUT", (str(number),))
        assert (request.header("host"), request.header("x-y")) == ("host", "z")
        assert server.next_body(100) == b"body"
        client.receive(server.respond(Response(201, (("Location", "there"),), b"made")))
        head = client.next_head()
        assert head is not None
        assert (head.status, head.headers["location"]) == (201, "there")
        assert client.next_part() == b"made"
        assert client.next_part() == b""
        assert not client.is_over


def test_a_stream_of_events_is_read_part_by_part():
    client, server = ClientConnection("host"), ServerConnection()
    server.receive(client.ask("GET", "/events", {}))
    server.next_request()
    server.next_body(0)
    client.receive(server.start(Response(200, parts=())) + server.part(event("a\nb", "n", "7")))
    assert client.next_head() is not None
    assert client.next_part() == b"event: n\nid: 7\ndata: a\ndata: b\n\n"
    assert client.next_part() is None
    client.receive(server.part(KEEP_ALIVE))
    assert client.next_part() == b":\n\n"


def read(client: ClientConnection, data: bytes) -> None:
    client.receive(data)
    client.receive(b"")
    client.next_head()


@pytest.mark.parametrize("data", [b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\n", b""])
def test_a_server_that_breaks_off_or_speaks_something_else_is_told_apart(data):
    client = ClientConnection("host")
    client.ask("GET", "/", {})
    with pytest.raises(BrokenResponse):
        read(client, data)
