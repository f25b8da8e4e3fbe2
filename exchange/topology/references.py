"""References: what holds between the declarations of one file or of several.

Nothing is declared twice, and what one declaration names is there: checked for all files together,
before any broker is asked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

from warrener.exchange.access.users import GUEST
from warrener.exchange.binding import Binding as CoreBinding
from warrener.exchange.errors import Refused
from warrener.exchange.predeclared import PREDECLARED
from warrener.exchange.topology.declarations import DEFAULT_VHOST, Draft, argument_node
from warrener.exchange.topology.problem import did_you_mean
from warrener.exchange.topology.state import (
    EXCHANGE,
    QUEUE,
    Binding,
    Exchange,
    Key,
    Permission,
    Queue,
    State,
    Thing,
    TopicPermission,
    User,
    VirtualHost,
    merged_vhosts,
    same,
    title,
)
from warrener.exchange.topology.sugar import DLX
from warrener.exchange.types import TYPES
from warrener.exchange.types import Exchange as CoreExchange

NONE: Mapping[Key, Thing] = {}
ALTERNATE = "alternate-exchange"
COMPARISONS_MAX = 50_000
"""Names that are compared with those that are missing, to suggest one: a second or two. Whoever
misses very many among very many has not mistyped them."""


class Declared:
    """All drafts by their keys; merging them tells what is declared twice."""

    def __init__(self, drafts: Iterable[Draft], others: Mapping[Key, Thing] = NONE) -> None:
        self.drafts: dict[Key, Draft] = {}
        self._others = others
        for draft in sorted(drafts, key=lambda draft: draft.made_up):
            self._take(draft)
        self._names: dict[tuple[str, str], list[str]] = defaultdict(list)
        for thing in (*(draft.thing for draft in self.drafts.values()), *others.values()):
            if isinstance(thing, Queue | Exchange):
                self._names[thing.kind, thing.vhost].append(thing.name)
        self._exchanges: dict[Key, CoreExchange | None] = {}
        self._comparisons_left = COMPARISONS_MAX

    @property
    def listed_vhosts(self) -> frozenset[str]:
        """The virtual hosts that are declared as such."""
        keys = self.drafts.keys() | self._others.keys()
        return frozenset(str(key[1]) for key in keys if key[0] == VirtualHost.kind)

    @property
    def implied_vhosts(self) -> frozenset[str]:
        """The default virtual host, where something is in it that is not said to be there."""
        used = {getattr(draft.thing, "vhost", "") for draft in self.drafts.values()}
        return frozenset((DEFAULT_VHOST,)) & (used - self.listed_vhosts)

    def state(self) -> State:
        things = [draft.thing for draft in self.drafts.values()]
        return State([*map(VirtualHost, self.implied_vhosts), *things])

    def let_go(self) -> None:
        """Give the drafts back one by one, as `Document.let_go` does with what they stand on."""
        while self.drafts:
            self.drafts.popitem()

    def check(self) -> None:
        """Tell of everything that is not there."""
        vhosts = self.listed_vhosts | {DEFAULT_VHOST}
        for draft in self.drafts.values():
            vhost = getattr(draft.thing, "vhost", DEFAULT_VHOST)
            if vhost not in vhosts:
                self._missing(draft, "vhost", "vhost", vhost, vhosts)
                continue
            match draft.thing:
                case Binding():
                    self._check_binding(draft)
                case Queue():
                    self._check_exchange(draft, draft.thing.arguments.get(DLX), DLX)
                case Exchange():
                    self._check_exchange(draft, draft.thing.arguments.get(ALTERNATE), ALTERNATE)
                case Permission() | TopicPermission():
                    self._check_user(draft)
        self._check_permissions()

    def _take(self, draft: Draft) -> None:
        there = self.drafts.setdefault(draft.thing.key, draft)
        if there is draft or draft.made_up:
            return
        if isinstance(draft.thing, VirtualHost) and _reader(there) is not _reader(draft):
            merged = merged_vhosts(there.thing, draft.thing)
            if merged is not None:
                there.thing = merged
                return
        elif draft.entry.record.what == "a parameter" and _is_same(there.thing, draft.thing):
            return  # The limits of a virtual host may be written as a parameter, too.
        place = _reader(there).document.place(there.entry.node)
        where = f"{place.file}:{place.line}:{place.column}"
        draft.entry.problem("T030", "name", f"{title(draft.thing)} is declared at {where} already")

    def _check_binding(self, draft: Draft) -> None:
        binding = draft.thing
        source = self._exchange(binding.vhost, binding.source)
        if source is None and not self._is_declared(EXCHANGE, binding.vhost, binding.source):
            self._missing(draft, "source", EXCHANGE, binding.source, self._known(draft, EXCHANGE))
        elif source is not None:
            _check_rules(draft, source)
        kind, name = binding.destination_type, binding.destination
        if not self._is_declared(kind, binding.vhost, name):
            given = [n for n in (QUEUE, EXCHANGE, "destination") if n in draft.entry.nodes]
            self._missing(draft, given[0] if given else "", kind, name, self._known(draft, kind))

    def _is_declared(self, kind: str, vhost: str, name: str) -> bool:
        key = (kind, vhost, name)
        is_always_there = kind == EXCHANGE and name in PREDECLARED
        return is_always_there or key in self.drafts or key in self._others

    def _known(self, draft: Draft, kind: str) -> list[str]:
        predeclared = list(PREDECLARED) if kind == EXCHANGE else []
        return self._names[kind, draft.thing.vhost] + predeclared

    def _exchange(self, vhost: str, name: str) -> CoreExchange | None:
        """An exchange such as the broker would make, to ask what it thinks of a binding."""
        key = (EXCHANGE, vhost, name)
        if key not in self._exchanges:
            self._exchanges[key] = self._make_exchange(key)
        return self._exchanges[key]

    def _make_exchange(self, key: Key) -> CoreExchange | None:
        thing = self.drafts[key].thing if key in self.drafts else self._others.get(key)
        name = str(key[-1])
        kind = thing.type if isinstance(thing, Exchange) else PREDECLARED.get(name, "")
        if kind not in TYPES:
            return None
        try:
            arguments = thing.arguments if isinstance(thing, Exchange) else {}
            return TYPES[kind](name, arguments=arguments)
        except Refused:
            return None  # Its arguments are wrong, and that has been told.

    def _check_exchange(self, draft: Draft, name: Any, argument: str) -> None:
        """A dead-letter or alternate exchange may come later: it is only a warning."""
        if not isinstance(name, str) or not name or draft.made_up:
            return
        if not self._is_declared(EXCHANGE, draft.thing.vhost, name):
            suggestion = self._did_you_mean(name, self._known(draft, EXCHANGE))
            what = f"there is no exchange '{name}' in the vhost '{draft.thing.vhost}'"
            node = argument_node(draft.entry, argument)
            _reader(draft).problem("T032", node, what, suggestion)

    def _check_user(self, draft: Draft) -> None:
        user = draft.thing.user
        keys = self.drafts.keys() | self._others.keys()
        if ("user", user) not in keys and user != GUEST.name:
            users = [key[1] for key in keys if key[0] == "user"]
            self._missing(draft, "user", "user", user, map(str, users))

    def _check_permissions(self) -> None:
        things = (*(draft.thing for draft in self.drafts.values()), *self._others.values())
        permitted = {thing.user for thing in things if isinstance(thing, Permission)}
        for draft in self.drafts.values():
            if isinstance(draft.thing, User) and draft.thing.name not in permitted:
                what = f"the user '{draft.thing.name}' has no permission in any vhost"
                draft.entry.problem("T033", "name", what)

    def _missing(
        self, draft: Draft, field: str, kind: str, name: str, known: Iterable[str]
    ) -> None:
        if draft.made_up:
            return
        vhost = getattr(draft.thing, "vhost", None)
        where = f" in the vhost '{vhost}'" if kind in (QUEUE, EXCHANGE) else ""
        what = f"the {kind} '{name}' is not declared{where}"
        draft.entry.problem("T031", field, what, self._did_you_mean(name, known))

    def _did_you_mean(self, name: str, known: Iterable[str]) -> str:
        names = list(known)
        self._comparisons_left -= len(names)
        return did_you_mean(name, names) if self._comparisons_left >= 0 else ""


def _check_rules(draft: Draft, source: CoreExchange) -> None:
    binding = draft.thing
    # The rules of a type look at key and arguments only, so any destination does.
    core = CoreBinding(source, source, binding.routing_key, binding.arguments)
    try:
        source.check_binding(core)
    except Refused as error:
        field = "routing_key" if repr(binding.routing_key) in error.text else "arguments"
        draft.entry.problem("T023", field, error.text)


def _reader(draft: Draft) -> Any:
    return draft.entry.reader


def _is_same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and all(
        same(getattr(one, name), getattr(other, name))
        for name in (each.name for each in fields(one))
    )
