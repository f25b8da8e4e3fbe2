"""The acting user: the one that applies a plan over HTTP, and may be changed by it.

After a change of its own password, tags or permissions, the user that a plan is applied as may be
refused; then the plan can neither go on nor be made again. So what changes that user comes last,
and is done only if all else could be. A permission that is needed for the rest keeps its place.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from warrener.exchange.expressions.expression import Expression
from warrener.exchange.topology.plan import Action, Plan, Step
from warrener.exchange.topology.state import (
    Exchange,
    Permission,
    Queue,
    TopicPermission,
    User,
    UserLimits,
    VirtualHost,
)


def acting_last(plan: Plan, user: str) -> Plan:
    """The plan with what changes `user` at its end."""
    created = {
        step.thing.name
        for step in plan.steps
        if isinstance(step.thing, VirtualHost) and step.action is Action.CREATE
    }
    last = [step for step in plan.steps if _can_wait(step, user, created, plan.steps)]
    if not last:
        return plan
    # The user itself after its permissions: without its tags it could not set them.
    last.sort(key=lambda step: isinstance(step.thing, User))
    moved = {step.thing.key for step in last}
    first = [step for step in plan.steps if step.thing.key not in moved]
    notes = [f"user '{user}', as whom this is applied, is changed at the end"]
    if any(_is_demotion(step) for step in last):
        notes.append(f"user '{user}' is no administrator after that")
    return replace(
        plan,
        steps=(*first, *last),
        notes=(*plan.notes, *notes),
        cautious=frozenset(moved),
    )


def _can_wait(step: Step, user: str, created: Iterable[str], steps: Iterable[Step]) -> bool:
    """Whether a step concerns the acting user and nothing else depends on it."""
    match step.thing:
        case User(name=name):
            return name == user
        case UserLimits() | TopicPermission():
            return step.thing.user == user
        case Permission():
            if step.thing.user != user:
                return False
            # Whoever makes a virtual host has all permissions in it at first.
            return step.thing.vhost in created or _is_enough(step.before, step.thing.vhost, steps)
    return False


def _is_enough(permission: object, vhost: str, steps: Iterable[Step]) -> bool:
    """Whether a permission is enough to declare all that is to be declared."""
    if not isinstance(permission, Permission):
        return False
    names = [
        step.thing.name
        for step in steps
        if isinstance(step.thing, Exchange | Queue) and step.thing.vhost == vhost
    ]
    expressions = [
        Expression(text) for text in (permission.configure, permission.write, permission.read)
    ]
    return all(each.found_in(name) for each in expressions for name in names)


def _is_demotion(step: Step) -> bool:
    return (
        isinstance(step.before, User)
        and isinstance(step.after, User)
        and "administrator" in step.before.tags
        and "administrator" not in step.after.tags
    )
