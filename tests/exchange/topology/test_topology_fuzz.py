"""Whatever a file says: there are problems or a state, and never anything else."""

import json
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from warrener.exchange.topology import report
from warrener.exchange.topology.desired import Source, read_topology
from warrener.exchange.topology.plan import Plan
from warrener.exchange.topology.planner import make_plan
from warrener.exchange.topology.reading import Surroundings
from warrener.exchange.topology.schema import TOPOLOGY
from warrener.exchange.topology.shapes import Either, ListOf, Record, Shape
from warrener.exchange.topology.target import Live

ROOT = Path(__file__).parents[3]
EXAMPLES = [
    (ROOT / "examples" / "topology" / "shop.yaml").read_bytes(),
    (Path(__file__).parent / "data" / "rabbitmq-3.10.8.json").read_bytes(),
]

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(
        ["a", "shop", "x", "/", "amq.topic", "topic", "${A}", "$${", "${", "1h", "10k", "a = ", "("]
    )
)
anything = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=4,
)


def like(shape: Shape, depth: int = 0) -> st.SearchStrategy[Any]:
    """Values that are nearly right."""
    if isinstance(shape, ListOf):
        return st.lists(like(shape.item, depth), max_size=3) | anything
    if isinstance(shape, Either):
        return scalars | like(shape.record, depth)
    if isinstance(shape, Record) and depth < 4:
        fields = {field.name: like(field.shape, depth + 1) for field in shape.fields}
        return st.fixed_dictionaries({}, optional=fields) | anything
    return scalars


def read(data: bytes) -> None:
    desired = read_topology([Source("file", data)], Surroundings({"A": "a"}))
    for form in report.FORMATS.values():
        form(desired.problems)
    plan = make_plan(Live(desired.state), desired.state, desired.management, hashed=str)
    assert isinstance(plan, Plan)


@settings(deadline=None, max_examples=150)
@given(like(TOPOLOGY))
def test_a_document_that_is_nearly_right(document):
    read(json.dumps(document).encode("utf-8", "replace"))


@settings(deadline=None, max_examples=100)
@given(st.sampled_from(EXAMPLES), st.data())
def test_a_file_with_damage(example, data):
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(example) - 1))
        length = data.draw(st.integers(0, 12))
        given_bytes = data.draw(
            st.binary(max_size=4) | st.sampled_from([b"- ", b": ", b"{", b"\n"])
        )
        example = example[:at] + given_bytes + example[at + length :]
    read(example)
