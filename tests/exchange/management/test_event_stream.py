"""What comes and goes is told to those who listen."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import trio

from tests.exchange.management.managed import Managed, managed
from warrener.exchange.management import event_stream
from warrener.protocol import methods as m
from warrener.protocol.http.client import ClientConnection

GUEST = {"Authorization": "Basic Z3Vlc3Q6Z3Vlc3Q="}


class Listening:
    """A client that reads events, one after the other."""

    def __init__(self, stream: trio.abc.Stream, wire: ClientConnection) -> None:
        self._stream = stream
        self._wire = wire
        self._text = ""

    async def next(self) -> tuple[str, dict[str, Any]]:
        """The kind and the fields of the next event, without the time."""
        with trio.fail_after(10):
            while "\n\n" not in self._text:
                part = self._wire.next_part()
                if part is None:
                    self._wire.receive(bytes(await self._stream.receive_some()))
                else:
                    self._text += part.decode()
        block, _, self._text = self._text.partition("\n\n")
        if block == ":":
            return ":", {}
        kind, data = block.split("\n")
        fields = json.loads(data.removeprefix("data: "))
        assert fields.pop("at", 1) > 0
        return kind.removeprefix("event: "), fields

    async def several(self, count: int) -> list[tuple[str, dict[str, Any]]]:
        return [await self.next() for _ in range(count)]


@asynccontextmanager
async def listening(broker: Managed, query: str = "") -> AsyncIterator[Listening]:
    wire = ClientConnection("localhost")
    async with await broker.api.connect() as stream:
        await stream.send_all(wire.ask("GET", f"/api/x/events?{query}", GUEST, b""))
        while (head := wire.next_head()) is None:
            wire.receive(bytes(await stream.receive_some()))
        assert head.status == 200
        assert dict(head.headers)["content-type"] == "text/event-stream"
        events = Listening(stream, wire)
        assert await events.next() == (":", {})
        yield events


async def test_what_a_client_does_is_told_in_order():
    async with managed() as broker, listening(broker) as events:
        client = await broker.amqp.login()
        (connection, told), (channel, opened) = await events.several(2)
        assert (connection, told["user"], told["vhost"]) == ("connection.created", "guest", "/")
        assert (channel, opened["number"]) == ("channel.created", 1)
        assert opened["connection"] == told["name"]
        await client.declare("q")
        await client.call(1, m.ExchangeDeclare(exchange="x", type="topic"))
        await client.call(1, m.QueueBind(queue="q", exchange="x", routing_key="a.#"))
        await client.consume("q")
        ends = {"source": "x", "destination": "q", "destination_type": "queue"}
        assert await events.several(4) == [
            ("queue.created", {"vhost": "/", "name": "q"}),
            ("exchange.created", {"vhost": "/", "name": "x", "type": "topic"}),
            ("binding.created", {"vhost": "/", **ends, "routing_key": "a.#"}),
            ("consumer.created", {"vhost": "/", "queue": "q", "consumer_tag": "c"}),
        ]
        await client.call(1, m.ExchangeDelete(exchange="x"))
        await client.call(1, m.QueueDelete(queue="q"))
        await client.call(1, m.ChannelClose(200, "", 0, 0))
        client.vanish()
        assert [kind for kind, _ in await events.several(6)] == [
            "binding.deleted",
            "exchange.deleted",
            "consumer.deleted",
            "queue.deleted",
            "channel.closed",
            "connection.closed",
        ]


async def test_what_an_administrator_does_is_told_without_secrets():
    async with managed() as broker, listening(broker) as events:
        await broker.api.put("/api/users/ann", {"password_hash": "", "tags": "management"})
        kind, fields = await events.next()
        assert (kind, fields) == ("user.created", {"vhost": "", "name": "ann"})
        await broker.api.put("/api/vhosts/shop")
        kinds = [(await events.next())[0]]
        while kinds[-1] != "permission.created":
            kinds.append((await events.next())[0])
        assert "vhost.created" in kinds
        policy = {"pattern": "^q", "definition": {"max-length": 5}}
        await broker.api.put("/api/policies/%2F/short", policy)
        await broker.api.put("/api/policies/%2F/short", policy)
        await broker.api.delete("/api/policies/%2F/short")
        told = []
        while "policy.deleted" not in told:
            told.append((await events.next())[0])
        assert told[-3:] == ["policy.created", "policy.changed", "policy.deleted"]


async def test_one_hears_what_one_asks_for():
    async with managed() as broker, listening(broker, "kind=queue&vhost=/") as events:
        broker.broker.add_vhost("shop")
        broker.broker.permissions.set("guest", "shop", ".*", ".*", ".*")
        await broker.api.put("/api/queues/shop/far")
        await broker.api.put("/api/exchanges/%2F/x", {"type": "fanout"})
        await broker.api.put("/api/queues/%2F/near")
        assert await events.next() == ("queue.created", {"vhost": "/", "name": "near"})


async def test_who_is_too_slow_loses_the_oldest_and_is_told(monkeypatch):
    monkeypatch.setattr(event_stream, "BUFFERED_MAX", 3)
    async with managed() as broker, listening(broker, "kind=queue") as events:
        vhost = broker.broker.vhost("/")
        for number in range(5):
            vhost.declare_queue(f"q{number}", None)
        assert await events.next() == ("lost", {"events": 2})
        assert [fields["name"] for _, fields in await events.several(3)] == ["q2", "q3", "q4"]


async def test_who_has_gone_is_told_nothing_more():
    async with managed() as broker:
        async with listening(broker):
            assert len(broker.broker.activity.events.listeners) == 1
        listeners = broker.broker.activity.events.listeners

        def tell() -> bool:
            broker.broker.activity.events.tell("test")
            return not listeners

        await broker.amqp.until(tell)


async def test_alarms_are_told():
    async with managed(memory_mark_bytes=1) as broker, listening(broker, "kind=alarm") as events:
        client = await broker.amqp.login()
        await client.declare("q")
        await client.publish("q", b"one")
        assert await events.next() == ("alarm.set", {"vhost": "", "resource": "memory"})


async def test_not_too_many_listen(monkeypatch):
    monkeypatch.setattr(event_stream, "LISTENERS_MAX", 1)
    async with managed() as broker, listening(broker):
        assert (await broker.api.ask("GET", "/api/x/events")).status == 503
