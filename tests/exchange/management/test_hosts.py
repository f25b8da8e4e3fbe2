"""Who calls the broker by a name that may lead anywhere is refused, and may not be guest."""

import socket

import pytest

from tests.exchange.management.managed import managed
from warrener.exchange.management.hosts import Hosts

FROM_AFAR = b"PROXY TCP4 192.0.2.7 192.0.2.8 40000 15672\r\n"
FROM_HERE = b"PROXY TCP4 127.0.0.1 127.0.0.1 40000 15672\r\n"


@pytest.mark.parametrize(
    "host",
    [
        "localhost", "LocalHost:15672", "localhost.", "127.0.0.1", "127.8.9.10:1", "[::1]",
        "[::1]:15672", "192.0.2.1:80", "[2001:db8::1]", "", "broker.example", "Broker.Example.:80",
        socket.gethostname(),
    ],
)  # fmt: skip
def test_a_name_that_nobody_can_turn_is_known(host: str):
    assert Hosts(frozenset({"broker.example"})).knows(host)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "evil.example:15672", "localhost.evil.example", "127.0.0.1.evil.example",
        "localhost@evil.example", "[::1].evil.example", "evil.example[::1]", "[localhost]:1:1",
        "localhost:80:80", "localhost, evil.example", "127.1", "0x7f000001", "localhost:x", ":80",
        "\xb9.0.0.1", ".", "localhost..", "xn--broker.example",
    ],
)  # fmt: skip
def test_any_other_is_not(host: str):
    assert not Hosts(frozenset({"broker.example"})).knows(host)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"])
async def test_a_page_whose_name_was_turned_to_this_machine_gets_nothing(method: str):
    async with managed(metrics_anonymous=True) as broker:
        await broker.api.put("/api/queues/%2F/q")
        broker.api.host = "evil.example:15672"
        for target in ("/", "/metrics", "/api/queues/%2F/q", "/nowhere"):
            answer = await broker.api.ask(method, target, Sec_Fetch_Site="same-origin")
            assert answer.status == 421
        broker.api.host = "localhost"
        assert [queue["name"] for queue in await broker.api.get("/api/queues")] == ["q"]


async def test_who_is_refused_is_told_what_to_do():
    async with managed() as broker:
        broker.api.host = "evil.example"
        answer = await broker.api.ask("GET", "/api/queues")
        assert answer.document["error"] == "misdirected_request"
        assert "http_host_names" in answer.document["reason"]


async def test_a_name_in_the_target_counts_more_than_the_header():
    async with managed() as broker:
        assert (await broker.api.ask("GET", "http://evil.example/api/whoami")).status == 421
        assert (await broker.api.ask("GET", "http://localhost/api/whoami")).status == 200


async def test_names_that_the_operator_has_given_are_taken():
    async with managed(http_host_names="broker.example, mq.local") as broker:
        for host in ("broker.example", "mq.local:15672", "127.0.0.1"):
            broker.api.host = host
            assert (await broker.api.ask("GET", "/api/whoami")).status == 200
        broker.api.host = "evil.example"
        assert (await broker.api.ask("GET", "/api/whoami")).status == 421


async def test_a_probe_without_a_host_is_answered():
    async with managed() as broker, await broker.api.connect() as stream:
        await stream.send_all(b"GET / HTTP/1.0\r\n\r\n")
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 200 OK")


async def test_where_others_come_in_any_name_is_taken_but_not_from_guest():
    async with managed(proxy_protocol=True) as broker:
        broker.broker.users.add("ann", "secret", ["management"])
        ann = broker.api.as_("ann:secret")
        ann.first, ann.host = FROM_AFAR, "any.example"
        assert (await ann.ask("GET", "/api/whoami")).status == 200
        broker.api.first, broker.api.host = FROM_HERE, "any.example"
        assert (await broker.api.ask("GET", "/api/whoami")).status == 401
        broker.api.host = "localhost"
        assert (await broker.api.ask("GET", "/api/whoami")).status == 200


async def test_where_others_come_in_names_that_were_given_are_the_only_ones():
    async with managed(proxy_protocol=True, http_host_names="broker.example") as broker:
        broker.api.first = FROM_HERE
        broker.api.host = "any.example"
        assert (await broker.api.ask("GET", "/")).status == 421
        broker.api.host = "broker.example"
        assert (await broker.api.ask("GET", "/api/whoami")).status == 200
