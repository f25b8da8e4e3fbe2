"""Requirements: what a thing of a definitions document needs, and that is not there.

A topology file is checked as a whole, and what refers to nothing is an error of its author. A
definitions document may have been cut, or cleaned up by hand: a binding to a queue that is neither
in it nor on the broker is left out, with what depends on a virtual host or a user that is not
there, and the rest is taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from warrener.exchange.access.users import GUEST
from warrener.exchange.binding import Binding as CoreBinding
from warrener.exchange.errors import Refused
from warrener.exchange.predeclared import PREDECLARED
from warrener.exchange.topology.desired import Desired
from warrener.exchange.topology.items import shown, shown_reason
from warrener.exchange.topology.problem import in_order
from warrener.exchange.topology.state import (
    EXCHANGE,
    Binding,
    Key,
    Permission,
    State,
    Thing,
    TopicPermission,
    User,
    UserLimits,
    VirtualHost,
)
from warrener.exchange.types import TYPES
from warrener.exchange.types import Exchange as CoreExchange

NEW_BROKER = State([VirtualHost("/"), User(GUEST.name)])
"""What a broker has before anybody has told it anything."""


def possible(desired: Desired, live: Mapping[Key, Thing]) -> Desired:
    """What a broker that has all of `live` can be made to have; the rest is among the problems."""
    if not desired.origins:
        return desired
    check = _Check(desired.state, live)
    reasons = {key: check.unmet(desired.state[key]) for key in desired.origins}
    left_out = [key for key, reason in reasons.items() if reason]
    if not left_out:
        return desired
    problems = [desired.left_out(desired.state[key], reasons[key], "T031") for key in left_out]
    gone = frozenset(left_out)
    return replace(
        desired,
        state=State(thing for key, thing in desired.state.items() if key not in gone),
        origins={key: each for key, each in desired.origins.items() if key not in gone},
        problems=tuple(in_order([*desired.problems, *problems])),
    )


class _Check:
    def __init__(self, desired: Mapping[Key, Thing], live: Mapping[Key, Thing]) -> None:
        self._desired = desired
        self._live = live
        self._exchanges: dict[Key, CoreExchange | None] = {}

    def unmet(self, thing: Thing) -> str:
        """What is missing for a thing, empty if nothing is."""
        vhost = getattr(thing, "vhost", None)
        if vhost is not None and not self._has("vhost", vhost):
            return f"there is no vhost '{shown(vhost)}'"
        match thing:
            case Permission() | TopicPermission() | UserLimits():
                if not self._has("user", thing.user):
                    return f"there is no user '{shown(thing.user)}'"
            case Binding():
                return self._unmet_of_binding(thing)
        return ""

    def _unmet_of_binding(self, binding: Binding) -> str:
        for kind, name in (
            (EXCHANGE, binding.source),
            (binding.destination_type, binding.destination),
        ):
            is_always_there = kind == EXCHANGE and name in PREDECLARED
            if not is_always_there and not self._has(kind, binding.vhost, name):
                return f"there is no {kind} '{shown(name)}'"
        return self._refused(binding)

    def _refused(self, binding: Binding) -> str:
        """What the type of the source has against a binding."""
        source = self._exchange((EXCHANGE, binding.vhost, binding.source))
        if source is None:
            return ""
        # The rules of a type look at key and arguments only, so any destination does.
        core = CoreBinding(source, source, binding.routing_key, binding.arguments)
        try:
            source.check_binding(core)
        except Refused as error:
            return shown_reason(error.text)
        return ""

    def _exchange(self, key: Key) -> CoreExchange | None:
        """An exchange such as the broker has, or will have."""
        if key not in self._exchanges:
            thing = self._live.get(key) or self._desired.get(key)
            kind = getattr(thing, "type", None) or PREDECLARED[str(key[-1])]
            name, arguments = str(key[-1]), getattr(thing, "arguments", {})
            self._exchanges[key] = _made(kind, name, arguments)
        return self._exchanges[key]

    def _has(self, *key: str) -> bool:
        return key in self._desired or key in self._live


def _made(kind: str, name: str, arguments: Mapping[str, object]) -> CoreExchange | None:
    try:
        return TYPES[kind](name, arguments=arguments)
    except (KeyError, Refused):
        return None  # The broker at the other end knows other types.
