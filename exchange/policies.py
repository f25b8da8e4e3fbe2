"""Policies: what is set in the virtual hosts, and how it reaches the queues and exchanges there.

Each virtual host has its `Rules`, which say what applies to a thing when it is declared. When a
policy is set or cleared, all things of the virtual host are gone through at once: each that the
policy matches, or that it applied to until now, looks again for what applies to it, and goes by
that from then on.
"""

from __future__ import annotations

import logging
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import asdict, replace
from itertools import chain
from typing import TYPE_CHECKING, Any

from warrener.exchange.durability.entries import Entries
from warrener.exchange.durability.records import Kind
from warrener.exchange.errors import NotFound, PreconditionFailed
from warrener.exchange.expressions.expression import Expression
from warrener.exchange.policy import (
    ALL,
    Applied,
    Governed,
    Policy,
    Rule,
    check_policy,
    compile_pattern,
)

if TYPE_CHECKING:
    from warrener.exchange.queues.options import Definition
    from warrener.exchange.vhost import VirtualHost

logger = logging.getLogger("warrener.policies")

EFFORT_MAX = 1_000_000
"""What holding a new pattern against all names may take, in parts asked: half a second to one.
Usual patterns take a hundredth of it, whatever the number of names."""


class Rules:
    """The policies of one virtual host, by name, policies and operator policies apart."""

    __slots__ = ("_rules", "_sorted")

    def __init__(self) -> None:
        self._rules: dict[tuple[bool, str], Rule] = {}
        self._sorted: dict[bool, list[Rule]] = {False: [], True: []}

    def __iter__(self) -> Iterator[Policy]:
        return (rule.policy for each in self._sorted.values() for rule in each)

    def get(self, name: str, operator: bool) -> Policy | None:
        rule = self._rules.get((operator, name))
        return None if rule is None else rule.policy

    def put(self, rule: Rule) -> None:
        """Add a rule, in place of one of the same name."""
        self._rules[rule.policy.operator, rule.policy.name] = rule
        self._sort(rule.policy.operator)

    def drop(self, policy: Policy) -> None:
        del self._rules[policy.operator, policy.name]
        self._sort(policy.operator)

    def applied_to(self, thing: Governed) -> Applied:
        """What applies to a queue or exchange."""
        return Applied(self._first(False, thing), self._first(True, thing))

    def applied_after(self, policy: Policy, thing: Governed) -> Applied:
        """What applies to a queue or exchange after `policy` alone has been set or cleared.

        What came before the policy that applied until now does not match, and that one does: so
        little has to be matched.
        """
        before = thing.applied.operator_policy if policy.operator else thing.applied.policy
        found = None
        for rule in self._sorted[policy.operator]:
            # Not by identity: one that was set again as it was has taken its place.
            if rule.policy == before:
                found = rule.policy
            elif rule.policy.name == policy.name or _may_follow(rule.policy, before, policy):
                found = rule.policy if rule.matches(thing) else None
            if found is not None:
                break
        if policy.operator:
            return Applied(thing.applied.policy, found)
        return Applied(found, thing.applied.operator_policy)

    def _first(self, operator: bool, thing: Governed) -> Policy | None:
        for rule in self._sorted[operator]:
            if rule.matches(thing):
                return rule.policy
        return None

    def _sort(self, operator: bool) -> None:
        rules = [rule for rule in self._rules.values() if rule.policy.operator is operator]
        self._sorted[operator] = sorted(rules, key=lambda rule: rule.policy.order)


class Policies:
    """The policies of all virtual hosts.

    `operator` says everywhere whether it is about operator policies. A change is made within a
    pass, as everything that may hand out or give up messages.
    """

    def __init__(self, entries: Entries, vhosts: Mapping[str, VirtualHost]) -> None:
        self._entries = entries
        self._vhosts = vhosts

    def of(self, vhost: str, *, operator: bool = False) -> list[Policy]:
        """All of one virtual host, in the order in which they are tried. Raises: NotFound."""
        return [each for each in self._vhost(vhost).rules if each.operator is operator]

    def get(self, vhost: str, name: str, *, operator: bool = False) -> Policy:
        """Raises: NotFound."""
        policy = self._vhost(vhost).rules.get(name, operator)
        if policy is None:
            title = "operator policy" if operator else "policy"
            raise NotFound(f"no {title} '{name}' in vhost '{vhost}'")
        return policy

    # Changes

    def set(
        self,
        vhost: str,
        name: str,
        pattern: str,
        definition: Definition,
        *,
        priority: int = 0,
        apply_to: str = ALL,
        operator: bool = False,
    ) -> None:
        """Set a policy, in place of one of the same name; it applies at once.

        Raises: NotFound if there is no such virtual host; PreconditionFailed if something is
        wrong, and then nothing has changed.
        """
        host = self._vhost(vhost)
        policy = Policy(vhost, name, pattern, definition, priority, apply_to, operator)
        check_policy(policy)
        rule = Rule(replace(policy, definition=dict(definition)), compile_pattern(policy))
        concerned = _concerned(host, rule)
        self._entries.put(Kind.POLICY_SET, _key(policy), asdict(rule.policy))
        host.rules.put(rule)
        _govern(host, policy, concerned)

    def clear(self, vhost: str, name: str, *, operator: bool = False) -> None:
        """Remove a policy; what it did ends at once. Raises: NotFound."""
        policy = self.get(vhost, name, operator=operator)
        host = self._vhost(vhost)
        host.rules.drop(policy)
        self._entries.end(Kind.POLICY_SET, _key(policy))
        _govern(host, policy, [thing for thing in _things(host) if _applies(policy, thing)])

    def forget(self, vhost: str) -> None:
        """A virtual host is gone, and with it its policies."""
        for policy in list(self._vhost(vhost).rules):
            self._entries.end(Kind.POLICY_SET, _key(policy))

    def _vhost(self, name: str) -> VirtualHost:
        if name not in self._vhosts:
            raise NotFound(f"no virtual host '{name}'")
        return self._vhosts[name]

    # After a restart

    def restore(self, position: int, fields: Mapping[str, Any]) -> None:
        """Take up a policy; called before there are queues, which ask for what applies to them."""
        policy = Policy(**fields)
        rule = _restored(policy)
        self._entries.restored(Kind.POLICY_SET, _key(policy), fields, position)
        if policy.vhost not in self._vhosts:
            logger.error(
                "policy '%s' of the lost virtual host '%s' is dropped", policy.name, policy.vhost
            )
            self._entries.end(Kind.POLICY_SET, _key(policy))
            return
        host = self._vhosts[policy.vhost]
        host.rules.put(rule)
        _govern(host, policy, list(host.exchanges.values()))


def _restored(policy: Policy) -> Rule:
    """The rule of a policy that was checked. If another version did that, and this one does not
    understand the pattern, it applies to nothing; it stays, so that it can be seen."""
    try:
        return Rule(policy, compile_pattern(policy))
    except PreconditionFailed as error:
        logger.error("policy '%s' applies to nothing: %s", policy.name, error)
        return Rule(policy, Expression("(?!)"))


def _key(policy: Policy) -> Hashable:
    return (policy.vhost, policy.operator, policy.name)


def _things(host: VirtualHost) -> Iterator[Governed]:
    return chain(host.queues.values(), host.exchanges.values())


def _applies(policy: Policy, thing: Governed) -> bool:
    """Whether a policy of this name applies to `thing` so far."""
    return policy.name == (thing.operator_policy if policy.operator else thing.policy)


def _concerned(host: VirtualHost, rule: Rule) -> list[Governed]:
    """The things for which another policy may apply once there is `rule`.

    Raises: PreconditionFailed if it takes too long to find out.
    """
    found = []
    for thing in _things(host):
        if rule.matches(thing) or _applies(rule.policy, thing):
            found.append(thing)
        if rule.expression.effort > EFFORT_MAX:
            raise PreconditionFailed(
                f"pattern '{rule.policy.pattern}' takes too long on the names in vhost "
                f"'{host.name}': write it so that less of it can match in several ways"
            )
    return found


def _may_follow(candidate: Policy, before: Policy | None, changed: Policy) -> bool:
    """Whether `candidate` may apply now that the policy that did so `before` has changed."""
    return before is not None and before.name == changed.name and candidate.order > before.order


def _govern(host: VirtualHost, policy: Policy, things: Iterable[Governed]) -> None:
    """Have things go by the policies that apply to them after a change of `policy`."""
    for thing in things:
        applied = host.rules.applied_after(policy, thing)
        if applied != thing.applied:
            thing.govern(applied)
    host.forget_routes()
