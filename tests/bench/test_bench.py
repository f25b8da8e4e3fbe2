"""The load generator itself: its bytes, its counting, and a run without a broker."""

import importlib
import json
import struct
import subprocess
import sys
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

HERE = Path(__file__).parent
OPTIONS = ("--sink", "--json", "--seconds", "0.1", "--only", "S2,S3,S7")


@pytest.fixture(scope="module")
def frames() -> Iterator[ModuleType]:
    yield from imported("frames")


@pytest.fixture(scope="module")
def confirms() -> Iterator[ModuleType]:
    yield from imported("confirms")


def imported(name: str) -> Iterator[ModuleType]:
    """The benchmarks are scripts: their modules see each other because they lie side by side."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(HERE)
        yield importlib.import_module(name)


def test_a_block_of_acknowledgements_is_the_single_ones_in_a_row(frames: ModuleType):
    block = frames.numbered(frames.ack(0, multiple=True), frames.ACK_TAG_AT, 250, 300, step=10)
    single = [frames.ack(tag, multiple=True) for tag in range(250, 250 + 3000, 10)]
    assert b"".join(single) == block


def test_a_block_of_no_acknowledgements_is_empty(frames: ModuleType):
    assert frames.numbered(frames.ack(0, multiple=False), frames.ACK_TAG_AT, 1, 0) == b""


def test_the_tag_of_a_delivery_is_where_it_is_looked_for(frames: ModuleType):
    template = frames.delivery("c0", "exchange", "key", b"body", persistent=False)
    [delivery] = [frames.numbered(template, frames.delivery_tag_at("c0"), 2**40 + 3, 1)]
    assert struct.unpack_from(">HHB2sQB", delivery, 7) == (60, 60, 2, b"c0", 2**40 + 3, 0)


@given(data=st.data())
def test_confirms_are_counted_in_any_grouping_and_cut_anywhere(
    frames: ModuleType, confirms: ModuleType, data: st.DataObject
):
    groups = data.draw(st.lists(st.integers(1, 5), min_size=1, max_size=20))
    sent: list[bytes] = []
    for last, size in zip(accumulate(groups), groups, strict=True):
        if data.draw(st.booleans()):
            sent.append(frames.ack(last, multiple=True))
        else:
            tags = data.draw(st.permutations(range(last - size + 1, last + 1)))
            sent += [frames.ack(tag, multiple=False) for tag in tags]
    stream = b"".join(sent)
    cut = data.draw(st.integers(0, len(stream)))
    seen = confirms.Confirms()
    seen.receive(stream[:cut])
    seen.receive(stream[cut:])
    assert sum(groups) == seen.count


@pytest.mark.slow
def test_the_generator_loads_a_peer_that_does_no_work():
    done = subprocess.run(
        [sys.executable, HERE / "bench_broker.py", *OPTIONS],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    results = json.loads(done.stdout)
    assert list(results) == ["S2", "S3", "S7"]
    assert all(result["delivered_per_s"] > 0 for result in results.values())
    assert results["S3"]["confirmed_per_s"] > 0
