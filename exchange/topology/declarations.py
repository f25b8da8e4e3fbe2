"""Declarations: what the entries of a file declare, as things of a state.

A `Draft` is such a thing together with the entry that it comes from, so that whoever finds
something wrong with it later can still point at the place. Here are the rules that concern one
declaration alone; those between several are in `warrener.exchange.topology.references`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from warrener.exchange import policy as policies
from warrener.exchange.arguments import check_exchange_arguments
from warrener.exchange.deduplication import queue_deduplication
from warrener.exchange.errors import Refused
from warrener.exchange.filters import FilterSyntaxError, compile_filter
from warrener.exchange.filters.arguments import SELECTOR, TAGS
from warrener.exchange.predeclared import PREDECLARED
from warrener.exchange.queues.options import KEYS, queue_options
from warrener.exchange.topology import sugar, tree
from warrener.exchange.topology.credentials import credentials
from warrener.exchange.topology.item_checks import core_policy
from warrener.exchange.topology.problem import did_you_mean
from warrener.exchange.topology.reading import Entry
from warrener.exchange.topology.schema import VHOST_LIMITS
from warrener.exchange.topology.shapes import INVALID, Field, Record, has_units
from warrener.exchange.topology.state import (
    EXCHANGE,
    QUEUE,
    RESERVED,
    Binding,
    Exchange,
    GlobalParameter,
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
)
from warrener.exchange.types import TYPES

DEFAULT_VHOST = "/"
QUEUE_TYPES_BY_DEFAULT = ("classic", "undefined", "")
"""Default queue types that are what queues are here."""

_FILTERS = {SELECTOR: "sql", TAGS: "tags"}


@dataclass(slots=True, eq=False)
class Draft:
    """A thing, and where it was declared."""

    thing: Any
    entry: Entry
    made_up: bool = False
    """Made from something short; what is declared in full counts more."""


class Declarations:
    """The drafts of one document.

    Args:
        top: what the whole document was read as.
        vhost: for what names none.
    """

    def __init__(self, top: Entry, vhost: str = DEFAULT_VHOST) -> None:
        self.drafts: list[Draft] = []
        self._defaults = top.get("defaults")
        for user in top.get("users", ()):
            self._user(user)
        self._single_vhost(top, vhost)
        for entry in top.get("vhosts", ()):
            self._vhost(entry)
            if "name" in entry:
                self._contents(entry, entry.get("name"), inside=True)
        self._contents(top, vhost, inside=False)
        for parameter in top.get("parameters", ()):
            self._parameter(parameter, vhost)
        for parameter in top.get("global_parameters", ()):
            self._global_parameter(parameter)

    def _add(self, thing: Thing, entry: Entry, made_up: bool = False) -> None:
        self.drafts.append(Draft(thing, entry, made_up))

    # Who, and where

    def _user(self, entry: Entry) -> None:
        name = entry.get("name")
        if name is None:
            return
        password, password_hash = credentials(entry)
        self._add(User(name, tuple(_value(entry, "tags")), password_hash, password), entry)
        if "limits" in entry and entry.get("limits").values:
            self._add(UserLimits(name, entry.get("limits").values), entry)

    def _vhost(self, entry: Entry) -> None:
        name = entry.get("name")
        if name is None:
            return
        metadata = entry.get("metadata")
        said = {**(metadata.values if metadata else {}), **entry.values}
        tags = tuple(said["tags"]) if "tags" in said else None
        self._add(VirtualHost(name, said.get("description"), tags), entry)
        if said.get("default_queue_type", "classic") not in QUEUE_TYPES_BY_DEFAULT:
            what = f"the default queue type '{said['default_queue_type']}'"
            self._not_kept(entry, what, "default_queue_type")
        self._limits(name, entry)

    def _single_vhost(self, top: Entry, vhost: str) -> None:
        """What RabbitMQ says of the virtual host in an export of one."""
        if {"metadata", "limits", "description"} & top.values.keys():
            named = Entry(
                top.record, top.reader, top.node, {**top.values, "name": vhost}, top.nodes
            )
            self._vhost(named)

    def _limits(self, vhost: str, entry: Entry) -> None:
        if "limits" in entry and entry.get("limits").values:
            self._add(VirtualHostLimits(vhost, entry.get("limits").values), entry)

    def _contents(self, holder: Entry, vhost: str, inside: bool) -> None:
        """The lists that are in a virtual host, or at the top with one in each item."""
        makers: dict[str, Callable[[Entry, str], None]] = {
            "permissions": self._permission,
            "topic_permissions": self._topic_permission,
            "exchanges": self._exchange,
            "queues": self._queue,
            "bindings": self._binding,
            "policies": self._policy,
            "operator-policies": self._operator_policy,
        }
        for name, make in makers.items():
            for entry in holder.get(name, ()):
                if inside and entry.get("vhost", vhost) != vhost:
                    entry.problem("T017", "vhost", f"this stands inside the vhost '{vhost}'")
                elif _is_complete(entry):
                    make(entry, entry.get("vhost", vhost))

    def _permission(self, entry: Entry, vhost: str) -> None:
        self._add(Permission(vhost, **_only(entry, "user", "configure", "write", "read")), entry)

    def _topic_permission(self, entry: Entry, vhost: str) -> None:
        self._add(
            TopicPermission(vhost, **_only(entry, "user", "exchange", "write", "read")), entry
        )

    # What messages go through

    def _exchange(self, entry: Entry, vhost: str) -> None:
        name = entry.get("name")
        defaults = self._defaults_of(EXCHANGE)
        kind = _value(entry, "type", defaults)
        if self._is_reserved(entry, EXCHANGE) and PREDECLARED.get(name) != kind:
            return
        arguments = self._arguments(entry, defaults)
        flags = {
            flag: _value(entry, flag, defaults) for flag in ("durable", "auto_delete", "internal")
        }
        if kind in TYPES:
            _check_arguments(entry, arguments, lambda given: TYPES[kind](name, arguments=given))
        _check_arguments(entry, arguments, check_exchange_arguments)
        self._add(Exchange(vhost, name, kind, arguments=arguments, **flags), entry)

    def _queue(self, entry: Entry, vhost: str) -> None:
        name = entry.get("name")
        if self._is_reserved(entry, QUEUE):
            return
        defaults = self._defaults_of(QUEUE)
        arguments = self._arguments(entry, defaults)
        kind = _value(entry, "type", defaults)
        if kind != "classic":
            arguments.setdefault("x-queue-type", kind)
        made_up = sugar.dead_letters(entry, vhost, arguments)
        flags = {flag: _value(entry, flag, defaults) for flag in ("durable", "auto_delete")}
        _check_arguments(entry, arguments, partial(queue_options, durable=flags["durable"]))
        _check_arguments(entry, arguments, queue_deduplication)
        self._add(Queue(vhost, name, arguments=arguments, **flags), entry)
        for thing in made_up:
            self._add(thing, entry, made_up=True)
        for bind in entry.get("bind", ()):
            if "source" in bind:
                self._bind(bind, vhost, QUEUE, name)

    def _binding(self, entry: Entry, vhost: str) -> None:
        given = [name for name in (QUEUE, EXCHANGE, "destination") if name in entry.nodes]
        if len(given) != 1:
            what = "a binding leads to one 'queue' or one 'exchange'"
            entry.problem("T017" if given else "T013", given[-1] if given else "", what)
        elif given[0] in entry:
            kind = _value(entry, "destination_type") if given[0] == "destination" else given[0]
            self._bind(entry, vhost, kind, entry.get(given[0]))

    def _bind(self, entry: Entry, vhost: str, kind: str, destination: str) -> None:
        arguments = self._arguments(entry, None)
        key = _value(entry, "routing_key")
        self._add(Binding(vhost, entry.get("source"), kind, destination, key, arguments), entry)
        for name in _FILTERS:
            if name in arguments:
                _check_filter(entry, name, arguments[name])

    def _policy(self, entry: Entry, vhost: str) -> None:
        self._checked_policy(_policy_of(Policy, entry, vhost), entry)

    def _operator_policy(self, entry: Entry, vhost: str) -> None:
        self._checked_policy(_policy_of(OperatorPolicy, entry, vhost), entry)

    def _checked_policy(self, policy: Policy, entry: Entry) -> None:
        unknown = policy.definition.keys() - KEYS.keys()
        for key in sorted(unknown):
            suggestion = did_you_mean(key, KEYS)
            entry.get("definition").problem("T012", key, f"unknown key '{key}'", suggestion)
        definition = {k: v for k, v in policy.definition.items() if k not in unknown}
        if definition or not unknown:
            policy = replace(policy, definition=definition)
            _check_policy(policy, entry)
            self._add(policy, entry)

    # What RabbitMQ keeps as parameters

    def _parameter(self, entry: Entry, vhost: str) -> None:
        component, name = entry.get("component"), entry.get("name")
        vhost = entry.get("vhost", vhost)
        if component == "vhost-limits" and "value" in entry:
            limits = VHOST_LIMITS.read(entry.nodes["value"], entry.reader)
            if limits is not INVALID:
                self._add(VirtualHostLimits(vhost, limits.values), entry)
        elif component == "operator_policy" and "value" in entry:
            value = sugar.OPERATOR_POLICY.read(entry.nodes["value"], entry.reader)
            if value is not INVALID and _is_complete(value):
                value.values["name"] = name
                self._operator_policy(value, vhost)
        elif name is not None:
            self._not_kept(entry, f"the parameter '{name}' of '{component}'")

    def _global_parameter(self, entry: Entry) -> None:
        if _is_complete(entry):
            self._add(GlobalParameter(entry.get("name"), entry.get("value")), entry)

    def _not_kept(self, entry: Entry, what: str, field: str = "name") -> None:
        entry.problem("T040", field, f"{what} means nothing to Warrener and is not kept")

    # Parts

    def _defaults_of(self, kind: str) -> Entry | None:
        found: Entry | None = self._defaults.get(kind) if self._defaults else None
        return found

    def _is_reserved(self, entry: Entry, kind: str) -> bool:
        name = entry.get("name")
        if not name.startswith(RESERVED):
            return False
        if kind == QUEUE or PREDECLARED.get(name) != _value(entry, "type"):
            entry.problem("T016", "name", f"names with the prefix '{RESERVED}' are the broker's")
        return True

    def _arguments(self, entry: Entry, defaults: Entry | None) -> dict[str, Any]:
        """All arguments of a declaration: those written as such, and those with a field."""
        arguments = dict(defaults.get("arguments", {})) if defaults else {}
        if defaults:
            arguments |= _from_fields(defaults)
        given = entry.get("arguments", {})
        arguments |= given
        for name, value in _from_fields(entry).items():
            if name in given:
                what = f"'{name}' stands in 'arguments' as well"
                entry.problem("T017", _field_of(entry.record, name), what)
            arguments[name] = value
        return arguments


def _value(entry: Entry, name: str, defaults: Entry | None = None) -> Any:
    """The value of a field: as given, by the defaults of the file, or by the schema."""
    if name in entry.values:
        return entry.values[name]
    if defaults is not None and name in defaults.values:
        return defaults.values[name]
    return _default(entry.record, name)


def _default(record: Record, name: str) -> Any:
    return record.field(name).default


def _only(entry: Entry, *names: str) -> dict[str, Any]:
    return {name: entry.values[name] for name in names}


def _is_complete(entry: Entry) -> bool:
    """Whether what is required is there and right; if not, that has been told."""
    return all(name in entry.values for name in entry.record.required)


def _from_fields(entry: Entry) -> dict[str, Any]:
    """The arguments that are written as fields; a filter has two of them."""
    found: dict[str, Any] = {}
    for name, value in entry.values.items():
        if isinstance(value, Entry):
            if name == "filter":
                found |= _from_fields(value)
            continue
        field: Field | None = entry.record.field(name) if entry.record.has(name) else None
        if field is not None and field.argument:
            found[field.argument] = value
    return found


def _field_of(record: Record, argument: str) -> str:
    """The name of the field that sets an argument; a filter's are inside `filter`."""
    if argument in _FILTERS:
        return "filter"
    if argument == "x-queue-type":
        return "type"
    return next((f.name for f in record.fields if f.argument == argument), "arguments")


def _check_arguments(
    entry: Entry, arguments: Mapping[str, Any], check: Callable[[Mapping[str, Any]], object]
) -> None:
    try:
        check(arguments)
    except Refused as error:
        said = [
            name
            for name, value in arguments.items()
            if f"'{name}'" in error.text or (value and str(value) in error.text)
        ]
        node = argument_node(entry, said[0]) if said else entry.node
        entry.reader.problem("T023", node, error.text, _without_units(entry, said))


def _without_units(entry: Entry, arguments: list[str]) -> str:
    """A suggestion for who writes a unit where arguments stand as they are."""
    for name in arguments:
        field = _field_of(entry.record, name)
        if field == "arguments" or not has_units(entry.record.field(field).shape):
            continue
        if isinstance(entry.get("arguments", {}).get(name), str):
            return f"units are understood outside of 'arguments', in '{field}'"
    return ""


def argument_node(entry: Entry, name: str) -> tree.Node:
    """Where the value of an argument stands."""
    table = entry.nodes.get("arguments")
    if isinstance(table, tree.Mapping):
        for key, value in table.entries:
            if key.text == name:
                return value
    holder = entry.values.get("filter") if name in _FILTERS else entry
    if isinstance(holder, Entry):
        field = _FILTERS.get(name) or _field_of(holder.record, name)
        return holder.nodes.get(field, holder.node)
    return entry.node


def _check_filter(entry: Entry, name: str, text: Any) -> None:
    node = argument_node(entry, name)
    if not isinstance(text, str):
        entry.reader.problem("T011", node, f"'{name}' is a string")
        return
    try:
        compile_filter(text, None) if name == SELECTOR else compile_filter(None, text)
    except FilterSyntaxError as error:
        what = f"not a valid filter: expected {error.expected}, found {error.found}"
        entry.reader.problem_inside("T022", node, error.position, what)


def _check_policy(policy: Policy, entry: Entry) -> None:
    try:
        policies.check_policy(core_policy(policy))
    except Refused as error:
        definition = entry.get("definition")
        said = [key for key in policy.definition if f"'{key}'" in error.text]
        node = definition.nodes[said[0]] if said else entry.nodes.get("apply-to", definition.node)
        entry.reader.problem("T023", node, error.text)


def _policy_of(kind: type[Policy], entry: Entry, vhost: str) -> Policy:
    return kind(
        vhost,
        entry.get("name"),
        entry.get("pattern"),
        entry.get("definition").values,
        _value(entry, "apply-to"),
        _value(entry, "priority"),
    )
