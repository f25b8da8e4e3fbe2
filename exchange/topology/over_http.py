"""The target behind a management API: a broker elsewhere, Warrener or RabbitMQ.

It is read through `/api/definitions`, which is a topology file like any other, and the counts of
`/api/queues`; it is changed by one request for each operation, so what is done is there at once.
How a request gets there is up to `ask`, which is handed in.

Some of RabbitMQ's endpoints do more than one asks for: to change a user's tags resets the password
unless it is sent again, and to delete one topic permission deletes those on all exchanges. So this
target remembers what it has read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import quote

from warrener.exchange.access.passwords import NO_PASSWORD, hash_password
from warrener.exchange.arguments import identity
from warrener.exchange.topology.credentials import hash_parts, rabbitmq_hash
from warrener.exchange.topology.desired import Source, read_topology
from warrener.exchange.topology.state import (
    QUEUE,
    Binding,
    Exchange,
    GlobalParameter,
    Key,
    OperatorPolicy,
    Permission,
    Policy,
    Queue,
    State,
    Thing,
    TopicPermission,
    User,
    UserLimits,
    VirtualHost,
    VirtualHostLimits,
)
from warrener.exchange.topology.target import Live, TargetError

Ask = Callable[[str, str, Any], tuple[int, Any]]
"""Sends method, target and document (None for none); returns the status, and the document in the
answer or, if it refuses, a line that says what and why."""

GONE = 404
NAME = "Warrener"


class OverHttp:
    """A broker behind its management API."""

    def __init__(self, ask: Ask, user: str | None = None) -> None:
        self._ask = ask
        self.user = user
        self._live = State()

    def read(self) -> Live:
        definitions = self._send("GET", "/api/definitions")
        text = json.dumps(definitions)
        # What is wrong with it is for the broker to know: it has it all the same.
        state = read_topology([Source("definitions.json", text.encode())]).state
        self._live = State([*state.values(), *map(_vhost, self._send("GET", "/api/vhosts"))])
        queues = self._send("GET", "/api/queues?columns=vhost,name,messages")
        messages: dict[Key, int] = {
            (QUEUE, queue["vhost"], queue["name"]): queue["messages"]
            for queue in queues
            if queue.get("messages")
        }
        return Live(self._live, messages)

    def put(self, thing: Thing) -> None:
        for method, target, document in self._puts(thing):
            self._send(method, target, document)

    def delete(self, thing: Thing, *, may_lose: bool) -> None:
        for target in self._deletions(thing, may_lose):
            self._send("DELETE", target, gone_is_good=True)
        if isinstance(thing, TopicPermission):
            for other in self._live.of(TopicPermission):
                is_beside = (other.vhost, other.user) == (thing.vhost, thing.user)
                if is_beside and other.exchange != thing.exchange:
                    self.put(other)

    def commit(self) -> None:
        """Each request is done when it is answered."""

    def hash_password(self, password: str) -> str:
        overview = self._send("GET", "/api/overview")
        is_ours = overview.get("product_name") == NAME
        return hash_password(password) if is_ours else rabbitmq_hash(password)

    def _send(
        self, method: str, target: str, document: Any = None, gone_is_good: bool = False
    ) -> Any:
        status, answer = self._ask(method, target, document)
        if status >= 400 and not (gone_is_good and status == GONE):
            raise TargetError(str(answer))
        return answer

    # Requests

    def _puts(self, thing: Thing) -> Iterable[tuple[str, str, Any]]:
        match thing:
            case Binding():
                document = {"routing_key": thing.routing_key, "arguments": thing.arguments}
                return [("POST", _between(thing), document)]
            case VirtualHostLimits():
                where = f"/api/vhost-limits/{_path(thing.vhost)}"
                return self._limit_puts(where, thing)
            case UserLimits():
                return self._limit_puts(f"/api/user-limits/{_path(thing.user)}", thing)
            case _:
                return [("PUT", _place(thing), self._document(thing))]

    def _limit_puts(
        self, where: str, limits: VirtualHostLimits | UserLimits
    ) -> list[tuple[str, str, Any]]:
        there = self._live.get(limits.key)
        gone = there.values.keys() - limits.values.keys() if there is not None else ()
        return [
            *(("DELETE", f"{where}/{name}", None) for name in sorted(gone)),
            *(
                ("PUT", f"{where}/{name}", {"value": value})
                for name, value in limits.values.items()
            ),
        ]

    def _document(self, thing: Thing) -> dict[str, Any]:
        match thing:
            case VirtualHost():
                tags = None if thing.tags is None else ",".join(thing.tags)
                given = {"description": thing.description, "tags": tags}
                return {name: value for name, value in given.items() if value is not None}
            case GlobalParameter():
                return {"value": thing.value}
            case User():
                return {**self._password_of(thing), "tags": ",".join(thing.tags)}
            case Permission():
                return {"configure": thing.configure, "write": thing.write, "read": thing.read}
            case TopicPermission():
                return {"exchange": thing.exchange, "write": thing.write, "read": thing.read}
            case Exchange():
                flags = {"auto_delete": thing.auto_delete, "internal": thing.internal}
                more = {"type": thing.type, "durable": thing.durable}
                return {**more, **flags, "arguments": thing.arguments}
            case Queue():
                flags = {"durable": thing.durable, "auto_delete": thing.auto_delete}
                return {**flags, "arguments": thing.arguments}
            case Policy():
                which = {"pattern": thing.pattern, "apply-to": thing.apply_to}
                return {**which, "definition": thing.definition, "priority": thing.priority}
            case _:
                raise AssertionError(f"{thing.kind} is not put as a document")

    def _password_of(self, user: User) -> dict[str, str]:
        there = self._live.get(user.key)
        known = user.password_hash
        if known is None:
            known = there.password_hash if there is not None else NO_PASSWORD
        algorithm, text = hash_parts(known or NO_PASSWORD)
        return {"password_hash": text, "hashing_algorithm": algorithm}

    def _deletions(self, thing: Thing, may_lose: bool) -> list[str]:
        match thing:
            case Queue():
                return [_place(thing) + ("" if may_lose else "?if-empty=true")]
            case Binding():
                return self._binding_targets(thing)
            case VirtualHostLimits():
                where = f"/api/vhost-limits/{_path(thing.vhost)}"
                return [f"{where}/{name}" for name in thing.values]
            case UserLimits():
                return [f"/api/user-limits/{_path(thing.user)}/{name}" for name in thing.values]
            case _:
                return [_place(thing)]

    def _binding_targets(self, binding: Binding) -> list[str]:
        """A binding is deleted under a name that the broker has made up for it."""
        target = _between(binding)
        status, found = self._ask("GET", target, None)
        if status == GONE:
            return []
        if status >= 400:
            raise TargetError(str(found))
        return [
            f"{target}/{_path(each['properties_key'])}"
            for each in found
            if each["routing_key"] == binding.routing_key
            and identity(each["arguments"] or {}) == identity(binding.arguments)
        ]


def _vhost(document: dict[str, Any]) -> VirtualHost:
    """A virtual host with its description, which RabbitMQ 3.10 leaves out of its definitions."""
    said = {**document, **document.get("metadata", {})}
    tags = said.get("tags", ())
    words = tags.split(",") if isinstance(tags, str) else tags
    description = said.get("description", "")
    return VirtualHost(document["name"], description, tuple(word for word in words if word))


def _place(thing: Thing) -> str:
    """Where a thing is put and deleted."""
    match thing:
        case VirtualHost():
            return f"/api/vhosts/{_path(thing.name)}"
        case User():
            return f"/api/users/{_path(thing.name)}"
        case GlobalParameter():
            return f"/api/global-parameters/{_path(thing.name)}"
        case Permission():
            return f"/api/permissions/{_path(thing.vhost, thing.user)}"
        case TopicPermission():
            return f"/api/topic-permissions/{_path(thing.vhost, thing.user)}"
        case Exchange():
            return f"/api/exchanges/{_path(thing.vhost, thing.name)}"
        case Queue():
            return f"/api/queues/{_path(thing.vhost, thing.name)}"
        case OperatorPolicy():
            return f"/api/operator-policies/{_path(thing.vhost, thing.name)}"
        case Policy():
            return f"/api/policies/{_path(thing.vhost, thing.name)}"
        case _:
            raise AssertionError(f"a {thing.kind} has no place of its own")


def _between(binding: Binding) -> str:
    kind = "q" if binding.destination_type == QUEUE else "e"
    source = f"{_path(binding.vhost)}/e/{_path(binding.source)}"
    return f"/api/bindings/{source}/{kind}/{_path(binding.destination)}"


def _path(*names: str) -> str:
    return "/".join(quote(name, safe="") for name in names)
