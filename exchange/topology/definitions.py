"""Definitions: what a document of RabbitMQ's definitions declares.

There is one reader of such documents for all ways in which they come: `POST /api/definitions`,
`warrener topology` and `warrener serve --topology`. It takes what people have: exports of RabbitMQ
3.0 to 4.x and of one virtual host, and what was written by hand after them. An item that cannot be
used is left out, or taken without the part that is to blame; each of these is a problem with its
place, and all other items are taken. Whether what an item refers to is there is for later
(`warrener.exchange.topology.requirements`), when there is a broker to ask.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from warrener.exchange import policy as policies
from warrener.exchange.access.passwords import NotAHash
from warrener.exchange.arguments import check_exchange_arguments
from warrener.exchange.deduplication import queue_deduplication
from warrener.exchange.predeclared import PREDECLARED
from warrener.exchange.queues.options import KEYS, queue_options
from warrener.exchange.topology.item_checks import (
    check_arguments,
    check_filter,
    check_policy,
    expression,
    hash_of,
    with_type,
)
from warrener.exchange.topology.items import Item, Unusable, check_value, described, shown
from warrener.exchange.topology.json_document import Located, Path, doubled_keys
from warrener.exchange.topology.problem import Place, Problem, did_you_mean
from warrener.exchange.topology.state import (
    EXCHANGE,
    MADE_UP,
    QUEUE,
    RESERVED,
    Binding,
    Exchange,
    GlobalParameter,
    Key,
    OperatorPolicy,
    Permission,
    Policy,
    Queue,
    Thing,
    TopicPermission,
    User,
    UserLimits,
    VirtualHost,
    VirtualHostLimits,
    differences,
    merged_vhosts,
)
from warrener.exchange.types import TYPES

DEFAULT_VHOST = "/"
USUAL_QUEUE_TYPES = ("classic", "undefined", "rabbit_classic_queue", "", None)
"""Default types of queues that are the default here."""

VERSIONS = (
    "rabbit_version",
    "rabbitmq_version",
    "product_name",
    "product_version",
    "rabbitmq_definition_format",
)
"""A document with one of these was written by a broker."""
ABOUT = (
    *VERSIONS,
    "original_cluster_name",
    "original_vhost_name",
    "explanation",
    "metadata",
    "description",
    "tags",
    "default_queue_type",
    "limits",
    "tracing",
)
"""What else is at the top of a document, beside the lists."""
IN_ONE_VHOST = ("parameters", "policies", "exchanges", "queues", "bindings")
"""The lists that may be taken into another virtual host."""
LIMITS: Mapping[type[Any], tuple[str, ...]] = {
    UserLimits: ("max-connections", "max-channels"),
    VirtualHostLimits: ("max-connections", "max-queues"),
}
_KEYS: Mapping[str, tuple[str, ...]] = {
    "users": ("name", "password", "password_hash", "hashing_algorithm", "tags", "limits"),
    "vhosts": ("name", "description", "tags", "metadata", "default_queue_type", "limits"),
    "permissions": ("user", "vhost", "configure", "write", "read"),
    "topic_permissions": ("user", "vhost", "exchange", "write", "read"),
    "parameters": ("component", "vhost", "name", "value"),
    "global_parameters": ("name", "value"),
    "policies": ("vhost", "name", "pattern", "apply-to", "definition", "priority"),
    "exchanges": ("name", "vhost", "type", "durable", "auto_delete", "internal", "arguments"),
    "queues": ("name", "vhost", "type", "durable", "auto_delete", "exclusive", "arguments"),
    "bindings": (
        *("source", "vhost", "destination", "destination_type", "routing_key", "arguments"),
        "properties_key",
    ),
}
"""The lists in the order in which they are read, and the keys of their items. Brokers write others
beside, so an unknown key is a problem only where it looks like one of these."""


class Definitions:
    """The things that a document declares, with the paths of the items they come from.

    Args:
        vhost: for items that name none.
        into: the one virtual host into which all items go, whatever they name.
        strict: whether nothing may be left out.
    """

    def __init__(
        self,
        document: Located,
        *,
        vhost: str | None = None,
        into: str | None = None,
        strict: bool = False,
    ) -> None:
        self.things: dict[Key, Thing] = {}
        self.paths: dict[Key, Path] = {}
        self.problems: list[Problem] = []
        self._document = document
        self._into = into
        self._strict = strict
        self._told: set[tuple[str, str]] = set()
        top = Item(document.value, ())
        given = top.values.get("original_vhost_name")
        self._vhost = vhost or (given if isinstance(given, str) else "") or DEFAULT_VHOST
        readers: Mapping[str, Callable[[Item], Iterator[Thing]]] = {
            "users": self._user,
            "vhosts": self._vhost_item,
            "permissions": self._permission,
            "topic_permissions": self._topic_permission,
            "parameters": self._parameter,
            "global_parameters": self._global_parameter,
            "policies": self._policy,
            "exchanges": self._exchange,
            "queues": self._queue,
            "bindings": self._binding,
        }
        self._check_top(top)
        for name, read in readers.items():
            for index, value in enumerate(self._items(top, name)):
                self._read_item(name, index, value, read)
        if into is None and {"metadata", "limits", "description"} & top.values.keys():
            named = {**top.values, "name": self._vhost}
            self._read(Item(named, ()), self._vhost_item, f"vhost '{shown(self._vhost)}'")
        self._check_permissions()

    def place(self, key: Key) -> Place:
        """Where the item is that a thing comes from."""
        return self._document.place(self.paths[key])

    # Lists

    def _check_top(self, top: Item) -> None:
        for name, value in top.values.items():
            if name in ABOUT or not value:
                continue
            if name not in _KEYS:
                message = f"the key '{shown(name)}' is not known, and nothing in it is taken"
                self._note("T012", (name,), message, did_you_mean(name, _KEYS))
            elif self._into is not None and name not in IN_ONE_VHOST:
                self._note("T040", (name,), f"'{name}' cannot be taken into one virtual host")

    def _items(self, top: Item, name: str) -> list[Any]:
        value = top.values.get(name)
        if value is None or (self._into is not None and name not in IN_ONE_VHOST):
            return []
        if isinstance(value, list):
            return value
        if value != {}:
            what = f"nothing in '{name}' is taken: it is {described(value)}, not a list"
            self._note("T011", (name,), what)
        return []

    def _read_item(
        self, name: str, index: int, value: Any, read: Callable[[Item], Iterator[Thing]]
    ) -> None:
        path = (name, index)
        if self._document.doubled:
            for found in doubled_keys(value, path):
                what = f"the key '{shown(str(found[-1]))}' is given twice; the last one counts"
                self._note("T010", found, what)
        try:
            item = Item(value, path)
        except Unusable as error:
            self._note(error.code, path, f"an item of '{name}' is left out: {error}")
            return
        self._read(item, read, _label(name, item.values, self._into or self._vhost))
        if len(item.values) > 2:
            self._suspect(name, item)

    def _read(self, item: Item, read: Callable[[Item], Iterator[Thing]], label: str) -> None:
        try:
            for thing in read(item):
                self._take(thing, item, label)
        except Unusable as error:
            self._note(error.code, (*item.path, *error.path), f"{label} is left out: {error}")

    def _suspect(self, name: str, item: Item) -> None:
        """Tell of keys that look like a mistyped one, once for each list."""
        for key in item.values.keys() - _KEYS[name]:
            if (name, key) in self._told:
                continue
            self._told.add((name, key))
            suggestion = did_you_mean(key, _KEYS[name], 0.8)
            if suggestion:
                what = f"the key '{shown(key)}' of '{name}' is not known, and not looked at"
                self._note("T012", (*item.path, key), what, suggestion)

    def _take(self, thing: Thing, item: Item, label: str) -> None:
        there = self.things.setdefault(thing.key, thing)
        if there is thing:
            self.paths[thing.key] = item.path
            return
        if isinstance(thing, VirtualHost) and isinstance(there, VirtualHost):
            merged = merged_vhosts(there, thing)
            if merged is not None:
                self.things[thing.key] = merged
                return
        if not differences(there, thing):
            return
        place = self.place(thing.key)
        what = f"{label} is left out: it is declared otherwise at {place.path}, line {place.line}"
        self._note("T030", item.path, what)

    def _note(self, code: str, path: Path, message: str, suggestion: str = "") -> None:
        place = self._document.place(path)
        self.problems.append(Problem(code, message, place, suggestion, True, self._strict))

    def _vhost_of(self, item: Item) -> str:
        return self._into or item.name("vhost", self._vhost) or self._vhost

    # Users and virtual hosts

    def _check_permissions(self) -> None:
        permitted = {each.user for each in self.things.values() if isinstance(each, Permission)}
        for key, user in self.things.items():
            if isinstance(user, User) and user.name not in permitted:
                what = f"the user '{shown(user.name)}' has no permission in any vhost"
                self.problems.append(Problem("T033", what, self.place(key)))

    def _user(self, item: Item) -> Iterator[Thing]:
        name = item.identifier("name")
        tags = item.words("tags")
        password = item.text("password") if item.values.get("password") else None
        password_hash = None if password else self._hash(item, name)
        yield User(name, tags, password_hash, password)
        if values := self._limits(item, UserLimits):
            yield UserLimits(name, values)

    def _hash(self, item: Item, name: str) -> str | None:
        """The hash as the broker keeps it. None if there is none that can be used: a new user
        cannot log in with a password then, and one that is there keeps its own."""
        if item.values.get("password_hash") is None:
            return None
        try:
            return hash_of(item)
        except NotAHash as error:
            path = (*item.path, "password_hash")
            what = f"user '{shown(name)}' is taken without the password: {error}"
            self._note("T025", path, what)
            return None

    def _limits(self, item: Item, kind: type[Any], name: str = "limits") -> dict[str, int]:
        limits, known = item.inner(name), LIMITS[kind]
        found = {}
        for limit in limits.values:
            path = (*limits.path, limit)
            if limit not in known:
                what = f"the limit '{shown(limit)}' is not known and is left out"
                self._note("T012", path, what, f"there are {', '.join(known)}")
                continue
            try:
                found[limit] = limits.whole(limit, -1)
            except Unusable as error:
                self._note(error.code, path, f"the limit is left out: {error}")
        return found

    def _vhost_item(self, item: Item) -> Iterator[Thing]:
        name = item.identifier("name")
        metadata = item.inner("metadata")
        said = Item({**metadata.values, **_given(item.values)}, item.path)
        description = said.text("description", "") if "description" in said.values else None
        tags = said.words("tags") if "tags" in said.values else None
        yield VirtualHost(name, description, tags)
        if said.values.get("default_queue_type") not in USUAL_QUEUE_TYPES:
            what = described(said.values["default_queue_type"])
            self._not_kept(item, "default_queue_type", f"the default queue type, {what},")
        if said.values.get("tracing") is True:
            self._not_kept(item, "tracing", f"tracing of vhost '{shown(name)}'")
        if values := self._limits(item, VirtualHostLimits):
            yield VirtualHostLimits(name, values)

    def _permission(self, item: Item) -> Iterator[Thing]:
        texts = [expression(item, name) for name in ("configure", "write", "read")]
        yield Permission(self._vhost_of(item), item.name("user"), *texts)

    def _topic_permission(self, item: Item) -> Iterator[Thing]:
        texts = [expression(item, name) for name in ("write", "read")]
        exchange = item.name("exchange", "")
        yield TopicPermission(self._vhost_of(item), item.name("user"), exchange, *texts)

    # Parameters and policies

    def _parameter(self, item: Item) -> Iterator[Thing]:
        component, vhost = item.text("component"), self._vhost_of(item)
        if component == "vhost-limits":
            if values := self._limits(item, VirtualHostLimits, "value"):
                yield VirtualHostLimits(vhost, values)
        elif component == "operator_policy":
            yield self._policy_of(OperatorPolicy, item.inner("value"), vhost, item.name("name"))
        elif component == "policy":
            raise Unusable("T040", "policies have a list of their own, 'policies'", "component")
        else:
            name = shown(item.text("name", ""))
            self._not_kept(item, "component", f"the parameter '{name}' of '{shown(component)}'")

    def _global_parameter(self, item: Item) -> Iterator[Thing]:
        name, value = item.identifier("name"), item.values.get("value")
        check_value(value, "value")
        yield GlobalParameter(name, value)

    def _policy(self, item: Item) -> Iterator[Thing]:
        yield self._policy_of(Policy, item, self._vhost_of(item), item.identifier("name"))

    def _policy_of(self, kind: type[Policy], item: Item, vhost: str, name: str) -> Policy:
        given = item.table("definition")
        definition = {key: value for key, value in given.items() if key in KEYS}
        if given and not definition:
            key, *more = given
            what = f"'{shown(key)}'" + (" and the other keys mean" if more else " means")
            raise Unusable("T040", f"{what} nothing to Warrener", "definition", key)
        pattern, apply_to = expression(item, "pattern"), item.text("apply-to", policies.ALL)
        policy = kind(vhost, name, pattern, definition, apply_to, item.whole("priority", 0))
        check_policy(policy)
        for key in given.keys() - definition.keys():
            path = (*item.path, "definition", key)
            label = f"the key '{shown(key)}' of {kind.kind} '{shown(name)}'"
            self._note("T040", path, f"{label} means nothing to Warrener and is not kept")
        return policy

    # What messages go through

    def _exchange(self, item: Item) -> Iterator[Thing]:
        name, kind = item.name("name"), item.text("type", "direct")
        arguments = item.table("arguments")
        if _is_there_anyway(name, kind):
            return
        if name.startswith(RESERVED):
            raise Unusable("T040", f"names with the prefix '{RESERVED}' are the broker's", "name")
        if not name:
            raise Unusable("T016", "'name' is empty", "name")
        if kind not in TYPES:
            known = f"there are {', '.join(TYPES)}"
            raise Unusable("T024", f"unknown exchange type '{shown(kind)}'; {known}", "type")
        check_arguments(arguments, lambda given: TYPES[kind](name, arguments=given))
        check_arguments(arguments, check_exchange_arguments)
        flags = (item.flag("durable", True), item.flag("auto_delete", False))
        yield Exchange(
            self._vhost_of(item), name, kind, *flags, item.flag("internal", False), arguments
        )

    def _queue(self, item: Item) -> Iterator[Thing]:
        name = item.identifier("name")
        if name.startswith(RESERVED) and not name.startswith(MADE_UP):
            raise Unusable("T040", f"names with the prefix '{RESERVED}' are the broker's", "name")
        arguments = with_type(item.table("arguments"), item.values.get("type"))
        durable, auto_delete = item.flag("durable", True), item.flag("auto_delete", False)
        check_arguments(arguments, lambda given: queue_options(given, durable=durable))
        check_arguments(arguments, queue_deduplication)
        yield Queue(self._vhost_of(item), name, durable, auto_delete, arguments)

    def _binding(self, item: Item) -> Iterator[Thing]:
        source, destination = item.name("source"), item.name("destination")
        kind = item.text("destination_type", QUEUE)
        if kind not in (QUEUE, EXCHANGE):
            raise Unusable(
                "T014", f"'{shown(kind)}' is not 'queue' or 'exchange'", "destination_type"
            )
        key, arguments = item.name("routing_key", ""), item.table("arguments")
        if not source:
            if kind == QUEUE and key == destination and not arguments:
                return  # Each queue is bound so anyway.
            raise Unusable("T040", "nothing can be bound to the default exchange", "source")
        check_filter(arguments)
        yield Binding(self._vhost_of(item), source, kind, destination, key, arguments)

    def _not_kept(self, item: Item, field: str, what: str) -> None:
        self._note("T040", (*item.path, field), f"{what} means nothing to Warrener and is not kept")


def _label(name: str, values: Mapping[str, Any], vhost: str) -> str:
    """What a problem calls an item that may have anything in it."""

    def said(key: str) -> str:
        value = values.get(key)
        return shown(value) if isinstance(value, str) else described(value)

    where = shown(values["vhost"]) if isinstance(values.get("vhost"), str) else shown(vhost)
    if name == "bindings":
        return f"binding '{said('source')}' -> '{said('destination')}' in '{where}'"
    if name.endswith("permissions"):
        return f"{name[:-1].replace('_', ' ')} of '{said('user')}' in '{where}'"
    kind = {"policies": "policy", "global_parameters": "global parameter"}.get(name, name[:-1])
    is_anywhere = name in ("users", "vhosts", "global_parameters")
    return f"{kind} '{said('name')}'" + ("" if is_anywhere else f" in '{where}'")


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _is_there_anyway(name: str, kind: str) -> bool:
    return PREDECLARED.get(name, "direct" if not name else None) == kind
