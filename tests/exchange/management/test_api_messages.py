"""Messages over HTTP: published, and got."""

import base64

import pytest

from tests.exchange.management.managed import Managed, managed

PUBLISH = "/api/exchanges/%2F/amq.default/publish"
GET = "/api/queues/%2F/q/get"


def message(payload: str = "hello", **more):
    return {
        "routing_key": "q",
        "payload": payload,
        "payload_encoding": "string",
        "properties": {},
        **more,
    }


async def publish(broker: Managed, **more) -> None:
    answer = await broker.api.post(PUBLISH, message(**more))
    assert answer.document == {"routed": True}


async def get(broker: Managed, **more):
    wanted = {"count": 10, "ackmode": "ack_requeue_true", "encoding": "auto", **more}
    answer = await broker.api.post(GET, wanted)
    assert answer.status == 200, answer
    return answer.document


async def test_a_message_is_published_and_got():
    async with managed() as broker:
        await broker.api.put("/api/queues/%2F/q", {"durable": True})
        properties = {
            "delivery_mode": "2",
            "content_type": "text/plain",
            "priority": 4,
            "timestamp": 1_700_000_000,
            "message_id": "m1",
            "headers": {"k": "v", "n": 5, "f": 1.5, "t": True, "l": [1, {"d": None}]},
        }
        await publish(broker, properties=properties)
        (got,) = await get(broker)
        assert got == {
            "payload": "hello",
            "payload_bytes": 5,
            "payload_encoding": "string",
            "exchange": "",
            "routing_key": "q",
            "redelivered": False,
            "message_count": 0,
            "properties": {**properties, "delivery_mode": 2},
        }


async def test_a_message_that_goes_nowhere_is_not_routed():
    async with managed() as broker:
        answer = await broker.api.post(PUBLISH, message())
        assert (answer.status, answer.document) == (200, {"routed": False})


async def test_bytes_are_sent_and_shown_in_base64():
    async with managed() as broker:
        await broker.api.put("/api/queues/%2F/q")
        encoded = base64.b64encode(b"\xff\xfe").decode()
        await publish(broker, payload=encoded, payload_encoding="base64")
        (got,) = await get(broker)
        assert (got["payload"], got["payload_encoding"]) == (encoded, "base64")
        (got,) = await get(broker, encoding="base64", truncate=1)
        assert (got["payload"], got["payload_bytes"]) == ("/w==", 2)


@pytest.mark.parametrize(
    ("mode", "left", "redelivered"),
    [
        ("ack_requeue_true", 2, True),
        ("reject_requeue_true", 2, True),
        ("ack_requeue_false", 0, None),
        ("reject_requeue_false", 0, None),
    ],
)
async def test_what_was_got_is_put_back_or_gone(mode, left, redelivered):
    async with managed() as broker:
        await broker.api.put("/api/queues/%2F/q")
        await publish(broker)
        await publish(broker)
        assert [got["message_count"] for got in await get(broker, ackmode=mode)] == [1, 0]
        assert (await broker.api.get("/api/queues/%2F/q"))["messages"] == left
        assert [got["redelivered"] for got in await get(broker)] == [redelivered] * left


async def test_what_is_rejected_is_a_dead_letter():
    async with managed() as broker:
        await broker.api.put("/api/queues/%2F/dead")
        arguments = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"}
        await broker.api.put("/api/queues/%2F/q", {"arguments": arguments})
        await publish(broker)
        await get(broker, ackmode="reject_requeue_false")
        assert (await broker.api.get("/api/queues/%2F/dead"))["messages"] == 1


async def test_no_more_is_got_than_asked_for():
    async with managed() as broker:
        await broker.api.put("/api/queues/%2F/q")
        for _ in range(3):
            await publish(broker)
        assert len(await get(broker, count="2")) == 2
        assert len(await get(broker, count=0)) == 0
        assert len(await get(broker, count=-1)) == 3


async def test_the_firehose_shows_what_is_published():
    async with managed() as broker:
        await broker.api.put("/api/queues/%2F/q")
        await broker.api.put("/api/vhosts/%2F", {"tracing": True})
        assert (await broker.api.get("/api/vhosts/%2F"))["tracing"]
        trace = {"routing_key": "publish.#"}
        await broker.api.put("/api/queues/%2F/seen")
        await broker.api.post("/api/bindings/%2F/e/amq.rabbitmq.trace/q/seen", trace)
        await publish(broker)
        seen = "/api/queues/%2F/seen/get"
        wanted = {"count": 1, "ackmode": "ack_requeue_false"}
        (copy,) = (await broker.api.post(seen, wanted)).document
        headers = copy["properties"]["headers"]
        assert (copy["payload"], copy["routing_key"]) == ("hello", "publish.")
        assert (headers["user"], headers["routed_queues"]) == ("guest", ["q"])
        assert headers["connection"].endswith(" (HTTP)")


async def test_a_publish_is_counted():
    async with managed() as broker:
        await broker.api.put("/api/queues/%2F/q")
        await publish(broker)
        await get(broker)
        stats = (await broker.api.get("/api/overview"))["message_stats"]
        assert (stats["publish"], stats["get"], stats["drop_unroutable"]) == (1, 1, 0)
        exchange = await broker.api.get("/api/exchanges/%2F/amq.default")
        assert exchange["message_stats"]["publish_in"] == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"payload_encoding": "bogus"},
        {"payload_encoding": "base64", "payload": "!"},
        {"routing_key": "k" * 256},
        {"routing_key": None},
        {"properties": {"delivery_mode": "z"}},
        {"properties": {"priority": 256}},
        {"properties": {"expiration": "soon"}},
        {"properties": {"expiration": 5}},
        {"properties": {"message_id": 5}},
        {"properties": {"user_id": "somebody"}},
        {"properties": {"headers": {"CC": "no list"}}},
        {"properties": {"headers": {"x": 1 << 70}}},
        {"properties": {"reply_to": "amq.rabbitmq.reply-to"}},
        {"properties": "text"},
        {"payload": {}},
    ],
)
async def test_a_message_that_is_none_is_refused(wrong):
    async with managed() as broker:
        await broker.api.put("/api/queues/%2F/q")
        answer = await broker.api.post(PUBLISH, message() | wrong)
        assert (answer.status, answer.document["error"]) == (400, "bad_request")


@pytest.mark.parametrize("missing", ["routing_key", "payload", "payload_encoding", "properties"])
async def test_a_message_must_be_complete(missing):
    async with managed() as broker:
        document = message()
        del document[missing]
        answer = await broker.api.post(PUBLISH, document)
        assert answer.status == 400
        assert answer.document["reason"] == f"key_missing: {missing}"


async def test_getting_must_say_how():
    async with managed() as broker:
        await broker.api.put("/api/queues/%2F/q")
        whole = {"count": 1, "ackmode": "ack_requeue_true", "encoding": "auto"}
        for wrong in ({"ackmode": "x"}, {"encoding": "x"}, {"count": "x"}):
            assert (await broker.api.post(GET, whole | wrong)).status == 400
        assert (await broker.api.post("/api/queues/%2F/nothing/get", whole)).status == 404
        assert (await broker.api.post("/api/exchanges/%2F/x/publish", message())).status == 404


async def test_permissions_count_as_they_do_over_amqp():
    async with managed() as broker:
        await broker.api.put("/api/queues/%2F/q")
        await broker.api.put("/api/users/ann", {"password": "pw", "tags": "management"})
        nothing = {"configure": "", "write": "^amq.topic$", "read": ""}
        await broker.api.put("/api/permissions/%2F/ann", nothing)
        ann = broker.api.as_("ann:pw")
        assert (await ann.post(PUBLISH, message())).status == 401
        assert (await ann.post(GET, {"count": 1, "ackmode": "ack_requeue_true"})).status == 401
        topic = "/api/exchanges/%2F/amq.topic/publish"
        assert (await ann.post(topic, message())).status == 200
        narrow = {"exchange": "amq.topic", "write": "^mine", "read": ""}
        await broker.api.put("/api/topic-permissions/%2F/ann", narrow)
        assert (await ann.post(topic, message())).status == 401


async def test_what_an_exchange_could_not_route_is_counted_there():
    async with managed() as broker:
        await broker.api.post(PUBLISH, message())
        exchange = await broker.api.get("/api/exchanges/%2F/amq.default")
        stats = exchange["message_stats"]
        assert (stats["publish_in"], stats["publish_out"], stats["unroutable"]) == (1, 0, 1)
