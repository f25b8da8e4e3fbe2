"""Terraform's provider (cyrilgdn/rabbitmq, by rabbit-hole): its calls, in the order it makes them.

Every resource is made, read back, and deleted twice: what is gone already is as good as deleted.
"""

from typing import Any
from urllib.parse import quote, unquote

import pytest

from tests.exchange.management.managed import Answer, Managed, managed

KEYS = ["", "a.#", "#", "a b", "a/b", "~", "100%", "ключ", "a+b", "q?x=1&y"]
"""Routing keys."""


def escaped(name: str) -> str:
    """As Go's url.PathEscape does it: it leaves more signs alone than others do."""
    return quote(name, safe="$&+=:@-_.~")


class Provider:
    """What rabbit-hole makes of calls: statuses from 400 on are errors, but 404 to a deletion."""

    def __init__(self, broker: Managed) -> None:
        self._api = broker.api

    async def put(self, *path: str, **body: Any) -> Answer:
        return await self._done("PUT", path, body)

    async def post(self, *path: str, **body: Any) -> Answer:
        return await self._done("POST", path, body)

    async def get(self, *path: str) -> Any:
        return (await self._done("GET", path)).document

    async def is_gone(self, *path: str) -> bool:
        """Whether it would take the resource out of its state."""
        return (await self._api.ask("GET", self._target(path))).status == 404

    async def delete(self, *path: str, query: str = "") -> None:
        answer = await self._api.delete(self._target(path) + query)
        assert answer.status in (204, 404), answer

    async def _done(self, method: str, path: tuple[str, ...], body: Any = None) -> Answer:
        answer = await self._api.ask(method, self._target(path), body)
        assert answer.status < 300, answer
        return answer

    def _target(self, path: tuple[str, ...]) -> str:
        return "/api/" + "/".join(map(escaped, path))


async def test_a_virtual_host_with_its_limits():
    async with managed() as broker:
        provider = Provider(broker)
        await provider.put("vhosts", "a/b", description="", tags="", tracing=False)
        await provider.put("vhost-limits", "a/b", "max-connections", value=10)
        read = await provider.get("vhosts", "a/b")
        assert (read["name"], read["description"], read["tracing"]) == ("a/b", "", False)
        (limits,) = await provider.get("vhost-limits", "a/b")
        assert limits == {"vhost": "a/b", "value": {"max-connections": 10}}
        # A change clears both limits, whichever there are, and sets them anew.
        await provider.put("vhosts", "a/b", description="new", tags="", tracing=False)
        for limit in ("max-connections", "max-queues"):
            await provider.delete("vhost-limits", "a/b", limit)
        await provider.put("vhost-limits", "a/b", "max-queues", value=5)
        assert (await provider.get("vhosts", "a/b"))["description"] == "new"
        (limits,) = await provider.get("vhost-limits", "a/b")
        assert limits["value"] == {"max-queues": 5}
        for _ in range(2):
            await provider.delete("vhosts", "a/b")
        assert await provider.is_gone("vhosts", "a/b")
        assert await provider.is_gone("vhost-limits", "a/b")


async def test_the_limits_of_a_virtual_host_without_any_are_a_list():
    async with managed() as broker:
        for each in await Provider(broker).get("vhost-limits", "/"):
            assert each["vhost"] == "/"


async def test_a_user_with_permissions():
    async with managed() as broker:
        provider = Provider(broker)
        await provider.put("users", "a@b", name="", tags="management,monitoring", password="x")
        assert (await provider.get("users", "a@b"))["tags"] == ["management", "monitoring"]
        # Tags and password are changed together.
        await provider.put("users", "a@b", name="", tags="", password="y")
        assert (await provider.get("users", "a@b"))["tags"] == []
        assert await provider.is_gone("permissions", "/", "a@b")
        everything = {"configure": ".*", "write": "", "read": "^a$"}
        await provider.put("permissions", "/", "a@b", **everything)
        assert await provider.get("permissions", "/", "a@b") == {
            "user": "a@b",
            "vhost": "/",
            **everything,
        }
        topics = {"exchange": "amq.topic", "write": "a", "read": "b"}
        await provider.put("topic-permissions", "/", "a@b", **topics)
        (read,) = await provider.get("topic-permissions", "/", "a@b")
        assert topics.items() <= read.items()
        for _ in range(2):
            for what in ("topic-permissions", "permissions"):
                await provider.delete(what, "/", "a@b")
        for _ in range(2):
            await provider.delete("users", "a@b")
        assert await provider.is_gone("users", "a@b")


@pytest.mark.parametrize("name", ["plain", "with space", "a/b", "50%", "a;b,c", "+"])
async def test_a_queue(name: str):
    async with managed() as broker:
        provider = Provider(broker)
        arguments = {"x-max-length": 5, "x-dead-letter-exchange": "dead", "x-message-ttl": 2**37}
        settings = {"durable": True, "arguments": arguments}
        await provider.put("queues", "/", name, type="", **settings)
        read = await provider.get("queues", "/", name)
        assert (read["name"], read["vhost"], read["auto_delete"]) == (name, "/", False)
        assert (read["durable"], read["arguments"]) == (True, arguments)
        await provider.put("queues", "/", name, type="", **settings)
        for _ in range(2):
            await provider.delete("queues", "/", name, query="?")
        assert await provider.is_gone("queues", "/", name)


@pytest.mark.parametrize("kind", ["direct", "fanout", "topic", "headers"])
async def test_an_exchange(kind: str):
    async with managed() as broker:
        provider = Provider(broker)
        settings = {"type": kind, "durable": True, "arguments": {"alternate-exchange": "other"}}
        await provider.put("exchanges", "/", "x/y", **settings)
        read = await provider.get("exchanges", "/", "x/y")
        assert settings.items() <= read.items()
        assert (read["auto_delete"], read["internal"]) == (False, False)
        for _ in range(2):
            await provider.delete("exchanges", "/", "x/y")
        assert await provider.is_gone("exchanges", "/", "x/y")


@pytest.mark.parametrize("routing_key", KEYS)
async def test_a_binding_is_found_again_by_where_it_was_put(routing_key: str):
    async with managed() as broker:
        provider = Provider(broker)
        await provider.put("queues", "/", "to", type="", durable=True)
        await provider.put("exchanges", "/", "to", type="fanout", durable=True)
        for kind, letter in (("queue", "q"), ("exchange", "e")):
            for arguments in ({}, {"x-match": "any", "n": 1}):
                path = ("bindings", "/", "e", "amq.headers", letter, "to")
                wanted = {
                    "source": "amq.headers",
                    "vhost": "/",
                    "destination": "to",
                    "destination_type": kind,
                    "routing_key": routing_key,
                    "arguments": arguments,
                }
                answer = await provider.post(*path, **wanted)
                assert answer.status == 201
                key = unquote(answer.headers["location"].split("/")[-1])
                assert await provider.get(*path) == [wanted | {"properties_key": key}]
                # The key is a part of an id whose parts are divided by slashes.
                assert "/" not in key
                for _ in range(2):
                    await provider.delete(*path, key)
                assert await provider.get(*path) == []


async def test_one_of_two_bindings_that_differ_by_arguments_goes():
    async with managed() as broker:
        provider = Provider(broker)
        await provider.put("queues", "/", "to", type="", durable=True)
        path = ("bindings", "/", "e", "amq.headers", "q", "to")
        places = [
            (await provider.post(*path, routing_key="k", arguments={"n": number})).headers
            for number in (1, 2)
        ]
        await provider.delete(*path, unquote(places[0]["location"].split("/")[-1]))
        (left,) = await provider.get(*path)
        assert left["arguments"] == {"n": 2}


async def test_a_binding_that_is_there_is_made_again():
    async with managed() as broker:
        provider = Provider(broker)
        await provider.put("queues", "/", "to", type="", durable=True)
        path = ("bindings", "/", "e", "amq.topic", "q", "to")
        first, second = [await provider.post(*path, routing_key="k") for _ in range(2)]
        assert first.headers["location"] == second.headers["location"]


@pytest.mark.parametrize("kind", ["policies", "operator-policies"])
async def test_a_policy(kind: str):
    async with managed() as broker:
        provider = Provider(broker)
        settings = {
            "vhost": "/",
            "pattern": "^a",
            "apply-to": "queues",
            "name": "p",
            "priority": 3,
            "definition": {"max-length": 5, "expires": 2**37},
        }
        await provider.put(kind, "/", "p", **settings)
        assert settings.items() <= (await provider.get(kind, "/", "p")).items()
        await provider.put(kind, "/", "p", **settings | {"priority": 0})
        assert (await provider.get(kind, "/", "p"))["priority"] == 0
        for _ in range(2):
            await provider.delete(kind, "/", "p")
        assert await provider.is_gone(kind, "/", "p")
