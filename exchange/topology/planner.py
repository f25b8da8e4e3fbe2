"""The planner: what a broker has beside what it is to have, and the steps between.

One pass over what is desired finds what is new or different; one over what the broker has finds
bindings that only change their filter, bindings that go with what is replaced, and, if asked to,
what nobody declares any more.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from warrener.exchange.access.passwords import fits, hash_password
from warrener.exchange.access.users import GUEST
from warrener.exchange.expressions.expression import Expression
from warrener.exchange.predeclared import PREDECLARED
from warrener.exchange.topology.acting import acting_last
from warrener.exchange.topology.credentials import SCRYPT
from warrener.exchange.topology.desired import Desired, Management
from warrener.exchange.topology.plan import Action, Plan, Step
from warrener.exchange.topology.requirements import possible
from warrener.exchange.topology.state import (
    EXCHANGE,
    KINDS,
    Binding,
    Exchange,
    GlobalParameter,
    Key,
    Queue,
    State,
    Thing,
    User,
    UserLimits,
    VirtualHost,
    differences,
    title,
)
from warrener.exchange.topology.target import Live


def make_plan(
    live: Live,
    desired: State,
    management: Management,
    *,
    prune: bool = False,
    reset_passwords: bool = False,
    hashed: Callable[[str], str] = hash_password,
) -> Plan:
    """What has to be done to a broker.

    Args:
        management: what may be deleted that is not desired.
        prune: whether to delete it.
        reset_passwords: whether a hash in the file counts also where the broker has made a
            newer one since.
        hashed: how the target wants a password that is new.
    """
    return _Planner(live, desired, management, prune, reset_passwords, hashed).plan()


def plan_for(
    desired: Desired,
    live: Live,
    *,
    prune: bool = False,
    reset_passwords: bool = False,
    hashed: Callable[[str], str] = hash_password,
    user: str | None = None,
) -> tuple[Desired, Plan]:
    """What a broker can be made to have of what is desired, and the plan for it.

    Args:
        user: as whom the plan will be applied, if somebody has to log in for that.
    """
    desired = possible(desired, live.state)
    made = make_plan(
        live,
        desired.state,
        desired.management,
        prune=prune,
        reset_passwords=reset_passwords,
        hashed=hashed,
    )
    return desired, made if user is None else acting_last(made, user)


class _Planner:
    def __init__(
        self,
        live: Live,
        desired: State,
        management: Management,
        prune: bool,
        reset_passwords: bool,
        hashed: Callable[[str], str],
    ) -> None:
        self._live = live
        self._desired = desired
        self._management = management
        self._prune = prune
        self._reset_passwords = reset_passwords
        self._hashed = hashed
        self._notes: list[str] = []

    def plan(self) -> Plan:
        changes = [step for thing in self._desired.values() if (step := self._change(thing))]
        changes = self._without_gaps(changes)
        deletions = self._deletions(changes) if self._prune else []
        changes = self._rebinding(changes, deletions)
        order = {kind: number for number, kind in enumerate(KINDS)}
        changes.sort(key=lambda step: order[type(step.thing)])
        deletions.sort(key=lambda step: -order[type(step.thing)])
        return Plan((*changes, *deletions), tuple(self._notes))

    def _change(self, thing: Thing) -> Step | None:
        """The step that makes one thing as it is to be, None if it is so."""
        there = self._live.state.get(thing.key)
        if isinstance(thing, User):
            thing = self._with_hash(thing, there)
        if there is None:
            return None if _is_always_there(thing) else Step(Action.CREATE, None, thing)
        if isinstance(thing, Binding) or not differences(there, thing):
            return None
        if not isinstance(thing, Exchange | Queue):
            return Step(Action.UPDATE, there, thing)
        if isinstance(thing, Queue) and not differences(_classic(there), _classic(thing)):
            return None
        return Step(Action.REPLACE, there, thing, messages=self._live.messages.get(thing.key, 0))

    def _with_hash(self, user: User, there: User | None) -> User:
        """The user with a hash where there is something to change, and none where not."""
        now = there.password_hash if there is not None else None
        if user.password is not None:
            if now is not None and fits(user.password, now):
                return replace(user, password=None, password_hash=None)
            return replace(user, password=None, password_hash=self._hashed(user.password))
        given = user.password_hash
        if given and now and given != now and _is_guests(user, given, now):
            return replace(user, password_hash=None)
        if given and now and given != now and self._may_be_renewed(user, now):
            self._notes.append(
                f"user '{user.name}': the broker has made a new hash of the password at a login; "
                "whether it is still the one in the file cannot be told"
            )
            return replace(user, password_hash=None)
        return user

    def _may_be_renewed(self, user: User, now: str) -> bool:
        """Whether the broker may have made its hash of the same password as that in the file."""
        if self._reset_passwords or not now.startswith(SCRYPT):
            return False
        # The guest of a new broker has the password that everybody knows: it must not stay.
        return user.name != GUEST.name or not fits(GUEST.name, now)

    def _without_gaps(self, steps: Sequence[Step]) -> list[Step]:
        """Make one step of a new binding and an old one that differs in its filter only."""
        created = [s.after for s in steps if s.before is None and isinstance(s.after, Binding)]
        if not created:
            return list(steps)
        wanted = {binding.unfiltered for binding in created}
        old: dict[Key, list[Binding]] = defaultdict(list)
        for key, thing in self._live.state.items():
            is_left = isinstance(thing, Binding) and key not in self._desired
            if is_left and thing.unfiltered in wanted:
                old[thing.unfiltered].append(thing)
        return [self._without_gap(step, old) for step in steps]

    def _without_gap(self, step: Step, old: Mapping[Key, list[Binding]]) -> Step:
        if step.before is not None or not isinstance(step.after, Binding):
            return step
        candidates = old.get(step.after.unfiltered, [])
        if len(candidates) > 1:
            self._notes.append(
                f"{title(step.after)}: there are {len(candidates)} others that differ in the "
                "filter, which stay"
            )
        # Taken only once: a second new binding with the same ends is one more.
        return (
            replace(step, action=Action.REPLACE, before=candidates.pop())
            if len(candidates) == 1
            else step
        )

    # What is not desired

    def _deletions(self, changes: Iterable[Step]) -> list[Step]:
        kept = self._desired.keys() | {step.before.key for step in changes if step.before}
        ignored = [Expression(text) for text in self._management.ignore]
        gone = [
            thing
            for key, thing in self._live.state.items()
            if key not in kept and self._may_go(thing, ignored)
        ]
        ends = {thing.key for thing in gone if isinstance(thing, Exchange | Queue)}
        return [
            Step(Action.DELETE, thing, None, messages=self._live.messages.get(thing.key, 0))
            for thing in gone
            if not (isinstance(thing, Binding) and ends.intersection(_ends(thing)))
        ]

    def _may_go(self, thing: Thing, ignored: Sequence[Expression]) -> bool:
        if isinstance(thing, VirtualHost | User | UserLimits | GlobalParameter):
            return False
        names: list[str] = []
        if isinstance(thing, Exchange | Queue):
            names = [thing.name]
        elif isinstance(thing, Binding):
            names = [name for name in (thing.source, thing.destination) if name not in PREDECLARED]
        is_ignored = any(each.found_in(name) for each in ignored for name in names)
        return thing.vhost in self._management.vhosts and not is_ignored

    def _rebinding(self, changes: Sequence[Step], deletions: Sequence[Step]) -> list[Step]:
        """Have replaced things bound again as they were."""
        replaced = {
            step.thing.key for step in changes if step.action is Action.REPLACE and not step.gapless
        }
        if not replaced:
            return list(changes)
        gone = {step.before.key for step in (*changes, *deletions) if step.before}
        again: dict[Key, list[Binding]] = defaultdict(list)
        for thing in self._live.state.values():
            if isinstance(thing, Binding) and thing.key not in gone:
                for end in replaced.intersection(_ends(thing)):
                    again[end].append(thing)
        return [replace(step, rebind=tuple(again.get(step.thing.key, ()))) for step in changes]


def _classic(queue: Queue) -> Queue:
    """A queue that does not say that it is a classic one. Exports of RabbitMQ 4 write that for each
    queue, clients leave it out, and the broker makes no difference."""
    given = queue.arguments
    if given.get("x-queue-type") != "classic":
        return queue
    others = {name: value for name, value in given.items() if name != "x-queue-type"}
    return replace(queue, arguments=others)


def _is_guests(user: User, given: str, now: str) -> bool:
    """Whether both are hashes of the password that everybody knows: then nothing is to change."""
    return user.name == GUEST.name and fits(GUEST.name, given) and fits(GUEST.name, now)


def _ends(binding: Binding) -> tuple[Key, Key]:
    return (
        (EXCHANGE, binding.vhost, binding.source),
        (binding.destination_type, binding.vhost, binding.destination),
    )


def _is_always_there(thing: Thing) -> bool:
    return isinstance(thing, Exchange) and thing.name in PREDECLARED
