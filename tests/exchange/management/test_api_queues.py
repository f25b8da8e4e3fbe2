"""Queues and exchanges over HTTP: declare, look at, list, delete."""

import pytest

from tests.exchange.management.managed import managed
from warrener.protocol import methods as m

Q = "/api/queues/%2F/q"


async def test_a_queue_is_declared_once_and_found_again():
    async with managed() as broker:
        asked = {"durable": True, "arguments": {"x-max-length": 5}}
        assert (await broker.api.put(Q, asked)).status == 201
        assert (await broker.api.put(Q, asked)).status == 204
        queue = await broker.api.get(Q)
        shown = {name: queue[name] for name in ("name", "vhost", "durable", "arguments", "type")}
        assert shown == {
            "name": "q",
            "vhost": "/",
            "durable": True,
            "arguments": {"x-max-length": 5},
            "type": "classic",
        }
        assert (queue["exclusive"], queue["auto_delete"], queue["state"]) == (
            False,
            False,
            "running",
        )


async def test_a_queue_that_is_there_otherwise_is_not_declared_again():
    async with managed() as broker:
        await broker.api.put(Q, {"durable": True})
        answer = await broker.api.put(Q, {"durable": False})
        assert answer.status == 400
        assert answer.document["error"] == "bad_request"
        assert "inequivalent arg 'durable' for queue 'q'" in answer.document["reason"]


@pytest.mark.parametrize(
    ("document", "status"),
    [
        (None, 201),
        ({}, 201),
        ({"durable": "true", "auto_delete": "false", "arguments": [], "node": "x"}, 201),
        ({"durable": "maybe"}, 400),
        ({"durable": 1}, 400),
        ({"arguments": {"x-max-length": "abc"}}, 400),
        ({"arguments": {"n": 1 << 64}}, 400),
        ({"arguments": {"k" * 256: 1}}, 400),
        ({"arguments": 5}, 400),
        ([1], 400),
        (b"{not json", 400),
        (b'{"durable": NaN}', 400),
        (b'{"arguments": {"a": "\\ud800"}}', 400),
        (b"[" * 100_000, 400),
        (b"\xff", 400),
    ],
)
async def test_what_is_sent_is_taken_as_tools_mean_it_or_refused(document, status):
    async with managed() as broker:
        answer = await broker.api.put(Q, document)
        assert answer.status == status
        if status == 400:
            assert answer.document["error"] == "bad_request"


async def test_a_name_may_hold_whatever_a_path_can_encode():
    async with managed() as broker:
        for segment, name in (("a%2Fb%20c", "a/b c"), ("%C3%BC", "ü"), ("x%25y", "x%y")):
            assert (await broker.api.put(f"/api/queues/%2F/{segment}")).status == 201
            assert (await broker.api.get(f"/api/queues/%2f/{segment}/"))["name"] == name
        assert (await broker.api.get("/api/queues/%2F/a%2Fb+c"))["name"] == "a/b c"


async def test_a_reserved_name_is_refused():
    async with managed() as broker:
        for place in ("queues/%2F/amq.q", "exchanges/%2F/amq.x", "exchanges/%2F/amq.default"):
            answer = await broker.api.put(f"/api/{place}")
            assert (answer.status, answer.document["error"]) == (401, "not_authorised")


async def test_what_is_not_there_is_not_found():
    async with managed() as broker:
        for method, place in (
            ("GET", Q),
            ("DELETE", Q),
            ("DELETE", f"{Q}/contents"),
            ("GET", f"{Q}/bindings"),
            ("GET", "/api/queues/nowhere"),
            ("PUT", "/api/queues/nowhere/q"),
            ("GET", "/api/exchanges/%2F/x"),
            ("DELETE", "/api/exchanges/%2F/x"),
            ("GET", "/api/nothing"),
            ("GET", "/nothing"),
        ):
            answer = await broker.api.ask(method, place)
            assert answer.status == 404, place
            assert answer.document == {"error": "Object Not Found", "reason": "Not Found"}


async def test_a_method_that_a_target_has_not_is_refused():
    async with managed() as broker:
        answer = await broker.api.ask("POST", "/api/queues/%2F")
        assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")


async def test_a_queue_is_deleted_if_it_is_as_asked():
    async with managed() as broker:
        await broker.api.put(Q)
        client = await broker.amqp.login()
        await client.consume("q")
        await client.publish("q", b"1")
        assert (await broker.api.delete(f"{Q}?if-unused=true")).status == 400
        assert (await broker.api.delete(Q)).status == 204
        assert (await broker.api.delete(Q)).status == 404


async def test_a_queue_is_purged():
    async with managed() as broker:
        await broker.api.put(Q)
        client = await broker.amqp.login()
        await client.deliver("q", b"1", b"2")
        assert (await broker.api.get(Q))["messages_ready"] == 2
        assert (await broker.api.delete(f"{Q}?if-empty=true")).status == 400
        assert (await broker.api.delete(f"{Q}/contents")).status == 204
        assert (await broker.api.get(Q))["messages"] == 0


async def test_a_queue_of_a_connection_is_nobody_elses():
    async with managed() as broker:
        client = await broker.amqp.login()
        await client.declare("mine", exclusive=True)
        place = "/api/queues/%2F/mine"
        assert (await broker.api.get(place))["exclusive"]
        for answer in (
            await broker.api.delete(place),
            await broker.api.delete(f"{place}/contents"),
        ):
            assert answer.status == 400
            assert "exclusive access to locked queue 'mine'" in answer.document["reason"]


async def test_a_queue_shows_its_consumers():
    async with managed() as broker:
        await broker.api.put(Q)
        client = await broker.amqp.login()
        await client.call(1, m.BasicQos(prefetch_count=7))
        await client.consume("q")
        (consumer,) = (await broker.api.get(Q))["consumer_details"]
        assert (consumer["consumer_tag"], consumer["prefetch_count"]) == ("c", 7)
        assert (consumer["ack_required"], consumer["active"]) == (True, True)
        assert consumer["channel_details"]["number"] == 1
        assert await broker.api.get("/api/consumers") == [consumer]


async def test_queues_of_the_brokers_own_are_not_listed():
    async with managed() as broker:
        arguments = {"type": "x-delayed-message", "arguments": {"x-delayed-type": "direct"}}
        await broker.api.put("/api/exchanges/%2F/later", arguments)
        client = await broker.amqp.login()
        await client.consume("amq.rabbitmq.reply-to", no_ack=True)
        assert await broker.api.get("/api/queues") == []


async def test_the_token_of_a_direct_reply_queue_is_shown_to_nobody_else():
    async with managed() as broker:
        seen: list[object] = []
        broker.broker.activity.events.listeners.append(seen.append)
        client = await broker.amqp.login()
        await client.consume("amq.rabbitmq.reply-to", no_ack=True)
        (consumer,) = await broker.api.get("/api/consumers")
        assert consumer["queue"]["name"] == "amq.rabbitmq.reply-to"
        lists = [
            await broker.api.get(f"/api/{each}") for each in ("channels", "bindings", "queues")
        ]
        assert "reply-to." not in str([lists, seen])
        assert "reply-to" in str(seen)


# Lists


async def with_queues(broker) -> None:
    for number in range(5):
        await broker.api.put(f"/api/queues/%2F/q{number}")
    await broker.api.put("/api/queues/%2F/Other")
    client = await broker.amqp.login()
    await client.deliver("q3", b"1", b"2")


async def names(broker, query: str) -> list[str]:
    document = await broker.api.get(f"/api/queues?{query}")
    items = document if isinstance(document, list) else document["items"]
    return [queue["name"] for queue in items]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["Other", "q0", "q1", "q2", "q3", "q4"]),
        ("name=Q", ["q0", "q1", "q2", "q3", "q4"]),
        ("name=oth", ["Other"]),
        ("name=%5Eq%5B12%5D%24&use_regex=true", ["q1", "q2"]),
        ("sort=messages&sort_reverse=true&page=1&page_size=1", ["q3"]),
        ("sort=name&sort_reverse=true&page_size=2", ["q4", "q3"]),
        ("sort=nothing.at.all&page_size=1", ["Other"]),
        ("page=2&page_size=4", ["q3", "q4"]),
        ("pagination=true&unknown=1", ["Other", "q0", "q1", "q2", "q3", "q4"]),
    ],
)
async def test_a_list_is_filtered_sorted_and_cut(query: str, found: list[str]):
    async with managed() as broker:
        await with_queues(broker)
        assert await names(broker, query) == found


async def test_a_page_says_how_many_there_are():
    async with managed() as broker:
        await with_queues(broker)
        page = await broker.api.get("/api/queues?page=2&page_size=2&name=q&columns=name")
        assert page == {
            "items": [{"name": "q2"}, {"name": "q3"}],
            "page": 2,
            "page_count": 3,
            "page_size": 2,
            "item_count": 2,
            "filtered_count": 5,
            "total_count": 6,
        }


@pytest.mark.parametrize(
    "query",
    ["page=0", "page=x", "page=9", "page=1&page_size=501", "page_size=0", "name=(&use_regex=true"],
)
async def test_a_page_that_is_none_is_refused(query: str):
    async with managed() as broker:
        answer = await broker.api.ask("GET", f"/api/queues?{query}")
        assert (answer.status, answer.document["error"]) == (400, "bad_request")


async def test_columns_may_lead_into_columns():
    async with managed() as broker:
        await with_queues(broker)
        found = await broker.api.get("/api/queues?columns=name,message_stats.publish,nothing,a.b")
        assert found[4] == {"name": "q3", "message_stats": {"publish": 2}}


async def test_statistics_can_be_left_out():
    async with managed() as broker:
        await with_queues(broker)
        (queue, *_) = await broker.api.get("/api/queues?disable_stats=true")
        assert "messages" not in queue
        query = "disable_stats=true&enable_queue_totals=true"
        (queue, *_) = await broker.api.get(f"/api/queues/%2F?{query}")
        assert queue["messages"] == 0
        assert "message_stats" not in queue


async def test_an_empty_list_is_a_list():
    async with managed() as broker:
        assert await broker.api.get("/api/queues") == []
        assert (await broker.api.get("/api/queues?page=1"))["items"] == []


# Exchanges


async def test_an_exchange_is_declared_and_deleted():
    async with managed() as broker:
        place = "/api/exchanges/%2F/x"
        asked = {"type": "topic", "durable": "true", "arguments": {"alternate-exchange": "a"}}
        assert (await broker.api.put(place, asked)).status == 201
        assert (await broker.api.put(place, asked)).status == 204
        assert (await broker.api.put(place, {"type": "fanout"})).status == 400
        found = await broker.api.get(place)
        assert (found["type"], found["durable"], found["internal"]) == ("topic", True, False)
        assert found["arguments"] == {"alternate-exchange": "a"}
        assert (await broker.api.delete(place)).status == 204
        assert (await broker.api.put(place, {"type": "nonsense"})).status == 400


async def test_an_exchange_in_use_is_kept_if_asked():
    async with managed() as broker:
        await broker.api.put(Q)
        await broker.api.put("/api/exchanges/%2F/x")
        await broker.api.post("/api/bindings/%2F/e/x/q/q")
        assert (await broker.api.delete("/api/exchanges/%2F/x?if-unused=true")).status == 400
        assert (await broker.api.delete("/api/exchanges/%2F/x")).status == 204


async def test_the_default_exchange_goes_by_a_name_of_its_own():
    async with managed() as broker:
        assert (await broker.api.get("/api/exchanges/%2F/amq.default"))["name"] == ""
        assert (await broker.api.delete("/api/exchanges/%2F/amq.default")).status == 401
        listed = [each["name"] for each in await broker.api.get("/api/exchanges/%2F/")]
        assert listed[:2] == ["", "amq.direct"]
        assert "amq.rabbitmq.trace" in listed


async def test_a_queue_is_idle_after_some_seconds_without_any_use():
    async with managed() as broker:
        client = await broker.amqp.login()
        await client.declare("q")
        assert "idle_since" not in await broker.api.get(Q)
        broker.broker.vhosts["/"].queues["q"].last_used_ms -= 6_000
        assert (await broker.api.get(Q))["idle_since"].startswith("20")
