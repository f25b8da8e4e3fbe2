"""Plans: what is found to be done, in which order, and what it needs to be told."""

from dataclasses import replace
from itertools import permutations

import pytest

from warrener.exchange.access.passwords import fits, hash_password
from warrener.exchange.topology.credentials import rabbitmq_hash
from warrener.exchange.topology.desired import Management
from warrener.exchange.topology.plan import LOSING, REPLACING, Action, Plan, operations
from warrener.exchange.topology.planner import make_plan
from warrener.exchange.topology.state import (
    Binding,
    Exchange,
    Permission,
    Policy,
    Queue,
    State,
    Thing,
    User,
    VirtualHost,
)
from warrener.exchange.topology.target import Live

SHOP = VirtualHost("shop", "")
X = Exchange("shop", "x")
Q = Queue("shop", "q")
BINDING = Binding("shop", "x", "queue", "q", "key")
LISTED = Management(frozenset(("shop",)))


def planned(
    live: list[Thing],
    desired: list[Thing],
    *,
    prune: bool = False,
    messages: int = 0,
    management: Management = LISTED,
    **options: bool,
) -> Plan:
    held = {Q.key: messages} if messages else {}
    return make_plan(Live(State(live), held), State(desired), management, prune=prune, **options)


def lines(plan: Plan) -> list[str]:
    return plan.text().splitlines()


def test_what_is_as_it_should_be_is_no_change():
    plan = planned([SHOP, X, Q, BINDING], [SHOP, X, Q, BINDING])
    assert plan.is_empty
    assert lines(plan) == ["Plan: 0 to create, 0 to update, 0 to replace, 0 to delete"]


def test_things_are_made_before_what_refers_to_them():
    user = User("ann", password_hash="")
    permission = Permission("shop", "ann")
    policy = Policy("shop", "p", "", {"expires": 1})
    plan = planned([], [BINDING, policy, permission, Q, X, user, SHOP])
    assert [step.thing for step in plan.steps] == [SHOP, user, permission, policy, X, Q, BINDING]
    assert {step.action for step in plan.steps} == {Action.CREATE}


def test_what_can_be_changed_is_updated_and_the_plan_says_how():
    before = Policy("shop", "p", "^a", {"expires": 1000, "max-length": 5})
    after = Policy("shop", "p", "^b", {"expires": 2000, "message-ttl": 1})
    assert lines(planned([before], [after]))[:-1] == [
        "  ~ policy 'p' in 'shop'",
        "      pattern: '^a' -> '^b'",
        "      definition.expires: 1000 -> 2000",
        "      definition.max-length: 5 -> None",
        "      definition.message-ttl: None -> 1",
    ]


def test_what_is_not_said_is_not_changed():
    assert planned([VirtualHost("shop", "a", ("b",))], [VirtualHost("shop")]).is_empty


def test_true_is_not_one_and_the_order_of_tags_does_not_matter():
    one = replace(Q, arguments={"x-custom": 1})
    assert not planned([one], [replace(Q, arguments={"x-custom": True})]).is_empty
    assert planned([User("a", ("x", "y"))], [User("a", ("y", "x"))]).is_empty


def test_a_queue_that_differs_is_replaced_and_bound_again():
    after = replace(Q, durable=False)
    plan = planned([SHOP, X, Q, BINDING], [SHOP, X, after, BINDING])
    (step,) = plan.steps
    assert step.action is Action.REPLACE
    assert step.needs == {REPLACING}
    assert [(each.delete, each.thing) for each in operations(step)] == [
        (True, Q),
        (False, after),
        (False, BINDING),
    ]


def test_the_messages_that_would_be_lost_are_counted_and_must_be_agreed_to():
    plan = planned([Q], [replace(Q, durable=False)], messages=3)
    assert plan.needs == {REPLACING, LOSING}
    assert lines(plan)[0] == "-/+ queue 'q' in 'shop' (3 messages would be lost)"


def test_a_queue_that_is_to_be_empty_is_deleted_only_if_it_is():
    (step,) = planned([Q], [replace(Q, durable=False)]).steps
    assert operations(step)[0].may_lose is False


def test_an_exchange_that_differs_gets_the_bindings_back_that_no_file_declares():
    other = Binding("shop", "x", "exchange", "y")
    (step,) = planned([X, Q, BINDING, other], [replace(X, type="topic"), Q, BINDING]).steps
    assert list(step.rebind) == [BINDING, other]


def test_another_filter_is_bound_before_the_old_one_is_unbound():
    old = replace(BINDING, arguments={"x-filter-tags": "a"})
    new = replace(BINDING, arguments={"x-filter-tags": "b"})
    plan = planned([X, Q, old], [X, Q, new])
    (step,) = plan.steps
    assert [(each.delete, each.thing) for each in operations(step)] == [(False, new), (True, old)]
    assert step.needs == frozenset()
    assert lines(plan)[0] == (
        "-/+ binding 'x' -> queue 'q' key 'key' filter 'a' in 'shop' "
        "(no gap: the new one comes first)"
    )


def test_a_filter_beside_one_that_stays_is_one_more():
    old = replace(BINDING, arguments={"x-filter-tags": "a"})
    new = replace(BINDING, arguments={"x-filter-tags": "b"})
    (step,) = planned([X, Q, old], [X, Q, old, new]).steps
    assert step.action is Action.CREATE


def test_of_two_filters_that_might_be_meant_none_is_taken():
    old = [replace(BINDING, arguments={"x-filter-tags": tag}) for tag in "ab"]
    plan = planned([X, Q, *old], [X, Q, replace(BINDING, arguments={"x-filter-tags": "c"})])
    (step,) = plan.steps
    assert step.action is Action.CREATE
    assert len(plan.notes) == 1


def test_nothing_is_deleted_without_being_asked_to():
    assert planned([SHOP, X, Q, BINDING], [SHOP]).is_empty


def test_what_no_file_declares_is_deleted_after_what_refers_to_it():
    permission = Permission("shop", "ann")
    policy = Policy("shop", "p", "", {"expires": 1})
    e2e = Binding("shop", "x", "exchange", "y")
    y = Exchange("shop", "y")
    plan = planned([SHOP, permission, X, y, Q, e2e, policy], [SHOP, X, y], prune=True)
    assert [step.thing for step in plan.steps] == [e2e, Q, policy, permission]
    assert {step.action for step in plan.steps} == {Action.DELETE}


def test_bindings_that_go_with_their_queue_are_not_listed():
    plan = planned([SHOP, X, Q, BINDING], [SHOP, X], prune=True)
    assert [step.thing for step in plan.steps] == [Q]


@pytest.mark.parametrize(
    ("management", "thing"),
    [
        (Management(), Q),
        (Management(frozenset(("other",))), Q),
        (Management(frozenset(("shop",)), ("^q",)), Q),
        (Management(frozenset(("shop",)), ("^q",)), BINDING),
        (LISTED, User("ann")),
        (LISTED, VirtualHost("other")),
    ],
)
def test_what_is_not_managed_is_left_alone(management, thing):
    assert planned([SHOP, X, thing], [SHOP, X], prune=True, management=management).is_empty


def test_a_binding_from_an_exchange_that_is_always_there_may_go():
    binding = Binding("shop", "amq.topic", "queue", "q")
    plan = planned([SHOP, Q, binding], [SHOP, Q], prune=True)
    assert [step.thing for step in plan.steps] == [binding]


def test_a_deleted_queue_says_how_many_messages_it_has():
    plan = planned([SHOP, Q], [SHOP], prune=True, messages=2)
    assert plan.needs == {LOSING}
    assert lines(plan)[0] == "  - queue 'q' in 'shop' (2 messages would be lost)"


# Passwords


def test_a_password_that_fits_is_no_change():
    before = User("ann", (), hash_password("secret"))
    assert planned([before], [User("ann", (), None, "secret")]).is_empty


def test_a_password_that_does_not_fit_is_changed_and_not_shown():
    before = User("ann", (), hash_password("old"))
    plan = planned([before], [User("ann", (), None, "secret")])
    (step,) = plan.steps
    assert isinstance(step.after, User)
    assert step.after.password is None
    assert step.after.password_hash is not None
    assert fits("secret", step.after.password_hash)
    assert lines(plan)[:2] == [
        "  ~ user 'ann'",
        "      password_hash: (hidden) -> (hidden)",
    ]


def test_a_user_without_a_password_in_the_file_keeps_the_one_he_has():
    assert planned([User("ann", (), "scrypt$x")], [User("ann")]).is_empty


IMPORTED = "rabbit_password_hashing_sha256$vXpqoFCfRn7bSknA0Nxm+1cmln+sdWx/M1XBRHZSLeN1GuT4"


def test_a_hash_that_the_broker_has_renewed_is_left_and_noted():
    before = User("ann", (), hash_password("s3cret ü"))
    plan = planned([before], [User("ann", (), IMPORTED)])
    assert plan.is_empty
    assert "whether it is still the one in the file cannot be told" in plan.notes[0]


def test_a_classic_queue_is_the_same_whether_it_says_so_or_not():
    said = replace(Q, arguments={"x-queue-type": "classic"})
    assert planned([Q], [said]).is_empty
    assert planned([said], [Q]).is_empty
    assert not planned([said], [replace(Q, arguments={"x-queue-type": "quorum"})]).is_empty


def test_a_hash_of_the_password_that_guest_has_anyway_changes_nothing():
    hashes = (hash_password("guest"), rabbitmq_hash("guest"), rabbitmq_hash("guest"))
    for now, given in permutations(hashes, 2):
        assert planned([User("guest", (), now)], [User("guest", (), given)]).is_empty


def test_the_password_that_a_new_broker_gives_its_guest_does_not_stay():
    before = User("guest", (), hash_password("guest"))
    plan = planned([before], [User("guest", (), IMPORTED)])
    assert [step.action for step in plan.steps] == [Action.UPDATE]


def test_unless_hashes_are_to_be_reset():
    before = User("ann", (), hash_password("s3cret ü"))
    plan = planned([before], [User("ann", (), IMPORTED)], reset_passwords=True)
    assert [step.action for step in plan.steps] == [Action.UPDATE]
