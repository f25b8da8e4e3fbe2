"""Writing: a state as YAML for people, or as RabbitMQ's definitions.json.

Both are normal forms: sorted, with what is at its default left out (YAML) or written out
(definitions), so that two exports can be compared line by line. Reading either one gives the
state again; a test does that with generated topologies.

YAML is written here and not by PyYAML, which follows YAML 1.1 and so would leave out quotes that
1.2 needs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from warrener import __version__
from warrener.exchange.access.passwords import NO_PASSWORD
from warrener.exchange.topology.credentials import hash_parts
from warrener.exchange.topology.schema import EXCHANGE, QUEUE, VERSION
from warrener.exchange.topology.shapes import Field
from warrener.exchange.topology.state import (
    MADE_UP,
    Arguments,
    Binding,
    Exchange,
    GlobalParameter,
    OperatorPolicy,
    Permission,
    Policy,
    Queue,
    State,
    TopicPermission,
    User,
    UserLimits,
    VirtualHost,
    VirtualHostLimits,
)
from warrener.exchange.topology.tree import plain_value
from warrener.exchange.topology.units import duration_text, size_text

RABBITMQ_LEVEL = "3.13.7"
"""The version of RabbitMQ whose definitions these are like."""
SCHEMA_FILE = "topology-v1.schema.json"

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*|[0-9]+[A-Za-z]+")
_QUEUE_FIELDS = {field.argument: field for field in QUEUE.fields if field.argument}
_EXCHANGE_FIELDS = {field.argument: field for field in EXCHANGE.fields if field.argument}
_UNITS = {
    **dict.fromkeys(("x-message-ttl", "x-expires", "message-ttl", "expires"), duration_text),
    **dict.fromkeys(("x-max-length-bytes", "max-length-bytes"), size_text),
}
_NOT_QUOTED_CONTROLS = {"\n": "\\n", "\t": "\\t", "\r": "\\r", '"': '\\"', "\\": "\\\\"}

Item = dict[str, Any]


def as_yaml(state: State) -> str:
    """A topology file that says what a state has."""
    lines = [f"# yaml-language-server: $schema=./{SCHEMA_FILE}", f"version: {VERSION}"]
    limits = {each.user: each.values for each in state.of(UserLimits)}
    lines += _section("users", [_user(user, limits) for user in state.of(User)])
    lines += _section("global_parameters", [_fields(each) for each in state.of(GlobalParameter)])
    vhosts = state.of(VirtualHost)
    if vhosts:
        lines.append("vhosts:")
    by_vhost = _by_vhost(state)
    for vhost in vhosts:
        lines += _vhost_lines(vhost, by_vhost.get(vhost.name, {}))
    return "\n".join(lines) + "\n"


def as_definitions(state: State) -> str:
    """What RabbitMQ's definitions.json says of a state."""
    user_limits = {each.user: each.values for each in state.of(UserLimits)}
    vhost_limits = {each.vhost: each.values for each in state.of(VirtualHostLimits)}
    document = {
        "rabbit_version": RABBITMQ_LEVEL,
        "rabbitmq_version": RABBITMQ_LEVEL,
        "product_name": "Warrener",
        "product_version": __version__,
        "rabbitmq_definition_format": "cluster",
        "users": [_user_definition(user, user_limits) for user in state.of(User)],
        "vhosts": [_vhost_definition(vhost, vhost_limits) for vhost in state.of(VirtualHost)],
        "permissions": [_fields(each) for each in state.of(Permission)],
        "topic_permissions": [_fields(each) for each in state.of(TopicPermission)],
        "parameters": _parameters(state),
        "global_parameters": [_fields(each) for each in state.of(GlobalParameter)],
        "policies": [_policy_definition(each) for each in state.of(Policy)],
        "queues": [_queue_definition(each) for each in state.of(Queue)],
        "exchanges": [_fields(each) for each in state.of(Exchange)],
        "bindings": [_fields(each) for each in state.of(Binding)],
    }
    return json.dumps(document, indent=2, ensure_ascii=False, sort_keys=False) + "\n"


# YAML


def _by_vhost(state: State) -> dict[str, dict[type[Any], list[Any]]]:
    found: dict[str, dict[type[Any], list[Any]]] = {}
    kinds = (
        VirtualHostLimits,
        Permission,
        TopicPermission,
        Exchange,
        Queue,
        Binding,
        Policy,
        OperatorPolicy,
    )
    for kind in kinds:
        for thing in state.of(kind):
            if _is_made_up(thing):
                continue  # A topology file cannot declare it.
            found.setdefault(thing.vhost, {}).setdefault(kind, []).append(thing)
    return found


def _is_made_up(thing: Any) -> bool:
    """Whether it is a queue with a name that the broker has made up, or bound to one."""
    name = thing.name if isinstance(thing, Queue) else getattr(thing, "destination", "")
    return isinstance(thing, Queue | Binding) and name.startswith(MADE_UP)


def _vhost_lines(vhost: VirtualHost, things: Mapping[type[Any], list[Any]]) -> list[str]:
    lines = [f"  - name: {scalar(vhost.name)}"]
    if vhost.description:
        lines.append(f"    description: {scalar(vhost.description)}")
    if vhost.tags:
        lines.append(f"    tags: {flow(list(vhost.tags))}")
    for limits in things.get(VirtualHostLimits, ()):
        lines.append(f"    limits: {flow(dict(limits.values))}")
    sections = {
        "permissions": [_without_vhost(_fields(each)) for each in things.get(Permission, ())],
        "topic_permissions": [
            _without_vhost(_fields(each)) for each in things.get(TopicPermission, ())
        ],
        "exchanges": [_exchange(each) for each in things.get(Exchange, ())],
        "queues": [_queue(each) for each in things.get(Queue, ())],
        "bindings": [_binding(each) for each in things.get(Binding, ())],
        "policies": [_policy(each) for each in things.get(Policy, ())],
        "operator-policies": [_policy(each) for each in things.get(OperatorPolicy, ())],
    }
    for name, items in sections.items():
        lines += [f"    {line}" for line in _section(name, items)]
    return lines


def _section(name: str, items: Sequence[Item]) -> list[str]:
    return [f"{name}:", *(f"  - {flow(item)}" for item in items)] if items else []


def _user(user: User, limits: Mapping[str, Mapping[str, int]]) -> Item:
    item: Item = {"name": user.name}
    if user.password_hash is not None:
        algorithm, text = hash_parts(user.password_hash)
        item["password"] = {"hash": text, "algorithm": algorithm}
    if user.tags:
        item["tags"] = list(user.tags)
    if user.name in limits:
        item["limits"] = dict(limits[user.name])
    return item


def _exchange(exchange: Exchange) -> Item:
    item: Item = {"name": exchange.name, "type": exchange.type}
    item |= {} if exchange.durable else {"durable": False}
    item |= {"auto_delete": True} if exchange.auto_delete else {}
    item |= {"internal": True} if exchange.internal else {}
    return item | _split(exchange.arguments, _EXCHANGE_FIELDS)


def _queue(queue: Queue) -> Item:
    item: Item = {"name": queue.name}
    item |= {} if queue.durable else {"durable": False}
    item |= {"auto_delete": True} if queue.auto_delete else {}
    return item | _split(queue.arguments, _QUEUE_FIELDS)


def _binding(binding: Binding) -> Item:
    item: Item = {"source": binding.source, binding.destination_type: binding.destination}
    if binding.routing_key:
        item["routing_key"] = binding.routing_key
    arguments = dict(binding.arguments)
    chosen = {"sql": "x-filter-jms-selector", "tags": "x-filter-tags"}
    texts = {name: arguments.pop(key) for name, key in chosen.items() if key in arguments}
    item |= {"filter": texts} if texts else {}
    return item | ({"arguments": arguments} if arguments else {})


def _policy(policy: Policy) -> Item:
    item: Item = {"name": policy.name, "pattern": policy.pattern, "apply-to": policy.apply_to}
    if policy.priority:
        item["priority"] = policy.priority
    return item | {
        "definition": {k: _with_unit(k, v) for k, v in sorted(policy.definition.items())}
    }


def _split(arguments: Arguments, named_by: Mapping[str, Field]) -> Item:
    """Arguments that have a field under its name, all others as they are."""
    named = {
        named_by[name].name: _with_unit(name, value)
        for name, value in sorted(arguments.items())
        if name in named_by
    }
    others = {name: value for name, value in sorted(arguments.items()) if name not in named_by}
    return named | ({"arguments": others} if others else {})


def _with_unit(name: str, value: Any) -> Any:
    if name in _UNITS and isinstance(value, int) and not isinstance(value, bool):
        text = _UNITS[name](value)
        return value if text == str(value) else text
    return value


def flow(value: Any) -> str:
    """A value on one line."""
    if isinstance(value, Mapping):
        # Variables are replaced in values only, so a key needs no escape for one.
        inside = ", ".join(
            f"{scalar(key).replace('$${', '${')}: {flow(item)}" for key, item in value.items()
        )
        return f"{{ {inside} }}" if inside else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(flow, value))}]"
    return scalar(value)


def scalar(value: Any) -> str:
    """A value that is no list and no mapping, so that it is read as the same."""
    if isinstance(value, str):
        is_plain = _PLAIN.fullmatch(value) and isinstance(plain_value(value), str)
        return value if is_plain and value.lower() not in _YAML_1_1 else quoted(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    return repr(value)


def quoted(text: str) -> str:
    """A string in double quotes, on one line."""
    return f'"{"".join(map(_escaped, text))}"'.replace("${", "$${")


_YAML_1_1 = frozenset(("y", "n", "yes", "no", "on", "off"))
"""What other readers of YAML take for true and false."""


def _escaped(char: str) -> str:
    if char in _NOT_QUOTED_CONTROLS:
        return _NOT_QUOTED_CONTROLS[char]
    if char.isprintable():
        return char
    return f"\\U{ord(char):08x}" if ord(char) > 0xFFFF else f"\\u{ord(char):04x}"


# Definitions


def _fields(thing: Any) -> Item:
    return {each.name: _copied(getattr(thing, each.name)) for each in fields(thing)}


def _copied(value: Any) -> Any:
    return dict(sorted(value.items())) if isinstance(value, Mapping) else value


def _without_vhost(item: Item) -> Item:
    return {name: value for name, value in item.items() if name != "vhost"}


def _user_definition(user: User, limits: Mapping[str, Mapping[str, int]]) -> Item:
    algorithm, text = hash_parts(user.password_hash or NO_PASSWORD)
    return {
        "name": user.name,
        "password_hash": text,
        "hashing_algorithm": algorithm,
        "tags": list(user.tags),
        "limits": dict(limits.get(user.name, {})),
    }


def _vhost_definition(vhost: VirtualHost, limits: Mapping[str, Mapping[str, int]]) -> Item:
    metadata: Item = {"description": vhost.description or "", "tags": list(vhost.tags or ())}
    given = _pairs(limits.get(vhost.name, {}))
    return {"name": vhost.name, "limits": given, "metadata": metadata}


def _pairs(values: Mapping[str, int]) -> Item:
    return dict(sorted(values.items()))


def _queue_definition(queue: Queue) -> Item:
    kind = queue.arguments.get("x-queue-type", "classic")
    return {"name": queue.name, "vhost": queue.vhost, "type": kind} | _fields(queue)


def _policy_definition(policy: Policy) -> Item:
    return {
        "vhost": policy.vhost,
        "name": policy.name,
        "pattern": policy.pattern,
        "apply-to": policy.apply_to,
        "priority": policy.priority,
        "definition": _copied(policy.definition),
    }


def _parameters(state: State) -> list[Item]:
    limits = [
        ("vhost-limits", "limits", each.vhost, _pairs(each.values))
        for each in state.of(VirtualHostLimits)
    ]
    policies: Iterable[tuple[str, str, str, Item]] = (
        ("operator_policy", each.name, each.vhost, _parameter_value(each))
        for each in state.of(OperatorPolicy)
    )
    return [
        {"component": component, "name": name, "vhost": vhost, "value": value}
        for component, name, vhost, value in (*limits, *policies)
    ]


def _parameter_value(policy: OperatorPolicy) -> Item:
    described = _policy_definition(policy)
    return {key: described[key] for key in ("apply-to", "definition", "pattern", "priority")}
