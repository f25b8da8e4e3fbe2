"""Definitions as brokers export them and people keep them, with some items damaged on purpose.

Made from a source of random numbers, in the shapes of RabbitMQ 3.5 to 4.1: tags as a text or a
list, hashes with and without an algorithm, limits as objects, lists or pairs, metadata, types of
queues.
"""

import base64
import hashlib
import json
from collections.abc import Callable
from random import Random
from typing import Any

Item = dict[str, Any]
VERSIONS = ("3.5.7", "3.6.16", "3.7.28", "3.10.8", "3.13.7", "4.1.4")
ALGORITHMS = {"md5": hashlib.md5, "sha256": hashlib.sha256, "sha512": hashlib.sha512}
NAMES = ("orders", "jobs", "a b", "ünïcode", "x/y", "%2f", "amqp", "q.1", "日本", "a.in", "'", '"')


class Export:
    """A document, and what of it is damaged."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self.version = random.choice(VERSIONS)
        self.vhosts = ["/", *self._names("vhost", 2)]
        self.users = self._names("user", 3)
        self.document: dict[str, Any] = {"rabbit_version": self.version}
        if self.version >= "3.7":
            self.document["rabbitmq_version"] = self.version
        self.document |= {
            "users": [self._user(name) for name in self.users],
            "vhosts": [self._vhost(name) for name in self.vhosts],
            "permissions": self._permissions(),
            "topic_permissions": self._topic_permissions(),
            "parameters": self._parameters(),
            "global_parameters": [{"name": "cluster_name", "value": "rabbit@old"}],
            "policies": self._policies(),
            "queues": self._queues(),
            "exchanges": self._exchanges(),
        }
        self.document["bindings"] = self._bindings()
        self.damaged: set[tuple[str, int]] = set()

    @property
    def text(self) -> bytes:
        indent = self._random.choice((None, 1, 4))
        text = json.dumps(self.document, ensure_ascii=False, indent=indent)
        if "\ud800" in text or self._random.random() < 0.5:
            text = json.dumps(self.document, indent=indent)
        return text.encode()

    def damage(self, count: int) -> None:
        """Spoil some items, each so that it cannot be taken."""
        for _ in range(count):
            name = self._random.choice(sorted(DAMAGES))
            items = self.document[name]
            sound = [index for index in range(len(items)) if (name, index) not in self.damaged]
            if sound:
                index = self._random.choice(sound)
                items[index] = self._random.choice(DAMAGES[name])(dict(items[index]))
                self.damaged.add((name, index))

    # Items

    def _names(self, kind: str, count: int) -> list[str]:
        chosen = self._random.sample(NAMES, self._random.randint(1, count))
        return [f"{name}-{kind}" for name in chosen]

    def _user(self, name: str) -> Item:
        tags = self._random.sample(["administrator", "monitoring", "management"], 2)
        item: Item = {"name": name, "tags": tags if self.version >= "3.9" else ",".join(tags)}
        kind = "md5" if self.version < "3.6" else self._random.choice(["sha256", "sha512", "md5"])
        salt = self._random.randbytes(4)
        digest = ALGORITHMS[kind](salt + b"secret").digest()
        item["password_hash"] = base64.b64encode(salt + digest).decode()
        if self.version >= "3.6":
            item["hashing_algorithm"] = f"rabbit_password_hashing_{kind}"
        if self.version >= "3.10":
            item["limits"] = self._random.choice([{}, {"max-channels": 9}])
        return item

    def _vhost(self, name: str) -> Item:
        item: Item = {"name": name}
        if self.version >= "3.10":
            item |= {"limits": self._random.choice([[], {}, [["max-queues", 90]]])}
        if self.version >= "3.13":
            item |= {"description": name, "tags": [], "metadata": {"description": name, "tags": []}}
        return item | self._random.choice([{}, {"cluster_state": {}}, {"tracing": False}])

    def _permissions(self) -> list[Item]:
        return [
            {"user": user, "vhost": vhost, "configure": "^a", "write": ".*", "read": ""}
            for user in self.users
            for vhost in self.vhosts
            if self._random.random() < 0.8
        ]

    def _topic_permissions(self) -> list[Item]:
        return [
            {"user": self._random.choice(self.users), "vhost": vhost, "exchange": exchange}
            | {"write": "^{username}", "read": ".*"}
            for vhost in self.vhosts
            for exchange in ("", "amq.topic")
        ]

    def _parameters(self) -> list[Item]:
        definition = {"pattern": "^o", "definition": {"max-length": 9}, "apply-to": "queues"}
        return [
            {"component": "operator_policy", "vhost": vhost, "name": f"op{index}"}
            | {"value": definition | {"priority": index}}
            for index, vhost in enumerate(self.vhosts)
        ]

    def _policies(self) -> list[Item]:
        definitions = [{"max-length": 10}, {"ha-mode": "all"}, {"message-ttl": 5, "expires": 6}]
        return [
            {"vhost": vhost, "name": f"p{number}", "pattern": "^o|b$", "priority": number}
            | {"apply-to": "queues", "definition": self._random.choice(definitions)}
            for vhost in self.vhosts
            for number in range(self._random.randint(0, 3))
        ]

    def _queues(self) -> list[Item]:
        return [self._queue(name, vhost) for vhost in self.vhosts for name in self._names("q", 6)]

    def _queue(self, name: str, vhost: str) -> Item:
        arguments = self._random.choice(
            [{}, {"x-message-ttl": 60_000}, {"x-max-length": 5, "x-custom": [1, "b", {"a": 1.5}]}]
        )
        item: Item = {"name": name, "vhost": vhost, "durable": True, "auto_delete": False}
        if self.version >= "3.8" and self._random.random() < 0.3:
            arguments = arguments | {"x-queue-type": "quorum"}
        if self.version >= "3.13":
            item["type"] = arguments.get("x-queue-type", "classic")
        return item | {"arguments": arguments or self._random.choice([{}, []])}

    def _exchanges(self) -> list[Item]:
        return [
            {"name": name, "vhost": vhost, "type": self._random.choice(["topic", "headers"])}
            | {"durable": True, "auto_delete": False, "internal": False, "arguments": {}}
            for vhost in self.vhosts
            for name in self._names("x", 4)
        ]

    def _bindings(self) -> list[Item]:
        places: list[tuple[str, str, str]] = [
            ("queue", each["vhost"], each["name"]) for each in self.document["queues"]
        ]
        sources = [(each["vhost"], each["name"]) for each in self.document["exchanges"]]
        sources += [(vhost, "amq.direct") for vhost in self.vhosts]
        found = {}
        for number in range(self._random.randint(0, 12)):
            kind, vhost, destination = self._random.choice(places)
            source = self._random.choice([name for where, name in sources if where == vhost])
            key = f"key.{number}"
            found[number] = {
                "source": source,
                "vhost": vhost,
                "destination": destination,
                "destination_type": kind,
                "routing_key": key,
                "arguments": self._random.choice([{}, {"k": 1}]),
            }
        return list(found.values())


Damage = Callable[[Item], Any]


def _with(**values: Any) -> Damage:
    given = {name.replace("__", "-"): value for name, value in values.items()}
    return lambda item: item | given


def _without(name: str) -> Damage:
    return lambda item: {key: value for key, value in item.items() if key != name}


def _elsewhere(item: Item) -> Item:
    return item | {"vhost": f"no {item['vhost']}"}


def _of_nobody(item: Item) -> Item:
    return item | {"user": f"not {item['user']}"}


ANYTHING: tuple[Damage, ...] = (lambda item: None, lambda item: "text", lambda item: [item, 5])
LONG = "n" * 256
DEEP: Any = "deep"
for _ in range(20):
    DEEP = [DEEP]

DAMAGES: dict[str, tuple[Damage, ...]] = {
    "queues": (
        *ANYTHING,
        *map(_without, ["name"]),
        *(_with(name=name) for name in (None, "", True, [], LONG, "amq.rabbitmq.x", "\ud800")),
        *(_with(arguments=value) for value in ("x", 5, [1], {"x-max-length": "many"})),
        *(_with(arguments={"x": value}) for value in (DEEP, 1 << 70, "\ud800")),
        _with(arguments={"x-queue-type": "stream"}),
        _with(arguments={"x-queue-type": "mqtt"}),
        _with(arguments={LONG: 1}),
        _with(durable="perhaps"),
        _with(auto_delete=1),
        _elsewhere,
    ),
    "exchanges": (
        *ANYTHING,
        _without("name"),
        *(_with(type=kind) for kind in ("x-unknown", True, {})),
        _with(name="amq.rabbitmq.log"),
        _with(name=LONG),
        _with(arguments={"alternate-exchange": 5}),
        _with(internal="maybe"),
        _elsewhere,
    ),
    "bindings": (
        *ANYTHING,
        _without("source"),
        _without("destination"),
        _with(source="nothing"),
        _with(destination="nothing"),
        _with(source=""),
        _with(destination_type="topic"),
        _with(routing_key=LONG),
        _with(arguments=5),
        _elsewhere,
        _with(arguments={"x-filter-jms-selector": "a ="}),
    ),
    "policies": (
        *ANYTHING,
        _without("name"),
        _without("pattern"),
        _with(pattern="("),
        _with(pattern="(?<!a)b"),
        _with(definition={}),
        _with(definition={"federation-upstream-set": "all"}),
        _with(definition={"max-length": -5}),
        _with(definition={"max-age": "7D", "stream-max-segment-size-bytes": 1}),
        _with(apply__to=""),
        _with(apply__to="everything"),
        _with(priority="5"),
        _with(priority=1.5),
        _elsewhere,
    ),
    "permissions": (
        *ANYTHING,
        _without("read"),
        _with(configure="("),
        _of_nobody,
        _elsewhere,
    ),
    "topic_permissions": (*ANYTHING, _with(write="("), _of_nobody, _without("read")),
    "parameters": (
        *ANYTHING,
        _with(component="federation-upstream"),
        _with(component="policy"),
        _with(value={"pattern": "a", "definition": {"max-length": 1}, "apply-to": "exchanges"}),
        _with(value={"pattern": "a", "definition": {}}),
    ),
    "global_parameters": (*ANYTHING, _without("name"), _with(value=DEEP)),
}
"""By list: what spoils an item of it."""
