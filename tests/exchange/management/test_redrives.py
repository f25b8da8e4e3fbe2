"""Messages of a dead-letter queue are sent back to where they came from, or on."""

from typing import Any

import pytest
import trio

from tests.exchange.management.managed import Managed, managed
from tests.exchange.management.test_browse import got, publish

PLACE = "/api/x/queues/%2F/q/redrive"


async def with_dead_letters(broker: Managed, *payloads: str, **properties: Any) -> None:
    """A queue `work` whose messages were not wanted and wait in `q`."""
    arguments = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "q"}
    await broker.api.put("/api/queues/%2F/q", {"durable": True})
    await broker.api.put("/api/queues/%2F/work", {"durable": True, "arguments": arguments})
    for payload in payloads:
        await publish(broker, payload, "work", delivery_mode=2, **properties)
    await reject_all(broker)


async def reject_all(broker: Managed) -> None:
    asked = {"count": -1, "ackmode": "reject_requeue_false", "encoding": "auto"}
    await broker.api.post("/api/queues/%2F/work/get", asked)


async def redriven(broker: Managed, **fields: Any) -> dict[str, Any]:
    """What is told of a redrive when it is over."""
    answer = await broker.api.post(PLACE, fields)
    assert answer.status == 201, answer
    with trio.fail_after(10):
        while True:
            document = await broker.api.get(answer.headers["location"])
            if document["state"] != "running":
                return dict(document)


def ready(broker: Managed) -> tuple[int | None, int | None]:
    return broker.amqp.ready("q"), broker.amqp.ready("work")


async def test_dead_letters_go_back_to_where_they_came_from():
    async with managed() as broker:
        await with_dead_letters(broker, "one", "two", "three")
        document = await redriven(broker)
        assert (document["state"], document["moved"], document["left"]) == ("done", 3, 0)
        assert document["destinations"] == [{"exchange": "", "routing_key": "work", "messages": 3}]
        assert ready(broker) == (0, 3)
        asked = {"count": 3, "ackmode": "ack_requeue_false", "encoding": "auto"}
        answer = await broker.api.post("/api/queues/%2F/work/get", asked)
        assert [item["payload"] for item in answer.document] == ["one", "two", "three"]
        assert answer.document[0]["properties"]["headers"]["x-death"][0]["queue"] == "work"


async def test_what_comes_back_at_once_is_not_moved_again():
    async with managed() as broker:
        await with_dead_letters(broker, "one", "two")
        await redriven(broker)
        await reject_all(broker)
        assert ready(broker) == (2, 0)
        document = await redriven(broker)
        assert document["moved"] == 2


async def test_a_rehearsal_changes_nothing():
    async with managed() as broker:
        await with_dead_letters(broker, "one", "two")
        document = await redriven(broker, dry_run=True)
        assert (document["moved"], document["dry_run"]) == (2, True)
        assert ready(broker) == (2, 0)
        assert await got(broker) == [("one", False), ("two", False)]


async def test_a_selector_and_a_count_say_which():
    async with managed() as broker:
        await with_dead_letters(broker)
        for number in range(6):
            await publish(broker, str(number), "work", headers={"amount": number})
        await reject_all(broker)
        document = await redriven(broker, selector="amount > 1", count=2)
        assert document["moved"] == 2
        assert [payload for payload, _ in await got(broker)] == ["0", "1", "4", "5"]


async def test_a_rate_is_kept_and_a_redrive_is_stopped():
    async with managed() as broker:
        await with_dead_letters(broker, *map(str, range(50)))
        answer = await broker.api.post(PLACE, {"rate": 1})
        place = answer.headers["location"]
        assert (await broker.api.post(PLACE, {})).status == 400
        assert (await broker.api.delete(place)).status == 204
        with trio.fail_after(10):
            while (await broker.api.get(place))["state"] == "running":
                pass
        document = await broker.api.get(place)
        assert document["state"] == "cancelled"
        assert ready(broker) == (50 - document["moved"], document["moved"])
        assert document["moved"] < 50


async def test_a_rate_lower_than_a_piece_moves_everything_in_the_end():
    async with managed() as broker:
        await with_dead_letters(broker, *map(str, range(30)))
        document = await redriven(broker, rate=100)
        assert (document["moved"], ready(broker)) == (30, (0, 30))


async def test_messages_go_to_an_exchange_that_is_named():
    async with managed() as broker:
        await with_dead_letters(broker, "one")
        await broker.api.put("/api/queues/%2F/other")
        await broker.api.post("/api/bindings/%2F/e/amq.direct/q/other", {"routing_key": "k"})
        document = await redriven(broker, exchange="amq.direct", routing_key="k")
        assert document["moved"] == 1
        assert broker.amqp.ready("other") == 1


async def left(broker: Managed, **fields: Any) -> dict[str, int]:
    document = await redriven(broker, **fields)
    assert document["moved"] == 0
    return dict(document["reasons"])


async def test_a_message_stays_that_cannot_go():
    async with managed() as broker:
        await with_dead_letters(broker, "one")
        await publish(broker, "fresh")
        assert await left(broker, exchange="amq.direct", count=9) == {"it would go to no queue": 2}
        to_itself = {"exchange": "amq.default", "routing_key": "q"}
        assert await left(broker, **to_itself) == {"it would come back to this queue": 2}
        await broker.api.delete("/api/queues/%2F/work")
        assert await left(broker) == {
            "it would go to no queue": 1,
            "no x-death tells where it came from": 1,
        }
        assert await got(broker) == [("one", False), ("fresh", False)]


async def test_a_queue_that_is_full_takes_no_more():
    async with managed() as broker:
        await with_dead_letters(broker, "one", "two")
        arguments = {"x-max-length": 1, "x-overflow": "reject-publish"}
        await broker.api.put("/api/queues/%2F/small", {"arguments": arguments})
        document = await redriven(broker, exchange="amq.default", routing_key="small")
        assert document["reasons"] == {"a queue, or the disk, is too full": 1}
        assert (broker.amqp.ready("small"), broker.amqp.ready("q")) == (1, 1)


async def test_a_message_that_would_be_dropped_as_seen_stays():
    async with managed() as broker:
        await with_dead_letters(broker, "one", headers={"x-deduplication-header": "a"})
        arguments = {"x-message-deduplication": True}
        await broker.api.put("/api/queues/%2F/once", {"arguments": arguments})
        await publish(broker, "first", "once", headers={"x-deduplication-header": "a"})
        asked = {"exchange": "amq.default", "routing_key": "once"}
        assert await left(broker, **asked) == {"it would be dropped as seen before": 1}


async def test_it_takes_the_permissions_to_read_and_to_write():
    async with managed() as broker:
        await with_dead_letters(broker, "one")
        broker.broker.users.add("ann", "secret")
        broker.broker.users.set_tags("ann", ["management"])
        broker.broker.permissions.set("ann", "/", ".*", "", "other")
        ann = broker.api.as_("ann:secret")
        assert (await ann.post(PLACE, {})).status == 401
        broker.broker.permissions.set("ann", "/", ".*", "", ".*")
        assert (await ann.post(PLACE, {"exchange": "amq.direct"})).status == 401
        answer = await ann.post(PLACE, {})
        with trio.fail_after(10):
            while (document := await ann.get(answer.headers["location"]))["state"] == "running":
                pass
        assert document["moved"] == 0
        assert ready(broker) == (1, 0)


@pytest.mark.parametrize(
    "fields",
    [
        {"count": 0},
        {"rate": -1},
        {"rate": "x"},
        {"selector": "("},
        {"dry_run": 5},
        {"routing_key": "k"},
    ],
)
async def test_what_makes_no_sense_is_refused(fields: dict[str, Any]):
    async with managed() as broker:
        await with_dead_letters(broker)
        assert (await broker.api.post(PLACE, fields)).status == 400


async def test_what_is_not_there_is_told():
    async with managed() as broker:
        assert (await broker.api.post(PLACE, {})).status == 404
        await with_dead_letters(broker)
        assert (await broker.api.post(PLACE, {"exchange": "none"})).status == 404
        assert (await broker.api.ask("GET", "/api/x/redrives/%2F/7")).status == 404


async def test_a_redrive_of_a_queue_that_is_deleted_fails():
    async with managed() as broker:
        await with_dead_letters(broker, *map(str, range(50)))
        answer = await broker.api.post(PLACE, {"rate": 1})
        await broker.api.delete("/api/queues/%2F/q")
        with trio.fail_after(10):
            while True:
                document = await broker.api.get(answer.headers["location"])
                if document["state"] != "running":
                    break
        assert document["state"] == "failed"
