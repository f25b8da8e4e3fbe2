"""A policy: options for all queues or exchanges whose names match an expression.

RabbitMQ's model. A policy belongs to a virtual host. Of those that match a thing, the one of the
highest priority applies to it, and no other; of several with the same priority, the first by name.
Beside it, one *operator policy* may apply to a queue, found in the same way, which limits what the
policy may give. What both say together is the *effective* definition; how it goes together with
the arguments of a queue is in `warrener.exchange.queues.options`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from warrener.exchange.arguments import kind, show
from warrener.exchange.errors import PreconditionFailed
from warrener.exchange.expressions.expression import Expression
from warrener.exchange.expressions.syntax import NotAnExpression
from warrener.exchange.queues.options import (
    NO_DEFINITION,
    Definition,
    Scope,
    check_definition,
    is_name,
    merge,
)

ALL = "all"
QUEUES = "queues"
EXCHANGES = "exchanges"
BY_QUEUE_TYPE = {"classic": "classic_queues", "quorum": "quorum_queues", "stream": "streams"}
APPLY_TO = (ALL, QUEUES, EXCHANGES, *BY_QUEUE_TYPE.values())
PRIORITY_MAX = (1 << 63) - 1

EXCHANGE_GROUPS = frozenset((ALL, EXCHANGES))
"""What a policy that applies to an exchange may be meant for."""
_QUEUE_GROUPS = {
    queue_type: frozenset((ALL, QUEUES, group)) for queue_type, group in BY_QUEUE_TYPE.items()
}


def queue_groups(arguments: Mapping[str, Any]) -> Collection[str]:
    """What a policy that applies to a queue with these arguments may be meant for."""
    return _QUEUE_GROUPS[arguments.get("x-queue-type", "classic")]


@dataclass(frozen=True, slots=True)
class Policy:
    """What somebody has set."""

    vhost: str
    name: str
    pattern: str
    definition: Definition
    priority: int = 0
    apply_to: str = ALL
    operator: bool = False

    @property
    def order(self) -> tuple[int, str]:
        """The lowest comes first."""
        return (-self.priority, self.name)


@dataclass(frozen=True, slots=True)
class Rule:
    """A policy with its pattern, compiled."""

    policy: Policy
    expression: Expression

    def matches(self, thing: Governed) -> bool:
        """Whether it may apply to `thing`."""
        return self.policy.apply_to in thing.groups and self.expression.found_in(thing.name)


@dataclass(frozen=True, slots=True)
class Applied:
    """The policies that apply to one queue or exchange."""

    policy: Policy | None = None
    operator_policy: Policy | None = None

    @property
    def definition(self) -> Definition:
        """What they say together."""
        if self.policy is None and self.operator_policy is None:
            return NO_DEFINITION
        return merge(_definition(self.policy), _definition(self.operator_policy))


UNGOVERNED = Applied()


class Governed:
    """What policies apply to: a queue or an exchange."""

    __slots__ = ("applied",)

    name: str
    applied: Applied
    """Set by whoever makes it, to `UNGOVERNED`."""

    @property
    def groups(self) -> Collection[str]:
        """What a policy may be meant for that applies to it; nothing if none ever does."""
        return ()

    def govern(self, applied: Applied) -> None:
        """Go by these policies from now on."""
        self.applied = applied

    @property
    def policy(self) -> str | None:
        """The name of the policy that applies."""
        return _name(self.applied.policy)

    @property
    def operator_policy(self) -> str | None:
        """The name of the operator policy that applies."""
        return _name(self.applied.operator_policy)

    @property
    def effective_policy(self) -> Definition:
        """What the policies say together, arguments not counted."""
        return self.applied.definition


def check_policy(policy: Policy) -> None:
    """Raises: PreconditionFailed for everything but the text of the pattern."""
    if not is_name(policy.name) or not policy.name:
        raise PreconditionFailed(f"a policy needs a name, not {show(policy.name)}")
    if not isinstance(policy.pattern, str):
        raise PreconditionFailed(f"a policy needs a pattern, not {show(policy.pattern)}")
    if kind(policy.priority) != "int" or abs(policy.priority) > PRIORITY_MAX:
        raise PreconditionFailed(f"a priority is a number, not {show(policy.priority)}")
    allowed = [each for each in APPLY_TO if each != EXCHANGES or not policy.operator]
    if policy.apply_to not in allowed:
        raise PreconditionFailed(
            f"a policy cannot apply to {show(policy.apply_to)}, only to {', '.join(allowed)}"
        )
    if not isinstance(policy.definition, Mapping) or not policy.definition:
        raise PreconditionFailed(f"policy '{policy.name}' needs a definition with at least one key")
    scope = Scope.OPERATOR_POLICY if policy.operator else Scope.POLICY
    check_definition(policy.definition, scope)


def compile_pattern(policy: Policy) -> Expression:
    """Raises: PreconditionFailed."""
    try:
        return Expression(policy.pattern)
    except NotAnExpression as error:
        raise PreconditionFailed(
            f"pattern '{policy.pattern}' of policy '{policy.name}' "
            f"is not a regular expression: {error}"
        ) from None


def _definition(policy: Policy | None) -> Definition:
    return NO_DEFINITION if policy is None else policy.definition


def _name(policy: Policy | None) -> str | None:
    return None if policy is None else policy.name
