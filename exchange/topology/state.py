"""State: what a broker has, or is to have, as values.

One frozen class for each kind of thing, in the order in which they are made; `key` says which
thing it is, everything else how it is. A field that is None is not said: whatever the broker has
there is right. A state is a mapping of keys to things.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar, TypeAlias

from warrener.exchange.arguments import identity
from warrener.exchange.filters.arguments import SELECTOR, TAGS

Key: TypeAlias = tuple[Hashable, ...]
Arguments: TypeAlias = Mapping[str, Any]

QUEUE = "queue"
EXCHANGE = "exchange"
RESERVED = "amq."
"""What the names begin with that are the broker's."""
MADE_UP = "amq.gen-"
"""What the names of queues begin with that were declared without one."""


@dataclass(frozen=True, slots=True)
class VirtualHost:
    kind: ClassVar[str] = "vhost"
    name: str
    description: str | None = None
    tags: tuple[str, ...] | None = None

    @property
    def key(self) -> Key:
        return (self.kind, self.name)


@dataclass(frozen=True, slots=True)
class User:
    """`password` is what the user types, if that is known; it is never shown or saved."""

    kind: ClassVar[str] = "user"
    name: str
    tags: tuple[str, ...] = ()
    password_hash: str | None = None
    password: str | None = field(default=None, repr=False)

    @property
    def key(self) -> Key:
        return (self.kind, self.name)


@dataclass(frozen=True, slots=True)
class Permission:
    kind: ClassVar[str] = "permission"
    vhost: str
    user: str
    configure: str = ""
    write: str = ""
    read: str = ""

    @property
    def key(self) -> Key:
        return (self.kind, self.vhost, self.user)


@dataclass(frozen=True, slots=True)
class TopicPermission:
    kind: ClassVar[str] = "topic permission"
    vhost: str
    user: str
    exchange: str
    write: str = ""
    read: str = ""

    @property
    def key(self) -> Key:
        return (self.kind, self.vhost, self.user, self.exchange)


@dataclass(frozen=True, slots=True)
class VirtualHostLimits:
    kind: ClassVar[str] = "vhost limits"
    vhost: str
    values: Mapping[str, int]

    @property
    def key(self) -> Key:
        return (self.kind, self.vhost)


@dataclass(frozen=True, slots=True)
class UserLimits:
    kind: ClassVar[str] = "user limits"
    user: str
    values: Mapping[str, int]

    @property
    def key(self) -> Key:
        return (self.kind, self.user)


@dataclass(frozen=True, slots=True)
class GlobalParameter:
    kind: ClassVar[str] = "global parameter"
    name: str
    value: Any

    @property
    def key(self) -> Key:
        return (self.kind, self.name)


@dataclass(frozen=True, slots=True)
class Exchange:
    kind: ClassVar[str] = EXCHANGE
    vhost: str
    name: str
    type: str = "direct"
    durable: bool = True
    auto_delete: bool = False
    internal: bool = False
    arguments: Arguments = field(default_factory=dict)

    @property
    def key(self) -> Key:
        return (self.kind, self.vhost, self.name)


@dataclass(frozen=True, slots=True)
class Queue:
    kind: ClassVar[str] = QUEUE
    vhost: str
    name: str
    durable: bool = True
    auto_delete: bool = False
    arguments: Arguments = field(default_factory=dict)

    @property
    def key(self) -> Key:
        return (self.kind, self.vhost, self.name)


@dataclass(frozen=True, slots=True)
class Binding:
    kind: ClassVar[str] = "binding"
    vhost: str
    source: str
    destination_type: str
    destination: str
    routing_key: str = ""
    arguments: Arguments = field(default_factory=dict)

    @property
    def key(self) -> Key:
        arguments = identity(self.arguments) if self.arguments else None
        return (*self.ends, arguments)

    @property
    def ends(self) -> Key:
        """The key without arguments."""
        return (
            self.kind,
            self.vhost,
            self.source,
            self.destination_type,
            self.destination,
            self.routing_key,
        )

    @property
    def unfiltered(self) -> Key:
        """What bindings have in common that differ in their filter only."""
        others = {k: v for k, v in self.arguments.items() if k not in (SELECTOR, TAGS)}
        return (*self.ends, identity(others))


@dataclass(frozen=True, slots=True)
class Policy:
    kind: ClassVar[str] = "policy"
    vhost: str
    name: str
    pattern: str
    definition: Arguments
    apply_to: str = "all"
    priority: int = 0

    @property
    def key(self) -> Key:
        return (self.kind, self.vhost, self.name)


@dataclass(frozen=True, slots=True)
class OperatorPolicy(Policy):
    kind: ClassVar[str] = "operator policy"


Thing: TypeAlias = (
    VirtualHost
    | User
    | Permission
    | TopicPermission
    | VirtualHostLimits
    | UserLimits
    | GlobalParameter
    | Policy
    | OperatorPolicy
    | Exchange
    | Queue
    | Binding
)

KINDS: tuple[type[Any], ...] = (
    VirtualHost,
    User,
    Permission,
    TopicPermission,
    VirtualHostLimits,
    UserLimits,
    GlobalParameter,
    Policy,
    OperatorPolicy,
    Exchange,
    Queue,
    Binding,
)
"""In the order in which they are made. Policies come before what they apply to: to set one means to
go through all names that are there."""

SECRETS = ("password_hash", "password")


class State(Mapping[Key, Any]):
    """Things by their keys."""

    def __init__(self, things: Iterable[Thing] = ()) -> None:
        self._things = {thing.key: thing for thing in things}

    def __getitem__(self, key: Key) -> Any:
        return self._things[key]

    def __iter__(self) -> Iterator[Key]:
        return iter(self._things)

    def __len__(self) -> int:
        return len(self._things)

    def of(self, kind: type[Any]) -> list[Any]:
        """The things of one kind, by name."""
        things = [thing for thing in self._things.values() if type(thing) is kind]
        return sorted(things, key=lambda thing: tuple(map(repr, thing.key)))


def title(thing: Thing) -> str:
    """How a thing is called in a plan."""
    match thing:
        case VirtualHost() | User() | GlobalParameter():
            return f"{thing.kind} '{thing.name}'"
        case UserLimits():
            return f"limits of user '{thing.user}'"
        case VirtualHostLimits():
            return f"limits of vhost '{thing.vhost}'"
        case Permission():
            return f"permission of '{thing.user}' in '{thing.vhost}'"
        case TopicPermission():
            return f"topic permission of '{thing.user}' on '{thing.exchange}' in '{thing.vhost}'"
        case Binding():
            key = f" key '{thing.routing_key}'" if thing.routing_key else ""
            return (
                f"binding '{thing.source}' -> {thing.destination_type} '{thing.destination}'"
                f"{key}{_filter_text(thing)} in '{thing.vhost}'"
            )
        case _:
            return f"{thing.kind} '{thing.name}' in '{thing.vhost}'"


def differences(before: Thing, after: Thing) -> dict[str, tuple[Any, Any]]:
    """What is to change: names of fields, or of keys in them, with both values."""
    found: dict[str, tuple[Any, Any]] = {}
    for each in fields(after):
        old, new = getattr(before, each.name), getattr(after, each.name)
        if new is None or each.name == "password" or same(old, new):
            continue
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            found |= {
                f"{each.name}.{key}": (old.get(key), new.get(key))
                for key in sorted(old.keys() | new.keys())
                if key not in old or key not in new or not same(old[key], new[key])
            }
        else:
            found[each.name] = (old, new)
    return found


def same(one: Any, other: Any) -> bool:
    """Whether two values mean the same; true is not 1, and the order of tags does not matter."""
    if one is other:
        return True
    if isinstance(one, tuple) and isinstance(other, tuple):
        return set(one) == set(other)
    return identity(one) == identity(other)


def merged_vhosts(one: VirtualHost, other: VirtualHost) -> VirtualHost | None:
    """What two declarations say of one virtual host, None if they do not agree."""
    said: dict[str, Any] = {}
    for name in ("description", "tags"):
        values = [v for v in (getattr(one, name), getattr(other, name)) if v is not None]
        if len(values) == 2 and values[0] != values[1]:
            return None
        said[name] = values[0] if values else None
    return replace(one, **said)


def as_fields(thing: Thing) -> dict[str, Any]:
    """A thing as a saved plan has it; without a password in clear."""
    values = {each.name: getattr(thing, each.name) for each in fields(thing)}
    values.pop("password", None)
    return {"kind": thing.kind, **values}


def from_fields(values: Mapping[str, Any]) -> Thing:
    """The opposite of `as_fields`. Raises: KeyError, TypeError for what is no such thing."""
    by_kind = {kind.kind: kind for kind in KINDS}
    given = {k: tuple(v) if k == "tags" and v else v for k, v in values.items() if k != "kind"}
    thing: Thing = by_kind[values["kind"]](**given)
    return thing


def _filter_text(binding: Binding) -> str:
    texts = [str(binding.arguments[name]) for name in (SELECTOR, TAGS) if name in binding.arguments]
    return f" filter '{' && '.join(texts)}'" if texts else ""
