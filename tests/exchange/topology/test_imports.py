"""Imports of whole exports, in which anything may be damaged: what is sound is there afterwards,
what is not is named with its place, and there is nothing left to do."""

import json
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.exchange.access.logging_in import log_in
from tests.exchange.topology.exports import Export
from warrener.exchange.broker import Broker
from warrener.exchange.server.codec import CODEC
from warrener.exchange.topology.applying import apply
from warrener.exchange.topology.desired import Desired, Source, read_topology
from warrener.exchange.topology.in_process import InProcess
from warrener.exchange.topology.planner import plan_for
from warrener.exchange.topology.state import State
from warrener.exchange.topology.writing import as_definitions
from warrener.storage.null import NullStore

randoms = st.integers(0, 2**32).map(Random)


def read(text: bytes, strict: bool = False) -> Desired:
    return read_topology([Source("export.json", text)], strict=strict)


def take_in(broker: Broker, desired: Desired) -> tuple[Desired, Any]:
    target = InProcess(broker)
    found, plan = plan_for(desired, target.read())
    outcome = apply(plan, target, plan.needs, optional=found.origins, strict=desired.strict)
    assert (outcome.error, outcome.left_out) == ("", ())
    return found, plan


def item_of(path: str) -> tuple[str, int]:
    """The list and the index that a JSON path begins with."""
    name, _, rest = path.removeprefix("$.").partition("[")
    return name, int(rest.partition("]")[0])


def named(desired: Desired) -> set[tuple[str, int]]:
    return {item_of(each.place.path) for each in desired.problems if each.left_out}


def depends(export: Export, damaged: set[tuple[str, int]]) -> set[tuple[str, int]]:
    """Bindings that are sound but lead from or to something that is damaged."""
    sound = {
        (kind, item["vhost"], item["name"])
        for kind in ("queues", "exchanges")
        for index, item in enumerate(export.document[kind])
        if (kind, index) not in damaged
    }
    return {
        ("bindings", index)
        for index, item in enumerate(export.document["bindings"])
        if ("bindings", index) not in damaged
        and (
            ("queues", item["vhost"], item["destination"]) not in sound
            or (
                item["source"] != "amq.direct"
                and ("exchanges", item["vhost"], item["source"]) not in sound
            )
        )
    }


def sound_part(export: Export, left_out: set[tuple[str, int]]) -> bytes:
    """The document without the items that are left out."""
    return json.dumps(
        {
            name: [item for index, item in enumerate(items) if (name, index) not in left_out]
            if isinstance(items, list)
            else items
            for name, items in export.document.items()
        }
    ).encode()


@settings(deadline=None, max_examples=120)
@given(randoms, st.integers(0, 12))
def test_what_is_sound_is_there_and_what_is_damaged_is_named(random, damages):
    export = Export(random)
    export.damage(damages)
    broker = Broker(NullStore(), CODEC)
    found, _ = take_in(broker, read(export.text))
    expected = export.damaged | depends(export, export.damaged)
    assert named(found) == expected
    assert not found.has_errors
    sound = read(sound_part(export, expected))
    assert named(sound) == set()
    assert found.state.keys() == sound.state.keys()
    live = InProcess(broker).read().state
    assert sound.state.keys() <= live.keys()


@settings(deadline=None, max_examples=80)
@given(randoms, st.integers(0, 12))
def test_there_is_nothing_left_to_do_and_the_export_stays_the_same(random, damages):
    export = Export(random)
    export.damage(damages)
    text = export.text
    broker = Broker(NullStore(), CODEC)
    take_in(broker, read(text))
    assert take_in(broker, read(text))[1].is_empty
    exported = as_definitions(InProcess(broker).read().state)
    other = Broker(NullStore(), CODEC)
    found, _ = take_in(other, read(exported.encode()))
    assert named(found) == set()
    assert as_definitions(InProcess(other).read().state) == exported


@settings(deadline=None, max_examples=80)
@given(randoms, st.integers(1, 5))
def test_where_nothing_may_be_left_out_a_damaged_export_does_nothing(random, damages):
    export = Export(random)
    export.damage(damages)
    found, _ = plan_for(
        read(export.text, strict=True), InProcess(Broker(NullStore(), CODEC)).read()
    )
    assert found.has_errors is bool(export.damaged)


@settings(deadline=None, max_examples=80)
@given(randoms, st.integers(1, 12))
def test_a_place_is_where_the_item_is_written(random, damages):
    export = Export(random)
    export.damage(damages)
    text = export.text
    lines = text.decode().splitlines(keepends=True)
    found, _ = plan_for(read(text), InProcess(Broker(NullStore(), CODEC)).read())
    for problem in found.problems:
        place = problem.place
        rest = "".join(lines[place.line - 1 :])[place.column - 1 :]
        written, _ = json.JSONDecoder().raw_decode(rest)
        assert written == value_at(export.document, place.path)


def value_at(document: Any, path: str) -> Any:
    """The value at a JSON path."""
    name, index = item_of(path)
    value = document[name][index]
    rest = path.partition("]")[2]
    while rest:
        if rest[0] == ".":
            step = rest[1:].partition(".")[0].partition("[")[0]
            rest = rest[1 + len(step) :]
            value = value[step]
        else:
            end = rest.index("]")
            step = rest[1:end]
            value = value[int(step)] if step.isdigit() else value[step[1:-1]]
            rest = rest[end + 1 :]
    return value


def test_every_user_of_an_export_can_log_in_where_the_hash_is_sound():
    for seed in range(20):
        export = Export(Random(seed))
        broker = Broker(NullStore(), CODEC)
        take_in(broker, read(export.text))
        for name in export.users:
            assert log_in(broker.users, name, "secret") is not None
            assert log_in(broker.users, name, "wrong") is None


def test_a_topology_file_in_json_stays_strict_and_definitions_do_not():
    for text, errors in (
        ('{"queues": [{"name": "q", "arguments": {"x-max-length": "x"}}]}', False),
        ('{"version": 1, "queues": [{"name": "q", "arguments": {"x-max-length": "x"}}]}', True),
        ('{"queues": [{"name": "q", "message-ttl": "1 fortnight"}]}', True),
        ('{"rabbit_version": "4.1", "queues": [{"name": "q", "durable": 5}]}', False),
        ("queues: [{ name: q, durable: 5 }]", True),
        ("rabbit_version: 4.1\nqueues: [{ name: q, durable: 5 }]", False),
    ):
        assert read(text.encode()).has_errors is errors, text


def test_an_empty_state_has_nothing_to_leave_out():
    found = read(b"{}")
    assert (found.state.keys(), found.problems) == (State().keys(), ())


oddities = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=4)
    | st.sampled_from(
        ["", "/", "amq.topic", "\ud800", "x" * 300, "stream", ".*", "guest", 1 << 80]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every place in a document where another value could be put."""
    steps: list[Any] = []
    if isinstance(value, dict):
        steps = list(value)
    elif isinstance(value, list):
        steps = list(range(len(value)))
    found = [(value, step) for step in steps]
    for step in steps:
        found += places(value[step])
    return found


@settings(deadline=None, max_examples=200)
@given(randoms, st.lists(oddities, min_size=1, max_size=6))
def test_whatever_is_anywhere_in_a_document_the_rest_of_it_is_taken(random, values):
    export = Export(random)
    for value in values:
        inside, step = random.choice(places(export.document))
        inside[step] = value
    text = json.dumps(export.document).replace("NaN", "1e999").replace("Infinity", "1e999")
    broker = Broker(NullStore(), CODEC)
    target = InProcess(broker)
    for is_again in (False, True):
        found, plan = plan_for(read(text.encode()), target.read())
        assert not found.has_errors, found.problems
        outcome = apply(plan, target, plan.needs, optional=found.origins)
        assert (outcome.failed, outcome.error) == (None, "")
        left = {step.thing.key for step, _ in outcome.left_out}
        assert not is_again or {step.thing.key for step in plan.steps} == left
