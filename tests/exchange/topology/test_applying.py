"""Applying: plans carried out on a broker, interrupted, saved and taken up again."""

import json
from collections.abc import Callable

import pytest

from tests.exchange.access.logging_in import log_in
from tests.exchange.core_client import Client
from tests.exchange.durable_broker import DurableBroker, lasting_topology
from tests.exchange.topology.reading import valid
from warrener.exchange.broker import Broker
from warrener.exchange.topology.applying import (
    NotAPlan,
    apply,
    is_saved_plan,
    remaining,
    restore,
    save,
)
from warrener.exchange.topology.desired import Desired
from warrener.exchange.topology.in_process import InProcess
from warrener.exchange.topology.plan import LOSING, REPLACING, Plan, operations
from warrener.exchange.topology.planner import make_plan
from warrener.exchange.topology.state import Thing

FILE = """
    users: [{ name: ann, password: secret, tags: [monitoring], limits: { max-channels: 5 } }]
    vhosts:
      - name: shop
        description: the shop
        limits: { max-queues: 10 }
        permissions: [{ user: ann, configure: "", write: ".*", read: ".*" }]
        topic_permissions: [{ user: ann, exchange: x, write: "^a", read: ".*" }]
        exchanges: [{ name: x, type: topic }, { name: y, type: fanout }]
        queues: [{ name: q, max-length: 10 }, { name: r, durable: false }]
        bindings:
          - { source: x, queue: q, routing_key: "a.#", filter: { sql: "n > 1" } }
          - { source: x, exchange: y, routing_key: "#" }
          - { source: y, queue: r }
          - { source: amq.direct, queue: q, routing_key: q }
        policies: [{ name: p, pattern: ^q, definition: { message-ttl: 1h } }]
        operator-policies: [{ name: o, pattern: ^q, definition: { max-length: 100 } }]
    """


def plan_for(broker: Broker, desired: Desired, prune: bool = False) -> Plan:
    return make_plan(InProcess(broker).read(), desired.state, desired.management, prune=prune)


def carry_out(broker: Broker, text: str, *agreed: str, prune: bool = False) -> Plan:
    """Apply a file; returns the plan."""
    plan = plan_for(broker, valid(text), prune)
    outcome = apply(plan, InProcess(broker), agreed)
    assert outcome.error == ""
    return plan


def test_a_plan_after_it_was_applied_is_empty(broker):
    assert len(carry_out(broker, FILE)) == 16
    assert carry_out(broker, FILE).is_empty


def test_what_was_applied_is_there_after_a_restart(durable):
    carry_out(durable.broker, FILE)
    before = lasting_topology(durable.broker)
    durable.restart()
    assert lasting_topology(durable.broker) == before
    left = plan_for(durable.broker, valid(FILE))
    # A queue that is not durable does not outlast the broker, nor does its binding.
    assert [step.thing.key[2] for step in left.steps] == ["r", "y"]


def test_a_user_can_log_in_with_the_password_of_the_file(broker):
    carry_out(broker, FILE)
    assert log_in(broker.users, "ann", "secret") is not None


def test_pruning_removes_all_that_is_not_declared(broker):
    carry_out(broker, FILE)
    nothing = "vhosts: [{ name: shop, description: the shop }]"
    plan = carry_out(broker, nothing, prune=True)
    assert not plan.is_empty
    assert broker.vhosts["shop"].queues == {}
    assert carry_out(broker, nothing, prune=True).is_empty
    assert "ann" in broker.users


def test_a_replaced_queue_is_bound_again(broker):
    carry_out(broker, FILE)
    changed = FILE.replace("max-length: 10 }", "max-length: 20 }")
    carry_out(broker, changed, REPLACING)
    assert carry_out(broker, changed).is_empty
    assert carry_out(broker, changed, prune=True).is_empty


def test_a_replaced_exchange_is_bound_again_on_both_sides(broker):
    carry_out(broker, FILE)
    changed = FILE.replace("{ name: y, type: fanout }", "{ name: y, type: direct }")
    carry_out(broker, changed, REPLACING)
    assert carry_out(broker, changed, prune=True).is_empty


def test_a_changed_filter_takes_the_place_of_the_old_one(broker):
    carry_out(broker, FILE)
    changed = FILE.replace("n > 1", "n > 2")
    carry_out(broker, changed)
    assert carry_out(broker, changed, prune=True).is_empty


def test_what_nobody_has_agreed_to_is_not_begun(broker):
    carry_out(broker, FILE)
    changed = FILE.replace("max-length: 10 }", "max-length: 20 }").replace("name: r,", "name: s,")
    plan = plan_for(broker, valid(changed.replace("queue: r", "queue: s")))
    outcome = apply(plan, InProcess(broker))
    assert (outcome.done, outcome.error) == ((), "nobody has agreed to replace")
    assert "s" not in broker.vhosts["shop"].queues


def test_messages_are_not_lost_without_agreement(broker, client):
    carry_out(broker, "vhosts: [{ name: /, queues: [{ name: q }] }]")
    client.publish("", "q", b"message")
    plan = plan_for(broker, valid("vhosts: [{ name: /, queues: [{ name: q, max-length: 1 }] }]"))
    assert plan.needs == {REPLACING, LOSING}
    assert apply(plan, InProcess(broker), [REPLACING]).failed is not None
    assert apply(plan, InProcess(broker), [REPLACING, LOSING]).failed is None


@pytest.mark.parametrize("taken", [False, True])
def test_a_message_that_came_after_the_plan_keeps_its_queue(broker, client, taken):
    carry_out(broker, "vhosts: [{ name: /, queues: [{ name: q }] }]")
    plan = plan_for(broker, valid("vhosts: [{ name: / }]"), prune=True)
    client.publish("", "q", b"message")
    if taken:
        client.get("q")
    outcome = apply(plan, InProcess(broker))
    assert outcome.error == "queue 'q' in vhost '/' not empty"
    assert "q" in broker.vhosts["/"].queues


def test_the_first_error_ends_it_and_tells_what_was_done(broker):
    crowded = FILE.replace("max-queues: 10", "max-queues: 1")
    plan = plan_for(broker, valid(crowded))
    outcome = apply(plan, InProcess(broker))
    assert outcome.failed is not None
    assert outcome.failed.thing.key == ("queue", "shop", "r")
    assert "queue limit in vhost 'shop' (1) is reached" in outcome.error
    assert len(outcome.done) == plan.steps.index(outcome.failed)
    carry_out(broker, FILE)
    assert carry_out(broker, FILE).is_empty


class Killed(BaseException):
    """The process ends here."""


class Interrupted(InProcess):
    """A broker that is killed after some operations, each of which is on disk by then."""

    def __init__(self, durable: DurableBroker, left: int) -> None:
        super().__init__(durable.broker)
        self._durable = durable
        self._left = left

    def put(self, thing: Thing) -> None:
        self._count(lambda: super(Interrupted, self).put(thing))

    def delete(self, thing: Thing, *, may_lose: bool) -> None:
        self._count(lambda: super(Interrupted, self).delete(thing, may_lose=may_lose))

    def commit(self) -> None:
        pass

    def _count(self, operation: Callable[[], None]) -> None:
        if not self._left:
            raise Killed
        self._left -= 1
        operation()
        self._durable.broker.end_pass()
        self._durable.wait_durable()


DURABLE_FILE = FILE.replace(", durable: false", "")
CHANGED_FILE = (
    DURABLE_FILE.replace("n > 1", "n > 2")
    .replace("max-length: 10 }", "max-length: 20 }")
    .replace("name: y, type: fanout", "name: y, type: direct")
)


@pytest.mark.parametrize("after", range(16))
def test_after_a_crash_in_the_middle_the_rest_is_applied(durable, after):
    desired = valid(DURABLE_FILE)
    plan = plan_for(durable.broker, desired)
    with pytest.raises(Killed):
        apply(plan, Interrupted(durable, after))
    durable.kill()
    carry_out(durable.broker, DURABLE_FILE)
    assert plan_for(durable.broker, desired, prune=True).is_empty


@pytest.mark.parametrize("after", range(9))
def test_after_a_crash_in_the_middle_of_changes_the_rest_is_applied(durable, after):
    carry_out(durable.broker, DURABLE_FILE)
    desired = valid(CHANGED_FILE)
    plan = plan_for(durable.broker, desired)
    assert sum(len(operations(step)) for step in plan.steps) > after
    with pytest.raises(Killed):
        apply(plan, Interrupted(durable, after), [REPLACING])
    durable.kill()
    carry_out(durable.broker, CHANGED_FILE, REPLACING)
    assert plan_for(durable.broker, desired, prune=True).is_empty


# Saved plans


def test_a_saved_plan_is_the_same_plan(broker):
    carry_out(broker, FILE)
    plan = plan_for(broker, valid(CHANGED_FILE), prune=True)
    assert not plan.is_empty
    text = save(plan)
    assert is_saved_plan(text)
    assert restore(text) == plan


def test_a_saved_plan_has_no_password(broker):
    assert "secret" not in save(plan_for(broker, valid(FILE)))


def test_what_is_done_of_a_saved_plan_is_left_out(broker):
    plan = restore(save(plan_for(broker, valid(FILE))))
    assert remaining(plan, InProcess(broker).read()) == plan
    apply(plan, InProcess(broker))
    assert remaining(plan, InProcess(broker).read()).is_empty


def test_a_saved_plan_is_refused_if_the_broker_has_changed_since(broker, client):
    plan = plan_for(broker, valid("queues: [{ name: q, vhost: / }]"))
    client.declare("q", durable=False)
    with pytest.raises(NotAPlan, match="queue 'q' in '/' has changed since the plan was made"):
        remaining(plan, InProcess(broker).read())


def test_a_saved_plan_is_refused_if_more_messages_would_be_lost(broker, client):
    client.declare("q", durable=True)
    client.publish("", "q", b"1")
    plan = plan_for(broker, valid("vhosts: [{ name: / }]"), prune=True)
    assert remaining(plan, InProcess(broker).read()) == plan
    client.publish("", "q", b"2")
    with pytest.raises(NotAPlan, match="has changed"):
        remaining(plan, InProcess(broker).read())


def test_a_saved_plan_that_was_interrupted_between_two_halves_goes_on(broker, client):
    client.declare("q", durable=True)
    desired = valid("vhosts: [{ name: /, queues: [{ name: q, max-length: 1 }] }]")
    plan = plan_for(broker, desired)
    client.vhost.delete_queue("q", client)
    apply(remaining(plan, InProcess(broker).read()), InProcess(broker), [REPLACING])
    assert plan_for(broker, desired).is_empty


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        '{"format": "warrener topology plan"}',
        '{"format": "warrener topology plan", "version": 9, "steps": [], "notes": []}',
        '{"format": "warrener topology plan", "version": 1, "steps": [{}], "notes": []}',
        '{"format": "warrener topology plan", "version": 1, "steps": [3], "notes": []}',
        '{"format": "warrener topology plan", "version": 1, "steps": [], "notes": [NaN]}',
        '{"format": "warrener topology plan", "version": 1, "steps": [], "notes": [1e999]}',
        "[" * 100_000,
    ],
)
def test_what_is_no_saved_plan_is_refused(text):
    with pytest.raises(NotAPlan):
        restore(text)


def test_a_saved_step_about_nothing_is_refused(broker):
    saved = json.loads(save(plan_for(broker, valid(FILE))))
    saved["steps"][0]["after"] = None
    with pytest.raises(NotAPlan):
        restore(json.dumps(saved))


def test_an_exclusive_queue_in_the_way_is_an_error_and_not_a_crash(broker):
    owner = Client(broker)
    owner.declare("q", exclusive=True)
    plan = plan_for(broker, valid("queues: [{ name: q, vhost: / }]"))
    assert "cannot obtain exclusive access" in apply(plan, InProcess(broker)).error
