"""Plans that change the user they are applied as."""

from typing import Any

from warrener.exchange.access.passwords import hash_password
from warrener.exchange.topology.acting import acting_last
from warrener.exchange.topology.applying import CAUTION, Outcome, steps_of
from warrener.exchange.topology.desired import Management
from warrener.exchange.topology.plan import Plan
from warrener.exchange.topology.planner import make_plan
from warrener.exchange.topology.state import (
    Key,
    Permission,
    Queue,
    State,
    Thing,
    User,
    VirtualHost,
)
from warrener.exchange.topology.target import Live, TargetError

SHOP, QUEUE = VirtualHost("shop"), Queue("shop", "jobs")
OWN, ALL = User("ops", ("administrator",), ""), Permission("shop", "ops", ".*", ".*", ".*")
CHANGED = User("ops", ("management",), hash_password("other"))


def planned(live: list[Thing], desired: list[Thing]) -> Plan:
    return acting_last(make_plan(Live(State(live)), State(desired), Management()), "ops")


def things(plan: Plan) -> list[Thing]:
    return [step.thing for step in plan.steps]


def test_the_user_as_whom_a_plan_is_applied_comes_last():
    other = User("ann", (), "")
    plan = planned([OWN], [CHANGED, other, SHOP, ALL, QUEUE])
    assert things(plan) == [SHOP, other, QUEUE, ALL, CHANGED]
    assert plan.notes == (
        "user 'ops', as whom this is applied, is changed at the end",
        "user 'ops' is no administrator after that",
    )


def test_a_permission_that_is_needed_comes_before_what_needs_it():
    for before in ([], [Permission("shop", "ops", "^a", "", "")]):
        plan = planned([OWN, SHOP, *before], [ALL, QUEUE])
        assert things(plan) == [ALL, QUEUE]


def test_a_permission_that_takes_something_away_comes_at_the_end():
    less = Permission("shop", "ops", "", "", "")
    assert things(planned([OWN, SHOP, ALL], [less, QUEUE])) == [QUEUE, less]
    assert things(planned([OWN], [SHOP, less, QUEUE])) == [SHOP, QUEUE, less]


def test_nothing_is_moved_where_others_are_concerned():
    plan = planned([], [User("ann", (), ""), SHOP, Permission("shop", "ann")])
    assert (plan.notes, plan.cautious) == ((), frozenset())


class Refusing:
    """A target that refuses a queue."""

    user: str | None = "ops"

    def __init__(self) -> None:
        self.put_things: list[Thing] = []

    def put(self, thing: Thing) -> None:
        if isinstance(thing, Queue):
            raise TargetError("no")
        self.put_things.append(thing)

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(name)


def test_the_user_is_not_changed_if_something_before_could_not_be_done():
    plan, target = planned([OWN], [CHANGED, SHOP, QUEUE]), Refusing()
    optional: set[Key] = {QUEUE.key, CHANGED.key}
    outcome = Outcome.of(steps_of(plan, target, optional), optional)
    assert target.put_things == [SHOP]
    assert [reason for _, reason in outcome.left_out] == ["no", CAUTION]
