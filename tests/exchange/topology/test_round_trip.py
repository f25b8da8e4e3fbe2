"""Round trips: whatever is declared and applied can be exported, and the export is the same."""

import json
import re
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.exchange.access.logging_in import log_in
from tests.exchange.topology.reading import said
from warrener.exchange.broker import Broker
from warrener.exchange.server.codec import CODEC
from warrener.exchange.topology.applying import apply, restore, save
from warrener.exchange.topology.desired import Desired, Source, read_topology
from warrener.exchange.topology.in_process import InProcess
from warrener.exchange.topology.planner import make_plan
from warrener.exchange.topology.state import (
    Binding,
    Exchange,
    OperatorPolicy,
    Permission,
    Policy,
    Queue,
    State,
    Thing,
    TopicPermission,
    User,
    UserLimits,
    VirtualHost,
    VirtualHostLimits,
)
from warrener.exchange.topology.target import Live
from warrener.exchange.topology.writing import as_definitions, as_yaml
from warrener.storage.null import NullStore

RABBITMQ = Path(__file__).parent / "data" / "rabbitmq-3.10.8.json"

names = st.text(
    st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=6
) | st.sampled_from(["no", "1", "null", "a b", "${A}", "$${A}", "ü", "😀", "x: y", "'", '"', "~"])
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(names, inner, max_size=2),
    max_leaves=4,
)
custom = st.dictionaries(names.map(lambda name: f"custom-{name}"), values, max_size=2)
queue_arguments = st.fixed_dictionaries(
    {},
    optional={
        "x-message-ttl": st.integers(0, 10**10),
        "x-expires": st.integers(1, 10**10),
        "x-max-length": st.integers(0, 10**6),
        "x-max-length-bytes": st.integers(0, 10**9),
        "x-overflow": st.sampled_from(["drop-head", "reject-publish", "reject-publish-dlx"]),
        "x-dead-letter-exchange": st.just(""),
        "x-max-priority": st.integers(0, 255),
        "x-delivery-limit": st.integers(-1, 100),
        "x-single-active-consumer": st.booleans(),
        "x-queue-type": st.sampled_from(["classic", "quorum"]),
        "x-queue-mode": st.sampled_from(["default", "lazy"]),
    },
)
filters = st.fixed_dictionaries(
    {},
    optional={
        "x-filter-jms-selector": st.sampled_from(
            ["a = 1", "b LIKE 'x%' OR c IS NULL", "${d} = 1"][:2]
        ),
        "x-filter-tags": st.sampled_from(["A", "A || B", "*"]),
    },
)


priorities = st.integers(-(2**31), 2**31 - 1)


@st.composite
def states(draw: st.DrawFn) -> State:
    """A topology that a broker can have."""
    users = draw(st.lists(names, unique=True, max_size=2))
    things: list[Thing] = [
        User(name, tuple(draw(st.lists(names, max_size=2, unique=True))), "") for name in users
    ]
    things += [UserLimits(name, {"max-channels": draw(st.integers(0, 9))}) for name in users[:1]]
    for vhost in draw(st.lists(names, unique=True, min_size=1, max_size=2)):
        things += _in_vhost(draw, vhost, users)
    return State(things)


def _in_vhost(draw: st.DrawFn, vhost: str, users: list[str]) -> list[Thing]:
    tags = tuple(draw(st.lists(names, max_size=2, unique=True)))
    things: list[Thing] = [VirtualHost(vhost, draw(texts), tags)]
    if draw(st.booleans()):
        things.append(VirtualHostLimits(vhost, {"max-queues": draw(st.integers(50, 99))}))
    for user in users:
        things.append(Permission(vhost, user, "^a", "", ".*"))
        things.append(TopicPermission(vhost, user, draw(names), "^{username}", "\\."))
    definition = {"message-ttl": draw(st.integers(0, 10**10)), "max-length": 5}
    if draw(st.booleans()):
        things.append(Policy(vhost, draw(names), "^a|b$", definition, "queues", draw(priorities)))
    if draw(st.booleans()):
        things.append(OperatorPolicy(vhost, draw(names), draw(names.map(re.escape)), definition))
    exchanges = draw(st.lists(names, unique=True, max_size=3))
    flags = st.booleans()
    for name in exchanges:
        kind = draw(st.sampled_from(["direct", "topic", "fanout", "headers"]))
        arguments = draw(custom)
        things.append(Exchange(vhost, name, kind, draw(flags), False, draw(flags), arguments))
    queues = draw(st.lists(names, unique=True, max_size=3))
    for name in queues:
        arguments = draw(queue_arguments) | draw(custom)
        durable = arguments.get("x-queue-type") == "quorum" or draw(flags)
        things.append(Queue(vhost, name, durable, draw(flags), arguments))
    for _ in range(draw(st.integers(0, 4)) if queues else 0):
        source = draw(st.sampled_from([*exchanges, "amq.topic"]))
        arguments = draw(filters) | draw(custom)
        ends = st.sampled_from([("queue", name) for name in queues])
        kind, destination = draw(
            ends | st.sampled_from([("exchange", e) for e in exchanges] or [("queue", queues[0])])
        )
        things.append(Binding(vhost, source, kind, destination, draw(texts), arguments))
    return things


def plan_of(broker: Broker, desired: Desired) -> Any:
    assert not desired.has_errors, said(desired)
    return make_plan(InProcess(broker).read(), desired.state, desired.management, prune=True)


def read(text: str) -> Desired:
    return read_topology([Source("export", text.encode())])


@settings(deadline=None, max_examples=60)
@given(states())
def test_what_is_applied_is_exported_as_it_is(state):
    broker = Broker(NullStore(), CODEC)
    target = InProcess(broker)
    before = target.read()
    written = read(as_yaml(state))
    assert not written.has_errors, said(written)
    plan = make_plan(before, written.state, written.management, prune=True)
    plan = restore(save(plan))
    assert apply(plan, target, plan.needs).error == ""
    live = target.read().state
    assert plan_of(broker, read(as_yaml(live))).is_empty
    assert plan_of(broker, read(as_definitions(live))).is_empty
    assert plan_of(broker, read(as_yaml(state))).is_empty


@settings(deadline=None, max_examples=60)
@given(states())
def test_both_forms_say_the_same(state):
    for text in (as_yaml(state), as_definitions(state)):
        found = read(text)
        assert not found.has_errors, said(found)
        assert make_plan(Live(state), found.state, found.management, prune=True).is_empty
        assert found.state.keys() == state.keys()


# What RabbitMQ exports


def normal(definitions: dict[str, Any]) -> dict[str, Any]:
    """Definitions without versions, in one order, and in the one form of several that
    RabbitMQ 3.10 writes for mappings and tags."""
    return {
        name: sorted(
            (_normal(item) for item in items), key=lambda item: json.dumps(item, sort_keys=True)
        )
        for name, items in definitions.items()
        if isinstance(items, list)
    }


def _normal(item: dict[str, Any]) -> dict[str, Any]:
    item = dict(item)
    for name in ("limits", "definition"):
        if isinstance(item.get(name), list):
            item[name] = dict(item[name])
    if isinstance(item.get("value"), dict) and "definition" in item["value"]:
        item["value"] = _normal(item["value"])
    if "metadata" in item:
        tags = item["metadata"]["tags"]
        words = tags.split(",") if isinstance(tags, str) and tags else list(tags)
        item["metadata"] = item["metadata"] | {"tags": words}
    if "tags" in item:
        item["tags"] = sorted(item["tags"])
    if "internal" in item:
        del item["internal"]  # RabbitMQ 3.10 does not write it, nor internal exchanges.
    return item


def not_kept(definitions: dict[str, Any]) -> dict[str, Any]:
    """Without what Warrener has no use for, of which `validate` warns."""
    kept = ("operator_policy", "vhost-limits")
    parameters = [each for each in definitions["parameters"] if each["component"] in kept]
    return definitions | {"parameters": parameters}


def test_what_rabbitmq_exported_is_written_as_it_was():
    text = RABBITMQ.read_text("utf-8")
    desired = read(text)
    assert {problem.code for problem in desired.problems} == {"T033", "T040"}
    assert normal(json.loads(as_definitions(desired.state))) == normal(not_kept(json.loads(text)))


def test_a_broker_has_what_rabbitmq_exported():
    text = RABBITMQ.read_text("utf-8")
    broker = Broker(NullStore(), CODEC)
    target = InProcess(broker)
    plan = plan_of(broker, read(text))
    assert apply(plan, target, plan.needs).error == ""
    exported = json.loads(as_definitions(target.read().state))
    given = not_kept(json.loads(text))
    for document in (exported, given):
        # Its password is the one that guest has here, so the hash of it stays.
        document["users"] = [user for user in document["users"] if user["name"] != "guest"]
    assert normal(exported) == normal(given)
    assert plan_of(broker, read(text)).is_empty


def test_a_password_of_rabbitmq_is_right_here():
    broker = Broker(NullStore(), CODEC)
    plan = plan_of(broker, read(RABBITMQ.read_text("utf-8")))
    apply(plan, InProcess(broker), plan.needs)
    assert log_in(broker.users, "orders-svc", "s3cret ü") is not None
    assert log_in(broker.users, "orders-svc", "wrong") is None
    assert log_in(broker.users, "nobody", "") is None
