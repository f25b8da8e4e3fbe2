"""The blocking client, against a server in another thread's hands: trio's."""

import math
import socket

import pytest
import trio

from tests.exchange.management.managed import Managed, managed
from warrener.exchange.management.client import ManagementClient, ManagementError, Peeked
from warrener.exchange.management.routes import ENDPOINTS


def client_of(broker: Managed, login: str = "guest:guest") -> ManagementClient:
    return ManagementClient(f"http://{login}@127.0.0.1:{broker.api.port}", timeout_s=10)


async def test_it_asks_for_documents_over_one_connection():
    async with managed() as broker:
        client = client_of(broker)

        def work() -> None:
            assert client.get("/api/whoami")["name"] == "guest"
            assert client.ask("PUT", "/api/queues/%2F/q", {"durable": True}) is None
            assert client.get("/api/queues/%2F/q")["durable"]

        await trio.to_thread.run_sync(work)
        assert broker.http.connections == 1
        client.close()


async def test_a_refusal_is_told_with_its_reason():
    async with managed() as broker:
        for login, target, status, text in (
            ("guest:wrong", "/api/whoami", 401, "Login failed"),
            ("guest:guest", "/api/queues/%2F/q", 404, "Not Found"),
        ):
            client = client_of(broker, login)
            with pytest.raises(ManagementError, match=text) as refused:
                await trio.to_thread.run_sync(client.get, target)
            assert refused.value.status == status
            assert "wrong" not in str(refused.value)
            client.close()


async def test_a_connection_that_the_server_has_closed_is_made_anew(mock_clock):
    """Time stands still while the client's thread is at work, which is slow on a busy machine."""
    async with managed(http_idle_timeout_s=1) as broker:
        client = client_of(broker)
        await trio.to_thread.run_sync(client.get, "/api/whoami")
        mock_clock.autojump_threshold = 0
        await broker.amqp.until(lambda: broker.http.connections == 0)
        mock_clock.autojump_threshold = math.inf
        assert (await trio.to_thread.run_sync(client.get, "/api/whoami"))["name"] == "guest"
        client.close()


async def test_a_long_answer_is_read_to_its_end():
    async with managed() as broker:
        queues = [{"name": f"q{number}", "vhost": "/"} for number in range(300)]
        await broker.api.post("/api/definitions", {"queues": queues})
        client = client_of(broker)
        parts = await trio.to_thread.run_sync(lambda: list(client.stream("/api/queues")))
        assert len(parts) > 1
        assert b"".join(parts).count(b'"name":') == 300
        client.close()


def test_a_server_that_is_not_there_is_told_in_one_line():
    with socket.socket() as deaf:
        # It keeps the port from others, and does not listen.
        deaf.bind(("127.0.0.1", 0))
        port = deaf.getsockname()[1]
        with pytest.raises(ManagementError, match=f"cannot reach 127.0.0.1:{port}: "):
            ManagementClient(f"http://127.0.0.1:{port}").get("/api/whoami")


@pytest.mark.parametrize("url", ["", "amqp://127.0.0.1", "http://", "127.0.0.1:15672"])
def test_what_is_no_url_is_refused(url: str):
    with pytest.raises(ManagementError, match="not a URL"):
        ManagementClient(url)


async def filled(broker: Managed) -> None:
    await broker.api.put("/api/queues/%2F/a%2Fb")
    for payload in ("one", "two", "three"):
        message = {"routing_key": "a/b", "payload": payload, "payload_encoding": "string"}
        await broker.api.post(
            "/api/exchanges/%2F/amq.default/publish", message | {"properties": {}}
        )


def seen(peeked: Peeked) -> list[tuple[str, bool]]:
    return [(each["payload"], each["redelivered"]) for each in peeked.messages]


async def test_a_peek_leaves_messages_as_they_are():
    async with managed() as broker:
        await filled(broker)
        client = client_of(broker)
        for _ in range(2):
            peeked = await trio.to_thread.run_sync(lambda: client.peek("/", "a/b", 2, truncate=2))
            assert seen(peeked) == [("on", False), ("tw", False)]
            assert peeked.untouched
        client.close()


async def test_where_one_cannot_just_look_messages_are_taken_and_put_back():
    theirs = tuple(each for each in ENDPOINTS if "/x/" not in each.pattern)
    async with managed(endpoints=theirs) as broker:
        await filled(broker)
        client = client_of(broker)
        for is_redelivered in (False, True):
            peeked = await trio.to_thread.run_sync(client.peek, "/", "a/b", 2)
            assert seen(peeked) == [("one", is_redelivered), ("two", is_redelivered)]
            assert not peeked.untouched
        with pytest.raises(ManagementError, match="404"):
            await trio.to_thread.run_sync(lambda: client.peek("/", "a/b", 2, may_take=False))
        client.close()


@pytest.mark.parametrize(
    ("text", "status", "is_unknown"),
    [
        ("GET /api/x: 404 Not Found", 404, True),
        ("GET /api/x: 400 ", 400, True),
        ("GET /api/x: 400 not_int: count", 400, False),
        ("cannot reach 127.0.0.1:1: ", 0, False),
    ],
)
def test_rabbitmq_has_several_ways_to_say_that_it_has_no_such_path(
    text: str, status: int, is_unknown: bool
):
    assert ManagementError(text, status).has_no_such_path is is_unknown


async def test_a_peek_into_a_queue_that_is_not_there_is_refused():
    async with managed() as broker:
        client = client_of(broker)
        with pytest.raises(ManagementError) as refused:
            await trio.to_thread.run_sync(client.peek, "/", "q", 1)
        assert refused.value.status == 404
        client.close()
