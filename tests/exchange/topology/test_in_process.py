"""A broker in this process, read while others change it."""

from tests.exchange.topology.reading import valid
from warrener.exchange.topology import writing
from warrener.exchange.topology.applying import apply, steps_of
from warrener.exchange.topology.desired import Source, read_topology
from warrener.exchange.topology.in_process import InProcess
from warrener.exchange.topology.planner import make_plan
from warrener.exchange.topology.state import Queue, State

FILE = """
    users: [{ name: ann, password_hash: "" }]
    vhosts:
      - name: shop
        permissions: [{ user: ann, configure: "", write: "", read: "" }]
        queues: [{ name: q, bind: [{ source: amq.topic }] }, { name: r }]
        policies: [{ name: p, pattern: ^q, definition: { max-length: 5 } }]
      - name: other
    """


def plan_for(target):
    desired = valid(FILE)
    return make_plan(target.read(), desired.state, desired.management)


def test_what_is_read_one_by_one_is_what_there_is(broker):
    target = InProcess(broker)
    apply(plan_for(target), target)
    assert State(target.things({})) == target.read().state


def test_a_number_that_json_does_not_have_is_a_text(broker):
    arguments = {"x": [float("nan"), float("-inf"), 2.5]}
    broker.vhost("/").declare_queue("q", object(), durable=True, arguments=arguments)
    (found,) = InProcess(broker).read().state.of(Queue)
    assert found.arguments == {"x": ["nan", "-inf", 2.5]}
    for written in (writing.as_definitions, writing.as_yaml):
        again = read_topology([Source("a", written(InProcess(broker).read().state).encode())])
        assert again.state.get(found.key) == found


def test_what_goes_at_any_time_while_it_is_read_is_no_trouble(broker):
    target = InProcess(broker)
    length = len(plan_for(target)) + len(target.read().state)
    for when in range(length):
        apply(plan_for(target), target)
        things = target.things({})
        kinds = [next(things).kind for _ in range(when)]
        broker.delete_vhost("shop")
        broker.users.delete("ann")
        kinds += [thing.kind for thing in things]
        assert "vhost" in kinds


def test_steps_are_taken_as_slowly_as_somebody_iterates(broker):
    target = InProcess(broker)
    plan = plan_for(target)
    steps = steps_of(plan, target)
    for number, planned in enumerate(plan.steps):
        assert len(plan_for(target)) == len(plan) - number
        assert next(steps) == (planned, "")
    assert next(steps, None) is None
