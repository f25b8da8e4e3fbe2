"""Contracts: what a tool asks for, and the fields and kinds of values it must find there.

data/tool_NAME.txt has those of a tool. `## target kind` begins an answer, then comes a line for
each field: its path, where `[]` means every entry of a list, and its kind. A kind with `?` may be
missing or null, with `~` missing only. `contract("rabtap")` reads it, `problems(document, asked)`
says what an answer lacks, `shop(broker)` makes a virtual host with something of everything in it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.exchange.management.managed import Managed
from tests.exchange.server.served import SocketClient
from warrener.protocol import methods as m

FOLDER = Path(__file__).parent / "data"
MISSING = object()
PLAIN = {"text": str, "flag": bool, "table": dict, "list": list}
BITS = {"u16": (0, 16), "u32": (0, 32), "u64": (0, 64), "i16": (-(2**15), 15)}


@dataclass(frozen=True, slots=True)
class Field:
    path: str
    kind: str
    """Without the mark."""
    may_be_missing: bool = False
    may_be_null: bool = False

    @classmethod
    def of(cls, line: str) -> "Field":
        path, kind = line.split(" ")
        return cls(path, kind.rstrip("?~"), kind.endswith(("?", "~")), kind.endswith("?"))

    def accepts(self, value: Any) -> bool:
        if value is MISSING or value is None:
            return self.may_be_missing if value is MISSING else self.may_be_null
        if self.kind in PLAIN:
            return isinstance(value, PLAIN[self.kind])
        if self.kind == "any":
            return True
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        if self.kind == "number":
            return True
        low, bits = BITS.get(self.kind, (-(2**63), 63))
        return isinstance(value, int) and low <= value < 2**bits


@dataclass(frozen=True, slots=True)
class Asked:
    target: str
    field: Field
    """Of the answer itself."""
    fields: tuple[Field, ...]


def contract(tool: str) -> list[Asked]:
    found: list[tuple[str, str, list[Field]]] = []
    for line in (FOLDER / f"tool_{tool}.txt").read_text().splitlines():
        if line.startswith("## "):
            _, target, kind = line.split(" ")
            found.append((target, kind, []))
        elif line and not line.startswith("#"):
            found[-1][2].append(Field.of(line))
    return [Asked(target, Field("", kind), tuple(fields)) for target, kind, fields in found]


def problems(document: Any, asked: Asked) -> list[str]:
    wrong = [f"{asked.target} is not a {asked.field.kind}"] * (not asked.field.accepts(document))
    for field in asked.fields:
        values = list(lead(document, field.path))
        if not values:
            wrong.append(f"{field.path}: nothing to look at")
        wrong += [
            f"{field.path}: {'missing' if value is MISSING else repr(value)}, not {field.kind}"
            for value in values
            if not field.accepts(value)
        ]
    return wrong


def lead(document: Any, path: str) -> Iterator[Any]:
    """All that a path leads to; names may have dots in them."""
    path = path.removeprefix(".")
    if not path:
        yield document
    elif path.startswith("[]"):
        for entry in document if isinstance(document, list) else ():
            yield from lead(entry, path[2:])
    else:
        name = next_name(document, path)
        rest = path[len(name) :]
        value = document.get(name, MISSING) if isinstance(document, dict) else MISSING
        if value is MISSING or value is None:
            yield value
        else:
            yield from lead(value, rest)


def next_name(document: Any, path: str) -> str:
    ends = [*(place for place, sign in enumerate(path) if sign in ".["), len(path)]
    names = [path[:end] for end in ends]
    known = [name for name in names if isinstance(document, dict) and name in document]
    return (known or names)[0]


async def shop(broker: Managed) -> SocketClient:
    """A virtual host in use, and the client that uses it: it must not be lost."""
    api = broker.api
    await api.put("/api/vhosts/shop", {"description": "sells", "tags": "a,b"})
    await api.put("/api/users/clerk", {"password": "pw", "tags": "management"})
    everything = {"configure": ".*", "write": ".*", "read": ".*"}
    await api.put("/api/permissions/shop/guest", everything)
    topics = {"exchange": "amq.topic", "write": "^a", "read": ".*"}
    await api.put("/api/topic-permissions/shop/guest", topics)
    await api.put("/api/vhost-limits/shop/max-queues", {"value": 100})
    await api.put("/api/user-limits/clerk/max-channels", {"value": 10})
    await api.put("/api/global-parameters/mine", {"value": {"a": 1}})
    policy = {"pattern": "^o", "definition": {"max-length": 1000}, "priority": 1}
    await api.put("/api/policies/shop/short", policy)
    await api.put("/api/operator-policies/shop/shorter", policy | {"apply-to": "queues"})
    await api.put("/api/exchanges/shop/events", {"type": "topic", "durable": True})
    await api.put("/api/queues/shop/orders", {"durable": True, "arguments": {"x-max-length": 100}})
    await api.put("/api/queues/shop/idle")
    await api.post("/api/bindings/shop/e/events/q/orders", {"routing_key": "a.#"})
    await api.post("/api/bindings/shop/e/events/e/amq.fanout", {"routing_key": "b"})
    client = await broker.amqp.connect()
    await client.login(vhost="shop", properties={**PROPERTIES})
    await client.deliver("orders", b"one", b"two", b"three")
    await client.call(1, m.BasicQos(0, 1, False))
    await client.consume("orders")
    await client.publish("nowhere", b"lost")
    return client


PROPERTIES = {
    "product": "shop",
    "version": "1.0",
    "platform": "any",
    "connection_name": "till",
    "capabilities": {"publisher_confirms": True, "connection.blocked": True},
}
