"""One HTTP connection: requests in order, patience, limits, and the end."""

import base64

import pytest
import trio
import trio.testing
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.exchange.management.managed import Managed, exchange, managed
from warrener.exchange.management.access import Access
from warrener.exchange.management.application import Endpoint
from warrener.exchange.management.bodies import SHORT_BYTES_MAX
from warrener.exchange.management.call import Call
from warrener.protocol.http.client import ClientConnection
from warrener.protocol.http.response import KEEP_ALIVE, Response, event

LOGIN = "Authorization: Basic " + base64.b64encode(b"guest:guest").decode() + "\r\n"
PATIENCE_S = 10


def get(target: str) -> bytes:
    return f"GET {target} HTTP/1.1\r\nHost: localhost\r\n{LOGIN}\r\n".encode()


async def said(stream: trio.SocketStream) -> bytes:
    """Everything until the server ends the connection."""
    heard = b""
    with trio.fail_after(PATIENCE_S):
        while data := await stream.receive_some(65536):
            heard += data
    return heard


async def said_to(broker: Managed, data: bytes) -> bytes:
    """What comes of bytes, after which the client ends its side."""
    async with await broker.api.connect() as stream:
        await stream.send_all(data)
        await stream.send_eof()
        return await said(stream)


async def test_several_requests_share_a_connection():
    async with managed() as broker, await broker.api.connect() as stream:
        wire = ClientConnection("localhost")
        login = dict([LOGIN.strip().split(": ")])
        for _ in range(3):
            answer = await exchange(stream, wire, "GET", "/api/whoami", login)
            assert answer.document["name"] == "guest"
            assert not wire.is_over
        assert broker.http.connections == 1


async def test_a_pipeline_is_answered_in_order():
    async with managed() as broker:
        heard = await said_to(broker, get("/api/whoami") + get("/api/cluster-name") + get("/x"))
        assert heard.count(b"HTTP/1.1 200 OK") == 2
        assert heard.index(b'"guest"') < heard.index(b'"warrener@') < heard.index(b" 404 ")


async def test_nobody_waits_for_the_body_of_somebody_who_may_not_send_it():
    async with managed() as broker, await broker.api.connect() as stream:
        await stream.send_all(
            b"PUT /api/users/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n"
            b"Expect: 100-continue\r\n\r\n"
        )
        heard = await said(stream)
        assert heard.startswith(b"HTTP/1.1 401 ")
        assert b"Connection: close" in heard


async def test_a_body_is_called_for_when_it_may_come():
    async with managed() as broker, await broker.api.connect() as stream:
        await stream.send_all(
            b"PUT /api/queues/%2F/q HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n"
            + LOGIN.encode()
            + b"Expect: 100-continue\r\nConnection: close\r\n\r\n"
        )
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 100 ")
        await stream.send_all(b"{}")
        assert (await said(stream)).startswith(b"HTTP/1.1 201 Created")


async def test_what_is_too_long_is_refused():
    async with managed(http_body_max_bytes=10) as broker:
        answer = await broker.api.put("/api/queues/%2F/q", b"x" * 11)
        assert (answer.status, answer.document["error"]) == (413, "payload_too_large")
        heard = await said_to(broker, b"GET / HTTP/1.1\r\nX: " + b"x" * 20_000)
        assert heard.startswith(b"HTTP/1.1 431 ")


async def test_only_what_may_bring_a_long_body_is_read_to_its_end():
    async with managed() as broker:
        long = b" " * SHORT_BYTES_MAX + b"{}"
        assert (await broker.api.put("/api/queues/%2F/q", long)).status == 413
        assert (await broker.api.post("/api/definitions", long)).status == 204
        assert (await broker.api.post("/api/definitions/%2F", long)).status == 204


async def test_a_body_in_the_smallest_chunks_is_put_together():
    async with managed() as broker:
        body = b"".join(b"1\r\n%c\r\n" % byte for byte in b" " * 20_000 + b'{"durable":true}')
        heard = await said_to(
            broker,
            b"PUT /api/queues/%2F/q HTTP/1.1\r\nHost: localhost\r\n" + LOGIN.encode()
            + b"Transfer-Encoding: chunked\r\n\r\n" + body + b"0\r\n\r\n",
        )  # fmt: skip
        assert heard.startswith(b"HTTP/1.1 201 ")


@pytest.mark.parametrize(
    "doubtful",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"X: a\nContent-Length: 0\r\n\r\n",
        b"X: a\r\n b\r\n\r\n",
    ],
)
async def test_nothing_that_was_smuggled_in_behind_a_request_is_answered(doubtful: bytes):
    async with managed() as broker:
        head = b"POST /api/definitions HTTP/1.1\r\nHost: localhost\r\n" + LOGIN.encode()
        heard = await said_to(broker, head + doubtful + get("/api/whoami"))
        assert heard.startswith(b"HTTP/1.1 400 ")
        assert b"Connection: close" in heard
        assert heard.count(b"HTTP/1.1") == 1


async def test_the_name_of_a_download_may_have_any_characters():
    async with managed() as broker:
        answer = await broker.api.ask("GET", "/api/definitions?download=%C3%A9%0D%0AX:%22%20y.json")
        assert answer.headers["content-disposition"] == 'attachment; filename="___X__ y.json"'


async def test_what_is_no_http_is_told_so():
    async with managed() as broker:
        for data in (b"AMQP\x00\x00\x09\x01\r\n\r\n", b"nonsense\r\n\r\n", b"GET / HTTP/9\r\n\r\n"):
            heard = await said_to(broker, data)
            assert heard.startswith(b"HTTP/1.1 400 Bad Request")
            assert b'{"error":"bad_request"' in heard


async def test_a_client_that_says_nothing_is_given_up(autojump_clock):
    async with managed(http_idle_timeout_s=7) as broker, await broker.api.connect() as stream:
        assert await stream.receive_some() == b""
        assert 7 <= trio.current_time() < 8


async def test_a_client_that_never_ends_its_request_is_told_and_given_up(autojump_clock):
    async with managed(http_request_timeout_s=5) as broker:
        for begun in (
            b"GET / HTTP/1.1\r\nX: ",
            b"PUT /api/queues/%2F/q HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n"
            + LOGIN.encode()
            + b"\r\n",
        ):
            async with await broker.api.connect() as stream:
                await stream.send_all(begun)
                assert (await stream.receive_some()).startswith(b"HTTP/1.1 408 ")


async def test_when_all_are_answered_one_connection_more_is_turned_away():
    async with managed(http_connections_max=1) as broker, await broker.api.connect() as first:
        await first.send_all(get("/api/x/events"))
        assert await first.receive_some()
        async with await broker.api.connect() as second:
            assert await second.receive_some() == b""


async def test_whoever_asks_nothing_makes_room_for_who_does():
    async with managed(http_connections_max=3) as broker, await broker.api.connect() as asking:
        await asking.send_all(get("/api/whoami"))
        assert await asking.receive_some()
        silent = [await broker.api.connect() for _ in range(10)]
        await silent[-1].send_all(b"GET / HTTP/1.1\r\nHost: loc")
        assert (await broker.api.ask("GET", "/api/whoami")).status == 200
        for stream in silent[:8]:
            assert await stream.receive_some() == b""
        await asking.send_all(get("/api/whoami"))
        assert await asking.receive_some()
        for stream in silent:
            await stream.aclose()


async def test_whoever_reads_nothing_of_what_is_there_for_everybody_makes_room():
    async with managed(http_connections_max=1) as broker, await broker.api.connect() as first:
        with trio.move_on_after(0.2):
            while True:
                await first.send_all(get("/page/main.js").replace(LOGIN.encode(), b""))
        assert (await broker.api.ask("GET", "/api/whoami")).status == 200


async def test_the_end_waits_for_nobody_who_asks_nothing():
    async with managed() as broker, await broker.api.connect() as stream:
        await stream.send_all(get("/api/whoami"))
        assert await stream.receive_some()
        with trio.fail_after(PATIENCE_S):
            await broker.http.shut_down()
        assert await stream.receive_some() == b""


# Endpoints of others


async def endless(call: Call) -> Response:
    async def parts():
        yield event("first")
        while True:
            yield KEEP_ALIVE
            await trio.sleep(0.01)

    return Response(200, (("Content-Type", "text/event-stream"),), parts=parts(), endless=True)


def broken(call: Call) -> Response:
    raise ZeroDivisionError("a secret")


OTHERS = (
    Endpoint("GET", "/events", Access.ANYBODY, endless, "goes on"),
    Endpoint("GET", "/broken", Access.ANYBODY, broken, "our mistake"),
)


async def test_a_stream_of_events_goes_on_until_the_broker_ends():
    async with managed(endpoints=OTHERS) as broker, await broker.api.connect() as stream:
        await stream.send_all(get("/events"))
        heard = b""
        while heard.count(b":\n\n") < 3:
            heard += await stream.receive_some()
        assert b"data: first\n\n" in heard
        with trio.fail_after(PATIENCE_S):
            await broker.http.shut_down()


async def test_whoever_asks_for_the_head_of_a_stream_gets_it_and_no_more():
    async with managed(endpoints=OTHERS) as broker, await broker.api.connect() as stream:
        await stream.send_all(get("/events").replace(b"GET", b"HEAD"))
        await stream.send_all(get("/nothing"))
        heard = b""
        while b" 404 " not in heard:
            heard += await stream.receive_some()
        assert heard.startswith(b"HTTP/1.1 200 OK")
        assert b"data:" not in heard


async def test_a_client_that_leaves_a_stream_is_forgotten():
    async with managed(endpoints=OTHERS) as broker:
        async with await broker.api.connect() as stream:
            await stream.send_all(get("/events"))
            await stream.receive_some()
        await broker.amqp.until(lambda: broker.http.connections == 0)


async def test_a_mistake_of_our_own_is_logged_and_told_without_details(caplog):
    async with managed(endpoints=OTHERS) as broker:
        answer = await broker.api.ask("GET", "/broken")
        assert answer.status == 500
        assert "secret" not in answer.body.decode()
        assert "ZeroDivisionError" in caplog.text
        caplog.clear()
        assert (await broker.api.ask("GET", "/nothing")).status == 404


# Whatever comes

WORDS = st.sampled_from(
    [
        b"GET ", b"PUT ", b"POST ", b"DELETE ", b"HEAD ", b"/api/", b"queues/", b"%2F", b"/q",
        b"bindings/%2F/e/amq.topic/q/q", b"exchanges/%2F/amq.default/publish", b"definitions",
        b"users/u", b"permissions/%2F/guest", b"?page=1", b"&sort=", b"&columns=", b"name=(",
        b" HTTP/1.1\r\n", b"Host: localhost\r\n", LOGIN.encode(), b"Content-Length: 5\r\n",
        b"Transfer-Encoding: chunked\r\n", b"Expect: 100-continue\r\n", b"\r\n", b"5\r\nab{}c\r\n",
        b"0\r\n\r\n", b'{"a":1}', b'{"tags":[1]}', b"[[", b"\xff", b"%ff", b"\x00",
    ]
)  # fmt: skip


@given(st.lists(st.lists(WORDS | st.binary(max_size=20), min_size=1, max_size=30), max_size=10))
@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
async def test_whatever_is_sent_is_answered_well_or_the_connection_ends(caplog, clients):
    async with managed() as broker:
        await broker.api.put("/api/queues/%2F/q")
        for pieces in clients:
            heard = await said_to(broker, b"".join(pieces))
            assert heard == b"" or heard.startswith(b"HTTP/1.1 ")
            assert b" 500 " not in heard
            assert "unexpected internal error" not in caplog.text
        assert (await broker.api.ask("GET", "/api/queues")).status == 200


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
NAMES = st.sampled_from(
    ["arguments", "durable", "routing_key", "payload", "payload_encoding", "properties", "headers",
     "tags", "password_hash", "value", "queues", "users", "vhosts", "exchanges", "bindings",
     "policies", "parameters", "pattern", "definition", "priority", "count", "ackmode", "encoding",
     "name", "vhost", "type", "source", "destination", "destination_type", "configure", "write",
     "read", "exchange", "limits", "component", "metadata", "truncate"]
)  # fmt: skip
DOCUMENTS = st.recursive(
    JSON,
    lambda inner: st.dictionaries(NAMES, inner, max_size=6) | st.lists(inner, max_size=3),
    max_leaves=12,
)
PLACES = [
    ("PUT", "queues/%2F/x"), ("PUT", "exchanges/%2F/x"), ("PUT", "users/u"), ("PUT", "vhosts/v"),
    ("PUT", "permissions/%2F/guest"), ("PUT", "topic-permissions/%2F/guest"),
    ("PUT", "policies/%2F/p"), ("PUT", "operator-policies/%2F/p"),
    ("PUT", "vhost-limits/%2F/max-queues"), ("PUT", "user-limits/guest/max-channels"),
    ("PUT", "global-parameters/g"), ("PUT", "cluster-name"), ("PUT", "parameters/c/%2F/n"),
    ("POST", "bindings/%2F/e/amq.topic/q/q"), ("POST", "bindings/%2F/e/amq.headers/e/amq.fanout"),
    ("POST", "exchanges/%2F/amq.topic/publish"), ("POST", "queues/%2F/q/get"),
    ("POST", "queues/%2F/q/actions"), ("POST", "users/bulk-delete"),
    ("POST", "definitions"), ("POST", "definitions/%2F"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "place"), PLACES)
@given(documents=st.lists(DOCUMENTS, max_size=12))
@settings(
    max_examples=4,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
async def test_no_document_is_too_much_for_an_endpoint(caplog, method, place, documents):
    async with managed() as broker:
        await broker.api.put("/api/queues/%2F/q")
        for document in documents:
            answer = await broker.api.ask(method, f"/api/{place}", document)
            assert answer.status in (200, 201, 204, 400, 401, 404), (answer, caplog.text)
        assert (await broker.api.ask("GET", "/api/definitions")).status in (200, 401)
